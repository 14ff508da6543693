import { readPropertyStatuses } from '../../features/marketing/queries.ts';
import { startOfUtcDay, systemClock, utcDayOf } from '../../platform/time/utc-day.ts';
import { runCommand } from '../command-line.ts';
import { withJobsDatabase } from './connect.ts';

const dayMs = 86_400_000;

await runCommand({
  name: 'rollups-status',
  summary: 'Prints as JSON how many days of each property of marketing sites are rolled up, and how fresh they are.',
  flags: {},
  run: async () => {
    const today = utcDayOf(systemClock());
    const statuses = await withJobsDatabase(readPropertyStatuses);
    const properties = statuses.map(({ generatedAt, rolledUpThrough, ...rest }) => ({
      ...rest,
      rolledUpThrough,
      lagDays: Math.round((startOfUtcDay(today).getTime() - startOfUtcDay(rolledUpThrough).getTime()) / dayMs),
      generatedAt: generatedAt.toISOString(),
    }));
    return [JSON.stringify({ today, properties }, null, 2)];
  },
});
