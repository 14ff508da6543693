import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bodyOperations } from '../support/documented-operations.ts';
import { jsonTorture, truncations } from '../support/json-torture.ts';
import { inLanes, shortCanary, startWatchedServices, type WatchedServices } from '../support/watched-services.ts';

/** Bodies that are hardly JSON, or not at all; that are small on the wire and large in memory; that are large on the wire. On every route that takes one. */
const lanes = 8;
/** Bodies are read by the same code everywhere: one in so many of them on each route, so that every one is read on several. */
const routesPerCase = 3;

let services: WatchedServices;

beforeAll(async () => {
  services = await startWatchedServices();
});
afterAll(() => services.stop());

const megabyte = 1024 * 1024;
const fastest = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const zeros = Buffer.alloc(100 * megabyte);
const nestedJson = Buffer.from(`${'['.repeat(megabyte)}${']'.repeat(megabyte)}`);

const bombs: readonly [encoding: string, bytes: Buffer][] = [
  ['gzip', gzipSync(zeros, { level: 1 })],
  ['gzip', gzipSync(nestedJson)],
  ['gzip, gzip', gzipSync(gzipSync(zeros, { level: 1 }))],
  ['x-gzip', gzipSync(Buffer.alloc(megabyte))],
  ['GZIP', gzipSync(Buffer.alloc(megabyte))],
  ['br', brotliCompressSync(zeros, fastest)],
  ['deflate', deflateSync(Buffer.alloc(10 * megabyte))],
  ['identity, gzip', gzipSync(Buffer.alloc(megabyte))],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0xff, 0xff, 0xff, 0xff])],
  ['compress', Buffer.from([0x1f, 0x9d, 0x90])],
  ['gzip', Buffer.from('{}')],
];

const tooLarge = [...Array.from('[0"', (fill) => Buffer.alloc(3 * megabyte, fill)), Buffer.alloc(8 * megabyte, ' ')];

describe.each(bodyOperations.map((operation) => [operation.name, operation] as const))('%s', (_name, operation) => {
  test('inflates nothing: a compressed body is refused, however small it is', async () => {
    await inLanes(bombs, 4, async ([encoding, bytes]) => {
      const { status } = await services.send(operation, { body: bytes, headers: { 'content-encoding': encoding } });
      expect([encoding, status]).toEqual([encoding, 415]);
    });
  });

  test('reads no more than its limit', async () => {
    await inLanes(tooLarge, 2, async (body) => {
      expect((await services.send(operation, { body })).status, `${body.length} times ${body.toString('latin1', 0, 1)}`).toBe(413);
    });
  });

  test('takes no other type for JSON', async () => {
    const types = [
      '',
      'application/xml',
      'multipart/form-data; boundary=x',
      'application/json, text/plain',
      'application/jsonp',
      'text/html',
      'application/x-ndjson',
      '*/*',
    ];
    await inLanes(types, 4, async (contentType) => {
      const { status } = await services.send(operation, { body: '{}', contentType });
      expect([contentType, status]).toEqual([contentType, 415]);
    });
  });

  test('refuses whatever is no JSON as INVALID_JSON, and does not fail at what hardly is', async () => {
    const own = jsonTorture.filter((_case, number) => number % routesPerCase === bodyOperations.indexOf(operation) % routesPerCase);
    await inLanes(own, lanes, async ({ name, bytes, isNoJson }) => {
      const { status, text } = await services.send(operation, { body: bytes });
      if (isNoJson) expect([name, status, text.toUpperCase().includes('"INVALID_JSON"')]).toEqual([name, 400, true]);
      else expect(status, name).toBeLessThan(500);
    });
  });

  test('refuses its example when it was cut off, at one byte in five, another one on each route', async () => {
    const [example] = operation.body.examples;
    const shift = bodyOperations.indexOf(operation) % 5;
    const cut = truncations(JSON.stringify(services.withKnown(example))).filter((_body, bytes) => bytes % 5 === shift);
    await inLanes(cut, lanes, async (body) => {
      const { status, text } = await services.send(operation, { body });
      expect([body.toString(), status, text.toUpperCase().includes('"INVALID_JSON"')]).toEqual([body.toString(), 400, true]);
    });
    expect(cut.length).toBeGreaterThan(3);
  });
});

test('no parser tells a log what it could not read', async () => {
  const short = shortCanary(services.canaries);
  const unread = [`?${short}`, `["${short}",?]`, `{"a":"${short}"`, `{"a":"${short}"}?`, `["${short}"?${' '.repeat(40)}`];
  for (const operation of bodyOperations) {
    await inLanes(unread, lanes, async (body) => expect((await services.send(operation, { body })).status, body).toBe(400));
  }
});

test('whatever was refused is refused again, and stored nothing', async () => {
  expect(await services.expectRefusalsStoreNothing()).toBeGreaterThan(70);
});

test('the processes are as they were, and no log line tells what was sent', () => services.expectUnharmed());
