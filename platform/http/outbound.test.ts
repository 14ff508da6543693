import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { selfSignedCertificate } from '../../test/support/certificate.ts';
import { startDnsServer } from '../../test/support/dns-server.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import {
  allHosts,
  OutboundError,
  publicHosts,
  withOutbound,
  type HostPolicy,
  type OutboundAnswer,
  type OutboundOptions,
} from './outbound.ts';
import { resolveByDns } from './resolve-host.ts';

const deadlineMs = 5000;
const secret = 'Basic aHVudGVyMg==';

let closing: (() => Promise<unknown> | void)[];

beforeEach(() => {
  closing = [];
});
afterEach(async () => {
  for (const close of closing.toReversed()) await close();
});

async function listening(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  });
  server.listen(port, host);
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/** A shop on this machine that answers as it is told to. */
async function shop(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createHttpServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  return { url: `http://127.0.0.1:${await listening(server)}`, requests };
}

function get(url: string, options: Partial<OutboundOptions> = {}, path = '/wp-json'): Promise<OutboundAnswer> {
  return withOutbound(url, { hosts: allHosts, deadlineMs, ...options }, (ask) => ask({ path, headers: { authorization: secret } }));
}

const words = (text: string): string[] => text.trim().split(/\s+/);

async function failureOf(promise: Promise<unknown>): Promise<{ failure: string; message: string }> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof OutboundError)) throw new Error(`expected an OutboundError, got ${String(outcome)}`);
  expect(JSON.stringify(outcome) + outcome.stack).not.toMatch(/hunter2|aHVudGVyMg|secret body/);
  return { failure: outcome.failure, message: outcome.message };
}

/** Sockets that this process opens as a client while `work` runs, to whatever address. */
async function socketsOpenedBy(work: () => Promise<unknown>): Promise<number> {
  let opened = 0;
  const note = (): void => {
    opened += 1;
  };
  subscribe('net.client.socket', note);
  try {
    await work();
  } finally {
    unsubscribe('net.client.socket', note);
  }
  return opened;
}

