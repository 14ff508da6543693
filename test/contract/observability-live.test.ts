import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportedDefinitions } from '../../generate/metric-definitions.ts';
import { rightlyEmpty } from '../../grafana/source/rightly-empty.ts';
import { createDemoData } from '../../local/demo-data.ts';
import { createDemoMarketingHistory } from '../../local/demo-marketing-history.ts';
import { startDemoMarketingTraffic } from '../../local/demo-marketing-traffic.ts';
import { startDemoPages } from '../../local/demo-pages.ts';
import { startDemoShops } from '../../local/demo-shops.ts';
import { startDemoTraffic } from '../../local/demo-traffic.ts';
import { startDemoVisitors } from '../../local/demo-visitors.ts';
import { pause } from '../../local/pause.ts';
import type { StackPorts } from '../../local/ports.ts';
import { scaleRanges } from '../../local/prometheus.ts';
import { serviceEnvironment, type Stack, startStack } from '../../local/stack.ts';
import { signToken } from '../../local/tokens.ts';
import { readConfig } from '../../platform/config.ts';
import { type DashboardFile, type Panel, panelsOf, readDashboards, variableQuery } from '../support/dashboard-files.ts';
import { filledIn, sentQueries } from '../support/grafana-queries.ts';
import type { MetricCatalogue } from '../support/metric-catalogue.ts';
import { type Answer, type PrometheusApi, prometheusApi } from '../support/prometheus-api.ts';
import { durationSeconds } from '../support/promql.ts';
import { withoutConditions } from '../support/promql-rewrite.ts';
import { restartPort } from '../support/restart-port.ts';
import { printedLabels, readPrometheusConfig, readRulesFiles, type RulesFile } from '../support/rule-files.ts';
import { waitUntil } from '../support/wait-until.ts';
import { asking, foundIn, withAlert, withPanel, written } from './observability/broken-copies.ts';
import { catalogueFindings, catalogueWithAlerts, unusedMetrics } from './observability/catalogue-findings.ts';
import { dashboardQueries, readQueries, ruleQueries, variableExpression } from './observability/queries.ts';
import { isOrgScoped } from './observability/query-findings.ts';

/**
 * Rules and dashboards on the demo stack as `npm start` runs it, with every duration of Prometheus divided by 30: 3 h of a dashboard
 * are 6 minutes, of which one has data.
 */
const speedUp = 30;
const dataWithin = 45_000;

const rules = await readRulesFiles();
const dashboards = await readDashboards();
const config = await readPrometheusConfig();
/** The organization of the demo that has loads, refusals, a shop and, after a while, alerts. */
const shownOrganization = 'misconfigured';
const shownShop = 'www.misconfigured.example';
const viewer = {
  scrapeSeconds: durationSeconds(config.global.scrape_interval) ?? 0,
  chosen: { org: shownOrganization, store: shownShop },
};

let stack: Stack;
let prometheus: PrometheusApi;
let catalogue: MetricCatalogue;
/** Recorded series that nothing was recorded in. */
let notRecorded: string[];
const stops: (() => Promise<unknown>)[] = [];
const unexpected: Error[] = [];

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'observability-live-'));
  // For the OS user `postgres`, as which PostgreSQL runs when we are root.
  await chmod(directory, 0o755);
  stops.push(() => rm(directory, { recursive: true, force: true }));
  stack = await startStack({
    directory,
    ports: await freePorts(),
    speedUp,
    // Traffic comes from one address.
    env: { LOG_LEVEL: 'warn', RATE_LIMIT_MULTIPLIER: '1000' },
    write: () => undefined,
    onUnexpectedExit: (error) => unexpected.push(error),
  });
  stops.push(() => stack.stop());
  prometheus = prometheusApi(stack.ports.prometheus);
  await startTraffic();
  await waitUntil(async () => (await prometheus.query('up == 1')).samples.length === config.scrape_configs.length, {
    within: 30_000,
    what: 'a scrape of every job',
  });
  await waitUntil(async () => (await prometheus.query('count(increase(widget_org_load_failures_total[5s]) > 0)')).samples.length > 0, {
    within: 45_000,
    what: 'failures of an organization in Prometheus',
  });
  // Absent until there was something to record, evaluated after that; the baselines wait for the job of a minute.
  const recorded = rules.flatMap((file) => file.rules).flatMap((rule) => ('record' in rule ? [rule.record] : []));
  notRecorded = await emptyAmong(
    recorded.map((record) => ({ where: record, ask: () => prometheus.query(record) })),
    120_000,
  );
  catalogue = catalogueWithAlerts(await prometheus.series(), await prometheus.types(), rules);
}, 240_000);

afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
}, 60_000);

async function freePorts(): Promise<StackPorts> {
  const [api, exporter, exporterMetrics, apiMetrics, jobsMetrics, prometheusPort, alertmanager, postgres] = await Promise.all(
    Array.from({ length: 8 }, restartPort),
  );
  return { api, exporter, exporterMetrics, apiMetrics, jobsMetrics, prometheus: prometheusPort, alertmanager, postgres } as StackPorts;
}

/** Widgets and chat backends of the demo, some at once so that a minute is enough; and somebody who reads the portal. */
async function startTraffic(): Promise<void> {
  const databaseUrl = stack.databaseUrl('observability_jobs');
  const organizations = await createDemoData({ databaseUrl, ingestKeys: {} });
  const exporterUrl = `http://127.0.0.1:${stack.ports.exporter}`;
  const write = (): void => undefined;
  const jobsConfig = readConfig('jobs', serviceEnvironment(stack));
  await createDemoMarketingHistory({ config: jobsConfig, now: new Date(), signal: AbortSignal.timeout(60_000) });
  const shops = await startDemoShops(organizations, { config: jobsConfig, exporterUrl, write });
  stops.push(() => shops.stop());
  for (let visitor = 0; visitor < 3; visitor += 1) {
    const traffic = startDemoTraffic(organizations, { exporterUrl, databaseUrl, write });
    stops.push(() => traffic.stop());
  }
  for (let crowd = 0; crowd < 8; crowd += 1) {
    const visitors = startDemoVisitors(organizations, { exporterUrl, write });
    stops.push(() => visitors.stop());
    const pages = startDemoPages(organizations, { exporterUrl, write });
    stops.push(() => pages.stop());
    const marketing = startDemoMarketingTraffic({ exporterUrl, write });
    stops.push(() => marketing.stop());
  }
  const secret = stack.secrets.AUTH_JWT_SECRET;
  const member = await signToken(secret, { sub: 'member', role: 'member', org: shownOrganization });
  const administrator = await signToken(secret, { sub: 'administrator', role: 'admin' });
  for (const [path, token] of [
    ['/portal/widget/health', member],
    ['/internal/metrics/widget-health-summary', administrator],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${stack.ports.api}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect(response.status, path).toBe(200);
  }
  startReadingSummaries();
}

/** A dashboard of the marketing sites that is looked at all the time: most of its answers come from memory. */
function startReadingSummaries(): void {
  const ending = new AbortController();
  const url = `http://127.0.0.1:${stack.ports.api}/v1/metrics/summary?from=2026-01-01&to=2026-01-31`;
  const read = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const response = await fetch(url, { headers: { 'x-admin-key': stack.secrets.ADMIN_API_KEY } });
      expect(response.status, url).toBe(200);
      await response.arrayBuffer();
      await pause(500, ending.signal);
    }
  };
  const reading = read();
  stops.push(() => {
    ending.abort();
    return reading;
  });
}

const hurried = (expression: string): string => scaleRanges(expression, speedUp);
/** The condition of an alert as something that always has an answer. The stack has no last week: what compares with it compares with now. */
const askedAlways = (condition: string): string => hurried(withoutConditions(condition.replaceAll(/\s+offset\s+\w+/g, '')));

describe('rules', () => {
  test('are all evaluated without an error', async () => {
    await waitUntil(async () => (await prometheus.rules()).every(({ health }) => health !== 'unknown'), {
      within: 20_000,
      what: 'an evaluation of every rule',
    });
    expect((await prometheus.rules()).filter(({ health }) => health !== 'ok')).toEqual([]);
    expect((await prometheus.rules()).length).toBe(rules.flatMap((file) => file.rules).length);
  });

  test('that record have recorded something', () => {
    expect(notRecorded).toEqual([]);
  });

  test('that alert would see something, and their texts have the labels that they print', { timeout: dataWithin }, async () => {
    const alerts = rules.flatMap((file) => file.alerts);
    const asked = alerts.map((alert) => ({
      where: `${alert.alert} (${alert.labels.severity})`,
      ask: () => prometheus.query(askedAlways(alert.expr)),
    }));
    expect(await emptyAmong(asked)).toEqual([]);
    const lost = await Promise.all(
      alerts.map(async (alert) => {
        const { samples } = await prometheus.query(askedAlways(alert.expr));
        return printedLabels(alert)
          .filter((label) => !samples.every(({ metric }) => label in metric))
          .map((label) => `${alert.alert}: ${label}`);
      }),
    );
    expect(lost.flat()).toEqual([]);
  });
});

