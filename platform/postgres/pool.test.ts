import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createLogger } from '../log.ts';
import { DatabaseUnavailableError, faultOf } from './errors.ts';
import { openPool, withOrg, type Pool, type PoolOptions, type Queryable } from './pool.ts';

let database: TestDatabase;
const opened: Pool[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()));
});
afterAll(() => database.drop());

function open(options: Partial<PoolOptions> = {}, role: Parameters<TestDatabase['url']>[0] = 'observability_jobs'): Pool {
  const pool = openPool({
    connectionString: database.url(role),
    max: 1,
    applicationName: 'pool test',
    statementTimeoutMs: 5000,
    log: createLogger({ service: 'test', level: 'silent' }),
    ...options,
  });
  opened.push(pool);
  return pool;
}

async function one<Row extends pg.QueryResultRow>(db: Queryable, statement: string, values?: unknown[]): Promise<Row | undefined> {
  return (await db.query<Row>(statement, values)).rows[0];
}

async function backend(db: Queryable): Promise<number> {
  return (await one<{ pid: number }>(db, 'select pg_backend_pid() as pid'))?.pid ?? 0;
}

/** Ends a backend from outside and waits until the server has forgotten it. */
async function endBackend(pid: number): Promise<void> {
  await database.query('select pg_terminate_backend($1)', [pid]);
  await waitUntil(async () => (await database.query('select from pg_stat_activity where pid = $1', [pid])).length === 0, {
    within: 20_000,
    what: 'the end of the backend',
  });
}

describe('values', () => {
  test('a bigint and a count arrive as numbers, an array of them as numbers', async () => {
    expect(
      await one(
        open(),
        `select count(*) as count, 9007199254740991 as largest, array[1, -2, 9007199254740991]::bigint[] as several, '{}'::bigint[] as none`,
      ),
    ).toEqual({ count: 1, largest: 9_007_199_254_740_991, several: [1, -2, 9_007_199_254_740_991], none: [] });
  });

  test.each(['9007199254740993::bigint', '(-9007199254740993)::bigint', 'array[1, 9007199254740993]::bigint[]'])(
    'a number that JSON cannot hold exactly is an error and not a wrong number: %s',
    async (expression) => {
      const pool = open();
      const pid = await backend(pool);
      await expect(pool.query(`select ${expression} as value`)).rejects.toThrow(RangeError);
      expect(await backend(pool)).toBe(pid);
    },
  );

  test('a date arrives as its own text, wherever the server and this process are', async () => {
    expect(process.env['TZ']).toBe('America/St_Johns');
    expect(new Date('2026-07-01T00:00:00Z').getTimezoneOffset()).not.toBe(0);
    expect(await one(open(), `select '2026-01-01'::date as day, null::date as none`)).toEqual({ day: '2026-01-01', none: null });
  });

  test('a session thinks in UTC although the server does not, and a moment comes back as it went', async () => {
    const pool = open();
    const moment = new Date('2026-03-29T01:30:00.123Z');
    expect(
      await one(pool, `select current_setting('timezone') as zone, $1::timestamptz as moment, ($1::timestamptz)::date as day`, [moment]),
    ).toEqual({
      zone: 'UTC',
      moment,
      day: '2026-03-29',
    });
    const client = new pg.Client({ connectionString: database.url('superuser') });
    await client.connect();
    const { rows } = await client.query<{ TimeZone: string }>('show timezone');
    await client.end();
    expect(rows[0]?.TimeZone).toBe('America/St_Johns');
  });

  test('the server compiles no statement: over many partitions that takes longer than running it', async () => {
    expect(await one(open(), `select current_setting('jit') as jit`)).toEqual({ jit: 'off' });
  });

  test('a prepared statement is parsed once and keeps its types', async () => {
    const pool = open();
    for (const value of [1, 2]) {
      expect((await pool.query({ name: 'sum', text: 'select $1::bigint + 1 as sum', values: [value] })).rows).toEqual([{ sum: value + 1 }]);
    }
    expect(await one(pool, 'select count(*) as count from pg_prepared_statements')).toEqual({ count: 1 });
  });
});

