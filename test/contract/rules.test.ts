import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { anchorsOf } from '../support/markdown.ts';
import { parsePromql, selectorsIn } from '../support/promql.ts';
import {
  prometheusConfigPath,
  readPrometheusConfig,
  readRulesFiles,
  ruleTestsFolder,
  scrapeIntervalOf,
  type Severity,
  severitySchema,
} from '../support/rule-files.ts';
import { requireTool } from '../support/tools.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/**
 * Every alert, by rules file: its severities, each with its `for`.
 * Source: the parts "Alerts" of the contracts. What the stack watches beyond them is marked.
 */
const expectedAlerts: Record<string, Record<string, Partial<Record<Severity, string>>>> = {
  stack: {
    ObservabilityTargetDown: { critical: '2m' },
    ObservabilityDatabaseDown: { critical: '1m' },
    ObservabilityIngestQueueFilling: { error: '1m' },
    ObservabilityIngestUnavailable: { error: '1m' },
    ObservabilityIngestRowsRefused: { warning: '0m' },
    ObservabilityCounterFlushStalled: { error: '1m' },
    ObservabilityJobStale: { error: '0m' },
    ObservabilityPartitionsMissing: { critical: '0m' },
    ObservabilityCollectorFailing: { warning: '0m' },
    Watchdog: { info: '0m' },
    ObservabilityOrgSeriesNearLimit: { warning: '0m' },
    ObservabilityHttpErrors: { error: '5m' },
    // Beyond the contract: without these, what the others say is worth nothing.
    ObservabilityTargetMissing: { critical: '5m' },
    ObservabilitySampleLimitHit: { warning: '0m' },
    ObservabilityRuleFailures: { error: '5m' },
    ObservabilityConfigReloadFailed: { warning: '10m' },
    ObservabilityNotificationsFailing: { error: '5m' },
  },
  'widget-health': {
    WidgetLoadFailureRatioHigh: { warning: '5m', critical: '5m' },
    WidgetOrgHealthSpike: { error: '0m' },
    WidgetOrgSilent: { info: '0m' },
    WidgetLoadSloBurn: { critical: '2m', warning: '15m' },
    WidgetLatencySloBurn: { critical: '2m', warning: '15m' },
  },
  'widget-analytics': {
    WidgetAnalyticsCleanupFailed: { warning: '0m' },
    WidgetErrorEventsHigh: { warning: '5m' },
    WidgetAnalyticsDuplicatesHigh: { info: '15m' },
    WidgetAnalyticsSilent: { warning: '15m' },
    WidgetAnalyticsDropsHigh: { warning: '15m' },
    WidgetAnalyticsEventLagHigh: { info: '15m' },
  },
  'widget-performance': {
    WidgetLowPersistenceSuccess: { error: '0m', critical: '0m' },
    WidgetSlowPersistence: { warning: '0m' },
    WidgetSlowRestoration: { warning: '0m' },
    WidgetDataLossDetected: { critical: '0m' },
    WidgetSlowRenders: { warning: '0m' },
    WidgetPerformanceDegraded: { warning: '0m' },
    WidgetHighMemory: { warning: '0m', error: '0m' },
    WidgetHighApiLatency: { warning: '0m' },
    WidgetHighApiErrors: { warning: '0m', error: '0m' },
    WidgetPoorScroll: { warning: '0m' },
    WidgetHighScrollJank: { warning: '0m' },
    WidgetSlowTabSync: { warning: '0m' },
    WidgetTabSyncFailures: { error: '0m' },
  },
  marketing: {
    MarketingRollupStale: { error: '10m' },
    MarketingRollupDiscrepancy: { warning: '0m' },
    MarketingIngestRejectionsHigh: { warning: '5m' },
    MarketingWebVitalPoor: { warning: '10m' },
    // Beyond the contract: a site that stops sending, or whose form breaks, is refused nowhere.
    MarketingCaptureSilent: { warning: '15m' },
    MarketingFormCompletionDropped: { warning: '30m' },
  },
  woocommerce: {
    WooCommerceFailureRateHigh: { warning: '5m', error: '5m' },
    WooCommerceSlow: { warning: '10m' },
    WooCommerceConfigurationErrors: { error: '0m' },
    WooCommerceStoreDown: { error: '10m' },
    WooCommerceStoreSlow: { info: '15m' },
    WooCommerceKpisStale: { warning: '0m' },
    WooCommerceSloBurn: { critical: '2m', warning: '15m' },
    WooCommerceSlowerThanLastWeek: { warning: '15m' },
    WooCommerceLowStock: { info: '1h' },
  },
};

