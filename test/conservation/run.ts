import { faults as allFaults } from './faults.ts';
import type { Fault } from './fault.ts';
import { seededChance } from './chance.ts';
import { makeDailyFigures } from './jobs-now.ts';
import { judge, problemsOf, resultLine, type Inflicted, type Verdict } from './oracle.ts';
import { startStack, type ConservationStack, type StackOptions } from './stack.ts';
import { readStored } from './stored.ts';

export type Dose = keyof Fault['dose'];

export interface ConservationRun {
  stack: ConservationStack;
  /** Inflicts a fault as often as its dose says, under load. @throws what it says, when it did not bite or was not overcome */
  inflict(fault: Fault, options?: { onProgress?: (times: number, of: number) => void }): Promise<void>;
  /** Ends the load, probes, makes the daily figures and compares everything. */
  conclude(options: { acknowledgedAtLeast: number }): Promise<Conclusion>;
  stop(): Promise<void>;
}

export interface Conclusion {
  line: string;
  verdict: Verdict;
  inflicted: readonly Inflicted[];
  /** Empty when it is green. */
  problems: readonly string[];
}

/** Of text in one request, as far as its route takes that much. */
const probeBytes = [1, 1024, 64 * 1024];

export async function startRun(options: Omit<StackOptions, 'chance'> & { seed: number; dose: Dose }): Promise<ConservationRun> {
  const { seed, dose, ...rest } = options;
  const stack = await startStack({ ...rest, chance: seededChance(seed) });
  const inflicted: Inflicted[] = [];
  const failures: string[] = [];
  return {
    stack,
    inflict: async (fault, { onProgress } = {}) => {
      stack.ledger.during = fault.id;
      const times = fault.dose[dose];
      const record = { id: fault.id, title: fault.title, times: 0 };
      inflicted.push(record);
      try {
        for (; record.times < times; record.times += 1) {
          stack.signal.throwIfAborted();
          await fault.inflict(stack);
          onProgress?.(record.times + 1, times);
        }
      } catch (error) {
        failures.push(`${fault.id} failed: ${error instanceof Error ? error.message : String(error)}`);
        await heal(stack);
        throw error;
      }
      stack.ledger.during = `what followed ${fault.id}`;
    },
    conclude: async ({ acknowledgedAtLeast }) => {
      for (const bytes of probeBytes) await stack.load.probe(bytes);
      await stack.load.finish();
      await makeDailyFigures(stack.database, stack.properties);
      const verdict = judge(stack.ledger.entries(), await readStored(stack.database));
      const disturbed = stack.load.unknown() + stack.load.unavailable();
      const proof = { acknowledgedAtLeast, inflicted, deduplicated: stack.ledger.deduplicated, disturbed };
      const times = inflicted.reduce((total, each) => total + each.times, 0);
      return { line: resultLine(verdict, times), verdict, inflicted, problems: [...failures, ...problemsOf(verdict, proof)] };
    },
    stop: stack.stop,
  };
}

/** After a fault that failed: the others, and the comparison in the end, are worth having all the same. */
async function heal({ database, databaseProxy, exporter, load }: ConservationStack): Promise<void> {
  load.poison(0);
  databaseProxy.mode('pass');
  await database.start();
  if (!exporter.process().isRunning()) await exporter.restart();
}

/** The faults of these ids; several may share one. @throws naming an id that there is not */
export function chosenFaults(ids: readonly string[] | undefined): readonly Fault[] {
  if (ids === undefined) return allFaults;
  return ids.flatMap((id) => {
    const found = allFaults.filter((known) => known.id === id);
    if (found.length > 0) return found;
    throw new Error(`there is no fault ${id}: choose among ${[...new Set(allFaults.map((known) => known.id))].join(', ')}`);
  });
}
