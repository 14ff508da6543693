import * as units from '@grafana/grafana-foundation-sdk/units';
import type { LintExclusion } from '../../../grafana/source/lint-exclusions.ts';
import { type Dashboard, type DashboardFile, type Panel, panelsOf, type Target, variableQuery } from '../../support/dashboard-files.ts';
import { type Expression, occurrencesOf, parsePromql, selectorsIn } from '../../support/promql.ts';
import { variableExpression } from './queries.ts';

/**
 * The rules of Grafana's dashboard-linter (https://github.com/grafana/dashboard-linter), over all panel types and collapsed rows
 * too, where the linter looks at some types only. Fifteen of its seventeen: target-logql-rule and target-logql-auto-rule are about
 * Loki, and no dashboard here asks Loki.
 */
export const lintRules = [
  'template-datasource-rule',
  'template-job-rule',
  'template-instance-rule',
  'template-label-promql-rule',
  'template-on-time-change-reload-rule',
  'panel-datasource-rule',
  'panel-title-description-rule',
  'panel-units-rule',
  'panel-no-targets-rule',
  'target-promql-rule',
  'target-rate-interval-rule',
  'target-job-rule',
  'target-instance-rule',
  'target-counter-agg-rule',
  'uneditable-dashboard',
] as const;
export type LintRule = (typeof lintRules)[number];

export interface LintFinding {
  rule: LintRule;
  /** Its uid. */
  dashboard: string;
  /** Its title; absent when the finding is about the dashboard. */
  panel?: string;
  message: string;
}

/** The findings that no exclusion excuses, and for each exclusion that excuses nothing that it does. */
export function unexcused(findings: readonly LintFinding[], exclusions: readonly LintExclusion[]): string[] {
  const excuses = (exclusion: LintExclusion, finding: LintFinding): boolean =>
    exclusion.rule === finding.rule &&
    exclusion.dashboard === finding.dashboard &&
    (exclusion.panel === undefined || exclusion.panel === finding.panel);
  const name = ({ rule, dashboard, panel }: LintExclusion | LintFinding): string =>
    `${rule}: ${dashboard}${panel === undefined ? '' : `: ${panel}`}`;
  return [
    ...findings
      .filter((finding) => !exclusions.some((exclusion) => excuses(exclusion, finding)))
      .map((finding) => `${name(finding)}: ${finding.message}`),
    ...exclusions
      .filter((exclusion) => !findings.some((finding) => excuses(exclusion, finding)))
      .map((exclusion) => `${name(exclusion)}: excluded, and nothing is found: take the exclusion out`),
  ];
}

export function lintFindings(files: readonly DashboardFile[]): LintFinding[] {
  return files.flatMap(({ dashboard }) => [
    ...Object.entries(dashboardRules).flatMap(([rule, messages]) =>
      messages(dashboard).map((message): LintFinding => ({ rule: rule as LintRule, dashboard: dashboard.uid, message })),
    ),
    ...panelsOf(dashboard).flatMap((panel) =>
      [
        ...Object.entries(panelRules),
        ...Object.entries(targetRules).map(([rule, messages]) => [rule, ofTargets(messages)] as const),
      ].flatMap(([rule, messages]) =>
        messages(panel, dashboard).map((message): LintFinding => ({
          rule: rule as LintRule,
          dashboard: dashboard.uid,
          panel: panel.title,
          message,
        })),
      ),
    ),
  ]);
}

type DashboardRule = (dashboard: Dashboard) => string[];
type PanelRule = (panel: Panel, dashboard: Dashboard) => string[];
type TargetRule = (target: Target, expression: Expression) => string[];

const dashboardRules: Partial<Record<LintRule, DashboardRule>> = {
  'template-datasource-rule': (dashboard) => {
    const variables = dashboard.templating.list.filter(({ type }) => type === 'datasource');
    if (variables.length === 0) return ['there is no variable for the datasource'];
    return variables.flatMap(({ name, label }) => [
      ...(['datasource', 'prometheus_datasource'].includes(name) ? [] : [`the variable is named ${name}: name it datasource`]),
      ...(['Data source', 'Prometheus data source'].includes(label ?? '')
        ? []
        : [`the variable is labelled ${label}: label it Data source`]),
    ]);
  },
  'template-job-rule': (dashboard) => selectionVariable('job', 'Job', dashboard),
  'template-instance-rule': (dashboard) => selectionVariable('instance', 'Instance', dashboard),
  'template-label-promql-rule': (dashboard) =>
    queryVariables(dashboard).flatMap((variable) => {
      const query = variableQuery(variable);
      if (/^(label_names\(.*\)|label_values\(\w+\)|metrics\(.+\))$/s.test(query)) return [];
      const expression = variableExpression(query);
      if (expression === undefined)
        return [`$${variable.name} asks with none of label_names, label_values, metrics, query_result: ${query}`];
      return syntaxError(expression).map((message) => `$${variable.name}: ${message}`);
    }),
  'template-on-time-change-reload-rule': (dashboard) =>
    queryVariables(dashboard)
      .filter(({ refresh }) => refresh !== refreshOnTimeRangeChange)
      .map(({ name }) => `$${name} keeps the values of another time range: refresh it when the range changes (2)`),
  'uneditable-dashboard': ({ editable }) => (editable ? ['it can be edited, and the next start throws that away: editable is false'] : []),
};

