import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { freePort } from '../support/free-port.ts';
import { requireTool } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

const run = promisify(execFile);
const alertmanagerFolder = fileURLToPath(new URL('../../alertmanager/', import.meta.url));
const shippedConfig = join(alertmanagerFolder, 'alertmanager.yml');
const exampleConfigs = (await readdir(join(alertmanagerFolder, 'examples')))
  .filter((file) => file.endsWith('.yml'))
  .map((file) => join(alertmanagerFolder, 'examples', file));
const configs = [shippedConfig, ...exampleConfigs].map((path) => ({ name: basename(path), path }));

const labelsSchema = z.record(z.string(), z.string());
const configSchema = z.looseObject({
  templates: z.array(z.string()),
  route: z.unknown(),
  inhibit_rules: z.array(z.unknown()),
  receivers: z.array(z.looseObject({ name: z.string() })),
});
const routesTable = z
  .array(z.strictObject({ labels: labelsSchema, receivers: z.array(z.string()).min(1) }))
  .parse(parse(await readFile(join(alertmanagerFolder, 'tests', 'routes.yml'), 'utf8')));

async function readConfig(path: string): Promise<z.infer<typeof configSchema>> {
  return configSchema.parse(parse(await readFile(path, 'utf8')));
}

/** A config where users put it: as alertmanager.yml, with the templates beside it. */
async function installConfig(path: string, edit: (yaml: string) => string = (yaml) => yaml): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'alertmanager-config-'));
  await cp(join(alertmanagerFolder, 'templates'), join(folder, 'templates'), { recursive: true });
  await mkdir(join(folder, 'secrets'));
  await writeFile(join(folder, 'secrets', 'webhook-token'), webhookToken);
  await writeFile(join(folder, 'alertmanager.yml'), edit(await readFile(path, 'utf8')));
  return folder;
}

const webhookToken = 'token-of-the-routing-test';

