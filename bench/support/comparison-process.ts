import { bootloaderRoute, messagesRoute } from '../../features/widget-health/ingest-routes.ts';
import { addMessageBatches, messagesEndpoint, type MessageOutcome, type MessageUnit } from '../../features/widget-health/ingest.ts';
import { operationsRoute } from '../../features/woocommerce/ingest-routes.ts';
import { addOperations, operationsEndpoint, type OperationOutcome, type OperationUnit } from '../../features/woocommerce/ingest.ts';
import { createOrgCounts } from '../../features/woocommerce/org-counts.ts';
import { alertsIngest } from '../../platform/alerts/ingest-routes.ts';
import { readConfig } from '../../platform/config.ts';
import { createDirectory } from '../../platform/directory/directory.ts';
import { createApp } from '../../platform/http/app.ts';
import type { ExporterDeps } from '../../platform/http/exporter-slice.ts';
import { listen } from '../../platform/http/server.ts';
import { createLogger } from '../../platform/log.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../../platform/metrics/registry.ts';
import { flushInstruments, ingestInstruments, stackMetrics } from '../../platform/metrics/stack.ts';
import { createBatchWriter, type BatchWriter, type UnitFate } from '../../platform/postgres/batch-writer.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { systemClock as now } from '../../platform/time/utc-day.ts';
import { answerCalls } from './child.ts';
import { processCalls } from './event-loop.ts';
import type { ComparisonCalls, Variant } from './programs.ts';

answerCalls<ComparisonCalls>({ ...processCalls, start });

/** More than the exporter has for ingest, so that inserts one by one are not held up by a lack of connections. */
const connections = 20;

/** The exporter's application out of the same modules, with one thing taken out. */
async function start(variant: Variant): Promise<{ url: string }> {
  const config = readConfig('exporter');
  const log = createLogger({ service: 'bench', level: config.LOG_LEVEL });
  const metrics = variant === 'no instrumentation' ? silentRegistry : createMetricsRegistry({ defaultMetrics: true });
  const pool = openPool({
    connectionString: config.DATABASE_URL_EXPORTER,
    max: connections,
    applicationName: 'bench',
    statementTimeoutMs: 5000,
    log,
  });
  const directory = createDirectory({ db: pool, now, log });
  await directory.load();
  const deps: ExporterDeps = {
    config,
    pool,
    readPool: pool,
    directory,
    metrics,
    ingest: ingestInstruments(metrics),
    flushes: flushInstruments(metrics, now),
    collectorErrors: metrics.counter(stackMetrics.collectorErrors),
    alertDetails: new Map(),
    writerLimits: {
      maxTransactionRows: config.INGEST_MAX_TX_ROWS,
      maxQueueRows: config.INGEST_QUEUE_MAX_ROWS,
      maxWaitMs: config.INGEST_MAX_WAIT_MS,
    },
    log,
    now,
  };
  const endpoint = deps.ingest.endpoint(messagesEndpoint);
  const writer = variant === 'insert per request' ? insertingWriter(pool) : forgetfulWriter(deps, endpoint.committed, variant);
  const app = createApp({
    service: 'exporter',
    routes: [
      ...alertsIngest(deps).routes,
      bootloaderRoute(deps, () => undefined),
      messagesRoute(deps, { endpoint, writer }),
      operationsRoute(deps, {
        endpoint: deps.ingest.endpoint(operationsEndpoint),
        writer: operationByOperation(pool),
        orgCounts: createOrgCounts(),
      }),
    ],
    log,
    metrics,
    now,
    allowedOrigins: config.CORS_ALLOWED_ORIGINS,
    trustedProxyHops: config.TRUSTED_PROXY_HOPS,
    rateLimitMultiplier: config.RATE_LIMIT_MULTIPLIER,
    isStopping: () => false,
  });
  const { port } = await listen(app.callback, { port: config.EXPORTER_PORT });
  return { url: `http://127.0.0.1:${port}` };
}

type Writer = BatchWriter<MessageUnit, MessageOutcome>;

/** Queue and groups as they are, but whatever is to be written counts as stored at once. */
function forgetfulWriter(
  deps: ExporterDeps,
  onCommit: (commit: { rows: number; durationSeconds: number }) => void,
  variant: Variant,
): Writer {
  const nowhere: Pool = {
    query: () => Promise.reject(new Error('there is no database')),
    connect: (work) => work(nowhere),
    transaction: (work) => work(nowhere),
    counts: () => ({ idle: 0, busy: 0, waiting: 0 }),
    end: () => Promise.resolve(),
  };
  return createBatchWriter<MessageUnit, MessageOutcome>({
    pool: nowhere,
    log: deps.log,
    endpoint: messagesEndpoint,
    write: async (_db, units) => {
      if (variant === 'no database, in groups') await new Promise(setImmediate);
      return units.map(() => 'stored');
    },
    rowsOf: (unit) => unit.messages,
    ...deps.writerLimits,
    onCommit,
  });
}

/** Each request waits for a statement and a commit of its own. */
function insertingWriter(pool: Pool): Pick<Writer, 'submit'> {
  return {
    submit: async (units) => {
      const outcomes = await pool.connect((db) => addMessageBatches(db, units));
      return outcomes.map((outcome) => ({ refused: false, outcome }));
    },
  };
}

/** Each operation waits for a statement and a commit of its own; requests side by side keep every connection busy. */
function operationByOperation(pool: Pool): Pick<BatchWriter<OperationUnit, OperationOutcome>, 'submit'> {
  return {
    submit: async (units) => {
      const fates: UnitFate<OperationOutcome>[] = [];
      for (const unit of units) {
        const [outcome] = await pool.connect((db) => addOperations(db, [unit]));
        fates.push(outcome === undefined ? { refused: true } : { refused: false, outcome });
      }
      return fates;
    },
  };
}

const nothing = (): void => undefined;

/** Takes everything and counts nothing. */
const silentRegistry: MetricsRegistry = {
  counter: () => ({ inc: nothing }),
  gauge: () => ({ set: nothing }),
  gaugeFrom: nothing,
  histogram: () => ({ zero: nothing, observe: nothing }),
  addSource: nothing,
  render: () => Promise.resolve(''),
  definitions: () => [],
};
