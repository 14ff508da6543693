import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { runApi, scrape, testIdentity } from '../../test/support/services.ts';
import type { Summary } from './summary.ts';
import { windowBefore } from './summary.ts';
import type { UtcDay } from '../../platform/time/utc-day.ts';

let database: TestDatabase;
let api: Awaited<ReturnType<typeof runApi>>;
let now = new Date('2026-02-14T08:00:00.000Z');

beforeAll(async () => {
  database = await createTestDatabase();
  api = await runApi(database, { now: () => now });
});
afterAll(async () => {
  await api.stop();
  await database.drop();
});
beforeEach(async () => {
  await database.query(
    'truncate marketing.daily_metric_rollups, marketing.daily_ingest_rollups, marketing.daily_visitors, marketing.daily_visitor_gaps',
  );
  // Whatever an earlier test asked for is no longer kept.
  now = new Date(now.getTime() + 60_000);
});

const key = { 'x-admin-key': testIdentity.adminKey };
const ask = (query: string, headers: Record<string, string> = key, url = api.url): Promise<Response> =>
  fetch(`${url}/v1/metrics/summary${query}`, { headers });
async function summary(query: string, url?: string): Promise<Summary & { ok: true }> {
  const response = await ask(query, key, url);
  expect(response.status).toBe(200);
  return (await response.json()) as Summary & { ok: true };
}

interface Day {
  metrics?: Record<string, unknown>;
  ingest?: Record<string, unknown>;
  propertyId?: string;
  generatedAt?: string;
}

async function addRollup(
  day: string,
  { metrics = {}, ingest = {}, propertyId = 'default', generatedAt = '2026-02-13T04:05:00.000Z' }: Day = {},
): Promise<void> {
  for (const [table, values] of [
    ['daily_metric_rollups', { traffic_source_breakdown: '{}', ...metrics }],
    ['daily_ingest_rollups', ingest],
  ] as const) {
    const row: Record<string, unknown> = { property_id: propertyId, day, generated_at: generatedAt, ...values };
    const columns = Object.keys(row);
    await database.query(
      `insert into marketing.${table} (${columns.join(', ')}) values (${columns.map((_column, index) => `$${index + 1}`).join(', ')})`,
      Object.values(row),
    );
  }
}
const addGap = (day: string, previous: string | null, visitors: number): Promise<unknown> =>
  database.query(`insert into marketing.daily_visitor_gaps values ('default', $1, $2, $3)`, [day, previous, visitors]);

