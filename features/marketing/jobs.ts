import { mapAtMost } from '../../platform/concurrency.ts';
import type { JobsConfig } from '../../platform/config.ts';
import type { Job, JobContext } from '../../platform/jobs/job.ts';
import { dropExpiredPartitions, readPartitions } from '../../platform/postgres/partitions.ts';
import type { Pool, Queryable } from '../../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf, type Clock, type UtcDay } from '../../platform/time/utc-day.ts';
import { discrepancyJob, everyProperty, readDiscrepancies, readFirstRollupDay, type DayWindow, type Discrepancy } from './queries.ts';
import {
  deletedAtOnce,
  deleteOldRejections,
  deleteOldRollups,
  deleteOldSessions,
  deleteOrphanedVisitors,
  refreshSummaryView,
  rollUpDay,
  rollupTables,
  type DeleteBatch,
  type RawRetention,
  type RollupOutcome,
} from './rollup.ts';
import { rawTables } from './tables.ts';

export const purgeJob: Job = {
  name: 'marketing-purge',
  schedule: { every: 'day', at: '03:30' },
  summary: 'drops expired marketing events, and what belongs to nothing any more',
  run: purge,
};

/** What marketing does on a clock. */
export const marketingJobs: readonly Job[] = [
  {
    name: 'rollups-run',
    schedule: { every: 'hour', minute: 5 },
    summary: 'rolls the latest days of marketing sites up',
    run: ({ pool, config, now, signal }) => rollUpLatestDays(pool, { config, now, signal, properties: rollupProperties(config) }),
  },
  {
    name: discrepancyJob,
    schedule: { every: 'day', at: '05:20' },
    summary: 'compares marketing rollups of the seven latest closed days with raw rows',
    run: async ({ pool, config, now }) => {
      const window = latestClosedDays(utcDayOf(now()));
      const properties = rollupProperties(config);
      const found: Discrepancy[] = [];
      for (const propertyId of properties) {
        // Days before the first rollup are not missing: there was nothing to roll up, or nobody to do it.
        const first = await readFirstRollupDay(pool, propertyId);
        if (first === undefined) continue;
        const from = first > window.from ? first : window.from;
        found.push(...(await findDiscrepancies(pool, { properties: [propertyId], from, to: window.to })));
      }
      return { ...window, mismatches: countByProperty(properties, found) };
    },
  },
  purgeJob,
];

export function rollupProperties({ ROLLUP_PROPERTY_IDS }: Pick<JobsConfig, 'ROLLUP_PROPERTY_IDS'>): string[] {
  return [everyProperty, ...ROLLUP_PROPERTY_IDS];
}

/** Days in parallel; more would take connections away from the other jobs. */
export const daysAtOnce = 4;

export interface RollUpOptions {
  config: RawRetention;
  now: Clock;
  signal: AbortSignal;
  properties: readonly string[];
  /** After each day, in the order of their ends. */
  onDay?: (day: UtcDay, outcomes: readonly RollupOutcome[]) => void;
}

/** Rolls these days of all properties up, and shows them to readers of the materialized view. */
export async function rollUpDays(
  pool: Pool,
  days: readonly UtcDay[],
  { config, now, signal, properties, onDay }: RollUpOptions,
): Promise<Record<RollupOutcome, number>> {
  const result = { written: 0, skipped: 0 };
  await mapAtMost(daysAtOnce, days, async (day) => {
    const outcomes: RollupOutcome[] = [];
    for (const propertyId of properties) {
      signal.throwIfAborted();
      const outcome = await rollUpDay(pool, { propertyId, day }, { now, config });
      outcomes.push(outcome);
      result[outcome] += 1;
    }
    onDay?.(day, outcomes);
  });
  await refreshSummaryView(pool);
  return result;
}

/** Today and the days before it, in batches. */
export async function rollUpLatestDays(
  pool: Pool,
  options: RollUpOptions & { config: Pick<JobsConfig, 'ROLLUP_BATCH_DAYS'> },
): Promise<Record<RollupOutcome, number>> {
  const today = utcDayOf(options.now());
  return rollUpDays(pool, daysOf({ from: addDays(today, -options.config.ROLLUP_BATCH_DAYS), to: today }), options);
}

export function daysOf({ from, to }: DayWindow): UtcDay[] {
  const days: UtcDay[] = [];
  for (let day = from; day <= to; day = addDays(day, 1)) days.push(day);
  return days;
}

export function latestClosedDays(today: UtcDay): DayWindow {
  return { from: addDays(today, -7), to: addDays(today, -1) };
}

export async function findDiscrepancies(
  db: Queryable,
  { properties, from, to }: DayWindow & { properties: readonly string[] },
): Promise<Discrepancy[]> {
  const found: Discrepancy[] = [];
  for (const propertyId of properties) found.push(...(await readDiscrepancies(db, { propertyId, from, to })));
  return found;
}

function countByProperty(properties: readonly string[], discrepancies: readonly Discrepancy[]): Record<string, number> {
  return Object.fromEntries(
    properties.map((property) => [property, discrepancies.filter(({ propertyId }) => propertyId === property).length]),
  );
}

/** In this order: each step may make rows orphans that the next one takes. */
async function purge({ pool, config, now, signal }: JobContext): Promise<Readonly<Record<string, unknown>>> {
  const today = utcDayOf(now());
  const result: Record<string, number> = {};
  const deleteAll = async (what: string, deleteBatch: DeleteBatch): Promise<void> => {
    result[what] = 0;
    for (let deleted = deletedAtOnce; deleted === deletedAtOnce; result[what] += deleted) {
      signal.throwIfAborted();
      deleted = await deleteBatch(pool);
    }
  };
  result['partitions'] = 0;
  for (const table of rawTables) result['partitions'] += (await dropExpiredPartitions(pool, table, { today, config, signal })).length;
  const oldest = await readOldestDay(pool);
  if (oldest !== undefined) await deleteAll('sessions', deleteOldSessions(startOfUtcDay(oldest)));
  result['visitors'] = await deleteAllOrphans(pool, signal);
  await deleteAll('rejections', deleteOldRejections(startOfUtcDay(addDays(today, -config.MARKETING_EVENTS_RETENTION_DAYS))));
  const before = monthsBefore(today, config.ROLLUP_RETENTION_MONTHS);
  for (const table of rollupTables) await deleteAll(table, deleteOldRollups(table, before));
  return result;
}

/** First day of the oldest partition: sessions without an event since then have none any more. */
async function readOldestDay(pool: Pool): Promise<UtcDay | undefined> {
  const firsts = await Promise.all(rawTables.map(async ({ table }) => (await readPartitions(pool, table))[0]?.lower_bound));
  return firsts.flatMap((day) => day ?? []).toSorted()[0];
}

async function deleteAllOrphans(pool: Pool, signal: AbortSignal): Promise<number> {
  let total = 0;
  for (let afterId: string | undefined = '00000000-0000-0000-0000-000000000000'; afterId !== undefined;) {
    signal.throwIfAborted();
    const { deleted, lastId } = await deleteOrphanedVisitors(pool, afterId);
    total += deleted;
    afterId = lastId;
  }
  return total;
}

/** The same day of an earlier month; a day that the month does not have becomes the first of the next. */
export function monthsBefore(day: UtcDay, months: number): UtcDay {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  return utcDayOf(new Date(Date.UTC(year, month - 1 - months, date)));
}
