import { hashSync } from 'bcrypt';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../log.ts';
import { gauge } from '../metrics/definitions.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { version } from '../version.ts';
import { landingPage } from './landing-page.ts';
import { metricsListener } from './metrics-listener.ts';
import { listen } from './server.ts';
import type { WebConfig } from './web-config.ts';

const log = createLogger({ service: 'exporter', level: 'silent' });
const page = { service: 'exporter', summary: 'Takes telemetry in.', commit: 'abc1234' };

let url: string;
let close: () => Promise<void>;
let isReady: boolean;
let read: () => number | undefined;
let chunks: Buffer[];

beforeAll(async () => {
  const metrics = createMetricsRegistry({ defaultMetrics: false });
  metrics.gaugeFrom(gauge({ name: 'test_things', help: 'Things.', source: 'process' }), () => read());
  const listener = await listen(
    metricsListener({ page, metrics, orgSeries: () => chunks, token: undefined, isReady: () => isReady, log }),
    {
      port: 0,
      host: '127.0.0.1',
    },
  );
  url = `http://127.0.0.1:${listener.port}`;
  close = listener.close;
});
beforeEach(() => {
  isReady = true;
  read = () => 1;
  chunks = [Buffer.from('first 1\n'), Buffer.alloc(0), Buffer.from('second 2\n')];
});
afterAll(() => close());

test('readiness follows the process, health does not', async () => {
  for (const ready of [true, false, true]) {
    isReady = ready;
    const response = await fetch(`${url}/readyz`);
    expect(response.status).toBe(ready ? 200 : 503);
    expect(await response.json()).toEqual({ status: ready ? 'ok' : 'unavailable' });
    const health = await fetch(`${url}/healthz`);
    expect(health.status).toBe(200);
    expect(health.headers.get('cache-control')).toBe('no-store');
    expect(await health.json()).toEqual({ status: 'ok' });
  }
});

test('pieces are sent as one body of known length; HEAD and a query change nothing but what is sent', async () => {
  const response = await fetch(`${url}/metrics/orgs?x=1`);
  expect(response.headers.get('content-length')).toBe('17');
  expect(await response.text()).toBe('first 1\nsecond 2\n');
  const head = await fetch(`${url}/metrics/orgs`, { method: 'HEAD' });
  expect(head.status).toBe(200);
  expect(head.headers.get('content-length')).toBe('17');
  expect(await (await fetch(`${url}/metrics?name[]=x`)).text()).toContain('test_things 1\n');
  for (const path of ['/metrics/', '/metrics/orgs/', '/METRICS', '/metrics/other', '//metrics', '/index.html', '/metrics%2Forgs']) {
    expect((await fetch(url + path)).status, path).toBe(404);
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const refused = await fetch(`${url}/metrics`, { method });
    expect(refused.status, method).toBe(405);
    expect(refused.headers.get('allow')).toBe('GET, HEAD');
  }
});

