import type { Job } from '../../platform/jobs/job.ts';
import { captureBaselines } from './rollup.ts';

/** What widget-performance does on a clock. */
export const widgetPerformanceJobs: readonly Job[] = [
  {
    name: 'widget-performance-baseline',
    schedule: { every: 'minute' },
    summary: 'captures the render baseline of organizations that have none',
    run: async ({ pool, now }) => ({ captured: await captureBaselines(pool, now()) }),
  },
];
