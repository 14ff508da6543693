import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { publicCaller } from '../auth/identities.ts';
import { createLogger } from '../log.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../metrics/registry.ts';
import { ingestInstruments } from '../metrics/stack.ts';
import { NotWrittenError, OverloadedError } from '../postgres/batch-writer.ts';
import { DatabaseUnavailableError } from '../postgres/errors.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createApp, type App } from './app.ts';
import { publicBody } from './body.ts';
import { HttpError } from './errors.ts';
import { route, type Answer } from './route.ts';
import { listen } from './server.ts';

/** The application as the exporter runs it: public routes of widgets and of the marketing endpoints, counted and limited. */
const log = createLogger({ service: 'exporter', level: 'silent' });
const minute = new Date('2026-02-13T10:00:20.000Z');

let metrics: MetricsRegistry;
let app: App;
let url: string;
let port: number;
let close: () => Promise<void>;
let stopping = false;
let handle: () => Promise<Answer>;

beforeAll(async () => {
  metrics = createMetricsRegistry({ defaultMetrics: false });
  const endpoint = ingestInstruments(metrics).endpoint('events');
  const body = { rule: publicBody, schema: z.object({ id: z.string() }) };
  const described = { summary: 'takes events', identity: publicCaller, responses: { 202: z.unknown() }, errors: [400, 413, 415, 429, 503] };
  app = createApp({
    service: 'exporter',
    routes: [
      route({ ...described, method: 'POST', path: '/widget/events', cors: 'widget', body, ingest: endpoint, handler: () => handle() }),
      route({ ...described, method: 'POST', path: '/v1/events', cors: 'portal', body, ingest: endpoint, handler: () => handle() }),
      route({
        ...described,
        method: 'GET',
        path: '/limited/:site',
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
    allowedOrigins: ['https://shop.example.com'],
    trustedProxyHops: 1,
    rateLimitMultiplier: 1,
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
afterAll(() => close());

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

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

describe('CORS of widgets', () => {
  test('a preflight from any page is answered without credentials', async () => {
    const response = await fetch(`${url}/widget/events`, {
      method: 'OPTIONS',
      headers: { origin: 'https://any.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
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
    const response = await post('/widget/events', { headers: { origin: 'https://any.example' }, body });
    expect(response.status).toBe(status);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    // Pages of other sites embed what the exporter answers.
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
  });

  test('a beacon, which browsers send as text without a preflight, is read', async () => {
    const response = await post('/widget/events', {
      headers: { 'content-type': 'text/plain;charset=UTF-8', origin: 'https://any.example' },
    });
    expect(response.status).toBe(202);
  });

  test('an unknown path is no business of other pages', async () => {
    const response = await fetch(`${url}/nowhere`, { headers: { origin: 'https://any.example' } });
    expect(response.status).toBe(404);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the marketing endpoints', () => {
  test('have an error body of their own, and exactly the configured origins', async () => {
    const refused = await post('/v1/events', { headers: { origin: 'https://shop.example.com' }, body: '{"id":7}' });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://shop.example.com');
    expect(await refused.json()).toEqual({
      ok: false,
      error: expect.stringMatching(/^id /) as string,
      issues: [{ path: 'id', message: expect.any(String) as string }],
    });
    const unparsed = await post('/v1/events', { headers: { origin: 'https://evil.example' }, body: '{' });
    expect(unparsed.headers.get('access-control-allow-origin')).toBeNull();
    expect(await unparsed.json()).toEqual({ ok: false, error: 'the body must be JSON in UTF-8' });
    expect(await (await fetch(`${url}/v1/nowhere`)).json()).toEqual({ ok: false, error: 'there is no /v1/nowhere here' });
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
    fetch(`${url}/limited/a`, { headers: { 'x-site': site, 'x-forwarded-for': address, origin: 'https://any.example' } });
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
  /** The status of a request as raw bytes. */
  function raw(head: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(`${head}\r\nHost: x\r\nConnection: close\r\n\r\n`));
      socket.on('data', (data) => (answer += data.toString('latin1')));
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
    });
  }

  test.each(['/%', '/%zz', '/limited/%ff', '/limited/a/b', '//limited/a', '/../etc/passwd', '/.', '/limited/%01%'])(
    'the path %s is answered, and never as a failure of ours',
    async (path) => {
      expect(await raw(`GET ${path} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 (202|400|404) /);
    },
  );

  test('another method of a known path is 405 and names the right ones, any method elsewhere is 404', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'GET']) {
      const response = await fetch(`${url}/widget/events`, { method });
      expect(response.status, method).toBe(405);
      expect(response.headers.get('allow'), method).toBe('POST');
    }
    expect((await fetch(`${url}/limited/a`, { method: 'POST' })).headers.get('allow')).toBe('GET');
    expect((await fetch(`${url}/nowhere`, { method: 'DELETE' })).status).toBe(404);
    expect(await raw('PROPFIND /widget/events HTTP/1.1')).toMatch(/^HTTP\/1\.1 405 /);
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

  test('a method that nobody knows does not become a label', async () => {
    await raw('PROPFIND /nowhere HTTP/1.1');
    await waitUntil(
      async () =>
        ((await value('observability_http_requests_total{service="exporter",route="unmatched",method="other",status="404"}')) ?? 0) >= 1,
      { within: 2000 },
    );
    expect(await metrics.render()).not.toContain('PROPFIND');
  });
});

test('every status that a route may answer is a series from the start, and a finished request is one observation of its time', async () => {
  const declared = 'observability_http_requests_total{service="exporter",route="/v1/events",method="POST"';
  for (const status of [202, 400, 413, 415, 429, 500, 503])
    expect(await value(`${declared},status="${status}"}`), String(status)).toBeDefined();
  const count = 'observability_http_request_duration_seconds_count{service="exporter",route="/v1/events",method="POST"}';
  const before = await value(count);
  await (await post('/v1/events')).text();
  await waitUntil(async () => (await value(count)) === (before ?? 0) + 1, { within: 2000 });
});
