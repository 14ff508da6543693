import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { addHealthDeltas, countLoad, emptyHealthDelta, type HealthDelta } from '../../features/widget-health/ingest.ts';
import { deriveConfiguration, startPrometheus } from '../../local/prometheus.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import { utcDayOf } from '../../platform/time/utc-day.ts';
import { freePort } from '../../test/support/free-port.ts';
import { requireTool } from '../../test/support/tools.ts';
import type { BenchContext } from './bench.ts';
import { createOrganizations } from './organizations.ts';
import { startMeasuredExporter } from './programs.ts';

export interface PrometheusUse {
  organizations: number;
  /** Of one organization on /metrics/orgs, scraped twice a minute. */
  seriesPerOrganization: number;
  /** Of one organization, made by recording rules four times a minute. */
  recordedPerOrganization: number;
  samples: number;
  /** Of the samples once they are in a block. */
  bytesPerSample: number;
  /** Of the samples in the write-ahead log, in which they stay for up to three hours. */
  logBytesPerSample: number;
  headSeries: number;
  residentBytes: number;
}

/** A minute of it is half an hour: scrapes every second, rules every half. */
const speedUp = 30;
const organizations = 1000;

/**
 * Runs Prometheus with the rules and the scrape configuration of the repository on the series of organizations that are all used between
 * two scrapes, for two hours by its (hurried) clock, as long as what it holds before it writes a block.
 */
export async function measurePrometheus({ cluster, quick }: Pick<BenchContext, 'cluster' | 'quick'>): Promise<PrometheusUse> {
  const database = await cluster.createDatabase('size_prometheus');
  await createOrganizations(database.db, organizations);
  const exporter = await startMeasuredExporter(database);
  const { metricsUrl } = await exporter.call('start', undefined);
  const directory = await mkdtemp(join(tmpdir(), 'observability-bench-prometheus-'));
  const [port, unused] = [await freePort(), await freePort()];
  const configuration = await deriveConfiguration({
    directory,
    speedUp,
    webhookToken: randomBytes(18).toString('base64url'),
    ports: {
      exporter: unused,
      exporterMetrics: Number(new URL(metricsUrl).port),
      apiMetrics: unused,
      jobsMetrics: unused,
      prometheus: port,
      alertmanager: unused,
    },
  });
  const prometheus = startPrometheus(requireTool('prometheus'), configuration, {
    port,
    args: ['--web.enable-admin-api'],
    onUnexpectedExit: (error) => process.stderr.write(`bench: ${error.message}\n`),
  });
  try {
    await useOrganizations(database.db, () => exporter.call('refresh', undefined), quick ? 30 : 7200 / speedUp);
    return await readUse(`http://127.0.0.1:${port}`, join(directory, 'prometheus-data'));
  } finally {
    await prometheus.stop();
    await exporter.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function useOrganizations(db: Queryable, refresh: () => Promise<unknown>, seconds: number): Promise<void> {
  const { rows } = await db.query<{ id: number }>('select organizations.id from organizations order by organizations.id');
  const until = performance.now() + seconds * 1000;
  for (let turn = performance.now(); turn < until; turn += 1000) {
    const entries = rows.map(({ id }) => [id, someLoads()] as const);
    await addHealthDeltas(db, { id: randomUUID(), day: utcDayOf(new Date()) }, entries);
    await refresh();
    await delay(Math.max(0, turn + 1000 - performance.now()));
  }
}

/** What half a minute brings to an organization with a thousand loads an hour. */
function someLoads(): HealthDelta {
  const delta = emptyHealthDelta();
  const loads = 1 + Math.floor(Math.random() * 15);
  for (let load = 0; load < loads; load += 1) countLoad(delta, new Date(), Math.exp(1 + Math.random() * 4));
  delta.failures = Math.random() < 0.05 ? 1 : 0;
  delta.mismatches = Math.random() < 0.02 ? 1 : 0;
  return delta;
}

async function readUse(url: string, dataDirectory: string): Promise<PrometheusUse> {
  const seriesPerOrganization = await ask(url, `count({__name__=~"widget_org_.+", org!="__overflow__"}) / ${organizations}`);
  const recordedPerOrganization = await ask(url, `count({__name__=~"org:.+"}) / ${organizations}`);
  const headSeries = await ask(url, 'max(prometheus_tsdb_head_series)');
  const residentBytes = await ask(url, 'max(process_resident_memory_bytes{job="prometheus"})');
  const logBytes = await directoryBytes(join(dataDirectory, 'wal'));
  const response = await fetch(`${url}/api/v1/admin/tsdb/snapshot`, { method: 'POST' });
  const { data } = snapshotAnswer.parse(await response.json());
  const snapshot = join(dataDirectory, 'snapshots', data.name);
  let samples = 0;
  for (const block of await readdir(snapshot)) {
    samples += blockMeta.parse(JSON.parse(await readFile(join(snapshot, block, 'meta.json'), 'utf8'))).stats.numSamples;
  }
  return {
    organizations,
    seriesPerOrganization,
    recordedPerOrganization,
    samples,
    bytesPerSample: (await directoryBytes(snapshot)) / samples,
    logBytesPerSample: logBytes / samples,
    headSeries,
    residentBytes,
  };
}

const snapshotAnswer = z.object({ data: z.object({ name: z.string() }) });
const blockMeta = z.object({ stats: z.object({ numSamples: z.number() }) });
const queryAnswer = z.object({ data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }) });

async function ask(url: string, query: string): Promise<number> {
  const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query }).toString()}`);
  const [first] = queryAnswer.parse(await response.json()).data.result;
  if (first === undefined) throw new Error(`Prometheus knows nothing of ${query}: see whether it could scrape the exporter`);
  return Number(first.value[1]);
}

async function directoryBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