describe('a host that is not on the public internet', () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    'private.example': ['10.0.0.5'],
    'loopback.example': ['127.0.0.1'],
    'metadata.example': ['169.254.169.254'],
    'loopback6.example': ['::1'],
    'mapped.example': ['::ffff:10.0.0.1'],
    'nat64.example': ['64:ff9b::a9fe:a9fe'],
    'sixtofour.example': ['2002:7f00:1::'],
    'mixed.example': ['93.184.216.34', '10.0.0.5'],
    'mixed6.example': ['93.184.216.34', 'fe80::1'],
    'zone.example': ['fe80::1%eth0'],
    'odd.example': ['0177.0.0.1'],
    'short.example': ['127.1'],
    '127.0.0.1.nip.example': ['127.0.0.1'],
    'xn--bcher-kva.example': ['192.168.1.1'],
  };
  const localhost = resolveByDns();
  const hosts: HostPolicy = {
    ...publicHosts,
    resolveHost: async (name, signal) => {
      const known = names[name.replace(/\.$/, '')];
      if (known === undefined && !/localhost\.?$/.test(name)) throw Object.assign(new Error(name), { code: 'ENOTFOUND' });
      return known ?? localhost(name, signal);
    },
  };

  const spellings = [
    ...words(`
      127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7F000001 017700000001 0177.0.0.1 0x7f.0.0.1 0x7f.1 127.0.0.0x1 0177.1 127.0.0.01
      00000177.0.0.1 0x0000007f.0.0.1 127.000.000.001 0 0.0.0.0 0x0 00 10.0.0.5 167772165 0xa000005 012.0.0.5 10.5 192.168.1.1 3232235777
      0xc0.0xa8.1.1 0300.0250.1.1 172.16.0.1 172.31.255.255 100.64.0.1 169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376
      169.254.43518 198.18.0.1 203.0.113.5 192.0.2.1 224.0.0.1 240.0.0.1 255.255.255.255 4294967295`),
    // A trailing dot, other dots, other digits, percent signs, white space.
    ...words('127.0.0.1. 127.1. 2130706433. 127。0。0。1 127．0．0．1 127｡0｡0｡1 １２７.０.０.１ ①②⑦.⓪.⓪.① 𝟭𝟮𝟳.𝟬.𝟬.𝟭 0ｘ7f.1 12７.0.0.1'),
    ...words('%31%32%37.0.0.1 127%2e0%2e0%2e1'),
    '127.0.0.1\t',
    '127.0.\n0.1',
    ...words(`
      [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::] [::ffff:127.0.0.1] [::FFFF:7F00:1] [0:0:0:0:0:ffff:127.0.0.1]
      [::127.0.0.1] [::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::]
      [::ffff:0:127.0.0.1] [fe80::1] [FE80::1] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1] [2001:db8::1] [100::1] [5f00::1]`),
    // Names of this machine, and names that lead here.
    ...words('localhost LOCALHOST LocalHost localhost. shop.localhost ｌｏｃａｌｈｏｓｔ loc%61lhost ⓛocalhost'),
    ...words(`
      private.example PRIVATE.EXAMPLE private.example. loopback.example metadata.example loopback6.example mapped.example nat64.example
      sixtofour.example mixed.example mixed6.example zone.example odd.example short.example 127.0.0.1.nip.example bücher.example
      BÜCHER.example xn--bcher-kva.example`),
  ];

  /** Names that no resolver knows. */
  const nowhere = ['127.0.0.1..', '..', 'missing.example'];

  /** Refused before anybody looks at an address. */
  const invalid = [
    ...words('[fe80::1%25eth0] [fe80::1%eth0] [::1 ::1 [::ffff:127.0.0.1 256.256.256.256 1.2.3.4.5 0x7g.1 4294967296 127.0.0.1%00'),
    ...words('[127.0.0.1] ０x1００0000００ 127.0.0.1%2f'),
    '',
    'a b',
  ];

  const listenerPort = async (): Promise<number> => {
    const server = createTcpServer((socket) => socket.destroy());
    const port = await listening(server);
    server.on('connection', () => {
      throw new Error('there was a connection');
    });
    return port;
  };

  test(`gets no connection in any of ${spellings.length + invalid.length + nowhere.length} spellings`, async () => {
    expect(spellings.length + invalid.length).toBeGreaterThanOrEqual(100);
    const port = await listenerPort();
    const outcomes = [
      ...spellings.map((host) => ({ host, failure: 'refused', message: 'the host is not on the public internet' })),
      ...invalid.map((host) => ({ host, failure: 'refused', message: 'the URL is not valid: give one such as https://shop.example' })),
      ...nowhere.map((host) => ({ host, failure: 'failed', message: 'the host name cannot be resolved (ENOTFOUND)' })),
    ];
    for (const { host, ...outcome } of outcomes) {
      const opened = await socketsOpenedBy(async () => {
        expect(await failureOf(get(`https://${host}:${port}/shop`, { hosts })), host).toEqual(outcome);
      });
      expect(opened, host).toBe(0);
    }
  });

  test.each([
    ['https://shop.example@127.0.0.1/', 'user'],
    ['https://user:hunter2@shop.example/', 'user'],
    ['https://shop.example:443@127.0.0.1/', 'user'],
    ['https://shop.example%2f@127.0.0.1/', 'user'],
    ['https://:hunter2@shop.example/', 'user'],
    ['https://@127.0.0.1/', 'public internet'],
    ['https:127.0.0.1', 'public internet'],
    ['https:/127.0.0.1', 'public internet'],
    ['https:\\\\127.0.0.1\\', 'public internet'],
    ['https://127.0.0.1\\@shop.example/', 'public internet'],
    ['https://127.0.0.1#@shop.example/', 'public internet'],
    ['https://127.0.0.1?@shop.example/', 'public internet'],
    [' https://127.0.0.1 ', 'public internet'],
    ['ht\ntps://127.0.0.1', 'public internet'],
    ['HTTPS://127.0.0.1', 'public internet'],
    ['http://shop.example', 'https'],
    ['http://127.0.0.1', 'https'],
    ['ftp://shop.example', 'https'],
    ['file:///etc/passwd', 'https'],
    ['gopher://127.0.0.1', 'https'],
    ['data:text/plain,x', 'https'],
    ['javascript:alert(1)', 'https'],
    ['shop.example', 'valid'],
    ['//shop.example', 'valid'],
    ['', 'valid'],
  ])('%j is refused, and no name is looked up', async (url, message) => {
    const asked: string[] = [];
    const resolveHost = (name: string): Promise<string[]> => {
      asked.push(name);
      return Promise.resolve(['93.184.216.34']);
    };
    const opened = await socketsOpenedBy(async () => {
      const { failure, message: told } = await failureOf(get(url, { hosts: { ...publicHosts, resolveHost } }));
      expect(failure).toBe('refused');
      expect(told).toContain(message);
    });
    expect([opened, asked]).toEqual([0, []]);
  });
});