const unitTestsSchema = z.looseObject({
  tests: z.array(
    z.looseObject({
      alert_rule_test: z
        .array(
          z.looseObject({
            alertname: z.string(),
            exp_alerts: z.array(z.looseObject({ exp_labels: z.looseObject({ severity: severitySchema }) })),
          }),
        )
        .default([]),
    }),
  ),
});
const prometheusConfig = await readPrometheusConfig();
const rulesFiles = await readRulesFiles();
const unitTestPaths = (await readdir(ruleTestsFolder))
  .filter((file) => file.endsWith('.test.yml'))
  .map((file) => ({ name: file, path: join(ruleTestsFolder, file) }));

describe('promtool', () => {
  test('check config', async () => {
    const { stdout } = await run(requireTool('promtool'), ['check', 'config', prometheusConfigPath]);
    expect(stdout).toContain(`SUCCESS: ${rulesFiles.length} rule files found`);
  });

  test.each(rulesFiles)('check rules $name, duplicates are errors', async ({ path }) => {
    await run(requireTool('promtool'), ['check', 'rules', '--lint=all', '--lint-fatal', path]);
  });

  // Days of evaluations every 15 or 60 seconds: half a minute on two cores.
  test.concurrent.each(unitTestPaths)('the unit tests of $name pass', { timeout: 600_000 }, async ({ path }) => {
    await run(requireTool('promtool'), ['test', 'rules', path], { maxBuffer: 64 * 2 ** 20 }).catch((error: Error & { stdout?: string }) => {
      throw new Error(error.stdout ?? error.message, { cause: error });
    });
  });
});

describe('prometheus.yml', () => {
  test('scrapes the jobs of the contract where the processes listen', () => {
    const jobs = prometheusConfig.scrape_configs.map((job) => [
      job.job_name,
      job.metrics_path,
      scrapeIntervalOf(job.job_name, prometheusConfig),
      ...job.static_configs.flatMap(({ targets }) => targets),
    ]);
    expect(jobs).toEqual([
      ['exporter', '/metrics', '15s', '127.0.0.1:9464'],
      ['exporter-orgs', '/metrics/orgs', '30s', '127.0.0.1:9464'],
      ['api', '/metrics', '15s', '127.0.0.1:9465'],
      ['jobs', '/metrics', '15s', '127.0.0.1:9466'],
      ['prometheus', '/metrics', '15s', '127.0.0.1:9090'],
      ['alertmanager', '/metrics', '15s', '127.0.0.1:9093'],
    ]);
    expect(prometheusConfig.global.evaluation_interval).toBe('15s');
  });

  test('takes the links and the replica off an alert before it is sent', () => {
    const dropped = prometheusConfig.alerting.alert_relabel_configs
      .filter(({ action }) => action === 'labeldrop')
      .map(({ regex }) => new RegExp(`^(?:${regex})$`));
    for (const label of ['replica', ...Object.keys(prometheusConfig.global.external_labels)]) {
      expect(
        dropped.some((regex) => regex.test(label)),
        label,
      ).toBe(true);
    }
    for (const label of ['alertname', 'severity', 'feature', 'category', 'org']) {
      expect(
        dropped.some((regex) => regex.test(label)),
        label,
      ).toBe(false);
    }
  });
});