describe('limits of every session', () => {
  test('the server ends statements, waits for locks, idle transactions and sessions that were forgotten by itself', async () => {
    expect(
      await one(
        open({ statementTimeoutMs: 7000 }),
        `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
           current_setting('idle_in_transaction_session_timeout') as idle, current_setting('idle_session_timeout') as forgotten,
           current_setting('application_name') as name`,
      ),
    ).toEqual({ statement: '7s', lock: '2s', idle: '10s', forgotten: '1min', name: 'pool test' });
  });

  test('a wait for a lock is never longer than the statement may take', async () => {
    expect(await one(open({ statementTimeoutMs: 300 }), `select current_setting('lock_timeout') as lock`)).toEqual({ lock: '300ms' });
  });

  test('a statement over its time fails as unavailable and its connection is not used again', async () => {
    const pool = open({ statementTimeoutMs: 50 });
    const pid = await backend(pool);
    const failure = await pool.query('select pg_sleep(10)').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DatabaseUnavailableError);
    expect(faultOf(failure)).toBe('rolled_back');
    expect(await backend(pool)).not.toBe(pid);
  });

  test('a server that froze is given up on, its connection destroyed, and the next statement works', async () => {
    const pool = open({ statementTimeoutMs: 200 });
    const pid = await backend(pool);
    process.kill(pid, 'SIGSTOP');
    try {
      const failure = await pool.query('select 1').catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DatabaseUnavailableError);
      // It may still do it when it wakes up.
      expect(faultOf(failure)).toBe('unknown');
      expect(await backend(pool)).not.toBe(pid);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  });

  test('a transaction on a frozen server is given up after one such wait: its rollback does not wait for the server again', async () => {
    const pool = open({ statementTimeoutMs: 200 });
    const startedAt = performance.now();
    let pid = 0;
    const failure = await pool
      .transaction(async (transaction) => {
        pid = await backend(transaction);
        process.kill(pid, 'SIGSTOP');
        await transaction.query('select 1');
      })
      .catch((error: unknown) => error)
      .finally(() => process.kill(pid, 'SIGCONT'));
    expect(failure).toMatchObject({ name: 'DatabaseUnavailableError', fault: 'unknown' });
    expect(performance.now() - startedAt).toBeLessThan(3500);
    expect(await backend(pool)).not.toBe(pid);
  });

  test('nothing more is sent on a connection that an earlier statement broke', async () => {
    const pool = open();
    const faults: string[] = [];
    await pool.connect(async (connection) => {
      await connection.query('select pg_terminate_backend(pg_backend_pid())').catch((error: unknown) => faults.push(faultOf(error)));
      await connection.query('select 1').catch((error: unknown) => faults.push(faultOf(error)));
    });
    // What was not sent is certainly not stored.
    expect(faults).toEqual(['unknown', 'rolled_back']);
    expect(await backend(pool)).toBeGreaterThan(0);
  });

  test('nobody waits for a connection without end', async () => {
    const pool = open();
    let release: () => void = () => undefined;
    const held = pool.connect(() => new Promise<void>((resolve) => (release = resolve)));
    const startedAt = performance.now();
    const waiting = pool.query('select 1').catch((error: unknown) => error);
    expect(pool.counts()).toEqual({ idle: 0, busy: 1, waiting: 1 });
    const failure = await waiting;
    const waitedMs = performance.now() - startedAt;
    release();
    await held;
    expect(failure).toBeInstanceOf(DatabaseUnavailableError);
    expect(faultOf(failure)).toBe('rolled_back');
    expect(waitedMs).toBeGreaterThan(1900);
    expect(waitedMs).toBeLessThan(3500);
    expect(pool.counts()).toEqual({ idle: 1, busy: 0, waiting: 0 });
  });

  test('a statement over one second is reported with its time, faster ones are not', async () => {
    const slow: number[] = [];
    const pool = open({ onSlowQuery: (milliseconds) => slow.push(milliseconds) });
    await pool.query('select 1');
    await pool.query('select pg_sleep(0.1)');
    expect(slow).toEqual([]);
    await pool.query('select pg_sleep(1.01)');
    expect(slow).toHaveLength(1);
    expect(slow[0]).toBeGreaterThan(1000);
    expect(slow[0]).toBeLessThan(5000);
  });

  test('a statement that failed after more than a second is reported too', async () => {
    const slow: number[] = [];
    const pool = open({ statementTimeoutMs: 1050, onSlowQuery: (milliseconds) => slow.push(milliseconds) });
    await expect(pool.query('select pg_sleep(10)')).rejects.toThrow(DatabaseUnavailableError);
    expect(slow).toHaveLength(1);
  });
});

