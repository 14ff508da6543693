import { familyOf, type MetricCatalogue, metricCatalogue } from '../../support/metric-catalogue.ts';
import { type Matcher, occurrencesOf, type Occurrence, parsePromql, type Selector, selectorsIn } from '../../support/promql.ts';
import { impossibleMatches, resultLabels } from '../../support/promql-labels.ts';
import { type AlertRule, printedLabels, type RulesFile } from '../../support/rule-files.ts';
import type { ParsedQuery } from './queries.ts';

/**
 * What can be said of a query by somebody who knows which series there are: that every metric, label and value it names is
 * exported, that it takes the rate of counters and nothing else, that both sides of a join can meet, and that an alert still has the
 * labels that its text prints. In pint: promql/series, promql/counter, promql/rate, promql/vector_matching, alerts/template.
 */
export function catalogueFindings(queries: readonly ParsedQuery[], catalogue: MetricCatalogue): string[] {
  return queries.flatMap((query) => {
    const unknown = unknownSeries(query, catalogue);
    // Of what is not there nothing else can be said.
    const findings = unknown.length > 0 ? unknown : useFindings(query, catalogue);
    return findings.map((finding) => `${query.where}: ${finding}`);
  });
}

function useFindings(query: ParsedQuery, catalogue: MetricCatalogue): string[] {
  return [
    ...unknownGroupings(query, catalogue),
    ...rawCounters(query, catalogue),
    ...ratesOfOthers(query, catalogue),
    ...impossibleMatches(query.expression, catalogue.labelsOf).map(
      ({ operator, label }) => `the sides of ${operator} never match: only one of them has the label ${label}`,
    ),
    ...(query.alert === undefined ? [] : lostLabels(query, query.alert, catalogue)),
  ];
}

/** Those that nobody would miss: no rule and no panel asks for them. */
export function unusedMetrics(queries: readonly ParsedQuery[], metrics: readonly string[]): string[] {
  const used = new Set(queries.flatMap(({ expression }) => selectorsIn(expression)).flatMap(({ metric }) => [metric, familyOf(metric)]));
  return metrics
    .filter((metric) => !used.has(metric))
    .map((metric) => `${metric} is in no rule and no panel: show it, or do not export it`);
}

/**
 * What a Prometheus holds, with the series that it makes of alerts: on a healthy stack hardly any fires, and yet panels may ask for
 * all of them by their labels.
 */
export function catalogueWithAlerts(
  series: readonly Record<string, string>[],
  types: Readonly<Record<string, string>>,
  files: readonly RulesFile[],
): MetricCatalogue {
  const { labelsOf } = metricCatalogue(series, types);
  const firing = files
    .flatMap((file) => file.alerts)
    .flatMap(({ alert, expr, labels }) => {
      const ofExpression = Object.fromEntries([...resultLabels(parsePromql(expr), labelsOf).possible].map((label) => [label, 'any']));
      const identity = { ...ofExpression, ...labels, alertname: alert };
      return [
        { __name__: 'ALERTS', ...identity, alertstate: 'firing' },
        { __name__: 'ALERTS_FOR_STATE', ...identity },
      ];
    });
  return metricCatalogue([...series, ...firing], types);
}

function unknownSeries({ expression, by }: ParsedQuery, catalogue: MetricCatalogue): string[] {
  return selectorsIn(expression).flatMap(({ metric, matchers }) => {
    const pattern = namePattern({ metric, matchers });
    if (pattern !== undefined) {
      const isAsked = new RegExp(`^(?:${pattern})$`);
      return catalogue.names.some((name) => isAsked.test(name)) ? [] : [`no metric is called ${pattern}`];
    }
    const series = catalogue.seriesOf(metric);
    if (series.length === 0) return [`${metric} is not exported: no target has it and no rule records it`];
    return matchers.flatMap((matcher) => {
      const { label, value } = matcher;
      if (!catalogue.labelsOf(metric).possible.has(label)) return [`${metric} has no label ${label}`];
      const isOpen = value.includes('$') || (by === 'text of an alert' && value === 'any');
      return isOpen
        ? []
        : namedValues(matcher)
            .filter((named) => !series.some((labels) => labels[label] === named))
            .map((named) => `${metric} has no series with ${label}="${named}"`);
    });
  });
}

/** Of a selector that asks for several metrics, `{__name__=~"…"}`. */
function namePattern({ metric, matchers }: Pick<Selector, 'metric' | 'matchers'>): string | undefined {
  return metric === '' ? matchers.find(({ label, operator }) => label === '__name__' && operator === '=~')?.value : undefined;
}

/**
 * The values that a matcher spells out, alternatives of a regular expression among them. Inequality too: leaving out a value that there is
 * not leaves out nothing. An empty value asks for the label's absence.
 */
