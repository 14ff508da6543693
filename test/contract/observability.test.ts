import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { featureNames } from '../../features/names.ts';
import { exportedDefinitions } from '../../generate/metric-definitions.ts';
import { lintExclusions } from '../../grafana/source/lint-exclusions.ts';
import {
  type Dashboard,
  type DashboardFile,
  type Link,
  type Panel,
  panelsOf,
  readDashboards,
  type Variable,
} from '../support/dashboard-files.ts';
import { anchorsOf } from '../support/markdown.ts';
import { metricCatalogue } from '../support/metric-catalogue.ts';
import { parsePromql } from '../support/promql.ts';
import { type AlertRule, readPrometheusConfig, readRulesFiles, type RulesFile } from '../support/rule-files.ts';
import { asking, foundIn, withAlert, withDashboard, withPanel, written } from './observability/broken-copies.ts';
import { catalogueFindings } from './observability/catalogue-findings.ts';
import { lintFindings, unexcused } from './observability/lint-findings.ts';
import { dashboardQueries, readQueries, ruleQueries } from './observability/queries.ts';
import { queryFindings } from './observability/query-findings.ts';
import { shapeFindings } from './observability/shape-findings.ts';
import { sliceFindings } from './observability/slice-findings.ts';

/** What rules and dashboards are held to as they are written. observability-live.test.ts asks a running Prometheus about them. */
const root = join(import.meta.dirname, '../..');
const dashboards = await readDashboards();
const rules = await readRulesFiles();
const known = { config: await readPrometheusConfig(), metrics: await exportedDefinitions() };
const runbooks = Object.fromEntries(
  await Promise.all(
    (await readdir(join(root, 'docs', 'runbooks'))).map(
      async (file) => [file.replace(/\.md$/, ''), anchorsOf(await readFile(join(root, 'docs', 'runbooks', file), 'utf8'))] as const,
    ),
  ),
);

async function pathsIn(...folders: string[]): Promise<Set<string>> {
  const entries = await Promise.all(folders.map((folder) => readdir(join(root, folder), { recursive: true, withFileTypes: true })));
  return new Set(entries.flat().map(({ parentPath, name }) => relative(root, join(parentPath, name))));
}
const watchingPaths = await pathsIn('prometheus', 'grafana/dashboards', 'docs/runbooks');

/** Everything that is wrong with queries, wherever they are written. */
function queriesOf(files: { rules?: readonly RulesFile[]; dashboards?: readonly DashboardFile[] }): string[] {
  const { queries, findings } = readQueries([...ruleQueries(files.rules ?? []), ...dashboardQueries(files.dashboards ?? [])]);
  return [...findings, ...queryFindings(queries, known)];
}

describe('each observed feature, and the stack itself', () => {
  test('has rules, tests of the rules, a runbook and a dashboard', () => {
    expect(sliceFindings(featureNames, watchingPaths)).toEqual([]);
  });

  test.each(['docs/runbooks/widget-health.md', 'grafana/dashboards/stack.json'])('goes red without %s', (path) => {
    const [name] = /[^/]+(?=\.\w+$)/.exec(path) ?? [];
    const left = new Set([...watchingPaths].filter((candidate) => candidate !== path));
    expect(foundIn(left, new Set([...left, path]), (paths) => sliceFindings(featureNames, paths))).toEqual([`${name} has no ${path}`]);
  });
});

test('every query of the rules is sound', () => {
  expect(queriesOf({ rules })).toEqual([]);
});

describe.each(dashboards)('dashboard $name', ({ name, dashboard }) => {
  test('asks sound queries only', () => {
    expect(queriesOf({ dashboards: [{ name, dashboard }] })).toEqual([]);
  });

  test('is what links and people expect', () => {
    expect(shapeFindings(dashboards, runbooks).filter((finding) => finding.startsWith(`${name}: `))).toEqual([]);
  });

  test('passes the dashboard-linter', () => {
    const ofDashboard = ({ dashboard: uid }: { dashboard: string }): boolean => uid === dashboard.uid;
    expect(unexcused(lintFindings(dashboards).filter(ofDashboard), lintExclusions.filter(ofDashboard))).toEqual([]);
  });
});

