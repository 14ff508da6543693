import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { createLogger } from '../log.ts';
import { readInPages, type KeysetQuery } from './keyset-pages.ts';
import { eachWithOrg, openPool, type Pool } from './pool.ts';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_api'),
    max: 2,
    applicationName: 'pages',
    statementTimeoutMs: 20_000,
    log: createLogger({ service: 'api', level: 'fatal' }),
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const numbers = (count: number): KeysetQuery => ({
  columns: 'n',
  from: 'generate_series(1, $1::int) n',
  where: 'n > 0 or n < -10',
  key: ['n'],
  values: [count],
});

test.each([
  [0, []],
  [1, [1]],
  [500, [500]],
  [1001, [500, 500, 1]],
])('%d rows come in their order, in pages of %j', async (count, expected) => {
  const sizes: number[] = [];
  let next = 1;
  for await (const page of readInPages<{ n: number }>(pool, numbers(count))) {
    sizes.push(page.length);
    for (const row of page) expect(row).toEqual({ n: next++ });
  }
  expect(sizes).toEqual(expected);
});

test('rows that differ by a microsecond, or in the last column of the key only, are told apart', async () => {
  const seen = new Set<string>();
  let rows = 0;
  const pages = readInPages<{ n: number; name: string }>(pool, {
    columns: 'series.n, names.name',
    from: `generate_series(1, 400) series (n) cross join (values ('a'), ('B'), ('ü')) names (name)`,
    where: 'true',
    key: [`timestamptz '2026-02-13T10:00:00Z' + series.n / 2 * interval '1 microsecond'`, 'series.n', 'names.name collate "C"'],
    values: [],
  });
  for await (const page of pages) {
    rows += page.length;
    for (const { n, name } of page) seen.add(`${n} ${name}`);
  }
  expect([rows, seen.size]).toEqual([1200, 1200]);
});

test('between two pages no connection is taken, and one that is not asked for is not read', async () => {
  const pages = readInPages(pool, numbers(2000));
  await pages.next();
  expect(pool.counts()).toMatchObject({ busy: 0 });
  await pages.return(undefined);
  expect(pool.counts()).toMatchObject({ busy: 0 });
});

test('eachWithOrg shows the rows of one organization, in pages too', async () => {
  const acme = await insertOrganization(database, { key: 'acme' });
  await insertOrganization(database, { key: 'beta' });
  const keys: unknown[] = [];
  const pages = readInPages(eachWithOrg(pool, acme.id), {
    columns: 'organizations.key',
    from: 'organizations',
    where: 'true',
    key: ['organizations.id'],
    values: [],
  });
  for await (const page of pages) keys.push(...page);
  expect(keys).toEqual([{ key: 'acme' }]);
});
