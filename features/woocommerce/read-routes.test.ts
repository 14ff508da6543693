import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startService } from '../../local/processes.ts';
import { startWooCommerceStandIn, type StandInMode, type WooCommerceStandIn } from '../../local/woocommerce-stand-in.ts';
import { setCustomerConfig } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { anOperation, storeOperations, type OperationChanges } from '../../test/support/operations.ts';
import { createPastMonths } from '../../test/support/past-months.ts';
import { servicePorts } from '../../test/support/service-process.ts';
import { insertOrganization, portalToken, runApi, testEnvironment } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { addDays, startOfUtcDay, utcDayOf } from '../../platform/time/utc-day.ts';

/** Today, as the partitions are the server's, and always the same time of day. */
const now = new Date(startOfUtcDay(utcDayOf(new Date())).getTime() + 10 * 3_600_000);
const today = utcDayOf(now);
const dayMs = 86_400_000;
const encryptionKey = randomBytes(32);

let database: TestDatabase;
let api: Awaited<ReturnType<typeof runApi>>;
let org: { id: number; key: string };
let token: string;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  for (const table of ['metrics', 'daily', 'buckets']) await createPastMonths(database, `woocommerce_usage_${table}`, 3);
  api = await runApi(database, {
    now: () => now,
    environment: { CONFIG_ENCRYPTION_KEY: encryptionKey.toString('base64'), WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true' },
  });
});
afterAll(async () => {
  await api.stop();
  await database.drop();
});
beforeEach(async () => {
  org = await newOrganization();
  token = await tokenOf(org.key);
});

/** Organizations are cached by key for a minute: each test has its own. */
function newOrganization(): Promise<{ id: number; key: string }> {
  unique += 1;
  return insertOrganization(database, { key: `owner-${unique}` });
}

const tokenOf = (orgKey: string, claims: Record<string, unknown> = {}): Promise<string> =>
  portalToken(orgKey, { exp: now.getTime() / 1000 + 600, ...claims });

interface Asked {
  token?: string | undefined;
  url?: string;
}

function ask(path: string, { url = api.url, ...asked }: Asked = {}): Promise<Response> {
  const bearer = 'token' in asked ? asked.token : token;
  return fetch(`${url}/api/woocommerce/${path}`, bearer === undefined ? {} : { headers: { authorization: `Bearer ${bearer}` } });
}

/** `data` of a 200. */
async function read<Data = Record<string, unknown>>(path: string, asked?: Asked): Promise<Data> {
  const response = await ask(path, asked);
  const body = (await response.json()) as { data: Data };
  expect([path, response.status, body], path).toEqual([path, 200, { success: true, data: body.data }]);
  return body.data;
}

const store = (...changes: OperationChanges[]): Promise<void> =>
  storeOperations(
    database,
    org.id,
    changes.map((change) => anOperation({ createdAt: now, ...change })),
  );
const minutesAgo = (minutes: number): Date => new Date(now.getTime() - minutes * 60_000);
const daysAgo = (days: number, ms = 0): Date => new Date(now.getTime() - days * dayMs + ms);
const ids = Array.from({ length: 9 }, (_, n) => `00000000-0000-4000-8000-00000000000${n}`);

const noStats = {
  total_operations: 0,
  success_rate: 0,
  avg_duration_ms: 0,
  p50_duration_ms: 0,
  p95_duration_ms: 0,
  p99_duration_ms: 0,
  operations_by_type: {},
  errors_by_type: {},
};

interface Stats extends Record<string, unknown> {
  total_operations: number;
  success_rate: number;
  operations_by_type: Record<string, number>;
  errors_by_type: Record<string, number>;
}
interface Analytics {
  metrics: { id: string; duration_ms: number; domain: string; created_at: string; customer_config_id: string | null }[];
  stats: Stats;
  filters: Record<string, unknown>;
}

