import { describe, expect, test } from 'vitest';
import { bucketOf } from '../../platform/sketch/log-buckets.ts';
import type { UtcDay } from '../../platform/time/utc-day.ts';
import type { UsageTotals } from './queries.ts';
import { changePct, usageChange, usageFigures, weekBefore } from './usage.ts';

/** Totals of operations with these durations, as the aggregates hold them. */
function totalsOf(durationsMs: readonly number[], successCount = durationsMs.length): UsageTotals {
  const counts = new Map<number, number>();
  for (const bucket of durationsMs.map(bucketOf)) if (bucket !== undefined) counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  return {
    count: durationsMs.length,
    successCount,
    durationSumMs: durationsMs.reduce((sum, duration) => sum + duration, 0),
    durations: {
      zeroCount: durationsMs.filter((duration) => duration === 0).length,
      buckets: [...counts].toSorted(([left], [right]) => left - right),
      min: durationsMs.length === 0 ? 0 : Math.min(...durationsMs),
      max: durationsMs.length === 0 ? 0 : Math.max(...durationsMs),
    },
  };
}

const times = (count: number, durationMs = 100): number[] => Array<number>(count).fill(durationMs);

describe('figures', () => {
  test.each([
    [11, 17, 64.7],
    [12, 17, 70.6],
    [2, 3, 66.7],
    [1, 8, 12.5],
    [1, 800, 0.1],
    [17, 17, 100],
    [0, 17, 0],
    [1999, 2000, 100],
  ])('%d of %d successful is %d percent', (successful, all, rate) => {
    expect(usageFigures(totalsOf(times(all), successful)).success_rate).toBe(rate);
  });

  test('of 100, 200, 300 and 400 ms: percentiles from the buckets, the highest clamped to the maximum', () => {
    expect(usageFigures(totalsOf([400, 100, 300, 200]))).toEqual({
      total_operations: 4,
      success_rate: 100,
      avg_duration_ms: 250,
      p50_duration_ms: 198,
      p95_duration_ms: 400,
      p99_duration_ms: 400,
    });
  });

  test('of nothing are zeros', () => {
    expect(usageFigures(totalsOf([]))).toEqual({
      total_operations: 0,
      success_rate: 0,
      avg_duration_ms: 0,
      p50_duration_ms: 0,
      p95_duration_ms: 0,
      p99_duration_ms: 0,
    });
  });

  test('an average of a half is rounded away from zero', () => {
    expect(usageFigures(totalsOf([1, 2])).avg_duration_ms).toBe(2);
    expect(usageFigures(totalsOf([1, 1, 2])).avg_duration_ms).toBe(1);
  });

  test('durations of 0 ms count as 0', () => {
    expect(usageFigures(totalsOf([0, 0, 0, 1000]))).toMatchObject({ avg_duration_ms: 250, p50_duration_ms: 0, p95_duration_ms: 1000 });
    expect(usageFigures(totalsOf([0, 0]))).toMatchObject({ p50_duration_ms: 0, p99_duration_ms: 0 });
  });

  test('percentiles are within 1 % of the exact ones', () => {
    const durations = Array.from({ length: 10_000 }, (_, n) => 1 + ((n * 7919) % 20_011)).toSorted((left, right) => left - right);
    const figures = usageFigures(totalsOf(durations));
    for (const [p, name] of [
      [50, 'p50_duration_ms'],
      [95, 'p95_duration_ms'],
      [99, 'p99_duration_ms'],
    ] as const) {
      const exact = durations[Math.ceil((p / 100) * durations.length) - 1] ?? 0;
      expect(Math.abs(figures[name] - exact) / exact, name).toBeLessThanOrEqual(0.0101);
    }
  });
});

describe('change from one week to the next', () => {
  test('is in percent of the week before, for rates in points', () => {
    const [current, previous] = [totalsOf(times(120, 110), 114), totalsOf(times(100, 100), 90)];
    expect(usageChange(current, previous)).toEqual({
      total_operations_pct: 20,
      success_rate_points: 5,
      avg_duration_pct: 10,
      p95_duration_pct: 10,
    });
  });

  test('is computed from unrounded values', () => {
    // 66.666… and 33.333…: of the rounded rates it would be 33.4.
    expect(usageChange(totalsOf(times(3), 2), totalsOf(times(3), 1)).success_rate_points).toBe(33.3);
    // 1.5 after 1: of the rounded averages it would be 100.
    expect(usageChange(totalsOf([1, 2]), totalsOf([1, 1])).avg_duration_pct).toBe(50);
  });

  test('is null where the week before has nothing to compare with', () => {
    const nothing = { total_operations_pct: null, success_rate_points: null, avg_duration_pct: null, p95_duration_pct: null };
    expect(usageChange(totalsOf(times(5)), totalsOf([]))).toEqual(nothing);
    expect(usageChange(totalsOf([]), totalsOf([]))).toEqual(nothing);
    expect(usageChange(totalsOf([5]), totalsOf([0]))).toEqual({
      total_operations_pct: 0,
      success_rate_points: 0,
      avg_duration_pct: null,
      p95_duration_pct: null,
    });
  });

  test('to an empty week is a loss of everything, and no change of its rate', () => {
    expect(usageChange(totalsOf([]), totalsOf(times(5)))).toEqual({
      total_operations_pct: -100,
      success_rate_points: null,
      avg_duration_pct: -100,
      p95_duration_pct: -100,
    });
  });

  test.each([
    [120, 100, 20],
    [100, 120, -16.7],
    [1, 3, -66.7],
    [0, 4, -100],
    [4, 0, null],
    [0, 0, null],
    [7, 7, 0],
  ])('%d after %d is %d percent', (current, previous, percent) => {
    expect(changePct(current, previous)).toBe(percent);
  });
});

test.each([
  ['2026-02-13', 0, '2026-02-07', '2026-02-13'],
  ['2026-02-13', 1, '2026-01-31', '2026-02-06'],
  ['2026-02-13', 11, '2025-11-22', '2025-11-28'],
  ['2024-03-02', 0, '2024-02-25', '2024-03-02'],
])('week %2$d before %1$s is the seven days from %3$s to %4$s', (today, week, first, last) => {
  expect(weekBefore(today as UtcDay, week)).toEqual({ first, last });
});
