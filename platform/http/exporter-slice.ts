import type { ExporterConfig } from '../config.ts';
import type { Directory } from '../directory/directory.ts';
import type { Logger } from '../log.ts';
import type { OrgSeriesSource } from '../metrics/org-series.ts';
import type { CounterInstrument, MetricsRegistry } from '../metrics/registry.ts';
import type { flushInstruments, IngestInstruments } from '../metrics/stack.ts';
import type { Pool } from '../postgres/pool.ts';
import type { Clock } from '../time/utc-day.ts';
import type { AlertDetails } from '../alerts/details.ts';
import type { Route } from './route.ts';

/** What the exporter gives each slice. */
export interface ExporterDeps {
  config: ExporterConfig;
  /** For ingest and counters. */
  pool: Pool;
  /** For collectors: a slow read must not keep ingest waiting. */
  readPool: Pool;
  directory: Directory;
  metrics: MetricsRegistry;
  ingest: IngestInstruments;
  flushes: ReturnType<typeof flushInstruments>;
  collectorErrors: CounterInstrument<{ collector: string }>;
  /** What slices add to alerts that are delivered to the webhook. */
  alertDetails: AlertDetails;
  /** Limits of each batch writer. */
  writerLimits: { maxTransactionRows: number; maxQueueRows: number; maxWaitMs: number };
  log: Logger;
  now: Clock;
}

/** The write side of one slice, as the exporter mounts it. */
export interface ExporterSlice {
  routes: readonly Route[];
  orgSeries?: OrgSeriesSource;
  /** Reads what the slice shows from the database; also runs every 15 s by itself. */
  refresh?: () => Promise<void>;
  /** Resolves when every accepted row is written. */
  drain?: () => Promise<void>;
  /** Stops timers and writes counters, giving up at `deadline` (performance.now()). */
  stop?: (deadline: number) => Promise<void>;
}
