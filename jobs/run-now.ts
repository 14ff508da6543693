import { readConfig } from '../platform/config.ts';
import type { Job } from '../platform/jobs/job.ts';
import { createLogger } from '../platform/log.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { ProvisioningError } from './provisioning.ts';
import { runJob } from './run-job.ts';
import { withJobsDatabase } from './cli/connect.ts';

/** Runs a job now, whether it is due or not; answers what to print. */
export async function runNow(job: Job): Promise<string[]> {
  const config = readConfig('jobs');
  const log = createLogger({ service: 'cli', level: 'silent' });
  const outcome = await withJobsDatabase((pool) =>
    runJob(job, { config, pool, databaseUrl: config.DATABASE_URL_JOBS, log, now: systemClock }, { force: true }),
  );
  if (!outcome.ran) throw new ProvisioningError(`${job.name} runs elsewhere at this moment: try again when it has finished`);
  if (!outcome.succeeded) throw outcome.error;
  return [`${job.name} succeeded  ${JSON.stringify(outcome.result)}`];
}
