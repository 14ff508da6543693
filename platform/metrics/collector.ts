import type { Logger } from '../log.ts';
import type { CounterInstrument } from './registry.ts';

/**
 * Refreshes something from the database in the background, every 15 s by contract and never inside a scrape. While refreshes
 * fail the value is undefined: series are absent, not zero and not stale.
 */
export interface Collector<T> {
  latest(): T | undefined;
  refresh(): Promise<void>;
  stop(): void;
}

export const collectEveryMs = 15_000;

export function startCollector<T>(options: {
  name: string;
  read: () => Promise<T>;
  everyMs?: number;
  log: Logger;
  errors: CounterInstrument<{ collector: string }>;
}): Collector<T> {
  options.errors.inc({ collector: options.name }, 0);
  let latest: T | undefined;
  let refreshing: Promise<void> | undefined;

  async function refreshOnce(): Promise<void> {
    try {
      latest = await options.read();
    } catch (error) {
      latest = undefined;
      options.errors.inc({ collector: options.name });
      options.log.warn({ error, collector: options.name }, 'a collector could not read; what it reads is absent until it can');
    }
  }

  /** A refresh that is asked for while one runs is that one. */
  function refresh(): Promise<void> {
    refreshing ??= refreshOnce().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  const timer = setInterval(() => void refresh(), options.everyMs ?? collectEveryMs);
  timer.unref();
  return { latest: () => latest, refresh, stop: () => clearInterval(timer) };
}