describe.each(rulesFiles)('rules of $name', ({ name, groups, alerts }) => {
  test('are the alerts of the contract with its severities and its `for`', () => {
    const found: Record<string, Partial<Record<Severity, string>>> = {};
    for (const { alert, labels, for: lasting } of alerts) {
      expect(found[alert]?.[labels.severity], `${alert} ${labels.severity} twice`).toBeUndefined();
      found[alert] = { ...found[alert], [labels.severity]: lasting };
    }
    expect(found).toEqual(expectedAlerts[name]);
  });

  test('say of which feature they are', () => {
    const feature = name === 'stack' ? 'pipeline' : name;
    for (const { alert, labels } of alerts) expect(labels.feature, alert).toBe(feature);
  });

  test('have a title that is the same for every alert of a group', () => {
    for (const { alert, annotations } of alerts) expect(annotations.summary, alert).not.toMatch(/\{\{|^\s*$/);
  });

  test('link a runbook heading that exists', async () => {
    const runbook = await readFile(join(root, 'docs', 'runbooks', `${name}.md`), 'utf8');
    const anchors = anchorsOf(runbook);
    expect(new Set(anchors).size, 'a heading twice').toBe(anchors.length);
    for (const { alert, annotations } of alerts) {
      const anchor = alert.toLowerCase();
      expect(annotations.runbook_url).toBe(`{{ $externalLabels.runbooks_url }}/${name}.md#${anchor}`);
      expect(anchors).toContain(anchor);
    }
  });

  test('link a dashboard, of the organization if they speak of one', () => {
    for (const { alert, annotations, expr } of alerts) {
      const link = /^\{\{ \$externalLabels\.grafana_url \}\}\/d\/([a-z-]+)(\?.*)?$/.exec(annotations.dashboard_url);
      expect([name, 'overview'], alert).toContain(link?.[1]);
      // As a label that it keeps, or in the level of what it was recorded from.
      const speaksOfOrganization = /\borg\b/.test(expr);
      expect(annotations.dashboard_url.includes('var-org={{ $labels.org }}'), alert).toBe(speaksOfOrganization);
    }
  });

  test('use only external labels that are configured, and set none of them', () => {
    const configured = Object.keys(prometheusConfig.global.external_labels);
    for (const { alert, annotations, labels } of alerts) {
      for (const [, label] of JSON.stringify(annotations).matchAll(/\$externalLabels\.(\w+)/g)) {
        expect(configured, alert).toContain(label);
      }
      for (const label of Object.keys(labels)) expect(configured, alert).not.toContain(label);
    }
  });

  test('record as level:metric:operations, before it is used and in the same group', () => {
    for (const group of groups) {
      const recorded = new Set<string>();
      for (const rule of group.rules) {
        const used = selectorsIn(parsePromql(rule.expr)).filter(({ metric }) => metric.includes(':'));
        for (const { metric } of used) expect(recorded, `${metric} in ${group.name}`).toContain(metric);
        if ('record' in rule) recorded.add(rule.record);
      }
      for (const record of recorded) expect(record).toMatch(/^[a-z_]+:[a-z0-9_]+:[a-z0-9_]+$/);
    }
  });

  test('are unit-tested: every severity of every alert fires in one case, and the alert is silent in another', async () => {
    const paths = unitTestPaths.filter((file) => file.name === `${name}.test.yml` || file.name === `${name}-days.test.yml`);
    const files = await Promise.all(paths.map(async ({ path }) => unitTestsSchema.parse(parse(await readFile(path, 'utf8')))));
    const cases = files.flatMap(({ tests }) => tests).flatMap((unitTest) => unitTest.alert_rule_test);
    const missing = alerts.flatMap(({ alert, labels }) => {
      const ofAlert = cases.filter(({ alertname }) => alertname === alert);
      const fires = ofAlert.some(({ exp_alerts }) => exp_alerts.some(({ exp_labels }) => exp_labels.severity === labels.severity));
      const silent = alert === 'Watchdog' || ofAlert.some(({ exp_alerts }) => exp_alerts.length === 0);
      return [...(fires ? [] : [`${alert} ${labels.severity} fires`]), ...(silent ? [] : [`${alert} is silent`])];
    });
    expect(missing).toEqual([]);
  });
});
