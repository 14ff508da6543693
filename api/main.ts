import { main } from '../platform/process.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { startApi } from './app.ts';

await main('api', async (context) => {
  await startApi({ ...context, now: systemClock });
});
