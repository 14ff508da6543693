import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { adminToken, insertOrganization, portalToken, runApi, runJobs, scrape, testEnvironment } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

const now = new Date('2026-02-06T12:00:00.000Z');
const hoursAgo = (hours: number): Date => new Date(now.getTime() - hours * 3_600_000);

let database: TestDatabase;
let api: Awaited<ReturnType<typeof runApi>>;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await runApi(database, { now: () => now });
});
afterAll(async () => {
  await api.stop();
  await database.drop();
});
beforeEach(async () => {
  await database.query('delete from organizations');
  await database.query('delete from audit_logs');
});

interface Totals {
  first?: Date | null;
  last?: Date | null;
  loads?: number;
  failures?: number;
  mismatches?: number;
  counts?: number[];
}

const max = [50, 100, 200, 500, 1000, 2000, 999_999];
let unique = 0;

async function organization(key: string, totals?: Totals, columns: Record<string, unknown> = {}): Promise<{ id: number; key: string }> {
  const created = await insertOrganization(database, { key, name: `${key} inc`, columns });
  if (totals === undefined) return created;
  const counts = totals.counts ?? [0, 0, 0, 0, 0, 0, 0];
  await database.query('insert into widget_health_totals values ($1, $2, $3, $4, $5, $6, $7, $8, 0)', [
    created.id,
    totals.first === undefined ? hoursAgo(500) : totals.first,
    totals.last === undefined ? hoursAgo(0) : totals.last,
    totals.loads ?? 0,
    totals.failures ?? 0,
    totals.mismatches ?? 0,
    JSON.stringify({ buckets: counts.map((count, index) => ({ max: max[index], count })) }),
    counts.reduce((sum, count) => sum + count, 0),
  ]);
  return created;
}

/** A key that no test used before: organizations are cached by key for a minute. */
const newKey = (): string => `org-${(unique += 1)}`;

