import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { exportedDefinitions } from '../../generate/metric-definitions.ts';
import { checkout } from '../../local/processes.ts';
import { readConfig, variables } from '../../platform/config.ts';
import { version } from '../../platform/version.ts';
import { readComposeFile } from '../support/compose-file.ts';
import { type KubernetesObject, loadKustomization, readKustomization } from '../support/kustomization.ts';

const run = promisify(execFile);
const base = join(checkout, 'deploy/kubernetes/base');
const example = join(checkout, 'deploy/kubernetes/overlays/example');

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  env: z.array(z.strictObject({ name: z.string(), value: z.string() })).default([]),
  envFrom: z.array(z.strictObject({ configMapRef: z.strictObject({ name: z.string() }) })).default([]),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })).default([]),
  livenessProbe: z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) }).optional(),
  readinessProbe: z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) }).optional(),
  lifecycle: z.looseObject({ preStop: z.looseObject({ exec: z.strictObject({ command: z.array(z.string()) }) }) }).optional(),
  securityContext: z.unknown(),
  resources: z.looseObject({ requests: z.record(z.string(), z.string()), limits: z.record(z.string(), z.string()) }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.literal(true) })),
});
const workload = z.looseObject({
  kind: z.enum(['Deployment', 'Job']),
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: z.looseObject({
    replicas: z.int().optional(),
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }).optional(),
    template: z.strictObject({
      metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.looseObject({
        initContainers: z.array(container).default([]),
        containers: z.array(container),
        automountServiceAccountToken: z.boolean(),
        enableServiceLinks: z.boolean(),
        terminationGracePeriodSeconds: z.int().default(30),
        securityContext: z.unknown(),
        volumes: z.tuple([
          z.strictObject({
            name: z.string(),
            secret: z.strictObject({
              secretName: z.string(),
              defaultMode: z.int(),
              items: z.array(z.strictObject({ key: z.string(), path: z.string() })),
            }),
          }),
        ]),
      }),
    }),
  }),
});
const service = z.looseObject({
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: z.strictObject({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.strictObject({ name: z.string(), port: z.int(), targetPort: z.string() })),
  }),
});
const serviceMonitor = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
    sampleLimit: z.int().optional(),
    endpoints: z.tuple([
      z.looseObject({
        port: z.string().optional(),
        path: z.string().optional(),
        interval: z.string(),
        scrapeTimeout: z.string().optional(),
        authorization: z.strictObject({ credentials: z.strictObject({ name: z.string(), key: z.string() }) }).optional(),
        relabelings: z.array(
          z.looseObject({
            action: z.string(),
            targetLabel: z.string().optional(),
            replacement: z.string().optional(),
            regex: z.string().optional(),
          }),
        ),
      }),
    ]),
  }),
});

type Labels = Readonly<Record<string, string>>;
const matches = (selector: Labels, labels: Labels): boolean => Object.entries(selector).every(([name, value]) => labels[name] === value);

let objects: KubernetesObject[];
let workloads: z.infer<typeof workload>[];
let services: z.infer<typeof service>[];
/** Values for the secrets, one per key of the Secret `observability`. */
let secrets: string;
const all = (kind: string): KubernetesObject[] => objects.filter((object) => object.kind === kind);

beforeAll(async () => {
  objects = await loadKustomization(example);
  workloads = [...all('Deployment'), ...all('Job')].map((object) => workload.parse(object));
  services = all('Service').map((object) => service.parse(object));
  secrets = await mkdtemp(join(tmpdir(), 'kubernetes-'));
  await run('sh', [join(checkout, 'deploy/compose/create-secrets.sh'), secrets]);
});
afterAll(() => rm(secrets, { recursive: true }));

