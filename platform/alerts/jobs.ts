import type { Job } from '../jobs/job.ts';
import { deleteResolvedAlerts } from './ingest.ts';

const keptDays = 90;

export const alertJobs: readonly Job[] = [
  {
    name: 'alerts-prune',
    schedule: { every: 'day', at: '03:10' },
    summary: `deletes alerts that were resolved more than ${keptDays} days ago`,
    run: async ({ pool, now }) => ({ deleted: await deleteResolvedAlerts(pool, new Date(now().getTime() - keptDays * 86_400_000)) }),
  },
];