describe('a name that changes where it leads', () => {
  /** Two machines, as far as this machine has them: one is allowed, one is not, and both listen on the same port. */
  const allowed = '127.0.0.2';
  const forbidden = '127.0.0.1';
  const mayConnectTo = (address: string): boolean => address === allowed;

  async function twoMachines(): Promise<{ port: number; asked: () => string[] }> {
    const asked: string[] = [];
    const machine = (address: string): Server =>
      createHttpServer((request, response) => {
        asked.push(`${address} as ${request.headers.host?.split(':')[0]}`);
        response.end('{}');
      });
    const port = await listening(machine(allowed), allowed);
    await listening(machine(forbidden), forbidden, port);
    return { port, asked: () => asked };
  }

  test('is looked up once, and only the address that was checked is asked', async () => {
    const { port, asked } = await twoMachines();
    let resolutions = 0;
    const hosts: HostPolicy = {
      ...allHosts,
      mayConnectTo,
      resolveHost: () => {
        resolutions += 1;
        return Promise.resolve([resolutions === 1 ? allowed : forbidden]);
      },
    };
    await withOutbound(`http://rebinding.example:${port}`, { hosts, deadlineMs }, async (ask) => {
      for (const path of ['/first', '/second', '/third']) expect((await ask({ path })).status).toBe(200);
    });
    expect(resolutions).toBe(1);
    expect(asked()).toEqual(Array(3).fill(`${allowed} as rebinding.example`));
    expect(await failureOf(get(`http://rebinding.example:${port}`, { hosts }))).toMatchObject({ failure: 'refused' });
    expect(asked()).toHaveLength(3);
  });

  test('is looked up once of a real name server too, which answers otherwise the second time', async () => {
    const { port, asked } = await twoMachines();
    let answers = 0;
    const server = await startDnsServer(() => {
      answers += 1;
      // A and AAAA are two questions.
      return [answers <= 2 ? allowed : forbidden];
    });
    closing.push(server.close);
    const hosts: HostPolicy = { ...allHosts, mayConnectTo, resolveHost: resolveByDns([server.address]) };
    expect((await get(`http://rebinding.example:${port}`, { hosts })).status).toBe(200);
    expect(server.questions.toSorted()).toEqual(['rebinding.example A', 'rebinding.example AAAA']);
    expect(await failureOf(get(`http://rebinding.example:${port}`, { hosts }))).toMatchObject({ failure: 'refused' });
    expect(asked()).toEqual([`${allowed} as rebinding.example`]);
  });

  test('is refused when one of its addresses is not allowed, whatever their order', async () => {
    const { port, asked } = await twoMachines();
    for (const addresses of [
      [allowed, forbidden],
      [forbidden, allowed],
    ]) {
      const hosts: HostPolicy = { ...allHosts, mayConnectTo, resolveHost: () => Promise.resolve(addresses) };
      expect(await failureOf(get(`http://shop.example:${port}`, { hosts }))).toMatchObject({ failure: 'refused' });
    }
    expect(asked()).toEqual([]);
  });

  test('is asked at its second address when nobody listens at the first', async () => {
    const { port, asked } = await twoMachines();
    const hosts: HostPolicy = { ...allHosts, resolveHost: () => Promise.resolve(['127.0.0.3', allowed]) };
    expect((await get(`http://shop.example:${port}`, { hosts })).status).toBe(200);
    expect(asked()).toEqual([`${allowed} as shop.example`]);
  });

  test.each([307, 308, 301, 302, 303])('is not followed when it answers %d', async (status) => {
    const { port, asked } = await twoMachines();
    const { url } = await shop((_request, response) => {
      response.writeHead(status, { location: `http://127.0.0.1:${port}/latest/meta-data/` }).end();
    });
    const answer = await get(url);
    expect([answer.status, answer.headers.location]).toEqual([status, `http://127.0.0.1:${port}/latest/meta-data/`]);
    expect(asked()).toEqual([]);
  });
});

