import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBootloaderLoad } from '../support/bootloader-load.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openConnection, outcomeOf } from '../support/http-connection.ts';
import { createTenants, tenantOrigin, type Tenant } from '../support/message-load.ts';
import type { Sample } from '../support/prometheus-api.ts';
import { portalToken } from '../support/services.ts';
import { startMonitoredServices, type MonitoredServices } from '../support/monitored-services.ts';
import { waitUntil } from '../support/wait-until.ts';

/**
 * From a widget that fails to a resolved row in the alerts table: every process, Prometheus and Alertmanager as they are, with the
 * repository's own rules and routing 30 times as fast (scrapes every 0.5 s, 15 m are 30 s, `for: 5m` is 10 s). Only the exporter's look into
 * the database, for series of organizations, keeps its 15 s.
 */
const speedUp = 30;

let database: TestDatabase;
let services: MonitoredServices;
/** Healthy throughout, and known before the exporter starts. */
let steady: Tenant;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  stops.push(() => database.drop());
  [steady] = (await createTenants(database.db, ['steady'])) as [Tenant];

  services = await startMonitoredServices({ database, speedUp });
  stops.push(() => services.stop());
});

afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const askPrometheus = async (expression: string): Promise<Sample[]> => (await services.prometheus.query(expression)).samples;

/** Until an expression that has one series has this value. */
async function waitForValue(expression: string, isRight: (value: number) => boolean, within: number): Promise<void> {
  await waitUntil(
    async () => {
      const [sample] = await askPrometheus(expression);
      return sample !== undefined && isRight(sample.value);
    },
    { within, what: `${expression} in Prometheus` },
  );
}

/** So many successful loads by site id, as fast as they go. */
async function loadWidgets(tenant: Tenant, count: number): Promise<void> {
  const load = startBootloaderLoad({ url: services.exporter.url, sites: [tenant], connections: 8 });
  try {
    await waitUntil(() => load.loadsInAll() >= count, { within: 30_000, what: `${count} widget loads` });
  } finally {
    await load.stop();
  }
  expect([...load.answers.keys()]).toEqual(['200']);
}

async function callBootloader(headers: Record<string, string>, times: number): Promise<string[]> {
  const connection = openConnection(services.exporter.url);
  const outcomes: string[] = [];
  for (let call = 0; call < times; call += 1) {
    outcomes.push(outcomeOf(await connection.send('GET', '/api/bootloader', { headers: { ...headers, origin: tenantOrigin } })));
  }
  connection.close();
  return outcomes;
}

interface AlertRow {
  [column: string]: unknown;
  org_id: number | null;
  feature: string;
  severity: string;
  category: string;
  title: string;
  message: string;
  metadata: Record<string, unknown>;
  labels: Record<string, string>;
  starts_at: Date;
  resolved: boolean;
  resolved_at: Date | null;
  resolved_by: string | null;
}

function waitForAlert(alertname: string, isRight: (row: AlertRow) => boolean, within: number): Promise<AlertRow> {
  return waitUntil(async () => (await database.query<AlertRow>('select * from alerts where alertname = $1', [alertname])).find(isRight), {
    within,
    what: `the alert ${alertname}`,
  });
}

test('every scrape job of the repository is up', { timeout: 30_000 }, async () => {
  const jobs = ['alertmanager', 'api', 'exporter', 'exporter-orgs', 'jobs', 'prometheus'];
  await waitUntil(
    async () => {
      const up = await askPrometheus('up == 1');
      return jobs.every((job) => up.some(({ metric }) => metric['job'] === job)) && up.length === jobs.length;
    },
    { within: 20_000, what: `up == 1 of ${jobs.join(', ')}` },
  );
});

