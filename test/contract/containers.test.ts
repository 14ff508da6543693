import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkout } from '../../local/processes.ts';
import { demoProperties } from '../../local/demo-marketing.ts';
import { audience, issuer } from '../../local/tokens.ts';
import { readConfig, variables } from '../../platform/config.ts';
import { version } from '../../platform/version.ts';
import { type ComposeFile, type ComposeService, composeVariables, readComposeFile } from '../support/compose-file.ts';
import { buildContext, copiesOf, ignoreRule, parseDockerfile, type Stage } from '../support/dockerfile.ts';
import { requireTool } from '../support/tools.ts';

const read = (path: string): Promise<string> => readFile(join(checkout, path), 'utf8');
const run = promisify(execFile);

let compose: ComposeFile;
let services: [name: string, service: ComposeService][];
/** What create-secrets.sh makes. */
let secrets: string;

beforeAll(async () => {
  compose = await readComposeFile();
  services = Object.entries(compose.services);
  secrets = join(await mkdtemp(join(tmpdir(), 'containers-')), 'secrets');
  await createSecrets();
});
afterAll(() => rm(join(secrets, '..'), { recursive: true }));

const createSecrets = async (): Promise<string> => (await run('sh', [join(checkout, 'deploy/compose/create-secrets.sh'), secrets])).stdout;