describe('GET /api/woocommerce/analytics', () => {
  const analytics = (query = '', asked?: Asked): Promise<Analytics> => read<Analytics>(`analytics${query}`, asked);

  test('answers the figures of the period and the newest operations, exactly in the fields of the contract', async () => {
    const configId = randomUUID();
    await database.query('insert into customer_configs (id, org_id, domain) values ($1, $2, $3)', [configId, org.id, 'known.example']);
    await store(
      { id: ids[1], durationMs: 2067, domain: 'known.example', userAgent: 'chat/1', createdAt: minutesAgo(1) },
      {
        id: ids[2],
        operation: 'add_to_cart',
        durationMs: 31,
        errorType: 'OutOfStock',
        errorMessage: 'none left',
        createdAt: minutesAgo(2),
      },
      { id: ids[3], durationMs: 402, createdAt: daysAgo(6) },
    );
    const response = await ask('analytics');
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('ratelimit-limit')).toBe('120000');
    const common = { domain: 'shop.example', customer_config_id: null, user_agent: null };
    expect(await response.json()).toEqual({
      success: true,
      data: {
        metrics: [
          {
            ...common,
            id: ids[1],
            operation: 'search_products',
            duration_ms: 2067,
            success: true,
            error_type: null,
            error_message: null,
            domain: 'known.example',
            customer_config_id: configId,
            user_agent: 'chat/1',
            created_at: minutesAgo(1).toISOString(),
          },
          {
            ...common,
            id: ids[2],
            operation: 'add_to_cart',
            duration_ms: 31,
            success: false,
            error_type: 'OutOfStock',
            error_message: 'none left',
            created_at: minutesAgo(2).toISOString(),
          },
          {
            ...common,
            id: ids[3],
            operation: 'search_products',
            duration_ms: 402,
            success: true,
            error_type: null,
            error_message: null,
            created_at: daysAgo(6).toISOString(),
          },
        ],
        stats: {
          total_operations: 3,
          success_rate: 66.7,
          avg_duration_ms: 833,
          p50_duration_ms: 399,
          p95_duration_ms: 2067,
          p99_duration_ms: 2067,
          operations_by_type: { search_products: 2, add_to_cart: 1 },
          errors_by_type: { OutOfStock: 1 },
        },
        filters: { days: 7, limit: 100 },
      },
    });
  });

  test('11 of 17 successful are 64.7 %, and the maps are ordered by count, then by name', async () => {
    const failed = (['ValidationError', 'ValidationError', 'ValidationError', 'CouponInvalid', 'CouponInvalid', 'NotFound'] as const).map(
      (errorType) => ({ operation: 'validate_coupon', errorType }) as const,
    );
    const succeeded = Array.from({ length: 11 }, (_, n) => ({ operation: n < 6 ? 'search_products' : 'check_order' }) as const);
    await store(...failed, ...succeeded);
    const { stats } = await analytics();
    expect(stats).toMatchObject({ total_operations: 17, success_rate: 64.7 });
    expect(Object.entries(stats.operations_by_type)).toEqual([
      ['search_products', 6],
      ['validate_coupon', 6],
      ['check_order', 5],
    ]);
    expect(Object.entries(stats.errors_by_type)).toEqual([
      ['ValidationError', 3],
      ['CouponInvalid', 2],
      ['NotFound', 1],
    ]);
  });

  test('100, 200, 300 and 400 ms: average 250, p50 198, p95 and p99 400', async () => {
    await store({ durationMs: 100 }, { durationMs: 200 }, { durationMs: 300 }, { durationMs: 400 });
    expect((await analytics()).stats).toMatchObject({
      avg_duration_ms: 250,
      p50_duration_ms: 198,
      p95_duration_ms: 400,
      p99_duration_ms: 400,
    });
  });

  test('limit cuts the list and not the figures: of 5000 operations 10 are shown, the newest first', async () => {
    for (let thousand = 0; thousand < 5; thousand += 1) {
      await store(
        ...Array.from({ length: 1000 }, (_, n) => ({ durationMs: thousand * 1000 + n, createdAt: daysAgo(0, -(thousand * 1000 + n)) })),
      );
    }
    const { metrics, stats, filters } = await analytics('?limit=10');
    expect(metrics.map(({ duration_ms }) => duration_ms)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(stats.total_operations).toBe(5000);
    expect(filters).toEqual({ days: 7, limit: 10 });
    expect((await analytics('?limit=1000')).metrics).toHaveLength(1000);
    expect((await analytics()).metrics).toHaveLength(100);
  });

  test('operations of the same moment are shown by id, whichever shop they are of', async () => {
    await store({ id: ids[3] }, { id: ids[1], domain: 'b.example' }, { id: ids[2], domain: 'a.example' }, { id: ids[0] });
    expect((await analytics()).metrics.map(({ id }) => id)).toEqual([ids[0], ids[1], ids[2], ids[3]]);
    expect((await analytics('?limit=2')).metrics.map(({ id }) => id)).toEqual([ids[0], ids[1]]);
  });

  test('the period is the UTC days that end today: its first moment belongs to it, the one before and tomorrow do not', async () => {
    const first = startOfUtcDay(addDays(today, -6));
    await store(
      { durationMs: 1, createdAt: new Date(first.getTime() - 1) },
      { durationMs: 2, createdAt: first },
      { durationMs: 3, createdAt: new Date(startOfUtcDay(today).getTime() - 1) },
      { durationMs: 4, createdAt: startOfUtcDay(today) },
      { durationMs: 5, createdAt: new Date(startOfUtcDay(addDays(today, 1)).getTime() - 1) },
      { durationMs: 6, createdAt: startOfUtcDay(addDays(today, 1)) },
    );
    const shown = async (query: string): Promise<unknown> => {
      const { metrics, stats } = await analytics(query);
      return [metrics.map(({ duration_ms }) => duration_ms), stats.total_operations];
    };
    expect(await shown('?days=7')).toEqual([[5, 4, 3, 2], 4]);
    expect(await shown('?days=8')).toEqual([[5, 4, 3, 2, 1], 5]);
    expect(await shown('?days=1')).toEqual([[5, 4], 2]);
  });

  test('90 days are the most, and all of them are there', async () => {
    await store({ durationMs: 1, createdAt: daysAgo(90) }, { durationMs: 2, createdAt: daysAgo(89) }, { durationMs: 3 });
    const { metrics, stats, filters } = await analytics('?days=90');
    expect(metrics.map(({ duration_ms }) => duration_ms)).toEqual([3, 2]);
    expect(stats.total_operations).toBe(2);
    expect(filters).toEqual({ days: 90, limit: 100 });
  });

  test('of one shop, of one operation, of both; filters tell what was asked for', async () => {
    await store(
      { durationMs: 1 },
      { durationMs: 2, operation: 'get_cart' },
      { durationMs: 3, operation: 'get_cart', domain: 'other.example', errorType: 'Timeout' },
    );
    const shown = async (query: string): Promise<unknown> => {
      const { metrics, stats, filters } = await analytics(query);
      return [metrics.map(({ duration_ms }) => duration_ms).toSorted(), stats.operations_by_type, stats.errors_by_type, filters];
    };
    const usual = { days: 7, limit: 100 };
    expect(await shown('')).toEqual([[1, 2, 3], { get_cart: 2, search_products: 1 }, { Timeout: 1 }, usual]);
    expect(await shown('?domain=shop.example')).toEqual([
      [1, 2],
      { get_cart: 1, search_products: 1 },
      {},
      { ...usual, domain: 'shop.example' },
    ]);
    expect(await shown('?operation=get_cart')).toEqual([[2, 3], { get_cart: 2 }, { Timeout: 1 }, { ...usual, operation: 'get_cart' }]);
    expect(await shown('?operation=get_cart&domain=shop.example&days=2&limit=1')).toEqual([
      [2],
      { get_cart: 1 },
      {},
      { domain: 'shop.example', operation: 'get_cart', days: 2, limit: 1 },
    ]);
  });

  test.each(['HTTPS://Shop.Example:443/x', 'shop.example.', ' SHOP.EXAMPLE '])('a shop called %j is shop.example', async (name) => {
    await store({ durationMs: 1 });
    const { stats, filters } = await analytics(`?domain=${encodeURIComponent(name)}`);
    expect(stats.total_operations).toBe(1);
    expect(filters).toEqual({ domain: 'shop.example', days: 7, limit: 100 });
  });

  test('a shop without operations is zeros, and so is an organization without any; what nobody knows is left out', async () => {
    expect(await analytics('?theme=dark')).toEqual({ metrics: [], stats: noStats, filters: { days: 7, limit: 100 } });
    await store({ durationMs: 1 });
    expect(await analytics('?domain=nobody.example')).toEqual({
      metrics: [],
      stats: noStats,
      filters: { domain: 'nobody.example', days: 7, limit: 100 },
    });
  });

  test.each([
    ['days=0', 'days'],
    ['days=91', 'days'],
    ['days=7.5', 'days'],
    ['days=%2B7', 'days'],
    ['days=-1', 'days'],
    ['days=1e1', 'days'],
    ['days=NaN', 'days'],
    ['days=Infinity', 'days'],
    ['days=%207', 'days'],
    ['days=٧', 'days'],
    ['days=99999999999999999999', 'days'],
    ['days=', 'days'],
    ['days=7&days=7', 'days'],
    ['limit=0', 'limit'],
    ['limit=all', 'limit'],
    ['limit=10&limit=10', 'limit'],
    ['operation=get_cart&operation=get_cart', 'operation'],
    ['operation=Get_Cart', 'operation'],
    ['limit=1001', 'limit'],
    ['operation=list_everything', 'operation'],
    ['operation=*', 'operation'],
    ['operation=', 'operation'],
    ['domain=*', 'domain'],
    ['domain=', 'domain'],
    ['domain=not%20a%20host', 'domain'],
    ['domain=a.example&domain=b.example', 'domain'],
  ])('%s is 400 and names the parameter', async (query, path) => {
    for (const asked of [{}, { token: undefined }]) {
      const response = await ask(`analytics?${query}`, asked);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: 'VALIDATION_ERROR', issues: [{ path }] } });
    }
  });

  test('without credentials is 200 and empty; with a bad or an expired token it is 401, whatever else was asked', async () => {
    await store({ durationMs: 1 });
    expect(await analytics('', { token: undefined })).toEqual({ metrics: [], stats: noStats, filters: { days: 7, limit: 100 } });
    expect(await analytics('?domain=HTTPS://Shop.Example/&operation=get_cart&days=90&limit=5', { token: undefined })).toEqual({
      metrics: [],
      stats: noStats,
      filters: { domain: 'shop.example', operation: 'get_cart', days: 90, limit: 5 },
    });
    const expired = await tokenOf(org.key, { exp: now.getTime() / 1000 - 60 });
    for (const [bad, code] of [
      ['nonsense', 'UNAUTHENTICATED'],
      [expired, 'TOKEN_EXPIRED'],
    ] as const) {
      const response = await ask('analytics?days=0', { token: bad });
      expect([response.status, await response.json()]).toEqual([401, { error: expect.objectContaining({ code }) as unknown }]);
    }
  });

  test('what arrives while an answer is read is in all of its numbers or in none', async () => {
    let stored = 0;
    let reading = true;
    const storing = (async () => {
      while (reading) {
        await store({ errorType: 'Timeout' }, { errorType: 'NotFound', operation: 'get_cart' }, {});
        stored += 3;
      }
    })();
    try {
      for (let round = 0; round < 25; round += 1) {
        const { stats, metrics } = await analytics('?limit=1000');
        const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((total, count) => total + count, 0);
        expect(sum(stats.operations_by_type)).toBe(stats.total_operations);
        expect(sum(stats.errors_by_type)).toBe((stats.total_operations / 3) * 2);
        expect(metrics).toHaveLength(Math.min(1000, stats.total_operations));
      }
    } finally {
      reading = false;
      await storing;
    }
    expect((await analytics()).stats.total_operations).toBe(stored);
  });
});

