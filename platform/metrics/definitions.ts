/**
 * How a metric is declared: once, as data, with everything that makes it an interface: name, help, labels with their closed
 * sets of values, buckets, where its values come from and which services show it. A registry turns definitions into instruments and
 * exports every known label combination as 0 from the start, since a counter that is born at 1 is invisible to increase().
 */
export const fromCode = Symbol('values are constants of this program');

/** A closed set; or `fromCode` for names that other modules bring along (routes, endpoints, jobs) and never data from outside. */
export type LabelValues = readonly string[] | typeof fromCode;
export type Labels = Readonly<Record<string, LabelValues>>;

export type Service = 'exporter' | 'api' | 'jobs';

/**
 * Where values come from, which decides how replicas are put together: `process` is counted in each one, so replicas are summed;
 * `database` is the same on every replica and absent while it cannot be read; `constant` is a constant or a setting.
 */
export type Source = 'process' | 'database' | 'constant';

interface Definition<L extends Labels> {
  name: string;
  help: string;
  labels: L;
  source: Source;
  /** The services that show it; the exporter when left out. */
  services: readonly Service[];
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

type Declared<L extends Labels> = Omit<Definition<L>, 'labels' | 'services'> & { labels?: L; services?: readonly Service[] };

function complete<L extends Labels>(declared: Declared<L>): Definition<L> {
  return { ...declared, labels: declared.labels ?? (noLabels as unknown as L), services: declared.services ?? ['exporter'] };
}

export function counter<const L extends Labels = typeof noLabels>(declared: Declared<L>): CounterDefinition<L> {
  return { type: 'counter', ...complete(declared) };
}

export function gauge<const L extends Labels = typeof noLabels>(declared: Declared<L>): GaugeDefinition<L> {
  return { type: 'gauge', ...complete(declared) };
}

export function histogram<const L extends Labels = typeof noLabels>(
  declared: Declared<L> & { buckets: readonly number[] },
): HistogramDefinition<L> {
  return { type: 'histogram', ...complete(declared), buckets: declared.buckets };
}

/** A label combination, typed by the definition's closed sets. */
export type LabelsOf<D> =
  D extends Definition<infer L> ? { readonly [K in keyof L]: L[K] extends readonly string[] ? L[K][number] : string } : never;