describe.each(configs)('$name', ({ path }) => {
  test('passes amtool check-config, templates included', async () => {
    const folder = await installConfig(path);
    try {
      const { stdout } = await run(requireTool('amtool'), ['check-config', join(folder, 'alertmanager.yml')]);
      expect(stdout).toContain('SUCCESS');
      expect(stdout).toContain('1 templates');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.concurrent.each(routesTable.map((row) => ({ ...row, alert: Object.values(row.labels).join(' ') })))(
    'sends $alert to $receivers',
    async ({ labels, receivers }) => {
      const { stdout } = await run(requireTool('amtool'), [
        'config',
        'routes',
        'test',
        `--config.file=${path}`,
        ...Object.entries(labels).map(([name, value]) => `${name}=${value}`),
      ]);
      expect(stdout.trim().split(',')).toEqual(receivers);
    },
  );

  test('routes and inhibits like the shipped file', async () => {
    const [config, shipped] = await Promise.all([readConfig(path), readConfig(shippedConfig)]);
    expect(config.route).toEqual(shipped.route);
    expect(config.inhibit_rules).toEqual(shipped.inhibit_rules);
    expect(config.templates).toEqual(shipped.templates);
    expect(config.receivers.map((receiver) => receiver.name)).toEqual(shipped.receivers.map((receiver) => receiver.name));
  });

  test('holds no secret, only names of files with secrets', async () => {
    const secretKeys =
      /^(.*password|.*secret|.*token|credentials|bearer_token|routing_key|service_key|api_key|api_secret|slack_api_url|api_url|authorization_header)$/;
    const found = keysWithStrings(await readConfig(path)).filter(([key]) => secretKeys.test(key));
    expect(found).toEqual([]);
  });

  test('posts every alert to the stack, resolved ones too, with the token from a file', async () => {
    const { receivers } = await readConfig(path);
    expect(receivers.find((receiver) => receiver.name === 'stack-webhook')).toEqual({
      name: 'stack-webhook',
      webhook_configs: [
        {
          url: 'http://127.0.0.1:8081/ingest/alertmanager',
          send_resolved: true,
          http_config: { authorization: { credentials_file: 'secrets/webhook-token' } },
        },
      ],
    });
  });

  test('never tells the dead man that the watchdog resolved', async () => {
    const { receivers } = await readConfig(path);
    const deadMan = receivers.find((receiver) => receiver.name === 'dead-man');
    const integrations = Object.values(deadMan ?? {})
      .filter((value) => Array.isArray(value))
      .flat();
    for (const integration of integrations) expect(integration).toMatchObject({ send_resolved: false });
  });
});

function keysWithStrings(value: unknown): [key: string, value: string][] {
  if (Array.isArray(value)) return value.flatMap(keysWithStrings);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' ? [[key, inner] as [string, string]] : keysWithStrings(inner),
  );
}

describe('message templates', () => {
  const group = {
    receiver: 'platform-team',
    status: 'firing',
    groupLabels: { alertname: 'ObservabilityJobStale' },
    commonLabels: { alertname: 'ObservabilityJobStale', severity: 'error' },
    commonAnnotations: { summary: 'Background job is overdue' },
    externalURL: 'http://127.0.0.1:9093',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'ObservabilityJobStale', task: 'sweep' },
        annotations: {
          description: 'sweep is <late>.',
          runbook_url: 'docs/runbooks/stack.md#observabilityjobstale',
          dashboard_url: 'http://localhost:3000/d/stack',
        },
      },
      { status: 'firing', labels: { alertname: 'SomebodysRule' }, annotations: {} },
      { status: 'resolved', labels: { alertname: 'ObservabilityJobStale' }, annotations: { description: 'prune is late.' } },
    ],
  };

  test.each([
    ['alerts.title', 'text', '[FIRING:2] Background job is overdue (error)'],
    [
      'alerts.text',
      'text',
      [
        '- sweep is <late>.',
        '  Runbook: docs/runbooks/stack.md#observabilityjobstale',
        '  Dashboard: http://localhost:3000/d/stack',
        '- SomebodysRule',
        'Resolved:',
        '- prune is late.',
      ].join('\n'),
    ],
  ])('%s', async (template, type, expected) => {
    expect(await renderTemplate(template, type)).toBe(expected);
  });

  test('alerts.html escapes what an alert says and links only what is a link', async () => {
    const html = await renderTemplate('alerts.html', 'html');
    expect(html).toContain('sweep is &lt;late&gt;.');
    expect(html).toContain('<a href="http://localhost:3000/d/stack">');
    expect(html).not.toContain('href="docs/');
  });

  async function renderTemplate(template: string, type: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'alertmanager-template-'));
    try {
      await writeFile(join(folder, 'group.json'), JSON.stringify(group));
      const { stdout } = await run(requireTool('amtool'), [
        'template',
        'render',
        `--template.glob=${join(alertmanagerFolder, 'templates')}/*.tmpl`,
        `--template.data=${join(folder, 'group.json')}`,
        `--template.type=${type}`,
        `--template.text={{ template "${template}" . }}`,
      ]);
      return stdout.trim();
    } finally {
      await rm(folder, { recursive: true });
    }
  }
});

