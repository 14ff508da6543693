import { roundHalfAway } from '../../platform/rounding.ts';
import { percentileOf } from '../../platform/sketch/log-buckets.ts';
import { addDays, type UtcDay } from '../../platform/time/utc-day.ts';
import type { UsageTotals } from './queries.ts';

/** Pure rules over totals of operations. Source: contracts/woocommerce.md, Read API. */
export interface UsageFigures {
  total_operations: number;
  success_rate: number;
  avg_duration_ms: number;
  p50_duration_ms: number;
  p95_duration_ms: number;
  p99_duration_ms: number;
}

/** Rounded once, here: the rate in percent to one decimal, durations to whole milliseconds; 0 of nothing. */
export function usageFigures(totals: UsageTotals): UsageFigures {
  const percentile = (p: number): number => roundHalfAway(percentileOf(totals.durations, p));
  return {
    total_operations: totals.count,
    success_rate: roundHalfAway(successRate(totals) ?? 0, 1),
    avg_duration_ms: roundHalfAway(averageMs(totals) ?? 0),
    p50_duration_ms: percentile(50),
    p95_duration_ms: percentile(95),
    p99_duration_ms: percentile(99),
  };
}

/** Percent; undefined when nothing happened. */
function successRate({ count, successCount }: UsageTotals): number | undefined {
  return count === 0 ? undefined : (successCount / count) * 100;
}

function averageMs({ count, durationSumMs }: UsageTotals): number | undefined {
  return count === 0 ? undefined : durationSumMs / count;
}

export interface UsageChange {
  total_operations_pct: number | null;
  success_rate_points: number | null;
  avg_duration_pct: number | null;
  p95_duration_pct: number | null;
}

/** How one week differs from the one before, from unrounded values. */
export function usageChange(current: UsageTotals, previous: UsageTotals): UsageChange {
  const [rate, rateBefore] = [successRate(current), successRate(previous)];
  return {
    total_operations_pct: changePct(current.count, previous.count),
    success_rate_points: rate === undefined || rateBefore === undefined ? null : roundHalfAway(rate - rateBefore, 1),
    avg_duration_pct: changePct(averageMs(current) ?? 0, averageMs(previous) ?? 0),
    p95_duration_pct: changePct(percentileOf(current.durations, 95), percentileOf(previous.durations, 95)),
  };
}

/** Percent, one decimal; null when there was nothing to compare with. */
export function changePct(current: number, previous: number): number | null {
  return previous === 0 ? null : roundHalfAway(((current - previous) / previous) * 100, 1);
}

/** Week k is the seven UTC days that end today - 7k; both days belong to it. */
export function weekBefore(today: UtcDay, week: number): { first: UtcDay; last: UtcDay } {
  const last = addDays(today, -7 * week);
  return { first: addDays(last, -6), last };
}
