import { runCommand } from '../command-line.ts';
import { jobs } from '../jobs.ts';
import { ProvisioningError } from '../provisioning.ts';
import { runNow } from '../run-now.ts';

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
    return runNow(job);
  },
});
