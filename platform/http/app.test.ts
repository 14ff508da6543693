import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { orgUser, publicCaller } from '../auth/identities.ts';
import { createJwtVerifier } from '../auth/jwt.ts';
import { createDirectory } from '../directory/directory.ts';
import { createLogger } from '../log.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../metrics/registry.ts';
import { ingestInstruments, type EndpointInstruments } from '../metrics/stack.ts';
import { NotWrittenError, OverloadedError } from '../postgres/batch-writer.ts';
import { DatabaseUnavailableError } from '../postgres/errors.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, portalToken, testIdentity } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createApp, type App } from './app.ts';
import { publicBody, serverBody } from './body.ts';
import { HttpError } from './errors.ts';
import { route, type Answer } from './route.ts';
import { listen } from './server.ts';

/** One application with routes of every kind: of the portal, of widgets, of the marketing endpoints, and without a browser. */
const log = createLogger({ service: 'exporter', level: 'silent' });
const now = (): Date => new Date();
const minute = new Date('2026-02-13T10:00:20.000Z');
const portalOrigin = testIdentity.portalOrigin;
const anyOrigin = 'https://any.example';
const evilOrigin = 'https://evil.example';

let database: TestDatabase;
let metrics: MetricsRegistry;
let endpoint: EndpointInstruments;
let app: App;
let url: string;
let port: number;
let close: () => Promise<void>;
let stopping = false;
let handle: () => Promise<Answer>;
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
  endpoint = ingestInstruments(metrics).endpoint('events');
  const eventBody = { rule: publicBody, schema: z.object({ id: z.string() }) };
  const portal = { identity: orgUser(tokens), cors: 'portal' as const, tag: 'things', responses: { 200: z.unknown() }, errors: [] };
  const open = { identity: publicCaller, cors: 'none' as const, tag: 'things', responses: { 200: z.unknown() }, errors: [] };
  const described = {
    tag: 'events',
    summary: 'takes events',
    identity: publicCaller,
    responses: { 202: z.unknown() },
    errors: ['RATE_LIMITED'] as const,
  };
  app = createApp({
    service: 'exporter',
    routes: [
      route({
        ...portal,
        method: 'POST',
        path: '/portal/things/:id',
        operationId: 'changeThing',
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
        operationId: 'readThings',
        summary: 'reads things',
        query: z.object({ days: z.string().regex(/^\d+$/).transform(Number).optional() }),
        handler: ({ query }) =>
          Promise.resolve({ status: 200, body: { days: query.days ?? null }, headers: { 'Cache-Control': 'max-age=5' } }),
      }),
      route({
        ...open,
        method: 'GET',
        path: '/broken',
        operationId: 'fail',
        summary: 'fails',
        handler: () => Promise.reject(new Error('password is hunter2')),
      }),
      route({
        ...open,
        method: 'GET',
        path: '/held',
        operationId: 'hold',
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
      route({
        ...described,
        method: 'POST',
        path: '/widget/events',
        operationId: 'sendWidgetEvents',
        cors: 'widget',
        body: eventBody,
        ingest: endpoint,
        handler: () => handle(),
      }),
      route({
        ...described,
        method: 'POST',
        path: '/v1/events',
        operationId: 'sendEvents',
        cors: 'portal',
        body: eventBody,
        ingest: endpoint,
        handler: () => handle(),
      }),
      route({
        ...described,
        method: 'GET',
        path: '/limited/:site',
        operationId: 'readLimited',
        cors: 'widget',
        params: z.object({ site: z.string() }),
        rateLimit: {
          policy: 'limited',
          keys: ({ address, header, query }) => [
            { key: `${header('x-site') ?? query.get('site')}|${address}`, perMinute: 2 },
            { key: address, perMinute: 3 },
          ],
        },
        handler: ({ clientAddress, params }) => Promise.resolve({ status: 202, body: { clientAddress, ...params } }),
      }),
    ],
    log,
    metrics,
    now: () => minute,
    allowedOrigins: [portalOrigin],
    trustedProxyHops: 1,
    rateLimitMultiplier: 1,
    maxBodyBytes: 300_000,
    isStopping: () => stopping,
  });
  const listener = await listen(app.callback, { port: 0, host: '127.0.0.1' });
  ({ port, close } = listener);
  url = `http://127.0.0.1:${port}`;
});
beforeEach(() => {
  stopping = false;
  handle = () => Promise.resolve({ status: 202, body: { ok: true } });
});
afterAll(async () => {
  await close();
  await database.drop();
});

