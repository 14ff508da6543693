import type { Job } from '../jobs/job.ts';
import { deleteEndsAhead, deleteResolvedAlerts, expireUnseenAlerts } from './ingest.ts';

const dayMs = 86_400_000;
const keptDays = 90;

/**
 * Alertmanager repeats what fires every `repeat_interval`, 4 h for the route to the webhook, at a tick of `group_interval`. The fifth hour is
 * for an exporter or a database that was away: its retries come within minutes.
 */
export const unseenAfterMs = 5 * 3_600_000;

export const alertJobs: readonly Job[] = [
  {
    name: 'alerts-prune',
    schedule: { every: 'day', at: '03:10' },
    summary: `deletes alerts that were resolved more than ${keptDays} days ago`,
    run: async ({ pool, now }) => {
      await deleteEndsAhead(pool, new Date(now().getTime() - dayMs));
      return { deleted: await deleteResolvedAlerts(pool, new Date(now().getTime() - keptDays * dayMs)) };
    },
  },
  {
    name: 'alerts-expire',
    schedule: { every: '10 minutes' },
    summary: `resolves alerts that Alertmanager has not repeated for ${unseenAfterMs / 3_600_000} hours`,
    run: async ({ pool, now }) => ({
      expired: await expireUnseenAlerts(pool, { unseenSince: new Date(now().getTime() - unseenAfterMs), now: now() }),
    }),
  },
];
