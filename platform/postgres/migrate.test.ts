import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { migrate } from './migrate.ts';

const emptyDatabase = `migrate_${process.pid}_${randomBytes(6).toString('hex')}`;
const migrations = readdirSync(new URL('../../migrations/', import.meta.url))
  .filter((file) => file.endsWith('.sql'))
  .map((file) => file.replace('.sql', ''))
  .toSorted();
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await run('postgres', `create database ${emptyDatabase}`);
});
afterAll(async () => {
  await run('postgres', `drop database if exists ${emptyDatabase} with (force)`);
  await database.drop();
});

const urlOf = (name: string): string => database.url('superuser').replace(database.name, name);

async function run(name: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: urlOf(name) });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Where it is not the day that it is in UTC. */
const otherDay = (): string => (new Date().getUTCHours() < 12 ? 'Etc/GMT+12' : 'Pacific/Kiritimati');

test('several at once bring an empty database to the newest schema, each migration once, wherever the server is', async () => {
  await run('postgres', `alter database ${emptyDatabase} set timezone to '${otherDay()}'`);
  const databaseUrl = urlOf(emptyDatabase);
  const ran = await Promise.all([migrate({ databaseUrl }), migrate({ databaseUrl }), migrate({ databaseUrl })]);
  expect(ran.flat().toSorted()).toEqual(migrations);
  const recorded = await run(emptyDatabase, 'select name from schema_migrations order by id');
  expect(recorded.map(({ name }) => name)).toEqual(migrations);
  const tables = `select tablename, tableowner from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' order by tablename`;
  const made = await run(emptyDatabase, tables);
  expect(made).toEqual(await run(database.name, tables));
  expect(new Set(made.map(({ tableowner }) => tableowner))).toEqual(new Set(['observability_owner']));
});

test('a schema that is up to date stays as it is', async () => {
  const lines: string[] = [];
  expect(await migrate({ databaseUrl: database.url('superuser'), log: (line) => lines.push(line) })).toEqual([]);
  expect(lines.length).toBeGreaterThan(0);
  expect(await run(database.name, 'select count(*)::int as migrations from schema_migrations')).toEqual([
    { migrations: migrations.length },
  ]);
});

test('a database that cannot be reached is an error, not an empty answer', async () => {
  await expect(migrate({ databaseUrl: urlOf('no_such_database') })).rejects.toThrow('no_such_database');
});