describe('TLS', () => {
  async function secureShop(names: string[]): Promise<{ port: number; cert: string; greetings: unknown[] }> {
    const { key, cert } = await selfSignedCertificate(names);
    const greetings: unknown[] = [];
    const server = createHttpsServer({ key, cert }, (request, response) => {
      greetings.push({ host: request.headers.host, serverName: 'servername' in request.socket ? request.socket.servername : undefined });
      response.end('{}');
    });
    server.on('tlsClientError', () => undefined);
    return { port: await listening(server), cert, greetings };
  }
  const hosts: HostPolicy = { ...allHosts, resolveHost: () => Promise.resolve(['127.0.0.1']) };

  test('names the host that was asked for, and checks the certificate against it', async () => {
    const { port, cert, greetings } = await secureShop(['DNS:shop.example']);
    expect((await get(`https://Shop.Example:${port}/`, { hosts, ca: cert })).status).toBe(200);
    expect(greetings).toEqual([{ host: `shop.example:${port}`, serverName: 'shop.example' }]);
    expect(await failureOf(get(`https://other.example:${port}/`, { hosts, ca: cert }))).toEqual({
      failure: 'failed',
      message: 'the connection failed (ERR_TLS_CERT_ALTNAME_INVALID)',
    });
    expect(await failureOf(get(`https://127.0.0.1:${port}/`, { hosts, ca: cert }))).toMatchObject({ failure: 'failed' });
    expect(greetings).toHaveLength(1);
  });

  test('takes a certificate for an address at that address', async () => {
    const { port, cert, greetings } = await secureShop(['IP:127.0.0.1']);
    expect((await get(`https://127.0.0.1:${port}/`, { hosts, ca: cert })).status).toBe(200);
    expect(greetings).toEqual([{ host: `127.0.0.1:${port}`, serverName: false }]);
  });

  test('is refused by a certificate that nobody vouches for, whatever the environment says', async () => {
    const { port, greetings } = await secureShop(['DNS:shop.example']);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    closing.push(() => {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    });
    expect(await failureOf(get(`https://shop.example:${port}/`, { hosts }))).toEqual({
      failure: 'failed',
      message: 'the connection failed (DEPTH_ZERO_SELF_SIGNED_CERT)',
    });
    expect(greetings).toEqual([]);
  });
});

