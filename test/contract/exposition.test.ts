import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fleetMetrics, orgMetrics } from '../../features/widget-health/metrics.ts';
import { orgSeriesMetrics } from '../../platform/metrics/org-series.ts';
import { stackMetrics } from '../../platform/metrics/stack.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { insertOrganization, runApi, runExporter, runJobs, scrape } from '../support/services.ts';
import { requireTool } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

/** What Prometheus gets to see of the running services, as a whole. */
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let api: Awaited<ReturnType<typeof runApi>>;
let jobs: Awaited<ReturnType<typeof runJobs>>;

beforeAll(async () => {
  database = await createTestDatabase();
  for (let number = 1; number <= 3; number += 1) {
    const { id } = await insertOrganization(database, { key: `org-${number}` });
    await database.query(
      'insert into widget_health_totals (org_id, first_widget_embed_at, last_widget_seen_at, widget_loads_total) values ($1, now(), now(), $2)',
      [id, number],
    );
  }
  exporter = await runExporter(database, { environment: { ORG_SERIES_MAX_ORGS: '2' } });
  api = await runApi(database);
  jobs = await runJobs(database);
  await Promise.all([exporter.refresh(), jobs.tick()]);
  await jobs.refresh();
});
afterAll(async () => {
  await Promise.all([exporter.stop(), api.stop(), jobs.stop()]);
  await database.drop();
});

async function everything(): Promise<Record<string, string>> {
  return {
    exporter: (await scrape(exporter.metricsUrl)).text,
    'exporter-orgs': (await scrape(exporter.metricsUrl, '/metrics/orgs')).text,
    api: (await scrape(api.metricsUrl)).text,
    jobs: (await scrape(jobs.metricsUrl)).text,
  };
}

