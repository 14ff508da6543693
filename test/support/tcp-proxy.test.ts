import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { waitUntil } from './wait-until.ts';

/** Answers every byte with itself. */
let echo: Server;
let proxy: TcpProxy;
const accepted = new Set<Socket>();
const clients: Client[] = [];

interface Client {
  socket: Socket;
  received: () => string;
  /** How it ended: the code of its error, or `closed`; undefined while it is open. */
  ended: () => string | undefined;
}

beforeAll(async () => {
  echo = createServer((socket) => {
    accepted.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => accepted.delete(socket));
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
});

beforeEach(async () => {
  proxy = await startTcpProxy({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
});

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await proxy.close();
});

afterAll(() => void echo.close());

function open(): Client {
  const socket = connect(proxy.port, '127.0.0.1');
  let received = '';
  let ended: string | undefined;
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => (received += text));
  socket.once('error', (error: NodeJS.ErrnoException) => (ended = error.code));
  socket.once('close', () => (ended ??= 'closed'));
  const client = { socket, received: () => received, ended: () => ended };
  clients.push(client);
  return client;
}

function hears(client: Client, text: string): Promise<unknown> {
  return waitUntil(() => client.received() === text, { within: 20_000, what: `the echo ${text}` });
}

function ends(client: Client): Promise<string> {
  return waitUntil(() => client.ended(), { within: 20_000, what: 'the end of the connection' });
}

async function connected(): Promise<Client> {
  const client = open();
  client.socket.write('hello');
  await hears(client, 'hello');
  return client;
}

test('passes what is sent, and the end', async () => {
  const client = await connected();
  expect(proxy.open()).toBe(1);
  client.socket.end();
  expect(await ends(client)).toBe('closed');
  await waitUntil(() => proxy.open() === 0 && accepted.size === 0, { within: 20_000, what: 'no open connection' });
});

test('a blackhole lets nothing through, on old connections and new ones; afterwards everything arrives in its order', async () => {
  const old = await connected();
  proxy.mode('blackhole');
  const late = open();
  await once(late.socket, 'connect');
  old.socket.write(' one');
  late.socket.write('two');
  // What would have passed would be back before a whole exchange over another way.
  const control = connect((echo.address() as AddressInfo).port, '127.0.0.1');
  control.write('x');
  await once(control, 'data');
  control.destroy();
  old.socket.write(' three');
  expect([old.received(), late.received()]).toEqual(['hello', '']);
  proxy.mode('pass');
  await hears(old, 'hello one three');
  await hears(late, 'two');
});

test('a blackhole hides the end of a connection from the other side until it is over', async () => {
  const client = await connected();
  proxy.mode('blackhole');
  client.socket.write(' last words');
  client.socket.end();
  await once(client.socket, 'finish');
  expect(accepted.size).toBe(1);
  proxy.mode('pass');
  await waitUntil(() => accepted.size === 0, { within: 20_000, what: 'the end on the other side' });
});

test('reset breaks what is open and who comes', async () => {
  const client = await connected();
  proxy.mode('reset');
  expect(await ends(client)).toBe('ECONNRESET');
  expect(await ends(open())).toBe('ECONNRESET');
  await waitUntil(() => accepted.size === 0, { within: 20_000, what: 'the end on the other side' });
  proxy.mode('pass');
  await connected();
});

test('refuse closes what is open and listens no more, until it passes again', async () => {
  const client = await connected();
  proxy.mode('refuse');
  await ends(client);
  expect(await ends(open())).toBe('ECONNREFUSED');
  proxy.mode('pass');
  await waitUntil(() => connected(), { within: 20_000, what: 'a connection' });
});

test('half-open: both ends keep a connection that carries nothing any more, and new ones work', async () => {
  const forgotten = await connected();
  proxy.mode('half-open');
  forgotten.socket.write(' anyone there?');
  await connected();
  expect([forgotten.received(), forgotten.ended(), accepted.size, proxy.open()]).toEqual(['hello', undefined, 2, 1]);
});

test('latency delays a round trip by as much, and its pieces stay in order', async () => {
  const client = await connected();
  proxy.mode({ latencyMs: 200 });
  const sentAt = performance.now();
  client.socket.write(' one');
  client.socket.write(' two');
  await hears(client, 'hello one two');
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(195);
});
