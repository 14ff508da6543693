import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { DurableDatabase } from '../../support/durable-database.ts';
import type { Fault } from '../fault.ts';
import { sufferOutage, waitForCalm, waitForDatabaseDown, waitForRefusals } from './outage.ts';

/** Stops every process of the server; answers how to let them go on. A frozen disk looks the same. */
async function freeze(database: DurableDatabase): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url('superuser') });
  client.on('error', () => undefined);
  await client.connect();
  const frozen: number[] = [];
  const thaw = async (): Promise<void> => {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    await client.end();
  };
  try {
    const { rows: main } = await client.query<{ pid: number }>(`select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid`);
    for (const { pid } of main) if (stop(pid)) frozen.push(pid);
    // From now on there are no new ones.
    const { rows: children } = await client.query<{ pid: number }>('select pid from pg_stat_activity order by pid = pg_backend_pid()');
    for (const { pid } of children) if (stop(pid)) frozen.push(pid);
  } catch (error) {
    await thaw();
    throw error;
  }
  return thaw;
}

/** Whether there was such a process: a session may have ended since it was listed. */
function stop(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGSTOP');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

/** Nothing of the server's own can enforce a time limit then. */
const frozenServer: Fault = {
  id: 'F7',
  title: 'PostgreSQL is frozen',
  dose: { short: 1, nightly: 3 },
  inflict: (stack) =>
    sufferOutage(stack, {
      begin: () => freeze(stack.database),
      // Statements that were given up are carried out all the same when it wakes up, and their senders have them sent again by then.
      felt: async () => {
        await waitForRefusals(stack);
        await waitForDatabaseDown(stack);
      },
    }),
};

const frozenForMs = 3000;
const settlesWithinMs = 500;

/** What a blocked event loop, a suspended container and a moved virtual machine have in common. */
const frozenExporter: Fault = {
  id: 'F16',
  title: `exporter is frozen for ${frozenForMs / 1000} s`,
  dose: { short: 1, nightly: 3 },
  inflict: async (stack) => {
    const { load, exporter, signal } = stack;
    const { pid } = exporter.process();
    process.kill(pid, 'SIGSTOP');
    try {
      // Answers that had left it may still arrive.
      await delay(settlesWithinMs, undefined, { signal });
      const before = load.acknowledged();
      await delay(frozenForMs - settlesWithinMs, undefined, { signal });
      if (load.acknowledged() !== before) throw new Error('a frozen exporter acknowledged something: the fault did not bite');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await waitForCalm(stack);
    if (exporter.process().pid !== pid || !exporter.process().isRunning()) throw new Error('the exporter did not survive being frozen');
  },
};

export const frozenProcesses: readonly Fault[] = [frozenServer, frozenExporter];
