import type { MetricDefinition } from '../../../platform/metrics/definitions.ts';
import { overflowOrg } from '../../../platform/metrics/org-series.ts';
import { familyOf } from '../../support/metric-catalogue.ts';
import {
  type Aggregation,
  durationSeconds,
  type Expression,
  occurrencesIn,
  occurrencesOf,
  type Selector,
  selectorsIn,
} from '../../support/promql.ts';
import { isConditional } from '../../support/promql-rewrite.ts';
import { type PrometheusConfig, scrapeIntervalOf } from '../../support/rule-files.ts';
import type { ParsedQuery } from './queries.ts';

/**
 * What can be said of a query without a Prometheus: the checks of pint (https://cloudflare.github.io/pint) that promtool lacks and
 * that bite here, and what the contracts demand of every query. Each finding says where, what, and what to do.
 */
export function queryFindings(
  queries: readonly ParsedQuery[],
  known: { config: PrometheusConfig; metrics: readonly MetricDefinition[] },
): string[] {
  return queries.flatMap((query) =>
    [
      ...withoutOverflow(query),
      ...rangesOfFourScrapes(query, known.config),
      ...bucketBounds(query),
      ...plainMatchers(query),
      ...dividedSums(query),
      ...quantiles(query),
      ...replicas(query, known.metrics),
      ...(query.by === 'alert' ? alertFindings(query, known.config) : []),
    ].map((finding) => `${query.where}: ${finding}`),
  );
}

/** Whether a metric has one series per organization, on /metrics/orgs. By contract the name says it. */
export function isOrgScoped(metric: string): boolean {
  return !metric.startsWith('observability_') && /(^|_)org_|^woocommerce_store_/.test(metric);
}

/** Its name, or the pattern of names that it asks for. */
function nameOf({ metric, matchers }: Selector): string {
  return metric === '' ? (matchers.find(({ label }) => label === '__name__')?.value ?? '') : metric;
}

const isRecorded = (metric: string): boolean => metric.includes(':');

/** The overflow sums a changing set of organizations. A recorded series has it left out already. */
function withoutOverflow({ expression }: ParsedQuery): string[] {
  return selectorsIn(expression)
    .filter((selector) => isOrgScoped(nameOf(selector)) && !isRecorded(selector.metric))
    .filter(({ matchers }) => !matchers.some(({ label, operator, value }) => label === 'org' && operator === '!=' && value === overflowOrg))
    .map((selector) => `${nameOf(selector)} counts the organizations beyond the cap: add org!="${overflowOrg}"`);
}

function rangesOfFourScrapes({ expression, minStep }: ParsedQuery, config: PrometheusConfig): string[] {
  return selectorsIn(expression).flatMap(({ metric, range }) => {
    if (range === undefined || range.startsWith('$__range')) return [];
    const scraped = isRecorded(metric)
      ? config.global.evaluation_interval
      : scrapeIntervalOf(isOrgScoped(metric) ? 'exporter-orgs' : 'exporter', config);
    const atLeast = 4 * seconds(scraped);
    // Grafana makes it four times the shortest step, which is the scrape interval of the datasource unless the query sets one.
    const covered = isRateInterval(range) ? 4 * seconds(minStep ?? config.global.scrape_interval) : durationSeconds(range);
    if (covered !== undefined && covered >= atLeast) return [];
    const fix = isRateInterval(range) ? `set the query's min step to ${scraped}` : `make it ${atLeast}s or more, or $__rate_interval`;
    return [`${metric}[${range}] may look at fewer than four scrapes: ${fix}`];
  });
}

const isRateInterval = (range: string): boolean => /^\$\{?__rate_interval\}?$/.test(range);

function seconds(duration: string): number {
  const known = durationSeconds(duration);
  if (known === undefined) throw new Error(`${duration} is no duration: write it as 5m, or as $__rate_interval`);
  return known;
}

/** Prometheus 3 spells `le="1"` as `le="1.0"`: neither spelling works on both. */
function bucketBounds({ expression }: ParsedQuery): string[] {
  return selectorsIn(expression)
    .flatMap(({ matchers }) => matchers)
    .filter(({ label, value }) => label === 'le' && !/\.|\+Inf|\$/.test(value))
    .map(({ value }) => `le="${value}" is spelled differently by Prometheus 3: take a bucket whose bound is no whole number`);
}

