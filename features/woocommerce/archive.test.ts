import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { partitionJob } from '../../jobs/partitions.ts';
import { runJob } from '../../jobs/run-job.ts';
import { createLogger } from '../../platform/log.ts';
import { readPartitions, type Partition } from '../../platform/postgres/partitions.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { anOperation, storeOperations } from '../../test/support/operations.ts';
import { createPastMonths } from '../../test/support/past-months.ts';
import { insertOrganization, jobsConfig } from '../../test/support/services.ts';
import { archivePartition } from './archive.ts';
import { woocommerceTables } from './tables.ts';

const log = createLogger({ service: 'jobs', level: 'silent' });
const raw = 'woocommerce_usage_metrics';

let database: TestDatabase;
let pool: Pool;
let orgId: number;
let directory: string;
/** Six months that ended long ago, oldest first. */
let past: Partition[];

beforeEach(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 2,
    applicationName: 'archive test',
    statementTimeoutMs: 10_000,
    log,
  });
  directory = join(await mkdtemp(join(tmpdir(), 'archive-')), 'made', 'by the job');
  orgId = (await insertOrganization(database, { key: 'owner' })).id;
  let names: string[] = [];
  for (const { table } of woocommerceTables) names = await createPastMonths(database, table, 6);
  const months = new Set(names.map((name) => name.slice(-6)));
  past = (await readPartitions(database.db, raw)).filter(({ partition }) => months.has(partition.slice(-6)));
});
afterEach(async () => {
  await pool.end();
  await database.drop();
  await rm(join(directory, '../..'), { recursive: true, force: true });
});

const noonOf = (day: UtcDay, ms = 0): Date => new Date(startOfUtcDay(day).getTime() + 12 * 3_600_000 + ms);
const oldest = (): Partition => at(0);
function at(index: number): Partition {
  const partition = past[index];
  if (partition === undefined) throw new Error('there are six past months');
  return partition;
}

/** Runs the job as the jobs process does. */
async function maintain(environment: Record<string, string> = { WOOCOMMERCE_ARCHIVE_DIR: directory }): ReturnType<typeof runJob> {
  const runner = {
    config: jobsConfig(database, environment),
    pool,
    databaseUrl: database.url('observability_jobs'),
    log,
    now: () => new Date(),
  };
  return runJob(partitionJob(woocommerceTables), runner, { force: true });
}

const partitionsOf = async (table = raw): Promise<string[]> => (await readPartitions(database.db, table)).map(({ partition }) => partition);
const fileOf = ({ partition }: Partition): string => join(directory, `${partition}.ndjson.gz`);
const readLines = async (partition: Partition): Promise<Record<string, unknown>[]> =>
  gunzipSync(await readFile(fileOf(partition)))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** What the archive should hold of a partition, as the database writes it. */
const storedLines = async ({ partition }: Partition): Promise<unknown[]> =>
  (await database.query<{ row: unknown }>(`select to_jsonb(p.*) as row from ${partition} p order by org_id, metric_date, id`)).map(
    ({ row }) => row,
  );

describe('a month that has expired', () => {
  test('is archived as gzip NDJSON, every column of every operation, before it is dropped; its totals stay', async () => {
    const first = addDays(oldest().lower_bound, 3);
    await storeOperations(database, orgId, [
      anOperation({ createdAt: noonOf(first) }),
      anOperation({
        createdAt: noonOf(first, 1),
        errorType: 'NotFound',
        errorMessage: 'two\nlines, "quotes" and ü\u2028',
        userAgent: 'chat/1',
      }),
      anOperation({ createdAt: noonOf(at(1).lower_bound) }),
      anOperation({ createdAt: new Date() }),
    ]);
    const [expected, next] = [await storedLines(oldest()), await storedLines(at(1))];
    const totals = await database.query('select * from woocommerce_usage_daily order by day, domain, operation');
    expect(await maintain()).toMatchObject({ succeeded: true, result: { dropped: expect.any(Number) as number } });
    expect(expected).toHaveLength(2);
    expect(await readLines(oldest())).toEqual(expected);
    expect(await readLines(at(1))).toEqual(next);
    expect(await partitionsOf()).not.toContain(oldest().partition);
    expect(await partitionsOf('woocommerce_usage_daily')).toContain(oldest().partition.replace('metrics', 'daily'));
    expect(await database.query('select * from woocommerce_usage_daily order by day, domain, operation')).toEqual(totals);
    // What is younger than the retention is neither archived nor dropped.
    const kept = past.filter(({ upper_bound }) => upper_bound > addDays(utcDayOf(new Date()), -90)).map(({ partition }) => partition);
    expect(kept.length).toBeGreaterThan(0);
    expect(await partitionsOf()).toEqual(expect.arrayContaining(kept));
    const dropped = past.map(({ partition }) => partition).filter((name) => !kept.includes(name));
    expect((await readdir(directory)).toSorted()).toEqual(dropped.map((name) => `${name}.ndjson.gz`));
    // Messages of failures may be private: nobody else reads them.
    expect((await stat(fileOf(oldest()))).mode & 0o777).toBe(0o600);
  });

  test('of many pages is archived whole, each operation once, in the order of the primary key; gzip reads it', async () => {
    const other = (await insertOrganization(database, { key: 'other' })).id;
    await database.query(
      `insert into woocommerce_usage_metrics (org_id, metric_date, id, operation, duration_ms, success, domain, created_at)
       select case when n % 3 = 0 then $1 else $2 end::bigint, day, gen_random_uuid(), 'get_cart', n, true, 'shop.example', day + interval '5 hours'
       from generate_series(1, 6001) n cross join lateral (select ($3::date + n % 28) as day) days`,
      [orgId, other, oldest().lower_bound],
    );
    const expected = await storedLines(oldest());
    await maintain();
    const lines = await readLines(oldest());
    expect(lines).toHaveLength(6001);
    expect(lines).toEqual(expected);
    const { stdout } = await promisify(execFile)('gzip', ['--test', '--verbose', fileOf(oldest())]).then(
      ({ stdout: out, stderr }) => ({ stdout: out + stderr }),
      (error: unknown) => Promise.reject(error as Error),
    );
    expect(stdout).toContain('OK');
  });

  test('is dropped without an archive where no directory is configured', async () => {
    await storeOperations(database, orgId, [anOperation({ createdAt: noonOf(oldest().lower_bound) })]);
    expect(await maintain({})).toMatchObject({ succeeded: true });
    expect(await partitionsOf()).not.toContain(oldest().partition);
  });

  test('is on disk under its name while it still is in the database', async () => {
    await storeOperations(database, orgId, [anOperation({ createdAt: noonOf(oldest().lower_bound) })]);
    const expected = await storedLines(oldest());
    await database.query(`alter function drop_partitions(text, date) set lock_timeout = '30ms'`);
    const reader = new pg.Client({ connectionString: database.url('superuser') });
    await reader.connect();
    await reader.query(`begin; select from ${raw}`);
    expect(await maintain()).toMatchObject({ succeeded: false });
    expect(await partitionsOf()).toContain(oldest().partition);
    expect(await readLines(oldest())).toEqual(expected);
    await reader.query('rollback');
    await reader.end();
    // The next run writes it anew and drops it.
    expect(await maintain()).toMatchObject({ succeeded: true });
    expect(await partitionsOf()).not.toContain(oldest().partition);
    expect(await readLines(oldest())).toEqual(expected);
  });
});

