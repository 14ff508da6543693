import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { freePort } from '../../test/support/free-port.ts';
import { createLogger } from '../log.ts';
import { DatabaseUnavailableError, faultOf, sqlStateOf, type Fault } from './errors.ts';
import { openPool } from './pool.ts';

let database: TestDatabase;
const log = createLogger({ service: 'test', level: 'silent' });

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(`create table parents (id int primary key)`);
  await database.query(
    `create table samples (id int primary key, parent_id int references parents, word text not null, small smallint, check (id > 0))`,
  );
  await database.query(`create table long_keys (key text primary key)`);
  await database.query(`create table ranges (during int4range, exclude using gist (during with &&))`);
  await database.query(`create table guarded (id int)`);
  await database.query(
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'never'; end $$;
     create trigger refuse before insert on guarded for each row execute function refuse()`,
  );
});
afterAll(() => database.drop());

/** The error of whatever `work` does, as node-postgres throws it. */
async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('it succeeded');
}

async function connected(role: Parameters<TestDatabase['url']>[0] = 'superuser', more: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url(role), ...more });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The error of the last of several statements in one session. */
async function errorOfSession(statements: string[], role?: Parameters<TestDatabase['url']>[0], more?: pg.ClientConfig): Promise<unknown> {
  const client = await connected(role, more);
  try {
    for (const statement of statements.slice(0, -1)) await client.query(statement);
    return await errorOf(() => client.query(statements.at(-1) ?? ''));
  } finally {
    await client.end();
  }
}

describe('whose fault an error of the server is', () => {
  test.each<[sqlState: string, what: string, statement: string, parameters: unknown[], fault: Fault]>([
    ['22P02', 'text that is no number', 'select $1::int', ['x'], 'row'],
    ['22003', 'a number out of range', 'insert into samples (id, word, small) values (1, $1, 70000)', ['a'], 'row'],
    ['22021', 'a NUL in a text', 'insert into samples (id, word) values (1, $1)', ['a\u0000b'], 'row'],
    ['22P05', 'a NUL in a jsonb', 'select $1::jsonb', ['"\\u0000"'], 'row'],
    ['22P02', 'a lone surrogate in a jsonb', 'select $1::jsonb', ['"\\ud800"'], 'row'],
    ['22008', 'a day that does not exist', 'select $1::date', ['2026-02-30'], 'row'],
    ['23502', 'a missing value', 'insert into samples (id) values (1)', [], 'row'],
    ['23503', 'an unknown parent', `insert into samples (id, parent_id, word) values (1, 99, 'a')`, [], 'row'],
    ['23505', 'a repeated key', `insert into parents values (7), (7)`, [], 'row'],
    ['23514', 'a violated CHECK', `insert into samples (id, word) values (0, 'a')`, [], 'row'],
    ['23P01', 'an excluded range', `insert into ranges values ('[1,5)'), ('[2,3)')`, [], 'row'],
    [
      '54000',
      'a key too long for its index',
      `insert into long_keys select string_agg(md5(n::text), '') from generate_series(1, 2000) n`,
      [],
      'row',
    ],
    ['54001', 'a value nested too deeply', `select $1::jsonb`, ['['.repeat(50_000) + ']'.repeat(50_000)], 'row'],
    [
      '23514',
      'a day without a partition',
      `insert into ingest_batches values (1, '1999-01-01', 'e', '00000000-0000-0000-0000-000000000000')`,
      [],
      'rolled_back',
    ],
    ['42P01', 'an unknown table', 'select from no_such_table', [], 'ours'],
    ['42703', 'an unknown column', 'select no_such_column from samples', [], 'ours'],
    ['42601', 'broken SQL', 'selekt 1', [], 'ours'],
    ['42883', 'an unknown function', 'select no_such_function()', [], 'ours'],
    [
      '42P10',
      'an upsert without its unique key',
      `insert into samples (id, word) values (1, 'a') on conflict (word) do nothing`,
      [],
      'ours',
    ],
    ['0A000', 'an unsupported feature', 'select count(distinct samples.id) over () from samples', [], 'ours'],
    ['3F000', 'an unknown schema', 'create table no_such_schema.t ()', [], 'ours'],
    ['26000', 'an unknown prepared statement', 'deallocate no_such_statement', [], 'ours'],
    ['P0001', 'an exception of a trigger', 'insert into guarded values (1)', [], 'rolled_back'],
  ])('%s, %s', async (sqlState, _what, statement, parameters, fault) => {
    const error = await errorOf(() => database.query(statement, parameters));
    expect(sqlStateOf(error)).toBe(sqlState);
    expect(faultOf(error)).toBe(fault);
  });

  test('a CHECK and a missing partition of the same table share their SQLSTATE and nothing else', async () => {
    await database.query(`create table days (day date, n int check (n > 0)) partition by range (day)`);
    await database.query(`create table days_one partition of days for values from ('2026-01-01') to ('2026-01-02')`);
    const violated = await errorOf(() => database.query(`insert into days values ('2026-01-01', 0)`));
    const missing = await errorOf(() => database.query(`insert into days values ('2026-01-02', 1)`));
    expect([sqlStateOf(violated), sqlStateOf(missing)]).toEqual(['23514', '23514']);
    expect([faultOf(violated), faultOf(missing)]).toEqual(['row', 'rolled_back']);
  });

  test('57014, a statement over its time: the transaction is gone, the data is not to blame', async () => {
    const error = await errorOfSession(['set statement_timeout = 20', 'select pg_sleep(10)']);
    expect([sqlStateOf(error), faultOf(error)]).toEqual(['57014', 'rolled_back']);
  });

  test('25006, a database that is read-only for now', async () => {
    const error = await errorOfSession(['set default_transaction_read_only = on', 'insert into parents values (8)']);
    expect([sqlStateOf(error), faultOf(error)]).toEqual(['25006', 'rolled_back']);
  });

  test('42501, a right that the role lacks', async () => {
    const error = await errorOfSession(['insert into organizations (key) values (1)'], 'observability_exporter');
    expect([sqlStateOf(error), faultOf(error)]).toEqual(['42501', 'ours']);
  });

  test('55P03, a lock that was not given in time', async () => {
    const holder = await connected();
    await holder.query('begin; lock table samples in access exclusive mode');
    const error = await errorOfSession(['set lock_timeout = 20', 'select from samples']);
    await holder.end();
    expect([sqlStateOf(error), faultOf(error)]).toEqual(['55P03', 'rolled_back']);
  });

  test('40P01, a deadlock: nobody is at fault, it is worth another try', async () => {
    await database.query('insert into parents values (1), (2)');
    const [one, two] = [await connected(), await connected()];
    try {
      for (const client of [one, two]) await client.query(`begin; set local deadlock_timeout = '20ms'`);
      await one.query('update parents set id = id where id = 1');
      await two.query('update parents set id = id where id = 2');
      const outcomes = await Promise.allSettled([
        one.query('update parents set id = id where id = 2').then(() => one.query('commit')),
        two.query('update parents set id = id where id = 1').then(() => two.query('commit')),
      ]);
      const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
      expect(errors.map((error) => [sqlStateOf(error), faultOf(error)])).toEqual([['40P01', 'conflict']]);
    } finally {
      await Promise.all([one.end(), two.end()]);
    }
  });

  test('40001, two serializable transactions that cannot both have happened', async () => {
    await database.query('insert into parents values (11)');
    const [one, two] = [await connected(), await connected()];
    try {
      for (const client of [one, two]) await client.query('begin isolation level repeatable read; select from parents');
      await one.query('update parents set id = 12 where id = 11; commit');
      const error = await errorOf(() => two.query('update parents set id = 13 where id = 11'));
      expect([sqlStateOf(error), faultOf(error)]).toEqual(['40001', 'conflict']);
    } finally {
      await Promise.all([one.end(), two.end()]);
    }
  });
});

describe('when the connection is at fault', () => {
  test('a backend that was ended may have committed: the fate is unknown', async () => {
    const error = await errorOfSession(['select pg_terminate_backend(pg_backend_pid())']);
    expect(sqlStateOf(error)).toBe('57P01');
    expect(faultOf(error)).toBe('unknown');
  });

  test('a connection that ends while its client waits for an answer, without a word of the server', async () => {
    const client = await connected();
    const waiting = errorOf(() => client.query('select pg_sleep(10)'));
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    stream.destroy();
    const error = await waiting;
    expect(sqlStateOf(error)).toBeUndefined();
    expect(faultOf(error)).toBe('unknown');
  });

  test('an answer that its client no longer waits for', async () => {
    const error = await errorOfSession(['select pg_sleep(0.2)'], 'superuser', { query_timeout: 20 });
    expect(sqlStateOf(error)).toBeUndefined();
    expect(faultOf(error)).toBe('unknown');
  });

  test.each([
    ['a refused connection', async () => `postgresql://nobody@127.0.0.1:${await freePort()}/nothing`, undefined],
    ['an unknown host', async () => 'postgresql://nobody@no-such-host.invalid/nothing', undefined],
    ['an unknown database', async () => database.url('superuser').replace(database.name, 'no_such_database'), '3D000'],
    ['a wrong password', async () => database.url('observability_jobs').replace(/:[^:@]+@/, ':wrong@'), '28P01'],
  ])('%s left nothing behind, whoever opens it is told so', async (_case, url, sqlState) => {
    const pool = openPool({ connectionString: await url(), max: 1, applicationName: 'test', statementTimeoutMs: 1000, log });
    const error = await errorOf(() => pool.query('select 1'));
    await pool.end();
    expect(error).toBeInstanceOf(DatabaseUnavailableError);
    expect(faultOf(error)).toBe('rolled_back');
    expect(sqlStateOf(error)).toBe(sqlState);
  });

  test('a database that takes no more connections', async () => {
    await database.query(`alter database ${database.name} connection limit 0`);
    const pool = openPool({
      connectionString: database.url('observability_jobs'),
      max: 1,
      applicationName: 'test',
      statementTimeoutMs: 1000,
      log,
    });
    const error = await errorOf(() => pool.query('select 1'));
    await pool.end();
    await database.query(`alter database ${database.name} connection limit -1`);
    expect([sqlStateOf(error), faultOf(error)]).toEqual(['53300', 'rolled_back']);
  });
});

test.each([new TypeError('undefined is not a function'), new RangeError('bigint 9007199254740993'), new SyntaxError('bad JSON')])(
  'an error of our own code is ours and no row is bisected for it: %s',
  (error) => {
    expect(faultOf(error)).toBe('ours');
  },
);