describe('a connection that broke', () => {
  test('is destroyed and not reused', async () => {
    const pool = open();
    const pid = await backend(pool);
    const failure = await pool.query('select pg_terminate_backend(pg_backend_pid())').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DatabaseUnavailableError);
    expect(faultOf(failure)).toBe('unknown');
    expect(pool.counts()).toEqual({ idle: 0, busy: 0, waiting: 0 });
    expect(await backend(pool)).not.toBe(pid);
  });

  test('while it was checked out and silent does not end the process', async () => {
    const pool = open();
    const failure = await pool
      .connect(async (connection) => {
        await endBackend(await backend(connection));
        return connection.query('select 1');
      })
      .catch((error: unknown) => error);
    // An error event without a listener would have failed this file as an uncaught exception.
    expect(failure).toBeInstanceOf(DatabaseUnavailableError);
    expect(faultOf(failure)).toBe('unknown');
    expect(await one(pool, 'select 1 as works')).toEqual({ works: 1 });
  });

  test('while it was idle leaves the pool, and the next statement gets another', async () => {
    const pool = open();
    const pid = await backend(pool);
    expect(pool.counts().idle).toBe(1);
    await endBackend(pid);
    await waitUntil(() => pool.counts().idle === 0, { within: 5000, what: 'an empty pool' });
    expect(await backend(pool)).not.toBe(pid);
  });

  test('an error about the data keeps the connection, and is passed on as it came', async () => {
    const pool = open();
    const pid = await backend(pool);
    await expect(pool.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
    await expect(pool.query('select no_such_column')).rejects.toMatchObject({ code: '42703' });
    expect(await backend(pool)).toBe(pid);
  });

  test('a prepared statement that a migration has made unusable does not outlive one use', async () => {
    await database.query('create table changed (value integer); insert into changed values (1); grant select on changed to public');
    const pool = open();
    const read = (): Promise<{ value: number } | undefined> => {
      return pool
        .query<{ value: number }>({ name: 'changed_read', text: 'select changed.value from changed', values: [] })
        .then(({ rows }) => rows[0]);
    };
    expect(await read()).toEqual({ value: 1 });
    await database.query('alter table changed alter column value type bigint');
    await expect(read()).rejects.toMatchObject({ code: '0A000' });
    expect(await read()).toEqual({ value: 1 });
  });

  test('an error of the work itself keeps it too', async () => {
    const pool = open();
    const pid = await backend(pool);
    await expect(pool.connect(() => Promise.reject(new Error('changed my mind')))).rejects.toThrow('changed my mind');
    expect(await backend(pool)).toBe(pid);
  });
});

