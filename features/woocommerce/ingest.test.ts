import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { createLogger } from '../../platform/log.ts';
import { sqlStateOf } from '../../platform/postgres/errors.ts';
import { openPool, withOrg, type Pool } from '../../platform/postgres/pool.ts';
import { percentileOf } from '../../platform/sketch/log-buckets.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { insertOrganization } from '../../test/support/services.ts';
import type { Operation } from './events.ts';
import { addOperations, type OperationUnit } from './ingest.ts';
import { readUsageTotals } from './queries.ts';

let database: TestDatabase;
let orgId: number;
let otherOrgId: number;
const at = new Date();

beforeAll(async () => {
  database = await createTestDatabase();
  orgId = (await insertOrganization(database, { key: 'shops' })).id;
  otherOrgId = (await insertOrganization(database, { key: 'others' })).id;
});
afterAll(() => database.drop());

function operation(changes: Partial<Operation> = {}): Operation {
  return {
    id: randomUUID(),
    operation: 'search_products',
    durationMs: 120,
    success: true,
    errorType: null,
    errorMessage: null,
    domain: 'shop.example',
    userAgent: null,
    createdAt: at,
    ...changes,
  };
}

const failed = (changes: Partial<Operation> = {}): Operation =>
  operation({ success: false, errorType: 'Timeout', errorMessage: 'no answer', ...changes });

const add = (...operations: Operation[]) =>
  addOperations(
    database.db,
    operations.map((stored): OperationUnit => ({ orgId, operation: stored })),
  );

/** The totals as they should be, counted anew from the raw rows by a statement that is written differently. */
async function recountedDaily(): Promise<unknown[]> {
  return database.query(
    `select org_id, metric_date as day, shop as domain, name as operation, count(*)::int, count(*) filter (where success)::int as success_count,
       sum(duration_ms)::int as duration_sum_ms, min(duration_ms) as duration_min_ms, max(duration_ms) as duration_max_ms,
       count(*) filter (where duration_ms = 0)::int as zero_count, max(created_at) as last_at
     from woocommerce_usage_metrics, unnest(array[domain, '*']) shop, unnest(array[operation, '*']) name
     group by org_id, metric_date, shop, name
     order by org_id, metric_date, shop collate "C", name collate "C"`,
  );
}

const storedDaily = (): Promise<unknown[]> =>
  database.query(
    `select org_id, day, domain, operation, count::int, success_count::int, duration_sum_ms::int, duration_min_ms, duration_max_ms,
       zero_count::int, last_at
     from woocommerce_usage_daily order by org_id, day, domain collate "C", operation collate "C"`,
  );