interface Trends {
  weeks: (Record<string, unknown> & { from: string; to: string; total_operations: number })[];
  change: Record<string, number | null>;
  by_operation: unknown[];
  filters: unknown;
}

describe('GET /api/woocommerce/trends', () => {
  const trends = (query = ''): Promise<Trends> => read<Trends>(`trends${query}`);
  const times = (count: number, change: OperationChanges): OperationChanges[] => Array.from({ length: count }, () => change);

  test('compares the last seven days with the seven before, in the fields of the contract', async () => {
    await store(
      ...times(60, { durationMs: 100 }),
      ...times(54, { operation: 'get_cart', durationMs: 100 }),
      ...times(6, { operation: 'get_cart', durationMs: 100, errorType: 'Timeout' }),
      ...times(50, { durationMs: 200, createdAt: daysAgo(7) }),
      ...times(49, { operation: 'check_order', durationMs: 200, createdAt: daysAgo(13) }),
      { operation: 'check_order', durationMs: 200, createdAt: daysAgo(13), errorType: 'NotFound' },
    );
    const figures = (all: number, rate: number, ms: number): Record<string, number> => ({
      total_operations: all,
      success_rate: rate,
      avg_duration_ms: ms,
      p50_duration_ms: ms,
      p95_duration_ms: ms,
      p99_duration_ms: ms,
    });
    expect(await trends()).toEqual({
      weeks: [
        { week: 0, from: addDays(today, -6), to: today, ...figures(120, 95, 100) },
        { week: 1, from: addDays(today, -13), to: addDays(today, -7), ...figures(100, 99, 200) },
        { week: 2, from: addDays(today, -20), to: addDays(today, -14), ...figures(0, 0, 0) },
        { week: 3, from: addDays(today, -27), to: addDays(today, -21), ...figures(0, 0, 0) },
      ],
      change: { total_operations_pct: 20, success_rate_points: -4, avg_duration_pct: -50, p95_duration_pct: -50 },
      by_operation: [
        { operation: 'get_cart', current: 60, previous: 0, change_pct: null },
        { operation: 'search_products', current: 60, previous: 50, change_pct: 20 },
        { operation: 'check_order', current: 0, previous: 50, change_pct: -100 },
      ],
      filters: { weeks: 4 },
    });
  });

  test('a day belongs to one week: the last seven end today, the seven before end a week ago', async () => {
    await store(
      { createdAt: startOfUtcDay(addDays(today, -6)) },
      { createdAt: new Date(startOfUtcDay(addDays(today, -6)).getTime() - 1) },
      { createdAt: startOfUtcDay(addDays(today, -13)) },
      { createdAt: new Date(startOfUtcDay(addDays(today, -13)).getTime() - 1) },
      { createdAt: startOfUtcDay(addDays(today, 1)) },
    );
    expect((await trends('?weeks=3')).weeks.map(({ total_operations }) => total_operations)).toEqual([1, 2, 1]);
  });

  test('a week without operations before it leaves nothing to compare with', async () => {
    const nothing = { total_operations_pct: null, success_rate_points: null, avg_duration_pct: null, p95_duration_pct: null };
    expect((await trends()).change).toEqual(nothing);
    await store({}, { createdAt: daysAgo(14) });
    expect((await trends()).change).toEqual(nothing);
  });

  test('goes back twelve weeks at most, of one shop or operation when asked', async () => {
    await store({ createdAt: daysAgo(83) }, { domain: 'other.example', operation: 'get_cart', createdAt: daysAgo(83) });
    const { weeks, filters } = await trends('?weeks=12');
    expect(weeks).toHaveLength(12);
    expect(weeks[11]).toMatchObject({ week: 11, from: addDays(today, -83), to: addDays(today, -77), total_operations: 2 });
    expect(filters).toEqual({ weeks: 12 });
    for (const [query, echoed] of [
      ['domain=OTHER.example', { domain: 'other.example' }],
      ['operation=get_cart', { operation: 'get_cart' }],
    ] as const) {
      const filtered = await trends(`?weeks=12&${query}`);
      expect(filtered.weeks[11]?.total_operations).toBe(1);
      expect(filtered.filters).toEqual({ weeks: 12, ...echoed });
    }
  });

  test.each(['weeks=1', 'weeks=13', 'weeks=two', 'weeks=NaN', 'weeks=4&weeks=4', 'operation=nothing', 'domain=*'])(
    '%s is 400',
    async (query) => {
      expect((await ask(`trends?${query}`)).status).toBe(400);
    },
  );
});

