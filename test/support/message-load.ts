import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createIngestKey, createOrganization } from '../../jobs/provisioning.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import { NoAnswerError, NoConnectionError, openConnection, outcomeOf, type HttpAnswer, type HttpConnection } from './http-connection.ts';
import { waitUntil } from './wait-until.ts';

export interface Tenant {
  id: number;
  key: string;
  siteId: string;
  ingestKey: string;
}

/** Organizations whose widget may run on {@link tenantOrigin}, each with an ingest key. */
export async function createTenants(db: Queryable, keys: readonly string[]): Promise<Tenant[]> {
  const tenants: Tenant[] = [];
  for (const key of keys) {
    const organization = await createOrganization(db, { key, name: key, allowedDomains: ['shop.example'] });
    const { key: ingestKey } = await createIngestKey(db, { orgKey: key, name: 'test' });
    tenants.push({ ...organization, ingestKey });
  }
  return tenants;
}

export const tenantOrigin = 'https://shop.example';

export interface Batch {
  id: string;
  tenant: Tenant;
  body: string;
  messages: number;
  sumMs: number;
  acknowledged: boolean;
}

/** Sums of one organization. */
export interface Sums {
  messages: number;
  sumMs: number;
}

export interface MessageLoad {
  /** Every batch that was sent at least once. */
  readonly batches: readonly Batch[];
  /** Messages in batches that were acknowledged. */
  acknowledgedMessages(): number;
  /** What the database must hold at least: the acknowledged batches by organization. */
  acknowledged(): Map<number, Sums>;
  /** How often a connection broke between request and answer; the batch was then sent again. */
  unknownOutcomes(): number;
  /** Batches whose acknowledgement said that they were stored before: their first answer was lost. */
  deduplicated(): number;
  /** Answers by {@link outcomeOf}. */
  readonly answers: ReadonlyMap<string, number>;
  /** performance.now() of the acknowledgement that comes next. */
  nextAcknowledgement(): Promise<number>;
  /** Begins no more batches; resolves when every one that was begun is acknowledged. */
  finish(options: { within: number }): Promise<void>;
  /** Sends some acknowledged batches again; answers the bodies of the answers. */
  replay(count: number): Promise<HttpAnswer[]>;
  /** Ends all connections, whatever is under way. */
  abandon(): void;
}

/** Well below the Retry-After of any 503: the test shall see the first moment at which it works again. */
const retryAfterMs = 25;
const mostMessages = 8;
const longestDurationMs = 3000;

/**
 * Chat backends that report message durations, each on a connection of its own. A client sends a batch until it is acknowledged,
 * always under the same id, as the contract asks of clients: after 503, and after a connection that broke with the outcome unknown.
 */
export function startMessageLoad(options: { url: string; tenants: readonly Tenant[]; connections: number }): MessageLoad {
  const { url, tenants, connections } = options;
  const batches: Batch[] = [];
  const answers = new Map<string, number>();
  const open: HttpConnection[] = [];
  let unknownOutcomes = 0;
  let deduplicated = 0;
  let acknowledgedMessages = 0;
  let waiting: ((at: number) => void)[] = [];
  let finishing = false;
  let abandoned = false;

  async function runClient(tenant: Tenant): Promise<void> {
    const connection = openConnection(url);
    open.push(connection);
    while (!finishing) {
      const batch = newBatch(tenant);
      batches.push(batch);
      while (!batch.acknowledged && !abandoned) await trySend(connection, batch);
    }
    connection.close();
  }

  async function trySend(connection: HttpConnection, batch: Batch): Promise<void> {
    try {
      const answer = await sendBatch(connection, batch);
      const outcome = outcomeOf(answer);
      answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
      if (answer.status === 202) {
        batch.acknowledged = true;
        acknowledgedMessages += batch.messages;
        for (const resolve of waiting) resolve(performance.now());
        waiting = [];
        if ((answer.body as { duplicate: boolean }).duplicate) deduplicated += 1;
        return;
      }
    } catch (error) {
      if (error instanceof NoAnswerError) unknownOutcomes += 1;
      else if (!(error instanceof NoConnectionError)) throw error;
    }
    await delay(retryAfterMs);
  }

  const clients = Array.from({ length: connections }, (_, client) => runClient(tenants[client % tenants.length] as Tenant));
  const allEnded = Promise.all(clients);

  return {
    batches,
    answers,
    acknowledgedMessages: () => acknowledgedMessages,
    acknowledged: () => sumsOf(batches.filter(({ acknowledged }) => acknowledged)),
    unknownOutcomes: () => unknownOutcomes,
    deduplicated: () => deduplicated,
    nextAcknowledgement: () => new Promise((resolve) => waiting.push(resolve)),
    finish: async ({ within }) => {
      finishing = true;
      let ended = false;
      void allEnded.then(() => (ended = true));
      await waitUntil(() => ended, { within, what: 'the acknowledgement of every batch' });
    },
    replay: async (count) => {
      const connection = openConnection(url);
      const stored = batches.filter(({ acknowledged }) => acknowledged);
      const picked = stored.filter((_batch, index) => index % Math.ceil(stored.length / count) === 0);
      const replies: HttpAnswer[] = [];
      for (const batch of picked) replies.push(await sendBatch(connection, batch));
      connection.close();
      return replies;
    },
    abandon: () => {
      finishing = true;
      abandoned = true;
      for (const connection of open) connection.close();
    },
  };
}

export function sumsOf(batches: readonly Batch[]): Map<number, Sums> {
  const sums = new Map<number, Sums>();
  for (const { tenant, messages, sumMs } of batches) {
    const before = sums.get(tenant.id) ?? { messages: 0, sumMs: 0 };
    sums.set(tenant.id, { messages: before.messages + messages, sumMs: before.sumMs + sumMs });
  }
  return sums;
}

/** Different durations in every batch, so that the stored sum tells which batches were stored and not only how many. */
function newBatch(tenant: Tenant): Batch {
  const id = randomUUID();
  const messages = Array.from({ length: randomInt(1, mostMessages + 1) }, () => ({
    duration_ms: randomInt(longestDurationMs),
    role: 'assistant',
  }));
  return {
    id,
    tenant,
    body: JSON.stringify({ batchId: id, messages }),
    messages: messages.length,
    sumMs: messages.reduce((sum, { duration_ms }) => sum + duration_ms, 0),
    acknowledged: false,
  };
}

function sendBatch(connection: HttpConnection, { tenant, body }: Batch): Promise<HttpAnswer> {
  return connection.send('POST', '/ingest/widget/messages', { headers: { authorization: `Bearer ${tenant.ingestKey}` }, body });
}
