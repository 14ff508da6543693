import { openSync, readSync } from 'node:fs';
import type { ProcessCalls, Stall } from './programs.ts';

/**
 * Asks in every turn of the event loop how long the turn took. monitorEventLoopDelay would only see what falls on its timer, and cannot
 * tell a long turn from a core that was given to another process.
 */
function watchEventLoop(): { stop: () => Stall } {
  const waitedMs = coreWaitClock();
  let turnStartedAt = performance.now();
  let cpuBefore = process.cpuUsage();
  let waitedBefore = waitedMs();
  let watching = true;
  const longest: Stall = { elapsedMs: 0, ownMs: 0 };
  const turn = (): void => {
    if (!watching) return;
    const elapsedMs = performance.now() - turnStartedAt;
    const waited = waitedMs();
    const { user, system } = process.cpuUsage(cpuBefore);
    // Two bounds from above on what the thread worked: the first still has the time it was blocked, the second the work of other threads.
    const ownMs = Math.min(elapsedMs - (waited - waitedBefore), (user + system) / 1000);
    longest.elapsedMs = Math.max(longest.elapsedMs, elapsedMs);
    longest.ownMs = Math.max(longest.ownMs, ownMs);
    cpuBefore = process.cpuUsage();
    waitedBefore = waited;
    turnStartedAt = performance.now();
    setImmediate(turn);
  };
  setImmediate(turn);
  return {
    stop: () => {
      watching = false;
      return longest;
    },
  };
}

/** How long the event loop's thread was ready to run and had no core, in ms so far. Only Linux tells; elsewhere it is 0. */
function coreWaitClock(): () => number {
  let file: number;
  try {
    file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return () => 0;
  }
  const buffer = Buffer.alloc(128);
  return () => {
    const length = readSync(file, buffer, 0, buffer.length, 0);
    return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / 1e6;
  };
}

let watch: { stop: () => Stall } | undefined;

/** What every measured process answers. */
export const processCalls: { [Name in keyof ProcessCalls]: (argument: undefined) => Promise<ProcessCalls[Name]['result']> } = {
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return Promise.resolve((user + system) / 1000);
  },
  watchEventLoop: () => {
    watch = watchEventLoop();
    return Promise.resolve();
  },
  longestStall: () => Promise.resolve(watch?.stop() ?? { elapsedMs: Number.NaN, ownMs: Number.NaN }),
};
