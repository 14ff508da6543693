import type { LabelsOfMetric, ResultLabels } from './promql-labels.ts';

type Series = Readonly<Record<string, string>>;

/** What a Prometheus holds: the series of each metric with their labels, and the type that its target declares. */
export interface MetricCatalogue {
  names: readonly string[];
  /** Of the metric as queries name it: a histogram's `_bucket`, `_sum` and `_count` are counters. Undefined for recorded series. */
  typeOf(metric: string): string | undefined;
  /** Labels without the name. Empty when there is no such metric. */
  seriesOf(metric: string): readonly Series[];
  labelsOf: LabelsOfMetric;
}

/** @param series every series with `__name__` among its labels; @param types as targets declare them, by metric family. */
export function metricCatalogue(series: readonly Series[], types: Readonly<Record<string, string>>): MetricCatalogue {
  const byName = new Map<string, Series[]>();
  for (const { __name__: name = '', ...labels } of series) byName.set(name, [...(byName.get(name) ?? []), labels]);
  const labels = new Map([...byName].map(([name, labelSets]) => [name, labelsOfSeries(labelSets)]));
  return {
    names: [...byName.keys()],
    typeOf: (metric) => types[metric] ?? (isDistribution(types[familyOf(metric)]) ? 'counter' : undefined),
    seriesOf: (metric) => byName.get(metric) ?? [],
    labelsOf: (metric) => labels.get(metric) ?? { guaranteed: new Set(), possible: new Set() },
  };
}

function labelsOfSeries(series: readonly Series[]): ResultLabels {
  const possible = new Set(series.flatMap((labels) => Object.keys(labels)));
  return { guaranteed: new Set([...possible].filter((label) => series.every((labels) => label in labels))), possible };
}

const isDistribution = (type: string | undefined): boolean => type === 'histogram' || type === 'summary';

/** The metric whose series this is: without a histogram's `_bucket`, `_sum`, `_count`. */
export function familyOf(metric: string): string {
  return metric.replace(/_(bucket|sum|count)$/, '');
}
