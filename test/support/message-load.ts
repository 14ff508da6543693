import { randomInt, randomUUID } from 'node:crypto';
import { createIngestKey, createOrganization } from '../../jobs/provisioning.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import type { HttpAnswer, HttpConnection } from './http-connection.ts';
import { startRetryingLoad, type RetryingLoad, type SentBatch } from './retrying-load.ts';

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

export interface Batch extends SentBatch {
  id: string;
  tenant: Tenant;
  body: string;
  messages: number;
  sumMs: number;
}

/** Sums of one organization. */
export interface Sums {
  messages: number;
  sumMs: number;
}

export interface MessageLoad extends RetryingLoad<Batch> {
  /** Messages in batches that were acknowledged. */
  acknowledgedMessages(): number;
  /** What the database must hold at least: the acknowledged batches by organization. */
  acknowledged(): Map<number, Sums>;
  /** Batches whose acknowledgement said that they were stored before: their first answer was lost. */
  deduplicated(): number;
}

const mostMessages = 8;
const longestDurationMs = 3000;

/** Chat backends that report message durations until they are acknowledged. */
export function startMessageLoad(options: { url: string; tenants: readonly Tenant[]; connections: number }): MessageLoad {
  const { url, tenants, connections } = options;
  let deduplicated = 0;
  let acknowledgedMessages = 0;
  const load = startRetryingLoad<Batch>({
    url,
    connections,
    newBatch: (client) => newBatch(tenants[client % tenants.length] as Tenant),
    send: sendBatch,
    acknowledgedBy: 202,
    onAcknowledged: (batch, answer) => {
      acknowledgedMessages += batch.messages;
      if ((answer.body as { duplicate: boolean }).duplicate) deduplicated += 1;
    },
  });
  return {
    ...load,
    acknowledgedMessages: () => acknowledgedMessages,
    acknowledged: () => sumsOf(load.batches.filter(({ acknowledged }) => acknowledged)),
    deduplicated: () => deduplicated,
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
