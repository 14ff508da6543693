import { LRUCache } from 'lru-cache';
import type { Clock } from './time/utc-day.ts';

/** Answers that are dear to make, kept for a while. Callers that ask for the same one while it is made share it; a failure is not kept. */
export interface SingleFlightCache<Value> {
  get(key: string, make: () => Promise<Value>): Promise<Value>;
}

interface Entry<Value> {
  madeAt: number;
  value: Promise<Value>;
}

/** `ttlMs` 0: nothing is kept or shared. */
export function createSingleFlightCache<Value>(options: { ttlMs: number; maxEntries: number; now: Clock }): SingleFlightCache<Value> {
  const entries = new LRUCache<string, Entry<Value>>({ max: options.maxEntries });

  function isFresh({ madeAt }: Entry<Value>): boolean {
    const ageMs = options.now().getTime() - madeAt;
    // A negative age means that the clock was set back since.
    return ageMs >= 0 && ageMs < options.ttlMs;
  }

  return {
    get: (key, make) => {
      if (options.ttlMs === 0) return make();
      const known = entries.get(key);
      if (known !== undefined && isFresh(known)) return known.value;
      const entry: Entry<Value> = { madeAt: options.now().getTime(), value: make() };
      entries.set(key, entry);
      entry.value.catch(() => {
        if (entries.peek(key) === entry) entries.delete(key);
      });
      return entry.value;
    },
  };
}
