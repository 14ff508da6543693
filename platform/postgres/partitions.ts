import type { JobsConfig } from '../config.ts';
import type { UtcDay } from '../time/utc-day.ts';
import { addDays } from '../time/utc-day.ts';
import { sqlStateOf } from './errors.ts';
import type { Queryable } from './pool.ts';

/** A partitioned table and how long its rows are kept; each slice lists its own in tables.ts. */
export interface PartitionedTable {
  table: string;
  granularity: 'day' | 'month';
  /** Rows are kept for so many days after the end of their partition. null: another job drops them. */
  retentionDays: number | null | ((config: JobsConfig) => number);
  /** Runs for each partition before it is dropped; one that fails keeps it. */
  beforeDrop?: (db: Queryable, partition: Partition, context: DropContext) => Promise<void>;
}

export interface DropContext {
  today: UtcDay;
  config: JobsConfig;
  /** Aborted: nothing more may be dropped. */
  signal: AbortSignal;
}

export interface Partition {
  partition: string;
  lower_bound: UtcDay;
  upper_bound: UtcDay;
}

/** lock_not_available, and deadlock_detected: a partition with foreign keys locks several tables, and ingest locks them in its own order. */
const lockConflicts = new Set(['55P03', '40P01']);

/** First day that need not be covered yet: two weeks ahead for daily partitions, three months for monthly ones. */
export function partitionHorizon(granularity: 'day' | 'month', today: UtcDay): UtcDay {
  if (granularity === 'day') return addDays(today, 15);
  const [year = 0, month = 1] = today.split('-').map(Number);
  return new Date(Date.UTC(year, month - 1 + 4, 1)).toISOString().slice(0, 10) as UtcDay;
}

/** Creates every missing partition of the window; returns the names of those it created. */
export async function ensurePartitions(db: Queryable, table: PartitionedTable, today: UtcDay): Promise<string[]> {
  return repeatWhileNamed(db, 'select ensure_partitions($1, $2) as name', [table.table, partitionHorizon(table.granularity, today)]);
}

/** Drops every partition whose rows are all older than the retention; returns the names of those it dropped. */
export async function dropExpiredPartitions(
  db: Queryable,
  { table, retentionDays, beforeDrop }: PartitionedTable,
  context: DropContext,
): Promise<string[]> {
  if (retentionDays === null) return [];
  const days = typeof retentionDays === 'number' ? retentionDays : retentionDays(context.config);
  const before = addDays(context.today, -days);
  // Oldest first, as drop_partitions takes them.
  const expired = (await readPartitions(db, table)).filter(({ upper_bound }) => upper_bound <= before);
  for (const partition of expired) {
    await beforeDrop?.(db, partition, context);
    context.signal.throwIfAborted();
    await retryWhileLocked(() => db.query('select drop_partitions($1, $2)', [table, partition.upper_bound]));
  }
  return expired.map(({ partition }) => partition);
}

/** Builds the late indexes of every closed partition; returns the names of the partitions it indexed. */
export async function indexClosedPartitions(db: Queryable, table: PartitionedTable): Promise<string[]> {
  const { rows } = await db.query<{ partition: string }>(
    `select existing.partition from partitioned_tables registered cross join lateral partitions_of(registered.table_name) existing
     where registered.table_name = $1 and existing.upper_bound <= current_date - registered.late_days
     order by existing.lower_bound`,
    [table.table],
  );
  const indexed: string[] = [];
  for (const { partition } of rows) {
    const built = await retryWhileLocked(() => db.query<{ built: boolean }>('select index_closed_partition($1) as built', [partition]));
    if (built.rows[0]?.built === true) indexed.push(partition);
  }
  return indexed;
}

export async function readPartitions(db: Queryable, table: string): Promise<Partition[]> {
  const { rows } = await db.query<Partition & Record<string, unknown>>('select * from partitions_of($1)', [table]);
  return rows;
}

/** Tells of a day whether each of these tables has a partition for it. */
export async function readKeptDays(db: Queryable, tables: readonly string[]): Promise<(day: UtcDay) => boolean> {
  const partitions: Partition[][] = [];
  for (const table of tables) partitions.push(await readPartitions(db, table));
  return (day) => partitions.every((ofTable) => ofTable.some((held) => held.lower_bound <= day && day < held.upper_bound));
}

/** Each call handles one partition in its own transaction, so that no lock is held longer than one partition needs. */
async function repeatWhileNamed(db: Queryable, statement: string, values: unknown[]): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    const { rows } = await retryWhileLocked(() => db.query<{ name: string | null }>(statement, values));
    const name = rows[0]?.name ?? null;
    if (name === null) return names;
    names.push(name);
  }
}

/**
 * The functions give up a lock after 2 s so that ingest never queues behind them, and after a second when both wait for each other; five such
 * waits are tried before the job fails.
 */
async function retryWhileLocked<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!lockConflicts.has(sqlStateOf(error) ?? '') || tries === 5) throw error;
    }
  }
}
