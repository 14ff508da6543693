import { startChild, type Child } from './child.ts';
import type { BenchDatabase } from './cluster.ts';
import { apiEnvironment, exporterEnvironment, jobsEnvironment } from './environment.ts';

export interface Addresses {
  url: string;
  metricsUrl: string;
}

/** The longest turn of a process' event loop, in ms. */
export interface Stall {
  /** By the clock. */
  elapsedMs: number;
  /** Without the time in which other processes had the cores; never less than what the event loop's own thread worked. */
  ownMs: number;
}

export interface ProcessCalls {
  /** CPU time of the whole process so far, in ms. */
  cpuMs: { argument: undefined; result: number };
  watchEventLoop: { argument: undefined; result: void };
  /** Since the watch began; ends it. */
  longestStall: { argument: undefined; result: Stall };
}

export interface ExporterCalls extends ProcessCalls {
  start: { argument: undefined; result: Addresses };
  /** Reads and renders everything that comes from the database; answers how long it took, in ms. */
  refresh: { argument: undefined; result: number };
}

/**
 * What the exporter is compared with: the same application with one thing taken out. `no database, in groups` answers together whatever
 * arrived in one turn of the event loop, as a group commit does, which spares both sides of a connection many wake-ups.
 */
export type Variant = 'no database' | 'no database, in groups' | 'insert per request' | 'insert per operation' | 'no instrumentation';

export interface ComparisonCalls extends ProcessCalls {
  start: { argument: Variant; result: Pick<Addresses, 'url'> };
}

export interface PromClientCalls extends ProcessCalls {
  /** Fills the registry with what the exporter shows there; answers how many series that are. */
  fill: { argument: string; result: number };
  /** One rendering; how long it took, in ms. */
  render: { argument: undefined; result: number };
  /** The rendered text; to be compared. */
  text: { argument: undefined; result: string };
}

export interface ApiCalls extends ProcessCalls {
  start: { argument: undefined; result: Addresses };
}

export interface JobsCalls extends ProcessCalls {
  /** Runs what is due, and reads everything that comes from the database. */
  start: { argument: undefined; result: Pick<Addresses, 'metricsUrl'> };
}

export const startMeasuredExporter = (database: BenchDatabase, settings: Record<string, string> = {}): Promise<Child<ExporterCalls>> =>
  startChild<ExporterCalls>('exporter', { ...exporterEnvironment(database), ...settings });

export const startComparison = (database: BenchDatabase): Promise<Child<ComparisonCalls>> =>
  startChild<ComparisonCalls>('comparison', exporterEnvironment(database));

export const startMeasuredApi = (database: BenchDatabase, settings: Record<string, string> = {}): Promise<Child<ApiCalls>> =>
  startChild<ApiCalls>('api', { ...apiEnvironment(database), ...settings });

export const startMeasuredJobs = (database: BenchDatabase): Promise<Child<JobsCalls>> =>
  startChild<JobsCalls>('jobs', jobsEnvironment(database));

export const startPromClient = (): Promise<Child<PromClientCalls>> => startChild<PromClientCalls>('prom-client');
