import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HttpError } from './errors.ts';
import { parseForm, publicBody, readBody, serverBody } from './body.ts';
import { listen } from './server.ts';

let port: number;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ port, close } = await listen(
    (request, response) => {
      readBody(request, request.url === '/server' ? serverBody : publicBody).then(
        (body) => response.end(request.url === '/shape' ? typeof body : JSON.stringify({ body })),
        (error: unknown) => {
          if (!(error instanceof HttpError)) throw error;
          response.writeHead(error.status, error.headers).end(error.code);
        },
      );
    },
    { port: 0, host: '127.0.0.1' },
  ));
});
afterAll(() => close());

function send(
  body: string | Buffer,
  headers: Record<string, string> = { 'content-type': 'application/json' },
  path = '/',
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: new Uint8Array(Buffer.from(body)) });
}

/** Writes raw bytes and answers everything that comes back until the server closes or `until` was seen. */
function raw(chunks: (string | Buffer)[], until: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      for (const chunk of chunks) socket.write(chunk);
    });
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (answer.includes(until)) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

/** The first line of the answer for a sender that reads nothing before everything is sent. */
function sendAllThenRead(head: string, parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${head}\r\n\r\n`);
      const next = (index: number): void => {
        const part = parts[index];
        if (part === undefined) socket.resume();
        else socket.write(part, () => setImmediate(next, index + 1));
      };
      next(0);
    });
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (answer.includes('\r\n\r\n')) socket.destroy();
    });
    socket.pause();
    socket.on('error', reject);
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
  });
}

describe('a JSON body', () => {
  test.each(['application/json', 'application/json; charset=utf-8', 'text/plain;charset=UTF-8', 'APPLICATION/JSON'])(
    'is read as %s',
    async (type) => {
      expect(await (await send('{"a":"ü👋"}', { 'content-type': type })).json()).toEqual({ body: { a: 'ü👋' } });
    },
  );

  test.each([
    ['text/plain on a route for servers', '{}', { 'content-type': 'text/plain' }, '/server'],
    ['no type', Buffer.from('{}'), {}, '/'],
    ['a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, '/'],
    ['gzip', gzipSync('{}'), { 'content-type': 'application/json', 'content-encoding': 'gzip' }, '/'],
    ['an unknown encoding', '{}', { 'content-type': 'application/json', 'content-encoding': 'br, gzip' }, '/'],
  ])('with %s is 415', async (_case, body, headers, path) => {
    const response = await send(body, headers, path);
    expect(response.status).toBe(415);
    expect(await response.text()).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  test.each([
    ['nothing', ''],
    ['a cut object', '{"a":'],
    ['a trailing comma', '[1,]'],
    ['NaN', 'NaN'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ])('of %s is 400', async (_case, body) => {
    const response = await send(body);
    expect(response.status).toBe(400);
    expect(await response.text()).toBe('INVALID_JSON');
  });

  test('may be nested as deeply as its size allows without harm', async () => {
    const response = await send(`${'['.repeat(100_000)}${']'.repeat(100_000)}`, undefined, '/shape');
    expect(await response.text()).toBe('object');
  });

  test('of exactly the limit is read, one byte more is 413', async () => {
    const ofBytes = (bytes: number): string => JSON.stringify('x'.repeat(bytes - 2));
    expect((await send(ofBytes(256 * 1024))).status).toBe(200);
    const response = await send(ofBytes(256 * 1024 + 1));
    expect(response.status).toBe(413);
    expect(await response.text()).toBe('PAYLOAD_TOO_LARGE');
    expect((await send(ofBytes(2 * 1024 * 1024), undefined, '/server')).status).toBe(200);
  });

  test('that is announced too large is 413 before it was sent', async () => {
    const answer = await raw(
      [`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n{`],
      'PAYLOAD_TOO_LARGE',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer.toLowerCase()).toContain('connection: close');
  });

  test('that comes in chunks without an end is 413 while the client is still sending', async () => {
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const answer = await raw(
      [
        `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
        ...Array<string>(8).fill(chunk),
      ],
      'PAYLOAD_TOO_LARGE',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  const megabytes = 4;
  const part = Buffer.alloc(65_536, 'x');
  const parts = Array<Buffer>(megabytes * 16).fill(part);
  const chunks = [...parts.map((data) => Buffer.concat([Buffer.from('10000\r\n'), data, Buffer.from('\r\n')])), '0\r\n\r\n'];

  test.each([
    ['announced', `Content-Length: ${megabytes * 1024 * 1024}`, parts],
    ['in chunks', 'Transfer-Encoding: chunked', chunks],
    ['announced, for one request only', `Connection: close\r\nContent-Length: ${megabytes * 1024 * 1024}`, parts],
    ['in chunks, for one request only', 'Connection: close\r\nTransfer-Encoding: chunked', chunks],
  ])(
    'that is too large, %s: its 413 arrives although the sender reads nothing before it has sent everything',
    async (_case, head, body) => {
      for (let times = 0; times < 3; times += 1) expect(await sendAllThenRead(head, body)).toMatch(/^HTTP\/1\.1 413 /);
    },
  );

  test('that is too large or of a wrong type arrives at fetch as its status, and the connection serves the next request', async () => {
    const large = Buffer.alloc(megabytes * 1024 * 1024, 'x');
    for (let times = 0; times < 5; times += 1) {
      expect((await send(large)).status).toBe(413);
      expect((await send(large, { 'content-type': 'image/png' })).status).toBe(415);
      expect((await send('{}')).status).toBe(200);
    }
  });

  test('that was cut while its sender was looked up is an error, and not a request that never ends', async () => {
    let outcome: Promise<unknown> = Promise.resolve();
    let arrived: () => void = () => undefined;
    const arrival = new Promise<void>((resolve) => (arrived = resolve));
    const slow = await listen(
      (request) => {
        const gone = new Promise((resolve) => request.on('close', resolve).on('error', () => undefined));
        outcome = gone.then(() => readBody(request, publicBody)).catch((error: unknown) => error);
        arrived();
      },
      { port: 0, host: '127.0.0.1' },
    );
    const socket = connect(slow.port, '127.0.0.1', () => {
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":');
    });
    await arrival;
    socket.destroy();
    expect(await outcome).toMatchObject({ code: 'INVALID_JSON', message: 'the body ended early' });
    await slow.close();
  });

  test('that ends early does no harm to the next request', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":', () =>
          socket.destroy(),
        );
      });
      socket.on('close', () => resolve());
    });
    expect((await send('{}')).status).toBe(200);
  });
});

test('a port in use is told with its fix', async () => {
  await expect(listen(() => undefined, { port, host: '127.0.0.1' })).rejects.toThrow(
    `port ${port} is in use: stop what listens there or set another port`,
  );
});

test.each([
  ['garbage', 'nonsense\r\n\r\n', 400],
  ['a request without a host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['headers that are too large', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('%s is answered in the shape of every other error, with a request id', async (_case, text, status) => {
  const answer = await raw([text], '"issues":[]');
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer.toLowerCase()).toMatch(/x-request-id: [0-9a-f-]{36}/);
});

describe('a form', () => {
  test('keeps what is given several times as a list, and takes long lists in no time', () => {
    expect({ ...parseForm('a=1&a=2&b=3&c[d]=4') }).toMatchObject({ a: ['1', '2'], b: '3', c: { d: '4' } });
    const startedAt = performance.now();
    expect(parseForm('a&'.repeat(999))['a']).toHaveLength(999);
    expect(performance.now() - startedAt).toBeLessThan(100);
  });

  test('of more fields than anybody has is refused before it is parsed', () => {
    expect(() => parseForm('a&'.repeat(131_000))).toThrow('the form has more than 1000 fields');
  });
});
