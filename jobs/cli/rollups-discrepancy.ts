import { findDiscrepancies, latestClosedDays, rollupProperties } from '../../features/marketing/jobs.ts';
import { oldestRollupDay, type RawRetention } from '../../features/marketing/rollup.ts';
import { readConfig } from '../../platform/config.ts';
import { systemClock, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { runCommand } from '../command-line.ts';
import { ProvisioningError } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';
import { dayFlag, propertyFlag } from '../rollup-flags.ts';

/** So that a script can tell a mismatch from a failure, which is 1. */
const mismatchExitCode = 2;

await runCommand({
  name: 'rollups-discrepancy',
  summary:
    'Compares rollups of marketing sites with the raw rows that had been received when they were made. Exit code 0: equal, 2: they differ, 1: it failed.',
  flags: {
    from: { ...dayFlag('first day, UTC; left out together with --to: the 7 closed days'), required: false },
    to: { ...dayFlag('last day, UTC'), required: false },
    'property-id': propertyFlag,
  },
  run: async ({ from, to, 'property-id': property }) => {
    const config = readConfig('jobs');
    const properties = property === undefined ? rollupProperties(config) : [property];
    const window = windowOf(from, to, { today: utcDayOf(systemClock()), config });
    const found = await withJobsDatabase((db) => findDiscrepancies(db, { properties, ...window }), { statementTimeoutMs: 15 * 60_000 });
    const compared = `${window.from} to ${window.to} of ${properties.join(', ')}`;
    if (found.length === 0) return [`equal: ${compared}`];
    process.exitCode = mismatchExitCode;
    return [
      `${found.length} mismatches: ${compared}`,
      ...found.map(({ propertyId, day, value, rolledUp, raw }) =>
        rolledUp === null
          ? `${day} ${propertyId}: there is no rollup; make it with rollups-backfill --from=${day} --to=${day}`
          : `${day} ${propertyId}: ${value} is ${rolledUp}, raw rows say ${raw}; roll it up anew with rollups-backfill --from=${day} --to=${day}`,
      ),
    ];
  },
});

function windowOf(
  from: string | undefined,
  to: string | undefined,
  { today, config }: { today: UtcDay; config: RawRetention },
): { from: UtcDay; to: UtcDay } {
  if (from === undefined && to === undefined) return latestClosedDays(today);
  if (from === undefined || to === undefined) throw new ProvisioningError('--from= and --to= go together: give both or neither');
  if (from > to) throw new ProvisioningError(`--from=${from} is after --to=${to}: exchange them`);
  if (to > today) throw new ProvisioningError(`--to=${to} has not begun yet: the latest day is ${today}`);
  const oldest = oldestRollupDay(today, config);
  if (from < oldest) throw new ProvisioningError(`--from=${from} is older than the raw events that are kept: the oldest day is ${oldest}`);
  return { from: from as UtcDay, to: to as UtcDay };
}
