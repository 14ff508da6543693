import { daysAtOnce, daysOf, rollupProperties, rollUpDays } from '../../features/marketing/jobs.ts';
import { oldestRollupDay, readRollupDays, type RawRetention } from '../../features/marketing/rollup.ts';
import { readConfig } from '../../platform/config.ts';
import type { Pool } from '../../platform/postgres/pool.ts';
import { systemClock, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { runCommand } from '../command-line.ts';
import { reportProgress } from '../progress.ts';
import { ProvisioningError } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';
import { dayFlag, propertyFlag, stopSignal } from '../rollup-flags.ts';

const name = 'rollups-backfill';

await runCommand({
  name,
  summary: 'Rolls a range of days of marketing sites up anew. Safe to repeat; when it is stopped it says from which day to go on.',
  flags: {
    from: dayFlag('first day, UTC; its raw events must still be kept'),
    to: dayFlag('last day, UTC; today at the latest'),
    'property-id': propertyFlag,
  },
  run: async ({ from, to, 'property-id': property }) => {
    const config = readConfig('jobs');
    const properties = property === undefined ? rollupProperties(config) : [property];
    const range = { from: from as UtcDay, to: to as UtcDay };
    const days = checkedDays(range, utcDayOf(systemClock()), config);
    const signal = stopSignal();
    const written = await withJobsDatabase(
      async (pool) => {
        await refuseMissingDays(pool, days);
        return backfill(pool, { config, days, properties, signal, goOn: (day) => `go on with ${name} --from=${day} --to=${to}` });
      },
      { statementTimeoutMs: 15 * 60_000, connections: daysAtOnce },
    );
    return [`${days.length} days rolled up, ${written} rows of each table written`];
  },
});

interface Backfill {
  config: RawRetention;
  days: readonly UtcDay[];
  properties: readonly string[];
  signal: AbortSignal;
  goOn: (day: UtcDay) => string;
}

async function backfill(pool: Pool, { config, days, properties, signal, goOn }: Backfill): Promise<number> {
  const progress = reportProgress(process.stderr, { total: days.length, unit: 'days' });
  const open = new Set(days);
  try {
    const { written } = await rollUpDays(pool, days, {
      config,
      now: systemClock,
      signal,
      properties,
      onDay: (day) => {
        open.delete(day);
        progress.advance(day);
      },
    });
    progress.end();
    return written;
  } catch (error) {
    progress.end();
    // Days end in any order; the oldest one that has not is where to go on.
    const [first] = open;
    if (first === undefined) throw error;
    if (signal.aborted) throw new ProvisioningError(`stopped; days before ${first} are done: ${goOn(first)}`, { cause: error });
    process.stderr.write(`${name}: failed; days before ${first} are done: ${goOn(first)}\n`);
    throw error;
  }
}

function checkedDays({ from, to }: { from: UtcDay; to: UtcDay }, today: UtcDay, config: RawRetention): UtcDay[] {
  const oldest = oldestRollupDay(today, config);
  if (from > to) throw new ProvisioningError(`--from=${from} is after --to=${to}: exchange them`);
  if (to > today) throw new ProvisioningError(`--to=${to} has not begun yet: the latest day is ${today}`);
  if (from < oldest) throw new ProvisioningError(`--from=${from} is older than the raw events that are kept: the oldest day is ${oldest}`);
  return daysOf({ from, to });
}

async function refuseMissingDays(pool: Pool, days: readonly UtcDay[]): Promise<void> {
  const hasRawRows = await readRollupDays(pool);
  const missing = days.filter((day) => !hasRawRows(day));
  if (missing.length === 0) return;
  const first = days.find(hasRawRows);
  const fix = first === undefined ? 'choose later days' : `begin with --from=${first}`;
  throw new ProvisioningError(`there are no raw partitions of ${missing.length} of these days, the last of them ${missing.at(-1)}: ${fix}`);
}