describe('an answer', () => {
  test('comes with status, headers and body; the request has the path below that of the URL, its query and its headers', async () => {
    const { url, requests } = await shop((_request, response) => response.writeHead(418, { 'x-wp-total': '7' }).end('short'));
    const answer = await withOutbound(`${url}/shop//?ignored=1#ignored`, { hosts: allHosts, deadlineMs }, (ask) =>
      ask({
        path: '/wp-json/wc/v3/orders',
        query: { status: 'completed,processing', after: '2026-02-13T00:00:00' },
        headers: { authorization: secret },
      }),
    );
    expect([answer.status, answer.headers['x-wp-total'], answer.body.toString()]).toEqual([418, '7', 'short']);
    const [request] = requests;
    expect([request?.method, request?.url]).toEqual([
      'GET',
      '/shop/wp-json/wc/v3/orders?status=completed%2Cprocessing&after=2026-02-13T00%3A00%3A00',
    ]);
    expect(request?.headers).toEqual({
      host: url.slice('http://'.length),
      authorization: secret,
      'accept-encoding': 'identity',
      connection: 'close',
    });
  });

  test('of exactly the limit is read, of one byte more is refused', async () => {
    const limit = 1000;
    for (const chunked of [false, true]) {
      for (const [bytes, fits] of [
        [limit, true],
        [limit + 1, false],
      ] as const) {
        const { url } = await shop((_request, response) => {
          if (!chunked) response.setHeader('content-length', bytes);
          response.write('x'.repeat(bytes - 1));
          response.end('x');
        });
        const answer = get(url, { maxBodyBytes: limit });
        if (fits) expect((await answer).body).toHaveLength(bytes);
        else expect(await failureOf(answer)).toEqual({ failure: 'too_large', message: 'the answer is larger than 1000 bytes' });
      }
    }
  });

  test('without an end is read up to 5 MiB and no further', async () => {
    let written = 0;
    let ended = false;
    const { url } = await shop((_request, response) => {
      const piece = Buffer.alloc(64 * 1024, 'x');
      const write = (): void => {
        while (!response.destroyed && response.write(piece)) written += piece.length;
      };
      response.on('drain', write).on('close', () => {
        ended = true;
      });
      write();
    });
    expect(await failureOf(get(url))).toMatchObject({ failure: 'too_large' });
    await waitUntil(() => ended, { within: 5000, what: 'the connection to be closed' });
    // What sockets buffer comes on top.
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  test.each<[string, (socket: Socket) => unknown]>([
    ['breaks off in the body', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsecret body')],
    ['breaks off in a chunk', (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nsecret body')],
    ['breaks off in the headers', (socket) => socket.end('HTTP/1.1 200 OK\r\nx: secret body')],
    ['is nothing', (socket) => socket.end()],
    ['is a reset', (socket) => socket.resetAndDestroy()],
    ['is not HTTP', (socket) => socket.end('secret body\r\n\r\n')],
    [
      'changes the protocol',
      (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nsecret body'),
    ],
    ['has endless headers', (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}`)],
  ])('that %s is a failure', async (_what, answer) => {
    const port = await listening(createTcpServer((socket) => socket.once('data', () => answer(socket))));
    const { failure, message } = await failureOf(get(`http://127.0.0.1:${port}`));
    expect(failure).toBe('failed');
    expect(message).toMatch(/^the connection (failed \([A-Z_]+\)|was closed without an answer)$/);
  });

  test('is missing where nobody listens and where a name leads nowhere', async () => {
    const server = createTcpServer();
    const port = await listening(server);
    await closing.pop()?.();
    expect(await failureOf(get(`http://127.0.0.1:${port}`))).toEqual({
      failure: 'failed',
      message: 'the connection failed (ECONNREFUSED)',
    });
    const dns = await startDnsServer((name) => (name === 'empty.example' ? [] : undefined));
    closing.push(dns.close);
    const hosts = { ...allHosts, resolveHost: resolveByDns([dns.address]) };
    expect(await failureOf(get('http://missing.example', { hosts }))).toEqual({
      failure: 'failed',
      message: 'the host name cannot be resolved (ENOTFOUND)',
    });
    expect(await failureOf(get('http://empty.example', { hosts }))).toMatchObject({ failure: 'failed' });
    expect(await failureOf(get('http://none.example', { hosts: { ...allHosts, resolveHost: () => Promise.resolve([]) } }))).toEqual({
      failure: 'failed',
      message: 'the host name has no address',
    });
  });
});

describe('the deadline and the signal of the caller', () => {
  const neverResolves: HostPolicy = { ...allHosts, resolveHost: () => new Promise(() => undefined) };

  /** Where an answer can stay away, each with what has to have happened by then. */
  const phases: Record<string, () => Promise<{ url: string; hosts: HostPolicy; reached: () => boolean; gone: () => boolean }>> = {
    'the name': () => Promise.resolve({ url: 'http://shop.example', hosts: neverResolves, reached: () => true, gone: () => true }),
    TLS: () => quiet('https', () => undefined),
    'the headers': () => quiet('http', () => undefined),
    'the body': () => quiet('http', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx')),
    'the end of the body': () =>
      quiet('http', (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        const timer = setInterval(() => socket.write('1\r\nx\r\n'), 10);
        socket.on('close', () => clearInterval(timer));
      }),
  };

  async function quiet(
    scheme: string,
    speak: (socket: Socket) => unknown,
  ): Promise<{ url: string; hosts: HostPolicy; reached: () => boolean; gone: () => boolean }> {
    let state: 'new' | 'reached' | 'gone' = 'new';
    const port = await listening(
      createTcpServer((socket) => {
        socket.on('close', () => {
          state = 'gone';
        });
        socket.once('data', () => {
          state = 'reached';
          speak(socket);
        });
      }),
    );
    return { url: `${scheme}://127.0.0.1:${port}`, hosts: allHosts, reached: () => state !== 'new', gone: () => state === 'gone' };
  }

  test.each(Object.keys(phases))('end the wait for %s, and the connection', async (phase) => {
    const start = phases[phase] ?? phases['TLS'];
    const slow = await start?.();
    if (slow === undefined) throw new Error(`no phase ${phase}`);
    expect(await failureOf(get(slow.url, { hosts: slow.hosts, deadlineMs: 150 }))).toEqual({
      failure: 'timeout',
      message: 'no answer within 0.15 s',
    });
    await waitUntil(slow.gone, { within: 5000, what: 'the connection to be closed' });

    const again = await start?.();
    if (again === undefined) throw new Error(`no phase ${phase}`);
    const caller = new AbortController();
    const outcome = failureOf(get(again.url, { hosts: again.hosts, signal: caller.signal }));
    await waitUntil(again.reached, { within: 5000 });
    caller.abort(new Error('hunter2'));
    expect(await outcome).toEqual({ failure: 'aborted', message: 'the request was given up' });
    await waitUntil(again.gone, { within: 5000, what: 'the connection to be closed' });
  });

  test('the deadline is one for all requests together', async () => {
    const { url, requests } = await shop((_request, response) => setTimeout(() => response.end('{}'), 40));
    const all = withOutbound(url, { hosts: allHosts, deadlineMs: 300 }, async (ask) => {
      for (;;) await ask({ path: '/' });
    });
    expect(await failureOf(all)).toMatchObject({ failure: 'timeout' });
    expect(requests.length).toBeGreaterThan(1);
  });

  test('a caller that has given up already asks for nothing', async () => {
    const { url, requests } = await shop((_request, response) => response.end('{}'));
    const asked: string[] = [];
    const hosts: HostPolicy = {
      ...allHosts,
      resolveHost: (name) => {
        asked.push(name);
        return Promise.resolve(['127.0.0.1']);
      },
    };
    for (const base of [url, url.replace('127.0.0.1', 'shop.example')]) {
      expect(await failureOf(get(base, { hosts, signal: AbortSignal.abort() }))).toMatchObject({ failure: 'aborted' });
    }
    expect([requests.length, asked]).toEqual([0, []]);
  });

  test('requests that nobody waits for end with their caller', async () => {
    let closed = false;
    const { url } = await shop((request) => {
      request.on('close', () => {
        closed = true;
      });
    });
    let left: Promise<unknown> = Promise.resolve();
    await withOutbound(url, { hosts: allHosts, deadlineMs }, (ask) => {
      left = failureOf(ask({ path: '/' }));
      return Promise.resolve();
    });
    expect(await left).toMatchObject({ failure: 'aborted' });
    // Given up before or after it reached the shop: either way it holds nothing.
    await waitUntil(async () => closed || (await get(url, { deadlineMs: 50 }).catch(() => true)), { within: 5000 });
  });

  test('many at once with one signal leave no listeners and no warning', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): number => warnings.push(warning);
    process.on('warning', note);
    closing.push(() => {
      process.off('warning', note);
    });
    const { url } = await shop((_request, response) => response.end('{}'));
    const caller = new AbortController();
    const answers = await Promise.all(Array.from({ length: 30 }, () => get(url, { signal: caller.signal })));
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200));
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });
});