const ours = 'widget-observability';
const ourServices = (): typeof services => services.filter(([, { image }]) => image.startsWith(`${ours}:`));
/** The process or command that a service of ours runs. */
const programOf = ({ command }: ComposeService): string => command?.[0]?.replace(/^dist\//, '').replace(/\.js$/, '') ?? '';
const configurationOf: Readonly<Record<string, keyof typeof variables>> = {
  'exporter/main': 'exporter',
  'api/main': 'api',
  'jobs/main': 'jobs',
  'jobs/cli/migrate': 'migrate',
  'jobs/cli/role-logins-set': 'roleLogins',
  'local/demo': 'jobs',
};
const knownVariables = new Set(
  Object.values(variables)
    .flatMap(({ shape }) => Object.keys(shape))
    .flatMap((name) => [name, `${name}_FILE`]),
);

describe('docker-compose.yml', () => {
  test.each(['', '--profile=demo', '--profile=scale', '--env-file=deploy/compose/scale.env', '--env-file=deploy/compose/demo.env'])(
    'is accepted by docker-compose, called with "%s"',
    async (option) => {
      const options = option === '' ? [] : [option];
      await run(requireTool('docker-compose'), [...options, 'config', '--quiet'], { cwd: checkout });
    },
  );

  test('runs images of one exact version each, ours of this one', () => {
    for (const [name, { image }] of services) expect(image, name).toMatch(/^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)*$/);
    expect(new Set(ourServices().map(([, { image }]) => image))).toEqual(new Set([`${ours}:${version}`]));
  });

  test('gives no container more than it needs', () => {
    for (const [name, service] of services) {
      expect(service.read_only, name).toBe(true);
      expect(service.cap_drop, name).toEqual(['ALL']);
      expect(service.security_opt, name).toEqual(['no-new-privileges:true']);
      expect(service.mem_limit, name).toMatch(/^\d+[mg]$/);
    }
  });

  test('restarts what ends and asks each container whether it is well, but for those that run once or listen nowhere', () => {
    const once = ['migrate', 'role-logins'];
    const silent = [...once, 'demo'];
    for (const [name, { restart, healthcheck }] of services) {
      expect(restart, name).toBe(once.includes(name) ? 'no' : 'unless-stopped');
      expect(healthcheck?.disable === true, name).toBe(silent.includes(name));
      if (silent.includes(name)) continue;
      expect(healthcheck?.test?.[0], name).toBe('CMD');
      expect(healthcheck?.start_period, name).toBeDefined();
    }
  });

  test('lets our processes write down what they hold before it kills them', () => {
    for (const [name, { stop_grace_period: grace, init }] of ourServices()) {
      expect(Number.parseInt(grace ?? '', 10), name).toBeGreaterThan(15);
      expect(init, name).toBe(true);
    }
  });

  test('publishes to this machine only, where the listeners are by default', () => {
    const publishedBy = Object.fromEntries(services.map(([name, { ports }]) => [name, ports]));
    expect(
      Object.values(publishedBy)
        .flat()
        .filter((port) => !port.startsWith('127.0.0.1:')),
    ).toEqual([]);
    const published = Object.values(publishedBy)
      .flat()
      .map((port) => port.split(':')[1]);
    expect(new Set(published).size).toBe(published.length);
    expect(publishedBy['postgres']).toEqual([]);
    const { EXPORTER_PORT } = readConfig('exporter', minimalEnvironment('exporter'));
    const { API_PORT } = readConfig('api', minimalEnvironment('api'));
    expect(publishedBy['exporter']).toEqual([`127.0.0.1:${EXPORTER_PORT}:${EXPORTER_PORT}`]);
    expect(publishedBy['api']).toEqual([`127.0.0.1:${API_PORT}:${API_PORT}`]);
    expect(publishedBy['jobs']).toEqual([]);
  });

  test('asks the process that a container runs for its health', () => {
    for (const name of ['exporter', 'api', 'jobs']) {
      const { command, healthcheck } = compose.services[name] ?? {};
      expect(healthcheck?.test).toEqual(['CMD', 'node', ...(command ?? []), '--health-check']);
    }
  });

  test('names services, networks, volumes and secrets that it has, and none that it does not use', () => {
    for (const [name, { depends_on: dependencies }] of services) {
      for (const [dependency, { condition }] of Object.entries(dependencies)) {
        const needed = compose.services[dependency];
        expect(needed, `${name} waits for ${dependency}`).toBeDefined();
        // Or compose waits for ever.
        if (condition === 'service_healthy') expect(needed?.healthcheck?.test, dependency).toBeDefined();
        if (condition === 'service_completed_successfully') expect(needed?.restart, dependency).toBe('no');
        // A dependency whose profile is not chosen is an error.
        expect(needed?.profiles ?? [], dependency).toEqual([]);
      }
    }
    const all = services.map(([, service]) => service);
    const used = (values: string[]): string[] => [...new Set(values)].toSorted();
    expect(used(all.flatMap(({ networks }) => networks))).toEqual(Object.keys(compose.networks).toSorted());
    expect(used(all.flatMap((service) => service.secrets))).toEqual(Object.keys(compose.secrets).toSorted());
    const named = all
      .flatMap(({ volumes }) => volumes.map((volume) => volume.split(':')[0] ?? ''))
      .filter((source) => !source.startsWith('.'));
    expect(used(named)).toEqual(Object.keys(compose.volumes).toSorted());
    expect(named.length).toBe(new Set(named).size);
  });

  test('mounts files of this checkout, read-only', async () => {
    const mounts = services.flatMap(([, { volumes }]) => volumes).filter((volume) => volume.startsWith('.'));
    for (const mount of mounts) {
      const [source = '', , mode] = mount.split(':');
      expect((await stat(join(checkout, source))).isFile() || (await readdir(join(checkout, source))).length > 0, source).toBe(true);
      expect(mode, mount).toBe('ro');
    }
    expect(mounts.length).toBeGreaterThan(6);
  });

  test('gives a container the secrets that its environment names, and no others', () => {
    /** Read by a configuration or a command instead. */
    const otherwiseUsed: Readonly<Record<string, string[]>> = {
      prometheus: ['metrics-token'],
      'prometheus-2': ['metrics-token'],
      alertmanager: ['alertmanager-webhook-token'],
      'alertmanager-2': ['alertmanager-webhook-token'],
      demo: ['auth-jwt-secret'],
    };
    for (const [name, service] of services) {
      const named = Object.values(service.environment).flatMap((value) => (value.startsWith('/run/secrets/') ? [value.slice(13)] : []));
      expect(service.secrets.toSorted(), name).toEqual([...named, ...(otherwiseUsed[name] ?? [])].toSorted());
    }
  });

  test('keeps the database to those that need it', () => {
    expect(compose.networks['database']?.internal).toBe(true);
    for (const [name, service] of services) {
      const needsIt = name === 'postgres' || Object.keys(service.environment).some((variable) => variable.startsWith('DATABASE_URL_'));
      expect(service.networks.includes('database'), name).toBe(needsIt);
    }
  });
});

