import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { build } from '../support/build.ts';
import { startBenchCluster } from '../support/cluster.ts';
import { figureLine, format, isReached, type Figure } from '../support/figures.ts';
import { capacityPart, measureCapacity } from './capacity.ts';
import { connectionsPart } from './connections.ts';
import { neighboursPart } from './neighbours.ts';
import { overloadPart } from './overload.ts';
import { soakPart } from './soak.ts';
import { batchSize, type LoadContext, type LoadPart } from './stage.ts';

const parts: readonly LoadPart[] = [capacityPart, overloadPart, neighboursPart, connectionsPart, soakPart];

const help = [
  'usage: npm run bench:load -- [--quick] [--only=<part>,<part>] [--soak=10m]',
  'What the exporter does under more load than it bears, and under load that does not end. Exits 1 when a figure is missed.',
  'About 25 minutes, ten of them for the soak; with --quick about three. The parts:',
  ...parts.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`),
  '  --quick       shorter: shows that it runs, proves less; a soak of a minute unless --soak says otherwise',
  '  --only        these parts',
  '  --soak        how long the soak takes: 90s, 10m, 2h',
].join('\n');

class UsageError extends Error {
  override readonly name = 'UsageError';
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function chosenParts(only: string | undefined): readonly LoadPart[] {
  if (only === undefined) return parts;
  return only.split(',').map((name) => {
    const part = parts.find((candidate) => candidate.name === name);
    if (part === undefined) throw new UsageError(`there is no part ${name}: choose of ${parts.map((each) => each.name).join(', ')}`);
    return part;
  });
}

function secondsOf(duration: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([smh])$/.exec(duration) ?? [];
  if (count === undefined || unit === undefined) throw new UsageError(`--soak=${duration}: give a duration such as 90s, 10m or 2h`);
  return Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'];
}

async function run(chosen: readonly LoadPart[], { quick, soakSeconds }: Pick<LoadContext, 'quick' | 'soakSeconds'>): Promise<Figure[]> {
  print(
    `Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), load average ${loadavg()[0]?.toFixed(1) ?? '?'} at the start; ` +
      'the load generator runs on the same cores; PostgreSQL flushes every commit to disk.',
  );
  await build();
  const cluster = await startBenchCluster();
  try {
    let capacity: Promise<number> | undefined;
    const measured = async (): Promise<number> => {
      const { perSecond } = await measureCapacity({ cluster, quick }, batchSize);
      print(`capacity: ${format(perSecond)} requests/s of ${batchSize} messages`);
      return perSecond;
    };
    const context: LoadContext = { cluster, quick, soakSeconds, print, capacity: () => (capacity ??= measured()) };
    const figures: Figure[] = [];
    for (const part of chosen) {
      print(`\n${part.name}: ${part.summary}`);
      figures.push(...(await part.run(context)));
    }
    return figures;
  } finally {
    await cluster.stop();
  }
}

/** What parseArgs throws. */
function isWrongOption(error: unknown): error is TypeError {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      soak: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return print(help);
  const { quick, only, soak = quick ? '60s' : '10m' } = values;
  const figures = await run(chosenParts(only), { quick, soakSeconds: secondsOf(soak) });
  print('');
  for (const figure of figures) print(figureLine(figure));
  if (!figures.every(isReached)) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  if (!(error instanceof UsageError) && !isWrongOption(error)) throw error;
  process.stderr.write(`bench:load: ${error.message}\n${help}\n`);
  process.exitCode = 1;
});
