import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, estimateOf, percentileOf, type LogBucketCounts } from './log-buckets.ts';

function countsOf(values: readonly number[]): LogBucketCounts {
  const buckets = new Map<number, number>();
  let zeroCount = 0;
  for (const value of values) {
    const bucket = bucketOf(value);
    if (bucket === undefined) zeroCount += 1;
    else buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  return {
    zeroCount,
    buckets: [...buckets].toSorted(([left], [right]) => left - right),
    min: values.length === 0 ? 0 : Math.min(...values),
    max: values.length === 0 ? 0 : Math.max(...values),
  };
}

const nearestRank = (values: readonly number[], p: number): number =>
  values.toSorted((left, right) => left - right)[Math.max(0, Math.ceil((p / 100) * values.length) - 1)] ?? 0;

describe('log buckets', () => {
  test.each([
    [0.5, -34, 0.5015],
    [1, 0, 0.99],
    [10, 116, 10.0747],
    [16, 139, 15.9593],
    [18.52, 146, 18.3577],
    [50, 196, 49.903],
    [100, 231, 100.4946],
    [200, 265, 198.3685],
    [500, 311, 497.7794],
    [1000, 346, 1002.428],
  ])('%s lies in bucket %s, which stands for %s', (value, bucket, estimate) => {
    expect(bucketOf(value)).toBe(bucket);
    expect(estimateOf(bucket)).toBeCloseTo(estimate, 4);
  });

  test('values below 0.001 are zeros', () => {
    expect([0, 0.0009, 0.001].map(bucketOf)).toEqual([undefined, undefined, -345]);
  });

  test('a percentile is within 1 % of the exact one, whatever the values and their order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 86_400_000 }), fc.integer({ min: 0, max: 300 })), { minLength: 1, maxLength: 300 }),
        fc.constantFrom(1, 50, 95, 99, 100),
        (values, p) => {
          const exact = nearestRank(values, p);
          expect(Math.abs(percentileOf(countsOf(values), p) - exact)).toBeLessThanOrEqual(exact * 0.01 + 1e-9);
          expect(percentileOf(countsOf(values.toReversed()), p)).toBe(percentileOf(countsOf(values), p));
        },
      ),
    );
  });

  test('is 0 of nothing, and never leaves what was measured', () => {
    expect(percentileOf(countsOf([]), 95)).toBe(0);
    expect(percentileOf(countsOf([100, 200, 300, 400]), 95)).toBe(400);
    expect(percentileOf(countsOf([403]), 95)).toBe(403);
    expect(percentileOf(countsOf([7]), 50)).toBe(7);
    expect(percentileOf(countsOf([0, 0, 5]), 50)).toBe(0);
  });
});