const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { error: { code: string } }).error.code;

/** As an organization's user. */
async function change(headers: Record<string, string>, id = '7', body = '{"name":"x"}'): Promise<Response> {
  return fetch(`${url}/portal/things/${id}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
}

/** As a widget. */
function post(path: string, options: { headers?: Record<string, string>; body?: string } = {}): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...options.headers },
    body: options.body ?? '{"id":"1"}',
  });
}

async function value(series: string): Promise<number | undefined> {
  const line = (await metrics.render()).split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

/** The answer to a request as raw bytes. */
function raw(head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\nHost: x\r\nConnection: close\r\n\r\n`));
    socket.on('data', (data) => (answer += data.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
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
});

describe('a request with a cookie', () => {
  test('may change something from an allowed origin only; a bearer token from anywhere', async () => {
    const token = await portalToken('acme');
    const cookie = `portal_session=${token}`;
    expect((await change({ cookie, origin: portalOrigin })).status).toBe(200);
    for (const origin of ['', evilOrigin, 'null']) {
      const response = await change({ cookie, origin });
      expect(response.status).toBe(403);
      expect(await codeOf(response)).toBe('CSRF_REJECTED');
    }
    expect((await change({ authorization: `Bearer ${token}`, origin: evilOrigin })).status).toBe(200);
    expect((await fetch(`${url}/portal/things`, { headers: { cookie, origin: evilOrigin } })).status).toBe(200);
  });
});

describe('a method that the path does not take', () => {
  test('is 405, also HEAD, which would run a GET, and the answer names the right ones', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'GET']) {
      const response = await fetch(`${url}/widget/events`, { method });
      expect(response.status, method).toBe(405);
      expect(response.headers.get('allow'), method).toBe('POST');
    }
    const deleted = await fetch(`${url}/portal/things/7`, { method: 'DELETE' });
    expect(deleted.status).toBe(405);
    expect(deleted.headers.get('allow')).toBe('POST');
    expect(await codeOf(deleted)).toBe('METHOD_NOT_ALLOWED');
    const head = await fetch(`${url}/portal/things`, { method: 'HEAD', headers: { authorization: `Bearer ${await portalToken('acme')}` } });
    expect(head.status).toBe(405);
    expect(head.headers.get('allow')).toBe('GET');
    expect((await fetch(`${url}/limited/a`, { method: 'POST' })).headers.get('allow')).toBe('GET');
    expect((await fetch(`${url}/portal/things`, { method: 'OPTIONS' })).status).toBe(405);
    expect((await fetch(`${url}/healthz`, { method: 'POST' })).status).toBe(405);
    expect(await raw('PROPFIND /widget/events HTTP/1.1')).toMatch(/^HTTP\/1\.1 405 /);
  });

  test('is 404 where there is no path either', async () => {
    expect((await fetch(`${url}/nowhere`, { method: 'DELETE' })).status).toBe(404);
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
    for (const origin of [evilOrigin, 'null', `${portalOrigin}.evil.example`]) {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
    }
    expect((await fetch(`${url}/portal/things`, { headers: { authorization: `Bearer ${await portalToken('acme')}` } })).status).toBe(200);
  });
});

