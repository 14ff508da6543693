import { setTimeout as delay } from 'node:timers/promises';
import type { JobsConfig } from '../../platform/config.ts';
import { jobCounter, type Job, type JobContext } from '../../platform/jobs/job.ts';
import { dropExpiredPartitions, type Partition, type PartitionedTable } from '../../platform/postgres/partitions.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import { utcDayOf } from '../../platform/time/utc-day.ts';
import { fleetMetrics } from './metrics.ts';
import { countEndedSessions } from './open-rollup.ts';
import {
  moveStatsWatermark,
  readDaysToRebuild,
  readDirtyDays,
  rebuildDay,
  rebuildDayOfAllChatbots,
  removeDirtyDay,
  type RawRetention,
} from './rollup.ts';
import { endReasons } from './session.ts';
import { countEvents, countSessions, deletedAtOnce, deleteStaleHeads, deleteStaleVisitors, endDueSessions } from './session-ingest.ts';
import { eventsTable, sessionsTable } from './tables.ts';

const dayMs = 86_400_000;
const visitorsKeptMs = 365 * dayMs;
const headsKeptMs = dayMs;
/** Lets vacuum and replicas follow. */
const pauseBetweenBatchesMs = 1000;

/** What of the raw rows may be expected to be there. */
export function rawRetention(
  config: Pick<JobsConfig, 'WIDGET_EVENTS_RETENTION_DAYS' | 'WIDGET_SESSIONS_RETENTION_DAYS'>,
  now: Date,
): RawRetention {
  return {
    today: utcDayOf(now),
    eventsRetentionDays: config.WIDGET_EVENTS_RETENTION_DAYS,
    sessionsRetentionDays: config.WIDGET_SESSIONS_RETENTION_DAYS,
  };
}

/** What widget-analytics does on a clock. */
export const widgetAnalyticsJobs: readonly Job[] = [
  {
    name: 'widget-analytics-cleanup',
    schedule: { every: 'day', at: '02:00' },
    summary: 'drops expired events and sessions, rebuilds the statistics of closed days',
    run: cleanUp,
  },
  {
    name: 'widget-sessions-sweep',
    schedule: { every: 'minute' },
    summary: 'ends sessions that are idle or too old',
    run: sweepSessions,
    counters: [
      jobCounter(fleetMetrics.sessionsEnded, (result) =>
        endReasons.map((reason) => ({ labels: { reason }, by: Number(result[reason] ?? 0) })),
      ),
    ],
  },
  {
    name: 'widget-stats-dirty',
    schedule: { every: '10 minutes' },
    summary: 'rebuilds the statistics of days that got late events',
    run: rebuildDirtyDays,
  },
];

/** Three steps that do not depend on each other: the statistics are made even when a partition cannot be dropped. */
async function cleanUp(context: JobContext): Promise<Readonly<Record<string, unknown>>> {
  const result = { events_deleted: 0, sessions_deleted: 0, stats_generated: 0 };
  const steps: Record<string, () => Promise<void>> = {
    'dropping expired events': async () => {
      await dropCounted(context, eventsTable, countEvents, (rows) => (result.events_deleted += rows));
    },
    'dropping expired sessions': async () => {
      await dropCounted(context, sessionsTable, countSessions, (rows) => (result.sessions_deleted += rows));
    },
    'deleting stale visitors': () => deleteInBatches(context, deleteStaleVisitors, visitorsKeptMs),
    'deleting stale session heads': () => deleteInBatches(context, deleteStaleHeads, headsKeptMs),
    'rebuilding statistics': async () => {
      await rebuildClosedDays(context, (rows) => (result.stats_generated += rows));
    },
  };
  await runEach(context, Object.entries(steps));
  return result;
}

/** Runs every task, also after one that failed; fails in the end if any did. */
async function runEach({ log, signal }: JobContext, tasks: readonly (readonly [what: string, run: () => Promise<void>])[]): Promise<void> {
  const failures: unknown[] = [];
  const failed: string[] = [];
  for (const [what, run] of tasks) {
    signal.throwIfAborted();
    try {
      await run();
    } catch (error) {
      signal.throwIfAborted();
      log.error({ error, what }, 'a part of a job failed; the others go on');
      failures.push(error);
      failed.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failed.join('; '));
}

type CountRows = (db: Queryable, days: { from: Partition['lower_bound']; to: Partition['upper_bound'] }) => Promise<number>;

async function dropCounted(
  { pool, config, now, signal }: JobContext,
  table: PartitionedTable,
  count: CountRows,
  add: (rows: number) => void,
): Promise<void> {
  const counted = new Map<string, number>();
  const beforeDrop = async (db: Queryable, { partition, lower_bound: from, upper_bound: to }: Partition): Promise<void> => {
    counted.set(partition, await count(db, { from, to }));
  };
  const dropped = await dropExpiredPartitions(pool, { ...table, beforeDrop }, { today: utcDayOf(now()), config, signal });
  for (const partition of dropped) add(counted.get(partition) ?? 0);
}

async function deleteInBatches(
  { pool, now, signal }: JobContext,
  deleteBatch: (db: Queryable, before: Date) => Promise<number>,
  keptMs: number,
): Promise<void> {
  const before = new Date(now().getTime() - keptMs);
  while ((await deleteBatch(pool, before)) === deletedAtOnce) await delay(pauseBetweenBatchesMs, undefined, { signal });
}

async function rebuildClosedDays({ pool, config, now, signal }: JobContext, add: (rows: number) => void): Promise<void> {
  const retention = rawRetention(config, now());
  for (const day of await readDaysToRebuild(pool, retention)) {
    signal.throwIfAborted();
    add(await rebuildDayOfAllChatbots(pool, day, { ...retention, signal }));
    // Days come oldest first: a run that is cut short here goes on here.
    await moveStatsWatermark(pool, day);
  }
}

async function sweepSessions(context: JobContext): Promise<Readonly<Record<string, unknown>>> {
  const { pool, config, now, signal } = context;
  const result = { timeout: 0, max_age: 0, counted: 0 };
  const life = { now: now(), timeoutMs: config.SESSION_TIMEOUT_MS };
  const endDue = async (): Promise<void> => {
    for (let more = true; more;) {
      signal.throwIfAborted();
      const ended = await pool.transaction((transaction) => endDueSessions(transaction, life));
      result.timeout += ended.timeout;
      result.max_age += ended.max_age;
      more = ended.more;
    }
  };
  await runEach(context, [
    ['ending sessions', endDue],
    [
      'counting ended sessions',
      async () => {
        result.counted = await countEndedSessions(pool, { signal });
      },
    ],
  ]);
  return result;
}

const dirtyDaysAtOnce = 500;

async function rebuildDirtyDays(context: JobContext): Promise<Readonly<Record<string, unknown>>> {
  const { pool, config, now } = context;
  const retention = rawRetention(config, now());
  const dirty = await readDirtyDays(pool, dirtyDaysAtOnce);
  const result = { rebuilt: 0, unchanged: 0 };
  await runEach(
    context,
    dirty.map((marked) => [
      `${marked.chatbotId} on ${marked.day}`,
      async () => {
        const outcome = await rebuildDay(pool, marked, retention);
        result[outcome === 'skipped' ? 'unchanged' : 'rebuilt'] += 1;
        await removeDirtyDay(pool, marked);
      },
    ]),
  );
  return result;
}
