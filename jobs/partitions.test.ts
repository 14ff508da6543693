import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { jobsConfig } from '../test/support/services.ts';
import { createLogger } from '../platform/log.ts';
import type { JobContext } from '../platform/jobs/job.ts';
import { readPartitions, type PartitionedTable } from '../platform/postgres/partitions.ts';
import { openPool, type Pool } from '../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf } from '../platform/time/utc-day.ts';
import { jobs, partitionedTables } from './jobs.ts';
import { partitionJob, readSecondsAhead } from './partitions.ts';

let database: TestDatabase;
let pool: Pool;
const now = new Date();
const today = utcDayOf(now);
const log = createLogger({ service: 'test', level: 'silent' });

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 2,
    applicationName: 'test',
    statementTimeoutMs: 10_000,
    log,
  });
  await database.query(
    `set role observability_owner;
     create table visits (org_id bigint, day date, n int, primary key (org_id, day)) partition by range (day);
     reset role`,
  );
  await database.query(
    `insert into partitioned_tables (table_name, granularity, late_days, closed_indexes) values ('visits', 'day', 1, array['(n)'])`,
  );
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const visits: PartitionedTable = { table: 'visits', granularity: 'day', retentionDays: 30 };

function context(overrides: Partial<JobContext> = {}): JobContext {
  return {
    config: jobsConfig(database),
    pool,
    log,
    now: () => now,
    signal: new AbortController().signal,
    fence: () => Promise.resolve(),
    forced: false,
    ...overrides,
  };
}

async function namesOf(table: string): Promise<string[]> {
  return (await readPartitions(database.db, table)).map(({ partition }) => partition);
}

describe('partitions-maintain', () => {
  test('is on the clock for every registered table', async () => {
    expect(jobs.map(({ name }) => name)).toContain('partitions-maintain');
    expect(partitionedTables.map(({ table }) => table)).toContain('ingest_batches');
    const registered = await database.query<{ table_name: string }>(
      `select table_name from partitioned_tables where table_name <> 'visits' order by 1`,
    );
    expect(partitionedTables.map(({ table }) => table).toSorted()).toEqual(registered.map(({ table_name }) => table_name));
  });

  test('creates what is missing ahead, indexes what is closed and drops what has expired, and then has nothing to do', async () => {
    const expired = addDays(today, -31);
    await database.query(
      `set role observability_owner;
       create table visits_p${expired.replaceAll('-', '')} partition of visits for values from ('${expired}') to ('${addDays(expired, 1)}');
       reset role`,
    );
    const job = partitionJob([visits]);
    // Closed: the days -8 to -2, and the one that is dropped right after.
    expect(await job.run(context())).toEqual({ created: 23, indexed: 8, dropped: 1 });
    expect(await namesOf('visits')).not.toContain(`visits_p${expired.replaceAll('-', '')}`);
    expect(await job.run(context())).toEqual({ created: 0, indexed: 0, dropped: 0 });
  });

  test('a table that fails does not keep the others from their care, and the run fails', async () => {
    await database.query(`drop table visits_p${addDays(today, 14).replaceAll('-', '')}`);
    const job = partitionJob([{ table: 'no_such_table', granularity: 'day', retentionDays: null }, visits]);
    await expect(job.run(context())).rejects.toThrow('partitions of 1 table(s) could not be maintained');
    expect(await namesOf('visits')).toContain(`visits_p${addDays(today, 14).replaceAll('-', '')}`);
  });

  test('a run that lost its lock touches nothing more', async () => {
    await database.query(`drop table visits_p${addDays(today, 13).replaceAll('-', '')}`);
    const lost = AbortSignal.abort(new Error('another replica took over'));
    await expect(partitionJob([visits]).run(context({ signal: lost }))).rejects.toThrow('another replica took over');
    expect(await namesOf('visits')).not.toContain(`visits_p${addDays(today, 13).replaceAll('-', '')}`);
  });

  test('ingest_batches keeps two whole days behind the present one', async () => {
    const batches = partitionedTables.filter(({ table }) => table === 'ingest_batches');
    await partitionJob(batches).run(context());
    const [oldest] = await readPartitions(database.db, 'ingest_batches');
    expect(oldest?.lower_bound).toBe(addDays(today, -2));
    await partitionJob(batches).run(context({ now: () => new Date(now.getTime() + 86_400_000) }));
    const [next] = await readPartitions(database.db, 'ingest_batches');
    expect(next?.lower_bound).toBe(addDays(today, -1));
  });
});

test('seconds ahead reach from now to the end of the newest partition; a table without any is 0 ahead', async () => {
  await database.query('create table empty_table (day date) partition by range (day)');
  await database.query(`insert into partitioned_tables (table_name, granularity) values ('empty_table', 'month')`);
  const at = new Date(startOfUtcDay(today).getTime() + 60_000);
  const empty: PartitionedTable = { table: 'empty_table', granularity: 'month', retentionDays: null };
  expect(await readSecondsAhead(pool, [visits, empty], at)).toEqual([
    { table: 'visits', seconds: 15 * 86_400 - 60 },
    { table: 'empty_table', seconds: 0 },
  ]);
});

test('a lock that is held for long fails the run instead of keeping ingest behind it', async () => {
  await database.query(`alter function drop_partitions(text, date) set lock_timeout = '30ms'`);
  const expired = addDays(today, -60);
  await database.query(
    `set role observability_owner;
     create table visits_p${expired.replaceAll('-', '')} partition of visits for values from ('${expired}') to ('${addDays(expired, 1)}');
     reset role`,
  );
  const reader = new pg.Client({ connectionString: database.url('superuser') });
  await reader.connect();
  await reader.query('begin; select from visits');
  await expect(partitionJob([visits]).run(context())).rejects.toThrow('could not be maintained');
  await reader.query('rollback');
  await reader.end();
  expect(await partitionJob([visits]).run(context())).toMatchObject({ dropped: 1 });
});
