import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIngestKey, revokeIngestKey } from '../../jobs/provisioning.ts';
import { statusOf } from '../../platform/http/errors.ts';
import type { Route } from '../../platform/http/route.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { adminToken, insertOrganization, portalToken, runApi, runExporter, signToken, testIdentity } from '../support/services.ts';

/**
 * Every route of both services against every identity. The table is made from the routes themselves: a route with an identity that is not
 * listed here fails the suite, and so does a route that lets a caller past its authentication.
 */
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let api: Awaited<ReturnType<typeof runApi>>;
let callers: Record<string, Record<string, string>>;
/** What a path names belongs to the organization. */
const idInPaths = '00000000-0000-4000-8000-000000000000';

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database);
  api = await runApi(database);
  const own = await insertOrganization(database, { key: 'own' });
  await database.query('insert into chatbots (id, org_id, name) values ($1, $2, $3)', [idInPaths, own.id, 'own']);
  await database.query(
    `insert into alerts (id, org_id, fingerprint, alertname, feature, severity, category, title, message, labels, starts_at, last_seen_at)
     values ($1, $2, 'own', 'A', 'pipeline', 'info', 'c', 't', 'm', '{}', now(), now())`,
    [idInPaths, own.id],
  );
  await insertOrganization(database, { key: 'deactivated', columns: { is_active: false } });
  const ingestKey = await createIngestKey(database.db, { orgKey: 'own', name: 'own' });
  const revoked = await createIngestKey(database.db, { orgKey: 'own', name: 'revoked' });
  await revokeIngestKey(database.db, revoked.id);
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const expired = Math.floor(Date.now() / 1000) - 120;
  callers = {
    nobody: {},
    'member of the organization': bearer(await portalToken('own')),
    'owner by cookie': { cookie: `portal_session=${await portalToken('own', { role: 'owner' })}` },
    'member of an unknown organization': bearer(await portalToken('nobody')),
    'member of a deactivated organization': bearer(await portalToken('deactivated')),
    'member with an expired token': bearer(await portalToken('own', { exp: expired })),
    'member with a forged token': bearer(await signToken({ org: 'own', role: 'member' }, 'x'.repeat(32))),
    'member without a role': bearer(await portalToken('own', { role: undefined })),
    administrator: bearer(await adminToken()),
    'administrator by cookie': { cookie: `admin_session=${await adminToken()}` },
    'expired administrator': bearer(await adminToken({ exp: expired })),
    'admin key': { 'x-admin-key': testIdentity.adminKey },
    'wrong admin key': { 'x-admin-key': `${testIdentity.adminKey}x` },
    'ingest key': bearer(ingestKey.key),
    'revoked ingest key': bearer(revoked.key),
    'webhook token': bearer(testIdentity.webhookToken),
  };
});
afterAll(async () => {
  await exporter.stop();
  await api.stop();
  await database.drop();
});

/** Status of each identity's callers before the route looks at anything else; `past` is through the door. Everyone else is 401. */
const doors: Record<Route['identity'], Record<string, number | 'past'>> = {
  public: {},
  'org user': {
    'member of the organization': 'past',
    'owner by cookie': 'past',
    'member of an unknown organization': 404,
    'member of a deactivated organization': 403,
    administrator: 403,
  },
  'org user or nobody': {
    nobody: 'past',
    'member of the organization': 'past',
    'owner by cookie': 'past',
    'member of an unknown organization': 404,
    'member of a deactivated organization': 403,
    administrator: 403,
    'admin key': 'past',
    'wrong admin key': 'past',
    'administrator by cookie': 'past',
    'expired administrator': 401,
  },
  'org user or admin': {
    'member of the organization': 'past',
    'owner by cookie': 'past',
    'member of an unknown organization': 404,
    'member of a deactivated organization': 403,
    administrator: 'past',
    'administrator by cookie': 'past',
  },
  'owner or admin': {
    'member of the organization': 403,
    'owner by cookie': 'past',
    'member of an unknown organization': 404,
    'member of a deactivated organization': 403,
    administrator: 'past',
    'administrator by cookie': 'past',
  },
  admin: {
    administrator: 'past',
    'administrator by cookie': 'past',
    'member of the organization': 403,
    'member of an unknown organization': 403,
    'member of a deactivated organization': 403,
  },
  'admin key': { 'admin key': 'past' },
  'ingest key': { 'ingest key': 'past' },
  webhook: { 'webhook token': 'past' },
};

function call(route: Route, headers: Record<string, string>): Promise<Response> {
  const service = exporter.app.routes.includes(route) ? exporter : api;
  const path = route.path.replace(/:[^/]+/g, idInPaths);
  return fetch(service.url + path, {
    method: route.method,
    headers: {
      ...headers,
      // From anywhere else a cookie is refused for an unsafe method.
      origin: testIdentity.portalOrigin,
      'x-request-id': 'matrix',
      ...(route.method === 'POST' ? { 'content-type': 'application/json' } : {}),
    },
    ...(route.method === 'POST' ? { body: 'not JSON: whoever gets here is past the door' } : {}),
  });
}

