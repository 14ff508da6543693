import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { createDemoData } from './demo-data.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const usableKeys = async (): Promise<number> =>
  (await database.query<{ keys: number }>('select count(*) as keys from ingest_keys where ingest_keys.revoked_at is null'))[0]?.keys ?? 0;

test('the demo of a second start has the same organizations, and ingest keys that are known or take the place of those before', async () => {
  const databaseUrl = database.url('observability_jobs');
  const first = await createDemoData({ databaseUrl, ingestKeys: {} });
  const known = Object.fromEntries(first.map(({ key, ingestKey }) => [key, ingestKey]));
  expect(await createDemoData({ databaseUrl, ingestKeys: known })).toEqual(first);

  const third = await createDemoData({ databaseUrl, ingestKeys: {} });
  const withoutKeys = (organizations: typeof first): unknown[] => organizations.map((organization) => ({ ...organization, ingestKey: '' }));
  expect(withoutKeys(third)).toEqual(withoutKeys(first));
  expect(third.filter(({ key, ingestKey }) => known[key] === ingestKey)).toEqual([]);
  expect(await usableKeys()).toBe(third.length);
});
