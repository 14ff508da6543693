import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bodyOperations, operations, type DocumentedOperation } from '../support/documented-operations.ts';
import { abandon, exchange, type RawAnswers } from '../support/raw-exchange.ts';
import { inLanes, startWatchedServices, type WatchedServices } from '../support/watched-services.ts';

/** Bytes that are hardly HTTP, or not at all, on the sockets of both services. */
let services: WatchedServices;

beforeAll(async () => {
  services = await startWatchedServices();
});
afterAll(() => services.stop());

const lines = (...head: string[]): string => `${head.join('\r\n')}\r\n`;
const probe = (target = '/healthz', ...headers: string[]): string =>
  lines(`GET ${target} HTTP/1.1`, 'Host: x', ...headers, 'Connection: close', '');
const openProbe = probe().replace('Connection: close\r\n', '');
/** A body that would be taken, were it not for the head. */
const body = '{"not":"stored"}';
/** To a route of the service that takes one. */
const post = (...headers: string[]): string =>
  lines('POST {path} HTTP/1.1', 'Host: x', 'Content-Type: application/json', '{credentials}', ...headers, '');
const length = `Content-Length: ${body.length}`;
const chunked = 'Transfer-Encoding: chunked';
const asChunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
/** What a smuggler wants to be taken for a request of its own. */
const smuggled = probe('/healthz', 'X-Request-Id: smuggled');

/** What is sent, and the statuses that come back before the server closes the connection. */
type Case = [name: string, parts: (string | Buffer)[], statuses: number[]];

const framing: Case[] = [
  ['two lengths', [post(length, length), body], [400]],
  ['two lengths that differ', [post('Content-Length: 0', length), body], [400]],
  ['two lengths in one header', [post(`Content-Length: ${body.length}, ${body.length}`), body], [400]],
  ['a length and chunks', [post(length, chunked), asChunk, smuggled], [400]],
  ['chunks and a length', [post(chunked, 'Content-Length: 4'), asChunk, smuggled], [400]],
  ['an encoding that is not known', [post('Transfer-Encoding: xchunked'), asChunk, smuggled], [400]],
  ['chunks that are not the last encoding', [post('Transfer-Encoding: chunked, identity'), asChunk, smuggled], [400]],
  ['an encoding behind a vertical tab', [post('Transfer-Encoding:\u000bchunked', length), body, smuggled], [400]],
  ['a space before the colon', [post('Transfer-Encoding : chunked', length), body, smuggled], [400]],
  ['a length with a sign', [post(`Content-Length: +${body.length}`), body], [400]],
  ['a negative length', [post('Content-Length: -1'), body], [400]],
  ['a hexadecimal length', [post('Content-Length: 0x10'), body], [400]],
  ['a length that no number holds', [post('Content-Length: 99999999999999999999'), body], [400]],
  ['a length in two parts', [post('Content-Length: 1 6'), body], [400]],
  ['an empty length', [post('Content-Length:'), body], [400]],
  ['a chunk size that is no number', [post(chunked), `zz\r\n${body}\r\n0\r\n\r\n`], [400]],
  ['a chunk size that no number holds', [post(chunked), `ffffffffffffffffff\r\n${body}`], [400]],
  ['a negative chunk size', [post(chunked), `-1\r\n${body}\r\n0\r\n\r\n`], [400]],
  ['a chunk longer than its size', [post(chunked), `1\r\n${body}\r\n0\r\n\r\n`], [400]],
  ['a chunk extension without an end', [post(chunked), `1;${'x'.repeat(40_000)}`], [400]],
  ['a trailer that is no header', [post(chunked), `1\r\n1\r\n0\r\nnot a header\r\n\r\n`], [400]],
  [
    'chunks of one byte, with extensions and a trailer',
    [post(chunked, 'Connection: close'), '1;a=b\r\n[\r\n1;c\r\n]\r\n0\r\nX: y\r\n\r\n'],
    [400],
  ],
  [
    'a refused body that looks like a request',
    [post(`Content-Length: ${smuggled.length}`, 'Content-Encoding: gzip'), smuggled, probe()],
    [415, 200],
  ],
  ['a body of a request that takes none', [probe('/healthz', `Content-Length: ${smuggled.length}`), smuggled], [200]],
];

