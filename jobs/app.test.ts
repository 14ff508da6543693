import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { jobsConfig, runJobs, scrape } from '../test/support/services.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { intervalSeconds } from '../platform/jobs/job.ts';
import { createLogger } from '../platform/log.ts';
import { tryAdvisoryLock, type AdvisoryLock } from '../platform/postgres/advisory-lock.ts';
import { openPool } from '../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf } from '../platform/time/utc-day.ts';
import { jobs as allJobs } from './jobs.ts';

const names = allJobs.map(({ name }) => name);
/** Partitions are where the server's own clock is, so the tests stand still today. */
const now = new Date(startOfUtcDay(utcDayOf(new Date())).getTime() + 12 * 3_600_000);
const seconds = (moment: Date): number => moment.getTime() / 1000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function record(job: string, status: 'succeeded' | 'failed', startedAt: Date, finishedAt: Date): Promise<void> {
  await database.query('insert into job_runs (job, attempt, status, started_at, finished_at) values ($1, 3, $2, $3, $4)', [
    job,
    status,
    startedAt,
    finishedAt,
  ]);
}

/** Nothing is due any more at `now`. */
async function everythingSucceeded(): Promise<void> {
  await database.query('truncate job_runs');
  for (const name of names) await record(name, 'succeeded', now, new Date(now.getTime() + 500));
}