test('the uids of dashboards are the ones that alerts and bookmarks know', () => {
  expect(dashboards.map(({ dashboard }) => dashboard.uid)).toEqual([
    'marketing',
    'overview',
    'stack',
    'widget-analytics',
    'widget-health',
    'widget-performance',
    'woocommerce',
  ]);
  expect(shapeFindings(dashboards, runbooks).filter((finding) => finding.startsWith('the '))).toEqual([]);
});

test('what is excluded from the linter is excluded in a dashboard that there is', () => {
  const uids = dashboards.map(({ dashboard }) => dashboard.uid);
  expect(lintExclusions.filter(({ dashboard, reason }) => !uids.includes(dashboard) || reason.trim() === '')).toEqual([]);
});

describe('the rules go red when an alert', () => {
  test.each<[string, string, (rule: AlertRule) => Partial<AlertRule>, RegExp]>([
    ['is no PromQL', 'ObservabilityDatabaseDown', written(')', ''), /not PromQL: min by \(service/],
    ['has no condition', 'ObservabilityDatabaseDown', written('== 0', ''), /fires always/],
    ['has a way around its condition', 'ObservabilityDatabaseDown', ({ expr }) => ({ expr: `${expr} or vector(0)` }), /fires always/],
    ['has a range that is too short', 'ObservabilityRuleFailures', written('[5m]', '[30s]'), /fewer than four scrapes: make it 60s/],
    ['counts the overflow', 'WidgetOrgSilent', written('{org!="__overflow__"}', ''), /add org!="__overflow__"/],
    ['adds up what is the same on every replica', 'ObservabilityPartitionsMissing', written('max', 'sum'), /aggregate it with max by/],
    ['takes one replica for all', 'ObservabilityIngestRowsRefused', written('sum', 'avg'), /aggregate it with sum, not with avg/],
    ['picks the worst few', 'ObservabilityCollectorFailing', ({ expr }) => ({ expr: `topk(3, ${expr})` }), /topk picks other series/],
    [
      'sums a division',
      'ObservabilityIngestQueueFilling',
      ({ expr }) => ({ expr: `sum(${expr.replace(' > 0.8', '')}) > 0.8` }),
      /NaN as soon as/,
    ],
    [
      'needs no regular expression',
      'ObservabilityTargetDown',
      written('exporter|exporter-orgs|api|jobs|prometheus|alertmanager', 'api'),
      /use =/,
    ],
    ['anchors a regular expression', 'ObservabilityTargetDown', written('exporter|', '^exporter|'), /anchored already/],
    [
      'names a bucket by a whole number',
      'ObservabilityTargetDown',
      () => ({ expr: 'a_bucket{le="1"} > 0' }),
      /spelled differently by Prometheus 3/,
    ],
    ['asks for absence at once', 'ObservabilityTargetMissing', () => ({ for: '0m' }), /`for` of two scrapes or more/],
    [
      'has its value in a label',
      'ObservabilityJobStale',
      ({ labels }) => ({ labels: { ...labels, age: '{{ $value }}' } }),
      /the label age changes/,
    ],
    [
      'asks for something broken in its text',
      'ObservabilityJobStale',
      ({ annotations }) => ({ annotations: { ...annotations, meta_age: '{{ with query `max(` }}{{ . }}{{ end }}' } }),
      /its text: not PromQL: max\(/,
    ],
  ])('%s', (_, alert, change, finding) => {
    const found = foundIn(withAlert(rules, alert, change), rules, (files) => queriesOf({ rules: files }));
    expect(found).toEqual([expect.stringMatching(finding)]);
    expect(found[0]).toContain(`alert ${alert}`);
  });
});

const leadingTo = (url: string) => (): Partial<Panel> => ({ links: [{ title: 'elsewhere', url, tags: [] }] });

const showing =
  (change: Partial<Panel['fieldConfig']['defaults']>) =>
  ({ fieldConfig }: Panel) => ({
    fieldConfig: { ...fieldConfig, defaults: { ...fieldConfig.defaults, ...change } },
  });

function everyFinding(files: readonly DashboardFile[]): string[] {
  return [...queriesOf({ dashboards: files }), ...shapeFindings(files, runbooks), ...unexcused(lintFindings(files), lintExclusions)];
}

describe('the dashboards go red when a panel', () => {
  const graph = 'Failures by replica';
  const neighbour = 'Refusals by reason';
  const value = 'Last load';

  test.each<[string, string, (panel: Panel) => Partial<Panel>, RegExp]>([
    ['counts the overflow', value, asking('org!="__overflow__", ', ''), /add org!="__overflow__"/],
    [
      'forgets that organizations are scraped every 30 s',
      'Response time of $org',
      ({ targets }) => ({ targets: targets.slice(0, 1).map((target) => ({ ...target, interval: undefined })) }),
      /set the query's min step to 30s/,
    ],
    ['adds up what is the same on every replica', 'Organizations by status', asking('max', 'sum'), /aggregate it with max by/],
    ['has no unit', value, showing({ unit: undefined }), /panel-units-rule: .* has no unit/],
    ['has a unit that Grafana does not know', value, showing({ unit: 'seconds' }), /panel-units-rule: .* has the unit seconds/],
    ['has no description', value, () => ({ description: ' ' }), /panel-title-description-rule: .* has no description/],
    ['shows a value without thresholds', value, showing({ thresholds: undefined }), /shows values without thresholds/],
    ['asks a fixed datasource', value, () => ({ datasource: { type: 'prometheus', uid: 'P1' } }), /panel-datasource-rule: .* asks P1/],
    ['asks nothing', value, () => ({ targets: [] }), /panel-no-targets-rule/],
    ['takes a rate over a fixed time', graph, asking('$__rate_interval', '5m'), /target-rate-interval-rule/],
    ['shows a counter as it is', graph, asking(/rate\((.*)\[.*\]\)/, '$1'), /target-counter-agg-rule/],
    ['asks every job', graph, asking('job=~"$job", ', ''), /target-job-rule/],
    ['asks every instance', graph, asking(', instance=~"$instance"', ''), /target-instance-rule/],
    ['names a variable that there is not', graph, () => ({ description: 'of $nobody' }), /\$nobody is no variable/],
    ['lies over its neighbour', graph, ({ gridPos }) => ({ gridPos: { ...gridPos, w: gridPos.w + 1 } }), /lies over Refusals by reason/],
    ['has the id of another', graph, () => ({ id: panelCalled(neighbour).id }), /the panel id \d+ is there twice/],
    ['has the title of another', graph, () => ({ title: neighbour }), /two panels are called "Refusals by reason"/],
    ['leads to no dashboard', graph, leadingTo('/d/nowhere?${__url_time_range}'), /\/d\/nowhere.* leads to no dashboard/],
    ['leads to a dashboard at another time', graph, leadingTo('/d/stack?${datasource:queryparam}'), /\/d\/stack.* forgets the time range/],
    ['leads to a dashboard of other data', graph, leadingTo('/d/stack?${__url_time_range}'), /\/d\/stack.* forgets the data source/],
    [
      'leads to a dashboard of another organization',
      graph,
      leadingTo('/d/overview?${__url_time_range}&${datasource:queryparam}'),
      /\/d\/overview.* forgets the organization/,
    ],
    ['takes a percentage for a quantile', 'Slowest loads by replica (p99)', asking('0.99', '99'), /between 0 and 1/],
    ['leads to no runbook', graph, leadingTo('docs/runbooks/stack.md#nothing'), /stack\.md#nothing leads to no heading/],
  ])('%s', (_, title, change, finding) => {
    expect(foundIn(withPanel(dashboards, title, change), dashboards, everyFinding)).toEqual([expect.stringMatching(finding)]);
  });

  test('asks a broken query', () => {
    expect(foundIn(withPanel(dashboards, graph, asking('[$__rate_interval]', '[')), dashboards, everyFinding)).toEqual([
      expect.stringMatching(/^widget-health: Failures by replica: not PromQL: /),
      expect.stringMatching(/^target-promql-rule: widget-health: Failures by replica: not PromQL: /),
    ]);
  });

  function panelCalled(title: string): Panel {
    const panel = dashboards.flatMap(({ dashboard }) => panelsOf(dashboard)).find((candidate) => candidate.title === title);
    if (panel === undefined) throw new Error(`no panel is called ${title}: name one that there is`);
    return panel;
  }
});

const jobVariable = { name: 'job', type: 'query', label: 'Job', query: 'label_values(up, job)', refresh: 2, multi: true, allValue: '.+' };

/** With a variable, in place of the one of that name. */
const choosing =
  (variable: Partial<Variable> & Pick<Variable, 'name' | 'type'>) =>
  ({ templating }: Dashboard): Partial<Dashboard> => ({
    templating: {
      list: [
        ...templating.list.filter(({ name }) => name !== variable.name),
        { datasource: { type: 'prometheus', uid: '${datasource}' }, ...variable },
      ],
    },
  });

const listing = (link: Partial<Link>) => (): Partial<Dashboard> => ({
  links: [{ title: 'All', url: '', type: 'dashboards', tags: ['widget-observability'], keepTime: true, includeVars: true, ...link }],
});

const emptyRow: Panel = {
  id: 1,
  type: 'row',
  title: 'Empty',
  description: '',
  gridPos: { x: 0, y: 0, w: 24, h: 1 },
  targets: [],
  fieldConfig: { defaults: { mappings: [], links: [] }, overrides: [] },
  links: [],
  panels: [],
};

describe('the dashboards go red when one of them', () => {
  test.each<[string, (dashboard: Dashboard) => Partial<Dashboard>, RegExp]>([
    ['can be edited', () => ({ editable: true }), /uneditable-dashboard: stack/],
    ['has the title of another', () => ({ title: 'Overview' }), /the title "Overview" is there twice/],
    [
      'marks no alerts',
      ({ annotations }) => ({ annotations: { list: annotations.list.slice(0, 1).concat(annotations.list.slice(2)) } }),
      /lacks the annotation "Firing alerts"/,
    ],
    [
      'has an empty row',
      ({ panels }) => ({ panels: [...panels, { ...emptyRow, gridPos: { x: 0, y: 1000, w: 24, h: 1 } }] }),
      /the row "Empty" is empty/,
    ],
    ['lists no other', listing({ tags: ['other'] }), /the link "All" lists no other dashboard/],
    ['leads on without the variables', listing({ includeVars: false }), /the link "All" forgets/],
    [
      'names its datasource otherwise',
      choosing({ name: 'datasource', type: 'datasource', label: 'Source' }),
      /the variable is labelled Source/,
    ],
    ['has a variable that nothing uses', choosing({ name: 'unused', type: 'custom' }), /nothing uses the variable \$unused/],
    ['keeps the jobs of another time', choosing({ ...jobVariable, refresh: 1 }), /template-on-time-change-reload-rule: stack: \$job/],
    ['chooses one job at a time', choosing({ ...jobVariable, multi: false }), /template-job-rule: stack: \$job takes one value only/],
    ['chooses jobs by hand', choosing({ ...jobVariable, type: 'custom' }), /template-job-rule: stack: there is no variable \$job/],
    [
      'asks for jobs with no known function',
      choosing({ ...jobVariable, query: 'up' }),
      /template-label-promql-rule: stack: \$job asks with none/,
    ],
  ])('%s', (_, change, finding) => {
    expect(foundIn(withDashboard(dashboards, 'stack', change), dashboards, everyFinding)).toEqual([expect.stringMatching(finding)]);
  });

  test('is not found under the name of its file', () => {
    const renamed = withDashboard(dashboards, 'stack', () => ({ uid: 'stack-2' }));
    expect(foundIn(renamed, dashboards, everyFinding)).toContain("stack: its uid is stack-2: links and alerts find it by its file's name");
  });
});

test('each alternative of a regular expression has to be a value that there is', () => {
  const reasons = ['overloaded', 'database'].map((reason) => ({ __name__: 'rejected_total', reason }));
  const catalogue = metricCatalogue(reasons, { rejected_total: 'counter' });
  const found = (pattern: string): string[] => {
    const text = `sum(increase(rejected_total{reason=~"${pattern}"}[5m]))`;
    return catalogueFindings([{ where: 'here', text, expression: parsePromql(text), by: 'panel' }], catalogue);
  };
  expect(found('overloaded|database')).toEqual([]);
  expect(found('overloaded|databse')).toEqual(['here: rejected_total has no series with reason="databse"']);
});
