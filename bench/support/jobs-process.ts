import { startJobs } from '../../jobs/app.ts';
import { readConfig } from '../../platform/config.ts';
import { Lifecycle } from '../../platform/lifecycle.ts';
import { createLogger } from '../../platform/log.ts';
import { systemClock } from '../../platform/time/utc-day.ts';
import { answerCalls } from './child.ts';
import { processCalls } from './event-loop.ts';
import type { JobsCalls } from './programs.ts';

answerCalls<JobsCalls>({
  ...processCalls,
  start: async () => {
    const config = readConfig('jobs');
    const log = createLogger({ service: 'jobs', level: config.LOG_LEVEL });
    const jobs = await startJobs({ config, lifecycle: new Lifecycle(log), log, now: systemClock });
    await jobs.tick();
    await jobs.refresh();
    return { metricsUrl: `http://127.0.0.1:${jobs.metricsPort}` };
  },
});
