import { roundHalfAway } from '../../platform/rounding.ts';

/** Upper bounds of the rolling histogram in ms, inclusive; the last stands for "open end". Also constants of widget_rt_json in migrations/0006. */
export const bucketMaxMs = [50, 100, 200, 500, 1000, 2000, 999_999] as const;
export const bucketCount = bucketMaxMs.length;

/** What the open bucket is taken to reach when a percentile falls into it. */
const openBucketMaxMs = 5000;

/** Index of the bucket a duration goes to; 0 and negative durations go to the first. */
export function bucketOf(durationMs: number): number {
  const index = bucketMaxMs.findIndex((max) => durationMs <= max);
  return index === -1 ? bucketCount - 1 : index;
}

/**
 * The seven counts of a stored histogram, defensively: malformed gives zeros, and so does a count that is no number >= 0. The same rule as
 * widget_rt_counts in migrations/0006, which takes ten times as long as decoding here.
 */
export function bucketCounts(stored: unknown): number[] {
  const buckets: unknown = typeof stored === 'object' && stored !== null && 'buckets' in stored ? stored.buckets : undefined;
  if (!Array.isArray(buckets) || buckets.length !== bucketCount) return Array<number>(bucketCount).fill(0);
  return buckets.map((bucket: unknown) => {
    const count: unknown = typeof bucket === 'object' && bucket !== null && 'count' in bucket ? bucket.count : undefined;
    return typeof count === 'number' && count >= 0 && count <= Number.MAX_SAFE_INTEGER ? Math.floor(count) : 0;
  });
}

/**
 * Percentile `p` (0..100) in ms by linear interpolation inside its bucket; null without samples, or when `totalCount` reaches beyond what the buckets
 * hold. Source: contracts/widget-health.md, Read API.
 */
export function computePercentile(counts: readonly number[], totalCount: number, p: number): number | null {
  if (totalCount === 0) return null;
  const target = Math.ceil((p / 100) * totalCount);
  let cumulative = 0;
  for (let index = 0; index < bucketCount; index += 1) {
    const count = counts[index] ?? 0;
    if (cumulative + count >= target) {
      const lo = index === 0 ? 0 : (bucketMaxMs[index - 1] ?? 0);
      const hi = index === bucketCount - 1 ? openBucketMaxMs : (bucketMaxMs[index] ?? 0);
      const fraction = count === 0 ? 0.5 : (target - cumulative) / count;
      return roundHalfAway(lo + fraction * (hi - lo));
    }
    cumulative += count;
  }
  return null;
}
