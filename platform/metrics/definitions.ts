/**
 * How a metric is declared: once, as data, with everything that makes it an interface: name, help, labels with their closed
 * sets of values, buckets. A registry turns definitions into instruments and exports every known label combination as 0 from the
 * start, since a counter that is born at 1 is invisible to increase().
 */
export const fromCode = Symbol('values are constants of this program');

/** A closed set; or `fromCode` for names that other modules bring along (routes, endpoints, jobs) and never data from outside. */
export type LabelValues = readonly string[] | typeof fromCode;
export type Labels = Readonly<Record<string, LabelValues>>;

interface Definition<L extends Labels> {
  name: string;
  help: string;
  labels: L;
}

export interface CounterDefinition<L extends Labels = Labels> extends Definition<L> {
  type: 'counter';
}
export interface GaugeDefinition<L extends Labels = Labels> extends Definition<L> {
  type: 'gauge';
}
export interface HistogramDefinition<L extends Labels = Labels> extends Definition<L> {
  type: 'histogram';
  buckets: readonly number[];
}
export type MetricDefinition = CounterDefinition | GaugeDefinition | HistogramDefinition;

const noLabels = {} as const;

export function counter<const L extends Labels = typeof noLabels>(
  definition: Omit<Definition<L>, 'labels'> & { labels?: L },
): CounterDefinition<L> {
  return { type: 'counter', ...definition, labels: definition.labels ?? (noLabels as unknown as L) };
}

export function gauge<const L extends Labels = typeof noLabels>(
  definition: Omit<Definition<L>, 'labels'> & { labels?: L },
): GaugeDefinition<L> {
  return { type: 'gauge', ...definition, labels: definition.labels ?? (noLabels as unknown as L) };
}

export function histogram<const L extends Labels = typeof noLabels>(
  definition: Omit<Definition<L>, 'labels'> & { labels?: L; buckets: readonly number[] },
): HistogramDefinition<L> {
  return { type: 'histogram', ...definition, labels: definition.labels ?? (noLabels as unknown as L) };
}

/** A label combination, typed by the definition's closed sets. */
export type LabelsOf<D> =
  D extends Definition<infer L> ? { readonly [K in keyof L]: L[K] extends readonly string[] ? L[K][number] : string } : never;
