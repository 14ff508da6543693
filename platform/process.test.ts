import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtServices } from '../test/support/built-services.ts';
import { createCertificate } from '../test/support/certificates.ts';

const root = join(import.meta.dirname, '..');

/** A process of a few lines, run the way services run. `ready` must be printed by it; then `act` is called. */
async function runScript(
  lines: readonly string[],
  act: (
    child: { pid: number; kill: (signal: NodeJS.Signals) => void },
    seen: (text: string) => Promise<void>,
  ) => Promise<void> | void = () => undefined,
): Promise<{ code: number | null; output: string }> {
  const imports = [`import { runProcess } from './platform/lifecycle.ts';`, `import { createLogger } from './platform/log.ts';`];
  const script = [...imports, `const log = createLogger({ service: 'test', level: 'info' });`, ...lines].join('\n');
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    cwd: root,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const waiting = new Set<() => void>();
  const take = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
    for (const look of waiting) look();
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const ended = once(child, 'close') as Promise<[number | null]>;
  const seen = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!output.includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      void ended.then(() => reject(new Error(`it ended without saying "${text}":\n${output}`)));
      look();
    });
  await act({ pid: child.pid ?? 0, kill: (signal) => child.kill(signal) }, seen);
  const [code] = await ended;
  return { code, output };
}

const held = 'setInterval(() => {}, 1000);';
const started = [`lifecycle.onStop('pool', () => console.log('released pool'));`, `console.log('ready');`, held];
const process_ = (lines: readonly string[]): string[] => ['await runProcess(log, async (lifecycle) => {', ...lines, '});'];

describe('a process', () => {
  test.concurrent.each(['SIGTERM', 'SIGINT'] as const)('releases what it holds on %s and leaves with 0', async (signal) => {
    const { code, output } = await runScript(process_(started), async (child, seen) => {
      await seen('ready');
      child.kill(signal);
    });
    expect(output).toContain('released pool');
    expect(code).toBe(0);
  });

  test.concurrent('leaves with 1 when something could not be released', async () => {
    const lines = [`lifecycle.onStop('listener', () => Promise.reject(new Error('stuck')));`, ...started];
    const { code, output } = await runScript(process_(lines), async (child, seen) => {
      await seen('ready');
      child.kill('SIGTERM');
    });
    expect(output).toContain('released pool');
    expect(output).toContain('stuck');
    expect(code).toBe(1);
  });

  test.concurrent('leaves at once on a second signal', async () => {
    const lines = [...started, `lifecycle.onStop('slow', () => { console.log('draining'); return new Promise(() => {}); });`];
    const { code, output } = await runScript(process_(lines), async (child, seen) => {
      await seen('ready');
      child.kill('SIGTERM');
      await seen('draining');
      child.kill('SIGINT');
    });
    expect(code).toBe(1);
    expect(output).toContain('second signal');
    expect(output).not.toContain('released pool');
  });

  test.concurrent('that could not start releases what it had acquired, says why and leaves with 1', async () => {
    const { code, output } = await runScript(
      process_([...started, `throw new Error('port 8080 is in use', { cause: new Error('EADDRINUSE') });`]),
    );
    expect(code).toBe(1);
    expect(output).toContain('released pool');
    expect(output).toContain('port 8080 is in use');
    expect(output).toContain('EADDRINUSE');
  });

  test.concurrent.each([
    ['an exception', `setTimeout(() => { throw new Error('unexpected'); }, 1);`],
    ['a rejection', `Promise.reject(new Error('unexpected'));`],
  ])('ends on %s that nobody caught, without a graceful stop', async (_case, line) => {
    const { code, output } = await runScript(process_([...started, line]));
    expect(code).toBe(1);
    expect(output).toContain('unexpected');
    expect(output).toContain('"level":"fatal"');
    expect(output).not.toContain('released pool');
  });
});