describe('a running Alertmanager with the shipped file', () => {
  const webhookRequests: { authorization: string | undefined; body: unknown }[] = [];
  const webhook = createServer((request, response) => {
    void readJson(request).then((body) => {
      webhookRequests.push({ authorization: request.headers.authorization, body });
      response.end();
    });
  });
  let configFolder: string;
  let dataFolder: string;
  let alertmanager: ChildProcess;
  let origin: string;

  beforeAll(async () => {
    webhook.listen(0, '127.0.0.1');
    await once(webhook, 'listening');
    const address = webhook.address();
    if (address === null || typeof address === 'string') throw new Error('the webhook has no port');
    configFolder = await installConfig(shippedConfig, (yaml) =>
      yaml.replace('http://127.0.0.1:8081/', `http://127.0.0.1:${address.port}/`).replaceAll('group_wait: 10s', 'group_wait: 1s'),
    );
    dataFolder = await mkdtemp(join(tmpdir(), 'alertmanager-data-'));
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    // Elsewhere than beside its config: a secret that is looked up in the working directory must not be found.
    alertmanager = spawn(
      requireTool('alertmanager'),
      [
        `--config.file=${join(configFolder, 'alertmanager.yml')}`,
        `--storage.path=${dataFolder}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      { cwd: dataFolder, stdio: 'ignore' },
    );
    await waitUntil(async () => (await fetch(`${origin}/-/ready`)).ok, { within: 15_000, what: 'Alertmanager' });
  }, 20_000);

  afterAll(async () => {
    if (alertmanager?.exitCode === null) {
      alertmanager.kill();
      await once(alertmanager, 'exit');
    }
    webhook.closeAllConnections();
    webhook.close();
    for (const folder of [configFolder, dataFolder]) if (folder) await rm(folder, { recursive: true });
  });

  type Labels = Record<string, string> & { alertname: string };

  const burn: Labels = { alertname: 'WidgetLoadSloBurn', severity: 'critical' };
  const databaseOf = (service: string): Labels => ({ alertname: 'ObservabilityDatabaseDown', severity: 'critical', service });
  const targetOf = (job: string, instance: string): Labels => ({
    alertname: 'ObservabilityTargetDown',
    severity: 'critical',
    job,
    instance,
  });
  const inhibitions: { because: string; source: Labels; target: Labels }[] = [
    {
      because: 'critical over warning, same organization',
      source: { alertname: 'LevelsOfOneOrg', severity: 'critical', org: 'acme' },
      target: { alertname: 'LevelsOfOneOrg', severity: 'warning', org: 'acme' },
    },
    {
      because: 'critical over error, same organization',
      source: { alertname: 'WidgetLowPersistenceSuccess', severity: 'critical', org: 'acme' },
      target: { alertname: 'WidgetLowPersistenceSuccess', severity: 'error', org: 'acme' },
    },
    {
      because: 'error over warning, same organization',
      source: { alertname: 'WidgetHighMemory', severity: 'error', org: 'acme' },
      target: { alertname: 'WidgetHighMemory', severity: 'warning', org: 'acme' },
    },
    {
      because: 'error over info, same organization',
      source: { alertname: 'ErrorOverInfo', severity: 'error', org: 'acme' },
      target: { alertname: 'ErrorOverInfo', severity: 'info', org: 'acme' },
    },
    {
      because: 'critical over warning without any organization',
      source: burn,
      target: { alertname: 'WidgetLoadSloBurn', severity: 'warning' },
    },
    {
      because: 'critical over warning of the same class',
      source: { alertname: 'WooCommerceSloBurn', severity: 'critical', class: 'orders' },
      target: { alertname: 'WooCommerceSloBurn', severity: 'warning', class: 'orders' },
    },
    {
      because: 'a burning error budget over the failure ratio',
      source: burn,
      target: { alertname: 'WidgetLoadFailureRatioHigh', severity: 'critical' },
    },
    {
      because: 'a burning latency budget over the failure ratio',
      source: { alertname: 'WidgetLatencySloBurn', severity: 'warning' },
      target: { alertname: 'WidgetLoadFailureRatioHigh', severity: 'warning' },
    },
    {
      because: 'a shop that does not answer is slow',
      source: { alertname: 'WooCommerceStoreDown', severity: 'error', org: 'acme', store: 'a.example' },
      target: { alertname: 'WooCommerceStoreSlow', severity: 'info', org: 'acme', store: 'a.example' },
    },
    {
      because: 'what is slow is slower than it was',
      source: { alertname: 'WooCommerceSlow', severity: 'warning', org: 'acme' },
      target: { alertname: 'WooCommerceSlowerThanLastWeek', severity: 'warning', org: 'acme' },
    },
    ...[
      'ObservabilityIngestUnavailable',
      'ObservabilityIngestQueueFilling',
      'ObservabilityCounterFlushStalled',
      'MarketingIngestRejectionsHigh',
      'MarketingCaptureSilent',
    ].map((alertname) => ({
      because: 'no database for the exporter',
      source: databaseOf('exporter'),
      target: { alertname, severity: 'error', instance: 'a:9464' },
    })),
    ...['ObservabilityJobStale', 'MarketingRollupStale', 'WidgetAnalyticsCleanupFailed', 'WooCommerceKpisStale'].map((alertname) => ({
      because: 'no database for jobs',
      source: databaseOf('jobs'),
      target: { alertname, severity: 'error', task: 'any' },
    })),
    {
      because: 'no database for the collectors',
      source: databaseOf('jobs'),
      target: { alertname: 'ObservabilityCollectorFailing', severity: 'warning', collector: 'any' },
    },
    {
      because: 'no database for the requests of the same service',
      source: databaseOf('exporter'),
      target: { alertname: 'ObservabilityHttpErrors', severity: 'error', service: 'exporter' },
    },
    {
      because: "no database for the stack's webhook",
      source: databaseOf('exporter'),
      target: { alertname: 'ObservabilityNotificationsFailing', severity: 'error', integration: 'webhook' },
    },
    {
      because: 'two scrape jobs of one dead process',
      source: targetOf('exporter', 'a:9464'),
      target: targetOf('exporter-orgs', 'a:9464'),
    },
    {
      because: 'two scrape jobs without a target',
      source: { alertname: 'ObservabilityTargetMissing', severity: 'critical', job: 'exporter' },
      target: { alertname: 'ObservabilityTargetMissing', severity: 'critical', job: 'exporter-orgs' },
    },
    ...['ObservabilityJobStale', 'MarketingRollupStale', 'WidgetAnalyticsCleanupFailed', 'WooCommerceKpisStale'].map((alertname) => ({
      because: 'nobody runs the jobs',
      source: targetOf('jobs', 'a:9466'),
      target: { alertname, severity: 'error', task: 'any' },
    })),
    {
      because: "nobody answers the stack's webhook",
      source: targetOf('exporter', 'a:9464'),
      target: { alertname: 'ObservabilityNotificationsFailing', severity: 'error', integration: 'webhook' },
    },
    {
      because: 'no series of organizations',
      source: targetOf('exporter-orgs', 'c:9464'),
      target: { alertname: 'WidgetAnalyticsSilent', severity: 'warning', org: 'acme' },
    },
  ];

  const independents: { because: string; source: Labels; target: Labels }[] = [
    {
      because: 'another organization',
      source: { alertname: 'LevelsOfTwoOrgs', severity: 'critical', org: 'acme' },
      target: { alertname: 'LevelsOfTwoOrgs', severity: 'warning', org: 'beta' },
    },
    {
      because: 'an organization is not the fleet',
      source: { alertname: 'OrgAndFleet', severity: 'critical', org: 'acme' },
      target: { alertname: 'OrgAndFleet', severity: 'warning' },
    },
    {
      because: 'another alert',
      source: { alertname: 'OneAlert', severity: 'critical', org: 'acme' },
      target: { alertname: 'AnotherAlert', severity: 'warning', org: 'acme' },
    },
    {
      because: 'another class of operations',
      source: { alertname: 'LevelsOfTwoClasses', severity: 'critical', class: 'orders' },
      target: { alertname: 'LevelsOfTwoClasses', severity: 'warning', class: 'products' },
    },
    {
      because: 'the same severity',
      source: { alertname: 'OneLevel', severity: 'error', org: 'acme', store: 'a.example' },
      target: { alertname: 'OneLevel', severity: 'error', org: 'acme', store: 'b.example' },
    },
    {
      because: 'requests of a service that has its database',
      source: databaseOf('exporter'),
      target: { alertname: 'ObservabilityHttpErrors', severity: 'error', service: 'api' },
    },
    {
      because: 'refused rows are not a consequence',
      source: databaseOf('exporter'),
      target: { alertname: 'ObservabilityIngestRowsRefused', severity: 'warning', endpoint: 'widget' },
    },
    {
      because: 'missing partitions are not a consequence',
      source: databaseOf('jobs'),
      target: { alertname: 'ObservabilityPartitionsMissing', severity: 'critical', table: 'widget_events' },
    },
    {
      because: 'one database does not hide another',
      source: databaseOf('exporter'),
      target: databaseOf('jobs'),
    },
    {
      because: 'e-mail does not need the database',
      source: databaseOf('exporter'),
      target: { alertname: 'ObservabilityNotificationsFailing', severity: 'error', integration: 'email' },
    },
    {
      because: 'the other replica is alive',
      source: targetOf('exporter', 'a:9464'),
      target: targetOf('exporter-orgs', 'b:9464'),
    },
    {
      because: 'another shop of the organization',
      source: { alertname: 'WooCommerceStoreDown', severity: 'error', org: 'acme', store: 'a.example' },
      target: { alertname: 'WooCommerceStoreSlow', severity: 'info', org: 'acme', store: 'b.example' },
    },
    {
      because: 'operations may fail in another shop',
      source: { alertname: 'WooCommerceStoreDown', severity: 'error', org: 'acme', store: 'a.example' },
      target: { alertname: 'WooCommerceFailureRateHigh', severity: 'warning', org: 'acme' },
    },
    {
      because: 'organizations fail for reasons of their own',
      source: burn,
      target: { alertname: 'WidgetOrgHealthSpike', severity: 'error', org: 'acme' },
    },
  ];

  const alertsSchema = z.array(
    z.object({
      fingerprint: z.string(),
      labels: labelsSchema,
      status: z.object({ state: z.string(), inhibitedBy: z.array(z.string()) }),
    }),
  );

  async function postAlerts(alerts: Labels[], endsAt?: Date): Promise<void> {
    const response = await fetch(`${origin}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts.map((labels) => ({ labels, annotations: { summary: 'A title' }, endsAt }))),
    });
    if (!response.ok) throw new Error(`Alertmanager answered ${response.status}: ${await response.text()}`);
  }

  async function readAlert(labels: Labels): Promise<z.infer<typeof alertsSchema>[number] | undefined> {
    const alerts = alertsSchema.parse(await (await fetch(`${origin}/api/v2/alerts`)).json());
    const wanted = JSON.stringify(Object.entries(labels).toSorted());
    return alerts.find((alert) => JSON.stringify(Object.entries(alert.labels).toSorted()) === wanted);
  }

  /** Fires the alerts and nothing else, looks at them once inhibition has seen them, and resolves them. */
  async function whileFiring<Answer>(alerts: Labels[], look: () => Promise<Answer>): Promise<Answer> {
    // Inhibition takes alerts in one by one, in the background and in order: when it knows of the last, it knows of all.
    const last: Labels = { alertname: 'LastToBeSeen', severity: 'critical' };
    const inhibitedByLast: Labels = { alertname: 'LastToBeSeen', severity: 'info' };
    await postAlerts([...alerts, last, inhibitedByLast]);
    try {
      await waitUntil(async () => (await readAlert(inhibitedByLast))?.status.state === 'suppressed', {
        within: 20_000,
        what: 'any inhibition',
      });
      return await look();
    } finally {
      await postAlerts([...alerts, last, inhibitedByLast], new Date());
      await waitUntil(async () => (await readAlert(last)) === undefined, { within: 20_000, what: 'the end of the alerts' });
    }
  }

  const named = ({ because, source, target }: (typeof inhibitions)[number]) => ({
    because,
    sourceName: source.alertname,
    targetName: `${target.alertname} ${target['severity']}`,
    source,
    target,
  });

  test.each(inhibitions.map(named))('$sourceName inhibits $targetName: $because', async ({ source, target }) => {
    await whileFiring([source, target], async () => {
      const inhibiting = await readAlert(source);
      expect(inhibiting).toMatchObject({ status: { state: 'active', inhibitedBy: [] } });
      expect(await readAlert(target)).toMatchObject({
        status: { state: 'suppressed', inhibitedBy: [inhibiting?.fingerprint] },
      });
    });
  });

  test.each(independents.map(named))('$sourceName leaves $targetName alone: $because', async ({ source, target }) => {
    await whileFiring([source, target], async () => {
      expect(await readAlert(target)).toMatchObject({ status: { inhibitedBy: [] } });
    });
  });

  test('posts to the webhook with the token from the file beside the config, without the watchdog', async () => {
    const wanted = 'WidgetSlowRenders';
    await postAlerts([
      { alertname: 'Watchdog', severity: 'info', feature: 'pipeline' },
      { alertname: wanted, severity: 'warning', feature: 'widget-performance', org: 'acme' },
    ]);
    const request = await waitUntil(() => webhookRequests.find(({ body }) => alertnamesIn(body).includes(wanted)), {
      within: 20_000,
      what: 'the webhook',
    });
    expect(request.authorization).toBe(`Bearer ${webhookToken}`);
    expect(request.body).toMatchObject({ version: '4', groupLabels: { alertname: wanted, org: 'acme' } });
    expect(webhookRequests.flatMap(({ body }) => alertnamesIn(body))).not.toContain('Watchdog');
  });
});

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function alertnamesIn(webhookBody: unknown): string[] {
  return z
    .object({ alerts: z.array(z.object({ labels: labelsSchema })) })
    .parse(webhookBody)
    .alerts.map(({ labels }) => labels['alertname'] ?? '');
}
