import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createCertificate } from '../test/support/certificates.ts';
import { readConfig } from './config.ts';
import { checkHealth, metricsAddress } from './health-check.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function listenWith(listener: RequestListener, host = '127.0.0.1', tls?: ServerOptions): Promise<number> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

const answering =
  (status: number): RequestListener =>
  (request, response) => {
    response.writeHead(request.url === '/healthz' ? status : 404).end('{}');
  };

describe('the health check', () => {
  test.each([200, 401])('is content with a process that answers %i', async (status) => {
    expect(await checkHealth({ host: '127.0.0.1', port: await listenWith(answering(status)), tls: false })).toBeUndefined();
  });

  test('asks on loopback a listener that is bound to every address', async () => {
    expect(await checkHealth({ host: '0.0.0.0', port: await listenWith(answering(200)), tls: false })).toBeUndefined();
    expect(await checkHealth({ host: '::', port: await listenWith(answering(200), '::1'), tls: false })).toBeUndefined();
  });

  test('says what a process answers that is not well', async () => {
    const port = await listenWith(answering(500));
    expect(await checkHealth({ host: '127.0.0.1', port, tls: false })).toBe(`http://127.0.0.1:${port}/healthz answers 500`);
  });

  test('says so when nothing listens', async () => {
    const port = await listenWith(answering(200));
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    expect(await checkHealth({ host: '127.0.0.1', port, tls: false })).toContain('ECONNREFUSED');
  });

  test('waits three seconds for a process that hangs', async () => {
    const port = await listenWith(() => undefined);
    expect(await checkHealth({ host: '127.0.0.1', port, tls: false })).toContain('no answer within 3000 ms');
  });
});

describe('the health check of a listener with a web configuration', () => {
  let folder: string;
  let tls: ServerOptions;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'health-'));
    const { certificate, key } = createCertificate(folder, 'listener', { names: 'DNS:metrics.example' });
    tls = { cert: await readFile(certificate), key: await readFile(key) };
  });
  afterAll(() => rm(folder, { recursive: true }));

  const check = async (port: Promise<number>): Promise<string | undefined> =>
    checkHealth({ host: '127.0.0.1', port: await port, tls: true });

  test('does not mind for which name its certificate is', async () => {
    expect(await check(listenWith(answering(200), '127.0.0.1', tls))).toBeUndefined();
    expect(await check(listenWith(answering(500), '127.0.0.1', tls))).toContain('answers 500');
  });

  test('is content with one that wants a certificate of its callers', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const strict = { ...tls, ca: tls.cert, requestCert: true, rejectUnauthorized: true, maxVersion };
      expect(await check(listenWith(answering(200), '127.0.0.1', strict)), maxVersion).toBeUndefined();
    }
  });

  test('is content with one that speaks plain HTTP after all', async () => {
    expect(await check(listenWith(answering(200)))).toBeUndefined();
  });

  test('is not content with one that hangs', async () => {
    expect(await check(listenWith(() => undefined, '127.0.0.1', tls))).toContain('no answer within 3000 ms');
  });
});

test('the metrics listener of each process is asked where its configuration has it', () => {
  const database = 'postgres://u:p@db/x';
  const config = readConfig('jobs', { DATABASE_URL_JOBS: database, METRICS_HOST: '0.0.0.0', JOBS_METRICS_PORT: '19466' });
  expect(metricsAddress(config)).toMatchObject({ host: '0.0.0.0', port: 19_466, tls: false });
  const exporter = {
    DATABASE_URL_EXPORTER: database,
    ORG_TOKEN_SECRET: 's'.repeat(32),
    IP_HASH_PEPPER: 's'.repeat(16),
    EXPORTER_METRICS_PORT: '19464',
  };
  expect(metricsAddress(readConfig('exporter', exporter))).toMatchObject({ host: '127.0.0.1', port: 19_464 });
  expect(metricsAddress(readConfig('exporter', { ...exporter, METRICS_WEB_CONFIG_FILE: '/etc/web.yml' }))).toMatchObject({ tls: true });
});
