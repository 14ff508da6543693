import { purgeJob } from '../../features/marketing/jobs.ts';
import { runCommand } from '../command-line.ts';
import { runNow } from '../run-now.ts';

await runCommand({
  name: 'marketing-purge',
  summary: 'Drops expired marketing events now, and sessions, visitors, rejections and rollups that are too old. Safe to repeat.',
  flags: {},
  run: () => runNow(purgeJob),
});
