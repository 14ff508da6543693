import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitUntil } from '../../test/support/wait-until.ts';
import { startExporterStandIn, type ExporterStandIn, type NextAnswer, type ReceivedRequest } from './exporter-stand-in.ts';
import { createTracker, trackOperation, type Tracker, type TrackerError, type TrackerOptions } from './index.ts';

const never = 60_000;
const soon = { status: 503, headers: { 'retry-after': '0' } };

let exporter: ExporterStandIn;
let trackers: Tracker[];
let told: TrackerError[];

beforeEach(async () => {
  exporter = await startExporterStandIn();
  trackers = [];
});

afterEach(async () => {
  await Promise.all(trackers.map((tracker) => tracker.close(0)));
  await exporter.close();
});

function start(options: Partial<TrackerOptions> = {}): Tracker {
  const toldHere: TrackerError[] = [];
  told = toldHere;
  const tracker = createTracker({ url: exporter.url, ingestKey: 'ik_test', onError: (error) => toldHere.push(error), ...options });
  trackers.push(tracker);
  return tracker;
}

/** Performs operations that end at once; each has its number as its shop. */
function perform(tracker: Tracker, { from = 1, to }: { from?: number; to: number }): void {
  for (let number = from; number <= to; number += 1) {
    trackOperation(tracker, { operation: 'get_cart', domain: `shop-${number}.example` }, () => ({ success: true }));
  }
}

const shops = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => `shop-${from + index}.example`);
const shopsIn = ({ operations }: ReceivedRequest): string[] => operations.map(({ domain }) => domain);
const storedShops = (): string[] => [...exporter.stored.values()].map(({ domain }) => domain);
const codes = (): string[] => told.map(({ code }) => code);
const requests = (count: number): Promise<unknown> =>
  waitUntil(() => exporter.requests.length >= count, { within: 20_000, what: `${count} requests` });
const settled = (tracker: Tracker): Promise<unknown> =>
  waitUntil(() => tracker.stats().queued === 0, { within: 20_000, what: 'an empty queue' });
const toldOf = (code: string): Promise<TrackerError> =>
  waitUntil(() => told.find((error) => error.code === code), { within: 20_000, what: `onError told ${code}` });

describe('sending', () => {
  test('happens at maxBatch operations, whatever flushMs is', async () => {
    const tracker = start({ maxBatch: 3, flushMs: never });
    perform(tracker, { to: 7 });
    await requests(2);
    expect(exporter.requests.map(shopsIn)).toEqual([shops(1, 3), shops(4, 6)]);
    await waitUntil(() => tracker.stats().sent === 6, { within: 20_000 });
    expect(tracker.stats()).toMatchObject({ recorded: 7, sent: 6, queued: 1 });
  });

  test('happens after flushMs for what is no full batch', async () => {
    const tracker = start({ flushMs: 150 });
    const endedAt = performance.now();
    perform(tracker, { to: 2 });
    await requests(1);
    expect((exporter.requests[0]?.atMs ?? 0) - endedAt).toBeGreaterThan(140);
    perform(tracker, { from: 3, to: 3 });
    await requests(2);
    expect(exporter.requests.map(shopsIn)).toEqual([shops(1, 2), shops(3, 3)]);
  });

  test('is a POST with the ingest key, below the base URL', async () => {
    const tracker = start({ url: `${exporter.url}/behind/a/proxy/` });
    perform(tracker, { to: 1 });
    await tracker.close();
    expect(exporter.requests[0]).toMatchObject({ method: 'POST', path: '/behind/a/proxy/ingest/woocommerce/operations' });
    expect(exporter.requests[0]?.headers).toMatchObject({ authorization: 'Bearer ik_test', 'content-type': 'application/json' });
    expect(exporter.requests[0]?.headers['content-encoding']).toBeUndefined();
  });

  test('never begins while the caller waits for the operation', () => {
    const tracker = start({ maxBatch: 1 });
    const created: unknown[] = [];
    const onCreate = (message: unknown): unknown => created.push(message);
    subscribe('undici:request:create', onCreate);
    perform(tracker, { to: 5 });
    unsubscribe('undici:request:create', onCreate);
    expect(created).toEqual([]);
  });

  test('is one request at a time', async () => {
    const tracker = start({ maxBatch: 10 });
    exporter.next.push(soon, soon);
    perform(tracker, { to: 500 });
    await toldOf('UNREACHABLE');
    perform(tracker, { from: 501, to: 600 });
    await tracker.close();
    expect(exporter.mostAtOnce()).toBe(1);
    expect(storedShops()).toEqual(shops(1, 600));
  });

  test('does not belong to the request that filled the batch', async () => {
    const storage = new AsyncLocalStorage<string>();
    const contexts: unknown[] = [];
    const onCreate = (): unknown => contexts.push(storage.getStore());
    const tracker = start({ maxBatch: 2, flushMs: 10 });
    subscribe('undici:request:create', onCreate);
    storage.run('a request', () => perform(tracker, { to: 3 }));
    await settled(tracker);
    storage.run('a request', () => perform(tracker, { from: 4, to: 4 }));
    await settled(tracker);
    unsubscribe('undici:request:create', onCreate);
    expect(contexts.length).toBeGreaterThan(1);
    expect(contexts.every((context) => context === undefined)).toBe(true);
  });

  test('keeps a request below what the exporter takes, however long the messages are', async () => {
    const tracker = start({ maxBatch: 500, flushMs: never });
    const message = '\u0001'.repeat(1000);
    for (let count = 0; count < 500; count += 1) {
      trackOperation(tracker, { operation: 'get_cart', domain: 'shop.example' }, () => ({ success: false, error_type: message, message }));
    }
    await tracker.close();
    expect(exporter.stored.size).toBe(500);
    expect(exporter.requests.length).toBeGreaterThan(2);
    expect(Math.max(...exporter.requests.map(({ bytes }) => bytes))).toBeLessThan(2 * 1024 * 1024);
  });
});