describe('a transaction', () => {
  test('commits what its work did, and answers what its work answered', async () => {
    const pool = open({ max: 2 });
    const { key } = await insertOrganization(database, { key: 'committed' });
    const answer = await pool.transaction(async (transaction) => {
      await transaction.query(`update organizations set name = 'inside' where key = $1`, [key]);
      expect(await one(pool, 'select name from organizations where key = $1', [key])).toEqual({ name: 'committed' });
      return 'done';
    });
    expect(answer).toBe('done');
    expect(await one(pool, 'select name from organizations where key = $1', [key])).toEqual({ name: 'inside' });
  });

  test('is rolled back when its work throws, which is what its caller hears, and the connection is clean', async () => {
    const pool = open();
    const { key } = await insertOrganization(database, { key: 'rolled-back' });
    await expect(
      pool.transaction(async (transaction) => {
        await transaction.query(`update organizations set name = 'inside' where key = $1`, [key]);
        await transaction.query('select 1/0');
      }),
    ).rejects.toMatchObject({ code: '22012' });
    expect(await one(pool, 'select name from organizations where key = $1', [key])).toEqual({ name: 'rolled-back' });
  });

  test('with a snapshot sees no change that another one commits meanwhile; without it, it does', async () => {
    const pool = open({ max: 2 });
    const { id } = await insertOrganization(database, { key: 'changing', name: 'before' });
    const nameOf = (db: Queryable): Promise<unknown> => one(db, 'select name from organizations where id = $1', [id]);
    const twice = (options?: { snapshot: boolean }): Promise<unknown[]> =>
      pool.transaction(async (transaction) => {
        const first = await nameOf(transaction);
        await pool.query(`update organizations set name = name || '!' where id = $1`, [id]);
        return [first, await nameOf(transaction)];
      }, options);
    expect(await twice({ snapshot: true })).toEqual([{ name: 'before' }, { name: 'before' }]);
    expect(await twice()).toEqual([{ name: 'before!' }, { name: 'before!!' }]);
  });

  test('whose connection broke tells of that, not of the rollback that failed', async () => {
    const pool = open();
    const failure = await pool
      .transaction((transaction) => transaction.query('select pg_terminate_backend(pg_backend_pid())'))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'DatabaseUnavailableError', fault: 'unknown', cause: { code: '57P01' } });
  });
});

describe('withOrg', () => {
  const namesOf = (db: Queryable): Promise<string[]> =>
    db.query<{ key: string }>('select key from organizations order by key').then(({ rows }) => rows.map(({ key }) => key));

  test('shows the rows of one organization; without it the role of the portal sees none', async () => {
    const [acme, zenith] = [await insertOrganization(database, { key: 'acme' }), await insertOrganization(database, { key: 'zenith' })];
    const pool = open({}, 'observability_api');
    expect(await namesOf(pool)).toEqual([]);
    expect(await pool.transaction(namesOf)).toEqual([]);
    expect(await withOrg(pool, acme.id, namesOf)).toEqual(['acme']);
    expect(await withOrg(pool, zenith.id, namesOf)).toEqual(['zenith']);
    expect(await withOrg(pool, 999_999, namesOf)).toEqual([]);
  });

  test('leaves nothing behind on the connection, whether its work succeeded or failed', async () => {
    const { id } = await insertOrganization(database, { key: 'fleeting' });
    const pool = open({}, 'observability_api');
    const pid = await backend(pool);
    expect(await withOrg(pool, id, namesOf)).toEqual(['fleeting']);
    expect(await namesOf(pool)).toEqual([]);
    await expect(withOrg(pool, id, (transaction) => transaction.query('select 1/0'))).rejects.toMatchObject({ code: '22012' });
    expect(await namesOf(pool)).toEqual([]);
    expect(await backend(pool)).toBe(pid);
  });

  test('cannot write a row of another organization', async () => {
    const [own, other] = [await insertOrganization(database, { key: 'own' }), await insertOrganization(database, { key: 'other' })];
    const pool = open({}, 'observability_api');
    const write = (orgId: number): Promise<unknown> =>
      withOrg(pool, own.id, (transaction) =>
        transaction.query(`insert into audit_logs (org_id, actor, action) values ($1, 'me', 'tried')`, [orgId]),
      );
    await write(own.id);
    await expect(write(other.id)).rejects.toMatchObject({ code: '42501' });
    expect(await database.query(`select org_id from audit_logs where action = 'tried'`)).toEqual([{ org_id: own.id }]);
  });
});

test('end() waits for the work under way', async () => {
  const pool = open();
  opened.splice(0);
  const finished: string[] = [];
  const work = pool.query('select pg_sleep(0.1)').then(() => finished.push('work'));
  await pool.end();
  finished.push('end');
  await work;
  expect(finished).toEqual(['work', 'end']);
});
