import { hash } from 'bcrypt';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPrometheus } from '../../local/prometheus.ts';
import { checkHealth } from '../../platform/health-check.ts';
import { version } from '../../platform/version.ts';
import { createCertificate } from '../support/certificates.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { prometheusApi } from '../support/prometheus-api.ts';
import { restartPort } from '../support/restart-port.ts';
import { servicePorts, startServiceProcess, type ServicePorts } from '../support/service-process.ts';
import { getOverTls } from '../support/tls-request.ts';
import { requireTool } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

/**
 * The three processes as they are, each guarded in another way, and a Prometheus that scrapes them: the exporter over TLS with users, the
 * api over TLS with client certificates and METRICS_TOKEN, jobs with users and without TLS.
 */
const password = 'correct horse battery staple';
const token = 'token-for-prometheus';
const basic = { authorization: `Basic ${Buffer.from(`prometheus:${password}`).toString('base64')}` };
const bearer = { authorization: `Bearer ${token}` };

let database: TestDatabase;
let folder: string;
let ports: ServicePorts & { prometheus: number };
let ca: Buffer;
let identity: RequestOptions;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  stops.push(() => database.drop());
  folder = await mkdtemp(join(tmpdir(), 'observability-metrics-listener-'));
  stops.push(() => rm(folder, { recursive: true, force: true }));
  ports = { ...(await servicePorts()), prometheus: await restartPort() };

  const authority = createCertificate(folder, 'authority');
  createCertificate(folder, 'server', { names: 'IP:127.0.0.1', signedBy: authority });
  const client = createCertificate(folder, 'client', { names: 'URI:spiffe://example/prometheus', signedBy: authority });
  ca = await readFile(authority.certificate);
  identity = { cert: await readFile(client.certificate), key: await readFile(client.key) };
  const pair = 'cert_file: server.crt, key_file: server.key';
  // As htpasswd writes it.
  const users = `basic_auth_users: {prometheus: ${(await hash(password, 10)).replace('$2b$', '$2y$')}}`;
  const trusted = 'client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.crt';
  await writeFile(join(folder, 'exporter.yml'), `tls_server_config: {${pair}, min_version: TLS13}\n${users}\n`);
  await writeFile(
    join(folder, 'api.yml'),
    `tls_server_config: {${pair}, ${trusted}, client_allowed_sans: ["spiffe://example/prometheus"]}\n`,
  );
  await writeFile(join(folder, 'jobs.yml'), `${users}\nhttp_server_config: {headers: {X-Frame-Options: sameorigin}}\n`);
  for (const name of ['exporter', 'api', 'jobs'] as const) {
    const environment = {
      METRICS_WEB_CONFIG_FILE: join(folder, `${name}.yml`),
      METRICS_TOKEN: name === 'api' ? token : undefined,
      BUILD_COMMIT: 'abc1234',
    };
    const service = startServiceProcess(name, { database, ports, environment });
    stops.push(() => service.stop());
  }
  await waitUntil(async () => Object.values(await statuses('/readyz')).every((status) => status === 200), {
    within: 25_000,
    what: 'readiness of the three processes',
  });
});

afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** What each answers to a caller who has what it asks for; a probe has nothing but a certificate. */
async function ask(path: string): Promise<Record<'exporter' | 'api' | 'jobs', { status: number; text: string }>> {
  const isProbe = path === '/healthz' || path === '/readyz';
  const jobs = await fetch(`http://127.0.0.1:${ports.jobsMetrics}${path}`, { headers: isProbe ? {} : basic });
  return {
    exporter: await getOverTls(`https://127.0.0.1:${ports.exporterMetrics}${path}`, { ca, headers: isProbe ? {} : basic }),
    api: await getOverTls(`https://127.0.0.1:${ports.apiMetrics}${path}`, { ca, ...identity, headers: isProbe ? {} : bearer }),
    jobs: { status: jobs.status, text: await jobs.text() },
  };
}

async function statuses(path: string): Promise<Record<string, number>> {
  return Object.fromEntries(Object.entries(await ask(path)).map(([name, { status }]) => [name, status]));
}