test.concurrent('a log line is JSON with level, time and service, and of an error it holds the causes but neither parameters nor rows', async () => {
  const { output } = await runScript([
    `const cause = Object.assign(new Error('duplicate key value'), { code: '23505', detail: 'Key (email)=(ada@example.com)', parameters: ['hunter2'] });`,
    `log.info({ error: new Error('not written', { cause }), rows: 3 }, 'refused');`,
    `log.warn({ error: 'a text' }, 'odd');`,
  ]);
  const [refused, odd] = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(refused).toMatchObject({
    level: 'info',
    service: 'test',
    msg: 'refused',
    rows: 3,
    error: { type: 'Error', message: 'not written', cause: { message: 'duplicate key value', code: '23505' } },
  });
  expect(refused?.['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(output).not.toMatch(/ada@example\.com|hunter2/);
  expect(odd).toMatchObject({ level: 'warn', error: { message: 'a text' } });
});

describe('the command line of a process', () => {
  const run = (
    service: string,
    args: string[],
    environment: Record<string, string>,
  ): Promise<{ code: number; stdout: string; stderr: string }> =>
    promisify(execFile)(process.execPath, [`dist/${service}/main.js`, ...args], {
      env: { PATH: process.env['PATH'], ...environment },
      cwd: builtServices(),
    }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
  const database = 'postgres://role@127.0.0.1:1/observability';
  const usable = {
    exporter: { DATABASE_URL_EXPORTER: database, ORG_TOKEN_SECRET: 'x'.repeat(32), IP_HASH_PEPPER: 'x'.repeat(16) },
    api: {
      DATABASE_URL_API: database,
      DATABASE_URL_ADMIN: database,
      AUTH_JWT_SECRET: 'x'.repeat(32),
      AUTH_ISSUER: 'https://login.example.com',
      AUTH_AUDIENCE: 'widget-observability',
    },
    jobs: { DATABASE_URL_JOBS: database },
  };
  const services = ['exporter', 'api', 'jobs'] as const;

  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'check-config-'));
    createCertificate(folder, 'server');
    await writeFile(join(folder, 'good.yml'), 'tls_server_config: {cert_file: server.crt, key_file: server.key}\n');
    await writeFile(
      join(folder, 'bad.yml'),
      'tls_server_config: {cert_file: missing.crt, max_version: TLS9}\nbasic_auth_users: {alice: hunter2}\n',
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.concurrent.each(services)('of %s checks what it was given and leaves, without a database', async (service) => {
    const environment = { ...usable[service], METRICS_WEB_CONFIG_FILE: join(folder, 'good.yml') };
    expect(await run(service, ['--check-config'], environment)).toMatchObject({
      code: 0,
      stdout: 'the configuration is usable\n',
      stderr: '',
    });
  });

  test.concurrent.each(services.flatMap((service) => [[service, ['--check-config']] as const, [service, []] as const]))(
    'of %s %j refuses a web configuration that cannot be used, and names every field',
    async (service, args) => {
      const file = join(folder, 'bad.yml');
      const { code, stdout, stderr } = await run(service, [...args], { ...usable[service], METRICS_WEB_CONFIG_FILE: file });
      expect(code).toBe(1);
      expect(stdout).toBe('');
      for (const field of [
        'tls_server_config.cert_file',
        'tls_server_config.key_file',
        'tls_server_config.max_version',
        'basic_auth_users.alice',
      ])
        expect(stderr).toContain(`METRICS_WEB_CONFIG_FILE ${file}: ${field}: `);
      expect(stderr).not.toContain('hunter2');
    },
  );

  test.concurrent('refuses users beside a token', async () => {
    const file = join(folder, 'users.yml');
    await writeFile(file, `basic_auth_users: {alice: $2y$10$${'a'.repeat(53)}}\n`);
    const environment = { ...usable.jobs, METRICS_TOKEN: 'token-for-prometheus', METRICS_WEB_CONFIG_FILE: file };
    const { code, stderr } = await run('jobs', ['--check-config'], environment);
    expect(code).toBe(1);
    expect(stderr).toContain('METRICS_TOKEN is set, and both travel in the Authorization header');
  });

  test.concurrent('refuses to start with an unusable configuration, and says what is wrong', async () => {
    const { code, stderr } = await run('api', [], {});
    expect(code).toBe(1);
    expect(stderr).toContain('DATABASE_URL_API: not set');
    expect(stderr).toContain('AUTH_ISSUER: not set');
  });

  test.concurrent('explains itself, with defaults', async () => {
    const { code, stdout } = await run('jobs', ['--help'], {});
    expect(code).toBe(0);
    expect(stdout).toContain('  DATABASE_URL_JOBS (required)\n');
    expect(stdout).toContain('  JOBS_METRICS_PORT [9466]');
    expect(stdout).toContain('  METRICS_TOKEN\n');
  });
});