describe('addOperations', () => {
  test('stores each operation once: a known id is a duplicate, in the same write and in a later one', async () => {
    const first = operation();
    expect(await add(first, first, operation())).toEqual([
      { fate: 'stored', configured: false },
      { fate: 'duplicate' },
      { fate: 'stored', configured: false },
    ]);
    expect(await add(first)).toEqual([{ fate: 'duplicate' }]);
    expect(await database.query('select count(*)::int from woocommerce_usage_metrics where id = $1', [first.id])).toEqual([{ count: 1 }]);
    expect(await storedDaily()).toEqual(await recountedDaily());
  });

  test('links a shop of the own organization and never one of another', async () => {
    const [own, foreign] = [randomUUID(), randomUUID()];
    await database.query('insert into customer_configs (id, org_id, domain) values ($1, $2, $3), ($4, $5, $6)', [
      own,
      orgId,
      'own.example',
      foreign,
      otherOrgId,
      'foreign.example',
    ]);
    const [mine, theirs] = [operation({ domain: 'own.example' }), operation({ domain: 'foreign.example' })];
    expect(await add(mine, theirs)).toEqual([
      { fate: 'stored', configured: true },
      { fate: 'stored', configured: false },
    ]);
    const rows = await database.query<{ id: string; org_id: number; customer_config_id: string | null }>(
      'select id, org_id, customer_config_id from woocommerce_usage_metrics where id = any($1)',
      [[mine.id, theirs.id]],
    );
    expect(rows.find(({ id }) => id === mine.id)).toMatchObject({ org_id: orgId, customer_config_id: own });
    expect(rows.find(({ id }) => id === theirs.id)).toMatchObject({ org_id: orgId, customer_config_id: null });
  });

  test('knows no organization that is gone', async () => {
    expect(await addOperations(database.db, [{ orgId: 999_999, operation: operation() }])).toEqual([{ fate: 'org_gone' }]);
  });

  test('adds failures by type to the totals of shop, operation, and both', async () => {
    await add(failed({ domain: 'errors.example' }), failed({ domain: 'errors.example' }));
    await add(failed({ domain: 'errors.example', errorType: 'NotFound' }), operation({ domain: 'errors.example' }));
    const rows = await database.query(
      `select operation, errors_by_type, count::int from woocommerce_usage_daily where domain = 'errors.example' order by operation`,
    );
    const expected = { errors_by_type: { Timeout: 2, NotFound: 1 }, count: 4 };
    expect(rows).toEqual([
      { operation: '*', ...expected },
      { operation: 'search_products', ...expected },
    ]);
  });

  test('puts a duration into its log bucket, and 0 ms into none', async () => {
    await add(...[0, 1, 100, 100, 200].map((durationMs) => operation({ domain: 'buckets.example', durationMs })));
    expect(
      await database.query(
        `select bucket, count::int from woocommerce_usage_buckets where domain = 'buckets.example' and operation = '*' order by bucket`,
      ),
    ).toEqual([
      { bucket: 0, count: 1 },
      { bucket: 231, count: 2 },
      { bucket: 265, count: 1 },
    ]);
    expect(
      await database.query(`select zero_count::int from woocommerce_usage_daily where domain = 'buckets.example' and operation = '*'`),
    ).toEqual([{ zero_count: 1 }]);
  });

  test('keeps totals equal to a recount, whatever is written in which order, repeated or not', async () => {
    const someOperation = fc.record({
      operation: fc.constantFrom('search_products', 'get_cart', 'check_stock'),
      durationMs: fc.integer({ min: 0, max: 100_000 }),
      errorType: fc.constantFrom(null, 'Timeout', 'NotFound'),
      domain: fc.constantFrom('a.example', 'b.example', 'z.example'),
      daysAgo: fc.integer({ min: 0, max: 6 }),
      twice: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(someOperation, { maxLength: 20 }), { maxLength: 4 }), async (batches) => {
        const writes = batches.map((batch) =>
          batch.flatMap(({ daysAgo, twice, ...rest }) => {
            const one = operation({
              ...(rest as Partial<Operation>),
              success: rest.errorType === null,
              createdAt: new Date(at.getTime() - daysAgo * 86_400_000),
            });
            return twice ? [one, one] : [one];
          }),
        );
        await Promise.all([...writes, ...writes.slice(0, 1)].map((write) => add(...write)));
        expect(await storedDaily()).toEqual(await recountedDaily());
      }),
      { numRuns: 15 },
    );
    const bucketsOff = await database.query(
      `select daily.* from woocommerce_usage_daily daily where daily.count <> daily.zero_count + coalesce((
         select sum(buckets.count) from woocommerce_usage_buckets buckets
         where (buckets.org_id, buckets.day, buckets.domain, buckets.operation) = (daily.org_id, daily.day, daily.domain, daily.operation)), 0)`,
    );
    expect(bucketsOff).toEqual([]);
  });
});

describe('the roles of the database', () => {
  const poolOf = (role: 'observability_exporter' | 'observability_api' | 'observability_admin' | 'observability_jobs'): Pool =>
    openPool({
      connectionString: database.url(role),
      max: 1,
      applicationName: 'roles test',
      statementTimeoutMs: 5000,
      log: createLogger({ service: 'test', level: 'silent' }),
    });
  const insertAs = async (role: Parameters<typeof poolOf>[0]): Promise<string> => {
    const pool = poolOf(role);
    try {
      await addOperations(pool, [{ orgId, operation: operation() }]);
      return 'stored';
    } catch (error) {
      return sqlStateOf(error) ?? String(error);
    } finally {
      await pool.end();
    }
  };

  test('only the exporter stores operations', async () => {
    const insufficientPrivilege = '42501';
    expect(await insertAs('observability_exporter')).toBe('stored');
    for (const role of ['observability_api', 'observability_admin', 'observability_jobs'] as const) {
      expect([role, await insertAs(role)]).toEqual([role, insufficientPrivilege]);
    }
  });

  test('a user of an organization reads its rows alone, those without a shop included; without an organization there are none', async () => {
    await addOperations(database.db, [
      { orgId, operation: operation({ domain: 'unknown.example' }) },
      { orgId: otherOrgId, operation: operation() },
    ]);
    const pool = poolOf('observability_api');
    const owners = async (db: Pick<Pool, 'query'>, table: string): Promise<unknown[]> =>
      (await db.query<{ org_id: number }>(`select distinct org_id from ${table}`)).rows.map(({ org_id }) => org_id);
    for (const table of ['woocommerce_usage_metrics', 'woocommerce_usage_daily', 'woocommerce_usage_buckets']) {
      expect([table, await owners(pool, table)]).toEqual([table, []]);
      expect([table, await withOrg(pool, orgId, (db) => owners(db, table))]).toEqual([table, [orgId]]);
    }
    await pool.end();
  });
});