interface Errors {
  total_errors: number;
  groups: { error_type: string; count: number; share: number; domains: unknown[]; messages: unknown[] }[];
  filters: unknown;
}

describe('GET /api/woocommerce/errors', () => {
  const errors = (query = ''): Promise<Errors> => read<Errors>(`errors${query}`);

  test('groups failures by type across operations and shops, in the fields of the contract', async () => {
    await store(
      { operation: 'add_to_cart', errorType: 'ValidationError', errorMessage: 'product 17 not found', createdAt: daysAgo(3) },
      { operation: 'add_to_cart', errorType: 'ValidationError', errorMessage: 'product 4711 not found', createdAt: daysAgo(2) },
      { operation: 'check_stock', domain: 'b.example', errorType: 'ValidationError', createdAt: daysAgo(1) },
      { operation: 'validate_coupon', errorType: 'CouponInvalid', errorMessage: 'expired', createdAt: minutesAgo(2) },
      { operation: 'validate_coupon', errorType: 'CouponInvalid', errorMessage: 'used up', createdAt: minutesAgo(1) },
      { operation: 'check_order', errorType: 'NotFound', createdAt: minutesAgo(3) },
      {},
    );
    expect(await errors()).toEqual({
      total_errors: 6,
      groups: [
        {
          error_type: 'ValidationError',
          count: 3,
          share: 50,
          first_seen: daysAgo(3).toISOString(),
          last_seen: daysAgo(1).toISOString(),
          operations: [
            { operation: 'add_to_cart', count: 2 },
            { operation: 'check_stock', count: 1 },
          ],
          domains: [
            { domain: 'shop.example', count: 2 },
            { domain: 'b.example', count: 1 },
          ],
          messages: [{ message: 'product # not found', count: 2 }],
        },
        {
          error_type: 'CouponInvalid',
          count: 2,
          share: 33.3,
          first_seen: minutesAgo(2).toISOString(),
          last_seen: minutesAgo(1).toISOString(),
          operations: [{ operation: 'validate_coupon', count: 2 }],
          domains: [{ domain: 'shop.example', count: 2 }],
          messages: [
            { message: 'expired', count: 1 },
            { message: 'used up', count: 1 },
          ],
        },
        {
          error_type: 'NotFound',
          count: 1,
          share: 16.7,
          first_seen: minutesAgo(3).toISOString(),
          last_seen: minutesAgo(3).toISOString(),
          operations: [{ operation: 'check_order', count: 1 }],
          domains: [{ domain: 'shop.example', count: 1 }],
          messages: [],
        },
      ],
      filters: { days: 7 },
    });
  });

  test('shows ten shops and three messages of a type, and all of its operations; ties by name', async () => {
    const names = ['add_to_cart', 'check_order', 'get_cart', 'check_stock', 'check_price', 'cancel_order', 'get_order_notes'] as const;
    await store(
      ...Array.from(
        { length: 12 },
        (_, n) => ({ domain: `shop-${n}.example`, errorType: 'Timeout', errorMessage: `m${'x'.repeat(n)}` }) as const,
      ),
      ...names.map((operation) => ({ operation, domain: 'shop-11.example', errorType: 'Timeout', errorMessage: 'mxx' }) as const),
    );
    const [group] = (await errors()).groups;
    expect(group).toMatchObject({
      count: 19,
      share: 100,
      operations: [{ operation: 'search_products', count: 12 }, ...names.toSorted().map((operation) => ({ operation, count: 1 }))],
      domains: [
        { domain: 'shop-11.example', count: 8 },
        ...[0, 1, 10, 2, 3, 4, 5, 6, 7].map((n) => ({ domain: `shop-${n}.example`, count: 1 })),
      ],
      messages: [
        { message: 'mxx', count: 8 },
        { message: 'm', count: 1 },
        { message: 'mx', count: 1 },
      ],
    });
  });

  test('types of the same count are ordered by name, and without failures there are none', async () => {
    await store({});
    expect(await errors()).toEqual({ total_errors: 0, groups: [], filters: { days: 7 } });
    await store({ errorType: 'Unknown' }, { errorType: 'NotFound' }, { errorType: 'Timeout' });
    const { groups } = await errors();
    expect(groups.map(({ error_type, share }) => [error_type, share])).toEqual([
      ['NotFound', 33.3],
      ['Timeout', 33.3],
      ['Unknown', 33.3],
    ]);
  });

  test('of a shop, an operation, a period; the days are those of analytics, and so is the sum', async () => {
    await store(
      { errorType: 'NotFound', createdAt: daysAgo(89) },
      { errorType: 'NotFound', createdAt: daysAgo(90) },
      { errorType: 'Timeout', domain: 'b.example', operation: 'get_cart' },
    );
    const count = async (query: string): Promise<unknown> => {
      const { total_errors, filters } = await errors(query);
      return [total_errors, filters];
    };
    expect(await count('')).toEqual([1, { days: 7 }]);
    expect(await count('?days=90')).toEqual([2, { days: 90 }]);
    expect(await count('?domain=https://B.example')).toEqual([1, { domain: 'b.example', days: 7 }]);
    expect(await count('?domain=shop.example')).toEqual([0, { domain: 'shop.example', days: 7 }]);
    expect(await count('?operation=get_cart&days=1')).toEqual([1, { operation: 'get_cart', days: 1 }]);
    const { stats } = await read<Analytics>('analytics?days=90');
    expect(stats.errors_by_type).toEqual({ NotFound: 1, Timeout: 1 });
  });

  test.each(['days=0', 'days=91', 'days=NaN', 'days=7&days=7', 'operation=nothing', 'domain=*', 'domain=a.example&domain=a.example'])(
    '%s is 400',
    async (query) => {
      expect((await ask(`errors?${query}`)).status).toBe(400);
    },
  );
});