describe('the live exposition', () => {
  test('passes promtool check metrics on every endpoint', async () => {
    const ours = (text: string): string =>
      text
        .split('\n')
        .filter((line) => !/^(# (HELP|TYPE) )?(process|nodejs)_/.test(line))
        .join('\n');
    for (const [endpoint, text] of Object.entries(await everything())) {
      const { status, stdout, stderr } = spawnSync(requireTool('promtool'), ['check', 'metrics'], {
        input: `${ours(text)}\n`,
        encoding: 'utf8',
      });
      expect(`${stdout}${stderr}`, endpoint).toBe('');
      expect(status, endpoint).toBe(0);
    }
  });

  test('is sent with the exact content type', async () => {
    for (const url of [`${exporter.metricsUrl}/metrics`, `${exporter.metricsUrl}/metrics/orgs`, `${api.metricsUrl}/metrics`]) {
      expect((await fetch(url)).headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    }
  });

  test('shows every metric of the stack on the services that it names, and on no other', async () => {
    const texts = await everything();
    for (const { name, type, services } of Object.values({ ...stackMetrics, ...orgSeriesMetrics })) {
      const shownBy = (['exporter', 'api', 'jobs'] as const).filter((service) => texts[service]?.includes(`# TYPE ${name} ${type}`));
      expect(shownBy, name).toEqual(services);
      for (const service of services) {
        expect(texts[service], `a series of ${name} on ${service}`).toMatch(new RegExp(`^${name}(_count)?[ {]`, 'm'));
      }
    }
  });

  test('shows every metric of widget-health, the ones of an organization apart from the fleet', async () => {
    const texts = await everything();
    for (const { name, type } of Object.values(fleetMetrics)) expect(texts['exporter']).toContain(`# TYPE ${name} ${type}`);
    for (const { name, type } of Object.values(orgMetrics)) {
      expect(texts['exporter-orgs']).toContain(`# TYPE ${name} ${type}`);
      expect(texts['exporter']).not.toContain(`# TYPE ${name} `);
    }
    expect(texts['exporter']).not.toMatch(/[{,]org="/);
  });

  test('has no two lines of the same series, and no family in two places', async () => {
    for (const [endpoint, text] of Object.entries(await everything())) {
      const series = text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.slice(0, line.lastIndexOf(' ')));
      expect(new Set(series).size, endpoint).toBe(series.length);
      const types = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
      expect(new Set(types).size, endpoint).toBe(types.length);
    }
  });

  test('stays within 2,000 fleet series per process and never uses labels of Prometheus', async () => {
    for (const [endpoint, text] of Object.entries(await everything())) {
      expect(text.split('\n').filter((line) => !line.startsWith('#')).length, endpoint).toBeLessThan(2000);
      expect(text, endpoint).not.toMatch(/^(widget|observability)_[^\n]*[{,](job|instance|exported_[a-z]+)="/m);
    }
  });

  test('tells the jobs: planned interval, last success, partitions two weeks ahead', async () => {
    const { value } = await scrape(jobs.metricsUrl);
    expect(value('observability_job_interval_seconds{task="partitions-maintain"}')).toBe(3600);
    expect(value('observability_job_runs_total{task="widget-health-spike",outcome="succeeded"}')).toBeGreaterThanOrEqual(1);
    expect(Date.now() / 1000 - (value('observability_job_last_success_timestamp_seconds{task="partitions-maintain"}') ?? 0)).toBeLessThan(
      60,
    );
    expect(value('observability_partitions_ahead_seconds{table="ingest_batches"}')).toBeGreaterThan(13 * 86_400);
  });
});

describe('the listeners', () => {
  test('keep public traffic and metrics apart', async () => {
    for (const service of [exporter, api]) {
      expect((await fetch(`${service.url}/metrics`)).status).toBe(404);
      expect((await fetch(`${service.url}/readyz`)).status).toBe(404);
      expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
      expect((await fetch(`${service.metricsUrl}/api/bootloader`)).status).toBe(404);
      expect((await fetch(`${service.metricsUrl}/healthz`)).status).toBe(200);
    }
    expect((await fetch(`${api.metricsUrl}/metrics/orgs`)).status).toBe(404);
    expect((await fetch(`${exporter.metricsUrl}/metrics`, { method: 'POST' })).status).toBe(405);
    await waitUntil(async () => (await fetch(`${exporter.metricsUrl}/readyz`)).status === 200, {
      within: 20_000,
      what: 'the exporter to be ready',
    });
  });

  test('ask for METRICS_TOKEN on both metrics paths when it is set, and not on the probes', async () => {
    const token = 'token-for-prometheus';
    const guarded = await runExporter(database, { environment: { METRICS_TOKEN: token } });
    try {
      for (const path of ['/metrics', '/metrics/orgs']) {
        const refused = await fetch(guarded.metricsUrl + path);
        expect(refused.status).toBe(401);
        expect(refused.headers.get('content-type')).toContain('text/plain');
        expect((await fetch(guarded.metricsUrl + path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
        expect((await fetch(guarded.metricsUrl + path, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
      }
      expect((await fetch(`${guarded.metricsUrl}/healthz`)).status).toBe(200);
    } finally {
      await guarded.stop();
    }
  });
});

describe('the organizations that are shown', () => {
  test('are the ones with the smallest ids: a new one changes nothing, a deactivated one makes room', async () => {
    const shown = async (): Promise<string[]> => {
      await exporter.refresh();
      const { text } = await scrape(exporter.metricsUrl, '/metrics/orgs');
      return [...text.matchAll(/^widget_org_loads_total\{org="([^"]+)"\}/gm)].map(([, org]) => org ?? '');
    };
    expect(await shown()).toEqual(['org-1', 'org-2', '__overflow__']);
    await insertOrganization(database, { key: 'aaa-newest' });
    expect(await shown()).toEqual(['org-1', 'org-2', '__overflow__']);
    await database.query(`update organizations set is_active = false where key = 'org-1'`);
    expect(await shown()).toEqual(['org-2', 'org-3', '__overflow__']);
    await database.query(`update organizations set is_active = true where key = 'org-1'`);
    expect(await shown()).toEqual(['org-1', 'org-2', '__overflow__']);
  });

  test('from the database are absent, not zero and not stale, while it cannot be read; the scrape is still 200', async () => {
    await database.refuseConnections();
    try {
      await exporter.refresh();
      const response = await fetch(`${exporter.metricsUrl}/metrics/orgs`);
      expect(response.status).toBe(200);
      const text = await response.text();
      // What this process counted itself it still knows.
      expect(text).not.toMatch(/^widget_org_(loads_total|active_sessions)/m);
      expect(text).not.toMatch(/^widget_client_org_(memory_heap_peak_bytes|health_score_ratio)/m);
      const fleet = await scrape(exporter.metricsUrl);
      expect(fleet.text).not.toContain('widget_orgs{');
      expect(fleet.value('widget_loads_total')).toBe(0);
      expect(fleet.value('observability_collector_errors_total{collector="org_series_widget_health"}')).toBeGreaterThanOrEqual(1);
      await waitUntil(async () => (await scrape(exporter.metricsUrl)).value('observability_db_up{service="exporter"}') === 0, {
        within: 20_000,
        what: 'observability_db_up to be 0',
      });
    } finally {
      await database.acceptConnections();
    }
    await exporter.refresh();
    expect((await scrape(exporter.metricsUrl, '/metrics/orgs')).value('widget_org_loads_total{org="org-2"}')).toBe(2);
  });
});
