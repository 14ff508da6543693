import { randomInt } from 'node:crypto';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { version } from '../../platform/version.ts';
import { buildServices } from '../support/built-services.ts';
import type { Fault } from './fault.ts';
import { faults } from './faults.ts';
import { chosenFaults, startRun, type Conclusion, type ConservationRun, type Dose } from './run.ts';

const help = [
  'usage: npm run test:faults -- [--nightly] [--only=F1,F3] [--seed=1]',
  'Inflicts faults on an exporter and its database while clients send to every ingest route, and compares what is stored with what was',
  'acknowledged. Exits 1 when they differ, when a fault was not overcome, or when too little happened to prove anything.',
  ...faults.map(({ id, title, dose }) => `  ${id.padEnd(5)}${title}: ${dose.short} times, nightly ${dose.nightly}`),
  '  --nightly   the long dose, for some tens of minutes',
  '  --only=     these faults, in this order',
  '  --seed=     draws the same moments again',
].join('\n');

/** By each infliction of a fault. */
const acknowledgedByFault = 200;
/** Of a fault that is inflicted often, so that a long run tells how far it is. */
const shownEvery = 10;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      nightly: { type: 'boolean', default: false },
      only: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return print(help);
  if (!/^\d{1,10}$/.test(values.seed)) throw new Error(`--seed=${values.seed}: give a whole number\n${help}`);
  const chosen = chosenFaults(values.only?.split(','));
  const dose: Dose = values.nightly ? 'nightly' : 'short';
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));

  const removeBuild = await buildServices();
  const run = await startRun({ seed: Number(values.seed), dose, signal: interrupted.signal });
  try {
    const setting = await settingLine(run, { seed: values.seed, dose });
    print(setting);
    for (const fault of chosen) await inflictLoudly(run, fault);
    const times = chosen.reduce((total, fault) => total + fault.dose[dose], 0);
    report(await run.conclude({ acknowledgedAtLeast: times * acknowledgedByFault }), setting);
  } finally {
    await run.stop();
    await removeBuild();
  }
}

/** A fault that fails leaves the others their turn; the run is red all the same. */
async function inflictLoudly(run: ConservationRun, fault: Fault): Promise<void> {
  const { load, signal } = run.stack;
  signal.throwIfAborted();
  const startedAt = performance.now();
  const before = { acknowledged: load.acknowledged(), unknown: load.unknown(), unavailable: load.unavailable() };
  const onProgress = (times: number, of: number): void => {
    if (times % shownEvery === 0 && times < of) print(`${fault.id.padEnd(5)}${times} of ${of}`);
  };
  let outcome = 'overcome';
  try {
    await run.inflict(fault, { onProgress });
  } catch (error) {
    signal.throwIfAborted();
    outcome = `FAILED: ${error instanceof Error ? error.message : String(error)}`;
  }
  print(
    `${fault.id.padEnd(5)}${fault.title}: ${outcome}, ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ` +
      `acknowledged ${load.acknowledged() - before.acknowledged}, without an answer ${load.unknown() - before.unknown}, ` +
      `503 ${load.unavailable() - before.unavailable}`,
  );
}

/** Where and how it was run: a result is worth nothing without it. */
async function settingLine({ stack }: ConservationRun, { seed, dose }: { seed: string; dose: Dose }): Promise<string> {
  const [row] = await stack.database.query<{ version: string }>(`select current_setting('server_version') as version`);
  const [cpu] = cpus();
  return (
    `widget-observability ${version}, Node ${process.version}, PostgreSQL ${row?.version ?? '?'}, ` +
    `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${dose} dose, seed ${seed}`
  );
}

function report({ line, problems, verdict }: Conclusion, setting: string): void {
  print([...verdict.byRoute].map(([route, count]) => `${route} ${count}`).join(', '));
  print(setting);
  print(line);
  for (const problem of problems) print(`not proven: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  process.stderr.write(`test:faults: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