test(
  'a widget that fails is in Prometheus, reaches the alerts table through Alertmanager, and resolves there',
  { timeout: 120_000 },
  async () => {
    // Created now, it is in no cache of the exporter yet.
    const [acme] = (await createTenants(database.db, ['acme'])) as [Tenant];

    // A healthy past. By contract the burn-rate alerts inhibit WidgetLoadFailureRatioHigh: what fails below must be much for the last
    // 15 minutes and little (under 0.5 %) for the last hours, as it is when a small part of a healthy service begins to fail.
    await loadWidgets(steady, 14_000);
    // A counter that Prometheus first sees above zero has not increased.
    await waitForValue('widget_org_load_failures_total{org="acme"}', (value) => value === 0, 20_000);
    await waitForValue('increase(widget_loads_total[30s])', (value) => value < 50, 45_000);

    // Pages that embed it by key get the configuration that they cached, pages that embed it by site id the one that is broken.
    expect(await callBootloader({ 'x-org-key': acme.key }, 5)).toEqual(Array(5).fill('200'));
    await database.query('update organizations set primary_color = $2 where id = $1', [acme.id, 'red;} body{']);
    await loadWidgets(steady, 800);
    const failures = 54;
    expect(await callBootloader({ 'x-site-id': acme.siteId }, failures)).toEqual(Array(failures).fill('500 INTERNAL_ERROR'));

    await waitForValue('sum(widget_load_failures_total)', (value) => value === failures, 5000);
    const ratio = await waitForAlert('WidgetLoadFailureRatioHigh', () => true, 25_000);
    expect(ratio).toMatchObject({
      org_id: null,
      feature: 'widget-health',
      severity: 'warning',
      category: 'widget_health',
      title: 'Widgets fail to load',
      message: expect.stringMatching(/^\d+(\.\d+)?% failures per successful load .* Failures: \d+\. Loads: \d+\.$/) as string,
      metadata: { failures: expect.any(Number) as number, loads: expect.any(Number) as number },
      resolved: false,
      resolved_by: null,
    });
    await waitForValue('widget_org_load_failures_total{org="acme"}', (value) => value === failures, 20_000);
    const spike = await waitForAlert('WidgetOrgHealthSpike', () => true, 20_000);
    expect(spike).toMatchObject({
      org_id: acme.id,
      feature: 'widget-health',
      severity: 'error',
      category: 'widget_health',
      title: 'Widget of an organization fails or is refused',
      message: expect.stringMatching(
        /^Widget of acme in the last hour\. Failures: \d+\. Loads: \d+\. Refused by the domain allowlist: 0\.$/,
      ) as string,
      metadata: { failures: expect.any(Number) as number, loads: expect.any(Number) as number, mismatches: 0 },
      resolved: false,
      resolved_by: null,
    });
    expect(spike.metadata['failures']).toBeGreaterThanOrEqual(50);
    const health = await fetch(`${services.api.url}/portal/widget/health`, {
      headers: { authorization: `Bearer ${await portalToken(acme.key)}` },
    });
    expect(await health.json()).toMatchObject({ status: 'NEEDS_ATTENTION', reasons: ['FAILURE_RATIO'], loads: { total: 5, failures } });

    // Put right. The exporter would see it within a minute; a restart sees it now, and shows that the counters survive it.
    await database.query('update organizations set primary_color = $2 where id = $1', [acme.id, '#aa0000']);
    services.exporter.signal('SIGTERM');
    expect(await services.exporter.ended).toBe('exit code 0');
    await services.restartExporter();
    await loadWidgets(acme, 1000);
    await loadWidgets(steady, 2000);

    for (const [alertname, { starts_at }] of [
      ['WidgetLoadFailureRatioHigh', ratio],
      ['WidgetOrgHealthSpike', spike],
    ] as const) {
      const row = await waitForAlert(alertname, ({ resolved }) => resolved, 30_000);
      expect(row).toMatchObject({ starts_at, resolved_by: 'alertmanager' });
      expect(row.resolved_at?.getTime()).toBeGreaterThan(starts_at.getTime());
    }
    expect(await askPrometheus('ALERTS{alertname=~"WidgetLoadFailureRatioHigh|WidgetOrgHealthSpike"}')).toEqual([]);

    // It fires from the first evaluation on, to its own receiver alone; whatever the webhook takes becomes a row.
    const watchdogs = await fetch(
      `http://127.0.0.1:${services.ports.alertmanager}/api/v2/alerts?filter=${encodeURIComponent('alertname="Watchdog"')}`,
    );
    expect(await watchdogs.json()).toMatchObject([{ receivers: [{ name: 'dead-man' }], status: { state: 'active' } }]);
    expect(await database.query(`select from alerts where alertname = 'Watchdog'`)).toEqual([]);
    expect(await askPrometheus('observability_ingest_rows_total{endpoint="alertmanager",outcome="refused"} > 0')).toEqual([]);
  },
);