/** pint: promql/regexp. */
function plainMatchers({ expression }: ParsedQuery): string[] {
  return selectorsIn(expression).flatMap(({ metric, matchers }) =>
    matchers
      .filter(({ operator }) => operator.endsWith('~'))
      .flatMap(({ label, operator, value }) => {
        const written = `${label}${operator}"${value}" of ${metric}`;
        if (/^[\w /:-]*$/.test(value)) return [`${written} needs no regular expression: use ${operator === '=~' ? '=' : '!='}`];
        if (/^\^|[^\\]\$$/.test(value) && !/^\$\{?\w+\}?$/.test(value)) return [`${written} is anchored already: leave out ^ and $`];
        return value === '.*' ? [`${written} matches everything: leave it out`] : [];
      }),
  );
}

/** pint: promql/nan. One NaN, of a divisor that is 0, makes the whole sum NaN. */
function dividedSums({ expression }: ParsedQuery): string[] {
  return occurrencesOf('binary', expression)
    .filter(({ expression: { operator, right } }) => ['/', '%'].includes(operator) && !isNeverZero(right))
    .flatMap(({ around }) => {
      const poisoned = around.find((outer): outer is Aggregation => outer.type === 'aggregation');
      return poisoned !== undefined && ['sum', 'avg', 'stddev', 'stdvar'].includes(poisoned.operator)
        ? [`${poisoned.operator} of a division is NaN as soon as one divisor is 0: divide the aggregates, or filter the divisor with > 0`]
        : [];
    });
}

/** Beyond 0 and 1 the answer is infinite: 95 for 0.95. */
function quantiles({ expression }: ParsedQuery): string[] {
  return occurrencesOf('call', expression)
    .filter(({ expression: { name } }) => name === 'histogram_quantile')
    .flatMap(({ expression: { arguments: given } }) => {
      const [q] = given;
      return q?.type === 'number' && (Number(q.text) < 0 || Number(q.text) > 1)
        ? [`histogram_quantile(${q.text}, …): a quantile is between 0 and 1`]
        : [];
    });
}

function isNeverZero(expression: Expression): boolean {
  if (expression.type === 'number') return Number(expression.text) !== 0;
  return expression.type === 'binary' && expression.operator === '>' && !expression.bool;
}

/**
 * Each replica counts for itself, so what is counted in the process is summed; what is read from the database is the same on
 * every replica, so it is `max by (…)` and never a sum.
 */
function replicas({ expression, by }: ParsedQuery, metrics: readonly MetricDefinition[]): string[] {
  if (by === 'variable') return [];
  return occurrencesOf('selector', expression).flatMap(({ expression: { metric }, around }) => {
    const definition = metrics.find(({ name }) => name === metric || name === familyOf(metric));
    const aggregation = around.find((outer): outer is Aggregation => outer.type === 'aggregation' && !picksSeries(outer.operator));
    if (definition?.source === 'database' && aggregation?.operator !== 'max') {
      return [`${metric} is the same on every replica: aggregate it with max by (…) first`];
    }
    const isCounted = definition?.source === 'process' && definition.type !== 'gauge';
    if (isCounted && aggregation !== undefined && aggregation.operator !== 'sum') {
      return [`${metric} is counted in each replica: aggregate it with sum, not with ${aggregation.operator}`];
    }
    return [];
  });
}

const picksSeries = (operator: string): boolean => ['topk', 'bottomk', 'limitk', 'limit_ratio'].includes(operator);

function alertFindings({ expression, text, alert }: ParsedQuery, config: PrometheusConfig): string[] {
  if (alert === undefined) return [];
  const findings: string[] = [];
  // pint: alerts/comparison.
  if (!isConditional(text) && alert.alert !== 'Watchdog') findings.push('fires always: compare with a threshold');
  // pint: promql/fragile.
  for (const { expression: part } of occurrencesIn(expression)) {
    if (part.type === 'aggregation' && picksSeries(part.operator)) {
      findings.push(`${part.operator} picks other series at each evaluation, so alerts flap: compare with a threshold`);
    }
  }
  // pint: alerts/absent.
  const asksForAbsence = occurrencesOf('call', expression).some(({ expression: { name } }) => name === 'absent');
  if (asksForAbsence && seconds(alert.for) < 2 * seconds(config.global.scrape_interval)) {
    findings.push('absent() is true between two scrapes of a restart: give it a `for` of two scrapes or more');
  }
  // pint: alerts/template.
  for (const [label, value] of Object.entries(alert.labels)) {
    if (/\$value|\.Value/.test(value))
      findings.push(`the label ${label} changes with the value, and so does the alert: put it into an annotation`);
  }
  return findings;
}