test('a scrape that fails is 500 without details, and the next one works', async () => {
  for (let times = 0; times < 12; times += 1) {
    read = () => {
      throw new Error('hunter2');
    };
    const response = await fetch(`${url}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('the scrape failed\n');
  }
  read = () => 2;
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('test_things 2\n');
});

describe('readers that take their time', () => {
  /** Far more than sockets buffer. */
  const piece = Buffer.alloc(64 * 1024, 'x');
  const open = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get(`${url}/metrics/orgs`, { agent: false }, resolve).on('error', reject);
    });
  const bytesOf = async (response: IncomingMessage): Promise<number> => {
    let bytes = 0;
    response.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await once(response, 'end');
    return bytes;
  };

  test('eight may read at once; a ninth is refused, and none of it keeps the probes waiting', async () => {
    chunks = Array<Buffer>(200).fill(piece);
    const readers = await Promise.all(Array.from({ length: 8 }, open));
    expect(readers.map(({ statusCode }) => statusCode)).toEqual(Array(8).fill(200));
    const ninth = await fetch(`${url}/metrics`);
    expect(ninth.status).toBe(503);
    expect(await ninth.text()).toBe('too many scrapes at once\n');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await Promise.all(readers.map(bytesOf))).toEqual(Array(8).fill(200 * piece.length));
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
  });

  test('one that goes away in the middle gives its place back', async () => {
    chunks = Array<Buffer>(200).fill(piece);
    const readers = await Promise.all(Array.from({ length: 8 }, open));
    for (const reader of readers) reader.on('error', () => undefined).destroy();
    await waitUntil(async () => (await fetch(`${url}/metrics`)).status === 200, { within: 5000, what: 'the places to be free again' });
  });

  test('a long body to a slow reader leaves no listeners behind', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): number => warnings.push(warning);
    process.on('warning', note);
    chunks = Array<Buffer>(400).fill(piece);
    expect(await bytesOf(await open())).toBe(400 * piece.length);
    await new Promise(setImmediate);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

/** A listener of its own, for one test. */
async function withListener(options: Partial<Parameters<typeof metricsListener>[0]>, act: (url: string) => Promise<void>): Promise<void> {
  const metrics = createMetricsRegistry({ defaultMetrics: false });
  const listener = await listen(metricsListener({ page, metrics, token: undefined, isReady: () => true, log, ...options }), {
    port: 0,
    host: '127.0.0.1',
  });
  try {
    await act(`http://127.0.0.1:${listener.port}`);
  } finally {
    await listener.close();
  }
}

test('without series of organizations there is no such path, and no link to it', () =>
  withListener({}, async (bare) => {
    expect((await fetch(`${bare}/metrics/orgs`)).status).toBe(404);
    expect(await (await fetch(bare)).text()).not.toContain('/metrics/orgs');
  }));

describe('the page at /', () => {
  test('says what this is, and links to all there is', async () => {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const html = await response.text();
    expect(html).toContain('<h1>widget-observability exporter</h1>');
    expect(html).toContain(`Version ${version}, commit abc1234`);
    expect([...html.matchAll(/href="([^"]+)"/g)].map(([, link]) => link)).toEqual(['/metrics', '/metrics/orgs', '/healthz', '/readyz']);
  });

  test('runs nothing and loads nothing: only its own style is allowed', async () => {
    const response = await fetch(url);
    const html = await response.text();
    expect(html).not.toMatch(/<script|<img|<link|\son\w+=|style="/i);
    const style = createHash('sha256')
      .update(/<style>(.*)<\/style>/s.exec(html)?.[1] ?? '')
      .digest('base64');
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test.each([
    ['observability.example:9465', 'http://observability.example:8080/docs'],
    ['127.0.0.1:9465', 'http://127.0.0.1:8080/docs'],
    ['[2001:db8::1]:9465', 'http://[2001:db8::1]:8080/docs'],
    ['observability.example', 'http://observability.example:8080/docs'],
    ['"><script>alert(1)</script>', undefined],
    ['user@evil.example:80', undefined],
    ['evil.example/x', undefined],
    ['', undefined],
  ])('asked for at %j links to the documents at %s', async (host, link) => {
    const html = landingPage({ ...page, documentsPort: 8080 }, [], host);
    expect(/href="([^"]+)"/.exec(html)?.[1]).toBe(link);
    expect(html).not.toContain('<script');
  });
});

describe('what guards the listener', () => {
  const hash = hashSync('wonderland', 4);
  const basic = (password: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`,
  });
  const guarded = ['/', '/metrics', '/metrics/orgs', '/nowhere'];
  const statuses = async (base: string, paths: string[], headers: Record<string, string> = {}): Promise<number[]> =>
    Promise.all(paths.map(async (path) => (await fetch(base + path, { headers })).status));
  const webConfig = (changes: Partial<WebConfig>): WebConfig => ({ tls: undefined, headers: {}, users: new Map(), files: [], ...changes });

  test('is asked on every path but those of the probes: a token', () =>
    withListener({ token: 'token-for-prometheus', orgSeries: () => [] }, async (base) => {
      expect(await statuses(base, guarded)).toEqual([401, 401, 401, 401]);
      expect(await statuses(base, guarded, { authorization: 'Bearer wrong' })).toEqual([401, 401, 401, 401]);
      expect(await statuses(base, guarded, { authorization: 'Bearer token-for-prometheus' })).toEqual([200, 200, 200, 404]);
      expect(await statuses(base, ['/healthz', '/readyz'])).toEqual([200, 200]);
    }));

  test('is asked on every path but those of the probes: users', () =>
    withListener({ web: () => webConfig({ users: new Map([['alice', hash]]) }), orgSeries: () => [] }, async (base) => {
      expect(await statuses(base, guarded)).toEqual([401, 401, 401, 401]);
      expect(await statuses(base, guarded, basic('wrong'))).toEqual([401, 401, 401, 401]);
      expect(await statuses(base, guarded, basic('wonderland'))).toEqual([200, 200, 200, 404]);
      expect(await statuses(base, ['/healthz', '/readyz'])).toEqual([200, 200]);
      const refused = await fetch(`${base}/metrics`);
      expect(refused.headers.get('www-authenticate')).toBe('Basic realm="metrics", charset="UTF-8"');
      expect(await refused.text()).toBe('the user or the password is missing or wrong\n');
    }));

  test('follows the file: users that come and go', async () => {
    let users = new Map([['alice', hash]]);
    await withListener({ web: () => webConfig({ users }) }, async (base) => {
      expect(await statuses(base, ['/metrics'], basic('wonderland'))).toEqual([200]);
      users = new Map([['bob', hash]]);
      expect(await statuses(base, ['/metrics'], basic('wonderland'))).toEqual([401]);
    });
  });

  test('keeps guesses from piling up', () =>
    withListener({ web: () => webConfig({ users: new Map([['alice', `$2b$08$${'a'.repeat(53)}`]]) }) }, async (base) => {
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, number) => fetch(`${base}/metrics`, { headers: basic(`${number}`) })),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 503]));
      expect((await fetch(`${base}/readyz`)).status).toBe(200);
    }));

  test('sets the headers of the file on every answer, and those of the page give way to them', async () => {
    const headers = { 'X-Frame-Options': 'deny', 'Content-Security-Policy': "default-src 'self'" };
    await withListener({ web: () => webConfig({ headers }) }, async (base) => {
      for (const path of ['/', '/metrics', '/healthz', '/readyz', '/nowhere']) {
        const response = await fetch(base + path);
        expect(response.headers.get('x-frame-options'), path).toBe('deny');
        expect(response.headers.get('content-security-policy'), path).toBe("default-src 'self'");
      }
      expect((await fetch(base, { method: 'POST' })).headers.get('x-frame-options')).toBe('deny');
    });
  });
});