async function portal(orgKey: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${api.url}/portal/widget/health`, {
    headers: { authorization: `Bearer ${await portalToken(orgKey, { exp: now.getTime() / 1000 + 600 })}`, ...headers },
  });
}

async function summary(claims: Record<string, unknown> = {}): Promise<Response> {
  const token = await adminToken({ exp: now.getTime() / 1000 + 600, ...claims });
  return fetch(`${api.url}/internal/metrics/widget-health-summary`, {
    headers: { authorization: `Bearer ${token}`, 'x-request-id': 'xyz-789' },
  });
}

describe('GET /portal/widget/health', () => {
  test('answers status, counters, percentiles and reasons of the own organization', async () => {
    const { key } = await organization(newKey(), { loads: 1234, failures: 5, mismatches: 2, counts: [70, 20, 6, 3, 1, 0, 0] });
    await organization(newKey(), { loads: 9_999 });
    const response = await portal(key, { 'x-request-id': 'abc-123' });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('ratelimit-limit')).toBe('120000');
    expect(await response.json()).toEqual({
      status: 'NEEDS_ATTENTION',
      lastSeenAt: '2026-02-06T12:00:00.000Z',
      loads: { total: 1234, failures: 5 },
      domainMismatch: { total: 2 },
      responseTime: { p50: 36, p95: 183 },
      reasons: ['DOMAIN_MISMATCH'],
      requestId: 'abc-123',
    });
  });

  test('an organization that never loaded a widget is not connected, with nulls', async () => {
    const { key } = await organization(newKey());
    expect(await (await portal(key)).json()).toMatchObject({
      status: 'NOT_CONNECTED',
      lastSeenAt: null,
      loads: { total: 0, failures: 0 },
      responseTime: { p50: null, p95: null },
      reasons: ['NEVER_EMBEDDED'],
    });
  });

  test('seen more than a day ago needs attention: stale', async () => {
    const { key } = await organization(newKey(), { last: hoursAgo(25) });
    expect(await (await portal(key)).json()).toMatchObject({ status: 'NEEDS_ATTENTION', reasons: ['STALE'] });
  });

  test('a malformed stored histogram reads as no samples', async () => {
    const { id, key } = await organization(newKey(), { loads: 10, counts: [10, 0, 0, 0, 0, 0, 0] });
    await database.query(`update widget_health_totals set widget_rt_buckets_json = '{"buckets":"gone"}' where org_id = $1`, [id]);
    expect(await (await portal(key)).json()).toMatchObject({ responseTime: { p50: null, p95: null } });
  });

  test('a session cookie is as good as a bearer token', async () => {
    const { key } = await organization(newKey(), { loads: 3 });
    const token = await portalToken(key, { exp: now.getTime() / 1000 + 600 });
    const response = await fetch(`${api.url}/portal/widget/health`, { headers: { cookie: `portal_session=${token}` } });
    expect(await response.json()).toMatchObject({ loads: { total: 3 } });
  });

  test('an unknown organization is 404, a deactivated one 403', async () => {
    const { key } = await organization(newKey(), {}, { is_active: false });
    expect((await portal('nobody')).status).toBe(404);
    const deactivated = await portal(key);
    expect(deactivated.status).toBe(403);
    expect(await deactivated.json()).toMatchObject({ error: { code: 'ORG_DEACTIVATED' } });
  });

  test('the 121st read of a user in a minute is 429', async () => {
    const limited = await runApi(database, { now: () => now, environment: { RATE_LIMIT_MULTIPLIER: '1' } });
    try {
      const { key } = await organization(newKey(), {});
      const token = await portalToken(key, { exp: now.getTime() / 1000 + 600 });
      const read = (): Promise<Response> => fetch(`${limited.url}/portal/widget/health`, { headers: { authorization: `Bearer ${token}` } });
      const statuses = await Promise.all(Array.from({ length: 121 }, async () => (await read()).status));
      expect(statuses.filter((status) => status === 429)).toHaveLength(1);
    } finally {
      await limited.stop();
    }
  });

  test('the database that does not answer is 503 with Retry-After, and readyz follows', async () => {
    const { key } = await organization(newKey(), {});
    await portal(key);
    await database.refuseConnections();
    try {
      const response = await portal(key);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('5');
      expect(await response.json()).toMatchObject({ error: { code: 'DATABASE_UNAVAILABLE' } });
      await waitUntil(async () => (await fetch(`${api.metricsUrl}/readyz`)).status === 503, { within: 20_000, what: 'readyz to notice' });
      expect((await fetch(`${api.metricsUrl}/healthz`)).status).toBe(200);
    } finally {
      await database.acceptConnections();
    }
    await waitUntil(async () => (await portal(key)).status === 200, { within: 5000, what: 'the API to recover' });
    await waitUntil(async () => (await fetch(`${api.metricsUrl}/readyz`)).status === 200, { within: 20_000, what: 'readyz to recover' });
  });
});

describe('GET /internal/metrics/widget-health-summary', () => {
  test('answers totals, top lists and the distribution over all organizations, inactive ones included', async () => {
    await organization('alpha', { loads: 100, failures: 3, last: hoursAgo(0.5) });
    await organization('beta', { loads: 100, failures: 80, mismatches: 12, last: hoursAgo(5) }, { is_active: false });
    await organization('gamma', { loads: 10, mismatches: 12, last: hoursAgo(24) });
    await organization('delta', { loads: 10, last: hoursAgo(200) });
    await organization('future', { loads: 1, last: hoursAgo(-2) });
    await organization('never', { first: null, last: null, mismatches: 1 });
    await organization('silent');

    const response = await summary();
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      totals: {
        orgsTotal: 7,
        connectedOrgs: 5,
        loadsTotal: 221,
        failuresTotal: 83,
        domainMismatchTotal: 25,
        okCount: 2,
        needsAttentionCount: 3,
        notConnectedCount: 2,
      },
      topByFailures: [
        { orgKey: 'beta', orgName: 'beta inc', failuresTotal: 80, loadsTotal: 100, lastSeenAt: '2026-02-06T07:00:00.000Z' },
        { orgKey: 'alpha', orgName: 'alpha inc', failuresTotal: 3, loadsTotal: 100, lastSeenAt: '2026-02-06T11:30:00.000Z' },
      ],
      topByDomainMismatch: [
        { orgKey: 'beta', orgName: 'beta inc', domainMismatchTotal: 12, lastSeenAt: '2026-02-06T07:00:00.000Z' },
        { orgKey: 'gamma', orgName: 'gamma inc', domainMismatchTotal: 12, lastSeenAt: '2026-02-05T12:00:00.000Z' },
        { orgKey: 'never', orgName: 'never inc', domainMismatchTotal: 1, lastSeenAt: null },
      ],
      lastSeenDistribution: { never: 2, lt1h: 2, lt24h: 1, lt7d: 1, gte7d: 1 },
      requestId: 'xyz-789',
    });
  });

  test('top lists hold five, ties in byte order of the key', async () => {
    for (const key of ['b-2', 'b1', 'b', 'a9', 'a-9', 'c']) await organization(key, { failures: 1 });
    const { topByFailures } = (await (await summary()).json()) as { topByFailures: { orgKey: string }[] };
    expect(topByFailures.map(({ orgKey }) => orgKey)).toEqual(['a-9', 'a9', 'b', 'b-2', 'b1']);
  });

  test('no organization gives zeros and empty lists', async () => {
    expect(await (await summary()).json()).toMatchObject({
      totals: { orgsTotal: 0, connectedOrgs: 0, loadsTotal: 0 },
      topByFailures: [],
      topByDomainMismatch: [],
      lastSeenDistribution: { never: 0, lt1h: 0, lt24h: 0, lt7d: 0, gte7d: 0 },
    });
  });

  test('each read is on the audit trail, by e-mail where the token has one', async () => {
    await organization('alpha', { loads: 100, failures: 3, mismatches: 4 });
    await summary({ email: 'root@example.com' });
    await summary({ sub: 'admin-7' });
    const rows = await database.query(`select org_id, actor, action, details from audit_logs order by id`);
    expect(rows).toEqual([
      {
        org_id: null,
        actor: 'root@example.com',
        action: 'admin.metrics.widget_health_summary.read',
        details: { requestId: 'xyz-789', orgsTotal: 1, connectedOrgs: 1, loadsTotal: 100, failuresTotal: 3 },
      },
      expect.objectContaining({ actor: 'admin-7' }),
    ]);
  });

  test('a lost audit row does not fail the read, and is counted', async () => {
    await database.query('revoke insert on audit_logs from observability_admin');
    try {
      expect((await summary()).status).toBe(200);
    } finally {
      await database.query('grant insert on audit_logs to observability_admin');
    }
    const metrics = await scrape(api.metricsUrl);
    expect(metrics.value('observability_audit_write_failures_total{action="admin.metrics.widget_health_summary.read"}')).toBe(1);
  });
});

describe('security.widget_health_spike', () => {
  const spikes = (): Promise<Record<string, unknown>[]> =>
    database.query(
      `select org_id, actor, details, dedup_key from audit_logs where action = 'security.widget_health_spike' order by org_id`,
    );

  test('is written after the answer for every organization that meets the condition, once a day however often it is read', async () => {
    const failing = await organization('failing', { loads: 250, failures: 50 }, { is_active: false });
    const refused = await organization('refused', { mismatches: 20 });
    await organization('calm', { loads: 251, failures: 50, mismatches: 19 });
    await organization('silent', { loads: 0, failures: 60 });
    await summary();
    const written = await waitUntil(async () => ((await spikes()).length === 2 ? spikes() : undefined), {
      within: 20_000,
      what: 'two spike rows',
    });
    expect(written[0]).toEqual({
      org_id: failing.id,
      actor: 'system',
      details: { orgKey: 'failing', failuresTotal: 50, loadsTotal: 250, domainMismatchTotal: 0, requestId: 'xyz-789' },
      dedup_key: `widget_health_spike:${failing.id}:2026-02-06`,
    });
    expect(written[1]).toMatchObject({ org_id: refused.id });

    await summary();
    const jobs = await runJobs(database, { now: () => now });
    await jobs.tick();
    await jobs.stop();
    expect(await spikes()).toHaveLength(2);
  });

  test('is written by the job with no request id, and again on the next UTC day', async () => {
    await organization('failing', { loads: 250, failures: 50 });
    let clock = new Date('2026-02-06T23:59:30.000Z');
    const jobs = await runJobs(database, { now: () => clock });
    await jobs.tick();
    clock = new Date('2026-02-07T00:01:00.000Z');
    await jobs.tick();
    await jobs.stop();
    const rows = await spikes();
    expect(rows.map(({ dedup_key }) => String(dedup_key).slice(-10))).toEqual(['2026-02-06', '2026-02-07']);
    expect(rows[0]).toMatchObject({ details: { requestId: null } });
  });
});

test('the API refuses to start with neither or both ways of checking tokens', async () => {
  for (const environment of [{ AUTH_JWT_SECRET: undefined }, { AUTH_JWKS_URL: 'https://login.example.com/jwks' }]) {
    await expect(runApi(database, { environment })).rejects.toThrow('exactly one of AUTH_JWT_SECRET and AUTH_JWKS_URL');
  }
  expect(testEnvironment(database)['AUTH_JWT_SECRET']).toBeDefined();
});