describe('every object', () => {
  test('fits the published schema of its kind', async () => {
    for (const object of objects) {
      const module = (await import(modulePath(object))) as Record<string, new (data: unknown) => { validate: () => void }>;
      const Model = module[object.kind];
      if (Model === undefined) throw new Error(`there is no schema of ${object.apiVersion} ${object.kind}`);
      expect(() => new Model(object).validate(), `${object.kind} ${object.metadata.name}`).not.toThrow();
    }
    expect(objects.length).toBeGreaterThan(15);
  });

  test('has no field that its kind does not have', { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'manifests-'));
    try {
      // The types are made from the same schemas, and TypeScript refuses what a literal has beyond its type.
      const lines = objects.map(
        (object, index) =>
          `import type { I${object.kind} as K${index} } from '${modulePath(object)}';\nexport const o${index}: K${index} = ${JSON.stringify(object)};\n`,
      );
      await writeFile(join(folder, 'manifests.ts'), lines.join(''));
      const compilerOptions = { module: 'nodenext', strict: true, skipLibCheck: true, noEmit: true, types: [] };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['manifests.ts'] }));
      await writeFile(join(folder, 'package.json'), '{"type":"module"}');
      await symlink(join(checkout, 'node_modules'), join(folder, 'node_modules'));
      const { stdout } = await run(join(checkout, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
        (error: unknown) => error as { stdout: string },
      );
      expect(stdout).toBe('');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('has a name of its own and says what it belongs to', () => {
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names.length).toBe(new Set(names).size);
    const ours = objects.filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.name !== 'observability-settings');
    // Those two select what the operator runs.
    const foreign = ['observability-prometheus', 'observability-alertmanager'];
    for (const { kind, metadata } of ours) {
      expect(metadata.name).toMatch(/^observability-/);
      if (kind === 'ServiceMonitor' && foreign.includes(metadata.name)) continue;
      expect(metadata.labels, metadata.name).toMatchObject({ 'app.kubernetes.io/name': 'widget-observability' });
    }
  });
});

/** Where a kind is in the package of its schemas. */
function modulePath({ apiVersion, kind }: KubernetesObject): string {
  const group = apiVersion.split('/')[0];
  return `${group === 'monitoring.coreos.com' ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'}/${apiVersion}/${kind}`;
}

