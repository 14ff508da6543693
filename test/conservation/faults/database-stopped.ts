import { mustDisturb, type Fault, type FaultStack } from '../fault.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { recoveryWithinMs } from '../fault.ts';

/** Answers 503 while nothing can be stored. */
const refusalsWhileDown = 20;

export const databaseCrashed: Fault = {
  id: 'F3',
  title: 'PostgreSQL stops at once (immediate), recovers and comes back',
  dose: { short: 1, nightly: 20 },
  inflict: (stack) => stopDatabase(stack, () => stack.database.stop('immediate')),
};

export const databaseRestarted: Fault = {
  id: 'F4',
  title: 'every connection is ended by the server (pg_terminate_backend), then PostgreSQL stops (fast) and comes back',
  dose: { short: 1, nightly: 20 },
  inflict: async (stack) => {
    await mustDisturb(stack, async () => {
      await stack.database.query(
        `select pg_terminate_backend(activity.pid) from pg_stat_activity activity where activity.usename = 'observability_exporter'`,
      );
      await stack.load.recovered();
    });
    await stopDatabase(stack, () => stack.database.stop('fast'));
  },
};

/** The exporter must live through it, say 503 meanwhile, and store again without any help. */
async function stopDatabase({ database, exporter, load, chance }: FaultStack, stop: () => Promise<void>): Promise<void> {
  const { pid } = exporter.process();
  await load.acknowledgedAfter(chance.between(50, 600));
  const before = load.unavailable();
  await stop();
  await waitUntil(() => load.unavailable() >= before + refusalsWhileDown, { within: recoveryWithinMs, what: 'answers 503' });
  await database.start();
  await load.recovered();
  if (!exporter.process().isRunning() || exporter.process().pid !== pid) {
    throw new Error('the exporter did not live through a stop of its database');
  }
}