const heads: Case[] = [
  ['a header of 17 KB', [probe('/healthz', `X: ${'x'.repeat(17 * 1024)}`)], [431]],
  ['headers of 17 KB together', [probe('/healthz', ...Array.from({ length: 170 }, (_, n) => `X-${n}: ${'x'.repeat(95)}`))], [431]],
  ['a URL of 17 KB', [probe(`/${'x'.repeat(17 * 1024)}`)], [431]],
  ['a header without an end', [`GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}`], [431]],
  ['NUL in a header', [probe('/healthz', 'X: a\0b')], [400]],
  ['NUL in the name of a header', [probe('/healthz', 'X\0: a')], [400]],
  ['a header without a colon', [probe('/healthz', 'nonsense')], [400]],
  ['a header without a name', [probe('/healthz', ': x')], [400]],
  ['a folded header', [probe('/healthz', 'X: a', '\tb')], [400]],
  ['a carriage return alone', [probe('/healthz', 'X: a\rY: b')], [400]],
  ['line feeds alone', [probe().replaceAll('\r\n', '\n')], [400]],
  ['no host', [lines('GET /healthz HTTP/1.1', 'Connection: close', '')], [400]],
  ['a host of nothing', [lines('GET /healthz HTTP/1.1', 'Host:', 'Connection: close', '')], [200]],
  [
    'the user of somebody else in the host',
    [lines('GET /healthz HTTP/1.1', 'Host: evil.example:x@shop.example', 'Connection: close', '')],
    [200],
  ],
  ['HTTP/1.0 without a host', [lines('GET /healthz HTTP/1.0', '')], [200]],
  [
    'HTTP/1.0 with a body of no length',
    [lines('POST {path} HTTP/1.0', 'Content-Type: application/json', '{credentials}', ''), body],
    [400],
  ],
  ['HTTP/9.9', [lines('GET /healthz HTTP/9.9', 'Host: x', '')], [400]],
  ['the greeting of HTTP/2', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], [400]],
  ['the greeting of TLS', [Buffer.concat([Buffer.from([0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3]), randomBytes(160)])], [400]],
  ['random bytes', [Buffer.concat([Buffer.from([0xff]), randomBytes(4096)])], [400]],
  ['a method in lower case', [probe().replace('GET', 'get')], [400]],
  ['a method that nobody knows', [probe().replace('GET', 'SMUGGLE')], [400]],
  ['a method of others', [probe('{path}').replace('GET', 'MKCOL')], [405]],
  ['TRACE', [probe().replace('GET', 'TRACE')], [405]],
  ['an offer to speak something else', [probe('/healthz', 'Upgrade: websocket', 'Connection: upgrade')], [200]],
  ['an expectation of 100-continue', [post(length, 'Expect: 100-continue', 'Connection: close'), body], [100, 400]],
  ['empty lines before the request', [`\r\n\r\n${probe()}`], [200]],
];

const targets: Case[] = [
  ['an absolute URL', [probe('http://evil.example/healthz')], [200]],
  ['a URL of another scheme', [probe('file:///etc/passwd')], [404]],
  ['an asterisk', [probe('*').replace('GET', 'OPTIONS')], [404]],
  ['no target', [lines('GET  HTTP/1.1', 'Host: x', '')], [400]],
  ['a target with a space', [probe('/health z')], [400]],
  ['a target without a slash', [probe('healthz')], [400]],
  ['NUL', [probe('/healthz\0')], [400]],
  ['an escaped NUL', [probe('/healthz%00')], [404]],
  ['two slashes', [probe('//healthz')], [404]],
  ['a parameter between dots', [probe('/..;/healthz')], [404]],
  ['a parameter behind the name', [probe('/healthz;jsessionid=1')], [404]],
  ['dots', [probe('/v1/../healthz')], [404]],
  ['escaped dots', [probe('/v1/%2e%2e/healthz')], [404]],
  ['escaped slashes', [probe('/v1%2fhealthz')], [404]],
  ['backslashes', [probe('\\healthz')], [400]],
  ['other letters', [probe('/HEALTHZ')], [404]],
  ['a slash at the end', [probe('/healthz/')], [404]],
  ['a broken escape', [probe('/%zz')], [404]],
  ['bytes that are no ASCII', [probe('/h\u00e9alth')], [400]],
  ['a fragment', [probe('/healthz#x')], [200]],
  ['nothing but a query', [probe('?x')], [400]],
];

const sequences: Case[] = [
  ['a hundred requests at once', [openProbe.repeat(99), probe()], Array<number>(100).fill(200)],
  ['a good request and garbage in one piece', [`${openProbe}garbage\r\n\r\n`], [400]],
  ['a refused request, then a good one', [post(length, 'Content-Length: 7'), body, probe()], [400]],
  ['an empty body, then a good request', [post('Content-Length: 0'), probe()], [400, 200]],
];

