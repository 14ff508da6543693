import { LRUCache } from 'lru-cache';
import { DatabaseUnavailableError } from '../postgres/errors.ts';
import type { Clock } from '../time/utc-day.ts';

/**
 * Look-ups that every request makes, cached: found for 60 s, not found for 10 s. While the database is unreachable an entry is
 * served for up to an hour after it was read; what is not cached then fails with DatabaseUnavailableError.
 */
export interface CachedLookup<Value> {
  get(key: string): Promise<Value | undefined>;
  put(key: string, value: Value): void;
}

interface Entry<Value> {
  value: Value | undefined;
  readAt: number;
}

const foundForMs = 60_000;
const notFoundForMs = 10_000;
const staleForMs = 60 * 60_000;
/** After a failed read nobody asks the database again for so long: an outage must not slow down what can be served from here. */
const quietAfterFailureMs = 1000;
/** How long a caller waits for a fresh value when an expired one is at hand. */
const refreshPatienceMs = 250;
/** Organizations, chatbots and keys at most; also bounds what unknown keys can occupy. */
const maxEntries = 100_000;

export function createCachedLookup<Value>(options: { read: (key: string) => Promise<Value | undefined>; now: Clock }): CachedLookup<Value> {
  const entries = new LRUCache<string, Entry<Value>>({ max: maxEntries });
  const reading = new Map<string, Promise<Value | undefined>>();
  let lastFailure: { at: number; error: DatabaseUnavailableError } | undefined;

  const nowMs = (): number => options.now().getTime();

  async function readThrough(key: string): Promise<Value | undefined> {
    try {
      const value = await options.read(key);
      entries.set(key, { value, readAt: nowMs() });
      return value;
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) lastFailure = { at: nowMs(), error };
      throw error;
    }
  }

  /** Callers that miss at the same time share one read. */
  function readShared(key: string): Promise<Value | undefined> {
    const running = reading.get(key);
    if (running !== undefined) return running;
    const read = readThrough(key).finally(() => reading.delete(key));
    reading.set(key, read);
    return read;
  }

  async function get(key: string): Promise<Value | undefined> {
    const entry = entries.get(key);
    const age = entry === undefined ? Number.POSITIVE_INFINITY : nowMs() - entry.readAt;
    if (entry !== undefined && age < (entry.value === undefined ? notFoundForMs : foundForMs)) return entry.value;
    try {
      if (lastFailure !== undefined && nowMs() - lastFailure.at < quietAfterFailureMs) throw lastFailure.error;
      const read = readShared(key);
      if (entry === undefined || age >= staleForMs) return await read;
      return await Promise.race([read, after(refreshPatienceMs, entry.value)]);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailableError) || entry === undefined || age >= staleForMs) throw error;
      return entry.value;
    }
  }

  return {
    get,
    put: (key, value) => entries.set(key, { value, readAt: nowMs() }),
  };
}

function after<Value>(milliseconds: number, value: Value): Promise<Value> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, value));
}
