import { z } from 'zod';
import { type Dashboard, variableQuery } from '../../test/support/dashboard-files.ts';
import { withGrafanaValues } from '../../test/support/promql-rewrite.ts';
import type { Prometheus, TimeRange } from './prometheus.ts';

const currentSchema = z.looseObject({ value: z.union([z.string(), z.array(z.string())]).optional() }).nullish();

/**
 * What Grafana fills in when the dashboard is opened: the value that is saved with a variable, else the first that there is.
 * `chosen` goes before the first. As in queries: all values of a variable are a regular expression.
 */
export async function readVariables(
  dashboard: Dashboard,
  prometheus: Prometheus,
  range: TimeRange,
  chosen: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const variable of dashboard.templating.list) {
    const { name, type, allValue } = variable;
    const saved = currentSchema.parse(variable['current'])?.value;
    const isAll = [saved].flat().includes('$__all');
    if (type === 'datasource') values[name] = 'prometheus';
    else if (isAll && typeof allValue === 'string') values[name] = allValue;
    else if (chosen[name] !== undefined) values[name] = chosen[name];
    else if (typeof saved === 'string') values[name] = saved;
    else
      values[name] = await firstValue(
        withGrafanaValues(variableQuery(variable), grafanaDurations(range, 60, 15, values)),
        prometheus,
        range,
      );
  }
  return values;
}

async function firstValue(query: string, prometheus: Prometheus, range: TimeRange): Promise<string> {
  const [, selector, label] = /^label_values\((.+),\s*(\w+)\)$/s.exec(query) ?? [];
  if (selector === undefined || label === undefined) throw new Error(`only label_values(selector, label) is understood here, not ${query}`);
  const [first] = await prometheus.labelValues(label, selector, range);
  if (first === undefined) throw new Error(`${query} has no values: let the stack run for a minute with its demo traffic`);
  return first;
}

/** Grafana's durations, from the step of a query and how often its series are scraped. */
export function grafanaDurations(
  range: TimeRange,
  stepSeconds: number,
  scrapeSeconds: number,
  variables: Readonly<Record<string, string>>,
): Parameters<typeof withGrafanaValues>[1] {
  return {
    interval: `${stepSeconds}s`,
    rateInterval: `${Math.max(stepSeconds + scrapeSeconds, 4 * scrapeSeconds)}s`,
    range: `${range.seconds}s`,
    variables,
  };
}