describe.each<[string, Case[]]>([
  ['the framing of a body', framing],
  ['the head of a request', heads],
  ['a target', targets],
  ['requests one after the other', sequences],
])('%s', (_what, cases) => {
  test.each(cases)('%s', async (_name, parts, statuses) => {
    for (const service of ['exporter', 'api'] as const) {
      const answers = await exchange(
        services[service].url,
        parts.map((part) => addressedTo(service, part)),
      );
      expect(answers.statuses, `${service}: ${answers.text.slice(0, 600)}`).toEqual(statuses);
      expectErrorsOfTheContract(answers);
    }
  });
});

/** Names a route of the service that takes a body, and whoever may call it. */
function addressedTo(service: 'exporter' | 'api', part: string | Buffer): string | Buffer {
  const operation = bodyOperations.find((candidate) => candidate.service === service);
  if (operation === undefined || typeof part !== 'string') return part;
  return part.replaceAll('{path}', operation.path).replaceAll('{credentials}', headerLines(operation));
}

const headerLines = (operation: DocumentedOperation): string =>
  Object.entries(services.headersOf(operation))
    .map(([name, value]) => `${name}: ${value}`)
    .join('\r\n');

function expectErrorsOfTheContract({ text, statuses }: RawAnswers): void {
  const refusals = statuses.filter((status) => status >= 400);
  const answers = text.split(/(?=HTTP\/1\.1 \d{3})/).filter((answer) => /^HTTP\/1\.1 [45]/.test(answer));
  expect(answers).toHaveLength(refusals.length);
  for (const answer of answers) {
    expect(answer).toMatch(/^x-request-id: [\x21-\x7e]+\r$/im);
    expect(answer).toMatch(/"error":(\{"code":"[A-Z_]+"|"[a-z_]+")/);
  }
}

describe('a connection that breaks', () => {
  const requestOf = (operation: DocumentedOperation, sent: string): string => {
    const { method, path } = operation;
    const head = [`${method} ${path} HTTP/1.1`, 'Host: x', 'Content-Type: application/json', headerLines(operation)];
    return lines(...head, `Content-Length: ${Buffer.byteLength(sent)}`, '') + sent;
  };

  test('after any byte of a request leaves nothing behind', async () => {
    const operation = bodyOperations.find(({ service, credential }) => service === 'exporter' && credential !== undefined);
    if (operation === undefined) throw new Error('no operation takes a body from a known caller');
    const whole = Buffer.from(requestOf(operation, JSON.stringify(services.withKnown(operation.body.examples[0]))));
    const before = await services.storedChanges();
    const cuts = Array.from({ length: whole.length }, (_, bytes) => whole.subarray(0, bytes));
    await inLanes(cuts, 16, (bytes) => abandon(services.exporter.url, bytes));
    expect(await services.storedChanges()).toBe(before);
    expect(cuts.length).toBeGreaterThan(200);
  });

  test('in the middle of a body, on every route that takes one, is no failure', async () => {
    for (const operation of bodyOperations) {
      const { url } = operation.service === 'api' ? services.api : services.exporter;
      const whole = requestOf(operation, JSON.stringify(services.withKnown(operation.body.examples[0])));
      await abandon(url, whole.slice(0, -5));
    }
  });

  test('before the answer has come is no failure', async () => {
    await inLanes(
      operations.flatMap((operation) => Array.from({ length: 5 }, () => operation)),
      16,
      (operation) =>
        abandon(
          (operation.service === 'api' ? services.api : services.exporter).url,
          requestOf(operation, JSON.stringify(services.withKnown(operation.body?.examples[0] ?? null))),
        ),
    );
  });

  test('in one direction only is still answered', async () => {
    const { statuses } = await exchange(services.exporter.url, [openProbe], { halfClose: true });
    expect(statuses).toEqual([200]);
  });
});

describe('a client that sends slowly', () => {
  test.concurrent.each([
    ['its headers', 'POST /widget/analytics HTTP/1.1\r\nHost: x\r\nX-Slow:'],
    ['its body', 'POST /widget/analytics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{'],
    [
      'its chunks',
      'POST /widget/analytics HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
    ],
  ])('%s is told so and left', async (_what, begun) => {
    const { statuses } = await exchange(services.exporter.url, [begun]);
    expect(statuses).toEqual([408]);
  });
});

test('the processes are as they were, and no log line tells what was sent', () => services.expectUnharmed());
