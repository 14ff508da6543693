import { main } from '../platform/process.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { startExporter } from './app.ts';

await main('exporter', async (context) => {
  await startExporter({ ...context, now: systemClock });
});
