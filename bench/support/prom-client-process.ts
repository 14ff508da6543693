import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { orgMetrics } from '../../features/widget-health/metrics.ts';
import { answerCalls } from './child.ts';
import { processCalls } from './event-loop.ts';
import { countSeries, parseSeries, type SeriesLine } from './exposition-text.ts';
import type { PromClientCalls } from './programs.ts';

const registry = new Registry();

answerCalls<PromClientCalls>({
  ...processCalls,
  fill: async (url) => {
    fill(parseSeries(await (await fetch(url)).text()));
    return countSeries(await registry.metrics());
  },
  render: async () => {
    const startedAt = performance.now();
    await registry.metrics();
    return performance.now() - startedAt;
  },
  text: () => registry.metrics(),
});

/** Gives prom-client what it would hold if it had counted the same itself. */
function fill(series: readonly SeriesLine[]): void {
  const byName = groupBy(series, ({ name }) => name);
  for (const definition of Object.values(orgMetrics)) {
    const { name, help, type } = definition;
    const options = { name, help, labelNames: Object.keys(definition.labels), registers: [registry] };
    if (type === 'histogram') {
      fillHistogram(
        new Histogram({ ...options, buckets: [...definition.buckets] }),
        byName.get(`${name}_bucket`) ?? [],
        definition.buckets,
      );
    } else if (type === 'counter') {
      const counter = new Counter(options);
      for (const { labels, value } of byName.get(name) ?? []) counter.inc(labels, value);
    } else {
      const gauge = new Gauge(options);
      for (const { labels, value } of byName.get(name) ?? []) gauge.set(labels, value);
    }
  }
}

function fillHistogram(histogram: Histogram, buckets: readonly SeriesLine[], bounds: readonly number[]): void {
  for (const [org, lines] of groupBy(buckets, ({ labels }) => labels['org'] ?? '')) {
    histogram.zero({ org });
    let below = 0;
    for (const [position, { value }] of lines.entries()) {
      // prom-client takes single observations only.
      for (let observation = below; observation < value; observation += 1) histogram.observe({ org }, bounds[position] ?? 10);
      below = value;
    }
  }
}

/** Map.groupBy, which Node 20 does not have. */
function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