describe('GET /v1/metrics/summary', () => {
  test('adds the days of the window up and compares them with those before', async () => {
    for (const [index, uniques] of [50, 55, 45, 100, 120, 80].entries()) {
      await addRollup(`2026-01-${String(7 + index).padStart(2, '0')}`, { metrics: { unique_visitors: uniques } });
    }
    const answer = await summary('?from=2026-01-10&to=2026-01-12&compareTo=true');
    expect(answer.metrics.uniqueVisitors).toEqual({ value: 300, delta: 1 });
    expect([answer.window, answer.compareTo]).toEqual([
      { from: '2026-01-10', to: '2026-01-12' },
      { from: '2026-01-07', to: '2026-01-09' },
    ]);
    expect(answer.trend).toEqual([
      { day: '2026-01-10', uniqueVisitors: 100, pageViews: 0, newLeads: 0 },
      { day: '2026-01-11', uniqueVisitors: 120, pageViews: 0, newLeads: 0 },
      { day: '2026-01-12', uniqueVisitors: 80, pageViews: 0, newLeads: 0 },
    ]);
  });

  test('makes ratios of sums, not of ratios', async () => {
    const metrics = {
      unique_visitors: 100,
      returning_visitors: 40,
      total_page_views: 300,
      entrance_sessions: 80,
      converted_sessions: 8,
      form_starts: 10,
      form_submits: 4,
      new_leads: 2,
      time_to_first_capture_count: 2,
      time_to_first_capture_sum_ms: 7_200_000,
      traffic_source_breakdown: JSON.stringify({ direct: 30, social: 10 }),
    };
    await addRollup('2026-02-12', { metrics, ingest: { events_accepted: 100, events_rejected: 1, p95_ttfb_ms: 40 } });
    await addRollup('2026-02-13', {
      metrics: {
        ...metrics,
        unique_visitors: 300,
        new_leads: 6,
        time_to_first_capture_sum_ms: 21_600_000,
        traffic_source_breakdown: JSON.stringify({ direct: 60 }),
      },
      ingest: { events_accepted: 300, events_rejected: 0, p95_ttfb_ms: 60 },
    });
    await addRollup('2026-02-11', { ingest: { events_accepted: 1000 } });
    await addGap('2026-02-12', null, 70);
    await addGap('2026-02-12', '2026-02-01', 30);
    await addGap('2026-02-13', '2026-02-12', 250);
    await addGap('2026-02-13', '2026-02-11', 50);
    const answer = await summary('?from=2026-02-11&to=2026-02-13');
    expect(answer).toEqual({
      ok: true,
      window: { from: '2026-02-11', to: '2026-02-13' },
      compareTo: null,
      freshness: { rolledUpThrough: '2026-02-13', lagDays: 1, generatedAt: '2026-02-13T04:05:00.000Z' },
      metrics: {
        uniqueVisitors: { value: 400, delta: null },
        windowUniqueVisitors: { value: 100, delta: null },
        returningVisitorsPct: { value: 80 / 400, delta: null },
        totalPageViews: { value: 600, delta: null },
        leadCaptureRate: { value: 8 / 400, delta: null },
        formCompletionRate: { value: 0.4, delta: null },
        landingPageConversionRate: { value: 0.1, delta: null },
        avgTimeToFirstCaptureHrs: { value: 2, delta: null },
        trafficSourceMix: {
          direct: 0.9,
          organic_search: 0,
          paid_search: 0,
          social: 0.1,
          email: 0,
          referral: 0,
          campaign: 0,
          internal: 0,
          unknown: 0,
        },
      },
      ingest: { successPct: 1400 / 1401, p95TtfbMs: 55, totalEventsAccepted: 1400, totalEventsRejected: 1 },
      trend: [
        { day: '2026-02-11', uniqueVisitors: 0, pageViews: 0, newLeads: 0 },
        { day: '2026-02-12', uniqueVisitors: 100, pageViews: 300, newLeads: 2 },
        { day: '2026-02-13', uniqueVisitors: 300, pageViews: 300, newLeads: 6 },
      ],
    });
  });

  test('of nothing is zeros, and nothing is fresh', async () => {
    const answer = await summary('?from=2026-02-10&to=2026-02-11&compareTo=1&propertyId=nowhere');
    expect(answer.freshness).toEqual({ rolledUpThrough: null, lagDays: null, generatedAt: null });
    expect(answer.metrics.uniqueVisitors).toEqual({ value: 0, delta: null });
    expect(answer.ingest).toEqual({ successPct: 0, p95TtfbMs: null, totalEventsAccepted: 0, totalEventsRejected: 0 });
    expect(answer.trend.map(({ day }) => day)).toEqual(['2026-02-10', '2026-02-11']);
  });

  test('is of one property, and tells how fresh that one is', async () => {
    await addRollup('2026-02-13', { metrics: { unique_visitors: 5 } });
    await addRollup('2026-02-11', { propertyId: 'shop', metrics: { unique_visitors: 3 }, generatedAt: '2026-02-12T04:05:00.000Z' });
    const answer = await summary('?from=2026-02-01&to=2026-02-14&propertyId=shop');
    expect(answer.metrics.uniqueVisitors.value).toBe(3);
    expect(answer.freshness).toEqual({ rolledUpThrough: '2026-02-11', lagDays: 3, generatedAt: '2026-02-12T04:05:00.000Z' });
  });

  test.each<[UtcDay, UtcDay, string, string]>([
    ['2026-01-14' as UtcDay, '2026-02-13' as UtcDay, '2025-12-14', '2026-01-13'],
    ['2024-03-01' as UtcDay, '2024-03-01' as UtcDay, '2024-02-29', '2024-02-29'],
  ])('compares %s to %s with the window of the same length before it', (from, to, previousFrom, previousTo) => {
    expect(windowBefore({ from, to })).toEqual({ from: previousFrom, to: previousTo });
  });

  test.each([
    ['?from=2026-02-01', 'to'],
    ['?to=2026-02-01', 'from'],
    ['?from=2026-02-30&to=2026-03-01', 'from'],
    ['?from=2026-02-01&to=2026-2-3', 'to'],
    ['?from=2026-02-03&to=2026-02-01', 'from'],
    ['?from=2025-02-13&to=2026-02-14', 'to'],
    ['?from=2026-02-01&from=2026-02-02&to=2026-02-03', 'from'],
    ['?from=2026-02-01&to=2026-02-03&compareTo=maybe', 'compareTo'],
    ['?from=2026-02-01&to=2026-02-03&compareTo=toString', 'compareTo'],
    ['?from=2026-02-01&to=2026-02-03&propertyId=', 'propertyId'],
    [`?from=2026-02-01&to=2026-02-03&propertyId=${'x'.repeat(129)}`, 'propertyId'],
  ])('%s is refused at %s', async (query, path) => {
    const response = await ask(query);
    const { ok, error, issues } = (await response.json()) as { ok: boolean; error: string; issues: { path: string }[] };
    expect([response.status, ok, error, issues.map((issue) => issue.path)]).toEqual([400, false, 'invalid_request', [path]]);
  });

  test('of 366 days is taken, and what the query says besides is ignored', async () => {
    expect((await summary('?from=2025-02-14&to=2026-02-14&compareTo=ON&colour=red')).trend).toHaveLength(366);
  });
});