const refreshOnTimeRangeChange = 2;

function queryVariables(dashboard: Dashboard): Dashboard['templating']['list'] {
  return dashboard.templating.list.filter(({ type }) => type === 'query');
}

function selectionVariable(name: string, label: string, dashboard: Dashboard): string[] {
  const variable = queryVariables(dashboard).find((candidate) => candidate.name === name);
  if (variable === undefined) return [`there is no variable $${name}`];
  return [
    ...(variable.label === label ? [] : [`$${name} is labelled ${variable.label}: label it ${label}`]),
    ...(isTemplated(variable.datasource?.uid) ? [] : [`$${name} does not ask $datasource`]),
    ...(variable.multi === true ? [] : [`$${name} takes one value only: multi`]),
    ...(variable.allValue === '.+' ? [] : [`$${name} means ${variable.allValue} by all: allValue .+`]),
  ];
}

function isTemplated(uid: string | undefined): boolean {
  return /^\$(datasource|\{datasource\}|prometheus_datasource|\{prometheus_datasource\})$/.test(uid ?? '');
}

/** They show what Grafana or the dashboard knows itself. */
export const panelsWithoutQueries = ['text', 'alertlist', 'dashlist'];
const hasQueries = ({ type }: Panel): boolean => !panelsWithoutQueries.includes(type);
const knownUnits = new Set<string>(Object.values(units).filter((unit) => typeof unit === 'string'));

const panelRules: Partial<Record<LintRule, PanelRule>> = {
  'panel-datasource-rule': (panel) =>
    hasQueries(panel)
      ? [panel.datasource, ...panel.targets.map(({ datasource }) => datasource)]
          .filter((datasource) => !isTemplated(datasource?.uid))
          .map((datasource) => `asks ${datasource?.uid ?? 'the default datasource'}: ask $datasource, on the panel and on each query`)
      : [],
  'panel-title-description-rule': ({ title, description }) => [
    ...(title.trim() === '' ? ['has no title'] : []),
    ...(description.trim() === '' ? ['has no description'] : []),
  ],
  'panel-units-rule': (panel) => {
    if (!hasQueries(panel) || panel.fieldConfig.defaults.mappings.length > 0) return [];
    const { defaults, overrides } = panel.fieldConfig;
    const used = [
      defaults.unit,
      ...overrides.flatMap(({ properties }) => properties.filter(({ id }) => id === 'unit').map(({ value }) => String(value))),
    ].filter((unit) => unit !== undefined);
    if (used.length === 0) return ['has no unit'];
    return used.filter((unit) => !knownUnits.has(unit)).map((unit) => `has the unit ${unit}, which Grafana does not know`);
  },
  'panel-no-targets-rule': (panel) => (hasQueries(panel) && panel.targets.length === 0 ? ['asks nothing'] : []),
  'target-promql-rule': ({ targets }) => targets.flatMap(({ expr }) => syntaxError(expr)),
};

const targetRules: Partial<Record<LintRule, TargetRule>> = {
  'target-rate-interval-rule': (_, expression) =>
    occurrencesOf('selector', expression).flatMap(({ expression: { metric, range }, around: [outer] }) => {
      const takesRate = outer?.type === 'call' && ['rate', 'irate'].includes(outer.name);
      return takesRate && !/^\$\{?__rate_interval\}?$/.test(range ?? '')
        ? [`${outer.name}(${metric}[${range}]) is right at one zoom only: use $__rate_interval`]
        : [];
    }),
  'target-job-rule': (_, expression) => withoutMatcher('job', expression),
  'target-instance-rule': (_, expression) => withoutMatcher('instance', expression),
  // The linter looks at how the selector's text ends, which matchers hide.
  'target-counter-agg-rule': (_, expression) =>
    occurrencesOf('selector', expression).flatMap(({ expression: { metric }, around: [outer] }) => {
      const isAggregated = outer?.type === 'call' && ['rate', 'irate', 'increase'].includes(outer.name);
      return /_(total|bucket)$/.test(metric) && !isAggregated ? [`${metric} is a counter: ask for its rate() or increase()`] : [];
    }),
};

function ofTargets(rule: TargetRule): PanelRule {
  return ({ targets }) => targets.flatMap((target) => (syntaxError(target.expr).length > 0 ? [] : rule(target, parsePromql(target.expr))));
}

function withoutMatcher(label: string, expression: Expression): string[] {
  return selectorsIn(expression)
    .filter(
      ({ matchers }) => !matchers.some((matcher) => matcher.label === label && matcher.operator === '=~' && matcher.value === `$${label}`),
    )
    .map(({ metric }) => `${metric} is asked of every ${label}: add ${label}=~"$${label}"`);
}

function syntaxError(expression: string): string[] {
  try {
    parsePromql(expression);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
