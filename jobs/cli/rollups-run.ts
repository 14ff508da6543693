import { daysAtOnce, rollupProperties, rollUpLatestDays } from '../../features/marketing/jobs.ts';
import { readConfig } from '../../platform/config.ts';
import { systemClock } from '../../platform/time/utc-day.ts';
import { runCommand } from '../command-line.ts';
import { withJobsDatabase } from './connect.ts';
import { propertyFlag, stopSignal } from '../rollup-flags.ts';

await runCommand({
  name: 'rollups-run',
  summary: 'Rolls today and the ROLLUP_BATCH_DAYS days before it of marketing sites up, as the job does every hour. Safe to repeat.',
  flags: { 'property-id': propertyFlag },
  run: async ({ 'property-id': property }) => {
    const config = readConfig('jobs');
    const properties = property === undefined ? rollupProperties(config) : [property];
    const { written, skipped } = await withJobsDatabase(
      (pool) => rollUpLatestDays(pool, { config, properties, now: systemClock, signal: stopSignal() }),
      { statementTimeoutMs: 15 * 60_000, connections: daysAtOnce },
    );
    return [`${written} days rolled up, ${skipped} left as they are since their raw rows are gone`];
  },
});
