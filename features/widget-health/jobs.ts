import type { Job } from '../../platform/jobs/job.ts';
import { recordHealthSpikes } from './rollup.ts';

/** What widget-health does on a clock. */
export const widgetHealthJobs: readonly Job[] = [
  {
    name: 'widget-health-spike',
    schedule: { every: 'minute' },
    summary: 'writes missing security.widget_health_spike audit rows for today',
    run: async ({ pool, now }) => ({ spikes: await recordHealthSpikes(pool, { now: now(), requestId: null }) }),
  },
];
