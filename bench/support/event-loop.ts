import type { ProcessCalls, Stall } from './programs.ts';

/**
 * Asks in every turn of the event loop how long the turn took. monitorEventLoopDelay would only see what falls on its timer, and cannot
 * tell a long turn from a core that was given to another process.
 */
function watchEventLoop(): { stop: () => Stall } {
  let turnStartedAt = performance.now();
  let cpuAtStart = process.cpuUsage();
  let watching = true;
  const longest: Stall = { elapsedMs: 0, workedMs: 0 };
  const turn = (): void => {
    if (!watching) return;
    const elapsedMs = performance.now() - turnStartedAt;
    const { user, system } = process.cpuUsage(cpuAtStart);
    // Threads of the garbage collector count too, so this is at least what the event loop's own thread worked.
    const workedMs = Math.min(elapsedMs, (user + system) / 1000);
    longest.elapsedMs = Math.max(longest.elapsedMs, elapsedMs);
    longest.workedMs = Math.max(longest.workedMs, workedMs);
    turnStartedAt = performance.now();
    cpuAtStart = process.cpuUsage();
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
  longestStall: () => Promise.resolve(watch?.stop() ?? { elapsedMs: Number.NaN, workedMs: Number.NaN }),
};
