import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape, testIdentity } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database);
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

type OrganizationOptions = Omit<Parameters<typeof insertOrganization>[1], 'key'>;

async function organization(options: OrganizationOptions = {}): Promise<{ id: number; key: string; siteId: string }> {
  unique += 1;
  return insertOrganization(database, { key: `org-${unique}`, ...options });
}

function bootloader(headers: Record<string, string>, query = ''): Promise<Response> {
  return fetch(`${exporter.url}/api/bootloader${query}`, { headers });
}

interface Counters {
  widget_loads_total: number;
  widget_load_failures_total: number;
  widget_domain_mismatch_total: number;
  first_widget_embed_at: Date | null;
  last_widget_seen_at: Date | null;
  widget_rt_buckets_json: { buckets: { max: number; count: number }[] } | null;
  widget_rt_total_count: number;
  widget_rt_sum_ms: number;
}

/** Counters are written within a second; nothing waits for them but this. */
function countersOf(orgId: number, isThere: (row: Counters) => boolean): Promise<Counters> {
  return waitUntil(
    async () => {
      const [row] = await database.query<Counters & Record<string, unknown>>('select * from widget_health_totals where org_id = $1', [
        orgId,
      ]);
      return row !== undefined && isThere(row) ? row : undefined;
    },
    { within: 20_000, what: `counters of organization ${orgId}` },
  );
}

async function errorCode(response: Response): Promise<string> {
  const body = (await response.json()) as { error: { code: string } };
  return body.error.code;
}

