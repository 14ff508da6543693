import type { DurableDatabase } from './durable-database.ts';
import { createTenants, startMessageLoad, sumsOf, type MessageLoad, type Sums, type Tenant } from './message-load.ts';
import { killUnderLoad, type KillOptions } from './kill-under-load.ts';

export interface DurabilityOptions extends KillOptions {
  /** Clients at a time, each with one request under way. */
  connections: number;
  organizations: number;
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

const replayedBatches = 50;

/**
 * Kills the exporter under load, over and over, while clients retry what they have no answer for. Then compares what the database holds with
 * what the clients sent.
 */
export async function measureDurability(options: DurabilityOptions): Promise<DurabilityResult> {
  const { database, kills } = options;
  const tenants = await createTenants(
    database.db,
    Array.from({ length: options.organizations }, (_, index) => `durable-${index + 1}`),
  );
  let lossesSeenAfterKills = 0;
  const { load, pids, stop } = await killUnderLoad({
    ...options,
    startLoad: (url) => startMessageLoad({ url, tenants, connections: options.connections }),
    acknowledgement: '202',
    afterKill: async (running) => {
      // The ledger first: what is acknowledged now must be stored now, before any client could have sent it again.
      const acknowledged = running.acknowledged();
      if (isLessThan(await readStored(database, tenants), acknowledged)) lossesSeenAfterKills += 1;
    },
  });
  try {
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
    await stop();
  }
}

/** The line that is quoted. */
export function durabilityLine(result: DurabilityResult): string {
  const { acknowledged, stored, lost, duplicates, unknown, kills } = result;
  return `acknowledged ${acknowledged} · stored ${stored} · lost ${lost} · duplicates ${duplicates} · unknown ${unknown} retried · kills ${kills}`;
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
