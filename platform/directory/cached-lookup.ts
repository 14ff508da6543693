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
/** Organizations, chatbots or keys at most. */
const maxFound = 100_000;
const maxMissing = 10_000;

export function createCachedLookup<Value>(options: { read: (key: string) => Promise<Value | undefined>; now: Clock }): CachedLookup<Value> {
  const found = new LRUCache<string, Entry<Value>>({ max: maxFound });
  /** Apart, so that unknown keys, which anybody can make up, never push out what must survive an outage. */
  const missing = new LRUCache<string, Entry<Value>>({ max: maxMissing });
  const reading = new Map<string, Promise<Value | undefined>>();
  let lastFailure: { at: number; error: DatabaseUnavailableError } | undefined;

  const nowMs = (): number => options.now().getTime();
  /** A moment in the future means that the clock was set back since: nothing is known of its age then. */
  const sinceMs = (moment: number): number => (moment > nowMs() ? Number.POSITIVE_INFINITY : nowMs() - moment);

  function remember(key: string, value: Value | undefined): void {
    const [holds, other] = value === undefined ? [missing, found] : [found, missing];
    holds.set(key, { value, readAt: nowMs() });
    other.delete(key);
  }

  async function readThrough(key: string): Promise<Value | undefined> {
    try {
      const value = await options.read(key);
      remember(key, value);
      lastFailure = undefined;
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
    const entry = found.get(key) ?? missing.get(key);
    const age = entry === undefined ? Number.POSITIVE_INFINITY : sinceMs(entry.readAt);
    if (entry !== undefined && age < (entry.value === undefined ? notFoundForMs : foundForMs)) return entry.value;
    try {
      if (lastFailure !== undefined && sinceMs(lastFailure.at) < quietAfterFailureMs) throw lastFailure.error;
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
    put: remember,
  };
}

function after<Value>(milliseconds: number, value: Value): Promise<Value> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, value));
}
