import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/log.ts';
import { systemClock } from '../../platform/time/utc-day.ts';
import { runCommand } from '../command-line.ts';
import { jobs } from '../jobs.ts';
import { ProvisioningError } from '../provisioning.ts';
import { runJob } from '../run-job.ts';
import { withJobsDatabase } from './connect.ts';

const names = jobs.map(({ name }) => name);

await runCommand({
  name: 'jobs-run',
  summary: `Runs one job now, whether it is due or not. Jobs:\n${jobs.map(({ name, summary }) => `  ${name}: ${summary}`).join('\n')}`,
  flags: {
    job: {
      required: true,
      summary: 'name of the job',
      check: (value) => (names.includes(value) ? undefined : `must be one of ${names.join(', ')}`),
    },
  },
  run: async ({ job: name }) => {
    const job = jobs.find((known) => known.name === name);
    if (job === undefined) throw new ProvisioningError(`there is no job ${name}`);
    const config = readConfig('jobs');
    const log = createLogger({ service: 'cli', level: 'silent' });
    const outcome = await withJobsDatabase((pool) =>
      runJob(job, { config, pool, databaseUrl: config.DATABASE_URL_JOBS, log, now: systemClock }, { force: true }),
    );
    if (!outcome.ran) throw new ProvisioningError(`${name} runs elsewhere at this moment: try again when it has finished`);
    if (!outcome.succeeded) throw outcome.error;
    return [`${name} succeeded  ${JSON.stringify(outcome.result)}`];
  },
});
