import { randomUUID } from 'node:crypto';
import type { Logger } from '../log.ts';
import type { Clock, UtcDay } from '../time/utc-day.ts';
import { utcDayOf } from '../time/utc-day.ts';
import { faultOf } from './errors.ts';
import type { Pool, Queryable } from './pool.ts';

/**
 * Counters that nobody waits for, merged per organization in memory and written as one statement at least once a second.
 * Memory grows with organizations, not with events, so they survive a database outage of any length.
 *
 * Exactly once: each flush carries an id that its statement records in `ingest_batches`. A flush whose fate is unknown (the connection broke
 * after it was sent) is sent again unchanged with the same id; one that certainly failed is merged back.
 */
export interface CounterFlusherOptions<Delta> {
  pool: Pool;
  log: Logger;
  now: Clock;
  empty: () => Delta;
  /** Adds `from` to `into`, in place. */
  merge: (into: Delta, from: Delta) => void;
  /** One statement that adds the deltas unless `flush` was recorded before; entries are sorted by organization. */
  write: (db: Queryable, flush: FlushId, entries: [orgId: number, delta: Delta][]) => Promise<void>;
  onFlush?: (succeeded: boolean) => void;
}

export interface FlushId {
  id: string;
  day: UtcDay;
}

export interface CounterFlusher<Delta> {
  /** Applies `change` to the pending counters of an organization. Never waits, never throws. */
  count(orgId: number, change: (pending: Delta) => void): void;
  pendingOrgs(): number;
  /** Stops the clock and writes what is pending, retrying until `deadline` (performance.now()). Throws when something is left. */
  stop(deadline: number): Promise<void>;
}

/** A little under the contracted second, which includes the write. */
const flushEveryMs = 900;
const longestBackoffMs = 30_000;

export function createCounterFlusher<Delta>(options: CounterFlusherOptions<Delta>): CounterFlusher<Delta> {
  let pending = new Map<number, Delta>();
  /** Sent, and not known to be stored or lost. */
  let uncertain: { flush: FlushId; entries: [number, Delta][] } | undefined;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> | undefined;
  let stopped = false;

  function count(orgId: number, change: (delta: Delta) => void): void {
    let delta = pending.get(orgId);
    if (delta === undefined) pending.set(orgId, (delta = options.empty()));
    change(delta);
    if (timer === undefined && flushing === undefined && !stopped) schedule(flushEveryMs);
  }

  function schedule(afterMs: number): void {
    timer = setTimeout(() => {
      timer = undefined;
      void flush();
    }, afterMs);
    timer.unref();
  }

  /** Never rejects: a failure is counted, kept for the next try and backed off. */
  function flush(): Promise<void> {
    flushing ??= flushOnce().finally(() => {
      flushing = undefined;
      if (!stopped && timer === undefined && pendingOrgs() > 0) schedule(nextDelayMs());
    });
    return flushing;
  }

  function nextDelayMs(): number {
    return Math.min(flushEveryMs * 2 ** failures, longestBackoffMs);
  }

  async function flushOnce(): Promise<void> {
    if (uncertain !== undefined && !(await send(uncertain))) return;
    if (pending.size > 0) await send(takePending());
  }

  /** Whether the attempt was written. */
  async function send(attempt: { flush: FlushId; entries: [number, Delta][] }): Promise<boolean> {
    uncertain = attempt;
    try {
      await options.pool.connect((connection) => options.write(connection, attempt.flush, attempt.entries));
      uncertain = undefined;
      failures = 0;
      options.onFlush?.(true);
      return true;
    } catch (error) {
      failures += 1;
      options.onFlush?.(false);
      if (faultOf(error) !== 'unknown') {
        uncertain = undefined;
        mergeBack(attempt.entries);
      }
      // Once per outage at warn; what repeats is in the metrics.
      const level = failures === 1 ? 'warn' : 'debug';
      options.log[level]({ error, organizations: attempt.entries.length }, 'counters could not be written; they are kept and retried');
      return false;
    }
  }

  function takePending(): { flush: FlushId; entries: [number, Delta][] } {
    const entries = [...pending].toSorted(([left], [right]) => left - right);
    pending = new Map();
    return { flush: { id: randomUUID(), day: utcDayOf(options.now()) }, entries };
  }

  function mergeBack(entries: [number, Delta][]): void {
    for (const [orgId, delta] of entries) {
      const newer = pending.get(orgId);
      if (newer !== undefined) options.merge(delta, newer);
      pending.set(orgId, delta);
    }
  }

  function pendingOrgs(): number {
    if (uncertain === undefined) return pending.size;
    return new Set([...pending.keys(), ...uncertain.entries.map(([orgId]) => orgId)]).size;
  }

  async function stop(deadline: number): Promise<void> {
    stopped = true;
    clearTimeout(timer);
    for (;;) {
      await flush();
      if (pendingOrgs() === 0) return;
      if (performance.now() + flushEveryMs > deadline) {
        throw new Error(`counters of ${pendingOrgs()} organizations could not be written before the stop`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  return { count, pendingOrgs, stop };
}