describe('every pod', () => {
  const pods = (): { name: string; spec: (typeof workloads)[number]['spec']['template']['spec'] }[] =>
    workloads.map(({ metadata, spec }) => ({ name: metadata.name, spec: spec.template.spec }));

  test('runs without rights, as the image’s own user, on a root that it cannot write to', () => {
    for (const { name, spec } of pods()) {
      expect(spec, name).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(spec.securityContext, name).toEqual({
        runAsNonRoot: true,
        runAsUser: 1000,
        runAsGroup: 1000,
        fsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const { securityContext } of [...spec.initContainers, ...spec.containers]) {
        expect(securityContext, name).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
    expect(pods().length).toBe(4);
  });

  test('runs the image that docker-compose.yml builds', async () => {
    const compose = await readComposeFile();
    for (const { name, spec } of pods()) {
      for (const { image } of [...spec.initContainers, ...spec.containers]) expect(image, name).toBe(compose.services['exporter']?.image);
    }
    const { images } = await readKustomization(example);
    expect(images).toMatchObject([{ name: 'widget-observability', newTag: version }]);
  });

  test('gets the secrets that its environment names, and no others, from the files that create-secrets.sh makes', async () => {
    const made = await readdir(secrets);
    for (const { name, spec } of pods()) {
      const [{ secret }] = spec.volumes;
      expect(secret, name).toMatchObject({ secretName: 'observability', defaultMode: 0o440 });
      expect(secret.items.filter(({ key, path }) => key !== path || !made.includes(key))).toEqual([]);
      const containers = [...spec.initContainers, ...spec.containers];
      for (const { volumeMounts } of containers)
        expect(volumeMounts).toMatchObject([{ name: spec.volumes[0].name, mountPath: '/run/secrets' }]);
      const named = containers.flatMap(({ env }) => env.map(({ value }) => value)).filter((value) => value.startsWith('/run/secrets/'));
      const alsoByOverlay = name === 'observability-api' ? ['auth-jwt-secret'] : [];
      expect(secret.items.map(({ key }) => key).toSorted(), name).toEqual(
        [...new Set([...named.map((value) => value.slice(13)), ...alsoByOverlay])].toSorted(),
      );
    }
  });

  test.each([
    ['of the base and an issuer', base, { AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' }],
    ['of the example', example, {}],
  ])('has all the settings that its process requires, and none that no process knows: those %s', async (_which, folder, more) => {
    const known = new Set(Object.values(variables).flatMap(({ shape }) => Object.keys(shape).flatMap((name) => [name, `${name}_FILE`])));
    const loaded = await loadKustomization(folder);
    const settings = loaded.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'observability-settings');
    const fromSettings = z.record(z.string(), z.string()).parse(settings?.['data']);
    const configurations = { main: undefined, migrate: 'migrate', 'role-logins-set': 'roleLogins' } as const;
    let checked = 0;
    for (const object of loaded.filter(({ kind }) => ['Deployment', 'Job'].includes(kind))) {
      const { spec } = workload.parse(object).spec.template;
      for (const { name, args, env, envFrom } of [...spec.initContainers, ...spec.containers]) {
        const environment = {
          ...(envFrom.length > 0 ? { ...fromSettings, ...more } : {}),
          ...Object.fromEntries(env.map((item) => [item.name, item.value])),
        };
        expect(
          Object.keys(environment).filter((variable) => !known.has(variable)),
          name,
        ).toEqual([]);
        const program = /([\w-]+)\.js$/.exec(args[0] ?? '')?.[1] as keyof typeof configurations;
        const configuration = configurations[program] ?? z.enum(['exporter', 'api', 'jobs']).parse(name);
        const here = Object.entries(environment).map(([variable, value]) => [variable, value.replace(/^\/run\/secrets/, secrets)]);
        const config = readConfig(configuration, Object.fromEntries(here));
        if (program === 'main') expect(config, name).toMatchObject({ METRICS_HOST: '0.0.0.0', METRICS_TOKEN: expect.any(String) });
        checked += 1;
      }
    }
    expect(checked).toBe(5);
  });

  test('of a process is asked at the metrics port, and has its time to stop', () => {
    for (const { name, spec } of pods().filter(({ spec: { containers } }) => containers[0]?.args[0]?.endsWith('main.js'))) {
      const [{ livenessProbe, readinessProbe, lifecycle } = {}] = spec.containers;
      expect(livenessProbe?.httpGet, name).toEqual({ path: '/healthz', port: 'metrics' });
      expect(readinessProbe?.httpGet, name).toEqual({ path: '/readyz', port: 'metrics' });
      const pause = Number(lifecycle?.preStop.exec.command[1] ?? 0);
      expect(spec.terminationGracePeriodSeconds - pause, name).toBeGreaterThan(15);
    }
  });
});

describe('services', () => {
  test('lead to pods that listen there, at the ports that a process has by default', () => {
    const defaults = { exporter: { http: 8081, metrics: 9464 }, api: { http: 8080, metrics: 9465 }, jobs: { metrics: 9466 } };
    for (const { metadata, spec } of services) {
      const selected = workloads.filter(({ spec: { template } }) => matches(spec.selector, template.metadata.labels));
      expect(selected.map(({ metadata: { name } }) => name)).toEqual([metadata.name]);
      const { ports } = selected[0]?.spec.template.spec.containers[0] ?? {};
      const listening = Object.fromEntries(ports?.map(({ name, containerPort }) => [name, containerPort]) ?? []);
      expect(listening).toEqual(defaults[metadata.name.replace('observability-', '') as keyof typeof defaults]);
      expect(spec.ports.map(({ name, port, targetPort }) => [name, port, targetPort])).toEqual(
        Object.entries(listening).map(([name, port]) => [name, port, name]),
      );
    }
    expect(services.length).toBe(3);
  });

  test('with several replicas keep one through a drain', () => {
    const several = workloads.filter(({ spec }) => (spec.replicas ?? 1) > 1);
    const budgets = all('PodDisruptionBudget').map((object) =>
      z
        .looseObject({
          spec: z.strictObject({
            maxUnavailable: z.literal(1),
            selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
          }),
        })
        .parse(object),
    );
    for (const { metadata, spec } of several) {
      expect(spec.selector?.matchLabels).toEqual(spec.template.metadata.labels);
      expect(
        budgets.filter((budget) => matches(budget.spec.selector.matchLabels, spec.template.metadata.labels)).length,
        metadata.name,
      ).toBe(1);
    }
    expect(several.length).toBe(budgets.length);
  });

  test('named by the example exist', async () => {
    const { replicas } = await readKustomization(example);
    const names = workloads.map(({ metadata }) => metadata.name);
    expect(replicas.filter(({ name }) => !names.includes(name))).toEqual([]);
  });
});

describe('what the operator of Prometheus reads', () => {
  test('has the jobs of prometheus/prometheus.yml, and their limits', async () => {
    const { global, scrape_configs: jobs } = z
      .looseObject({
        global: z.looseObject({ scrape_interval: z.string() }),
        scrape_configs: z.array(z.looseObject({ job_name: z.string() })),
      })
      .parse(parse(await readFile(join(checkout, 'prometheus/prometheus.yml'), 'utf8')));
    const monitors = all('ServiceMonitor').map((object) => serviceMonitor.parse(object).spec);
    const scraped = monitors.map(({ endpoints: [endpoint], sampleLimit }) => ({
      job_name: endpoint.relabelings.find(({ targetLabel }) => targetLabel === 'job')?.replacement,
      metrics_path: endpoint.path ?? '/metrics',
      scrape_interval: endpoint.interval,
      scrape_timeout: endpoint.scrapeTimeout,
      sample_limit: sampleLimit,
    }));
    const expected = jobs.map(
      ({ job_name, metrics_path = '/metrics', scrape_interval = global.scrape_interval, scrape_timeout, sample_limit }) => ({
        job_name,
        metrics_path,
        scrape_interval,
        scrape_timeout,
        sample_limit,
      }),
    );
    expect(scraped).toEqual(expect.arrayContaining(expected));
    expect(scraped.length).toBe(expected.length);
  });

  test('finds the service of each of our jobs, with the token that it asks for', async () => {
    const made = await readdir(secrets);
    const ours = all('ServiceMonitor')
      .map((object) => serviceMonitor.parse(object))
      .filter(({ spec }) => spec.endpoints[0].port !== undefined);
    for (const { metadata, spec } of ours) {
      const found = services.filter(({ metadata: { labels } }) => matches(spec.selector.matchLabels, labels));
      expect(found.length, metadata.name).toBe(1);
      const [{ port, authorization }] = spec.endpoints;
      expect(found[0]?.spec.ports.map(({ name }) => name)).toContain(port);
      expect(authorization?.credentials.name).toBe('observability');
      expect(made).toContain(authorization?.credentials.key);
    }
    expect(ours.length).toBe(4);
  });

  test('adds no label that a metric of ours has: it would come out as exported_…', async () => {
    const added = ['namespace', 'pod', 'container', 'endpoint', 'service', 'job', 'instance'];
    const [{ spec }] = all('ServiceMonitor').map((object) => serviceMonitor.parse(object)) as [z.infer<typeof serviceMonitor>];
    const dropped = spec.endpoints[0].relabelings
      .filter(({ action }) => action === 'labeldrop')
      .flatMap(({ regex }) => regex?.split('|') ?? []);
    const ours = new Set((await exportedDefinitions()).flatMap(({ labels }) => Object.keys(labels)));
    expect(added.filter((label) => ours.has(label)).toSorted()).toEqual(['endpoint', 'service']);
    expect(added.filter((label) => ours.has(label) && !dropped.includes(label))).toEqual([]);
  });

  test('holds every rule and every dashboard, each in a ConfigMap that fits', async () => {
    const rules = (await readdir(join(checkout, 'prometheus/rules'))).map((name) => `observability-${name.replace('.yml', '')}`);
    expect(all('PrometheusRule').map(({ metadata }) => metadata.name)).toEqual(rules.toSorted());
    const dashboards = (await readdir(join(checkout, 'grafana/dashboards'))).filter((name) => name.endsWith('.json'));
    const maps = all('ConfigMap').filter(({ metadata }) => metadata.labels?.['grafana_dashboard'] === '1');
    expect(maps.flatMap(({ data }) => Object.keys(data as object)).toSorted()).toEqual(dashboards.toSorted());
    for (const { metadata, data } of maps) expect(Buffer.byteLength(JSON.stringify(data)), metadata.name).toBeLessThan(1_000_000);
  });
});

/** From 4 on resources may be folders; kubectl has that since 1.21. */
async function hasKustomize(): Promise<boolean> {
  try {
    const { stdout } = await run('kubectl', ['version', '--client', '--output=json']);
    return (
      Number(
        z
          .looseObject({ clientVersion: z.looseObject({ minor: z.string() }) })
          .parse(JSON.parse(stdout))
          .clientVersion.minor.replace(/\D.*/, ''),
      ) >= 21
    );
  } catch {
    return false;
  }
}

test.skipIf(!(await hasKustomize()))(
  'kubectl kustomize (skipped without kubectl 1.21 or newer) makes the same objects of both',
  async () => {
    for (const folder of [base, example]) {
      const { stdout } = await run('kubectl', ['kustomize', folder], { maxBuffer: 1e8 });
      const built = parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
      const namesOf = (list: KubernetesObject[]): string[] =>
        list.map(({ kind, metadata }) => `${kind} ${metadata.name.replace(/^(observability-settings)-\w+$/, '$1')}`).toSorted();
      expect(namesOf(built)).toEqual(namesOf(await loadKustomization(folder)));
      const pods = built.filter(({ kind }) => ['Deployment', 'Job'].includes(kind)).map((object) => workload.parse(object));
      const settings = built.find(({ metadata }) => metadata.name.startsWith('observability-settings-'));
      for (const { spec } of pods.filter(({ kind }) => kind === 'Deployment')) {
        expect(spec.template.spec.containers[0]?.envFrom[0]?.configMapRef.name).toBe(settings?.metadata.name);
      }
      const images = new Set(pods.flatMap(({ spec: { template } }) => template.spec.containers.map(({ image }) => image)));
      const prefix = folder === base ? '' : 'registry.example.com/';
      expect(images).toEqual(new Set([`${prefix}widget-observability:${version}`]));
    }
  },
);