describe('percentiles of what three writers have stored', () => {
  const percents = [1, 25, 50, 75, 90, 95, 99, 99.9, 100] as const;
  let writers: Pool[];
  let unique = 0;

  beforeAll(() => {
    writers = [1, 2, 3].map((writer) =>
      openPool({
        connectionString: database.url('observability_exporter'),
        max: 2,
        applicationName: `writer ${writer}`,
        statementTimeoutMs: 10_000,
        log: createLogger({ service: 'exporter', level: 'silent' }),
      }),
    );
  });
  afterAll(async () => {
    for (const writer of writers) await writer.end();
  });

  const newOrgId = async (): Promise<number> => (await insertOrganization(database, { key: `measured-${(unique += 1)}` })).id;

  function batchesOf(operations: readonly Operation[], size: number): Operation[][] {
    return Array.from({ length: Math.ceil(operations.length / size) }, (_, n) => operations.slice(n * size, (n + 1) * size));
  }

  /** All writers at once, each its batches one after the other. */
  async function write(owner: number, queues: readonly (readonly Operation[][])[]): Promise<void> {
    await Promise.all(
      queues.map(async (batches, index) => {
        for (const batch of batches) {
          const writer = writers[index] ?? database.db;
          await addOperations(
            writer,
            batch.map((stored) => ({ orgId: owner, operation: stored })),
          );
        }
      }),
    );
  }

  async function answersOf(owner: number): Promise<{ durations: unknown; count: number; percentiles: number[] }> {
    const today = utcDayOf(at);
    const { durations, count } = await readUsageTotals(database.db, { orgId: owner, first: addDays(today, -6), last: today });
    return { durations, count, percentiles: percents.map((p) => percentileOf(durations, p)) };
  }

  function expectNear(percentiles: readonly number[], durations: readonly number[]): void {
    const sorted = durations.toSorted((left, right) => left - right);
    for (const [index, p] of percents.entries()) {
      const exact = sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? 0;
      expect(Math.abs((percentiles[index] ?? Number.NaN) - exact), `p${p}`).toBeLessThanOrEqual(exact * 0.01 + 1e-9);
    }
  }

  test('are those of one writer, whatever the order, the batches and the repeats, and within 1 % of the exact ones', async () => {
    const some = fc.record({
      durationMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 86_400_000 })),
      daysAgo: fc.integer({ min: 0, max: 6 }),
      writer: fc.constantFrom(0, 1, 2),
      place: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(some, { minLength: 1, maxLength: 120 }), fc.integer({ min: 1, max: 50 }), async (given, size) => {
        const operations = given.map(({ durationMs, daysAgo, ...rest }) => ({
          ...rest,
          stored: operation({ durationMs, createdAt: new Date(at.getTime() - daysAgo * 86_400_000) }),
        }));
        const [alone, together] = [await newOrgId(), await newOrgId()];
        await write(alone, [[operations.map(({ stored }) => stored)]]);
        const shuffled = operations.toSorted((left, right) => left.place - right.place);
        const queues = [0, 1, 2].map((index) =>
          batchesOf(
            shuffled.filter(({ writer }) => writer === index).map(({ stored }) => stored),
            size,
          ),
        );
        // Each batch is sent again by another writer, as after an answer that was lost.
        await write(
          together,
          queues.map((batches, index) => [...batches, ...(queues[(index + 1) % 3] ?? [])]),
        );
        const merged = await answersOf(together);
        expect(merged).toEqual(await answersOf(alone));
        expect(merged.count).toBe(given.length);
        expectNear(
          merged.percentiles,
          given.map(({ durationMs }) => durationMs),
        );
      }),
      { numRuns: 12 },
    );
  });

  test('are within 1 % of the exact ones of 12 000 durations, over shops, operations and days', async () => {
    const durations = Array.from({ length: 12_000 }, () => Math.round(Math.exp(Math.random() * 14)));
    const operations = durations.map((durationMs, n) =>
      operation({
        durationMs,
        operation: n % 2 === 0 ? 'search_products' : 'get_cart',
        domain: `shop-${n % 7}.example`,
        createdAt: new Date(at.getTime() - (n % 5) * 86_400_000),
      }),
    );
    const [forwards, backwards] = [await newOrgId(), await newOrgId()];
    const share = (all: readonly Operation[], index: number): Operation[][] =>
      batchesOf(
        all.filter((_stored, n) => n % 3 === index),
        1000,
      );
    await write(
      forwards,
      [0, 1, 2].map((index) => share(operations, index)),
    );
    await write(backwards, [batchesOf(operations.toReversed(), 1000)]);
    const merged = await answersOf(forwards);
    expect(merged).toEqual(await answersOf(backwards));
    expect(merged.count).toBe(12_000);
    expectNear(merged.percentiles, durations);
  });
});
