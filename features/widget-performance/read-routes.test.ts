import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { adminToken, insertOrganization, portalToken, runApi, runExporter, testIdentity } from '../../test/support/services.ts';
import { insertChatbot } from '../../test/support/widget-rows.ts';

const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`).getTime();
const mib = 1024 ** 2;
const minute = 60_000;

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let api: Awaited<ReturnType<typeof runApi>>;
/** The same, with figures from a cache. */
let caching: Awaited<ReturnType<typeof runApi>>;
let org: { id: number; key: string };
let chatbotId: string;
let token: string;
let admin: string;
let unique = 0;
let clock = noon;

beforeAll(async () => {
  database = await createTestDatabase();
  const now = (): Date => new Date(clock);
  exporter = await runExporter(database, { now });
  api = await runApi(database, { environment: { MONITORING_CACHE_TTL_MS: '0' }, now });
  caching = await runApi(database, { now });
  admin = await adminToken({ exp: noon / 1000 + 3600 });
});
afterAll(async () => {
  await Promise.all([exporter.stop(), api.stop(), caching.stop()]);
  await database.drop();
});
beforeEach(async () => {
  clock = noon;
  unique += 1;
  await database.query('truncate widget_performance_minutes, widget_performance_buckets, alerts');
  org = await insertOrganization(database, { key: `owner-${unique}` });
  ({ chatbotId } = await insertChatbot(database, org.id));
  token = await tokenOf(org.key);
});

const tokenOf = (key: string, claims: Record<string, unknown> = {}): Promise<string> =>
  portalToken(key, { exp: noon / 1000 + 3600, ...claims });

async function send(metrics: unknown[], of = chatbotId): Promise<void> {
  const response = await fetch(`${exporter.url}/api/monitoring/widget`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': chrome },
    body: JSON.stringify({ chatbotId: of, metrics }),
  });
  expect(response.status).toBe(200);
}

const metric = (type: string, fields: Record<string, unknown>) => ({ type, metric: fields });
const render = (renderTime: number, at = noon) => metric('render', { messageId: 'm', renderTime, contentLength: 1, timestamp: at });
const save = (success: boolean, duration: number, more: Record<string, unknown> = {}) =>
  metric('persistence', { operation: 'save', success, duration, ...more });
const call = (statusCode: number, duration: number, cached = false) =>
  metric('api', { endpoint: '/chat', method: 'POST', statusCode, duration, cached });

type Json = Record<string, unknown>;
const ask = (query = '', { bearer = token, of = api }: { bearer?: string; of?: typeof api } = {}): Promise<Response> =>
  fetch(`${of.url}/api/monitoring/widget${query}`, { headers: { authorization: `Bearer ${bearer}` } });
const postTo = (path: string, bearer = token): Promise<Response> =>
  fetch(`${api.url}/api/monitoring/widget/${path}`, { method: 'POST', headers: { authorization: `Bearer ${bearer}` } });
async function read(query?: string, options?: Parameters<typeof ask>[1]): Promise<Json> {
  const response = await ask(query, options);
  const body = (await response.json()) as Json;
  expect([response.status, body['error']]).toEqual([200, undefined]);
  return body;
}
async function refusal(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
}

describe('statistics', () => {
  test('of nothing: rates of success are 100, everything else is 0', async () => {
    const zeroBytes = { bytes: 0, mb: 0 };
    const response = await ask();
    expect(response.headers.get('cache-control')).toBe('no-cache, no-store, must-revalidate');
    expect(response.headers.get('x-widget-health')).toBe('100');
    expect(response.headers.get('ratelimit-limit')).toBe('120000');
    expect(await response.json()).toEqual({
      timestamp: new Date(noon).toISOString(),
      timeWindow: 300_000,
      health: { overall: 100, scores: { persistence: 100, performance: 100, memory: 100, api: 100 }, status: 'healthy' },
      persistence: {
        operations: { total: 0, successful: 0, failed: 0, successRate: 100, avgDuration: 0 },
        performance: { avgDuration: 0, p50Duration: 0, p95Duration: 0, p99Duration: 0 },
        reliability: { dataLossIncidents: 0, errorsByType: {} },
        restoration: { total: 0, successRate: 100, avgDuration: 0, avgMessagesRestored: 0, errorsByType: {} },
        navigation: { total: 0, successCount: 0, dataPreservedCount: 0, dataLossCount: 0, avgDuration: 0 },
      },
      performance: {
        renders: { count: 0, avgTime: 0, p95Time: 0, slowRenders: 0, slowRenderRate: 0 },
        scroll: { avgFps: 0, minFps: 0, jankPercentage: 0 },
        memory: { current: zeroBytes, peak: zeroBytes, average: zeroBytes },
        tabSync: { operations: 0, avgLatency: 0, p95Latency: 0, failures: 0, failureRate: 0 },
        api: { totalCalls: 0, avgDuration: 0, p95Duration: 0, errorRate: 0, cacheHitRate: 0 },
        bundles: { totalLoaded: 0, totalSize: { bytes: 0, kb: 0, mb: 0 }, avgLoadTime: 0, cacheHitRate: 0 },
      },
      alerts: {
        active: [],
        stats: {
          total: 0,
          unresolved: 0,
          bySeverity: { info: 0, warning: 0, error: 0, critical: 0 },
          byCategory: { persistence: 0, performance: 0, memory: 0, api: 0, error_rate: 0, scroll: 0, tab_sync: 0 },
        },
      },
    });
  });

  test('of everything that was measured', async () => {
    await send([
      save(true, 10),
      save(false, 20, { errorType: 'QuotaExceededError' }),
      metric('persistence', { operation: 'restore', success: false, duration: 33, errorType: 'QuotaExceededError' }),
      metric('restoration', { sessionId: 's', conversationId: 'c', success: true, duration: 100, messagesRestored: 10 }),
      metric('restoration', {
        sessionId: 's',
        conversationId: 'c',
        success: false,
        duration: 201,
        messagesRestored: 5,
        errorType: 'Timeout',
      }),
      metric('navigation', { sessionId: 's', fromPage: '/', toPage: '/', success: true, dataPreserved: true, duration: 7 }),
      metric('navigation', { sessionId: 's', fromPage: '/', toPage: '/', success: false, dataPreserved: false, duration: 8 }),
      ...[10, 12, 14, 16, 18, 20, 22, 24, 26, 100].map((renderTime) => render(renderTime)),
      metric('scroll', { fps: 60, frameTime: 16, jankFrames: 0, totalFrames: 100 }),
      metric('scroll', { fps: 49.333, frameTime: 20, jankFrames: 5, totalFrames: 25 }),
      metric('memory', { heapUsed: 40 * mib, heapTotal: 1, timestamp: noon - minute }),
      metric('memory', { heapUsed: 20 * mib, heapTotal: 1 }),
      metric('tabSync', { operation: 'receive', latency: 12, dataSize: 1, success: true }),
      metric('tabSync', { operation: 'broadcast', latency: 12, dataSize: 1, success: false }),
      call(200, 100, true),
      call(500, 100),
      call(200, 100),
      metric('bundle', { bundleName: 'b', loadTime: 300, size: 4_096_000, cached: true }),
    ]);
    expect(await read('?alerts=false')).toMatchObject({
      persistence: {
        operations: { total: 3, successful: 1, failed: 2, successRate: 33.33, avgDuration: 21 },
        performance: { avgDuration: 21, p50Duration: expect.closeTo(20, 0) as number, p95Duration: 33, p99Duration: 33 },
        reliability: { dataLossIncidents: 2, errorsByType: { QuotaExceededError: 2 } },
        restoration: { total: 2, successRate: 50, avgDuration: 150.5, avgMessagesRestored: 7.5, errorsByType: { Timeout: 1 } },
        navigation: { total: 2, successCount: 1, dataPreservedCount: 1, dataLossCount: 1, avgDuration: 7.5 },
      },
      performance: {
        renders: { count: 10, avgTime: 26.2, p95Time: 100, slowRenders: 6, slowRenderRate: 60 },
        scroll: { avgFps: 54.67, minFps: 49.33, jankPercentage: 4 },
        memory: {
          current: { bytes: 20 * mib, mb: 20 },
          peak: { bytes: 40 * mib, mb: 40 },
          average: { bytes: 30 * mib, mb: 30 },
        },
        tabSync: { operations: 2, avgLatency: 12, p95Latency: 12, failures: 1, failureRate: 50 },
        api: { totalCalls: 3, avgDuration: 100, p95Duration: 100, errorRate: 33.33, cacheHitRate: 33.33 },
        bundles: { totalLoaded: 1, totalSize: { bytes: 4_096_000, kb: 4000, mb: 3.91 }, avgLoadTime: 300, cacheHitRate: 100 },
      },
      health: { scores: { persistence: 33, performance: 0, memory: 100, api: 50 }, overall: 36, status: 'unhealthy' },
    });
  });

  test('cover the minutes that the window touches, and those ahead', async () => {
    clock = noon + 30_000;
    for (const [at, times] of [
      [noon - 5 * minute - 1, 1],
      [noon - 5 * minute, 2],
      [clock + 5 * minute, 4],
    ] as const) {
      await send(Array.from({ length: times }, () => render(1, at)));
    }
    const counted = async (query: string): Promise<unknown> =>
      ((await read(query))['performance'] as { renders: { count: number } }).renders.count;
    expect(await counted('')).toBe(6);
    expect(await counted('?window=3600000')).toBe(7);
    expect(await counted('?window=1000')).toBe(4);
  });

  test.each([
    'window=999',
    'window=3600001',
    'window=1.5',
    'window=',
    'window=1e5',
    'format=csv',
    'feature=nothing',
    'window=1000&window=2000',
  ])('%s is 400', async (query) => {
    expect(await refusal(await ask(`?${query}`))).toEqual([400, 'VALIDATION_ERROR']);
  });

  test('an orgUser of a sender who drove sums up still gets an answer', async () => {
    const bundle = metric('bundle', { bundleName: 'b', loadTime: 1, size: 2 ** 40, cached: true });
    for (let request = 0; request < 3; request += 1) await send(Array.from({ length: 100 }, () => bundle));
    await database.query('update widget_performance_minutes set size_sum = 9007199254740991 where chatbot_id = $1', [chatbotId]);
    await send([metric('bundle', { ...bundle.metric, timestamp: noon - minute })]);
    expect(await read()).toMatchObject({ performance: { bundles: { totalSize: { bytes: Number.MAX_SAFE_INTEGER } } } });
    expect(await read('', { bearer: admin })).toMatchObject({ performance: { bundles: { totalLoaded: 301 } } });
  });
});

describe('whose statistics', () => {
  const count = async (query: string, bearer: string): Promise<unknown> =>
    ((await read(query, { bearer }))['performance'] as { renders: { count: number } }).renders.count;

  test('a user’s own, an administrator’s all, or those of an organization or a chatbot', async () => {
    const other = await insertOrganization(database, { key: `other-${unique}` });
    const foreign = (await insertChatbot(database, other.id)).chatbotId;
    const sister = (await insertChatbot(database, org.id)).chatbotId;
    await send([render(1)]);
    await send([render(1), render(1)], sister);
    await send([render(1), render(1), render(1), render(1)], foreign);
    expect(await count('', token)).toBe(3);
    expect(await count(`?chatbotId=${sister.toUpperCase()}`, token)).toBe(2);
    expect(await count('', admin)).toBe(7);
    expect(await count(`?orgKey=${org.key}`, admin)).toBe(3);
    expect(await count(`?chatbotId=${foreign}`, admin)).toBe(4);
    expect(await count(`?orgKey=${org.key}&chatbotId=${sister}`, admin)).toBe(2);
    for (const id of [foreign, randomUUID(), 'no-uuid', 'a%00']) {
      expect(await refusal(await ask(`?chatbotId=${id}`))).toEqual([404, 'CHATBOT_NOT_FOUND']);
    }
    expect(await refusal(await ask(`?orgKey=${org.key}&chatbotId=${foreign}`, { bearer: admin }))).toEqual([404, 'CHATBOT_NOT_FOUND']);
    expect(await refusal(await ask('?orgKey=nobody%00', { bearer: admin }))).toEqual([404, 'ORG_NOT_FOUND']);
    expect(await refusal(await ask(`?orgKey=${org.key}`))).toEqual([403, 'FORBIDDEN']);
  });

  test('a valid cookie of an administrator wins over the portal’s, one that is no good does not', async () => {
    await send([render(1)]);
    const other = await insertOrganization(database, { key: `portal-${unique}` });
    const portal = `portal_session=${await tokenOf(other.key)}`;
    const counted = async (cookie: string): Promise<number> => {
      const response = await fetch(`${api.url}/api/monitoring/widget`, { headers: { cookie } });
      return ((await response.json()) as { performance: { renders: { count: number } } }).performance.renders.count;
    };
    expect(await counted(`${portal}; admin_session=${admin}`)).toBe(1);
    expect(await counted(`${portal}; admin_session=${await adminToken({ exp: 1 })}`)).toBe(0);
    expect(await counted(`${portal}; admin_session=nonsense`)).toBe(0);
    const expired = await fetch(`${api.url}/api/monitoring/widget`, {
      headers: { cookie: `admin_session=${await adminToken({ exp: 1 })}` },
    });
    expect(await refusal(expired)).toEqual([401, 'TOKEN_EXPIRED']);
  });
});

describe('the cache', () => {
  test('keeps figures for half a minute, per scope and window, and alerts never', async () => {
    await send([render(1)]);
    const counted = async (query = '', bearer = token): Promise<unknown> => {
      const { timestamp, performance, alerts } = await read(query, { bearer, of: caching });
      const { renders } = performance as { renders: { count: number } };
      return [timestamp, renders.count, (alerts as { active: unknown[] }).active.length];
    };
    const at = (ms: number): string => new Date(noon + ms).toISOString();
    expect(await counted()).toEqual([at(0), 1, 0]);
    await send([render(1)]);
    await insertAlert({ fingerprint: 'cached' });
    clock = noon + 29_999;
    expect(await counted()).toEqual([at(0), 1, 1]);
    expect(await counted('?window=600000')).toEqual([at(29_999), 2, 1]);
    expect(await counted(`?chatbotId=${chatbotId}`)).toEqual([at(29_999), 2, 1]);
    expect(await counted(`?orgKey=${org.key}`, admin)).toEqual([at(0), 1, 1]);
    const other = await insertOrganization(database, { key: `cold-${unique}` });
    expect(await counted('', await tokenOf(other.key))).toEqual([at(29_999), 0, 0]);
    clock = noon + 30_000;
    expect(await counted()).toEqual([at(30_000), 2, 1]);
  });
});

interface AlertRow {
  fingerprint: string;
  org_id?: number | null;
  feature?: string;
  severity?: string;
  category?: string;
  metadata?: Json;
  starts_at?: Date;
  resolved?: boolean;
}

async function insertAlert(alert: AlertRow): Promise<string> {
  const { org_id = org.id, feature = 'widget-performance', severity = 'warning', category = 'performance', resolved = false } = alert;
  const startsAt = alert.starts_at ?? new Date(noon - minute);
  const [row] = await database.query<{ id: string }>(
    `insert into alerts (org_id, fingerprint, alertname, feature, severity, category, title, message, metadata, labels, starts_at, last_seen_at,
       resolved, resolved_at)
     values ($1, $2, 'A', $3, $4, $5, 'Slow Message Renders', 'm', $6, '{}', $7::timestamptz, $7::timestamptz, $8::bool, case when $8::bool then $7::timestamptz end)
     returning id`,
    [org_id, alert.fingerprint, feature, severity, category, JSON.stringify(alert.metadata ?? {}), startsAt, resolved],
  );
  return row?.id ?? '';
}

describe('alerts', () => {
  test('are those of the caller and of the feature asked for: unresolved ones newest first, and counts of thirty days', async () => {
    const day = 86_400_000;
    const id = await insertAlert({ fingerprint: 'newest', metadata: { p95Time: 18.52 } });
    await insertAlert({ fingerprint: 'older', severity: 'critical', category: 'persistence', starts_at: new Date(noon - 31 * day) });
    await insertAlert({ fingerprint: 'resolved', category: 'memory', resolved: true, starts_at: new Date(noon - day) });
    await insertAlert({ fingerprint: 'another feature', feature: 'woocommerce', category: 'availability' });
    await insertAlert({ fingerprint: 'nobody’s', org_id: null, feature: 'pipeline' });
    const other = await insertOrganization(database, { key: `foreign-${unique}` });
    await insertAlert({ fingerprint: 'foreign', org_id: other.id });
    const alerts = async (query = '', bearer = token) => (await read(query, { bearer }))['alerts'] as { active: Json[]; stats: Json };
    const own = await alerts();
    expect(own.active[0]).toEqual({
      id,
      orgKey: org.key,
      severity: 'warning',
      category: 'performance',
      title: 'Slow Message Renders',
      message: 'm',
      timestamp: new Date(noon - minute).toISOString(),
      metadata: { p95Time: 18.52 },
      resolved: false,
      resolvedAt: null,
    });
    expect(own.active.map(({ severity }) => severity)).toEqual(['warning', 'critical']);
    expect(own.stats).toMatchObject({
      total: 2,
      unresolved: 1,
      bySeverity: { info: 0, warning: 2, error: 0, critical: 0 },
      byCategory: { persistence: 0, performance: 1, memory: 1 },
    });
    expect((await alerts('?feature=all')).stats).toMatchObject({ total: 3, byCategory: { availability: 1 } });
    expect((await alerts('?feature=woocommerce')).active).toHaveLength(1);
    expect((await alerts('', admin)).active).toHaveLength(3);
    expect((await alerts('?feature=pipeline', admin)).active).toMatchObject([{ orgKey: null }]);
    expect((await alerts(`?orgKey=${other.key}`, admin)).active).toHaveLength(1);
    expect((await alerts('?alerts=0')).active).toHaveLength(2);
    expect(await read('?alerts=false')).not.toHaveProperty('alerts');
  });

  test('at most 50 are told', async () => {
    for (let n = 0; n < 51; n += 1) await insertAlert({ fingerprint: `many-${n}` });
    expect(await read()).toMatchObject({ alerts: { active: { length: 50 }, stats: { unresolved: 51 } } });
  });

  test('one that is resolved by hand stays so with its first time, and leaves one audit row', async () => {
    const id = await insertAlert({ fingerprint: 'by hand' });
    const resolvedAt = new Date(noon).toISOString();
    const first = await postTo(`alerts/${id.toUpperCase()}/resolve`);
    expect([first.status, await first.json()]).toMatchObject([
      200,
      { success: true, alert: { id, orgKey: org.key, resolved: true, resolvedAt } },
    ]);
    clock = noon + minute;
    const second = await postTo(`alerts/${id}/resolve`, admin);
    expect([second.status, await second.json()]).toMatchObject([200, { alert: { resolved: true, resolvedAt } }]);
    expect(await database.query('select resolved_by from alerts where id = $1', [id])).toEqual([{ resolved_by: 'user-1' }]);
    expect(
      await database.query(`select org_id, actor, details from audit_logs where action = 'alert.resolve' and org_id = $1`, [org.id]),
    ).toEqual([{ org_id: org.id, actor: 'user-1', details: expect.objectContaining({ alertId: id, severity: 'warning' }) as Json }]);
    expect(await read()).toMatchObject({ alerts: { active: [] } });
  });

  test.each([
    ['user-1', () => [token, admin]],
    ['admin-1', () => [admin, token]],
  ])('one that had expired and is resolved by hand, by %s, keeps its first time and does not come back', async (actor, bearers) => {
    const id = await insertAlert({ fingerprint: 'expired', resolved: true });
    await database.query(`update alerts set expired = true, resolved_by = 'alertmanager' where id = $1`, [id]);
    for (const bearer of bearers()) {
      const response = await postTo(`alerts/${id}/resolve`, bearer);
      expect([response.status, await response.json()]).toMatchObject([
        200,
        { alert: { resolvedAt: new Date(noon - minute).toISOString() } },
      ]);
    }
    expect(await database.query('select resolved, expired, resolved_by from alerts where id = $1', [id])).toEqual([
      { resolved: true, expired: false, resolved_by: actor },
    ]);
    expect(await database.query(`select actor from audit_logs where action = 'alert.resolve' and org_id = $1`, [org.id])).toEqual([
      { actor },
    ]);
  });

  test('another organization’s, nobody’s, unknown and malformed ones do not exist for a user; nobody’s does for an administrator', async () => {
    const other = await insertOrganization(database, { key: `theirs-${unique}` });
    const nobodys = await insertAlert({ fingerprint: 'nobody’s', org_id: null });
    const theirs = await insertAlert({ fingerprint: 'theirs', org_id: other.id });
    for (const id of [nobodys, theirs, randomUUID(), 'no-uuid', 'a%00b']) {
      expect(await refusal(await postTo(`alerts/${id}/resolve`))).toEqual([404, 'ALERT_NOT_FOUND']);
    }
    expect(await database.query('select from alerts where resolved')).toEqual([]);
    expect((await postTo(`alerts/${nobodys}/resolve`, admin)).status).toBe(200);
    expect(await database.query(`select actor from audit_logs where action = 'alert.resolve' and org_id is null`)).toEqual([
      { actor: 'admin-1' },
    ]);
  });

  test('a cookie resolves from the portal’s origin only', async () => {
    const id = await insertAlert({ fingerprint: 'csrf' });
    const from = (origin: string): Promise<Response> =>
      fetch(`${api.url}/api/monitoring/widget/alerts/${id}/resolve`, {
        method: 'POST',
        headers: { cookie: `portal_session=${token}`, origin },
      });
    expect(await refusal(await from('https://evil.example'))).toEqual([403, 'CSRF_REJECTED']);
    expect((await from(testIdentity.portalOrigin)).status).toBe(200);
  });
});

describe('the export', () => {
  test('has the minutes by type, ascending, with what their type has, and resolved alerts too', async () => {
    const older = noon - minute;
    const sister = (await insertChatbot(database, org.id)).chatbotId;
    await send([
      save(true, 20.505),
      save(false, 90),
      metric('persistence', { operation: 'delete', success: true, duration: 1 }),
      metric('restoration', { sessionId: 's', conversationId: 'c', success: true, duration: 5, messagesRestored: 3 }),
      metric('navigation', { sessionId: 's', fromPage: '/', toPage: '/', success: true, dataPreserved: true, duration: 7 }),
      render(17),
      render(18, older),
      metric('scroll', { fps: 50, frameTime: 16, jankFrames: 1, totalFrames: 10 }),
      metric('memory', { heapUsed: 100, heapTotal: 1 }),
      metric('tabSync', { operation: 'receive', latency: 4, dataSize: 1, success: true }),
      call(404, 10, true),
      metric('bundle', { bundleName: 'b', loadTime: 3, size: 10, cached: true }),
    ]);
    await send([render(19)], sister);
    await insertAlert({ fingerprint: 'gone', resolved: true });
    const response = await ask('?format=export&window=120000');
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-cache, no-store, must-revalidate');
    expect(response.headers.get('x-widget-health')).toMatch(/^\d+$/);
    const at = new Date(noon).toISOString();
    const of = (value: number, more: Json = {}): Json => ({
      minute: at,
      chatbotId,
      count: 1,
      errors: 0,
      avg: value,
      min: value,
      max: value,
      ...more,
    });
    const withPercentiles = (value: number, more: Json = {}): Json => of(value, { p50: value, p95: value, p99: value, ...more });
    const [left, right] = [chatbotId, sister].toSorted();
    const body = (await response.json()) as { metrics: { performance: { renders: Json[] } } };
    expect(body).toEqual({
      timestamp: at,
      timeWindow: 120_000,
      metrics: {
        persistence: {
          stats: { total: 3, successRate: 66.67 },
          persistence: [
            withPercentiles(1, { operation: 'delete' }),
            {
              minute: at,
              chatbotId,
              operation: 'save',
              count: 2,
              errors: 1,
              avg: 55.25,
              min: 20.51,
              max: 90,
              p50: expect.closeTo(20.5, 0) as number,
              p95: 90,
              p99: 90,
            },
          ],
          restorations: [withPercentiles(5, { messagesRestored: 3 })],
          navigations: [withPercentiles(7, { preserved: 1 })],
        },
        performance: {
          renders: expect.any(Array) as Json[],
          scrolls: [of(50, { jankFrames: 1, totalFrames: 10 })],
          memory: [of(100)],
          tabSync: [withPercentiles(4, { operation: 'receive' })],
          api: [withPercentiles(10, { errors: 1, cached: 1 })],
          bundles: [withPercentiles(3, { cached: 1, size: 10 })],
        },
      },
      alerts: [expect.objectContaining({ resolved: true })],
    });
    expect(body.metrics.performance.renders.map(({ minute: of_, chatbotId: id }) => [of_, id])).toEqual([
      [new Date(older).toISOString(), chatbotId],
      [at, left],
      [at, right],
    ]);
    expect(body.metrics.performance.renders[0]).toEqual({ ...withPercentiles(18, { slow: 1 }), minute: new Date(older).toISOString() });
  });

  test('of everybody is for administrators, and may leave the alerts out', async () => {
    await send([render(1)]);
    const other = await insertOrganization(database, { key: `export-${unique}` });
    const renders = async (bearer: string): Promise<unknown> =>
      ((await read('?format=export&alerts=false', { bearer })) as { metrics: { performance: { renders: Json[] } } }).metrics.performance
        .renders;
    expect(await renders(await tokenOf(other.key))).toEqual([]);
    expect(await renders(admin)).toHaveLength(1);
    expect(await read('?format=export&alerts=false')).not.toHaveProperty('alerts');
  });
});

describe('the baseline', () => {
  const stored = () =>
    database.query('select render_avg_ms, sample_count, captured_by from widget_performance_baselines where org_id = $1', [org.id]);

  test('is captured from the last hour by an owner or an administrator, replacing the one before', async () => {
    const owner = await tokenOf(org.key, { role: 'owner', sub: 'owner-1' });
    await send(Array.from({ length: 9 }, () => render(10)));
    expect(await refusal(await postTo('baseline', owner))).toEqual([409, 'NOT_ENOUGH_DATA']);
    await send([render(15, noon - 60 * minute)]);
    const response = await postTo('baseline', owner);
    const baseline = { orgKey: org.key, renderAvgMs: 10.5, sampleCount: 10, capturedAt: new Date(noon).toISOString() };
    expect([response.status, await response.json()]).toEqual([200, { success: true, baseline }]);
    expect(await stored()).toEqual([{ render_avg_ms: 10.5, sample_count: 10, captured_by: 'owner-1' }]);
    await send([render(54.5)]);
    expect((await postTo(`baseline?orgKey=${org.key}`, admin)).status).toBe(200);
    expect(await stored()).toEqual([{ render_avg_ms: 14.5, sample_count: 11, captured_by: 'admin-1' }]);
  });

  test('is not for members, nor for an organization that is not named or not one’s own', async () => {
    expect(await refusal(await postTo('baseline'))).toEqual([403, 'FORBIDDEN']);
    const owner = await tokenOf(org.key, { role: 'owner' });
    expect(await refusal(await postTo(`baseline?orgKey=${org.key}`, owner))).toEqual([403, 'FORBIDDEN']);
    expect(await refusal(await postTo('baseline', admin))).toEqual([400, 'VALIDATION_ERROR']);
    expect(await refusal(await postTo('baseline?orgKey=nobody', admin))).toEqual([404, 'ORG_NOT_FOUND']);
    expect(await stored()).toEqual([]);
  });
});

test('the score in the answer is the one of the series', async () => {
  await send([render(24), save(true, 1), call(200, 750)]);
  await exporter.refresh();
  const { health } = (await read()) as { health: { overall: number } };
  const text = await (await fetch(`${exporter.metricsUrl}/metrics/orgs`)).text();
  expect(text).toContain(`widget_client_org_health_score_ratio{org="${org.key}",part="overall"} ${health.overall / 100}\n`);
});

test('while the database is away: 503', async () => {
  await database.refuseConnections();
  try {
    expect(await refusal(await ask())).toEqual([503, 'DATABASE_UNAVAILABLE']);
  } finally {
    await database.acceptConnections();
  }
});
