import { jobs } from '../jobs/jobs.ts';
import { runJob } from '../jobs/run-job.ts';
import type { JobsConfig } from '../platform/config.ts';
import { createLogger } from '../platform/log.ts';
import { openPool, type Pool } from '../platform/postgres/pool.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { pause } from './pause.ts';

/** As observability_jobs, for what the demo does in the database. */
export async function withDemoPool<T>(databaseUrl: string, work: (pool: Pool) => Promise<T>): Promise<T> {
  const log = createLogger({ service: 'cli', level: 'silent' });
  const pool = openPool({ connectionString: databaseUrl, max: 2, applicationName: 'demo', statementTimeoutMs: 60_000, log });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/**
 * Runs jobs in their order, due or not: what the demo shows must not wait for the clock.
 * @throws what a job failed with
 */
export function runJobsNow(names: readonly string[], { config, signal }: { config: JobsConfig; signal: AbortSignal }): Promise<void> {
  const { DATABASE_URL_JOBS: databaseUrl } = config;
  return withDemoPool(databaseUrl, async (pool) => {
    for (const job of jobs.filter(({ name }) => names.includes(name))) {
      const runner = { config, pool, databaseUrl, log: createLogger({ service: 'cli', level: 'silent' }), now: systemClock };
      let outcome = await runJob(job, runner, { force: true });
      // The process jobs may be at it, with what was there before.
      while (!outcome.ran && !signal.aborted) {
        await pause(500, signal);
        outcome = await runJob(job, runner, { force: true });
      }
      if (outcome.ran && !outcome.succeeded) throw outcome.error;
    }
  });
}
