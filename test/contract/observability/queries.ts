import { type DashboardFile, panelsOf, variableQuery } from '../../support/dashboard-files.ts';
import { type Expression, parsePromql } from '../../support/promql.ts';
import { type AlertRule, annotationQueries, type RulesFile } from '../../support/rule-files.ts';

/** An expression that somebody asks Prometheus, and where it is written. */
export interface Query {
  /** For people who have to find it: `stack.yml: alert Watchdog (info)`, `overview: Loads`. */
  where: string;
  text: string;
  by: 'recording rule' | 'alert' | 'text of an alert' | 'panel' | 'variable';
  /** Of an alert. */
  alert?: AlertRule;
  /** Of a panel: the shortest step, from which `$__rate_interval` is made. */
  minStep?: string;
}

export interface ParsedQuery extends Query {
  expression: Expression;
}

/** Every query of rules and of the texts that alerts make. */
export function ruleQueries(files: readonly RulesFile[]): Query[] {
  return files.flatMap(({ name, rules }) =>
    rules.flatMap((rule): Query[] => {
      if ('record' in rule) return [{ where: `${name}.yml: ${rule.record}`, text: rule.expr, by: 'recording rule' }];
      const where = `${name}.yml: alert ${rule.alert} (${rule.labels.severity})`;
      return [
        { where, text: rule.expr, by: 'alert', alert: rule },
        ...annotationQueries(rule).map((text): Query => ({ where: `${where}, its text`, text, by: 'text of an alert' })),
      ];
    }),
  );
}

/** Every query of panels, annotations and variables. */
export function dashboardQueries(files: readonly DashboardFile[]): Query[] {
  return files.flatMap(({ name, dashboard }) => [
    ...panelsOf(dashboard).flatMap((panel) =>
      panel.targets.map(({ expr, interval }): Query => ({
        where: `${name}: ${panel.title}`,
        text: expr,
        by: 'panel',
        ...(interval === undefined ? {} : { minStep: interval }),
      })),
    ),
    ...dashboard.annotations.list.flatMap((annotation): Query[] =>
      annotation.target?.expr === undefined
        ? []
        : [{ where: `${name}: annotation ${annotation.name}`, text: annotation.target.expr, by: 'panel' }],
    ),
    ...dashboard.templating.list
      .filter(({ type }) => type === 'query')
      .flatMap((variable): Query[] => {
        const text = variableExpression(variableQuery(variable));
        return text === undefined ? [] : [{ where: `${name}: variable ${variable.name}`, text, by: 'variable' }];
      }),
  ]);
}

/** What a variable's query asks series of: `a{…}` in `label_values(a{…}, org)`, the expression in `query_result(…)`. */
export function variableExpression(query: string): string | undefined {
  return /^label_values\((.+),\s*\w+\s*\)$/s.exec(query)?.[1] ?? /^query_result\((.+)\)$/s.exec(query)?.[1];
}

/** The queries that are PromQL, and a finding for each that is not. */
export function readQueries(queries: readonly Query[]): { queries: ParsedQuery[]; findings: string[] } {
  const findings: string[] = [];
  const parsed = queries.flatMap((query): ParsedQuery[] => {
    try {
      return [{ ...query, expression: parsePromql(query.text) }];
    } catch (error) {
      findings.push(`${query.where}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  });
  return { queries: parsed, findings };
}
