import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { bootloaderBench } from './bootloader.ts';
import { ingestBench } from './ingest.ts';
import { marketingBench } from './marketing.ts';
import { orgSeriesBench } from './org-series.ts';
import { readsBench } from './reads.ts';
import type { Bench } from './support/bench.ts';
import { build } from './support/build.ts';
import { startBenchCluster } from './support/cluster.ts';
import { figureLine, isReached, type Figure } from './support/figures.ts';
import { startLoad } from './support/load.ts';
import { trackOperationBench } from './track-operation.ts';
import { widgetAnalyticsBench } from './widget-analytics.ts';
import { widgetAnalyticsReadsBench } from './widget-analytics-reads.ts';
import { widgetAnalyticsRollupBench } from './widget-analytics-rollup.ts';
import { widgetPerformanceBench } from './widget-performance.ts';
import { woocommerceBench } from './woocommerce.ts';

const benches: readonly Bench[] = [
  ingestBench,
  orgSeriesBench,
  bootloaderBench,
  readsBench,
  woocommerceBench,
  trackOperationBench,
  widgetAnalyticsBench,
  widgetAnalyticsReadsBench,
  widgetAnalyticsRollupBench,
  widgetPerformanceBench,
  marketingBench,
];

const help = [
  'usage: npm run bench -- [--quick] [<name> ...]',
  'Compares, side by side on this machine, and tells which figures are reached. Exits 1 when one is missed. Without a name, all:',
  ...benches.map(({ name, summary }) => `  ${name.padEnd(26)}${summary}`),
  '  --quick     fewer and shorter rounds: shows that it runs, proves less',
  'BENCH_CPU_PROF_DIR=<directory> writes a CPU profile of every measured process there.',
].join('\n');

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (values.help) return print(help);
  const unknown = positionals.find((name) => !benches.some((bench) => bench.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`bench: there is no ${unknown}\n${help}\n`);
    process.exitCode = 1;
    return;
  }
  const figures = await run(
    benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    values.quick,
  );
  print('');
  for (const figure of figures) print(figureLine(figure));
  if (!figures.every(isReached)) process.exitCode = 1;
}

async function run(chosen: readonly Bench[], quick: boolean): Promise<Figure[]> {
  const [cpu] = cpus();
  print(
    `Node ${process.version}, ${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), load average ${loadavg()[0]?.toFixed(1) ?? '?'} at the start; ` +
      'the load generator runs on the same cores; PostgreSQL flushes every commit to disk.',
  );
  await build();
  const cluster = await startBenchCluster();
  try {
    const load = await startLoad();
    const figures: Figure[] = [];
    for (const bench of chosen) {
      print('');
      figures.push(...(await bench.run({ cluster, load, quick, print })));
    }
    await load.stop();
    return figures;
  } finally {
    await cluster.stop();
  }
}

await main();
