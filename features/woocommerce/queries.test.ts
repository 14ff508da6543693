import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { percentileOf } from '../../platform/sketch/log-buckets.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import type { Operation } from './events.ts';
import { addOperations } from './ingest.ts';
import {
  readErrorCounts,
  readErrorGroups,
  readNewestOperations,
  readOperationCounts,
  readUsageTotals,
  type UsageFilter,
} from './queries.ts';

let database: TestDatabase;
let orgId: number;
const noon = new Date(`${utcDayOf(new Date())}T12:00:00.000Z`);
const today = utcDayOf(noon);
const dayMs = 86_400_000;

beforeAll(async () => {
  database = await createTestDatabase();
  orgId = (await insertOrganization(database, { key: 'reader' })).id;
  const other = (await insertOrganization(database, { key: 'other' })).id;
  await addOperations(
    database.db,
    [
      ...[100, 200, 300, 400].map((durationMs, n) => operation({ durationMs, at: -n * dayMs })),
      operation({ domain: 'b.example', operation: 'get_cart', durationMs: 50, error: 'NotFound', message: 'order 17 not found', at: 1 }),
      operation({ domain: 'b.example', operation: 'get_cart', durationMs: 60, error: 'NotFound', message: 'order 4711 not found', at: 2 }),
      operation({ domain: 'a.example', operation: 'get_cart', durationMs: 70, error: 'Timeout', at: -dayMs + 1 }),
    ].map((stored) => ({ orgId, operation: stored })),
  );
  await addOperations(database.db, [{ orgId: other, operation: operation({ durationMs: 99_999, at: 3 }) }]);
});
afterAll(() => database.drop());

interface Change {
  domain?: string;
  operation?: Operation['operation'];
  durationMs: number;
  error?: Operation['errorType'];
  message?: string;
  /** Milliseconds from noon today. */
  at: number;
}

function operation({
  domain = 'a.example',
  operation: name = 'search_products',
  durationMs,
  error = null,
  message,
  at,
}: Change): Operation {
  return {
    id: randomUUID(),
    operation: name,
    durationMs,
    success: error === null,
    errorType: error,
    errorMessage: message ?? null,
    domain,
    userAgent: null,
    createdAt: new Date(noon.getTime() + at),
  };
}

const lastDays = (days: number, more: Partial<UsageFilter> = {}): UsageFilter => ({
  orgId,
  first: addDays(today, 1 - days),
  last: today,
  ...more,
});

describe('readUsageTotals', () => {
  test('adds up a period, a shop, an operation; the percentiles are those of the contract', async () => {
    expect(await readUsageTotals(database.db, lastDays(7))).toMatchObject({ count: 7, successCount: 4 });
    const { durations, ...totals } = await readUsageTotals(database.db, lastDays(7, { operation: 'search_products' }));
    expect(totals).toEqual({ count: 4, successCount: 4, durationSumMs: 1000 });
    expect([50, 95, 99].map((p) => Math.round(percentileOf(durations, p)))).toEqual([198, 400, 400]);
    expect(await readUsageTotals(database.db, lastDays(7, { domain: 'b.example' }))).toMatchObject({ count: 2 });
    expect(await readUsageTotals(database.db, lastDays(7, { domain: 'a.example', operation: 'get_cart' }))).toMatchObject({ count: 1 });
    expect(await readUsageTotals(database.db, lastDays(1))).toMatchObject({ count: 3 });
  });

  test('is all zero for a shop that nobody knows', async () => {
    expect(await readUsageTotals(database.db, lastDays(7, { domain: 'nobody.example' }))).toEqual({
      count: 0,
      successCount: 0,
      durationSumMs: 0,
      durations: { zeroCount: 0, buckets: [], min: 0, max: 0 },
    });
  });
});

describe('the maps', () => {
  test('hold what happened, most frequent first', async () => {
    expect(await readOperationCounts(database.db, lastDays(7))).toEqual([
      ['search_products', 4],
      ['get_cart', 3],
    ]);
    expect(await readOperationCounts(database.db, lastDays(7, { operation: 'get_cart', domain: 'b.example' }))).toEqual([['get_cart', 2]]);
    expect(await readErrorCounts(database.db, lastDays(7))).toEqual([
      ['NotFound', 2],
      ['Timeout', 1],
    ]);
  });
});

describe('readNewestOperations', () => {
  const durations = async (filter: UsageFilter, limit: number): Promise<number[]> =>
    (await readNewestOperations(database.db, filter, limit)).map(({ duration_ms }) => duration_ms);

  test('are the newest of all shops, newest first', async () => {
    expect(await durations(lastDays(7), 100)).toEqual([60, 50, 100, 70, 200, 300, 400]);
    expect(await durations(lastDays(7), 3)).toEqual([60, 50, 100]);
    expect(await durations(lastDays(1), 100)).toEqual([60, 50, 100]);
  });

  test('of one shop or operation', async () => {
    expect(await durations(lastDays(7, { domain: 'b.example' }), 100)).toEqual([60, 50]);
    expect(await durations(lastDays(7, { operation: 'get_cart' }), 2)).toEqual([60, 50]);
    expect(await durations(lastDays(7, { operation: 'get_cart', domain: 'a.example' }), 5)).toEqual([70]);
    expect(await durations(lastDays(7, { domain: 'nobody.example' }), 5)).toEqual([]);
  });
});

describe('readErrorGroups', () => {
  test('groups failures by type, with where they happened and what they said, digits folded', async () => {
    const groups = await readErrorGroups(database.db, lastDays(7));
    expect(groups).toEqual([
      {
        errorType: 'NotFound',
        count: 2,
        firstSeen: new Date(noon.getTime() + 1),
        lastSeen: new Date(noon.getTime() + 2),
        operations: [{ operation: 'get_cart', count: 2 }],
        domains: [{ domain: 'b.example', count: 2 }],
        messages: [{ message: 'order # not found', count: 2 }],
      },
      {
        errorType: 'Timeout',
        count: 1,
        firstSeen: new Date(noon.getTime() - dayMs + 1),
        lastSeen: new Date(noon.getTime() - dayMs + 1),
        operations: [{ operation: 'get_cart', count: 1 }],
        domains: [{ domain: 'a.example', count: 1 }],
        messages: [],
      },
    ]);
    expect(await readErrorGroups(database.db, lastDays(7, { domain: 'a.example' }))).toMatchObject([{ errorType: 'Timeout' }]);
    expect(await readErrorGroups(database.db, lastDays(7, { operation: 'search_products' }))).toEqual([]);
  });
});