describe.each(dashboards)('dashboard $name', ({ name, dashboard }) => {
  const isRightlyEmpty = ({ title }: Panel): boolean =>
    rightlyEmpty.some((entry) => entry.dashboard === dashboard.uid && entry.panel === title);

  test('has data in every panel', { timeout: dataWithin }, async () => {
    const asked = panelsOf(dashboard)
      .filter((panel) => !isRightlyEmpty(panel))
      .flatMap((panel) => askedBy(panel, { name, dashboard }));
    expect(await emptyAmong(asked)).toEqual([]);
  });

  test('has no data where it is said to be rightly empty, and Prometheus takes the query', async () => {
    for (const panel of panelsOf(dashboard).filter(isRightlyEmpty)) {
      const answers = await Promise.all(askedBy(panel, { name, dashboard }).map(({ ask }) => ask()));
      expect(
        answers.some(({ samples }) => samples.length === 0),
        `${panel.title} has data: take it out of rightly-empty.ts`,
      ).toBe(true);
    }
  });

  test('has values in every variable, and Prometheus takes the queries of its annotations', async () => {
    const ofVariables = dashboard.templating.list.flatMap((variable): Asked[] => {
      const expression = variableExpression(variableQuery(variable));
      if (variable.type !== 'query' || expression === undefined) return [];
      return [{ where: `$${variable.name}`, ask: () => prometheus.query(hurried(filledIn(expression, dashboard, viewer))) }];
    });
    expect(await emptyAmong(ofVariables)).toEqual([]);
    for (const { target } of dashboard.annotations.list) {
      if (target?.expr !== undefined) await prometheus.query(hurried(filledIn(target.expr, dashboard, viewer)));
    }
  });

  test('asks for no more samples than Prometheus reads in a moment', async () => {
    const expensive = await Promise.all(
      panelsOf(dashboard)
        .flatMap((panel) => askedBy(panel, { name, dashboard }))
        .map(async ({ where, ask }) => ({ where, samplesRead: (await ask()).samplesRead })),
    );
    expect(expensive.filter(({ samplesRead }) => samplesRead > mostSamplesPerQuery)).toEqual([]);
  });
});

/** On the series of a minute: not twice what the dearest panel asks for, the p95 of every route. A selector that takes too much is beyond it. */
const mostSamplesPerQuery = 400_000;

/** Each query of a panel as Grafana sends it, with its durations divided as those of the stack are. */
function askedBy(panel: Panel, { name, dashboard }: DashboardFile): Asked[] {
  return sentQueries(panel, dashboard, viewer).map(({ refId, expression, instant, rangeSeconds, stepSeconds }) => ({
    where: `${name}: ${panel.title} (${refId})`,
    ask: () =>
      instant
        ? prometheus.query(hurried(expression))
        : prometheus.queryRange(hurried(expression), { seconds: rangeSeconds / speedUp, stepSeconds: stepSeconds / speedUp }),
  }));
}

describe('every metric, label and value', () => {
  const all = readQueries([...ruleQueries(rules), ...dashboardQueries(dashboards)]);

  test('that a rule or a panel names is exported', () => {
    expect([...all.findings, ...catalogueFindings(all.queries, catalogue)]).toEqual([]);
  });

  test('that is ours is in a rule or in a panel', async () => {
    const names = (await exportedDefinitions()).map(({ name }) => name);
    expect(unusedMetrics(all.queries, names)).toEqual([]);
  });

  test('of one organization is scraped by the job that its name promises', () => {
    const exported = catalogue.names.filter((name) => catalogue.typeOf(name) !== undefined);
    const ofOrganizations = exported.filter((name) => catalogue.seriesOf(name).some(({ job }) => job === 'exporter-orgs'));
    expect(ofOrganizations.length).toBeGreaterThan(5);
    expect(ofOrganizations).toEqual(exported.filter(isOrgScoped));
  });
});

