import { expect, test } from 'vitest';
import { bucketOf, computePercentile } from './histogram.ts';

test.each([
  [-3, 0],
  [0, 0],
  [50, 0],
  [50.1, 1],
  [100, 1],
  [100.5, 2],
  [500, 3],
  [1000, 4],
  [2000, 5],
  [2000.5, 6],
  [1e9, 6],
])('a sample of %d ms goes to bucket %d', (durationMs, bucket) => {
  expect(bucketOf(durationMs)).toBe(bucket);
});

test.each([
  [[0, 0, 0, 0, 0, 0, 0], undefined, null, null],
  [[10, 0, 0, 0, 0, 0, 0], undefined, 25, 50],
  [[1, 0, 0, 0, 0, 0, 0], undefined, 50, 50],
  [[50, 30, 15, 4, 1, 0, 0], undefined, 50, 200],
  [[70, 20, 6, 3, 1, 0, 0], undefined, 36, 183],
  [[0, 0, 10, 0, 0, 0, 0], undefined, 150, 200],
  [[2, 2, 2, 2, 2, 2, 2], undefined, 350, 5000],
  [[0, 0, 0, 0, 0, 0, 1], undefined, 5000, 5000],
  [[0, 0, 0, 0, 0, 0, 4], undefined, 3500, 5000],
  [[10, 0, 0, 0, 0, 0, 0], 20, 50, null],
])('counts %j of %s samples: p50 %s, p95 %s', (counts, total, p50, p95) => {
  const totalCount = total ?? counts.reduce((sum, count) => sum + count, 0);
  expect(computePercentile(counts, totalCount, 50)).toBe(p50);
  expect(computePercentile(counts, totalCount, 95)).toBe(p95);
});