describe('a batch that was not taken', () => {
  const failures: [string, NextAnswer][] = [
    ['429', { status: 429 }],
    ['503', { status: 503, body: '{"error":{"code":"INGEST_OVERLOADED","message":"later"}}' }],
    ['500', { status: 500 }],
    ['502 with a page', { status: 502, body: '<html>' }],
    ['no answer', 'hang'],
    ['half an answer', 'stop'],
    ['a broken connection', 'reset'],
    ['a connection that broke after the commit', 'store and reset'],
  ];

  test.each(failures)('is tried again with the same ids, after %s', async (_name, failure) => {
    const tracker = start({ maxBatch: 3, timeoutMs: 100 });
    exporter.next.push(failure);
    perform(tracker, { to: 3 });
    await toldOf('UNREACHABLE');
    expect(tracker.stats()).toMatchObject({ recorded: 3, sent: 0, queued: 3 });
    // Closing ends the back-off; that has a test of its own.
    await tracker.close();
    expect(exporter.requests).toHaveLength(2);
    expect(exporter.requests[1]?.operations).toEqual(exporter.requests[0]?.operations);
    expect(storedShops()).toEqual(shops(1, 3));
    expect(tracker.stats()).toMatchObject({ recorded: 3, sent: 3, queued: 0 });
    expect(codes()).toEqual(['UNREACHABLE']);
  });

  test('waits 1 s, then 2 s', async () => {
    const tracker = start({ flushMs: 1 });
    exporter.always = { status: 503 };
    perform(tracker, { to: 1 });
    await requests(3);
    const [first = 0, second = 0, third = 0] = exporter.requests.map(({ atMs }) => atMs);
    expect(second - first).toBeGreaterThan(990);
    expect(second - first).toBeLessThan(1900);
    expect(third - second).toBeGreaterThan(1990);
    expect(third - second).toBeLessThan(2900);
    expect(codes()).toEqual(['UNREACHABLE']);
  });

  test('waits as long as Retry-After says, and 1 s again after a success', async () => {
    const tracker = start({ flushMs: 1 });
    exporter.next.push({ status: 429, headers: { 'retry-after': '2' } }, soon, { rejected: [] }, { status: 500 });
    perform(tracker, { to: 1 });
    await settled(tracker);
    perform(tracker, { from: 2, to: 2 });
    await requests(5);
    const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0] = exporter.requests.map(({ atMs }) => atMs);
    expect(second - first).toBeGreaterThan(1990);
    expect(third - second).toBeLessThan(900);
    expect(fifth - fourth).toBeGreaterThan(990);
    expect(fifth - fourth).toBeLessThan(1900);
  });

  test('is told once until a batch is taken, with what stood in the way', async () => {
    const tracker = start({ flushMs: 1 });
    exporter.next.push({ ...soon, body: '{"error":{"code":"DATABASE_UNAVAILABLE","message":"try later"}}' }, soon, soon);
    perform(tracker, { to: 1 });
    await settled(tracker);
    expect(told.map(({ message }) => message)).toEqual([
      `a batch was not taken and is kept (answered 503 DATABASE_UNAVAILABLE try later); check ${exporter.url}/ingest/woocommerce/operations`,
    ]);
    exporter.next.push(soon);
    perform(tracker, { from: 2, to: 2 });
    await settled(tracker);
    expect(codes()).toEqual(['UNREACHABLE', 'UNREACHABLE']);
  });

  test('tells why nobody answered', async () => {
    await exporter.close();
    const tracker = start({ flushMs: 1 });
    perform(tracker, { to: 1 });
    const { message, cause } = await toldOf('UNREACHABLE');
    expect(message).toContain('fetch failed: connect ECONNREFUSED');
    expect(cause).toBeInstanceOf(TypeError);
  });
});

