import { randomInt } from 'node:crypto';
import type { DurableDatabase } from './durable-database.ts';
import type { RetryingLoad, SentBatch } from './retrying-load.ts';
import { servicePorts, startServiceProcess, waitUntilReady, type ServiceProcess } from './service-process.ts';
import { waitUntil } from './wait-until.ts';

export interface KillOptions {
  database: DurableDatabase;
  /** How often the exporter is killed. */
  kills: number;
  /** Acknowledged batches between two kills, drawn anew for each. */
  batchesBetweenKills: { from: number; to: number };
}

const readyWithinMs = 20_000;
const loadWithinMs = 30_000;

/**
 * Kills the exporter (SIGKILL) under load and starts it again, over and over, until every batch is acknowledged. SIGKILL loses what the process
 * holds in memory; what the operating system holds survives it, so this proves the acknowledgement after the commit and not the disk. Answers
 * while the exporter still runs: `stop` ends it.
 */
export async function killUnderLoad<Load extends RetryingLoad<SentBatch>>(
  options: KillOptions & {
    startLoad: (url: string) => Load;
    /** The answer, as outcomeOf writes it. */
    acknowledgement: string;
    /** While no exporter runs. */
    afterKill?: (load: Load) => Promise<void>;
  },
): Promise<{ load: Load; pids: number[]; stop: () => Promise<void> }> {
  const { database, kills, batchesBetweenKills, startLoad, acknowledgement, afterKill } = options;
  const ports = await servicePorts();
  let exporter: ServiceProcess | undefined;
  let load: Load | undefined;
  const start = async (): Promise<ServiceProcess> => {
    exporter = startServiceProcess('exporter', { database, ports });
    await waitUntilReady(exporter, readyWithinMs);
    return exporter;
  };
  const stop = async (): Promise<void> => {
    load?.abandon();
    await exporter?.stop();
  };
  const acknowledged = (of: Load): number => of.answers.get(acknowledgement) ?? 0;
  const waitForBatches = async (of: Load, count: number): Promise<void> => {
    const before = acknowledged(of);
    await waitUntil(() => acknowledged(of) >= before + count, { within: loadWithinMs, what: `${count} acknowledged batches` });
  };
  try {
    let running = await start();
    load = startLoad(running.url);
    const pids = [running.pid];
    for (let kill = 0; kill < kills; kill += 1) {
      await waitForBatches(load, randomInt(batchesBetweenKills.from, batchesBetweenKills.to));
      running.signal('SIGKILL');
      await running.ended;
      await afterKill?.(load);
      running = await start();
      pids.push(running.pid);
    }
    await waitForBatches(load, batchesBetweenKills.from);
    await load.finish({ within: loadWithinMs });
    return { load, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
