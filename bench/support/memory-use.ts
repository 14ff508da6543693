import { setTimeout as delay } from 'node:timers/promises';
import type { BenchContext } from './bench.ts';
import type { BenchDatabase } from './cluster.ts';
import { signToken } from './environment.ts';
import { countSeries, parseSeries } from './exposition-text.ts';
import type { LoadOptions } from './load.ts';
import { allowedOrigin, createOrganizations } from './organizations.ts';
import { startMeasuredApi, startMeasuredExporter, startMeasuredJobs } from './programs.ts';
import { fetchText } from './scrape.ts';

/** Largest resident memory that a process tells of itself, in bytes. */
export interface MemoryUse {
  organizations: number;
  exporterIdle: number;
  exporterLoaded: number;
  api: number;
  jobs: number;
  /** Of one scrape. */
  orgsBytes: number;
  orgsSeries: number;
  fleetBytes: number;
  fleetSeries: number;
}

type Context = Pick<BenchContext, 'cluster' | 'load' | 'quick'>;

const rounds = 10;
const connections = 32;

export async function measureMemory(context: Context, organizations: number): Promise<MemoryUse> {
  const database = await context.cluster.createDatabase(`memory_${organizations}`);
  const siteIds = (await createOrganizations(database.db, organizations)).map(({ siteId }) => siteId);
  return {
    organizations,
    ...(await measureExporter(context, database, siteIds)),
    api: await measureApi(context, database),
    jobs: await measureJobs(database),
  };
}

async function measureExporter(
  { load, quick }: Context,
  database: BenchDatabase,
  siteIds: string[],
): Promise<Omit<MemoryUse, 'organizations' | 'api' | 'jobs'>> {
  const exporter = await startMeasuredExporter(database);
  const { url, metricsUrl } = await exporter.call('start', undefined);
  const refreshAndScrape = async (): Promise<number> => {
    await exporter.call('refresh', undefined);
    await fetchText(`${metricsUrl}/metrics/orgs`);
    return residentBytes(metricsUrl);
  };
  let exporterIdle = 0;
  for (let round = 0; round < rounds; round += 1) exporterIdle = Math.max(exporterIdle, await refreshAndScrape());
  const exporterLoaded =
    siteIds.length === 0
      ? exporterIdle
      : await largestDuring(
          load.call('run', { url, connections, seconds: quick ? 5 : 20, send: { kind: 'bootloader', siteIds, origin: allowedOrigin } }),
          refreshAndScrape,
        );
  const [orgs, fleet] = [await fetchText(`${metricsUrl}/metrics/orgs`), await fetchText(`${metricsUrl}/metrics`)];
  await exporter.stop();
  return {
    exporterIdle,
    exporterLoaded,
    orgsBytes: orgs.length,
    orgsSeries: countSeries(orgs),
    fleetBytes: fleet.length,
    fleetSeries: countSeries(fleet),
  };
}

/** While administrators ask about all organizations, which is the most that the API reads at once. */
async function measureApi({ load, quick }: Context, database: BenchDatabase): Promise<number> {
  const api = await startMeasuredApi(database);
  const { url, metricsUrl } = await api.call('start', undefined);
  const reads: LoadOptions = {
    url,
    connections: 2,
    seconds: quick ? 3 : 10,
    send: { kind: 'read', path: '/internal/metrics/widget-health-summary', tokens: [await signToken({ role: 'admin', sub: 'size' })] },
  };
  const largest = await largestDuring(load.call('run', reads), () => residentBytes(metricsUrl));
  await api.stop();
  return largest;
}

async function measureJobs(database: BenchDatabase): Promise<number> {
  const jobs = await startMeasuredJobs(database);
  const { metricsUrl } = await jobs.call('start', undefined);
  const bytes = await residentBytes(metricsUrl);
  await jobs.stop();
  return bytes;
}

/** The largest of what `read` answers once a second until `work` is done. */
async function largestDuring(work: Promise<unknown>, read: () => Promise<number>): Promise<number> {
  const done = work.then(() => true);
  let largest = await read();
  while (!(await Promise.race([done, delay(1000, false)]))) largest = Math.max(largest, await read());
  return Math.max(largest, await read());
}

async function residentBytes(metricsUrl: string): Promise<number> {
  const found = parseSeries(await fetchText(`${metricsUrl}/metrics`)).find(({ name }) => name === 'process_resident_memory_bytes');
  if (found === undefined) throw new Error(`${metricsUrl}/metrics does not show process_resident_memory_bytes: run this on Linux`);
  return found.value;
}