describe('a batch that is refused', () => {
  test.each([400, 401, 403, 404, 405, 413, 415, 422, 301, 307, 200, 204])('is dropped and told, with %s', async (status) => {
    const tracker = start({ maxBatch: 2 });
    exporter.next.push({ status, headers: { location: '/elsewhere' } });
    perform(tracker, { to: 4 });
    await settled(tracker);
    const { message } = await toldOf('REFUSED');
    expect(message).toBe(`2 operations were refused (answered ${status}); check url, ingestKey and maxBatch`);
    expect(tracker.stats()).toMatchObject({ recorded: 4, sent: 2, queued: 0, dropped: { refused: 2 } });
    expect(storedShops()).toEqual(shops(3, 4));
    expect(exporter.requests).toHaveLength(2);
  });

  test('is told with the words of the exporter', async () => {
    const tracker = start();
    exporter.next.push({ status: 401, body: '{"error":{"code":"INVALID_INGEST_KEY","message":"the key is not known"}}' });
    perform(tracker, { to: 1 });
    await tracker.close();
    expect((await toldOf('REFUSED')).message).toContain('answered 401 INVALID_INGEST_KEY the key is not known');
  });
});

describe('an answer 202', () => {
  test('may reject single operations: told and counted, the others are stored', async () => {
    const tracker = start({ maxBatch: 4 });
    exporter.next.push({
      rejected: [
        { index: 1, code: 'ValidationError', message: 'domain must be a host name' },
        { index: 3, code: 'ROW_REFUSED', message: 'the database refused it' },
      ],
    });
    perform(tracker, { to: 4 });
    await settled(tracker);
    await toldOf('REJECTED');
    expect(told.map(({ message }) => message)).toEqual([
      'get_cart of shop-2.example was not stored (ValidationError): domain must be a host name',
      'get_cart of shop-4.example was not stored (ROW_REFUSED): the database refused it',
    ]);
    expect(tracker.stats()).toMatchObject({ recorded: 4, sent: 2, dropped: { rejected: 2 } });
  });

  test.each([
    '',
    'no JSON',
    'null',
    '[]',
    '{"data":7}',
    '{"data":{"rejected":{}}}',
    '{"data":{"rejected":[null,{},{"index":9},{"index":"0"}]}}',
  ])('is a success whatever else it says: %j', async (body) => {
    const tracker = start({ maxBatch: 2 });
    exporter.next.push({ status: 202, body });
    perform(tracker, { to: 2 });
    await settled(tracker);
    expect(tracker.stats()).toMatchObject({ sent: 2, dropped: { rejected: 0 } });
    expect(told).toEqual([]);
  });
});

