/**
 * Counts of values by logarithmic buckets: any two sets of counts add up to the counts of both, in any order, and a percentile read from
 * them is within 1 % of the exact one. The mapping is DDSketch's (Masson, Rim, Lee: VLDB 2019). Source: contracts/widget-performance, Log buckets.
 */
const alpha = 0.01;
const gamma = (1 + alpha) / (1 - alpha);
const logGamma = Math.log(gamma);

/** Smaller values have no bucket: they are counted as zeros. */
export const smallestBucketed = 0.001;

/** The bucket of a value, which holds (gamma^(bucket-1), gamma^bucket]; undefined for zeros (anything below 0.001). */
export function bucketOf(value: number): number | undefined {
  // `|| 0` turns -0, the bucket of 1, into 0.
  return value < smallestBucketed ? undefined : Math.ceil(Math.log(value) / logGamma) || 0;
}

/** What a bucket stands for: off by at most 1 % from every value in it. */
export function estimateOf(bucket: number): number {
  return (2 * gamma ** bucket) / (gamma + 1);
}

export interface LogBucketCounts {
  zeroCount: number;
  /** Bucket and count, ascending by bucket, each bucket once. */
  buckets: readonly (readonly [bucket: number, count: number])[];
  min: number;
  max: number;
}

/** Percentile by nearest rank, 0 < p <= 100, clamped to [min, max]; 0 of nothing. The highest rank is the maximum, which is known exactly. */
export function percentileOf({ zeroCount, buckets, min, max }: LogBucketCounts, p: number): number {
  const total = buckets.reduce((sum, [, count]) => sum + count, zeroCount);
  if (total === 0) return 0;
  const rank = Math.max(1, Math.ceil((p / 100) * total));
  if (rank === total) return max;
  const clamp = (value: number): number => Math.min(max, Math.max(min, value));
  let seen = zeroCount;
  if (seen >= rank) return clamp(0);
  for (const [bucket, count] of buckets) {
    seen += count;
    if (seen >= rank) return clamp(estimateOf(bucket));
  }
  return max;
}
