import type { JobsConfig } from '../platform/config.ts';
import { startMetricsListener } from '../platform/http/metrics-listener.ts';
import { intervalSeconds, type Job } from '../platform/jobs/job.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/log.ts';
import { startCollector } from '../platform/metrics/collector.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../platform/metrics/registry.ts';
import { exposeBuildInfo, slowQueryCounter, stackMetrics, watchDatabase } from '../platform/metrics/stack.ts';
import { openPool, type Pool } from '../platform/postgres/pool.ts';
import type { Clock } from '../platform/time/utc-day.ts';
import { jobs, partitionedTables } from './jobs.ts';
import { readSecondsAhead } from './partitions.ts';
import { runJob, type JobRunner } from './run-job.ts';
import { readJobFreshness } from './runs.ts';

export interface Jobs {
  metrics: MetricsRegistry;
  metricsPort: number;
  /** Looks for due jobs now, instead of in at most a minute; resolves when none is running any more. */
  tick: () => Promise<void>;
  refresh: () => Promise<void>;
}

/** Roll-ups and retention over 10 million rows take minutes, not seconds. */
const statementTimeoutMs = 15 * 60_000;

/**
 * What is due is decided from job_runs, so missed and repeated alarms are harmless. A plain interval: an alarm that waits for a time of day, as
 * cron's do, stands still for as long as the clock was set back.
 */
const wakeUpEveryMs = 60_000;

/** Starts the clock. */
export async function startJobs(options: { config: JobsConfig; lifecycle: Lifecycle; log: Logger; now: Clock }): Promise<Jobs> {
  const { config, lifecycle, log, now } = options;
  const metrics = createMetricsRegistry({ defaultMetrics: true });
  exposeBuildInfo(metrics, 'jobs', config.BUILD_COMMIT);
  const onSlowQuery = slowQueryCounter(metrics, 'jobs');
  const poolOptions = { connectionString: config.DATABASE_URL_JOBS, log, onSlowQuery };
  const pools = {
    work: openPool({ ...poolOptions, max: 6, applicationName: 'jobs work', statementTimeoutMs }),
    read: openPool({ ...poolOptions, max: 2, applicationName: 'jobs read', statementTimeoutMs: 5000 }),
  };
  lifecycle.onStop('database pools', async () => {
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
  });
  const database = watchDatabase({
    metrics,
    service: 'jobs',
    pools,
    probe: pools.read,
    safety: { acceptsLoss: config.ALLOW_LOSSY_DATABASE },
    log,
  });
  lifecycle.onStop('database probe', database.stop);
  const collectors = exposeFreshness({ metrics, db: pools.read, log, now });
  lifecycle.onStop('collectors', () => collectors.stop());

  const metricsPort = await startMetricsListener({
    page: { service: 'jobs', summary: 'Keeps house: partitions, retention and the checks that run on a clock.' },
    metrics,
    isReady: database.isUp,
    config,
    port: config.JOBS_METRICS_PORT,
    lifecycle,
    log,
  });

  const runner: JobRunner = {
    config,
    pool: pools.work,
    databaseUrl: config.DATABASE_URL_JOBS,
    log,
    now,
    onFinished: runInstruments(metrics),
  };
  const running = new Set<Promise<void>>();
  const tick = async (): Promise<void> => {
    if (lifecycle.stopping) return;
    const runs = jobs.map((job) => runQuietly(job, runner));
    for (const run of runs) {
      running.add(run);
      void run.finally(() => running.delete(run));
    }
    // Whatever an earlier tick started counts too.
    await Promise.all(running);
  };
  const alarm = setInterval(() => void tick(), wakeUpEveryMs);
  lifecycle.onStop('jobs', async () => {
    clearInterval(alarm);
    await Promise.all(running);
  });
  void tick();
  log.info({ metricsPort, jobs: jobs.map(({ name }) => name) }, 'jobs are on the clock');
  return { metrics, metricsPort, tick, refresh: collectors.refresh };
}

/** A database that is down is no crash: the job is still due at the next alarm. */
async function runQuietly(job: Job, runner: JobRunner): Promise<void> {
  try {
    await runJob(job, runner, { force: false });
  } catch (error) {
    runner.log.warn({ error, job: job.name }, 'a job could not be started; it is tried again in a minute');
  }
}

function runInstruments(metrics: MetricsRegistry): NonNullable<JobRunner['onFinished']> {
  const runs = metrics.counter(stackMetrics.jobRuns);
  const duration = metrics.histogram(stackMetrics.jobDuration);
  const interval = metrics.gauge(stackMetrics.jobInterval);
  for (const { name: task, schedule: planned } of jobs) {
    for (const outcome of stackMetrics.jobRuns.labels.outcome) runs.inc({ task, outcome }, 0);
    duration.zero({ task });
    interval.set({ task }, intervalSeconds(planned));
  }
  const counters = jobs.flatMap(({ name, counters: own = [] }) =>
    own.map(({ definition, increments }) => ({ task: name, counter: metrics.counter(definition), increments })),
  );
  return (task, outcome, seconds, result) => {
    runs.inc({ task, outcome });
    duration.observe({ task }, seconds);
    if (result === undefined) return;
    for (const { counter, increments } of counters.filter((own) => own.task === task)) {
      for (const { labels, by } of increments(result)) counter.inc(labels, by);
    }
  };
}

/** How long ago each job succeeded, and how far ahead partitions reach: from the database, so every replica tells the same. */
function exposeFreshness(options: { metrics: MetricsRegistry; db: Pool; log: Logger; now: Clock }): {
  refresh: () => Promise<void>;
  stop: () => void;
} {
  const { metrics, db, log, now } = options;
  const processStart = now();
  const errors = metrics.counter(stackMetrics.collectorErrors);
  const freshness = startCollector({
    name: 'job_freshness',
    log,
    errors,
    read: () =>
      readJobFreshness(
        db,
        jobs.map(({ name }) => name),
      ),
  });
  const partitions = startCollector({ name: 'partitions', log, errors, read: () => readSecondsAhead(db, partitionedTables, now()) });
  metrics.addSource(() => [
    {
      definition: stackMetrics.jobLastSuccess,
      series: (freshness.latest() ?? []).map(({ job, lastSuccess, firstStart }) => ({
        labels: { task: job },
        value: (lastSuccess ?? firstStart ?? processStart).getTime() / 1000,
      })),
    },
    {
      definition: stackMetrics.partitionsAhead,
      series: (partitions.latest() ?? []).map(({ table, seconds }) => ({ labels: { table }, value: seconds })),
    },
  ]);
  const refresh = async (): Promise<void> => {
    await Promise.all([freshness.refresh(), partitions.refresh()]);
  };
  void refresh();
  return {
    refresh,
    stop: () => {
      freshness.stop();
      partitions.stop();
    },
  };
}