describe('a full queue', () => {
  test('drops the oldest, counts them, and tells once until a batch is taken', async () => {
    const tracker = start({ maxQueue: 10, maxBatch: 4, flushMs: never, timeoutMs: never });
    exporter.next.push(soon);
    perform(tracker, { to: 25 });
    expect(tracker.stats()).toMatchObject({ recorded: 25, queued: 10, dropped: { queueFull: 15 } });
    await waitUntil(() => tracker.stats().sent >= 8, { within: 20_000 });
    expect(codes()).toEqual(['QUEUE_FULL', 'UNREACHABLE']);
    perform(tracker, { from: 26, to: 40 });
    await tracker.close();
    expect(storedShops()).toEqual([...shops(16, 23), ...shops(31, 40)]);
    expect(codes()).toEqual(['QUEUE_FULL', 'UNREACHABLE', 'QUEUE_FULL']);
  });

  test('counts what is under way: it is given up for newer ones, and counted as lost only if it is', async () => {
    const tracker = start({ maxQueue: 10, maxBatch: 4, timeoutMs: never });
    const { promise: released, resolve: release } = withResolvers();
    exporter.next.push({ after: released });
    perform(tracker, { to: 10 });
    await requests(1);
    perform(tracker, { from: 11, to: 16 });
    // 1 to 4 are under way, 5 and 6 were dropped.
    expect(tracker.stats()).toMatchObject({ recorded: 16, sent: 0, queued: 14, dropped: { queueFull: 2 } });
    release();
    await tracker.close();
    expect(storedShops()).toEqual([...shops(1, 4), ...shops(7, 16)]);
    expect(tracker.stats()).toMatchObject({ recorded: 16, sent: 14, queued: 0, dropped: { queueFull: 2 } });
  });

  test('gives up what was under way when its request fails', async () => {
    const tracker = start({ maxQueue: 10, maxBatch: 4, timeoutMs: never });
    const { promise: released, resolve: release } = withResolvers();
    exporter.next.push({ after: released.then(() => Promise.reject(new Error('broken'))) });
    perform(tracker, { to: 10 });
    await requests(1);
    perform(tracker, { from: 11, to: 13 });
    expect(tracker.stats()).toMatchObject({ queued: 13, dropped: { queueFull: 0 } });
    release();
    await toldOf('UNREACHABLE');
    expect(tracker.stats()).toMatchObject({ queued: 10, dropped: { queueFull: 3 } });
    await tracker.close();
    expect(storedShops()).toEqual(shops(4, 13));
    expect(tracker.stats()).toMatchObject({ recorded: 13, sent: 10, queued: 0, dropped: { queueFull: 3 } });
  });

  test('after an outage the newest 1000 arrive, once each, and operations never noticed', async () => {
    const { url } = exporter;
    await exporter.close();
    const tracker = start({ url, flushMs: 1 });
    for (let first = 1; first <= 5000; first += 100) {
      perform(tracker, { from: first, to: first + 99 });
      await new Promise(setImmediate);
    }
    await toldOf('UNREACHABLE');
    exporter = await startExporterStandIn(Number(new URL(url).port));
    await settled(tracker);
    expect(storedShops()).toEqual(shops(4001, 5000));
    expect(exporter.requests.flatMap(shopsIn)).toHaveLength(1000);
    expect(tracker.stats()).toMatchObject({ recorded: 5000, sent: 1000, queued: 0, dropped: { queueFull: 4000 } });
  });
});

describe('close', () => {
  test('sends what is left', async () => {
    const tracker = start({ maxBatch: 10, flushMs: never });
    perform(tracker, { to: 34 });
    await tracker.close();
    expect(storedShops()).toEqual(shops(1, 34));
    expect(exporter.requests).toHaveLength(4);
  });

  test('does not wait for a back-off that began before, and tries again until the deadline', async () => {
    const tracker = start({ flushMs: 1 });
    exporter.next.push({ status: 503, headers: { 'retry-after': '60' } }, soon, soon);
    perform(tracker, { to: 1 });
    await toldOf('UNREACHABLE');
    const closedAt = performance.now();
    await tracker.close();
    expect(performance.now() - closedAt).toBeLessThan(2000);
    expect(storedShops()).toEqual(shops(1, 1));
    expect(exporter.requests).toHaveLength(4);
  });

  test.each<[string, NextAnswer]>([
    ['never answers', 'hang'],
    ['stays unwell', { status: 503 }],
    ['asks for an hour', { status: 429, headers: { 'retry-after': '3600' } }],
  ])('gives up at the deadline when the exporter %s: the rest is dropped, counted and told', async (_name, answer) => {
    const tracker = start({ maxBatch: 2, timeoutMs: never });
    exporter.always = answer;
    perform(tracker, { to: 5 });
    const closedAt = performance.now();
    await tracker.close(200);
    expect(performance.now() - closedAt).toBeGreaterThan(190);
    expect(performance.now() - closedAt).toBeLessThan(1500);
    expect(tracker.stats()).toMatchObject({ recorded: 5, sent: 0, queued: 0, dropped: { closed: 5 } });
    const { message } = await toldOf('CLOSED');
    expect(message).toBe('5 operations were not sent before the deadline of close; give it more time');
  });

  test('takes in what ends while it sends', async () => {
    const tracker = start({ flushMs: never });
    const { promise: released, resolve: release } = withResolvers();
    exporter.next.push({ after: released });
    perform(tracker, { to: 1 });
    const closing = tracker.close();
    await requests(1);
    perform(tracker, { from: 2, to: 3 });
    release();
    await closing;
    expect(storedShops()).toEqual(shops(1, 3));
  });

  test('counts and drops what ends after it, and tells once', async () => {
    const tracker = start({ maxBatch: 1 });
    await tracker.close();
    perform(tracker, { to: 3 });
    await toldOf('CLOSED');
    expect(tracker.stats()).toMatchObject({ recorded: 3, sent: 0, queued: 0, dropped: { closed: 3 } });
    expect(codes()).toEqual(['CLOSED']);
    expect(exporter.requests).toEqual([]);
  });

  test('can be called again, and with any deadline', async () => {
    const tracker = start();
    perform(tracker, { to: 1 });
    const first = tracker.close(Infinity);
    expect(tracker.close(1)).toBe(first);
    await first;
    expect(storedShops()).toEqual(shops(1, 1));
    for (const deadlineMs of [0, -1, Number.NaN]) await start().close(deadlineMs);
  });
});

