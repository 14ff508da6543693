import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

const sampleMs = 250;
/** Share of all cores that other work may take: a core that is half taken halves what needs both. */
const quietBelow = 0.12;
/** Waited at most, per benchmark: a machine that is never quiet still gets its figures, which then say less. */
const patienceMs = 120_000;

/**
 * A turn for each round, when nothing else works: a program that takes a core for a second slows down whichever side is being measured then.
 * While it waits, nothing of ours runs, so that what the cores do is others' work.
 */
export function quietTurns(): { next: () => Promise<void>; summary: (rounds: number) => string } {
  let waitedMs = 0;
  let busyTurns = 0;
  return {
    next: async () => {
      for (;;) {
        if ((await busyShare()) < quietBelow) return;
        waitedMs += sampleMs;
        if (waitedMs < patienceMs) continue;
        busyTurns += 1;
        return;
      }
    },
    summary: (rounds) =>
      `medians of ${rounds} rounds${busyTurns === 0 ? '' : `, of which ${busyTurns} began while other work had more than ${quietBelow * 100} % of the cores`}`,
  };
}

async function busyShare(): Promise<number> {
  const before = processorTimes();
  await delay(sampleMs);
  const after = processorTimes();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function processorTimes(): { idle: number; all: number } {
  let idle = 0;
  let all = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idle, all };
}
