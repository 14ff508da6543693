import { randomInt } from 'node:crypto';
import type { DurableDatabase } from './durable-database.ts';
import { createTenants, startMessageLoad, sumsOf, type MessageLoad, type Sums, type Tenant } from './message-load.ts';
import { servicePorts, startServiceProcess, waitUntilReady, type ServiceProcess } from './service-process.ts';
import { waitUntil } from './wait-until.ts';

export interface DurabilityOptions {
  database: DurableDatabase;
  /** How often the exporter is killed. */
  kills: number;
  /** Clients at a time, each with one request under way. */
  connections: number;
  organizations: number;
  /** Acknowledged batches between two kills, drawn anew for each. */
  batchesBetweenKills: { from: number; to: number };
}

export interface DurabilityResult {
  /** Messages, as all numbers here that do not say otherwise. */
  acknowledged: number;
  stored: number;
  lost: number;
  duplicates: number;
  /** Organizations whose stored sum of durations is not that of the acknowledged batches: something else was stored. */
  changedOrganizations: number;
  /** Batch ids in the database that nobody sent. */
  inventedBatches: number;
  /** Looks into the database, one after each kill, that found less than had been acknowledged. */
  lossesSeenAfterKills: number;
  /** Requests, not messages. */
  unknown: number;
  deduplicatedBatches: number;
  /** Acknowledged batches sent once more at the end, and how many of them were called duplicates. */
  replayed: { sent: number; duplicates: number };
  pids: number[];
  kills: number;
  answers: ReadonlyMap<string, number>;
}

const readyWithinMs = 20_000;
const loadWithinMs = 30_000;
const replayedBatches = 50;

/**
 * Kills the exporter (SIGKILL) under load and starts it again, over and over, while clients retry what they have no answer for. Then
 * compares what the database holds with what the clients sent. SIGKILL loses what the process holds in memory; what the operating system holds
 * survives it, so this proves the acknowledgement after the commit and not the disk.
 */
export async function measureDurability(options: DurabilityOptions): Promise<DurabilityResult> {
  const { database, kills } = options;
  const ports = await servicePorts();
  const tenants = await createTenants(
    database.db,
    Array.from({ length: options.organizations }, (_, index) => `durable-${index + 1}`),
  );
  const start = async (): Promise<ServiceProcess> => {
    exporter = startServiceProcess('exporter', { database, ports });
    await waitUntilReady(exporter, readyWithinMs);
    return exporter;
  };
  let exporter: ServiceProcess | undefined;
  let load: MessageLoad | undefined;
  try {
    let running = await start();
    load = startMessageLoad({ url: running.url, tenants, connections: options.connections });
    const pids = [running.pid];
    let lossesSeenAfterKills = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      await waitForBatches(load, randomInt(options.batchesBetweenKills.from, options.batchesBetweenKills.to));
      running.signal('SIGKILL');
      await running.ended;
      // The ledger first: what is acknowledged now must be stored now, before any client could have sent it again.
      const acknowledged = load.acknowledged();
      if (isLessThan(await readStored(database, tenants), acknowledged)) lossesSeenAfterKills += 1;
      running = await start();
      pids.push(running.pid);
    }
    await waitForBatches(load, options.batchesBetweenKills.from);
    await load.finish({ within: loadWithinMs });
    const replies = await load.replay(replayedBatches);
    return {
      ...compare(sumsOf(load.batches), await readStored(database, tenants)),
      inventedBatches: await countInvented(database, tenants, load),
      lossesSeenAfterKills,
      unknown: load.unknownOutcomes(),
      deduplicatedBatches: load.deduplicated(),
      replayed: {
        sent: replies.length,
        duplicates: replies.filter(({ body }) => (body as { duplicate?: boolean }).duplicate === true).length,
      },
      pids,
      kills,
      answers: load.answers,
    };
  } finally {
    load?.abandon();
    await exporter?.stop();
  }
}

/** The line that is quoted. */
export function durabilityLine(result: DurabilityResult): string {
  const { acknowledged, stored, lost, duplicates, unknown, kills } = result;
  return `acknowledged ${acknowledged} · stored ${stored} · lost ${lost} · duplicates ${duplicates} · unknown ${unknown} retried · kills ${kills}`;
}

async function waitForBatches(load: MessageLoad, count: number): Promise<void> {
  const before = load.answers.get('202') ?? 0;
  await waitUntil(() => (load.answers.get('202') ?? 0) >= before + count, { within: loadWithinMs, what: `${count} acknowledged batches` });
}

async function readStored(database: DurableDatabase, tenants: readonly Tenant[]): Promise<Map<number, Sums>> {
  const rows = await database.query<{ org_id: number; messages: number; sum_ms: number }>(
    `select org_id, widget_rt_total_count as messages, widget_rt_sum_ms as sum_ms from widget_health_totals where org_id = any($1)`,
    [tenants.map(({ id }) => id)],
  );
  return new Map(rows.map(({ org_id, messages, sum_ms }) => [org_id, { messages, sumMs: sum_ms }]));
}

function isLessThan(stored: ReadonlyMap<number, Sums>, acknowledged: ReadonlyMap<number, Sums>): boolean {
  return [...acknowledged].some(([orgId, { messages, sumMs }]) => {
    const found = stored.get(orgId);
    return found === undefined || found.messages < messages || found.sumMs < sumMs;
  });
}

function compare(
  sent: ReadonlyMap<number, Sums>,
  stored: ReadonlyMap<number, Sums>,
): Pick<DurabilityResult, 'acknowledged' | 'stored' | 'lost' | 'duplicates' | 'changedOrganizations'> {
  const result = { acknowledged: 0, stored: 0, lost: 0, duplicates: 0, changedOrganizations: 0 };
  for (const [orgId, expected] of sent) {
    const found = stored.get(orgId) ?? { messages: 0, sumMs: 0 };
    result.acknowledged += expected.messages;
    result.stored += found.messages;
    result.lost += Math.max(0, expected.messages - found.messages);
    result.duplicates += Math.max(0, found.messages - expected.messages);
    if (found.sumMs !== expected.sumMs) result.changedOrganizations += 1;
  }
  return result;
}

async function countInvented(database: DurableDatabase, tenants: readonly Tenant[], load: MessageLoad): Promise<number> {
  const rows = await database.query<{ batch_id: string }>(
    `select batch_id from ingest_batches where org_id = any($1) and endpoint = 'widget_messages'`,
    [tenants.map(({ id }) => id)],
  );
  const sent = new Set(load.batches.map(({ id }) => id));
  return rows.filter(({ batch_id }) => !sent.has(batch_id)).length;
}