describe('the environment of our containers', () => {
  test('has variables that platform/config.ts knows', () => {
    const wrong = ourServices()
      .flatMap(([name, { environment }]) => Object.keys(environment).map((variable) => ({ name, variable })))
      .filter(({ variable }) => !knownVariables.has(variable));
    expect(wrong).toEqual([]);
  });

  test('is all that each process and command requires', () => {
    const checked = ourServices();
    for (const [name, service] of checked) {
      const configuration = configurationOf[programOf(service)];
      expect(configuration, `${name} runs ${programOf(service)}`).toBeDefined();
      expect(() => readConfig(configuration ?? 'exporter', withSecretsHere(service.environment)), name).not.toThrow();
    }
    expect(checked.length).toBe(6);
  });

  test('takes tokens of an identity provider instead, and every setting that it may take from outside', async () => {
    const { services: changed } = await readComposeFile({ AUTH_JWT_SECRET_FILE: '', AUTH_JWKS_URL: 'https://login.example.com/keys' });
    const config = readConfig('api', withSecretsHere(changed['api']?.environment ?? {}));
    expect(config).toMatchObject({ AUTH_JWKS_URL: 'https://login.example.com/keys' });
    expect(config.AUTH_JWT_SECRET).toBeUndefined();
    const files = ['PROMETHEUS_CONFIG', 'ALERTMANAGER_CONFIG'];
    expect([...(await composeVariables())].filter((name) => !knownVariables.has(name) && !files.includes(name))).toEqual([]);
  });

  test('listens where Prometheus can reach it and nobody without a token, and knows the issuer of demo tokens', () => {
    const exporter = readConfig('exporter', withSecretsHere(compose.services['exporter']?.environment ?? {}));
    expect(exporter).toMatchObject({ METRICS_HOST: '0.0.0.0', EXPORTER_METRICS_PORT: 9464 });
    expect(exporter.METRICS_TOKEN).toHaveLength(43);
    const api = readConfig('api', withSecretsHere(compose.services['api']?.environment ?? {}));
    expect(api).toMatchObject({ AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience });
  });
});

describe('deploy/compose/demo.env', () => {
  test('lets api and jobs, and nothing without it, ask the shops of the demo, which opens their credentials with the same key', async () => {
    const settings = await settingsOf('deploy/compose/demo.env');
    expect(settings['COMPOSE_PROFILES']).toBe('demo');
    const { services: withDemo } = await readComposeFile(settings);
    const configOf = (
      file: ComposeFile,
      name: 'api' | 'jobs',
    ): { WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: boolean; CONFIG_ENCRYPTION_KEY?: string } =>
      readConfig(name, withSecretsHere(file.services[name]?.environment ?? {}));
    const demo = readConfig('jobs', withSecretsHere(withDemo['demo']?.environment ?? {}));
    for (const name of ['api', 'jobs'] as const) {
      expect(configOf({ ...compose, services: withDemo }, name), name).toMatchObject({
        WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: true,
        CONFIG_ENCRYPTION_KEY: demo.CONFIG_ENCRYPTION_KEY,
      });
      expect(configOf(compose, name).WOOCOMMERCE_ALLOW_PRIVATE_HOSTS, name).toBe(false);
    }
    expect(withDemo['demo']?.command).toContain('--shops-host=demo');
    for (const name of ['exporter', 'jobs', 'demo']) {
      expect(withDemo[name]?.environment['ROLLUP_PROPERTY_IDS'], name).toBe(demoProperties.join());
    }
  });
});