describe('onError', () => {
  test.each<[string, () => unknown]>([
    ['throws', throwing],
    ['rejects', () => Promise.reject(new Error('broken host'))],
    // oxlint-disable-next-line unicorn/no-thenable -- hostile
    ['returns what throws', () => Object.defineProperty({}, 'then', { get: throwing })],
  ])('may be broken: what it %s is swallowed', async (_name, onError) => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): unknown => unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    let calls = 0;
    const tracker = start({
      maxBatch: 1,
      onError: () => {
        calls += 1;
        return onError();
      },
    });
    exporter.next.push({ status: 400 }, { status: 401 });
    perform(tracker, { to: 3 });
    await settled(tracker);
    await waitUntil(() => calls === 2, { within: 20_000 });
    await new Promise(setImmediate);
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
    expect(storedShops()).toEqual(shops(3, 3));
  });

  test('is never called in the way of an operation', async () => {
    let isCalled = false;
    const tracker = start({ onError: () => (isCalled = true) });
    await trackOperation(tracker, { operation: 'unknown' as 'get_cart', domain: 'shop.example' }, () => Promise.resolve());
    expect(isCalled).toBe(false);
    await waitUntil(() => isCalled, { within: 20_000 });
  });

  test('may be left out', async () => {
    const tracker = start({ onError: undefined, maxBatch: 1 });
    exporter.next.push({ status: 400 });
    perform(tracker, { to: 1 });
    await settled(tracker);
    expect(tracker.stats().dropped.refused).toBe(1);
  });
});

describe('createTracker', () => {
  test.each([
    [{ url: 'exporter:8081/' }, 'url is not'],
    [{ url: '' }, 'url is not'],
    [{ url: 'ftp://exporter' }, 'url is not'],
    [{ url: 'http://user:secret@exporter' }, 'url is not'],
    [{ url: 'http://exporter/?key=1' }, 'url is not'],
    [{ ingestKey: '' }, 'ingestKey is empty'],
    [{ ingestKey: 'ik_\nx' }, 'ingestKey is empty'],
    [{ ingestKey: undefined as unknown as string }, 'ingestKey is empty'],
    [{ maxQueue: 0 }, 'maxQueue is 0; give a whole number from 1 to 100000'],
    [{ maxBatch: 501 }, 'maxBatch is 501; give a whole number from 1 to 500'],
    [{ flushMs: Number.NaN }, 'flushMs is NaN'],
    [{ timeoutMs: 1.5 }, 'timeoutMs is 1.5'],
  ])('refuses at once what can never work: %j', (options, message) => {
    expect(() => start(options)).toThrow(TypeError);
    expect(() => start(options)).toThrow(`createTracker: ${message}`);
  });

  test('never shows a secret in what it throws', () => {
    expect(() => start({ url: 'http://user:secret@exporter' })).not.toThrow('secret');
    expect(() => start({ ingestKey: 'secret key' })).not.toThrow('secret');
  });

  test('can be called for every organization: the process has one listener for all', () => {
    const before = process.listenerCount('beforeExit');
    for (let count = 0; count < 50; count += 1) start();
    expect(process.listenerCount('beforeExit') - before).toBeLessThanOrEqual(1);
  });
});

function throwing(): never {
  throw new Error('broken host');
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = throwing;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