describe('GET /api/bootloader', () => {
  test('answers the configuration of the widget, and counts one load with one sample', async () => {
    const { id, key, siteId } = await organization({
      name: 'Acme Corp',
      allowedDomains: ['example.com'],
      columns: { launcher_text: 'Ask us' },
    });

    const response = await bootloader({ 'x-site-id': siteId, origin: 'https://example.com', 'x-request-id': 'abc-123' });

    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('x-request-id')).toBe('abc-123');
    expect(await response.json()).toEqual({
      ok: true,
      org: { id, key, name: 'Acme Corp' },
      config: {
        widgetEnabled: true,
        writeEnabled: true,
        aiEnabled: true,
        language: 'en',
        theme: { primaryColor: '#0F5C5C' },
        branding: { widgetName: 'Chat', widgetSubtitle: '', launcherText: 'Ask us', position: 'right' },
      },
      orgToken: expect.any(String) as string,
      env: 'production',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      requestId: 'abc-123',
    });
    const counters = await countersOf(id, (row) => row.widget_loads_total === 1);
    expect(counters).toMatchObject({ widget_load_failures_total: 0, widget_domain_mismatch_total: 0, widget_rt_total_count: 1 });
    expect(counters.first_widget_embed_at).toEqual(counters.last_widget_seen_at);
    expect(counters.widget_rt_buckets_json?.buckets.map(({ max }) => max)).toEqual([50, 100, 200, 500, 1000, 2000, 999_999]);
    expect(counters.widget_rt_buckets_json?.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(1);
  });

  test('the organization token is a compact HS256 JWS that lives for 300 seconds', async () => {
    const { id, key, siteId } = await organization({ allowedDomains: ['example.com'] });
    const response = await bootloader({ 'x-site-id': siteId, origin: 'https://example.com' });
    const { orgToken } = (await response.json()) as { orgToken: string };
    const [header = '', payload = '', signature] = orgToken.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iat: number; exp: number };

    expect(Buffer.from(header, 'base64url').toString()).toBe('{"alg":"HS256","typ":"OrgToken"}');
    expect(claims).toEqual({ orgId: id, orgKey: key, iat: claims.iat, exp: claims.iat + 300 });
    expect(Math.abs(claims.iat - Date.now() / 1000)).toBeLessThan(5);
    expect(signature).toBe(createHmac('sha256', testIdentity.orgTokenSecret).update(`${header}.${payload}`).digest('base64url'));
  });

  test('a disabled widget gets its configuration too: the client decides', async () => {
    const { siteId } = await organization({ allowedDomains: ['example.com'], columns: { widget_enabled: false } });
    const response = await bootloader({ 'x-site-id': siteId, origin: 'https://example.com' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ config: { widgetEnabled: false } });
  });

  test('the site id wins over the key, and a header over the query', async () => {
    const first = await organization({ allowedDomains: ['example.com'] });
    const second = await organization({ allowedDomains: ['example.com'] });
    const origin = 'https://example.com';
    const keyOf = async (response: Response): Promise<string> => ((await response.json()) as { org: { key: string } }).org.key;

    expect(await keyOf(await bootloader({ origin, 'x-org-key': second.key }, `?siteId=${first.siteId}`))).toBe(first.key);
    expect(await keyOf(await bootloader({ origin, 'x-site-id': second.siteId }, `?siteId=${first.siteId}`))).toBe(second.key);
    expect(await keyOf(await bootloader({ origin, 'x-org-key': second.key }, `?orgKey=${first.key}`))).toBe(second.key);
    expect(await keyOf(await bootloader({ origin }, `?orgKey=${first.key}`))).toBe(first.key);
  });

  test.each([
    ['neither site nor key', {}, ''],
    ['a malformed site id', { 'x-site-id': 'site_short' }, ''],
    ['a malformed site id beside a valid key', { 'x-site-id': 'nonsense', 'x-org-key': 'org-1' }, ''],
    ['a malformed key', { 'x-org-key': 'Not A Key' }, ''],
    ['the reserved overflow key', { 'x-org-key': '__overflow__' }, ''],
    ['a repeated site id', {}, '?siteId=site_0123456789abcdef&siteId=site_0123456789abcdef'],
  ])('%s is 400 and counts nothing but the refusal', async (_case, headers, query) => {
    const before = await scrape(exporter.metricsUrl);
    const response = await bootloader({ origin: 'https://example.com', ...headers }, query);
    const after = await scrape(exporter.metricsUrl);
    expect(response.status).toBe(400);
    expect(await errorCode(response)).toBe('VALIDATION_ERROR');
    const refused = 'widget_bootloader_refused_total{reason="invalid"}';
    expect(after.value(refused)).toBe((before.value(refused) ?? 0) + 1);
    expect(after.value('widget_domain_mismatch_total')).toBe(before.value('widget_domain_mismatch_total'));
  });

  test('an unknown and an inactive organization are 404 and are not counted', async () => {
    const inactive = await organization({ allowedDomains: ['example.com'], columns: { is_active: false } });
    const callers: Record<string, string>[] = [{ 'x-org-key': 'nobody' }, { 'x-site-id': inactive.siteId }];
    for (const headers of callers) {
      const response = await bootloader({ origin: 'https://example.com', ...headers });
      expect(response.status).toBe(404);
      expect(await errorCode(response)).toBe('ORG_NOT_FOUND');
    }
    expect(await database.query('select from widget_health_totals where org_id = $1', [inactive.id])).toEqual([]);
  });

  test.concurrent.each([
    [[], 'https://example.com', false],
    [['example.com'], 'https://example.com', true],
    [['example.com'], 'http://EXAMPLE.com', true],
    [['example.com'], 'https://example.com./x', true],
    [['example.com'], 'https://example.com:8443', true],
    [['example.com'], 'https://www.example.com', false],
    [['example.com'], 'https://example.com.evil.org', false],
    [['example.com'], 'https://badexample.com', false],
    [['example.com'], 'null', false],
    [['*.example.com'], 'https://example.com', true],
    [['*.example.com'], 'https://a.b.example.com', true],
    [['*.example.com'], 'https://badexample.com', false],
    [['*'], 'https://example.com', false],
    [['*.*.com'], 'https://a.b.com', false],
    [['example.com:8443'], 'https://example.com:8443', true],
    [['example.com:8443'], 'https://example.com', false],
    [['bücher.example'], 'https://xn--bcher-kva.example', true],
    [['localhost', '127.0.0.1'], 'http://localhost:3000', false],
  ])('allowlist %j, origin %s: allowed %s', async (allowedDomains, origin, isAllowed) => {
    const { id, siteId } = await organization({ allowedDomains });
    const response = await bootloader({ 'x-site-id': siteId, origin });
    expect(response.status).toBe(isAllowed ? 200 : 403);
    if (!isAllowed) expect(await errorCode(response)).toBe('DOMAIN_NOT_ALLOWED');
    const counters = await countersOf(id, (row) => row.widget_loads_total + row.widget_domain_mismatch_total === 1);
    expect(counters).toMatchObject({ widget_loads_total: isAllowed ? 1 : 0, widget_domain_mismatch_total: isAllowed ? 0 : 1 });
    if (!isAllowed) expect(counters.last_widget_seen_at).toBeNull();
  });

  test('localhost is allowed by allow_localhost alone', async () => {
    const { siteId } = await organization({ columns: { allow_localhost: true } });
    for (const origin of ['http://127.0.0.1:5173', 'http://localhost:3000', 'http://[::1]:8080', 'http://127.8.9.10']) {
      expect((await bootloader({ 'x-site-id': siteId, origin })).status, origin).toBe(200);
    }
    expect((await bootloader({ 'x-site-id': siteId, origin: 'http://localhost.evil.org' })).status).toBe(403);
  });

  test('without Origin the Referer counts, and an empty Origin is none', async () => {
    const { siteId } = await organization({ allowedDomains: ['example.com'] });
    expect((await bootloader({ 'x-site-id': siteId, referer: 'https://example.com/shop?q=1' })).status).toBe(200);
    expect((await bootloader({ 'x-site-id': siteId, origin: '', referer: 'https://example.com/' })).status).toBe(200);
    expect((await bootloader({ 'x-site-id': siteId, origin: 'https://evil.org', referer: 'https://example.com/' })).status).toBe(403);
  });

  test('without either header only a loopback client of an organization with allow_localhost passes; a refusal is no mismatch', async () => {
    const strict = await organization({ allowedDomains: ['example.com'] });
    const developer = await organization({ allowedDomains: ['example.com'], columns: { allow_localhost: true } });
    const refused = await bootloader({ 'x-site-id': strict.siteId });
    expect(refused.status).toBe(403);
    expect(await errorCode(refused)).toBe('ORIGIN_MISSING');
    expect((await bootloader({ 'x-site-id': developer.siteId })).status).toBe(200);

    await bootloader({ 'x-site-id': strict.siteId, origin: 'https://example.com' });
    const counters = await countersOf(strict.id, (row) => row.widget_loads_total === 1);
    expect(counters.widget_domain_mismatch_total).toBe(0);
  });

  test('behind a proxy a remote client without Origin is refused although the proxy is on loopback', async () => {
    const proxied = await runExporter(database, { environment: { TRUSTED_PROXY_HOPS: '1' } });
    try {
      const { siteId } = await organization({ columns: { allow_localhost: true } });
      const ask = (forwardedFor: string): Promise<Response> =>
        fetch(`${proxied.url}/api/bootloader`, { headers: { 'x-site-id': siteId, 'x-forwarded-for': forwardedFor } });
      expect((await ask('127.0.0.1, 203.0.113.9')).status).toBe(403);
      expect((await ask('203.0.113.9, ::ffff:127.0.0.1')).status).toBe(200);
    } finally {
      await proxied.stop();
    }
  });

  test('a stored configuration that cannot be answered is 500 and a failure, no load and no sample', async () => {
    const { id, siteId } = await organization({ allowedDomains: ['example.com'], columns: { primary_color: 'red;} body{display:none' } });
    const response = await bootloader({ 'x-site-id': siteId, origin: 'https://example.com' });
    expect(response.status).toBe(500);
    const body = (await response.json()) as { error: { code: string; message: string } };
    expect(body.error.code).toBe('INTERNAL_ERROR');
    expect(body.error.message).not.toContain('primary');
    const counters = await countersOf(id, (row) => row.widget_load_failures_total === 1);
    expect(counters).toMatchObject({ widget_loads_total: 0, widget_rt_total_count: 0, last_widget_seen_at: null });
  });

  test('a colour that CSS knows is answered, however unusual', async () => {
    const { id, siteId } = await organization({ allowedDomains: ['example.com'] });
    const fresh = await runExporter(database);
    try {
      for (const colour of ['var(--brand_color)', 'rgb(1 2 3 / 40%)', 'oklch(0.7 0.1 200)', 'rebeccapurple']) {
        await database.query(
          'update organizations set primary_color = $2, key = key || 1, site_id = overlay(site_id placing $3 from 6) where id = $1',
          [id, colour, Math.random().toString(36).slice(2, 8).padEnd(6, '0')],
        );
        const [row] = await database.query<{ site_id: string }>('select site_id from organizations where id = $1', [id]);
        const response = await fetch(`${fresh.url}/api/bootloader`, {
          headers: { 'x-site-id': row?.site_id ?? siteId, origin: 'https://example.com' },
        });
        expect(await response.json(), colour).toMatchObject({ config: { theme: { primaryColor: colour } } });
      }
    } finally {
      await fresh.stop();
    }
  });

  test('a HEAD is no load', async () => {
    const { siteId, id } = await organization({ allowedDomains: ['example.com'] });
    const response = await fetch(`${exporter.url}/api/bootloader`, {
      method: 'HEAD',
      headers: { 'x-site-id': siteId, origin: 'https://example.com' },
    });
    expect(response.status).toBe(405);
    await bootloader({ 'x-site-id': siteId, origin: 'https://example.com' });
    expect(await countersOf(id, (row) => row.widget_loads_total > 0)).toMatchObject({ widget_loads_total: 1 });
  });

  test('an organization whose totals have reached the end of their range does not stop the counters of the others', async () => {
    const full = await organization({ allowedDomains: [] });
    const other = await organization({ allowedDomains: ['example.com'] });
    await database.query('insert into widget_health_totals (org_id, widget_domain_mismatch_total) values ($1, 9007199254740991)', [
      full.id,
    ]);
    await bootloader({ 'x-site-id': full.siteId, origin: 'https://example.com' });
    await bootloader({ 'x-site-id': other.siteId, origin: 'https://example.com' });
    expect(await countersOf(other.id, (row) => row.widget_loads_total === 1)).toMatchObject({ widget_loads_total: 1 });
    expect(await countersOf(full.id, () => true)).toMatchObject({ widget_domain_mismatch_total: 9007199254740991 });
  });

  test('a preflight is answered 204 for any page and counts nothing', async () => {
    const { id, siteId } = await organization({ allowedDomains: ['example.com'] });
    const response = await fetch(`${exporter.url}/api/bootloader`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://anywhere.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'x-site-id',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    expect(response.headers.get('access-control-max-age')).toBe('86400');
    expect(response.headers.get('access-control-allow-headers')).toBe('content-type,x-site-id,x-org-key,x-request-id');
    await bootloader({ 'x-site-id': siteId, origin: 'https://example.com' });
    expect(await countersOf(id, (row) => row.widget_loads_total > 0)).toMatchObject({
      widget_loads_total: 1,
      widget_load_failures_total: 0,
    });
  });

  test('the 121st call of a site from one address in a minute is 429, and neither a load nor a failure', async () => {
    const at = new Date(new Date().setSeconds(10, 0));
    const limited = await runExporter(database, { environment: { RATE_LIMIT_MULTIPLIER: '1' }, now: () => at });
    try {
      const { id, siteId } = await organization({ allowedDomains: ['example.com'] });
      const other = await organization({ allowedDomains: ['example.com'] });
      const ask = (site: string): Promise<Response> =>
        fetch(`${limited.url}/api/bootloader`, { headers: { 'x-site-id': site, origin: 'https://example.com' } });
      const first = await ask(siteId);
      expect(Object.fromEntries(['limit', 'remaining', 'reset'].map((name) => [name, first.headers.get(`ratelimit-${name}`)]))).toEqual({
        limit: '120',
        remaining: '119',
        reset: '50',
      });
      const statuses = await Promise.all(Array.from({ length: 120 }, async () => (await ask(siteId)).status));
      expect(statuses.filter((status) => status === 200)).toHaveLength(119);
      const refused = await ask(siteId);
      expect(refused.status).toBe(429);
      expect(refused.headers.get('retry-after')).toBe('50');
      expect(refused.headers.get('access-control-allow-origin')).toBe('*');
      expect(await errorCode(refused)).toBe('RATE_LIMITED');
      expect((await ask(other.siteId)).status).toBe(200);
      const counters = await countersOf(id, (row) => row.widget_loads_total >= 120);
      expect(counters).toMatchObject({ widget_loads_total: 120, widget_load_failures_total: 0, widget_domain_mismatch_total: 0 });
      expect((await scrape(limited.metricsUrl)).value('observability_rate_limited_total{policy="bootloader"}')).toBe(2);
    } finally {
      await limited.stop();
    }
  });
});
