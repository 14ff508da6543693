import { request, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { publicCaller } from '../auth/identities.ts';
import { createLogger } from '../log.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../metrics/registry.ts';
import { DatabaseUnavailableError } from '../postgres/errors.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { streamLimits, type AnswerStream, type StreamedBody } from './answer-stream.ts';
import { createApp, type App } from './app.ts';
import { route } from './route.ts';
import { listen } from './server.ts';

const within = 10_000;
const chunk = 'x'.repeat(64 * 1024);

let metrics: MetricsRegistry;
let app: App;
let url: string;
let close: () => Promise<void>;
let body: StreamedBody;
/** What the body met with; undefined while it runs. */
let ended: { error: unknown } | undefined;

async function start(limits: Partial<typeof streamLimits> = {}): Promise<void> {
  metrics = createMetricsRegistry({ defaultMetrics: false });
  const log = createLogger({ service: 'api', level: 'silent' });
  app = createApp({
    service: 'api',
    routes: [
      route({
        method: 'GET',
        path: '/file/:name',
        operationId: 'readFile',
        tag: 'files',
        summary: 'a file',
        identity: publicCaller,
        cors: 'none',
        params: z.object({ name: z.string().max(5) }),
        responses: { 200: { description: 'The file', contentTypes: ['text/csv'] } },
        errors: ['DATABASE_UNAVAILABLE'],
        handler: ({ params }) =>
          Promise.resolve({
            status: 200,
            headers: { 'Content-Type': 'text/csv; charset=utf-8', 'Content-Disposition': `attachment; filename="${params.name}"` },
            stream: async (out: AnswerStream) => {
              try {
                await body(out);
                ended = { error: undefined };
              } catch (error) {
                ended = { error };
                throw error;
              }
            },
          }),
      }),
      route({
        method: 'DELETE',
        path: '/file/:name',
        operationId: 'deleteFile',
        tag: 'files',
        summary: 'deletes a file',
        identity: publicCaller,
        cors: 'portal',
        params: z.object({ name: z.string().max(5) }),
        responses: { 200: z.object({ deleted: z.string() }) },
        errors: [],
        handler: ({ params }) => Promise.resolve({ status: 200, body: { deleted: params.name } }),
      }),
    ],
    log,
    metrics,
    now: () => new Date(),
    allowedOrigins: ['https://portal.example'],
    trustedProxyHops: 0,
    rateLimitMultiplier: 1,
    isStopping: () => false,
    streams: { ...streamLimits, ...limits },
  });
  const listener = await listen(app.callback, { port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${listener.port}`;
  ({ close } = listener);
}

beforeEach(() => {
  ended = undefined;
});
afterEach(() => close());

async function value(series: string): Promise<number | undefined> {
  const line = (await metrics.render()).split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const finished = (status: number): string =>
  `observability_http_requests_total{service="api",route="/file/:name",method="GET",status="${status}"}`;

/** A client that reads nothing by itself. */
function open(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(`${url}/file/a`, { agent: false }, resolve).on('error', reject).end();
  });
}

describe('an answer that is sent while it is made', () => {
  test('arrives whole, with its head, and is counted when its last byte is out', async () => {
    await start();
    body = async ({ write }) => {
      for (let line = 0; line < 1000; line += 1) await write(`${line}\r\n`);
    };
    const response = await fetch(`${url}/file/a.csv`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="a.csv"');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-request-id')).not.toBeNull();
    expect((await response.text()).split('\r\n')).toHaveLength(1001);
    await waitUntil(async () => (await value(finished(200))) === 1, { within });
  });

  test('may be empty', async () => {
    await start();
    body = () => Promise.resolve();
    const response = await fetch(`${url}/file/a`);
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([200, 'text/csv; charset=utf-8', '']);
  });

  test('that fails before its first byte is an ordinary error', async () => {
    await start();
    body = () => Promise.reject(new DatabaseUnavailableError(new Error('down'), 'rolled_back'));
    const response = await fetch(`${url}/file/a`);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-disposition')).toBeNull();
    expect(await response.json()).toMatchObject({ error: { code: 'DATABASE_UNAVAILABLE' } });
    expect((await fetch(`${url}/file/too-long`)).status).toBe(400);
  });

  test.each([
    [503, new DatabaseUnavailableError(new Error('lost'), 'unknown')],
    [500, new Error('a bug')],
  ])('that fails half way breaks the connection, so that it is not taken for a whole one, and counts as %i', async (status, error) => {
    await start();
    body = async ({ write }) => {
      await write('1,2\r\n');
      throw error;
    };
    // Whether the head has left by then depends on the moment.
    await expect(fetch(`${url}/file/a`).then((response) => response.text())).rejects.toThrow(/terminated|fetch failed/);
    await waitUntil(async () => (await value(finished(status))) === 1, { within });
    expect(await value(finished(200))).toBe(0);
  });

  test('waits for a client that reads slowly, and goes on when it does', async () => {
    await start();
    let written = 0;
    body = async ({ write }) => {
      for (; written < 400; written += 1) await write(chunk);
    };
    const response = await open();
    // What fits into the buffers of two sockets is far from 25 MB.
    let seen = -1;
    await waitUntil(
      () => {
        const stands = written === seen;
        seen = written;
        return stands && written > 0;
      },
      { within },
    );
    expect(written).toBeLessThan(300);
    let bytes = 0;
    for await (const data of response) bytes += (data as Buffer).length;
    expect(bytes).toBe(400 * chunk.length);
  });

  test('stops being made when the client leaves, also while it waits for something else', async () => {
    await start();
    body = async ({ write, signal }) => {
      await write(chunk);
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled'))));
    };
    const response = await open();
    response.destroy();
    await waitUntil(() => ended !== undefined, { within });
    await waitUntil(async () => (await value(finished(200))) === 1, { within });
    await app.drain();
  });

  test('is given up when the client takes nothing', async () => {
    await start({ stalledAfterMs: 100 });
    body = async ({ write }) => {
      for (;;) await write(chunk);
    };
    const response = await open();
    await waitUntil(() => ended, { within });
    expect(String(ended?.error)).toContain('took nothing for 100 ms');
    response.destroy();
  });

  test('is given up when it takes too long', async () => {
    await start({ longestMs: 100 });
    body = async ({ write, signal }) => {
      while (!signal.aborted) {
        await write('.');
        await new Promise(setImmediate);
      }
      await write('.');
    };
    await expect(fetch(`${url}/file/a`).then((response) => response.text())).rejects.toThrow('terminated');
    expect(String(ended?.error)).toContain('took longer than 100 ms');
  });

  test('does not hold up a stop for longer than its grace', async () => {
    await start({ graceMs: 100 });
    let started = false;
    body = async ({ write, signal }) => {
      await write('1\r\n');
      started = true;
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled'))));
    };
    const reading = fetch(`${url}/file/a`).then((response) => response.text());
    const broken = expect(reading).rejects.toThrow('terminated');
    await waitUntil(() => started, { within });
    await app.drain();
    await broken;
    expect(await value(finished(503))).toBe(1);
  });
});

describe('DELETE', () => {
  test('is a method of its own, and pages on allowed origins may use it', async () => {
    await start();
    const deleted = await fetch(`${url}/file/a`, { method: 'DELETE' });
    expect([deleted.status, await deleted.json()]).toEqual([200, { deleted: 'a' }]);
    expect((await fetch(`${url}/file/a`, { method: 'PUT' })).headers.get('allow')).toBe('GET, DELETE');
  });
});
