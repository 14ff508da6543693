import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { jobsConfig } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createLogger } from '../log.ts';
import { addDays, utcDayOf, type UtcDay } from '../time/utc-day.ts';
import { sqlStateOf } from './errors.ts';
import {
  dropExpiredPartitions,
  ensurePartitions,
  indexClosedPartitions,
  partitionHorizon,
  readPartitions,
  type DropContext,
  type Partition,
  type PartitionedTable,
} from './partitions.ts';
import { openPool, type Pool } from './pool.ts';

let database: TestDatabase;
/** As the jobs role, which has no right to create or drop a table. */
let pool: Pool;
/** The functions ask the server for the day. */
let today: UtcDay;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 4,
    applicationName: 'partitions test',
    statementTimeoutMs: 10_000,
    log: createLogger({ service: 'test', level: 'silent' }),
  });
  today = utcDayOf(new Date());
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const dropping = (changes: Partial<DropContext> = {}): DropContext => ({
  today,
  config: jobsConfig(database),
  signal: new AbortController().signal,
  ...changes,
});

async function createTable(
  table: string,
  registered: { granularity: 'day' | 'month'; lateDays?: number; indexes?: string[]; retentionDays?: number },
): Promise<PartitionedTable> {
  await database.query(
    `set role observability_owner; create table ${table} (org_id bigint, day date, n int, primary key (org_id, day)) partition by range (day); reset role`,
  );
  await database.query('insert into partitioned_tables (table_name, granularity, late_days, closed_indexes) values ($1, $2, $3, $4)', [
    table,
    registered.granularity,
    registered.lateDays ?? null,
    registered.indexes ?? [],
  ]);
  return { table, granularity: registered.granularity, retentionDays: registered.retentionDays ?? null };
}

/** A partition of any day, as if it had been created long ago. */
async function addPartition(table: string, day: UtcDay): Promise<string> {
  const name = `${table}_p${day.replaceAll('-', '')}`;
  await database.query(
    `set role observability_owner; create table ${name} partition of ${table} for values from ('${day}') to ('${addDays(day, 1)}'); reset role`,
  );
  return name;
}

const dailyName = (table: string, day: UtcDay): string => `${table}_p${day.replaceAll('-', '')}`;
const daysAround = (from: number, to: number): UtcDay[] =>
  Array.from({ length: to - from + 1 }, (_, index) => addDays(today, from + index));

async function indexesOf(partition: string): Promise<string[]> {
  const rows = await database.query<{ indexname: string }>('select indexname from pg_indexes where tablename = $1 order by indexname', [
    partition,
  ]);
  return rows.map(({ indexname }) => indexname);
}

/** A session that keeps `statement`'s locks until it is released. */
async function hold(statement: string): Promise<{ release: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: database.url('superuser') });
  await client.connect();
  await client.query(`begin; ${statement}`);
  return {
    release: async () => {
      await client.query('rollback');
      await client.end();
    },
  };
}

describe('the horizon', () => {
  test.each<['day' | 'month', string, string]>([
    ['day', '2026-02-20', '2026-03-07'],
    ['day', '2024-02-28', '2024-03-14'],
    ['month', '2026-01-31', '2026-05-01'],
    ['month', '2026-09-01', '2027-01-01'],
    ['month', '2026-12-31', '2027-04-01'],
  ])('by %s on %s is %s', (granularity, day, horizon) => {
    expect(partitionHorizon(granularity, day as UtcDay)).toBe(horizon);
  });
});