test('each has a page that says what it is, and every link on it leads somewhere', async () => {
  const pages = await ask('/');
  const own = ['/metrics', '/healthz', '/readyz'];
  const expected = {
    exporter: ['/metrics', '/metrics/orgs', '/healthz', '/readyz'],
    api: [...own, `http://127.0.0.1:${ports.api}/docs`],
    jobs: own,
  };
  for (const name of ['exporter', 'api', 'jobs'] as const) {
    const { status, text } = pages[name];
    expect(status, name).toBe(200);
    expect(text).toContain(`<h1>widget-observability ${name}</h1>`);
    expect(text).toContain(`Version ${version}, commit abc1234`);
    const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, link = '']) => link);
    expect(links, name).toEqual(expected[name]);
    for (const link of links) {
      const answered = link.startsWith('http') ? (await fetch(link)).status : (await ask(link))[name].status;
      expect(answered, `${name} ${link}`).toBe(200);
    }
  }
});

test('none tells anything to a caller who lacks what it asks for', async () => {
  for (const path of ['/', '/metrics', '/nowhere']) {
    expect((await getOverTls(`https://127.0.0.1:${ports.exporterMetrics}${path}`, { ca })).status).toBe(401);
    expect((await getOverTls(`https://127.0.0.1:${ports.apiMetrics}${path}`, { ca, ...identity })).status).toBe(401);
    await expect(getOverTls(`https://127.0.0.1:${ports.apiMetrics}${path}`, { ca, headers: bearer })).rejects.toThrow(/alert/);
    expect((await fetch(`http://127.0.0.1:${ports.jobsMetrics}${path}`)).status).toBe(401);
  }
});

test('each passes the health check of its container', async () => {
  for (const port of [ports.exporterMetrics, ports.apiMetrics, ports.jobsMetrics]) {
    expect(await checkHealth({ host: '127.0.0.1', port, tls: true })).toBeUndefined();
  }
});

test('Prometheus scrapes all of them, and is refused where it lacks the password or the certificate', { timeout: 40_000 }, async () => {
  await writeFile(join(folder, 'password'), password);
  await writeFile(join(folder, 'token'), token);
  await writeFile(join(folder, 'wrong'), 'wrong');
  const job = (name: string, port: number, settings: object): object => ({
    job_name: name,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
    ...settings,
  });
  const https = { scheme: 'https', tls_config: { ca_file: 'authority.crt' } };
  const user = (file: string): object => ({ basic_auth: { username: 'prometheus', password_file: file } });
  const withToken = { authorization: { credentials_file: 'token' } };
  const certified = { ...https, tls_config: { ca_file: 'authority.crt', cert_file: 'client.crt', key_file: 'client.key' } };
  const prometheusFile = join(folder, 'prometheus.yml');
  const configuration = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms' },
    scrape_configs: [
      job('exporter', ports.exporterMetrics, { ...https, ...user('password') }),
      job('exporter-orgs', ports.exporterMetrics, { ...https, ...user('password'), metrics_path: '/metrics/orgs' }),
      job('exporter, wrong password', ports.exporterMetrics, { ...https, ...user('wrong') }),
      job('api', ports.apiMetrics, { ...certified, ...withToken }),
      job('api, no certificate', ports.apiMetrics, { ...https, ...withToken }),
      job('jobs', ports.jobsMetrics, user('password')),
    ],
  };
  // JSON is YAML.
  await writeFile(prometheusFile, JSON.stringify(configuration));
  const prometheus = startPrometheus(
    requireTool('prometheus'),
    { directory: folder, prometheusFile, alertmanagerFile: '' },
    { port: ports.prometheus },
  );
  stops.push(() => prometheus.stop());
  const api = prometheusApi(ports.prometheus);
  const expected = { exporter: 1, 'exporter-orgs': 1, 'exporter, wrong password': 0, api: 1, 'api, no certificate': 0, jobs: 1 };
  await waitUntil(
    async () => {
      const { samples } = await api.query('min_over_time(up[3s]) and on (job) count_over_time(up[3s]) >= 4');
      expect(Object.fromEntries(samples.map(({ metric, value }) => [metric['job'], value]))).toEqual(expected);
      return true;
    },
    { within: 30_000, what: 'four scrapes in a row of everything' },
  );
  expect((await api.query('observability_build_info')).samples).toHaveLength(3);
});