describe('goes red when', () => {
  const findings = (changed: { rules?: RulesFile[]; dashboards?: DashboardFile[] }): string[] =>
    catalogueFindings(readQueries([...ruleQueries(changed.rules ?? []), ...dashboardQueries(changed.dashboards ?? [])]).queries, catalogue);

  test.each<[string, string, ReturnType<typeof written>, RegExp]>([
    ['a metric is renamed', 'ObservabilityDatabaseDown', written('db_up', 'db_reachable'), /observability_db_reachable is not exported/],
    ['a recorded series is renamed', 'WidgetOrgHealthSpike', written('mismatch:', 'refused:'), /refused:increase1h is not exported/],
    ['a label is not there', 'ObservabilityIngestRowsRefused', written('outcome=', 'result='), /has no label result/],
    ['a value is not there', 'ObservabilityIngestRowsRefused', written('refused', 'denied'), /has no series with outcome="denied"/],
    [
      'series are grouped by a label that is not there',
      'ObservabilityDatabaseDown',
      written('(service)', '(service, replica)'),
      /by \(replica\)/,
    ],
    ['a label that is printed is lost', 'ObservabilityPartitionsMissing', written(' by (table)', ''), /prints \{\{ \$labels\.table \}\}/],
    [
      'the sides of a join cannot meet',
      'ObservabilityHttpErrors',
      written(/by \(service\) (?=.*>= 100)/, ''),
      /the sides of \/ never match/,
    ],
    [
      'a rate is taken of a gauge',
      'ObservabilityDatabaseDown',
      written(/observability_db_up/, 'rate($&[5m])'),
      /rate\(\) of .*, which is gauge/,
    ],
    ['a rate is taken of a sum', 'ObservabilityDatabaseDown', written(/min.*\)/, 'rate($&[5m:1m])'), /take the rate first/],
    ['a counter is compared as it is', 'ObservabilityRuleFailures', written(/increase\((.*)\[5m\]\)/, '$1'), /is a counter and falls to 0/],
  ])('%s in a rule', (_, alert, change, finding) => {
    expect(foundIn(withAlert(rules, alert, change), rules, (files) => findings({ rules: files }))).toEqual([
      expect.stringMatching(finding),
    ]);
  });

  const panel = 'Failures by replica';
  const askedIn = (files: DashboardFile[]): Asked[] =>
    files.flatMap((file) => panelsOf(file.dashboard).flatMap((one) => (one.title === panel ? askedBy(one, file) : [])));

  test('a panel asks for a metric that was renamed: nobody exports it, and the panel is empty', async () => {
    const renamed = withPanel(dashboards, panel, asking('load_failures', 'load_errors'));
    expect(foundIn(renamed, dashboards, (files) => findings({ dashboards: files }))).toEqual([
      'widget-health: Failures by replica: widget_load_errors_total is not exported: no target has it and no rule records it',
    ]);
    expect(await emptyAmong(askedIn(renamed), 0)).toEqual(['widget-health: Failures by replica (A): no data']);
  });

  test('a panel asks what Prometheus refuses', async () => {
    const broken = withPanel(dashboards, panel, asking('[$__rate_interval]', ''));
    expect(await emptyAmong(askedIn(broken), 0)).toEqual([expect.stringMatching(/\(A\): .*expected type range vector/s)]);
  });

  test('a metric is exported that nobody looks at', () => {
    expect(unusedMetrics(readQueries(ruleQueries(rules)).queries, ['widget_orgs'])).toEqual([
      'widget_orgs is in no rule and no panel: show it, or do not export it',
    ]);
  });
});

test('no process of the stack ended meanwhile', () => {
  expect(unexpected).toEqual([]);
});

interface Asked {
  where: string;
  ask: () => Promise<Answer>;
}

/** What still has no data after a while, with Prometheus' words when it refuses. */
async function emptyAmong(asked: readonly Asked[], within = dataWithin - 5000): Promise<string[]> {
  let left = [...asked];
  const answers = new Map<string, string>();
  const stillEmpty = async (): Promise<Asked[]> => {
    const results = await Promise.all(
      left.map(async (one) => {
        try {
          const { samples } = await one.ask();
          answers.set(one.where, `${one.where}: no data`);
          return samples.length === 0 ? [one] : [];
        } catch (error) {
          answers.set(one.where, `${one.where}: ${error instanceof Error ? error.message : String(error)}`);
          return [one];
        }
      }),
    );
    return results.flat();
  };
  await waitUntil(async () => (left = await stillEmpty()).length === 0, { within }).catch(() => undefined);
  return left.map(({ where }) => answers.get(where) ?? where);
}
