import type { ExporterConfig } from '../platform/config.ts';
import { createDirectory, type Directory } from '../platform/directory/directory.ts';
import { createApp, type App } from '../platform/http/app.ts';
import type { ExporterDeps } from '../platform/http/exporter-slice.ts';
import { startMetricsListener } from '../platform/http/metrics-listener.ts';
import { listen } from '../platform/http/server.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/log.ts';
import { startOrgSeries } from '../platform/metrics/org-series.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../platform/metrics/registry.ts';
import {
  exposeBuildInfo,
  flushInstruments,
  ingestInstruments,
  slowQueryCounter,
  stackMetrics,
  watchDatabase,
} from '../platform/metrics/stack.ts';
import { openPool } from '../platform/postgres/pool.ts';
import type { Clock } from '../platform/time/utc-day.ts';
import { exporterSlices } from './routes.ts';

export interface Exporter {
  app: App;
  metrics: MetricsRegistry;
  directory: Directory;
  publicPort: number;
  metricsPort: number;
  /** Reads everything that is shown from the database now, instead of in at most 15 s. */
  refresh: () => Promise<void>;
}

const ingestStatementTimeoutMs = 5000;
/** Longest wait for answers under way; the rest of the 15 s of a stop is for counters. */
const drainForMs = 8000;
const flushForMs = 4000;
const loadAgainAfterMs = 1000;
/** Keeps every organization's entry far from the hour after which it is no longer served through an outage. */
const reloadEveryMs = 10 * 60_000;

/** Starts the write side: telemetry in on the public port, series out on the metrics port. */
export async function startExporter(options: { config: ExporterConfig; lifecycle: Lifecycle; log: Logger; now: Clock }): Promise<Exporter> {
  const { config, lifecycle, log, now } = options;
  const metrics = createMetricsRegistry({ defaultMetrics: true });
  exposeBuildInfo(metrics, 'exporter', config.BUILD_COMMIT);
  const onSlowQuery = slowQueryCounter(metrics, 'exporter');
  const poolOptions = { connectionString: config.DATABASE_URL_EXPORTER, statementTimeoutMs: ingestStatementTimeoutMs, log, onSlowQuery };
  const pools = {
    ingest: openPool({ ...poolOptions, max: 6, applicationName: 'exporter ingest' }),
    read: openPool({ ...poolOptions, max: 4, applicationName: 'exporter read' }),
    probe: openPool({ ...poolOptions, max: 1, applicationName: 'exporter probe' }),
  };
  lifecycle.onStop('database pools', async () => {
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
  });
  const database = watchDatabase({
    metrics,
    service: 'exporter',
    pools,
    probe: pools.probe,
    safety: { acceptsLoss: config.ALLOW_LOSSY_DATABASE },
    log,
  });
  lifecycle.onStop('database probe', database.stop);

  const directory = createDirectory({ db: pools.read, now, log });
  const collectorErrors = metrics.counter(stackMetrics.collectorErrors);
  const deps: ExporterDeps = {
    config,
    pool: pools.ingest,
    readPool: pools.read,
    directory,
    metrics,
    ingest: ingestInstruments(metrics),
    flushes: flushInstruments(metrics, now),
    collectorErrors,
    alertDetails: new Map(),
    writerLimits: {
      maxTransactionRows: config.INGEST_MAX_TX_ROWS,
      maxQueueRows: config.INGEST_QUEUE_MAX_ROWS,
      maxWaitMs: config.INGEST_MAX_WAIT_MS,
    },
    log,
    now,
  };
  const slices = exporterSlices.map((slice) => slice(deps));
  const orgSeries = startOrgSeries({
    db: pools.read,
    limit: config.ORG_SERIES_MAX_ORGS,
    sources: slices.flatMap((slice) => slice.orgSeries ?? []),
    metrics,
    log,
    errors: collectorErrors,
  });
  lifecycle.onStop('collectors', orgSeries.stop);

  const metricsPort = await startMetricsListener({
    page: { service: 'exporter', summary: 'Takes telemetry of chat widgets in and shows it to Prometheus.' },
    metrics,
    orgSeries: orgSeries.chunks,
    isReady: directory.isLoaded,
    config,
    port: config.EXPORTER_METRICS_PORT,
    lifecycle,
    log,
  });
  lifecycle.onStop('counters', async () => {
    const deadline = performance.now() + flushForMs;
    await Promise.all(slices.map(async (slice) => slice.stop?.(deadline)));
  });

  const app = createApp({
    service: 'exporter',
    routes: slices.flatMap((slice) => slice.routes),
    log,
    metrics,
    now,
    allowedOrigins: config.CORS_ALLOWED_ORIGINS,
    trustedProxyHops: config.TRUSTED_PROXY_HOPS,
    rateLimitMultiplier: config.RATE_LIMIT_MULTIPLIER,
    maxBodyBytes: config.INGEST_QUEUE_MAX_BYTES,
    isStopping: () => lifecycle.stopping,
  });
  const publicListener = await listen(app.callback, { port: config.EXPORTER_PORT });
  lifecycle.onStop('public listener', publicListener.close);
  lifecycle.onStop('requests under way', () =>
    within(drainForMs, Promise.all([app.drain(), ...slices.map(async (slice) => slice.drain?.())])),
  );

  const refresh = async (): Promise<void> => {
    await Promise.all([orgSeries.refresh(), ...slices.map(async (slice) => slice.refresh?.())]);
  };
  void loadDirectory(directory, lifecycle, log).then(refresh);
  const reload = setInterval(() => {
    directory.load().catch((error: unknown) => log.warn({ error }, 'the organization directory could not be read again'));
  }, reloadEveryMs);
  lifecycle.onStop('directory', () => clearInterval(reload));
  log.info({ port: publicListener.port, metricsPort }, 'exporter is listening');
  return { app, metrics, directory, publicPort: publicListener.port, metricsPort, refresh };
}

/** Until it succeeds once: before that the exporter is not ready. */
async function loadDirectory(directory: Directory, lifecycle: Lifecycle, log: Logger): Promise<void> {
  while (!lifecycle.stopping && !directory.isLoaded()) {
    try {
      await directory.load();
    } catch (error) {
      log.warn({ error }, 'the organization directory could not be loaded; trying again');
      await new Promise((resolve) => setTimeout(resolve, loadAgainAfterMs));
    }
  }
}

async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
