import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { publicCaller, orgUser } from '../auth/identities.ts';
import { createJwtVerifier } from '../auth/jwt.ts';
import { createDirectory } from '../directory/directory.ts';
import { createLogger } from '../log.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../metrics/registry.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, portalToken, testIdentity } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createApp, type App } from './app.ts';
import { serverBody } from './body.ts';
import { route } from './route.ts';
import { listen } from './server.ts';

const log = createLogger({ service: 'api', level: 'silent' });
const now = (): Date => new Date();
const portalOrigin = testIdentity.portalOrigin;

let database: TestDatabase;
let metrics: MetricsRegistry;
let app: App;
let url: string;
let close: () => Promise<void>;
let stopping = false;
let afterwardsRan = 0;
const held: { release: () => void; started: Promise<void> } = { release: () => undefined, started: Promise.resolve() };

beforeAll(async () => {
  database = await createTestDatabase();
  await insertOrganization(database, { key: 'acme' });
  metrics = createMetricsRegistry({ defaultMetrics: false });
  const verify = createJwtVerifier({
    issuer: testIdentity.issuer,
    audience: testIdentity.audience,
    keys: { secret: testIdentity.jwtSecret },
    now,
    log,
  });
  const tokens = { verify, directory: createDirectory({ db: database.db, now, log }), allowedOrigins: [portalOrigin] };
  let begin: () => void = () => undefined;
  held.started = new Promise((resolve) => (begin = resolve));
  const gate = new Promise<void>((resolve) => (held.release = resolve));
  const portal = { identity: orgUser(tokens), cors: 'portal' as const, responses: { 200: z.unknown() }, errors: [401, 403] };
  const open = { identity: publicCaller, cors: 'none' as const, responses: { 200: z.unknown() }, errors: [400] };
  app = createApp({
    service: 'api',
    routes: [
      route({
        ...portal,
        method: 'POST',
        path: '/portal/things/:id',
        summary: 'changes a thing',
        params: z.object({ id: z.string().max(3) }),
        body: { rule: serverBody, schema: z.object({ name: z.string() }) },
        handler: ({ identity, params, body }) =>
          Promise.resolve({ status: 200, body: { actor: identity.actor, role: identity.role, ...params, ...body } }),
      }),
      route({
        ...portal,
        method: 'GET',
        path: '/portal/things',
        summary: 'reads things',
        query: z.object({ days: z.string().regex(/^\d+$/).transform(Number).optional() }),
        handler: ({ query }) =>
          Promise.resolve({ status: 200, body: { days: query.days ?? null }, headers: { 'Cache-Control': 'max-age=5' } }),
      }),
      route({ ...open, method: 'GET', path: '/broken', summary: 'fails', handler: () => Promise.reject(new Error('password is hunter2')) }),
      route({
        ...open,
        method: 'GET',
        path: '/held',
        summary: 'answers when told',
        handler: async () => {
          begin();
          await gate;
          return {
            status: 200,
            body: {},
            afterwards: () => {
              afterwardsRan += 1;
              return Promise.resolve();
            },
          };
        },
      }),
    ],
    log,
    metrics,
    now,
    allowedOrigins: [portalOrigin],
    trustedProxyHops: 0,
    rateLimitMultiplier: 1,
    isStopping: () => stopping,
  });
  const listener = await listen(app.callback, { port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${listener.port}`;
  close = listener.close;
});
afterAll(async () => {
  await close();
  await database.drop();
});

const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { error: { code: string } }).error.code;

async function change(headers: Record<string, string>, id = '7', body = '{"name":"x"}'): Promise<Response> {
  return fetch(`${url}/portal/things/${id}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
}

describe('routes', () => {
  test('get identity, parameters, query and body checked', async () => {
    const token = await portalToken('acme', { role: 'owner', email: 'ada@example.com' });
    expect(await (await change({ authorization: `Bearer ${token}` })).json()).toEqual({
      actor: 'ada@example.com',
      role: 'owner',
      id: '7',
      name: 'x',
    });
    const read = await fetch(`${url}/portal/things?days=30`, { headers: { authorization: `Bearer ${token}` } });
    expect(await read.json()).toEqual({ days: 30 });
    expect(read.headers.get('cache-control')).toBe('max-age=5');
  });

  test.each([
    ['a parameter', '1234', '{"name":"x"}', 'id'],
    ['a field', '7', '{}', 'name'],
  ])('answer 400 that names %s', async (_case, id, body, path) => {
    const response = await change({ authorization: `Bearer ${await portalToken('acme')}` }, id, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { issues: [{ path }] } });
  });

  test.each(['days=1e3', 'days=-1', 'days=0x10', 'days=1.5', 'days=', 'days=1&days=2'])('refuse the query %s', async (query) => {
    const response = await fetch(`${url}/portal/things?${query}`, { headers: { authorization: `Bearer ${await portalToken('acme')}` } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'VALIDATION_ERROR', issues: [{ path: 'days' }] } });
  });

  test('check who is asking before what is asked', async () => {
    expect((await change({}, '1234', 'no JSON')).status).toBe(401);
  });

  test('take their own method only: a HEAD runs no GET', async () => {
    const response = await fetch(`${url}/portal/things`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${await portalToken('acme')}` },
    });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET');
  });
});

describe('a request with a cookie', () => {
  test('may change something from an allowed origin only; a bearer token from anywhere', async () => {
    const token = await portalToken('acme');
    const cookie = `portal_session=${token}`;
    expect((await change({ cookie, origin: portalOrigin })).status).toBe(200);
    for (const origin of ['', 'https://evil.example', 'null']) {
      const response = await change({ cookie, origin });
      expect(response.status).toBe(403);
      expect(await codeOf(response)).toBe('CSRF_REJECTED');
    }
    expect((await change({ authorization: `Bearer ${token}`, origin: 'https://evil.example' })).status).toBe(200);
    expect((await fetch(`${url}/portal/things`, { headers: { cookie, origin: 'https://evil.example' } })).status).toBe(200);
  });
});

describe('CORS of the portal', () => {
  const preflight = (origin: string): Promise<Response> =>
    fetch(`${url}/portal/things`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET' } });

  test('answers a configured origin with credentials, on errors too', async () => {
    const response = await preflight(portalOrigin);
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(portalOrigin);
    expect(response.headers.get('access-control-allow-credentials')).toBe('true');
    const refused = await fetch(`${url}/portal/things`, { headers: { origin: portalOrigin } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('access-control-allow-origin')).toBe(portalOrigin);
    expect(refused.headers.get('vary')).toContain('Origin');
  });

  test('answers no other origin, and lets a request without one pass', async () => {
    for (const origin of ['https://evil.example', 'null', `${portalOrigin}.evil.example`]) {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
    }
    expect((await fetch(`${url}/portal/things`, { headers: { authorization: `Bearer ${await portalToken('acme')}` } })).status).toBe(200);
  });
});

describe('every answer', () => {
  test('carries a request id and security headers', async () => {
    const response = await fetch(`${url}/nowhere`, { headers: { 'x-request-id': 'abc-123' } });
    expect(response.headers.get('x-request-id')).toBe('abc-123');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ error: { code: 'NOT_FOUND', requestId: 'abc-123' } });
  });

  test('to a known path with another method is 405 and names the right one', async () => {
    const response = await fetch(`${url}/portal/things/7`, { method: 'DELETE' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
    expect(await codeOf(response)).toBe('METHOD_NOT_ALLOWED');
    expect((await fetch(`${url}/healthz`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${url}/portal/things`, { method: 'OPTIONS' })).status).toBe(405);
  });

  test('to a failure of ours is 500 and tells nothing', async () => {
    const response = await fetch(`${url}/broken`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
  });

  test('of the health probes needs no database', async () => {
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${url}/v1/healthz`)).json()).toEqual({
      ok: true,
      service: 'api',
      timestamp: expect.stringMatching(/Z$/) as string,
    });
  });

  test('is counted by route pattern, with every declared status at 0 from the start', async () => {
    const value = async (series: string): Promise<number> => {
      const line = (await metrics.render()).split('\n').find((candidate) => candidate.startsWith(`${series} `));
      return Number(line?.split(' ').at(-1));
    };
    const broken = 'observability_http_requests_total{service="api",route="/broken",method="GET",status="500"}';
    expect(
      await value('observability_http_requests_total{service="api",route="/portal/things/:id",method="POST",status="403"}'),
    ).toBeGreaterThanOrEqual(0);
    const before = await value(broken);
    await (await fetch(`${url}/broken`)).text();
    await waitUntil(async () => (await value(broken)) === before + 1, { within: 2000, what: 'the request to be counted' });
    await (await fetch(`${url}/nowhere/<script>`)).text();
    await waitUntil(
      async () => (await value('observability_http_requests_total{service="api",route="unmatched",method="GET",status="404"}')) >= 1,
      {
        within: 2000,
        what: 'the unknown path to be counted as unmatched',
      },
    );
    expect(await metrics.render()).not.toContain('script');
  });
});

// Last: from here on the application is stopping.
test('while it stops, new requests are refused with SHUTTING_DOWN, the one under way is finished, and drain waits for both halves of it', async () => {
  const underWay = fetch(`${url}/held`);
  await held.started;
  stopping = true;
  const refused = await fetch(`${url}/broken`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(refused.headers.get('connection')).toBe('close');
  expect(await codeOf(refused)).toBe('SHUTTING_DOWN');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);

  const drained = app.drain().then(() => afterwardsRan);
  expect(afterwardsRan).toBe(0);
  held.release();
  expect((await underWay).status).toBe(200);
  expect(await drained).toBe(1);
});