function namedValues({ operator, value, label }: Matcher): string[] {
  // The overflow is there only when there are more organizations than the cap.
  if (label === 'org' && operator === '!=') return [];
  const alternatives = operator.endsWith('~') ? value.split('|') : [value];
  return alternatives.filter((named) => named !== '' && (!operator.endsWith('~') || /^[\w /:-]+$/.test(named)));
}

function unknownGroupings({ expression }: ParsedQuery, catalogue: MetricCatalogue): string[] {
  const ofAggregations = occurrencesOf('aggregation', expression).flatMap(({ expression: { operator, grouping, of } }) => {
    const { possible } = resultLabels(of, catalogue.labelsOf);
    return (grouping?.labels ?? [])
      .filter((label) => !possible.has(label))
      .map((label) => `${operator} ${grouping?.kind} (${label}): no series in it has that label`);
  });
  const ofJoins = occurrencesOf('binary', expression).flatMap(({ expression: { matching, left, right } }) => {
    const sides = [left, right].map((side) => resultLabels(side, catalogue.labelsOf).possible);
    return (matching?.labels ?? [])
      .filter((label) => !sides.some((possible) => possible.has(label)))
      .map((label) => `${matching?.kind} (${label}): no series on either side has that label`);
  });
  return [...ofAggregations, ...ofJoins];
}

/** A counter's value is the number since some restart. Only what bridges restarts, or does not look at the value, may ask for it. */
const bridgesRestarts = ['rate', 'increase', 'irate', 'resets'];
const ignoresValue = ['absent', 'absent_over_time', 'present_over_time', 'timestamp', 'count', 'group'];

function rawCounters({ expression, by }: ParsedQuery, catalogue: MetricCatalogue): string[] {
  // A variable asks which series there are.
  if (by === 'variable') return [];
  return occurrencesOf('selector', expression)
    .filter(({ expression: { metric } }) => catalogue.typeOf(metric) === 'counter')
    .filter(
      (occurrence) =>
        ![...bridgesRestarts, ...ignoresValue].includes(directUse(occurrence)) &&
        !recordsExtreme(occurrence, by) &&
        !isBornLately(occurrence),
    )
    .map(({ expression: { metric } }) => `${metric} is a counter and falls to 0 at restarts: ask for its rate() or increase()`);
}

/** The highest total of several replicas grows on as a counter does. It is recorded under a name that says what it is. */
const highestTotal = /_total:max\d+[smhd]$/;
/** And the highest of a window without resets, minus the lowest, is its increase in whole numbers. */
const recordsExtreme = (occurrence: Occurrence<Selector>, by: ParsedQuery['by']): boolean =>
  by === 'recording rule' && ['max_over_time', 'min_over_time'].includes(directUse(occurrence));

/** `x unless last_over_time(x[1h] offset 5m)`: what was not there before has counted from zero. */
function isBornLately({ expression: { metric }, around: [direct, next] }: Occurrence<Selector>): boolean {
  const outer = direct?.type === 'call' && direct.name === 'last_over_time' ? next : direct;
  if (outer?.type !== 'binary' || outer.operator !== 'unless' || outer.right.type !== 'call') return false;
  const [before] = outer.right.name === 'last_over_time' ? outer.right.arguments : [];
  return before?.type === 'selector' && before.metric === metric && before.offset !== undefined;
}

/** The function or aggregation that takes the series as they are. */
function directUse({ around: [outer] }: Occurrence<Selector>): string {
  if (outer?.type === 'call') return outer.name;
  return outer?.type === 'aggregation' ? outer.operator : '';
}

function ratesOfOthers({ expression }: ParsedQuery, catalogue: MetricCatalogue): string[] {
  return occurrencesOf('call', expression)
    .filter(({ expression: { name } }) => ['rate', 'increase', 'irate'].includes(name))
    .flatMap(
      ({
        expression: {
          name,
          arguments: [argument],
        },
      }) => {
        if (argument?.type !== 'selector')
          return [`${name}() of what is not a counter but computed loses restarts: take the ${name} first`];
        const type = catalogue.typeOf(argument.metric);
        return type === 'counter' || highestTotal.test(argument.metric)
          ? []
          : [`${name}() of ${argument.metric}, which is ${type ?? 'recorded'}: only counters have a rate`];
      },
    );
}

function lostLabels({ expression }: ParsedQuery, alert: AlertRule, catalogue: MetricCatalogue): string[] {
  const { guaranteed } = resultLabels(expression, catalogue.labelsOf);
  return printedLabels(alert)
    .filter((label) => !guaranteed.has(label))
    .map((label) => `its text prints {{ $labels.${label} }}, which the expression does not keep`);
}