describe('authorization matrix', () => {
  test('every route answers every identity with the status of its door', async () => {
    const wrong: string[] = [];
    let cells = 0;
    for (const route of [...exporter.app.routes, ...api.app.routes]) {
      if (route.identity === 'public') continue;
      for (const [name, headers] of Object.entries(callers)) {
        cells += 1;
        const { status } = await call(route, headers);
        const expected = doors[route.identity][name] ?? 401;
        const isRight = expected === 'past' ? ![401, 403, 404].includes(status) : status === expected;
        if (!isRight) wrong.push(`${route.method} ${route.path} as ${name}: ${status} instead of ${expected}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(cells).toBeGreaterThanOrEqual(4 * 16);
  });

  test('a refused caller leaves nothing behind, not even an audit row', async () => {
    const writes = (): Promise<unknown> =>
      database.query(
        `select (select count(*) from audit_logs) as audit, (select count(*) from widget_health_totals) as totals,
           (select count(*) from ingest_batches) as batches, (select count(*) from alerts) as alerts`,
      );
    const before = await writes();
    for (const route of [...exporter.app.routes, ...api.app.routes]) {
      if (route.identity === 'public') continue;
      for (const [name, headers] of Object.entries(callers)) if (doors[route.identity][name] !== 'past') await call(route, headers);
    }
    expect(await writes()).toEqual(before);
  });

  test('the routes are the ones that are known, each with its declared errors', () => {
    const known = [...exporter.app.routes, ...api.app.routes].map(({ method, path, identity }) => `${method} ${path}: ${identity}`);
    expect(known.toSorted()).toEqual([
      'DELETE /api/analytics/widget/:chatbotId/data-subject: org user',
      'GET /api/analytics/widget/:chatbotId/active: org user',
      'GET /api/analytics/widget/:chatbotId/data-subject: org user',
      'GET /api/analytics/widget/:chatbotId/devices: org user',
      'GET /api/analytics/widget/:chatbotId/events: org user',
      'GET /api/analytics/widget/:chatbotId/export: org user',
      'GET /api/analytics/widget/:chatbotId/funnel: org user',
      'GET /api/analytics/widget/:chatbotId/sessions: org user',
      'GET /api/analytics/widget/:chatbotId/summary: org user',
      'GET /api/analytics/widget/:chatbotId/traffic-sources: org user',
      'GET /api/analytics/widget/:chatbotId/trends: org user',
      'GET /api/bootloader: public',
      'GET /api/monitoring/widget: org user or admin',
      'GET /api/woocommerce/analytics: org user or nobody',
      'GET /api/woocommerce/errors: org user',
      'GET /api/woocommerce/health: org user',
      'GET /api/woocommerce/trends: org user',
      'GET /docs/:file: public',
      'GET /docs: public',
      'GET /internal/metrics/widget-health-summary: admin',
      'GET /openapi.json: public',
      'GET /portal/widget/health: org user',
      'GET /sdk/v1/:file: public',
      'GET /v1/metrics/summary: admin key',
      'POST /api/monitoring/widget/alerts/:id/resolve: org user or admin',
      'POST /api/monitoring/widget/baseline: owner or admin',
      'POST /api/monitoring/widget: public',
      'POST /ingest/alertmanager: webhook',
      'POST /ingest/widget/messages: ingest key',
      'POST /ingest/woocommerce/operations: ingest key',
      'POST /v1/events: public',
      'POST /v1/leads/capture: public',
      'POST /v1/leads/delete: admin key',
      'POST /v1/leads/unsubscribe: public',
      'POST /widget/analytics: public',
      'POST /widget/errors: public',
    ]);
    for (const { identity, errors, path } of [...exporter.app.routes, ...api.app.routes]) {
      if (identity !== 'public') expect(errors.map(statusOf), path).toContain(401);
    }
  });
});

describe('two organizations side by side', () => {
  test('each sees its own numbers, and no byte of the other', async () => {
    const markers = { left: 111_111, right: 222_222 };
    for (const [key, marker] of Object.entries(markers)) {
      const { id } = await insertOrganization(database, { key, name: `Marker ${key}` });
      await database.query(
        'insert into widget_health_totals (org_id, widget_loads_total, widget_domain_mismatch_total) values ($1, $2, $2)',
        [id, marker],
      );
    }
    const read = async (key: string): Promise<string> =>
      (await fetch(`${api.url}/portal/widget/health`, { headers: { authorization: `Bearer ${await portalToken(key)}` } })).text();
    const [left, right] = [await read('left'), await read('right')];
    expect(left).toContain(String(markers.left));
    expect(left).not.toContain(String(markers.right));
    expect(right).toContain(String(markers.right));
    expect(right).not.toContain(String(markers.left));
  });
});
