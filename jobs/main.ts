import { main } from '../platform/process.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { startJobs } from './app.ts';

await main('jobs', async (context) => {
  await startJobs({ ...context, now: systemClock });
});