describe('the metrics of the jobs process', () => {
  test('every task exists as zero from the start, with its interval, its last success and how far partitions reach', async () => {
    await everythingSucceeded();
    const jobs = await runJobs(database, { now: () => now });
    await jobs.refresh();
    const { value, text } = await scrape(jobs.metricsUrl);
    await jobs.stop();
    for (const { name, schedule } of allJobs) {
      for (const outcome of ['succeeded', 'failed'])
        expect(value(`observability_job_runs_total{task="${name}",outcome="${outcome}"}`), name).toBe(0);
      expect(value(`observability_job_duration_seconds_count{task="${name}"}`), name).toBe(0);
      expect(value(`observability_job_interval_seconds{task="${name}"}`), name).toBe(intervalSeconds(schedule));
      expect(value(`observability_job_last_success_timestamp_seconds{task="${name}"}`), name).toBe(seconds(now) + 0.5);
    }
    const newest = startOfUtcDay(addDays(utcDayOf(now), 15));
    expect(value('observability_partitions_ahead_seconds{table="ingest_batches"}')).toBe(seconds(newest) - seconds(now));
    for (const collector of ['job_freshness', 'partitions']) {
      expect(value(`observability_collector_errors_total{collector="${collector}"}`)).toBe(0);
    }
    expect(text).toContain('observability_build_info{service="jobs"');
    expect(text).toMatch(/^process_cpu_seconds_total /m);
  });

  test('a job without success tells its first start, one without any run the start of the process', async () => {
    await database.query('truncate job_runs');
    const locks: AdvisoryLock[] = [];
    for (const name of names) {
      const lock = await tryAdvisoryLock(database.url('observability_jobs'), `job:${name}`);
      if (lock !== undefined) locks.push(lock);
    }
    expect(locks).toHaveLength(names.length);
    const firstStart = new Date(now.getTime() - 7_200_000);
    await record('alerts-prune', 'failed', firstStart, firstStart);
    await record('alerts-prune', 'failed', now, now);
    const jobs = await runJobs(database, { now: () => now });
    await jobs.tick();
    await jobs.refresh();
    const { value } = await scrape(jobs.metricsUrl);
    await jobs.stop();
    await Promise.all(locks.map((lock) => lock.release()));
    expect(value('observability_job_last_success_timestamp_seconds{task="alerts-prune"}')).toBe(seconds(firstStart));
    expect(value('observability_job_last_success_timestamp_seconds{task="partitions-maintain"}')).toBe(seconds(now));
    // Whoever holds the locks runs them: this process did not.
    expect(value('observability_job_runs_total{task="partitions-maintain",outcome="succeeded"}')).toBe(0);
  });

  test('are absent while the database is down, the scrape is still answered, and ticks do not fail', async () => {
    await everythingSucceeded();
    const jobs = await runJobs(database, { now: () => now });
    try {
      await jobs.refresh();
      await jobs.tick();
      await database.refuseConnections();
      await jobs.tick();
      await jobs.refresh();
      const down = await scrape(jobs.metricsUrl);
      expect(down.text).not.toMatch(/^observability_(job_last_success_timestamp_seconds|partitions_ahead_seconds)\{/m);
      expect(down.value('observability_collector_errors_total{collector="job_freshness"}')).toBeGreaterThanOrEqual(1);
      expect(down.value('observability_job_interval_seconds{task="alerts-prune"}')).toBe(86_400);
      expect((await fetch(`${jobs.metricsUrl}/healthz`)).status).toBe(200);
    } finally {
      await database.acceptConnections();
    }
    await jobs.refresh();
    const up = await scrape(jobs.metricsUrl);
    await jobs.stop();
    expect(up.value('observability_job_last_success_timestamp_seconds{task="alerts-prune"}')).toBe(seconds(now) + 0.5);
  });
});

describe('the clock', () => {
  test('at its start makes up what was missed, once, and counts it', async () => {
    await database.query('truncate job_runs');
    const jobs = await runJobs(database, { now: () => now });
    await jobs.tick();
    await jobs.tick();
    await jobs.refresh();
    const { value } = await scrape(jobs.metricsUrl);
    await jobs.stop();
    const runs = await database.query<{ job: string; status: string }>('select job, status from job_runs order by job');
    expect(runs).toEqual(names.toSorted().map((job) => ({ job, status: 'succeeded' })));
    for (const name of names) {
      expect(value(`observability_job_runs_total{task="${name}",outcome="succeeded"}`), name).toBe(1);
      expect(value(`observability_job_duration_seconds_count{task="${name}"}`), name).toBe(1);
    }
  });

  test('wakes up every minute, also after the clock of the machine was set back', async () => {
    await everythingSucceeded();
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'], now });
    try {
      const jobs = await runJobs(database, { now: () => now });
      await jobs.tick();
      await database.query(`delete from job_runs where job = 'alerts-prune'`);
      vi.setSystemTime(now.getTime() - 3_600_000);
      vi.advanceTimersByTime(60_000);
      await waitUntil(
        async () => (await database.query(`select from job_runs where job = 'alerts-prune' and status = 'succeeded'`)).length === 1,
        {
          within: 20_000,
          what: 'a run of the job that is due',
        },
      );
      await jobs.stop();
    } finally {
      vi.useRealTimers();
    }
  });

  test('two replicas run each job once', async () => {
    await database.query('truncate job_runs');
    const replicas = await Promise.all([runJobs(database, { now: () => now }), runJobs(database, { now: () => now })]);
    await Promise.all(replicas.map((replica) => replica.tick()));
    await Promise.all(replicas.map((replica) => replica.stop()));
    expect(await database.query('select job, count(*) as runs from job_runs group by job having count(*) <> 1')).toEqual([]);
    expect(await database.query('select distinct job from job_runs')).toHaveLength(names.length);
  });

  test('a stop waits for the run under way, and nothing starts behind it', async () => {
    await everythingSucceeded();
    await database.query(`delete from job_runs where job = 'alerts-prune'`);
    const blocker = new pg.Client({ connectionString: database.url('superuser') });
    await blocker.connect();
    await blocker.query('begin; lock table alerts in access exclusive mode');
    const jobs = await runJobs(database, { now: () => now });
    await waitUntil(
      async () =>
        (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)).length === 1,
      { within: 20_000, what: 'the run waiting for the table' },
    );
    let isStopped = false;
    const stopped = jobs.stop().then(() => (isStopped = true));
    await jobs.tick();
    expect(isStopped).toBe(false);
    await blocker.query('rollback');
    await blocker.end();
    await stopped;
    expect(await database.query(`select status from job_runs where job = 'alerts-prune'`)).toEqual([{ status: 'succeeded' }]);
  });
});

test('job-runs-prune deletes what started more than 30 days ago, and never an open run', async () => {
  await database.query('truncate job_runs');
  const daysAgo = (days: number, ms = 0): Date => new Date(now.getTime() - days * 86_400_000 + ms);
  await record('old', 'succeeded', daysAgo(30, -1), daysAgo(30, -1));
  await record('kept', 'failed', daysAgo(30), daysAgo(30));
  await database.query(`insert into job_runs (job, attempt, status, started_at) values ('open', 1, 'running', $1)`, [daysAgo(40)]);
  const log = createLogger({ service: 'test', level: 'silent' });
  const pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 1,
    applicationName: 'test',
    statementTimeoutMs: 5000,
    log,
  });
  const prune = allJobs.find(({ name }) => name === 'job-runs-prune');
  expect(prune?.schedule).toEqual({ every: 'day', at: '03:00' });
  const result = await prune?.run({
    config: jobsConfig(database),
    pool,
    log,
    now: () => now,
    signal: new AbortController().signal,
    fence: () => Promise.resolve(),
    forced: false,
  });
  await pool.end();
  expect(result).toEqual({ deleted: 1 });
  expect(await database.query('select job from job_runs order by job')).toEqual([{ job: 'kept' }, { job: 'open' }]);
});