describe('creating', () => {
  test('covers 8 days back to 14 days ahead, without gap, and repeats nothing', async () => {
    const table = await createTable('daily', { granularity: 'day' });
    expect(await ensurePartitions(pool, table, today)).toEqual(daysAround(-8, 14).map((day) => dailyName('daily', day)));
    expect(await readPartitions(pool, 'daily')).toEqual(
      daysAround(-8, 14).map((day) => ({ partition: dailyName('daily', day), lower_bound: day, upper_bound: addDays(day, 1) })),
    );
    expect(await ensurePartitions(pool, table, today)).toEqual([]);
    for (const day of [addDays(today, -8), today, addDays(today, 14)]) {
      await database.query('insert into daily values (1, $1, 1)', [day]);
    }
    expect(await database.query('select tableoid::regclass::text as partition from daily order by day')).toEqual(
      [-8, 0, 14].map((offset) => ({ partition: dailyName('daily', addDays(today, offset)) })),
    );
    expect(await indexesOf(dailyName('daily', today))).toHaveLength(1);
  });

  test('fills a gap, and creates a single day when a day has passed', async () => {
    const table = await createTable('gaps', { granularity: 'day' });
    await ensurePartitions(pool, table, today);
    await database.query(`drop table ${dailyName('gaps', addDays(today, 3))}`);
    expect(await ensurePartitions(pool, table, today)).toEqual([dailyName('gaps', addDays(today, 3))]);
    expect(await ensurePartitions(pool, table, addDays(today, 1))).toEqual([dailyName('gaps', addDays(today, 15))]);
  });

  test('by month covers the previous month to 3 months ahead', async () => {
    const table = await createTable('monthly', { granularity: 'month' });
    const [year = 0, month = 1] = today.split('-').map(Number);
    const months = [-1, 0, 1, 2, 3, 4].map((offset) => utcDayOf(new Date(Date.UTC(year, month - 1 + offset, 1))));
    const names = months.slice(0, 5).map((day) => `monthly_p${day.slice(0, 7).replace('-', '')}`);
    expect(await ensurePartitions(pool, table, today)).toEqual(names);
    expect(await readPartitions(pool, 'monthly')).toEqual(
      names.map((partition, index) => ({ partition, lower_bound: months[index], upper_bound: months[index + 1] })),
    );
    expect(await ensurePartitions(pool, table, today)).toEqual([]);
    // The last day of a month belongs to it.
    await database.query('insert into monthly values (1, $1, 1)', [addDays(months[1] as UtcDay, -1)]);
    expect(await database.query('select tableoid::regclass::text as partition from monthly')).toEqual([{ partition: names[0] }]);
  });

  test('by several replicas at once makes each partition once, and none of them fails', async () => {
    const table = await createTable('shared', { granularity: 'day' });
    const made = await Promise.all(Array.from({ length: 4 }, () => ensurePartitions(pool, table, today)));
    expect(made.flat().toSorted()).toEqual(daysAround(-8, 14).map((day) => dailyName('shared', day)));
  });

  test('does not wait for ingest, and ingest does not wait for it', async () => {
    const table = await createTable('busy', { granularity: 'day' });
    await ensurePartitions(pool, table, today);
    await database.query(`drop table ${dailyName('busy', addDays(today, 14))}`);
    const ingest = await hold(`insert into busy values (1, '${today}', 1)`);
    expect(await ensurePartitions(pool, table, today)).toEqual([dailyName('busy', addDays(today, 14))]);
    await ingest.release();
  });

  test('of a table that is not registered is refused, as is its own DDL', async () => {
    const failure = await ensurePartitions(pool, { table: 'organizations', granularity: 'day', retentionDays: null }, today).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ cause: { message: 'table organizations is not registered in partitioned_tables' } });
    await expect(pool.query('create table mine ()')).rejects.toMatchObject({ code: '42501' });
    await expect(pool.query(`insert into partitioned_tables values ('organizations', 'day')`)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('dropping', () => {
  test('takes a partition once its upper bound is as old as the retention, rows and all, oldest first', async () => {
    const table = await createTable('expiring', { granularity: 'day', retentionDays: 20 });
    const [expired, oldest, kept] = [addDays(today, -21), addDays(today, -40), addDays(today, -20)];
    for (const day of [expired, oldest, kept]) {
      await addPartition('expiring', day);
      await database.query('insert into expiring values (1, $1, 1)', [day]);
    }
    expect(await dropExpiredPartitions(pool, table, dropping())).toEqual([dailyName('expiring', oldest), dailyName('expiring', expired)]);
    expect(await database.query('select day from expiring')).toEqual([{ day: kept }]);
    expect(await database.query('select to_regclass($1) as gone', [dailyName('expiring', expired)])).toEqual([{ gone: null }]);
    expect(await dropExpiredPartitions(pool, table, dropping())).toEqual([]);
  });

  test('asks the configuration how long rows are kept', async () => {
    const table = await createTable('configured', { granularity: 'day' });
    const name = await addPartition('configured', addDays(today, -21));
    const kept: PartitionedTable = { ...table, retentionDays: ({ WOOCOMMERCE_RETENTION_DAYS: days }) => days };
    const keeping = (days: string): DropContext => dropping({ config: jobsConfig(database, { WOOCOMMERCE_RETENTION_DAYS: days }) });
    expect(await dropExpiredPartitions(pool, kept, keeping('21'))).toEqual([]);
    expect(await dropExpiredPartitions(pool, kept, keeping('20'))).toEqual([name]);
  });

  test('waits for what has to be done before, partition by partition, and keeps the one for which that fails, and all after it', async () => {
    const table = await createTable('archived', { granularity: 'day', retentionDays: 20 });
    await database.query('grant select on archived to observability_jobs');
    const [first, second, third] = [-30, -29, -28].map((offset) => addDays(today, offset));
    for (const day of [third, first, second]) if (day !== undefined) await addPartition('archived', day);
    const seen: (Partition & { rows: number })[] = [];
    const archived: PartitionedTable = {
      ...table,
      beforeDrop: async (db, partition) => {
        const { rows } = await db.query<{ count: number }>('select count(*) as count from archived where day >= $1 and day < $2', [
          partition.lower_bound,
          partition.upper_bound,
        ]);
        seen.push({ ...partition, rows: rows[0]?.count ?? -1 });
        if (partition.lower_bound === second) throw new Error('the disk is full');
      },
    };
    for (const day of [first, second, third]) await database.query('insert into archived values (1, $1, 1), (2, $1, 1)', [day]);
    await expect(dropExpiredPartitions(pool, archived, dropping())).rejects.toThrow('the disk is full');
    expect(seen.map(({ lower_bound, rows }) => [lower_bound, rows])).toEqual([
      [first, 2],
      [second, 2],
    ]);
    expect(await database.query('select distinct day from archived order by day')).toEqual([{ day: second }, { day: third }]);
  });

  test('drops nothing once another replica may have taken over', async () => {
    const table = await createTable('taken_over', { granularity: 'day', retentionDays: 20 });
    await addPartition('taken_over', addDays(today, -30));
    const lost = new AbortController();
    const slow: PartitionedTable = {
      ...table,
      beforeDrop: () => {
        lost.abort(new Error('another replica took over'));
        return Promise.resolve();
      },
    };
    await expect(dropExpiredPartitions(pool, slow, dropping({ signal: lost.signal }))).rejects.toThrow('another replica took over');
    expect(await readPartitions(pool, 'taken_over')).toHaveLength(1);
  });

  test('is nothing for a table whose rows another job drops', async () => {
    const table = await createTable('elsewhere', { granularity: 'day' });
    await addPartition('elsewhere', addDays(today, -400));
    expect(await dropExpiredPartitions(pool, table, dropping())).toEqual([]);
  });
});

describe('indexing', () => {
  test('builds the late indexes of closed partitions only, once', async () => {
    const table = await createTable('late', { granularity: 'day', lateDays: 2, indexes: ['(n)', '(org_id, n desc)'] });
    const [closed, open] = [await addPartition('late', addDays(today, -3)), await addPartition('late', addDays(today, -2))];
    expect(await indexClosedPartitions(pool, table)).toEqual([closed]);
    expect(await indexesOf(closed)).toEqual([`${closed}_closed1`, `${closed}_closed2`, `${closed}_pkey`]);
    expect(await indexesOf(open)).toEqual([`${open}_pkey`]);
    expect(await indexClosedPartitions(pool, table)).toEqual([]);
  });

  test('finishes what was cut short', async () => {
    const table = await createTable('halfway', { granularity: 'day', lateDays: 1, indexes: ['(n)', '(org_id, n)'] });
    const closed = await addPartition('halfway', addDays(today, -9));
    await indexClosedPartitions(pool, table);
    await database.query(`drop index ${closed}_closed2`);
    expect(await indexClosedPartitions(pool, table)).toEqual([closed]);
    expect(await indexesOf(closed)).toContain(`${closed}_closed2`);
  });

  test('of an open partition is refused, as of one of a table without late indexes, or of no table at all', async () => {
    await createTable('opened', { granularity: 'day', lateDays: 1, indexes: ['(n)'] });
    const open = await addPartition('opened', today);
    await createTable('plain', { granularity: 'day' });
    const plain = await addPartition('plain', addDays(today, -30));
    const failureOf = (partition: string): Promise<unknown> =>
      pool.query('select index_closed_partition($1)', [partition]).catch((error: unknown) => error);
    expect(await failureOf(open)).toMatchObject({ cause: { message: `partition ${open} is still open` } });
    expect(await failureOf(plain)).toMatchObject({ cause: { message: `partition ${plain} is still open` } });
    expect(await failureOf('organizations')).toMatchObject({
      cause: { message: 'organizations is not a partition of a registered table' },
    });
    expect(await indexesOf(open)).toEqual([`${open}_pkey`]);
  });
});

describe('a lock that is not given', () => {
  test('is waited for two seconds at a time, and asked for again', async () => {
    const table = await createTable('locked', { granularity: 'day' });
    const blocked = await hold('lock table locked in access exclusive mode');
    const startedAt = performance.now();
    const error = await pool.query(`select ensure_partitions('locked', current_date + 15)`).catch((failure: unknown) => failure);
    expect(sqlStateOf(error)).toBe('55P03');
    expect(performance.now() - startedAt).toBeGreaterThan(1900);
    expect(performance.now() - startedAt).toBeLessThan(3500);
    const made = ensurePartitions(pool, table, today);
    await waitUntil(
      async () =>
        (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'partitions test'`))
          .length > 0,
      { within: 20_000, what: 'a wait for the lock' },
    );
    await blocked.release();
    expect(await made).toHaveLength(23);
  });

  test('is given up after five waits', async () => {
    const table = await createTable('stuck', { granularity: 'day' });
    await database.query(`alter function ensure_partitions(text, date) set lock_timeout = '30ms'`);
    const blocked = await hold('lock table stuck in access exclusive mode');
    const startedAt = performance.now();
    try {
      const error = await ensurePartitions(pool, table, today).catch((failure: unknown) => failure);
      expect(sqlStateOf(error)).toBe('55P03');
      expect(performance.now() - startedAt).toBeGreaterThan(5 * 30 - 5);
    } finally {
      await blocked.release();
      await database.query(`alter function ensure_partitions(text, date) set lock_timeout = '2s'`);
    }
    expect(await readPartitions(pool, 'stuck')).toEqual([]);
  });

  test('because ingest waits for us in turn is asked for again, and ingest goes on', async () => {
    const table = await createTable('entangled', { granularity: 'day', retentionDays: 1 });
    await database.query('create table referenced (id int primary key); alter table referenced owner to observability_owner');
    await database.query('alter table entangled add foreign key (n) references referenced (id)');
    await addPartition('entangled', addDays(today, -30));
    const ingest = new pg.Client({ connectionString: database.url('superuser') });
    await ingest.connect();
    try {
      // Whoever waits for longer than its deadlock_timeout first is the one that gives up.
      await ingest.query(`begin; set local deadlock_timeout = '60s'; lock table referenced in row share mode`);
      const dropped = dropExpiredPartitions(pool, table, dropping());
      await waitUntil(
        async () => (await database.query(`select from pg_locks where relation = 'referenced'::regclass and not granted`)).length > 0,
        { within: 20_000, what: 'a drop that waits for the referenced table' },
      );
      await ingest.query('lock table entangled in row exclusive mode; commit');
      expect(await dropped).toEqual([dailyName('entangled', addDays(today, -30))]);
    } finally {
      await ingest.end();
    }
  });

  test('by a reader keeps a partition from being dropped, not the reader from reading', async () => {
    const table = await createTable('read', { granularity: 'day', retentionDays: 1 });
    await addPartition('read', addDays(today, -30));
    await database.query(`alter function drop_partitions(text, date) set lock_timeout = '30ms'`);
    const reader = await hold('select from read');
    try {
      expect(sqlStateOf(await dropExpiredPartitions(pool, table, dropping()).catch((failure: unknown) => failure))).toBe('55P03');
    } finally {
      await reader.release();
      await database.query(`alter function drop_partitions(text, date) set lock_timeout = '2s'`);
    }
    expect(await dropExpiredPartitions(pool, table, dropping())).toHaveLength(1);
  });
});
