import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { checkout } from '../../local/processes.ts';
import { version } from '../../platform/version.ts';
import { type ComposeFile, readComposeFile } from '../support/compose-file.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { buildImageLayout, type ImageLayout } from '../support/image-layout.ts';
import { restartPort } from '../support/restart-port.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Root runs the containers' processes as the user of the image, who may write nothing there. Others run them as themselves. */
const imageUser = process.getuid?.() === 0 ? { uid: 1000, gid: 1000 } : {};

let directory: string;
let secrets: string;
let image: ImageLayout;
let database: TestDatabase;
let compose: ComposeFile;
let ports: Record<'EXPORTER_PORT' | 'EXPORTER_METRICS_PORT' | 'API_PORT' | 'API_METRICS_PORT' | 'JOBS_METRICS_PORT', string>;
const started: ChildProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'image-'));
  await chmod(directory, 0o755);
  database = await createTestDatabase();
  // As deploy/compose/demo.env sets it.
  compose = await readComposeFile({ WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true' });
  secrets = await createSecrets();
  const names = ['EXPORTER_PORT', 'EXPORTER_METRICS_PORT', 'API_PORT', 'API_METRICS_PORT', 'JOBS_METRICS_PORT'] as const;
  ports = Object.fromEntries(await Promise.all(names.map(async (name) => [name, String(await restartPort())]))) as typeof ports;
  image = await buildImageLayout(join(directory, 'stages'));
}, 300_000);

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await database.drop();
  await rm(directory, { recursive: true });
});

/** As deploy/compose/create-secrets.sh makes them, but for what this server has already. */
async function createSecrets(): Promise<string> {
  const folder = join(directory, 'secrets');
  await mkdir(folder);
  await writeFile(join(folder, 'postgres-password'), inject('postgres').superuserPassword);
  await writeFile(join(folder, 'database-url-owner'), database.url('superuser'));
  for (const role of ['exporter', 'api', 'admin', 'jobs'] as const) {
    await writeFile(join(folder, `database-url-${role}`), database.url(`observability_${role}`));
  }
  const script = spawn('sh', [join(checkout, 'deploy/compose/create-secrets.sh'), folder], { stdio: 'ignore' });
  expect(await once(script, 'close')).toEqual([0, null]);
  // A container gets the files, without the folder that guards them on its host.
  await chmod(folder, 0o755);
  return folder;
}