describe('deploy/compose/create-secrets.sh', () => {
  test('makes every secret that docker-compose.yml mounts, and no other', async () => {
    expect((await readdir(secrets)).toSorted()).toEqual(
      Object.values(compose.secrets)
        .map(({ file }) => file.replace(/^\.\/secrets\//, ''))
        .toSorted(),
    );
  });

  test('keeps out everybody but the owner of the folder, and lets the users of the containers read', async () => {
    expect((await stat(secrets)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(secrets)) expect((await stat(join(secrets, name))).mode & 0o777, name).toBe(0o444);
  });

  test('keeps what it made, makes what is missing, and no two secrets are the same', async () => {
    const contents = async (): Promise<Record<string, string>> =>
      Object.fromEntries(
        await Promise.all((await readdir(secrets)).map(async (name) => [name, await readFile(join(secrets, name), 'utf8')])),
      );
    const before = await contents();
    expect(await createSecrets()).not.toContain('made');
    expect(await contents()).toEqual(before);
    await rm(join(secrets, 'admin-api-key'));
    expect(await createSecrets()).toContain('made  admin-api-key\n');
    const { 'admin-api-key': renewed, ...after } = await contents();
    expect({ ...after, 'admin-api-key': before['admin-api-key'] }).toEqual(before);
    expect(renewed).not.toBe(before['admin-api-key']);
    expect(new Set(Object.values(before)).size).toBe(Object.keys(before).length);
    expect(before['database-url-owner']).toBe(`postgresql://postgres:${before['postgres-password']}@postgres:5432/observability`);
  });

  test('writes what every reader takes as it is: no newline, no quote, no space', async () => {
    for (const name of await readdir(secrets)) {
      const expected = name === 'config-encryption-key-previous' ? /^$/ : /^[\w:/@.=+-]+$/;
      expect(await readFile(join(secrets, name), 'utf8'), name).toMatch(expected);
    }
  });

  test('stays out of the repository and of the image', async () => {
    expect((await read('.gitignore')).split('\n')).toContain('secrets/');
    expect(ignoreRule(await read('.dockerignore'))('secrets/metrics-token')).toBe(true);
  });
});

describe('the configurations in deploy/compose', () => {
  let directory: string;

  beforeAll(async () => {
    // As the containers see them, with the paths that they mount.
    directory = join(secrets, '..', 'etc');
    await mkdir(directory, { recursive: true });
    await cp(join(checkout, 'prometheus/rules'), join(directory, 'rules'), { recursive: true });
    await cp(join(checkout, 'alertmanager/templates'), join(directory, 'templates'), { recursive: true });
    for (const name of ['prometheus.yml', 'prometheus.scale.yml', 'alertmanager.yml']) {
      await writeFile(join(directory, name), (await read(`deploy/compose/${name}`)).replaceAll('/run/secrets', secrets));
    }
  });

  test.each(['prometheus.yml', 'prometheus.scale.yml'])('%s is valid, with the rules and the token', async (name) => {
    const { stdout } = await run(requireTool('promtool'), ['check', 'config', join(directory, name)]);
    expect(stdout).toContain('SUCCESS');
    expect(stdout).toContain(`${(await readdir(join(checkout, 'prometheus/rules'))).length} rule files found`);
  });

  test('alertmanager.yml is valid', async () => {
    const { stdout } = await run(requireTool('amtool'), ['check-config', join(directory, 'alertmanager.yml')]);
    expect(stdout).toContain('SUCCESS');
    expect(stdout).toContain('1 templates');
  });

  test('name hosts that are services, at ports where these listen', async () => {
    const ports: Readonly<Record<string, string[]>> = {
      exporter: ['8081', '9464'],
      api: ['9465'],
      jobs: ['9466'],
      prometheus: ['9090'],
      'prometheus-2': ['9090'],
      alertmanager: ['9093'],
      'alertmanager-2': ['9093'],
      'victoria-metrics': ['8428'],
    };
    for (const name of ['prometheus.yml', 'prometheus.scale.yml', 'alertmanager.yml']) {
      const addresses = addressesIn(parse(await read(`deploy/compose/${name}`)));
      expect(addresses.length, name).toBeGreaterThan(0);
      for (const address of addresses) {
        const [host = '', port = ''] = address.split(':');
        expect(ports[host], `${name}: ${address}`).toContain(port);
        const { profiles } = compose.services[host] ?? {};
        expect(profiles, `${name}: ${host}`).toEqual(name === 'prometheus.scale.yml' ? expect.anything() : []);
      }
    }
  });

  test('are the one of its profile', async () => {
    const settings = await settingsOf('deploy/compose/scale.env');
    expect(settings).toEqual({ COMPOSE_PROFILES: 'scale', PROMETHEUS_CONFIG: './deploy/compose/prometheus.scale.yml' });
    const { services: scaled } = await readComposeFile(settings);
    for (const name of ['prometheus', 'prometheus-2']) {
      expect(scaled[name]?.volumes[0]).toBe('./deploy/compose/prometheus.scale.yml:/etc/prometheus/prometheus.yml:ro');
      expect(scaled[name]?.environment['REPLICA']).toMatch(/^[ab]$/);
    }
    const scale = await read('deploy/compose/prometheus.scale.yml');
    expect(scale).toContain('replica: ${REPLICA}');
    const { remote_write: remoteWrite } = parse(scale) as { remote_write: unknown };
    expect(remoteWrite).toMatchObject([{ write_relabel_configs: [{ action: 'labeldrop', regex: 'grafana_url|runbooks_url|replica' }] }]);
  });
});

describe('the Dockerfile', () => {
  let stages: Stage[];
  let context: string[];

  beforeAll(async () => {
    stages = parseDockerfile(await read('Dockerfile'));
    context = await buildContext(checkout);
  });

  const instructionsOf = (name: string): string[] =>
    (stages.at(-1)?.instructions ?? []).filter((instruction) => instruction.name === name).map(({ text }) => text);

  test('starts from one image of an exact version, or from its own stages', () => {
    const names = stages.map(({ name }) => name);
    const external = stages.map(({ from }) => from).filter((from) => !names.includes(from));
    expect(new Set(external).size).toBe(1);
    expect(external[0]).toMatch(/^node:\d+\.\d+\.\d+-bookworm-slim$/);
  });

  test('copies what the context has', () => {
    const sources = stages
      .flatMap(copiesOf)
      .filter(({ from }) => from === undefined)
      .flatMap(({ sources: paths }) => paths);
    const missing = sources.filter((source) => !context.some((path) => path === source || path.startsWith(normalize(`${source}/`))));
    expect(missing).toEqual([]);
    expect(sources.length).toBeGreaterThan(10);
  });

  test('gets the folders of the build, and no test, secret or installed package', async () => {
    const { include } = JSON.parse(await read('tsconfig.build.json')) as { include: string[] };
    const folders = new Set(context.filter((path) => path.includes('/')).map((path) => path.split('/')[0]));
    expect([...folders].toSorted()).toEqual([...new Set([...include.map((path) => path.split('/')[0]), 'sdk'])].toSorted());
    expect(context.filter((path) => /\.test\.ts$|(^|\/)(secrets|node_modules|dist|\.git|\.env)(\/|$)/.test(path))).toEqual([]);
  });

  test('ends as somebody who is not root, without npm, with a health check', () => {
    expect(instructionsOf('USER')).toEqual(['1000:1000']);
    expect(instructionsOf('RUN').join()).toContain('/usr/local/bin/npm');
    expect(instructionsOf('ENTRYPOINT')).toEqual(['["node"]']);
    expect(instructionsOf('HEALTHCHECK').join()).toContain(`"--health-check"`);
    const ports = new Set(instructionsOf('EXPOSE').join(' ').split(' '));
    expect(ports).toEqual(new Set(['8080', '8081', '9464', '9465', '9466']));
  });
});

async function settingsOf(path: string): Promise<Record<string, string>> {
  const lines = (await read(path)).split('\n').filter((line) => /^\w+=/.test(line));
  return Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string]));
}

/** Nothing but what a process requires. */
function minimalEnvironment(name: 'exporter' | 'api'): Record<string, string> {
  const url = 'postgres://u:p@h/d';
  return name === 'exporter'
    ? { DATABASE_URL_EXPORTER: url, ORG_TOKEN_SECRET: 's'.repeat(32), IP_HASH_PEPPER: 's'.repeat(32) }
    : { DATABASE_URL_API: url, DATABASE_URL_ADMIN: url, AUTH_JWT_SECRET: 's'.repeat(32), AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' };
}

function withSecretsHere(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, value.replace(/^\/run\/secrets/, secrets)]));
}

/** Every `host:port` under `targets` and `url`. */
function addressesIn(value: unknown, key = ''): string[] {
  if (typeof value === 'string') return key === 'targets' ? [value] : key === 'url' ? [new URL(value).host] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => addressesIn(item, Array.isArray(value) ? key : name));
}
