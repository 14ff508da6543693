import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  fromCode,
  type CounterDefinition,
  type GaugeDefinition,
  type HistogramDefinition,
  type Labels,
  type LabelsOf,
  type MetricDefinition,
} from './definitions.ts';
import type { SeriesFamily } from './exposition.ts';
import { renderFamily } from './exposition.ts';

export interface CounterInstrument<L> {
  /** Adds `by`, 1 when left out; 0 only makes the series known. */
  inc(labels: L, by?: number): void;
}
export interface GaugeInstrument<L> {
  set(labels: L, value: number): void;
}
export interface HistogramInstrument<L> {
  /** Makes the series known before its first observation. */
  zero(labels: L): void;
  /** In the unit of the metric's name. */
  observe(labels: L, value: number): void;
}

/** Reads families at scrape time, from memory. Source-d families come from a background refresh (collector.ts). */
export type FamilySource = () => readonly SeriesFamily[];

/**
 * The series of one process. Wraps prom-client behind our own small interface: its successor needs Node 22, and it merges
 * label sets that differ (a value "x,b:y"), so every value is checked against its closed set before it gets there.
 */
export interface MetricsRegistry {
  counter<L extends Labels>(definition: CounterDefinition<L>): CounterInstrument<LabelsOf<CounterDefinition<L>>>;
  gauge<L extends Labels>(definition: GaugeDefinition<L>): GaugeInstrument<LabelsOf<GaugeDefinition<L>>>;
  /** A gauge whose value is read at scrape time; absent while `read` answers undefined. */
  gaugeFrom(definition: GaugeDefinition, read: () => number | undefined): void;
  histogram<L extends Labels>(definition: HistogramDefinition<L>): HistogramInstrument<LabelsOf<HistogramDefinition<L>>>;
  /** Families that are rendered by us beside prom-client's. */
  addSource(source: FamilySource): void;
  /** Everything in the classic text format. */
  render(): Promise<string>;
  definitions(): readonly MetricDefinition[];
}

export const expositionContentType = 'text/plain; version=0.0.4; charset=utf-8';

const unexpectedValue = 'other';
/** What a value of ours may hold. No `,`: prom-client joins label pairs with it into series keys without escaping. */
const constantAlphabet = /^[A-Za-z0-9_:/.+-]{1,128}$/;

export function createMetricsRegistry(options: { defaultMetrics: boolean }): MetricsRegistry {
  const registry = new Registry();
  if (options.defaultMetrics) collectDefaultMetrics({ register: registry });
  const sources: FamilySource[] = [];
  const declared: MetricDefinition[] = [];
  const beforeRender: (() => void)[] = [];

  function declare(definition: MetricDefinition): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
    declared.push(definition);
    return { name: definition.name, help: definition.help, labelNames: Object.keys(definition.labels), registers: [registry] };
  }

  return {
    counter: (definition) => {
      const metric = new Counter(declare(definition));
      for (const labels of combinationsOf(definition)) metric.inc(labels, 0);
      const counts: { labels: Record<string, string>; uncollected: number }[] = [];
      const countOf = byLabels(definition, (labels) => {
        const count = { labels, uncollected: 0 };
        counts.push(count);
        return count;
      });
      // Handed on at the scrape: an increment in prom-client takes as long as the rest of a small request's bookkeeping together.
      beforeRender.push(() => {
        for (const count of counts) {
          metric.inc(count.labels, count.uncollected);
          count.uncollected = 0;
        }
      });
      return {
        inc: (labels, by = 1) => {
          if (!(by >= 0 && Number.isFinite(by))) throw new RangeError(`${definition.name} cannot be raised by ${by}: a counter only grows`);
          countOf(labels).uncollected += by;
        },
      };
    },
    gauge: (definition) => {
      const metric = new Gauge(declare(definition));
      for (const labels of combinationsOf(definition)) metric.set(labels, 0);
      const known = byLabels(definition, (labels) => labels);
      return { set: (labels, value) => metric.set(known(labels), value) };
    },
    gaugeFrom: (definition, read) => {
      declared.push(definition);
      sources.push(() => {
        const value = read();
        return value === undefined ? [] : [{ definition, series: [{ labels: {}, value }] }];
      });
    },
    histogram: (definition) => {
      const metric = new Histogram({ ...declare(definition), buckets: [...definition.buckets] });
      for (const labels of combinationsOf(definition)) metric.zero(labels);
      const known = byLabels(definition, (labels) => labels);
      return {
        zero: (labels) => metric.zero(known(labels)),
        observe: (labels, value) => metric.observe(known(labels), value),
      };
    },
    addSource: (source) => sources.push(source),
    render: async () => {
      for (const collect of beforeRender) collect();
      const ours = sources.flatMap((source) => source().map(renderFamily));
      return (await registry.metrics()) + ours.join('');
    },
    definitions: () => declared,
  };
}

interface LabelNode<Entry> {
  children: Map<string, LabelNode<Entry>>;
  entry?: Entry;
}

/**
 * What belongs to a label combination, made once for each. Found value by value, without a key that would be put together at every call; what is
 * kept grows with the closed sets, never with values from outside.
 */
function byLabels<Entry>(
  definition: MetricDefinition,
  create: (labels: Record<string, string>) => Entry,
): (labels: Readonly<Record<string, string>>) => Entry {
  const names = Object.keys(definition.labels);
  const root: LabelNode<Entry> = { children: new Map() };

  function add(labels: Record<string, string>): Entry {
    let node = root;
    for (const name of names) {
      const value = labels[name] ?? '';
      let child = node.children.get(value);
      if (child === undefined) node.children.set(value, (child = { children: new Map() }));
      node = child;
    }
    return (node.entry ??= create(labels));
  }

  return (labels) => {
    let node: LabelNode<Entry> | undefined = root;
    for (const name of names) {
      node = node.children.get(labels[name] ?? '');
      if (node === undefined) return add(closedLabels(definition, labels));
    }
    return node.entry ?? add(closedLabels(definition, labels));
  };
}

/** prom-client keeps the label object it is given, so it always gets a fresh one. A value outside its closed set becomes `other`. */
function closedLabels(definition: MetricDefinition, labels: Readonly<Record<string, string>>): Record<string, string> {
  const closed: Record<string, string> = {};
  for (const name in definition.labels) {
    const values = definition.labels[name];
    const value = labels[name] ?? '';
    const expected = values === fromCode ? constantAlphabet.test(value) : values?.includes(value);
    closed[name] = expected === true ? value : unexpectedValue;
  }
  return closed;
}

/** Every combination of the closed sets; none when a label's values are only known to the modules that bring them. */
export function combinationsOf(definition: MetricDefinition): Record<string, string>[] {
  return Object.entries(definition.labels).reduce<Record<string, string>[]>(
    (combinations, [name, values]) =>
      values === fromCode ? [] : combinations.flatMap((labels) => values.map((value) => ({ ...labels, [name]: value }))),
    [{}],
  );
}