interface Container {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

/** What docker-compose.yml runs as `service`, in the image's folder, with that environment and nothing else. */
function runContainer(service: string, command = compose.services[service]?.command ?? []): Container {
  const environment = Object.entries(compose.services[service]?.environment ?? {}).map(([name, value]) => [
    name,
    value.replace(/^\/run\/secrets/, secrets),
  ]);
  const child = spawn(process.execPath, command, {
    ...imageUser,
    cwd: image.directory,
    // The test server keeps nothing through a crash of its machine.
    env: { NODE_ENV: 'production', ALLOW_LOSSY_DATABASE: 'true', ...Object.fromEntries(environment), ...ports },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return { child, output: () => output, ended: once(child, 'close').then(([code]) => code as number | null) };
}

async function runToEnd(service: string, command?: string[]): Promise<{ code: number | null; output: string }> {
  const container = runContainer(service, command);
  return { code: await container.ended, output: container.output() };
}

const healthCheck = (service: string): ReturnType<typeof runToEnd> =>
  runToEnd(service, (compose.services[service]?.healthcheck?.test ?? []).slice(2));

const at = (port: keyof typeof ports, path: string): string => `http://127.0.0.1:${ports[port]}${path}`;

describe('the image', () => {
  test('holds what runs, and nothing of what it was made with', async () => {
    expect((await readdir(image.directory)).toSorted()).toEqual(['LICENSE', 'dist', 'migrations', 'node_modules', 'package.json']);
    const packages = await readdir(join(image.directory, 'node_modules'));
    const { dependencies, devDependencies } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const topFolder = (name: string): string => name.split('/')[0] ?? '';
    expect(packages).toEqual(expect.arrayContaining(Object.keys(dependencies).map(topFolder)));
    expect(packages.filter((name) => Object.keys(devDependencies).includes(name))).toEqual([]);
    // Only the removal of npm was left out here.
    expect(image.notRun.map((command) => command.split(' ').slice(0, 2).join(' '))).toEqual(['rm -rf']);
  });

  test.each(['exporter', 'api', 'jobs'])('%s has a usable configuration from its secrets, as a user without rights', async (service) => {
    const { command } = compose.services[service] ?? {};
    expect(await runToEnd(service, [...(command ?? []), '--check-config'])).toEqual({ code: 0, output: 'the configuration is usable\n' });
    expect(await runToEnd(service, [...(command ?? []), '--version'])).toEqual({ code: 0, output: `${version}\n` });
  });

  test(
    'runs the stack of docker-compose.yml: migrations, logins, processes, health checks, demo, and stops',
    { timeout: 180_000 },
    async () => {
      expect(await runToEnd('migrate')).toEqual({ code: 0, output: 'the schema is up to date\n' });
      const logins = await runToEnd('role-logins');
      expect(logins.output).toContain('observability_api may log in');
      expect(logins.code).toBe(0);
      expect((await healthCheck('exporter')).code).toBe(1);

      const containers = ['exporter', 'api', 'jobs'].map((service) => runContainer(service));
      const said = (): string => containers.map(({ output }) => output()).join('');
      for (const port of ['EXPORTER_METRICS_PORT', 'API_METRICS_PORT', 'JOBS_METRICS_PORT'] as const) {
        await waitUntil(async () => (await fetch(at(port, '/readyz'))).ok, { within: 20_000, what: port }).catch((error: unknown) => {
          throw new Error(said(), { cause: error });
        });
      }
      for (const service of ['exporter', 'api', 'jobs']) {
        expect(await healthCheck(service), service).toEqual({ code: 0, output: 'the process answers\n' });
      }
      expect((await fetch(at('API_PORT', '/openapi.json'))).status).toBe(200);
      const [script] = (await (await fetch(at('API_PORT', '/docs'))).text()).match(/\/docs\/\w+-swagger-ui-bundle\.js/) ?? [];
      expect((await fetch(at('API_PORT', String(script)))).headers.get('content-type')).toBe('text/javascript; charset=utf-8');

      expect((await fetch(at('EXPORTER_METRICS_PORT', '/metrics'))).status).toBe(401);
      const authorization = `Bearer ${await readFile(join(secrets, 'metrics-token'), 'utf8')}`;
      const demo = runContainer('demo', ['dist/local/demo.js', `--exporter=${at('EXPORTER_PORT', '')}`]);
      await waitUntil(
        async () => {
          const metrics = await (await fetch(at('EXPORTER_METRICS_PORT', '/metrics'), { headers: { authorization } })).text();
          return /^widget_loads_total [1-9]/m.test(metrics) && /^woocommerce_operations_total\{.*\} [1-9]/m.test(metrics);
        },
        { within: 15_000, what: 'a widget that loads and an operation on a shop' },
      );
      const secretFile = `--secret-file=${join(secrets, 'auth-jwt-secret')}`;
      const token = await runToEnd('demo', ['dist/local/demo-token.js', '--role=member', '--org=demo', secretFile]);
      const headers = { authorization: `Bearer ${token.output.trim()}` };
      expect((await fetch(at('API_PORT', '/portal/widget/health'), { headers })).status).toBe(200);
      expect(await (await fetch(at('API_PORT', '/api/woocommerce/health'), { headers })).json()).toMatchObject({
        data: { overall_status: 'healthy', total_domains: 1 },
      });

      for (const container of [demo, ...containers]) {
        container.child.kill('SIGTERM');
        expect(await container.ended, container.output()).toBe(0);
      }
      expect(demo.output()).toMatch(/demo: site id site_\w{16}[^]*stopped\n$/);
    },
  );
});

test('a container of the image may read its secrets and write nothing', { timeout: 30_000 }, async () => {
  // With an owner that is not the user of the image the folder stands for a read-only root.
  if (process.getuid?.() === 0) await chown(image.directory, 0, 0);
  const probe = `try { require('node:fs').writeFileSync('dist/probe', ''); console.log('wrote'); } catch (error) { console.log(error.code); }`;
  const { output } = await runToEnd('exporter', ['-e', probe]);
  expect(output).toBe(process.getuid?.() === 0 ? 'EACCES\n' : 'wrote\n');
});
