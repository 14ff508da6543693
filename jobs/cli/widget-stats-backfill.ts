import { rawRetention } from '../../features/widget-analytics/jobs.ts';
import { oldestRebuildableDay, rawTables, rebuildDayOfAllChatbots } from '../../features/widget-analytics/rollup.ts';
import { readConfig } from '../../platform/config.ts';
import { readKeptDays } from '../../platform/postgres/partitions.ts';
import { addDays, isUtcDay, systemClock, type UtcDay } from '../../platform/time/utc-day.ts';
import { runCommand } from '../command-line.ts';
import { reportProgress } from '../progress.ts';
import { ProvisioningError } from '../provisioning.ts';
import { withJobsDatabase } from './connect.ts';

const name = 'widget-stats-backfill';
/** One day of one chatbot with a million events takes 20 s. */
const statementTimeoutMs = 15 * 60_000;

const day = {
  required: true,
  check: (value: string) => (isUtcDay(value) ? undefined : 'must be a day such as 2026-02-13'),
} as const;

await runCommand({
  name,
  summary:
    'Rebuilds the daily widget statistics of every chatbot, oldest day first. Safe to repeat; when it is stopped it says from which day to go on.',
  flags: {
    from: { ...day, summary: 'first day, UTC; not older than the retention of raw rows' },
    to: { ...day, summary: 'last day, UTC; yesterday at the latest' },
  },
  run: async ({ from, to }) => {
    const config = readConfig('jobs');
    const retention = rawRetention(config, systemClock());
    const days = daysOf(from as UtcDay, to as UtcDay, retention);
    const stopped = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
    return withJobsDatabase(
      async (pool) => {
        const isKept = await readKeptDays(pool, rawTables);
        const kept = days.filter(isKept);
        const gone = days.filter((held) => !isKept(held));
        const progress = reportProgress(process.stderr, { total: kept.length, unit: 'days' });
        let written = 0;
        for (const current of kept) {
          try {
            written += await rebuildDayOfAllChatbots(pool, current, { ...retention, signal: stopped.signal });
          } catch (error) {
            progress.end();
            const goOn = `go on with ${name} --from=${current} --to=${to}`;
            if (stopped.signal.aborted) throw new ProvisioningError(`stopped; days before ${current} are done: ${goOn}`, { cause: error });
            process.stderr.write(`${name}: ${current} failed; days before it are done: ${goOn}\n`);
            throw error;
          }
          progress.advance(current);
        }
        progress.end();
        const rebuilt = `${kept.length} days rebuilt, ${written} rows written`;
        return gone.length === 0 ? [rebuilt] : [rebuilt, `${gone.length} days skipped, whose raw rows are gone: ${gone.join(', ')}`];
      },
      { statementTimeoutMs },
    );
  },
});

function daysOf(from: UtcDay, to: UtcDay, retention: ReturnType<typeof rawRetention>): UtcDay[] {
  const oldest = oldestRebuildableDay(retention);
  const yesterday = addDays(retention.today, -1);
  if (from > to) throw new ProvisioningError(`--from=${from} is after --to=${to}: exchange them`);
  if (to > yesterday) throw new ProvisioningError(`--to=${to} is not over yet: the latest day is ${yesterday}`);
  if (from < oldest) {
    throw new ProvisioningError(`--from=${from} is older than the raw rows that are kept: the oldest day is ${oldest}`);
  }
  const days: UtcDay[] = [];
  for (let current = from; current <= to; current = addDays(current, 1)) days.push(current);
  return days;
}