describe('CORS of widgets', () => {
  test('a preflight from any page is answered without credentials', async () => {
    const response = await fetch(`${url}/widget/events`, {
      method: 'OPTIONS',
      headers: { origin: anyOrigin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    expect(
      Object.fromEntries(
        ['origin', 'headers', 'credentials', 'max-age'].map((name) => [
          name,
          response.headers.get(name === 'max-age' ? 'access-control-max-age' : `access-control-allow-${name}`),
        ]),
      ),
    ).toEqual({
      origin: '*',
      headers: 'content-type,x-site-id,x-org-key,x-request-id',
      credentials: null,
      'max-age': '86400',
    });
  });

  test.each([
    ['a stored event', '{"id":"1"}', 202],
    ['a refused one', '{}', 400],
    ['one that is no JSON', '{', 400],
  ])('%s is answered so that the page may read it', async (_case, body, status) => {
    const response = await post('/widget/events', { headers: { origin: anyOrigin }, body });
    expect(response.status).toBe(status);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    // Pages of other sites embed what the exporter answers.
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
  });

  test('a beacon, which browsers send as text without a preflight, is read', async () => {
    const response = await post('/widget/events', {
      headers: { 'content-type': 'text/plain;charset=UTF-8', origin: anyOrigin },
    });
    expect(response.status).toBe(202);
  });

  test('an unknown path is no business of other pages', async () => {
    const response = await fetch(`${url}/nowhere`, { headers: { origin: anyOrigin } });
    expect(response.status).toBe(404);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('CORS of a refusal', () => {
  const refusals: [method: string, path: string, status: number][] = [
    ['OPTIONS', '/widget/events', 405],
    ['OPTIONS', '/limited/a', 405],
    ['PUT', '/widget/events', 405],
    ['DELETE', '/limited/a', 405],
    ['HEAD', '/limited/a', 405],
  ];
  test.each(refusals)('%s %s is %d, and any page may read it, without credentials', async (method, path, status) => {
    const response = await fetch(url + path, { method, headers: { origin: anyOrigin } });
    expect(response.status).toBe(status);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  });

  test.each([
    ['OPTIONS', '/portal/things'],
    ['OPTIONS', '/portal/things/7'],
    ['PUT', '/portal/things'],
    ['OPTIONS', '/v1/events'],
  ])('%s %s is 405, and the portal may read it, nobody else', async (method, path) => {
    const response = await fetch(url + path, { method, headers: { origin: portalOrigin } });
    expect(response.status).toBe(405);
    expect(response.headers.get('access-control-allow-origin')).toBe(portalOrigin);
    expect(response.headers.get('access-control-allow-credentials')).toBe('true');
    expect(response.headers.get('vary')).toContain('Origin');
    const other = await fetch(url + path, { method, headers: { origin: evilOrigin } });
    expect(other.status).toBe(405);
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.headers.get('access-control-allow-credentials')).toBeNull();
  });

  test.each(['/broken', '/nowhere', '/healthz'])("of %s, which no page calls, is nobody's to read", async (path) => {
    const response = await fetch(url + path, { method: 'OPTIONS', headers: { origin: portalOrigin } });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
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

  test('to a failure of ours is 500 and tells nothing', async () => {
    const response = await fetch(`${url}/broken`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
  });

  test('of the health probes needs no database', async () => {
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${url}/v1/healthz`)).json()).toEqual({
      ok: true,
      service: 'exporter',
      timestamp: expect.stringMatching(/Z$/) as string,
    });
  });
});

describe('the marketing endpoints', () => {
  test('have an error body of their own, and exactly the configured origins', async () => {
    const refused = await post('/v1/events', { headers: { origin: portalOrigin }, body: '{"id":7}' });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('access-control-allow-origin')).toBe(portalOrigin);
    expect(await refused.json()).toEqual({
      ok: false,
      error: 'invalid_request',
      issues: [{ path: 'id', message: expect.any(String) as string }],
    });
    const unparsed = await post('/v1/events', { headers: { origin: evilOrigin }, body: '{' });
    expect(unparsed.headers.get('access-control-allow-origin')).toBeNull();
    expect(await unparsed.json()).toEqual({ ok: false, error: 'invalid_json' });
    expect(await (await fetch(`${url}/v1/nowhere`)).json()).toEqual({ ok: false, error: 'not_found' });
  });

  test('do not leak in that shape either', async () => {
    handle = () => Promise.reject(new Error('password is hunter2'));
    const response = await post('/v1/events', { headers: { 'x-request-id': 'abc-123' } });
    expect(response.status).toBe(500);
    expect(response.headers.get('x-request-id')).toBe('abc-123');
    expect(await response.text()).not.toMatch(/hunter2|issues/);
  });
});

describe('the rate limit', () => {
  const ask = (site: string, address: string): Promise<Response> =>
    fetch(`${url}/limited/a`, { headers: { 'x-site': site, 'x-forwarded-for': address, origin: anyOrigin } });
  const state = (response: Response): (string | null)[] =>
    ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'].map((name) => response.headers.get(name));

  test('counts a site at an address, tells what is left, and says when to come back', async () => {
    const address = '203.0.113.1';
    expect(state(await ask('one', address))).toEqual(['2', '1', '40', null]);
    expect(state(await ask('one', address))).toEqual(['2', '0', '40', null]);
    const refused = await ask('one', address);
    expect(refused.status).toBe(429);
    expect(state(refused)).toEqual(['2', '0', '40', '40']);
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    expect(await codeOf(refused)).toBe('RATE_LIMITED');
  });

  test('of an address counts over all sites, and whoever forges the left of X-Forwarded-For gains nothing', async () => {
    const statuses: number[] = [];
    for (let number = 0; number < 5; number += 1) statuses.push((await ask(`site-${number}`, `198.51.100.${number}, 203.0.113.2`)).status);
    expect(statuses).toEqual([202, 202, 202, 429, 429]);
    expect((await ask('site-0', '203.0.113.3')).status).toBe(202);
  });

  test('takes the network of an IPv6 caller for one address, and tells the handler the address itself', async () => {
    const answers = await Promise.all(
      ['2001:db8:0:7::1', '2001:db8:0:7:ffff::2', '2001:db8:0:7::3', '2001:db8:0:8::1'].map((address) => ask('six', address)),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 202, 202, 429]);
    expect(await answers[3]?.json()).toEqual({ clientAddress: '2001:db8:0:8::1', site: 'a' });
  });

  test('is counted by policy', async () => {
    expect(await value('observability_rate_limited_total{policy="limited"}')).toBe(4);
  });
});

describe('a request that was not stored', () => {
  const rejected = (reason: string): Promise<number | undefined> =>
    value(`observability_ingest_rejected_total{endpoint="events",reason="${reason}"}`);
  const failWith = (error: unknown) => async (): Promise<Answer> => {
    throw error;
  };
  const requestsRefused = async (path: string): Promise<number> =>
    (await value(`observability_http_requests_total{service="exporter",route="${path}",method="POST",status="503"}`)) ?? Number.NaN;
  /** What does not depend on the time, nor on the rate limit, which is not counted for what is refused at once. */
  const answerOf = async (response: Response): Promise<{ status: number; headers: Record<string, string>; body: unknown }> => ({
    status: response.status,
    headers: Object.fromEntries([...response.headers].filter(([name]) => !/^(date|ratelimit-.*)$/.test(name))),
    body: await response.json(),
  });

  test.each<[string, number, string, string, Parameters<typeof post>[1], (() => Promise<Answer>) | undefined]>([
    ['a field at fault', 400, 'VALIDATION_ERROR', 'validation', { body: '{}' }, undefined],
    ['broken JSON', 400, 'INVALID_JSON', 'json', { body: '{' }, undefined],
    ['another type', 415, 'UNSUPPORTED_MEDIA_TYPE', 'validation', { headers: { 'content-type': 'text/xml' } }, undefined],
    ['a body too large', 413, 'PAYLOAD_TOO_LARGE', 'too_large', { body: 'x'.repeat(256 * 1024 + 1) }, undefined],
    ['an origin that may not', 403, 'ORIGIN_NOT_ALLOWED', 'origin', {}, failWith(new HttpError('ORIGIN_NOT_ALLOWED', 'x'))],
    ['an unknown chatbot', 404, 'CHATBOT_NOT_FOUND', 'unknown_chatbot', {}, failWith(new HttpError('CHATBOT_NOT_FOUND', 'x'))],
    ['a full queue', 503, 'INGEST_OVERLOADED', 'overloaded', {}, failWith(new OverloadedError('10000 rows are waiting'))],
    ['a write that failed', 503, 'DATABASE_UNAVAILABLE', 'database', {}, failWith(new NotWrittenError('x'))],
    [
      'a database that is down',
      503,
      'DATABASE_UNAVAILABLE',
      'database',
      {},
      failWith(new DatabaseUnavailableError(new Error('x'), 'rolled_back')),
    ],
  ])('because of %s is %d %s, counted as %s', async (_case, status, code, reason, sent, failing) => {
    if (failing !== undefined) handle = failing;
    const before = await rejected(reason);
    const response = await post('/widget/events', sent);
    expect(response.status).toBe(status);
    expect(await codeOf(response)).toBe(code);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await rejected(reason)).toBe((before ?? Number.NaN) + 1);
    const retryAfter = { INGEST_OVERLOADED: '1', DATABASE_UNAVAILABLE: '5' }[code] ?? null;
    expect(response.headers.get('retry-after')).toBe(retryAfter);
  });

  test.each([
    ['announced', (body: string) => ({ body })],
    ['not announced', (body: string) => ({ body: new Blob([body]).stream(), duplex: 'half' as const })],
  ])(
    'because requests before it fill the memory for bodies is refused, its length %s, and taken when they are answered',
    async (_case, sent) => {
      const large = JSON.stringify({ id: 'x'.repeat(200_000) });
      const send = (): Promise<Response> =>
        fetch(`${url}/widget/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, ...sent(large) });
      let answer: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => {
        handle = () => {
          resolve();
          return new Promise((done) => (answer = () => done({ status: 202, body: { ok: true } })));
        };
      });
      const first = send();
      await begun;
      const before = await rejected('overloaded');
      const refused = await send();
      expect([refused.status, await codeOf(refused), refused.headers.get('retry-after')]).toEqual([503, 'INGEST_OVERLOADED', '1']);
      expect(await rejected('overloaded')).toBe((before ?? Number.NaN) + 1);
      expect(await value('observability_ingest_body_bytes')).toSatisfy(
        (bytes: number) => bytes >= large.length && bytes < 1.1 * large.length,
      );
      expect(await value('observability_ingest_body_limit_bytes')).toBe(300_000);
      answer();
      expect((await first).status).toBe(202);
      await waitUntil(async () => (await value('observability_ingest_body_bytes')) === 0, { within: 20_000, what: 'no body under way' });
      handle = () => Promise.resolve({ status: 202, body: { ok: true } });
      expect((await send()).status).toBe(202);
    },
  );

  test('because its sender holds it back while others need the memory is refused, and they are taken', async () => {
    const slow = connect(port, '127.0.0.1');
    let received = '';
    slow.setEncoding('utf8').on('data', (text: string) => (received += text));
    const head = 'POST /widget/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 250000\r\n\r\n';
    slow.write(head + `{"id":"${'x'.repeat(200_000)}`);
    const other = JSON.stringify({ id: 'x'.repeat(200_000) });
    const statuses = new Set<number>();
    await waitUntil(async () => statuses.add((await post('/widget/events', { body: other })).status).has(202) && received !== '', {
      within: 20_000,
      what: 'the answers to the slow sender and to another one',
    });
    slow.destroy();
    expect(received).toMatch(/^HTTP\/1.1 503 [^]*INGEST_OVERLOADED/);
    expect([...statuses].filter((status) => status !== 202 && status !== 503)).toEqual([]);
  });

  test('because the queue is nearly full is refused before its body is looked at, and taken when there is room again', async () => {
    let waiting = 95;
    endpoint.queue(100, () => waiting);
    const before = await rejected('overloaded');
    const refused = await post('/widget/events?site=1', { body: '{' });
    expect([refused.status, await codeOf(refused), refused.headers.get('retry-after')]).toEqual([503, 'INGEST_OVERLOADED', '1']);
    expect(await rejected('overloaded')).toBe((before ?? Number.NaN) + 1);
    waiting = 94;
    expect((await post('/widget/events')).status).toBe(202);
  });

  test.each(['/widget/events', '/v1/events'])(
    'by %s because the queue is nearly full is answered as if the handler had refused it, to any page',
    async (path) => {
      for (const origin of [undefined, portalOrigin, evilOrigin]) {
        const headers = { 'x-request-id': 'asked', ...(origin === undefined ? {} : { origin }) };
        handle = failWith(new OverloadedError('the queue is nearly full'));
        endpoint.queue(100, () => 0);
        const byHandler = await answerOf(await post(path, { headers }));
        endpoint.queue(100, () => 100);
        const before = await requestsRefused(path);
        const atOnce = await answerOf(await post(path, { headers }));
        endpoint.queue(100, () => 0);
        expect(atOnce).toEqual(byHandler);
        expect(atOnce.status).toBe(503);
        await waitUntil(async () => (await requestsRefused(path)) === before + 1, { within: 20_000, what: 'the count of the request' });
      }
    },
  );

  test('because the service stops is counted as such, and its sender may come back on another connection', async () => {
    const before = await rejected('shutdown');
    stopping = true;
    const response = await post('/widget/events');
    expect(response.status).toBe(503);
    expect(response.headers.get('connection')).toBe('close');
    expect(response.headers.get('retry-after')).toBe('5');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await codeOf(response)).toBe('SHUTTING_DOWN');
    expect(await rejected('shutdown')).toBe((before ?? Number.NaN) + 1);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('because of a mistake of ours is 500, with neither stack nor text, and is no rejection', async () => {
    const total = async (): Promise<number> =>
      (await metrics.render())
        .split('\n')
        .filter((line) => line.startsWith('observability_ingest_rejected_total'))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    const before = await total();
    for (const thrown of [
      new TypeError('cannot read secrets of undefined'),
      'hunter2',
      undefined,
      Object.assign(new Error('hunter2'), { status: 400, expose: true }),
    ]) {
      handle = failWith(thrown);
      const response = await post('/widget/events');
      expect(response.status).toBe(500);
      const text = await response.text();
      expect(text).toContain('INTERNAL_ERROR');
      expect(text).not.toMatch(/secret|hunter2|\.ts/);
    }
    expect(await total()).toBe(before);
  });
});

describe('what is asked for in an odd way', () => {
  test.each(['/%', '/%zz', '/limited/%ff', '/limited/a/b', '//limited/a', '/../etc/passwd', '/.', '/limited/%01%'])(
    'the path %s is answered, and never as a failure of ours',
    async (path) => {
      expect(await raw(`GET ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 (202|400|404) /);
    },
  );

  test('an expectation that nobody knows is ignored', async () => {
    const answer = await raw('GET /nowhere HTTP/1.1\r\nExpect: a miracle\r\nx-request-id: abc-123');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toMatch(/^x-request-id: abc-123\r$/im);
    expect(answer).toContain('"code":"NOT_FOUND"');
  });

  test.each([
    ['a tab', 'abc\tx', false],
    ['129 characters', 'a'.repeat(129), false],
    ['a space', 'a b', false],
    ['128 characters', 'a'.repeat(128), true],
  ])('a request id with %s is kept only if it is harmless', async (_case, id, kept) => {
    const answer = await raw(`GET /nowhere HTTP/1.1\r\nx-request-id: ${id}`);
    const answered = /x-request-id: ([^\r]*)/i.exec(answer)?.[1];
    if (kept) expect(answered).toBe(id);
    else expect(answered).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('what Prometheus is told of a request', () => {
  test('counts it by route pattern, with every declared status at 0 from the start', async () => {
    const broken = 'observability_http_requests_total{service="exporter",route="/broken",method="GET",status="500"}';
    const refused = 'observability_http_requests_total{service="exporter",route="/portal/things/:id",method="POST",status="403"}';
    expect(await value(refused)).toBeGreaterThanOrEqual(0);
    const before = (await value(broken)) ?? Number.NaN;
    await (await fetch(`${url}/broken`)).text();
    await waitUntil(async () => (await value(broken)) === before + 1, { within: 20_000, what: 'the request to be counted' });
    await (await fetch(`${url}/nowhere/<script>`)).text();
    await waitUntil(
      async () =>
        ((await value('observability_http_requests_total{service="exporter",route="unmatched",method="GET",status="404"}')) ?? 0) >= 1,
      { within: 20_000, what: 'the unknown path to be counted as unmatched' },
    );
    expect(await metrics.render()).not.toContain('script');
  });

  test('makes every status that a route may answer a series from the start, and a finished request one observation of its time', async () => {
    const declared = 'observability_http_requests_total{service="exporter",route="/v1/events",method="POST"';
    for (const status of [202, 400, 413, 415, 429, 500, 503])
      expect(await value(`${declared},status="${status}"}`), String(status)).toBeDefined();
    const count = 'observability_http_request_duration_seconds_count{service="exporter",route="/v1/events",method="POST"}';
    const before = await value(count);
    await (await post('/v1/events')).text();
    await waitUntil(async () => (await value(count)) === (before ?? 0) + 1, { within: 20_000 });
  });

  test('makes no label of a method that nobody knows', async () => {
    await raw('PROPFIND /nowhere HTTP/1.1');
    await waitUntil(
      async () =>
        ((await value('observability_http_requests_total{service="exporter",route="unmatched",method="other",status="404"}')) ?? 0) >= 1,
      { within: 20_000 },
    );
    expect(await metrics.render()).not.toContain('PROPFIND');
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