interface Health {
  success: boolean;
  data: { overall_status: string; health_checks: Record<string, unknown>[] };
}

describe('GET /api/woocommerce/health', () => {
  const shops: WooCommerceStandIn[] = [];
  afterAll(async () => {
    for (const shop of shops) await shop.close();
  });

  async function startShop(mode: StandInMode = { kind: 'normal' }): Promise<WooCommerceStandIn> {
    const shop = await startWooCommerceStandIn({ mode });
    shops.push(shop);
    return shop;
  }

  /** Domains are of one organization only: `name` stands for one of this test. */
  const domainOf = (name: string, owner = org): string => `${name}.${owner.key}.example`;

  async function configure(name: string, shop: WooCommerceStandIn, owner = org): Promise<void> {
    await setCustomerConfig(database.db, {
      orgKey: owner.key,
      domain: domainOf(name, owner),
      woocommerceUrl: shop.url,
      credentials: { consumerKey: shop.consumerKey, consumerSecret: shop.consumerSecret },
      encryptionKey,
    });
  }

  const health = async (query = '', asked?: Asked): Promise<Health> => {
    const response = await ask(`health${query}`, asked);
    expect(response.status).toBe(200);
    return (await response.json()) as Health;
  };
  const anyTime = expect.any(Number) as number;
  const none = { success: false, message: 'No WooCommerce store configured', data: { configured_domains: [], health_checks: [] } };

  test('one shop that answers and one that refuses are degraded, in the fields of the contract, by domain', async () => {
    const [good, bad] = [await startShop(), await startShop({ kind: 'unauthorized' })];
    await configure('shop', good);
    await configure('old', bad);
    expect(await health()).toEqual({
      success: true,
      data: {
        overall_status: 'degraded',
        healthy_domains: 1,
        total_domains: 2,
        health_checks: [
          {
            domain: domainOf('old'),
            status: 'error',
            message: 'HTTP 401',
            response_time_ms: anyTime,
            error_type: 'ConfigurationError',
          },
          {
            domain: domainOf('shop'),
            status: 'healthy',
            message: 'API responding',
            response_time_ms: anyTime,
            woocommerce_url: good.url,
          },
        ],
      },
    });
  });

  test('all that answer are healthy, however slowly; none that answers is critical', async () => {
    const shop = await startShop({ kind: 'slow', delayMs: 200 });
    await configure('a', shop);
    await configure('b', shop);
    expect((await health()).data).toMatchObject({ overall_status: 'healthy', healthy_domains: 2, total_domains: 2 });
    shop.setMode({ kind: 'failing', status: 500 });
    expect((await health()).data).toMatchObject({
      overall_status: 'critical',
      healthy_domains: 0,
      total_domains: 2,
      health_checks: [
        { message: 'HTTP 500', error_type: 'UpstreamError' },
        { message: 'HTTP 500', error_type: 'UpstreamError' },
      ],
    });
  });

  test('of one shop, however it is spelled; nothing that matches is no shop configured', async () => {
    expect(await health()).toEqual(none);
    await database.query('insert into customer_configs (id, org_id, domain) values ($1, $2, $3)', [
      randomUUID(),
      org.id,
      domainOf('without-url'),
    ]);
    expect(await health()).toEqual(none);
    const shop = await startShop();
    await configure('a', shop);
    await configure('b', shop);
    const one = await health(`?domain=${encodeURIComponent(`HTTPS://${domainOf('a').toUpperCase()}:443/x`)}`);
    expect(one.data.health_checks).toMatchObject([{ domain: domainOf('a') }]);
    expect(await health('?domain=nobody.example')).toEqual(none);
    expect((await ask('health?domain=*')).status).toBe(400);
  });

  test('a shop of another organization is not there, and nobody asks it', async () => {
    const shop = await startShop();
    const other = await newOrganization();
    await configure('shop', shop, other);
    expect(await health()).toEqual(none);
    expect(await health(`?domain=${domainOf('shop', other)}`)).toEqual(none);
    expect(shop.requests).toEqual([]);
  });

  test('a host that is not on the public internet is refused and not asked, unless that is allowed', async () => {
    const guarded = await runApi(database, {
      now: () => now,
      environment: { CONFIG_ENCRYPTION_KEY: encryptionKey.toString('base64') },
    });
    const shop = await startShop();
    await configure('shop', shop);
    const refused = async (url: string): Promise<unknown> => {
      await database.query('update customer_configs set woocommerce_url = $2 where org_id = $1', [org.id, url]);
      return (await health('', { url: guarded.url })).data.health_checks[0];
    };
    const { port } = new URL(shop.url);
    const answers = [
      await refused(shop.url),
      await refused(`https://127.0.0.1:${port}`),
      await refused('https://10.0.0.5'),
      await refused('https://169.254.169.254'),
      await refused('https://[::1]'),
      await refused('https://[::ffff:10.0.0.1]'),
      // Other spellings of these, and of other places inside.
      await refused(`https://127.1:${port}`),
      await refused(`https://2130706433:${port}`),
      await refused(`https://0x7f000001:${port}`),
      await refused(`https://0177.0.0.1:${port}`),
      await refused(`https://①②⑦.0.0.1:${port}`),
      await refused(`https://0:${port}`),
      await refused(`https://localhost:${port}`),
      await refused(`https://Shop.LOCALHOST.:${port}`),
      await refused('https://[::ffff:a9fe:a9fe]'),
      await refused('https://[64:ff9b::10.0.0.5]'),
      await refused('https://[2002:a00:5::1]'),
      await refused('https://[fd00::1]'),
      await refused('https://100.64.0.1'),
    ];
    await guarded.stop();
    for (const answer of answers) {
      expect(answer).toEqual({
        domain: domainOf('shop'),
        status: 'error',
        message: expect.stringMatching(/^the (URL must begin with https:\/\/|host is not on the public internet)$/) as string,
        response_time_ms: anyTime,
        error_type: 'ConfigurationError',
      });
    }
    expect(shop.requests).toEqual([]);
  });

  test('a URL that is no https address of a host, or holds a user, is refused and not asked', async () => {
    const shop = await startShop();
    const { host } = new URL(shop.url);
    await configure('shop', shop);
    for (const url of [
      `http://${shop.consumerKey}:${shop.consumerSecret}@${host}`,
      `http://user@${host}`,
      `ftp://${host}`,
      'file:///etc/passwd',
      host,
      '',
    ]) {
      await database.query('update customer_configs set woocommerce_url = $2 where org_id = $1', [org.id, url]);
      const { data } = await health();
      expect(data.health_checks, url).toMatchObject([{ status: 'error', error_type: 'ConfigurationError' }]);
      expect(JSON.stringify(data)).not.toContain(shop.consumerSecret);
    }
    expect(shop.requests).toEqual([]);
  });

  test(
    'every way to fail has its type; a shop without an answer is a Timeout at 10 s and keeps no other waiting',
    { timeout: 30_000 },
    async () => {
      const elsewhere = await startShop();
      const modes: [name: string, StandInMode][] = [
        ['a-forbids', { kind: 'failing', status: 403 }],
        ['b-fails', { kind: 'failing', status: 502 }],
        ['c-hangs', { kind: 'hanging' }],
        ['d-huge', { kind: 'huge' }],
        ['e-malformed', { kind: 'malformed' }],
        ['f-redirects', { kind: 'redirecting', location: `${elsewhere.url}/wp-json/wc/v3/system_status` }],
        ['g-works', { kind: 'normal' }],
      ];
      for (const [name, mode] of modes) await configure(name, await startShop(mode));
      const startedAt = performance.now();
      const { data } = await health();
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      expect(data.health_checks.map(({ error_type, message }) => [error_type, message])).toEqual([
        ['ConfigurationError', 'HTTP 403'],
        ['UpstreamError', 'HTTP 502'],
        ['Timeout', 'no answer within 10 s'],
        ['UpstreamError', 'the answer is larger than 5242880 bytes'],
        ['UpstreamError', 'the answer of system_status is not what WooCommerce answers'],
        ['UpstreamError', 'HTTP 301'],
        [undefined, 'API responding'],
      ]);
      expect(data).toMatchObject({ overall_status: 'degraded', healthy_domains: 1, total_domains: 7 });
      const times = data.health_checks.map(({ response_time_ms: ms }) => Number(ms));
      expect(times[2]).toBeGreaterThanOrEqual(9900);
      expect(Math.max(...times.filter((_ms, index) => index !== 2))).toBeLessThan(9000);
      expect(elsewhere.requests).toEqual([]);
    },
  );

  test('nothing that the process logs, at any level, holds credentials or what a shop has sent', { timeout: 30_000 }, async () => {
    const shop = await startShop({ kind: 'answering', route: 'system_status', body: '["what the shop has sent"]' });
    await configure('shop', shop);
    const lines: string[] = [];
    const ports = await servicePorts();
    const process = startService('api', {
      env: {
        ...globalThis.process.env,
        ...testEnvironment(database, {
          LOG_LEVEL: 'trace',
          API_PORT: String(ports.api),
          API_METRICS_PORT: String(ports.apiMetrics),
          CONFIG_ENCRYPTION_KEY: encryptionKey.toString('base64'),
          WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true',
        }),
      },
      onLine: (line) => lines.push(line),
    });
    const url = `http://127.0.0.1:${ports.api}`;
    const asked = { url, token: await portalToken(org.key) };
    const answers: string[] = [];
    try {
      await waitUntil(async () => (await fetch(`${url}/healthz`)).status === 200, { within: 20_000, what: 'the API' });
      answers.push(JSON.stringify(await health('', asked)));
      shop.setMode({ kind: 'unauthorized' });
      answers.push(JSON.stringify(await health('', asked)));
      await database.query(`update customer_configs set consumer_secret_enc = '\\x00' where org_id = $1`, [org.id]);
      answers.push(JSON.stringify(await health('', asked)));
    } finally {
      await process.stop();
    }
    expect(lines.length).toBeGreaterThan(0);
    const told = [...lines, ...answers].join('\n');
    expect(told).toContain('HTTP 401');
    for (const secret of [shop.consumerKey, shop.consumerSecret, 'what the shop has sent', encryptionKey.toString('base64'), asked.token]) {
      expect(told).not.toContain(secret);
    }
  });

  test('credentials that were sealed with the previous key open while keys are changed', async () => {
    const shop = await startShop();
    await configure('shop', shop);
    const rotated = async (environment: Record<string, string>): Promise<unknown> => {
      const other = await runApi(database, { now: () => now, environment: { WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true', ...environment } });
      const { data } = await health('', { url: other.url });
      await other.stop();
      return data.health_checks[0];
    };
    const next = randomBytes(32).toString('base64');
    const previous = encryptionKey.toString('base64');
    expect(await rotated({ CONFIG_ENCRYPTION_KEY: next, CONFIG_ENCRYPTION_KEY_PREVIOUS: previous })).toMatchObject({ status: 'healthy' });
    expect(await rotated({ CONFIG_ENCRYPTION_KEY: next })).toMatchObject({ status: 'error', error_type: 'ConfigurationError' });
  });

  test('is answered ten times a minute for an organization, whichever of its users asks', async () => {
    const limited = await runApi(database, { now: () => now, environment: { RATE_LIMIT_MULTIPLIER: '1' } });
    const tokens = [token, await tokenOf(org.key, { sub: 'user-2' })];
    const statuses: number[] = [];
    for (let n = 0; n < 11; n += 1) statuses.push((await ask('health', { url: limited.url, token: tokens[n % 2] })).status);
    const other = await ask('health', { url: limited.url, token: await tokenOf((await newOrganization()).key) });
    const analytics = await ask('analytics', { url: limited.url });
    await limited.stop();
    expect(statuses).toEqual([...Array<number>(10).fill(200), 429]);
    expect(other.status).toBe(200);
    expect(other.headers.get('ratelimit-limit')).toBe('10');
    expect(analytics.headers.get('ratelimit-limit')).toBe('120');
  });
});

describe('every route', () => {
  const paths = ['analytics', 'trends', 'errors', 'health'] as const;

  test.each(['trends', 'errors', 'health'])('%s is 401 without credentials, before anything else is looked at', async (path) => {
    const response = await ask(`${path}?days=0&weeks=0&domain=*`, { token: undefined });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
  });

  test('shows an organization its own operations, and no byte of another, whatever it asks for', async () => {
    const other = await newOrganization();
    const marker = 'marker';
    const marked = (durationMs: number): OperationChanges => ({
      operation: 'cancel_order',
      durationMs,
      domain: `${marker}.example`,
      errorType: 'InvalidState',
      errorMessage: marker,
      userAgent: marker,
    });
    await storeOperations(
      database,
      other.id,
      [1, 2, 3].map((n) => anOperation({ createdAt: now, ...marked(77_777 + n) })),
    );
    await database.query('insert into customer_configs (id, org_id, domain, woocommerce_url) values ($1, $2, $3, $4)', [
      randomUUID(),
      other.id,
      `${marker}-${other.key}.example`,
      `https://${marker}.example`,
    ]);
    await store({ durationMs: 5 });
    for (const path of paths) {
      for (const query of ['', `?domain=${marker}.example`, '?operation=cancel_order']) {
        const text = (await (await ask(path + (path === 'health' && query.includes('operation') ? '' : query))).text())
          // What was asked for is said back.
          .replace(/"filters":\{[^}]*\}/, '');
        expect(text, path + query).not.toMatch(/marker|7777|77778|InvalidState/);
      }
    }
    expect((await read<Analytics>('analytics')).stats.total_operations).toBe(1);
    expect(await (await ask('analytics', { token: await tokenOf(other.key) })).text()).toContain('77778');
  });

  test('is 503 while the database is away, says when to come back, and is well when it is back', async () => {
    await store({ durationMs: 5 });
    for (const path of paths) await ask(path);
    await database.refuseConnections();
    try {
      for (const path of paths) {
        const response = await ask(path);
        expect([path, response.status, response.headers.get('retry-after')]).toEqual([path, 503, '5']);
        expect(await response.json()).toMatchObject({ error: { code: 'DATABASE_UNAVAILABLE' } });
      }
      expect((await ask('analytics', { token: undefined })).status).toBe(200);
    } finally {
      await database.acceptConnections();
    }
    expect((await read<Analytics>('analytics')).stats.total_operations).toBe(1);
  });
});
