import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { build } from './support/build.ts';
import { startBenchCluster } from './support/cluster.ts';
import { measureDatabase, type DatabaseUse } from './support/database-use.ts';
import { table } from './support/figures.ts';
import { startLoad } from './support/load.ts';
import { measureMemory, type MemoryUse } from './support/memory-use.ts';
import { measurePrometheus, type PrometheusUse } from './support/prometheus-use.ts';

const help = [
  'usage: npm run bench:size -- [--quick]',
  'Measures what the stack takes per organization and per event: memory of the processes, disk of PostgreSQL and of Prometheus.',
  'About eight minutes, four of them with Prometheus, which must be on PATH. docs/operations.md has the results.',
  '  --quick     shorter loads: shows that it runs, proves less',
].join('\n');

const sizes = [0, 1000, 10_000] as const;
/** Prometheus' own default, that of docker-compose.yml, a quarter of a year. */
const retentionDays = [15, 40, 90] as const;

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  if (values.help) return print(help);
  const { quick } = values;
  print(`Node ${process.version}, ${cpus().length} cores; everything runs on this machine.`);
  await build();
  const cluster = await startBenchCluster();
  const load = await startLoad();
  try {
    const memory: MemoryUse[] = [];
    for (const size of sizes) memory.push(await measureMemory({ cluster, load, quick }, size));
    printMemory(memory);
    printDatabase(await measureDatabase({ cluster, load, quick }));
    printPrometheus(await measurePrometheus({ cluster, quick }));
  } finally {
    await load.stop();
    await cluster.stop();
  }
}

function printMemory(measured: readonly MemoryUse[]): void {
  print('\nResident memory in MB, and one scrape');
  print(
    table([
      ['organizations', 'exporter', 'exporter, loaded', 'api', 'jobs', '/metrics/orgs series', 'MB', '/metrics series', 'kB'],
      ...measured.map((use) => [
        use.organizations.toLocaleString('en'),
        ...[use.exporterIdle, use.exporterLoaded, use.api, use.jobs].map(megabytes),
        use.orgsSeries.toLocaleString('en'),
        (use.orgsBytes / 1e6).toFixed(1),
        String(use.fleetSeries),
        (use.fleetBytes / 1e3).toFixed(0),
      ]),
    ]),
  );
}

function printDatabase(use: DatabaseUse): void {
  print('\nPostgreSQL, bytes on disk with indexes');
  print(
    table([
      ['empty, migrated database', whole(use.empty)],
      ['organization with an ingest key', whole(use.organization)],
      ['the same after loads', whole(use.loadedOrganization)],
      [`message batch with an id, of ${use.batches.toLocaleString('en')}`, whole(use.batch)],
      ['its write-ahead log', whole(use.batchLog)],
      ['delivered alert', whole(use.alert)],
      ['job run', whole(use.jobRun)],
    ]),
  );
}

function printPrometheus(use: PrometheusUse): void {
  print(`\nPrometheus, ${use.organizations.toLocaleString('en')} organizations, all used between two scrapes`);
  print(
    table([
      ['series per organization, scraped', whole(use.seriesPerOrganization)],
      ['series per organization, recorded', whole(use.recordedPerOrganization)],
      ['samples', whole(use.samples)],
      ['bytes per sample in a block', use.bytesPerSample.toFixed(2)],
      ['bytes per sample in the write-ahead log', use.logBytesPerSample.toFixed(2)],
      ['series in memory', whole(use.headSeries)],
      ['resident memory, MB', megabytes(use.residentBytes)],
      ['kB of it per series', (use.residentBytes / use.headSeries / 1e3).toFixed(1)],
    ]),
  );
  print('\nIts disk for the series of organizations: samples a day x bytes per sample x days');
  print(
    table([
      ['organizations', 'scraped every', 'samples a day', ...retentionDays.map((days) => `GB in ${days} days`)],
      ...[100, 1000, 10_000].flatMap((organizations) =>
        [30, 15].map((everySeconds) => {
          const samples = organizations * samplesPerDay(use, everySeconds);
          return [
            organizations.toLocaleString('en'),
            `${everySeconds} s`,
            whole(samples),
            ...retentionDays.map((days) => ((samples * use.bytesPerSample * days) / 1e9).toFixed(1)),
          ];
        }),
      ),
    ]),
  );
}

/** Of one organization. Recording rules are evaluated every 15 s, whatever the scrape interval. */
function samplesPerDay({ seriesPerOrganization, recordedPerOrganization }: PrometheusUse, scrapedEverySeconds: number): number {
  return (seriesPerOrganization * 86_400) / scrapedEverySeconds + (recordedPerOrganization * 86_400) / 15;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

await main();
