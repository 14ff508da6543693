import { jobs } from '../../jobs/jobs.ts';
import { runJob } from '../../jobs/run-job.ts';
import { createLogger } from '../../platform/log.ts';
import { openPool } from '../../platform/postgres/pool.ts';
import type { Clock } from '../../platform/time/utc-day.ts';
import type { TestDatabase } from '../support/database.ts';
import { jobsConfig } from '../support/services.ts';

const dayMs = 86_400_000;
export const realClock: Clock = () => new Date();
/** Statistics of visitors are made of days that are over, by this clock. */
const twoDaysOn: Clock = () => new Date(Date.now() + 2 * dayMs);

/** Runs jobs one after the other, due or not. @throws what one of them failed of */
export async function runJobsNow(
  database: TestDatabase,
  runs: readonly { job: string; now: Clock }[],
  environment: Record<string, string> = {},
): Promise<void> {
  const config = jobsConfig(database, environment);
  const log = createLogger({ service: 'jobs', level: config.LOG_LEVEL });
  const databaseUrl = config.DATABASE_URL_JOBS;
  const pool = openPool({ connectionString: databaseUrl, max: 4, applicationName: 'jobs now', statementTimeoutMs: 10 * 60_000, log });
  try {
    for (const { job: name, now } of runs) {
      const job = jobs.find((known) => known.name === name);
      if (job === undefined) throw new Error(`there is no job ${name}: name the one that does its work now`);
      const outcome = await runJob(job, { config, pool, databaseUrl, log, now }, { force: true });
      if (!outcome.ran) throw new Error(`the job ${name} did not run: ${outcome.reason}`);
      if (!outcome.succeeded) throw outcome.error;
    }
  } finally {
    await pool.end();
  }
}

/** Makes the daily figures of everything that is stored, by the jobs that make them every day. */
export function makeDailyFigures(database: TestDatabase, properties: readonly string[]): Promise<void> {
  return runJobsNow(
    database,
    [
      { job: 'rollups-run', now: realClock },
      { job: 'widget-sessions-sweep', now: twoDaysOn },
      { job: 'widget-analytics-cleanup', now: twoDaysOn },
    ],
    { ROLLUP_PROPERTY_IDS: properties.join(',') },
  );
}