describe('an archive that cannot be written', () => {
  test('keeps the month, fails the run and says what to do; other tables have their care all the same', async () => {
    await storeOperations(database, orgId, [anOperation({ createdAt: noonOf(oldest().lower_bound) })]);
    const file = join(directory, '../../a file');
    await writeFile(file, '');
    const before = await partitionsOf();
    expect(await maintain({ WOOCOMMERCE_ARCHIVE_DIR: file })).toMatchObject({ succeeded: false });
    expect(await partitionsOf()).toEqual(before);
    expect(await storedLines(oldest())).toHaveLength(1);
    const [last] = await database.query<{ status: string; error: string }>('select status, error from job_runs order by id desc limit 1');
    expect(last?.status).toBe('failed');
    expect(last?.error).toContain(`partitions of 1 table(s) could not be maintained: ${raw}: ${oldest().partition} could not be archived`);
    expect(last?.error).toMatch(/EEXIST.*WOOCOMMERCE_ARCHIVE_DIR must be a directory that can be written to and has room$/);
  });

  test('after half of it leaves no file under the name, and the next run removes the half and writes the whole', async () => {
    await storeOperations(database, orgId, [
      anOperation({ createdAt: noonOf(oldest().lower_bound) }),
      anOperation({ createdAt: noonOf(oldest().lower_bound) }),
    ]);
    const expected = await storedLines(oldest());
    const context = { config: jobsConfig(database, { WOOCOMMERCE_ARCHIVE_DIR: directory }), signal: new AbortController().signal };
    let read = 0;
    const breaking: Pick<Pool, 'query'> = {
      query: (statement, values) => {
        read += 1;
        return read === 1 ? pool.query(statement, values) : Promise.reject(new Error('the connection is lost'));
      },
    };
    await expect(archivePartition(breaking, oldest(), context)).rejects.toThrow(
      'could not be archived and was not dropped (the connection is lost)',
    );
    // As a process that was killed leaves it: without a name of its own, and without an end.
    await writeFile(join(directory, `${oldest().partition}.ndjson.gz.killed.unfinished`), gzipSync('{"org_id":1}\n').subarray(0, 12));
    expect((await readdir(directory)).every((name) => name.endsWith('.unfinished'))).toBe(true);
    expect(await maintain()).toMatchObject({ succeeded: true });
    expect(await readLines(oldest())).toEqual(expected);
    expect((await readdir(directory)).filter((name) => name.includes('unfinished'))).toEqual([]);
  });

  test('because another replica took over keeps the month and names nothing', async () => {
    await storeOperations(database, orgId, [anOperation({ createdAt: noonOf(oldest().lower_bound) })]);
    const stopping = new AbortController();
    const context = { config: jobsConfig(database, { WOOCOMMERCE_ARCHIVE_DIR: directory }), signal: stopping.signal };
    const slow: Pick<Pool, 'query'> = {
      query: (statement, values) => {
        stopping.abort(new Error('another replica took over'));
        return pool.query(statement, values);
      },
    };
    await expect(archivePartition(slow, oldest(), context)).rejects.toThrow('another replica took over');
    expect(await readdir(directory)).not.toContain(`${oldest().partition}.ndjson.gz`);
    expect(await partitionsOf()).toContain(oldest().partition);
  });
});
