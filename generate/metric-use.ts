import type { MetricDefinition } from '../platform/metrics/definitions.ts';
import { panelsOf, readDashboards } from '../test/support/dashboard-files.ts';
import { parsePromql, selectorsIn } from '../test/support/promql.ts';
import { readRulesFiles, type RecordingRule } from '../test/support/rule-files.ts';

/** Where a metric is asked for, directly or by way of recorded series. */
export interface MetricUse {
  /** Names, in the order of the alphabet. */
  alerts: readonly string[];
  /** By their titles. Only dashboards with such panels. */
  dashboards: readonly { title: string; panels: readonly string[] }[];
}

/** Reads the rules and the dashboards of the checkout. */
export async function readMetricUse(): Promise<(definition: MetricDefinition) => MetricUse> {
  const rules = (await readRulesFiles()).flatMap((file) => file.rules);
  const namesIn = namesThroughRecordings(rules.filter((rule) => 'record' in rule));
  const alerts = rules.filter((rule) => 'alert' in rule).map(({ alert, expr }) => ({ title: alert, names: namesIn(expr) }));
  const dashboards = (await readDashboards()).map(({ dashboard }) => ({
    title: dashboard.title,
    panels: panelsOf(dashboard).map(({ title, targets }) => ({ title, names: new Set(targets.flatMap(({ expr }) => [...namesIn(expr)])) })),
  }));
  return (definition) => {
    const series = seriesNames(definition);
    const titlesOf = (askers: readonly { title: string; names: ReadonlySet<string> }[]): string[] => [
      ...new Set(askers.filter(({ names }) => series.some((name) => names.has(name))).map(({ title }) => title)),
    ];
    return {
      alerts: titlesOf(alerts).toSorted(),
      dashboards: dashboards.map(({ title, panels }) => ({ title, panels: titlesOf(panels) })).filter(({ panels }) => panels.length > 0),
    };
  };
}

/** What expressions call a metric: a histogram has three names, none of them its own. */
export function seriesNames({ name, type }: MetricDefinition): string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name];
}

/** Every name that an expression selects, and those that recorded series among them were made from. */
function namesThroughRecordings(recordings: readonly RecordingRule[]): (expression: string) => ReadonlySet<string> {
  return (expression) => {
    const names = new Set<string>();
    const collect = (text: string): void => {
      for (const { metric } of selectorsIn(parsePromql(text))) {
        if (names.has(metric)) continue;
        names.add(metric);
        for (const { record, expr } of recordings) if (record === metric) collect(expr);
      }
    };
    collect(expression);
    return names;
  };
}
