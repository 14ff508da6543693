import type { Job } from '../platform/jobs/job.ts';
import {
  dropExpiredPartitions,
  ensurePartitions,
  indexClosedPartitions,
  readPartitions,
  type PartitionedTable,
} from '../platform/postgres/partitions.ts';
import type { Queryable } from '../platform/postgres/pool.ts';
import { startOfUtcDay, utcDayOf } from '../platform/time/utc-day.ts';

/** Keeps the window of partitions moving. A table that fails does not keep the others from their care. */
export function partitionJob(tables: readonly PartitionedTable[]): Job {
  return {
    name: 'partitions-maintain',
    schedule: { every: 'hour' },
    summary: 'creates partitions ahead, indexes closed ones, drops expired ones',
    run: async ({ config, pool, now, log, signal }) => {
      const today = utcDayOf(now());
      const result = { created: 0, indexed: 0, dropped: 0 };
      const failures: Error[] = [];
      for (const table of tables) {
        signal.throwIfAborted();
        try {
          result.created += (await ensurePartitions(pool, table, today)).length;
          result.indexed += (await indexClosedPartitions(pool, table)).length;
          result.dropped += (await dropExpiredPartitions(pool, table, { today, config, signal })).length;
        } catch (error) {
          log.error({ error, table: table.table }, 'the partitions of a table could not be maintained');
          failures.push(new Error(`${table.table}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }));
        }
      }
      if (failures.length > 0) {
        const reasons = failures.map(({ message }) => message).join('; ');
        throw new AggregateError(failures, `partitions of ${failures.length} table(s) could not be maintained: ${reasons}`);
      }
      return result;
    },
  };
}

/** Per table: seconds from now to the end of its newest partition. */
export async function readSecondsAhead(
  db: Queryable,
  tables: readonly PartitionedTable[],
  now: Date,
): Promise<{ table: string; seconds: number }[]> {
  return Promise.all(
    tables.map(async ({ table }) => {
      const newest = (await readPartitions(db, table)).at(-1);
      const seconds = newest === undefined ? 0 : (startOfUtcDay(newest.upper_bound).getTime() - now.getTime()) / 1000;
      return { table, seconds };
    }),
  );
}
