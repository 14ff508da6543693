import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const exporter = {
  DATABASE_URL_EXPORTER: 'postgres://exporter:secret@127.0.0.1/observability',
  ORG_TOKEN_SECRET: 'x'.repeat(32),
  IP_HASH_PEPPER: 'p'.repeat(16),
};
const api = {
  DATABASE_URL_API: 'postgres://api@127.0.0.1/observability',
  DATABASE_URL_ADMIN: 'postgres://admin@127.0.0.1/observability',
  AUTH_JWT_SECRET: 'x'.repeat(32),
  AUTH_ISSUER: 'https://login.example.com',
  AUTH_AUDIENCE: 'widget-observability',
};

function problemsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  test('fills the contracted defaults', () => {
    expect(readConfig('exporter', exporter)).toMatchObject({
      EXPORTER_PORT: 8081,
      EXPORTER_METRICS_PORT: 9464,
      METRICS_HOST: '127.0.0.1',
      TRUSTED_PROXY_HOPS: 0,
      RATE_LIMIT_MULTIPLIER: 1,
      PUBLIC_ENV: 'production',
      INGEST_MAX_TX_ROWS: 1000,
      INGEST_QUEUE_MAX_ROWS: 10_000,
      INGEST_QUEUE_MAX_BYTES: 16_777_216,
      INGEST_MAX_WAIT_MS: 5000,
      ORG_SERIES_MAX_ORGS: 1000,
      CORS_ALLOWED_ORIGINS: [],
    });
    expect(readConfig('api', api)).toMatchObject({
      API_PORT: 8080,
      API_METRICS_PORT: 9465,
      EXPORTER_PUBLIC_URL: 'http://localhost:8081',
    });
    expect(readConfig('jobs', { DATABASE_URL_JOBS: 'postgresql://jobs@127.0.0.1/observability' })).toMatchObject({
      JOBS_METRICS_PORT: 9466,
    });
  });

  test('names every missing and every invalid variable at once, and ends with the fix', () => {
    const read = (): unknown => readConfig('exporter', { EXPORTER_PORT: '99999', ORG_TOKEN_SECRET: 'short', METRICS_HOST: '' });
    expect(problemsOf(read)).toEqual([
      'DATABASE_URL_EXPORTER: not set',
      expect.stringMatching(/^EXPORTER_PORT: .*65535/),
      'ORG_TOKEN_SECRET: must have at least 32 bytes',
      'IP_HASH_PEPPER: not set',
    ]);
    expect(read).toThrow('docs/operations.md');
  });

  test('never repeats the value of a secret', () => {
    const read = (): unknown =>
      readConfig('exporter', { ...exporter, DATABASE_URL_EXPORTER: 'mysql://hunter2', ORG_TOKEN_SECRET: 'hunter3' });
    expect(read).toThrow(ConfigError);
    expect(problemsOf(read).join()).not.toMatch(/hunter/);
  });

  test.each([
    ['neither', { AUTH_JWT_SECRET: undefined }],
    ['both', { AUTH_JWKS_URL: 'https://login.example.com/jwks' }],
  ])('refuses the API with %s of secret and JWKS URL, along with everything else that is wrong', (_case, changes) => {
    expect(problemsOf(() => readConfig('api', { ...api, ...changes, AUTH_ISSUER: '' }))).toEqual([
      'AUTH_ISSUER: not set',
      'AUTH_JWT_SECRET: exactly one of AUTH_JWT_SECRET and AUTH_JWKS_URL must be set',
    ]);
  });

  test.each([
    ['http://login.example.com/jwks', false],
    ['https://login.example.com/jwks', true],
    ['http://localhost:9000/jwks', true],
    ['http://127.0.0.1:9000/jwks', true],
    ['http://127.0.0.1.evil.example/jwks', false],
    ['ftp://127.0.0.1/jwks', false],
    ['nonsense', false],
  ])('a JWKS URL %s: usable %s', (url, isUsable) => {
    const problems = problemsOf(() => readConfig('api', { ...api, AUTH_JWT_SECRET: undefined, AUTH_JWKS_URL: url }));
    expect(problems).toEqual(isUsable ? [] : ['AUTH_JWKS_URL: must be an https URL, or http on loopback']);
  });

  test.each([
    ['TRUSTED_PROXY_HOPS', '-1'],
    ['TRUSTED_PROXY_HOPS', '1.5'],
    ['RATE_LIMIT_MULTIPLIER', '0'],
    ['RATE_LIMIT_MULTIPLIER', 'many'],
    ['CORS_ALLOWED_ORIGINS', 'https://portal.example.com/path'],
    ['CORS_ALLOWED_ORIGINS', '*'],
    ['ALERTMANAGER_WEBHOOK_TOKEN', 'short'],
    ['LOG_LEVEL', 'loud'],
    ['METRICS_HOST', '0.0.0.0:9464'],
    ['METRICS_HOST', 'http://127.0.0.1'],
    ['EXPORTER_METRICS_PORT', '8081'],
  ])('%s=%s is refused', (variable, value) => {
    expect(problemsOf(() => readConfig('exporter', { ...exporter, [variable]: value }))).toEqual([
      expect.stringMatching(new RegExp(`^${variable}: `)),
    ]);
  });

  test('one port serves one listener; 0 is a free one for each', () => {
    expect(problemsOf(() => readConfig('api', { ...api, API_PORT: '9000', API_METRICS_PORT: '9000' }))).toEqual([
      'API_METRICS_PORT: is API_PORT as well: metrics have a port of their own',
    ]);
    expect(readConfig('exporter', { ...exporter, EXPORTER_PORT: '0', EXPORTER_METRICS_PORT: '0' }).EXPORTER_METRICS_PORT).toBe(0);
  });

  test.each(['0.0.0.0', '::', '::1', 'localhost', 'metrics.internal'])('metrics may be served on %s', (host) => {
    expect(readConfig('exporter', { ...exporter, METRICS_HOST: host }).METRICS_HOST).toBe(host);
  });

  test('a list is split at commas', () => {
    const { CORS_ALLOWED_ORIGINS } = readConfig('exporter', {
      ...exporter,
      CORS_ALLOWED_ORIGINS: 'https://a.example, https://b.example:8443',
    });
    expect(CORS_ALLOWED_ORIGINS).toEqual(['https://a.example', 'https://b.example:8443']);
  });
});

