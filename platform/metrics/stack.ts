import type { Logger } from '../log.ts';
import type { Pool } from '../postgres/pool.ts';
import { refuseUnsafeDatabase, UnsafeDatabaseError, type SafetyOptions } from '../postgres/safety.ts';
import type { Clock } from '../time/utc-day.ts';
import { version } from '../version.ts';
import { counter, fromCode, gauge, histogram, type Service } from './definitions.ts';
import type { MetricsRegistry } from './registry.ts';

const everyService = ['exporter', 'api', 'jobs'] as const;

/** The stack watching itself: metrics that every slice shares. Source: contracts, section Prometheus metrics. */
export const stackMetrics = {
  buildInfo: gauge({
    name: 'observability_build_info',
    help: 'Always 1; version, commit and Node version of the process.',
    source: 'constant',
    services: everyService,
    labels: { service: fromCode, version: fromCode, commit: fromCode, node_version: fromCode },
  }),
  httpRequests: counter({
    name: 'observability_http_requests_total',
    help: 'Finished HTTP requests; route is the pattern.',
    source: 'process',
    services: ['exporter', 'api'],
    labels: { service: fromCode, route: fromCode, method: fromCode, status: fromCode },
  }),
  httpDuration: histogram({
    name: 'observability_http_request_duration_seconds',
    help: 'Time from the request headers to the last byte of the answer.',
    source: 'process',
    services: ['exporter', 'api'],
    labels: { service: fromCode, route: fromCode, method: fromCode },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
  rateLimited: counter({
    name: 'observability_rate_limited_total',
    help: 'Requests answered 429.',
    source: 'process',
    services: ['exporter', 'api'],
    labels: { policy: fromCode },
  }),
  ingestRows: counter({
    name: 'observability_ingest_rows_total',
    help: 'Rows taken in, by fate.',
    source: 'process',
    labels: { endpoint: fromCode, outcome: ['stored', 'duplicate', 'refused', 'ignored', 'bot'] },
  }),
  ingestRejected: counter({
    name: 'observability_ingest_rejected_total',
    help: 'Ingest requests that were not stored.',
    source: 'process',
    labels: {
      endpoint: fromCode,
      reason: ['validation', 'json', 'origin', 'auth', 'unknown_chatbot', 'too_large', 'overloaded', 'database', 'shutdown'],
    },
  }),
  queueRows: gauge({
    name: 'observability_ingest_queue_rows',
    help: 'Rows waiting for their transaction.',
    source: 'process',
    labels: { endpoint: fromCode },
  }),
  queueLimitRows: gauge({
    name: 'observability_ingest_queue_limit_rows',
    help: 'Most rows that may wait; beyond it ingest answers 503.',
    source: 'constant',
    labels: { endpoint: fromCode },
  }),
  bodyBytes: gauge({
    name: 'observability_ingest_body_bytes',
    help: 'Bodies of the requests that are being answered, with a little more for each piece that they came in.',
    source: 'process',
  }),
  bodyLimitBytes: gauge({
    name: 'observability_ingest_body_limit_bytes',
    help: 'Most bytes that these bodies may have together; beyond it ingest answers 503.',
    source: 'constant',
  }),
  transactionRows: histogram({
    name: 'observability_ingest_transaction_rows',
    help: 'Rows per committed transaction.',
    source: 'process',
    labels: { endpoint: fromCode },
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000],
  }),
  commitDuration: histogram({
    name: 'observability_ingest_commit_duration_seconds',
    help: 'Time of one ingest transaction, from asking for a connection to the commit.',
    source: 'process',
    labels: { endpoint: fromCode },
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  }),
  flushPendingOrgs: gauge({
    name: 'observability_flush_pending_orgs',
    help: 'Organizations with counters that are not yet written.',
    source: 'process',
  }),
  flushFailures: counter({
    name: 'observability_flush_failures_total',
    help: 'Counter flushes that failed; their counters are kept.',
    source: 'process',
  }),
  flushLastSuccess: gauge({
    name: 'observability_flush_last_success_timestamp_seconds',
    help: 'Last successful counter flush, or the start of the process.',
    source: 'process',
  }),
  dbUp: gauge({
    name: 'observability_db_up',
    help: '1 when the last probe of the database, every 5 s, succeeded.',
    source: 'process',
    services: everyService,
    labels: { service: fromCode },
  }),
  poolConnections: gauge({
    name: 'observability_db_pool_connections',
    help: 'Connections of a pool by state; waiting counts callers without one.',
    source: 'process',
    services: everyService,
    labels: { service: fromCode, pool: fromCode, state: ['idle', 'busy', 'waiting'] },
  }),
  slowQueries: counter({
    name: 'observability_db_slow_queries_total',
    help: 'Statements that took more than one second.',
    source: 'process',
    services: everyService,
    labels: { service: fromCode },
  }),
  collectorErrors: counter({
    name: 'observability_collector_errors_total',
    help: 'Background refreshes that failed; their series are absent meanwhile.',
    source: 'process',
    services: ['exporter', 'jobs'],
    labels: { collector: fromCode },
  }),
  auditWriteFailures: counter({
    name: 'observability_audit_write_failures_total',
    help: 'Audit rows that could not be written.',
    source: 'process',
    services: ['api'],
    labels: { action: fromCode },
  }),
  jobRuns: counter({
    name: 'observability_job_runs_total',
    help: 'Finished runs of a job.',
    source: 'process',
    services: ['jobs'],
    labels: { task: fromCode, outcome: ['succeeded', 'failed'] },
  }),
  jobDuration: histogram({
    name: 'observability_job_duration_seconds',
    help: 'Run time of a job.',
    source: 'process',
    services: ['jobs'],
    labels: { task: fromCode },
    buckets: [0.1, 1, 5, 30, 60, 300, 900, 3600],
  }),
  jobLastSuccess: gauge({
    name: 'observability_job_last_success_timestamp_seconds',
    help: 'Last success of a job; none yet: its first start, else the start of the process.',
    source: 'database',
    services: ['jobs'],
    labels: { task: fromCode },
  }),
  jobInterval: gauge({
    name: 'observability_job_interval_seconds',
    help: 'Planned time between two runs of a job.',
    source: 'constant',
    services: ['jobs'],
    labels: { task: fromCode },
  }),
  partitionsAhead: gauge({
    name: 'observability_partitions_ahead_seconds',
    help: 'Time from now to the upper bound of the newest partition.',
    source: 'database',
    services: ['jobs'],
    labels: { table: fromCode },
  }),
} as const;

export function exposeBuildInfo(metrics: MetricsRegistry, service: Service, commit: string): void {
  metrics.gauge(stackMetrics.buildInfo).set({ service, version, commit, node_version: process.version }, 1);
}

const probeEveryMs = 5000;

/**
 * Pool use at each scrape, and a probe of the database every 5 s. The probe has its own word: a busy pool is not a database that is down. A
 * database that comes up, which may be another one than before, must be safe to run on; one that is not ends the process.
 */
export function watchDatabase(options: {
  metrics: MetricsRegistry;
  service: Service;
  pools: Readonly<Record<string, Pool>>;
  probe: Pool;
  /** Of roles other than that of `probe`. */
  others?: readonly Pool[];
  safety: SafetyOptions;
  log: Logger;
}): { isUp: () => boolean; stop: () => void } {
  const { metrics, service } = options;
  metrics.addSource(() => [
    {
      definition: stackMetrics.poolConnections,
      series: Object.entries(options.pools).flatMap(([pool, { counts }]) =>
        Object.entries(counts()).map(([state, value]) => ({ labels: { service, pool, state }, value })),
      ),
    },
  ]);
  const up = metrics.gauge(stackMetrics.dbUp);
  let isUp = false;
  up.set({ service }, 0);
  const checkSafety = (): Promise<unknown> =>
    Promise.all([options.probe, ...(options.others ?? [])].map((pool) => refuseUnsafeDatabase(pool, options.safety)));
  const probe = async (): Promise<void> => {
    const wasUp = isUp;
    const asked = wasUp ? options.probe.query('select 1') : checkSafety();
    isUp = await asked.then(
      () => true,
      (error: unknown) => {
        if (error instanceof UnsafeDatabaseError) throw error;
        if (wasUp) options.log.warn({ error }, 'the database does not answer');
        return false;
      },
    );
    if (isUp && !wasUp) options.log.info('the database answers');
    up.set({ service }, isUp ? 1 : 0);
  };
  void probe();
  const timer = setInterval(() => void probe(), probeEveryMs);
  timer.unref();
  return { isUp: () => isUp, stop: () => clearInterval(timer) };
}

/** Instruments of everything that takes rows in, one set per endpoint. */
export interface IngestInstruments {
  endpoint(endpoint: string): EndpointInstruments;
}
export interface EndpointInstruments {
  rows(outcome: IngestOutcome, rows: number): void;
  rejected(reason: RejectionReason): void;
  committed(commit: { rows: number; durationSeconds: number }): void;
  queue(limitRows: number, queuedRows: () => number): void;
  /** Whether so much is waiting that the next request would hardly fit. */
  isFull(): boolean;
}
export type IngestOutcome = (typeof stackMetrics.ingestRows.labels.outcome)[number];
export type RejectionReason = (typeof stackMetrics.ingestRejected.labels.reason)[number];

/** Of a queue: less than what one transaction takes out of it, so that there is always enough to write. */
const fullShare = 0.95;

export function ingestInstruments(metrics: MetricsRegistry): IngestInstruments {
  const rows = metrics.counter(stackMetrics.ingestRows);
  const rejected = metrics.counter(stackMetrics.ingestRejected);
  const transactionRows = metrics.histogram(stackMetrics.transactionRows);
  const commitDuration = metrics.histogram(stackMetrics.commitDuration);
  const queueLimit = metrics.gauge(stackMetrics.queueLimitRows);
  const queues = new Map<string, () => number>();
  metrics.addSource(() => [
    {
      definition: stackMetrics.queueRows,
      series: [...queues].map(([endpoint, queuedRows]) => ({ labels: { endpoint }, value: queuedRows() })),
    },
  ]);
  return {
    endpoint: (endpoint) => {
      for (const outcome of stackMetrics.ingestRows.labels.outcome) rows.inc({ endpoint, outcome }, 0);
      for (const reason of stackMetrics.ingestRejected.labels.reason) rejected.inc({ endpoint, reason }, 0);
      transactionRows.zero({ endpoint });
      commitDuration.zero({ endpoint });
      let isFull = (): boolean => false;
      return {
        rows: (outcome, by) => rows.inc({ endpoint, outcome }, by),
        rejected: (reason) => rejected.inc({ endpoint, reason }),
        committed: (commit) => {
          transactionRows.observe({ endpoint }, commit.rows);
          commitDuration.observe({ endpoint }, commit.durationSeconds);
        },
        queue: (limitRows, queuedRows) => {
          queueLimit.set({ endpoint }, limitRows);
          queues.set(endpoint, queuedRows);
          isFull = () => queuedRows() >= fullShare * limitRows;
        },
        isFull: () => isFull(),
      };
    },
  };
}

/** Instruments of the fire-and-forget counters of all slices of one process. */
export function flushInstruments(
  metrics: MetricsRegistry,
  now: Clock,
): { flushed(succeeded: boolean): void; watch(pendingOrgs: () => number): void } {
  const failures = metrics.counter(stackMetrics.flushFailures);
  const lastSuccess = metrics.gauge(stackMetrics.flushLastSuccess);
  const pending: (() => number)[] = [];
  lastSuccess.set({}, now().getTime() / 1000);
  metrics.gaugeFrom(stackMetrics.flushPendingOrgs, () => pending.reduce((sum, pendingOrgs) => sum + pendingOrgs(), 0));
  return {
    flushed: (succeeded) => {
      if (succeeded) lastSuccess.set({}, now().getTime() / 1000);
      else failures.inc({});
    },
    watch: (pendingOrgs) => pending.push(pendingOrgs),
  };
}

export function slowQueryCounter(metrics: MetricsRegistry, service: Service): () => void {
  const slow = metrics.counter(stackMetrics.slowQueries);
  slow.inc({ service }, 0);
  return () => slow.inc({ service });
}