describe('the cache', () => {
  const requests = async (): Promise<[number, number]> => {
    const { value } = await scrape(api.metricsUrl);
    const of = (outcome: string): number => value(`marketing_cache_requests_total{outcome="${outcome}"}`) ?? Number.NaN;
    return [of('hit'), of('miss')];
  };
  const query = '?from=2026-02-12&to=2026-02-13';

  test('answers for 15 seconds what was asked before, and nothing else', async () => {
    const [hits, misses] = await requests();
    await summary(query);
    await addRollup('2026-02-12', { metrics: { unique_visitors: 9 } });
    expect((await summary(query)).metrics.uniqueVisitors.value).toBe(0);
    expect((await summary(`${query}&compareTo=true`)).metrics.uniqueVisitors.value).toBe(9);
    expect((await summary(`${query}&propertyId=other`)).metrics.uniqueVisitors.value).toBe(0);
    now = new Date(now.getTime() + 15_001);
    expect((await summary(query)).metrics.uniqueVisitors.value).toBe(9);
    expect(await requests()).toEqual([hits + 1, misses + 4]);
  });

  test('can be switched off', async () => {
    const uncached = await runApi(database, { now: () => now, environment: { METRICS_SUMMARY_CACHE_TTL_MS: '0' } });
    await summary(query, uncached.url);
    await addRollup('2026-02-12', { metrics: { unique_visitors: 9 } });
    expect((await summary(query, uncached.url)).metrics.uniqueVisitors.value).toBe(9);
    await uncached.stop();
  });
});

describe('the materialized view', () => {
  test('answers the same as the tables once it is refreshed, and the tables answer when it is missing', async () => {
    const environment = { METRICS_SUMMARY_SOURCE: 'materialized_view', METRICS_SUMMARY_CACHE_TTL_MS: '0' };
    const viewed = await runApi(database, { now: () => now, environment });
    const query = '?from=2026-02-01&to=2026-02-13&compareTo=true';
    const breakdown = JSON.stringify({ direct: 1, social: 2 });
    await addRollup('2026-02-12', {
      metrics: { unique_visitors: 9, traffic_source_breakdown: breakdown },
      ingest: { events_accepted: 3, p95_ttfb_ms: 40 },
    });
    await addGap('2026-02-12', null, 9);
    expect((await summary(query, viewed.url)).freshness.rolledUpThrough).toBeNull();
    await database.query('select marketing.refresh_metrics_daily_summary()');
    expect(await summary(query, viewed.url)).toEqual(await summary(query));
    await database.query('drop materialized view marketing.metrics_daily_summary_mv');
    expect(await summary(query, viewed.url)).toEqual(await summary(query));
    expect(await database.query('select marketing.refresh_metrics_daily_summary() as refreshed')).toEqual([{ refreshed: false }]);
    await viewed.stop();
  });
});

describe('the admin key', () => {
  test('is asked for before anything else: a refused request needs no database', async () => {
    const good = '?from=2026-02-01&to=2026-02-02&propertyId=never-asked';
    const bad: Record<string, string>[] = [
      {},
      { 'x-admin-key': 'wrong' },
      { 'x-admin-key': `${testIdentity.adminKey} x` },
      { authorization: `Bearer ${testIdentity.adminKey}` },
    ];
    await database.refuseConnections();
    try {
      for (const headers of bad) {
        for (const query of [good, '?from=never']) {
          const response = await ask(query, headers);
          // A statement would have to wait for a connection, and would be told 503.
          expect([response.status, await response.json()]).toEqual([401, { ok: false, error: 'unauthorized' }]);
        }
      }
      const allowed = await ask(good);
      expect([allowed.status, await allowed.json()]).toEqual([503, { ok: false, error: 'unavailable' }]);
      expect(allowed.headers.get('retry-after')).toBe('5');
    } finally {
      await database.acceptConnections();
    }
  });

  test('that is not set closes the door', async () => {
    const keyless = await runApi(database, { environment: { ADMIN_API_KEY: undefined } });
    const response = await ask('?from=2026-02-01&to=2026-02-02', key, keyless.url);
    expect([response.status, await response.json()]).toEqual([503, { ok: false, error: 'admin_auth_not_configured' }]);
    await keyless.stop();
  });
});
