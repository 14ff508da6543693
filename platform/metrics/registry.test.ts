import { describe, expect, test } from 'vitest';
import { createLogger } from '../log.ts';
import { startCollector } from './collector.ts';
import { counter, fromCode, gauge, histogram } from './definitions.ts';
import { escapeLabelValue, formatNumber, renderFamily } from './exposition.ts';
import { createMetricsRegistry } from './registry.ts';

const outcomes = counter({
  name: 'test_things_total',
  help: 'Things.',
  source: 'process',
  labels: { outcome: ['ok', 'failed'], kind: ['a', 'b'] },
});
const endpoints = counter({ name: 'test_rows_total', help: 'Rows.', source: 'process', labels: { endpoint: fromCode } });
const seconds = histogram({
  name: 'test_duration_seconds',
  help: 'Durations.',
  source: 'process',
  labels: { role: ['x', 'y'] },
  buckets: [0.1, 1],
});

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the registry', () => {
  test('knows every combination of closed sets as 0 from the start', async () => {
    const registry = createMetricsRegistry({ defaultMetrics: false });
    registry.counter(outcomes);
    registry.histogram(seconds);
    const lines = linesOf(await registry.render());
    expect(lines.filter((line) => line.startsWith('test_things_total'))).toEqual([
      'test_things_total{outcome="ok",kind="a"} 0',
      'test_things_total{outcome="ok",kind="b"} 0',
      'test_things_total{outcome="failed",kind="a"} 0',
      'test_things_total{outcome="failed",kind="b"} 0',
    ]);
    expect(lines).toContain('test_duration_seconds_count{role="y"} 0');
    expect(lines).toContain('test_duration_seconds_bucket{le="+Inf",role="x"} 0');
  });

  test('folds a value outside of its closed set into other, so that no two label sets can merge', async () => {
    const registry = createMetricsRegistry({ defaultMetrics: false });
    const things = registry.counter(outcomes) as { inc: (labels: Record<string, string>) => void };
    things.inc({ outcome: 'ok,kind:b', kind: 'a' });
    things.inc({ outcome: 'ok', kind: '"}\nevil 1' });
    const lines = linesOf(await registry.render());
    expect(lines).toContain('test_things_total{outcome="other",kind="a"} 1');
    expect(lines).toContain('test_things_total{outcome="ok",kind="other"} 1');
    expect(lines).toContain('test_things_total{outcome="ok",kind="b"} 0');
  });

  test('takes names from code as they are, within their alphabet', async () => {
    const registry = createMetricsRegistry({ defaultMetrics: false });
    const rows = registry.counter(endpoints);
    rows.inc({ endpoint: '/api/things/:id' });
    rows.inc({ endpoint: 'a,endpoint:b' });
    expect(linesOf(await registry.render())).toEqual([
      'test_rows_total{endpoint="/api/things/:id"} 1',
      'test_rows_total{endpoint="other"} 1',
    ]);
  });

  test('does not keep the label object it was given', async () => {
    const registry = createMetricsRegistry({ defaultMetrics: false });
    const rows = registry.counter(endpoints);
    const labels = { endpoint: 'first' };
    rows.inc(labels);
    labels.endpoint = 'second';
    expect(linesOf(await registry.render())).toEqual(['test_rows_total{endpoint="first"} 1']);
  });

  test('reads a gauge at the scrape, and leaves it out while it has no value', async () => {
    const registry = createMetricsRegistry({ defaultMetrics: false });
    let value: number | undefined;
    registry.gaugeFrom(gauge({ name: 'test_pending', help: 'Pending.', source: 'process' }), () => value);
    expect(await registry.render()).not.toContain('test_pending');
    value = 3;
    expect(linesOf(await registry.render())).toEqual(['test_pending 3']);
  });

  test('is apart from every other', async () => {
    const [left, right] = [createMetricsRegistry({ defaultMetrics: false }), createMetricsRegistry({ defaultMetrics: false })];
    left.counter(endpoints).inc({ endpoint: 'x' });
    right.counter(endpoints);
    expect(linesOf(await right.render())).toEqual([]);
  });
});

describe('the exposition', () => {
  test('escapes label values and help', () => {
    expect(escapeLabelValue('a"b\\c\nd')).toBe('a\\"b\\\\c\\nd');
    const text = renderFamily({ definition: { ...endpoints, help: 'a\nb\\c' }, series: [{ labels: { endpoint: 'x"y' }, value: 1 }] });
    expect(text).toBe('# HELP test_rows_total a\\nb\\\\c\n# TYPE test_rows_total counter\ntest_rows_total{endpoint="x\\"y"} 1\n');
  });

  test('adds the buckets of a histogram up, with +Inf equal to the count', () => {
    const series = [{ labels: { role: 'x' }, counts: [1, 2, 3], sum: 4.5 }];
    expect(linesOf(renderFamily({ definition: seconds, series }))).toEqual([
      'test_duration_seconds_bucket{role="x",le="0.1"} 1',
      'test_duration_seconds_bucket{role="x",le="1"} 3',
      'test_duration_seconds_bucket{role="x",le="+Inf"} 6',
      'test_duration_seconds_sum{role="x"} 4.5',
      'test_duration_seconds_count{role="x"} 6',
    ]);
  });

  test.each([
    [1e21, '1e+21'],
    [0.1, '0.1'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
  ])('writes %d as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});

describe('a collector', () => {
  test('has no value after a failure, not a stale one, and counts the failure from 0', async () => {
    const registry = createMetricsRegistry({ defaultMetrics: false });
    const errors = registry.counter(
      counter({ name: 'test_errors_total', help: 'Errors.', source: 'process', labels: { collector: fromCode } }),
    );
    const log = createLogger({ service: 'exporter', level: 'silent' });
    let broken = false;
    const collector = startCollector({
      name: 'things',
      log,
      errors,
      read: () => (broken ? Promise.reject(new Error('down')) : Promise.resolve(7)),
    });
    expect(linesOf(await registry.render())).toEqual(['test_errors_total{collector="things"} 0']);
    expect(collector.latest()).toBeUndefined();
    await collector.refresh();
    expect(collector.latest()).toBe(7);
    broken = true;
    await collector.refresh();
    expect(collector.latest()).toBeUndefined();
    expect(linesOf(await registry.render())).toEqual(['test_errors_total{collector="things"} 1']);
    collector.stop();
  });
});
