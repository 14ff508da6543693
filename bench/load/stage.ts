import type { BenchCluster, BenchDatabase } from '../support/cluster.ts';
import { createIngestKeys, createOrganizations } from '../support/organizations.ts';
import { startMeasuredExporter } from '../support/programs.ts';
import type { Figure } from '../support/figures.ts';
import type { LoadKind } from '../support/load.ts';

export interface LoadContext {
  cluster: BenchCluster;
  quick: boolean;
  soakSeconds: number;
  print: (text: string) => void;
  /** Requests per second that the exporter acknowledges at most, of {@link batchSize} messages each; measured once. */
  capacity: () => Promise<number>;
}

export interface LoadPart {
  name: string;
  summary: string;
  run: (context: LoadContext) => Promise<Figure[]>;
}

/** Large enough for the bound of the queue, which counts rows, to be met by as many clients as there are. */
export const batchSize = 20;

/** An exporter on a database of its own, with organizations that may send to it. */
export interface Stage {
  database: BenchDatabase;
  url: string;
  metricsUrl: string;
  ingestKeys: string[];
  siteIds: string[];
  organizationKeys: string[];
  /** CPU time of the exporter so far. */
  cpuMs: () => Promise<number>;
  stop: () => Promise<void>;
}

export async function startStage(
  { cluster }: Pick<LoadContext, 'cluster'>,
  name: string,
  { organizations = 64, settings = {} }: { organizations?: number; settings?: Record<string, string> } = {},
): Promise<Stage> {
  const database = await cluster.createDatabase(`load_${name}`);
  const created = await createOrganizations(database.db, organizations);
  const ingestKeys = await createIngestKeys(database.db, created);
  const exporter = await startMeasuredExporter(database, settings);
  const { url, metricsUrl } = await exporter.call('start', undefined);
  return {
    database,
    url,
    metricsUrl,
    ingestKeys,
    siteIds: created.map(({ siteId }) => siteId),
    organizationKeys: created.map(({ key }) => key),
    cpuMs: () => exporter.call('cpuMs', undefined),
    stop: exporter.stop,
  };
}

export function messages(ingestKeys: string[], messagesPerBatch = batchSize): LoadKind {
  return { kind: 'messages', ingestKeys, messagesPerBatch };
}

/** Of the load generator: a client sends at least one request a second. */
export function atRate(requestsPerSecond: number, mostClients: number): { requestsPerSecond: number; connections: number } {
  const rate = Math.max(1, Math.round(requestsPerSecond));
  return { requestsPerSecond: rate, connections: Math.min(mostClients, rate) };
}
