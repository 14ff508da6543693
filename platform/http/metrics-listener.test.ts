import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../log.ts';
import { gauge } from '../metrics/definitions.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { metricsListener } from './metrics-listener.ts';
import { listen } from './server.ts';

const log = createLogger({ service: 'exporter', level: 'silent' });

let url: string;
let close: () => Promise<void>;
let isReady: boolean;
let read: () => number | undefined;
let chunks: Buffer[];

beforeAll(async () => {
  const metrics = createMetricsRegistry({ defaultMetrics: false });
  metrics.gaugeFrom(gauge({ name: 'test_things', help: 'Things.' }), () => read());
  const listener = await listen(metricsListener({ metrics, orgSeries: () => chunks, token: undefined, isReady: () => isReady, log }), {
    port: 0,
    host: '127.0.0.1',
  });
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
  for (const path of ['/', '/metrics/', '/metrics/orgs/', '/METRICS', '/metrics/other', '//metrics']) {
    expect((await fetch(url + path)).status, path).toBe(404);
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect((await fetch(`${url}/metrics`, { method })).status, method).toBe(405);
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
    await waitUntil(async () => (await fetch(`${url}/metrics`)).status === 200, { within: 3000, what: 'the places to be free again' });
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

test('without series of organizations there is no such path', async () => {
  const metrics = createMetricsRegistry({ defaultMetrics: false });
  const listener = await listen(metricsListener({ metrics, token: undefined, isReady: () => true, log }), { port: 0, host: '127.0.0.1' });
  expect((await fetch(`http://127.0.0.1:${listener.port}/metrics/orgs`)).status).toBe(404);
  await listener.close();
});
