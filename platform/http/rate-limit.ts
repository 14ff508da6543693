import type { Clock } from '../time/utc-day.ts';

/** One count against a limit: requests per minute for this key. */
export interface RateLimitKey {
  key: string;
  perMinute: number;
}

export interface RateLimitState {
  allowed: boolean;
  limit: number;
  remaining: number;
  resetSeconds: number;
}

export interface RateLimiter {
  /** Counts one request against every key; the state told is that of the key with the least left. */
  count(policy: string, keys: readonly RateLimitKey[]): RateLimitState;
  heldKeys(): number;
}

const windowMs = 60_000;
/** A limiter without a bound on keys is a memory leak with a public door. About 10 MB when full. */
const maxKeys = 100_000;

/** Fixed windows of 60 s, counted per process. All limits are multiplied by `multiplier`. */
export function createRateLimiter(options: { now: Clock; multiplier: number }): RateLimiter {
  /** Insertion order is age. */
  let counts = new Map<string, number>();
  let currentWindow = -1;

  function countKey(key: string): number {
    const count = (counts.get(key) ?? 0) + 1;
    if (count === 1 && counts.size >= maxKeys) {
      const oldest = counts.keys().next();
      if (oldest.done !== true) counts.delete(oldest.value);
    }
    counts.set(key, count);
    return count;
  }

  return {
    count: (policy, keys) => {
      const nowMs = options.now().getTime();
      const window = Math.floor(nowMs / windowMs);
      if (window !== currentWindow) {
        currentWindow = window;
        counts = new Map();
      }
      const resetSeconds = Math.max(1, Math.ceil(((window + 1) * windowMs - nowMs) / 1000));
      return keys
        .map(({ key, perMinute }) => {
          const limit = Math.max(1, Math.floor(perMinute * options.multiplier));
          const remaining = limit - countKey(`${policy}|${key}`);
          return { allowed: remaining >= 0, limit, remaining: Math.max(0, remaining), resetSeconds };
        })
        .reduce((tightest, state) => (!state.allowed || state.remaining < tightest.remaining ? state : tightest));
    },
    heldKeys: () => counts.size,
  };
}
