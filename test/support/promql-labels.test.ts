import { describe, expect, test } from 'vitest';
import { parsePromql } from './promql.ts';
import { impossibleMatches, type ResultLabels, resultLabels } from './promql-labels.ts';

/** `up` has job, instance; `b` a bucket's; `x` perhaps a code. */
const metrics: Record<string, { always: string[]; sometimes?: string[] }> = {
  up: { always: ['job', 'instance'] },
  x: { always: ['job', 'instance', 'service'], sometimes: ['code'] },
  y: { always: ['job', 'instance', 'service'] },
  b: { always: ['job', 'instance', 'le'] },
  plain: { always: [] },
};

function labelsOfMetric(metric: string): ResultLabels {
  const { always = [], sometimes = [] } = metrics[metric] ?? {};
  return { guaranteed: new Set(always), possible: new Set([...always, ...sometimes]) };
}

describe('resultLabels', () => {
  test.each([
    ['x', 'instance job service', 'code'],
    ['x{code="5"}', 'code instance job service', ''],
    ['sum by (service, code) (rate(x[5m]))', 'service', 'code'],
    ['sum without (instance) (x)', 'job service', 'code'],
    ['sum(x)', '', ''],
    ['topk(3, x)', 'instance job service', 'code'],
    ['count_values("version", x)', 'version', ''],
    ['histogram_quantile(0.9, sum by (job, le) (rate(b[5m])))', 'job', ''],
    ['quantile_over_time(0.9, y[5m])', 'instance job service', ''],
    ['absent(up{job="a", instance!="b"})', 'job', ''],
    ['absent(up{job="a"}) or absent(up{instance="b"})', '', 'instance job'],
    ['label_replace(up, "host", "$1", "instance", "(.*):.*")', 'host instance job', ''],
    ['time() - max by (service) (x) > 5', 'service', ''],
    ['vector(1)', '', ''],
    ['-x', 'instance job service', 'code'],
    ['max_over_time(sum by (job) (up)[1h:5m])', 'job', ''],
    ['x / y', 'instance job service', 'code'],
    ['x / on (service) y', 'service', ''],
    ['x / ignoring (code) y', 'instance job service', ''],
    ['sum by (service, code) (x) / ignoring (code) group_left sum by (service) (y)', 'service', 'code'],
    ['sum by (service) (y) * on (service) group_right (job) x', 'instance job service', 'code'],
    ['up * on (job) group_left (service) sum by (job, service) (y)', 'instance job service', ''],
    ['up and on (job) x', 'instance job', ''],
    ['up unless on (job) x', 'instance job', ''],
  ])('%s', (text, guaranteed, onlyPossible) => {
    const labels = resultLabels(parsePromql(text), labelsOfMetric);
    expect([...labels.guaranteed].toSorted().join(' ')).toBe(guaranteed);
    expect(
      [...labels.possible]
        .filter((label) => !labels.guaranteed.has(label))
        .toSorted()
        .join(' '),
    ).toBe(onlyPossible);
  });
});

describe('impossibleMatches', () => {
  test.each([
    'x / y',
    'sum(x) / sum(y)',
    'x / on (service) y',
    'sum by (job) (x) / on (job) up',
    'up and on () plain',
    'up or plain',
    'up > 1',
  ])('has nothing to say about %s', (text) => {
    expect(impossibleMatches(parsePromql(text), labelsOfMetric)).toEqual([]);
  });

  test.each([
    ['sum by (service) (x) / sum(y)', '/', ['service']],
    ['sum(x) > up', '>', ['job', 'instance']],
    ['up and on (service) x', 'and', ['service']],
    ['sum by (job) (up) unless ignoring (job) y', 'unless', ['instance', 'service']],
  ])('finds what can never match in %s', (text, operator, labels) => {
    expect(impossibleMatches(parsePromql(text), labelsOfMetric)).toEqual(labels.map((label) => ({ operator, label })));
  });
});
