import { setTimeout as delay } from 'node:timers/promises';
import { mustDisturb, type Fault, type FaultStack } from '../fault.ts';

/** SIGKILL loses what the process holds in memory; what the operating system holds survives it. */
export const processKilled: Fault = {
  id: 'F1',
  title: 'the exporter is killed (SIGKILL) and started again',
  dose: { short: 3, nightly: 100 },
  inflict: async (stack) => {
    const { exporter, load, chance } = stack;
    const { pid } = exporter.process();
    // The kill must hit requests under way, at any moment of a transaction.
    await load.acknowledgedAfter(chance.between(50, 600));
    await mustDisturb(stack, async () => {
      await exporter.kill('SIGKILL');
      await mustHaveEnded(stack, 'signal SIGKILL');
    });
    await exporter.restart();
    if (exporter.process().pid === pid) throw new Error(`process ${pid} was killed and is still the exporter`);
    await load.recovered();
  },
};

const stopWithinMs = 15_000;

export const processStopped: Fault = {
  id: 'F2',
  title: 'the exporter is asked to stop (SIGTERM) and started again',
  dose: { short: 1, nightly: 20 },
  inflict: async (stack) => {
    const { exporter, load, chance } = stack;
    await load.acknowledgedAfter(chance.between(50, 600));
    const { pid } = exporter.process();
    const signalledAt = performance.now();
    await exporter.kill('SIGTERM');
    await mustHaveEnded(stack, 'exit code 0');
    const stoppedMs = Math.round(performance.now() - signalledAt);
    if (stoppedMs > stopWithinMs) throw new Error(`the stop took ${stoppedMs} ms, more than ${stopWithinMs}`);
    await exporter.restart();
    if (exporter.process().pid === pid) throw new Error(`process ${pid} was stopped and is still the exporter`);
    await load.recovered();
  },
};

/** Both at once: what was under way is unknown to the clients and to the exporter that follows. */
export const processAndDatabaseKilled: Fault = {
  id: 'F5',
  title: 'exporter and PostgreSQL are killed together and started again',
  dose: { short: 1, nightly: 20 },
  inflict: async (stack) => {
    const { exporter, database, load, chance } = stack;
    await load.acknowledgedAfter(chance.between(50, 600));
    const { pid } = exporter.process();
    await mustDisturb(stack, async () => {
      await Promise.all([database.stop('immediate'), delay(chance.between(0, 20)).then(() => exporter.kill('SIGKILL'))]);
    });
    await database.start();
    await exporter.restart();
    if (exporter.process().pid === pid) throw new Error(`process ${pid} was killed and is still the exporter`);
    await load.recovered();
  },
};

async function mustHaveEnded({ exporter }: FaultStack, how: string): Promise<void> {
  const ended = await exporter.process().ended;
  if (ended !== how) throw new Error(`the exporter should have ended with ${how} and ended with ${ended}`);
}