describe('secrets in files', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'config-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test('are read without their trailing newline', async () => {
    const file = join(directory, 'token-secret');
    for (const newline of ['', '\n', '\r\n']) {
      await writeFile(file, `${'y'.repeat(31)} ${newline}`);
      const { ORG_TOKEN_SECRET } = readConfig('exporter', { ...exporter, ORG_TOKEN_SECRET: undefined, ORG_TOKEN_SECRET_FILE: file });
      expect(ORG_TOKEN_SECRET).toBe(`${'y'.repeat(31)} `);
    }
  });

  test('that cannot be read, or are given twice, are named', () => {
    const file = join(directory, 'missing');
    expect(problemsOf(() => readConfig('exporter', { ...exporter, ORG_TOKEN_SECRET: '', ORG_TOKEN_SECRET_FILE: file }))[0]).toContain(
      `ORG_TOKEN_SECRET_FILE: cannot read ${file}`,
    );
    expect(problemsOf(() => readConfig('exporter', { ...exporter, ORG_TOKEN_SECRET_FILE: file }))[0]).toBe(
      'ORG_TOKEN_SECRET: set either it or ORG_TOKEN_SECRET_FILE, not both',
    );
  });

  test('are for secrets only: a port has no file', () => {
    expect(readConfig('exporter', { ...exporter, EXPORTER_PORT_FILE: join(directory, 'missing') }).EXPORTER_PORT).toBe(8081);
  });
});
