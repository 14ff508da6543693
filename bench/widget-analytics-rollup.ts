import { rebuildDayOfAllChatbots } from '../features/widget-analytics/rollup.ts';
import { createLogger } from '../platform/log.ts';
import { openPool } from '../platform/postgres/pool.ts';
import { addDays, utcDayOf } from '../platform/time/utc-day.ts';
import type { Bench, BenchContext } from './support/bench.ts';
import { format, table, type Figure } from './support/figures.ts';
import { createOrganizations } from './support/organizations.ts';
import { startMeasuredExporter } from './support/programs.ts';
import { quietTurns } from './support/quiet.ts';
import { median, medianRatio } from './support/statistics.ts';
import { createChatbots, createPastDays, eventsPerSession, storeDay, vacuum } from './support/widget-history.ts';

/** The daily statistics of a day with a million events, made while events keep arriving. */
export const widgetAnalyticsRollupBench: Bench = {
  name: 'widget-analytics-rollup',
  summary: 'rollup of a day of a million events, and what it costs ingest',
  run: measureRollup,
};

const chatbotCount = 10;
const events = { full: 1_000_000, quick: 100_000 };
const connections = 16;

async function measureRollup({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('widget_analytics_rollup');
  await createOrganizations(database.db, chatbotCount);
  const chatbotIds = await createChatbots(database.db);
  const today = utcDayOf(new Date());
  const day = addDays(today, -1);
  await createPastDays(database.db, 4);
  const total = quick ? events.quick : events.full;
  const sessionsPerDay = Math.round(total / chatbotCount / eventsPerSession);
  for (const chatbotId of chatbotIds) await storeDay(database.db, { chatbotId, sessionsPerDay }, 1);
  await vacuum(database.db, '^widget_(events|sessions|visitors)');
  const pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 2,
    applicationName: 'jobs',
    statementTimeoutMs: 15 * 60_000,
    log: createLogger({ service: 'bench', level: 'error' }),
  });
  const exporter = await startMeasuredExporter(database);
  const { url } = await exporter.call('start', undefined);
  const ingest = (seconds: number): Promise<{ p99: number; perSecond: number; failed: number }> =>
    load.call('run', { url, connections, seconds, send: { kind: 'events', chatbotIds, eventsPerBatch: 10 } });
  const rollUp = async (): Promise<number> => {
    // What an earlier round made of the day would be left as it is, which is cheaper.
    for (const name of statsTables) await database.db.query(`truncate ${name}`);
    const startedAt = performance.now();
    await rebuildDayOfAllChatbots(pool, day, {
      today,
      eventsRetentionDays: 90,
      sessionsRetentionDays: 365,
      signal: new AbortController().signal,
    });
    return (performance.now() - startedAt) / 1000;
  };
  const quiet = quietTurns();
  const rounds = quick ? 2 : 3;
  const alone: number[] = [];
  const seconds: number[] = [];
  const beside: number[] = [];
  let failed = 0;
  await ingest(2);
  for (let round = 0; round < rounds; round += 1) {
    await quiet.next();
    const before = await ingest(5);
    const rolling = rollUp();
    const during = await ingest(quick ? 5 : 15);
    seconds.push(await rolling);
    alone.push(before.p99);
    beside.push(during.p99);
    failed += before.failed + during.failed;
  }
  await exporter.stop();
  await pool.end();
  print(`widget-analytics rollup: ${total.toLocaleString('en')} events of ${chatbotCount} chatbots, ${quiet.summary(rounds)}`);
  print(
    table([
      ['', 'rollup s', 'ingest p99 ms before', 'beside it'],
      ['median', format(median(seconds)), format(median(alone)), format(median(beside))],
    ]),
  );
  return [
    { name: 'widget-analytics rollup: a day of a million events, beside ingest', value: median(seconds), unit: 's', target: { below: 20 } },
    { name: 'widget-analytics rollup: ingest p99 beside it / alone', value: medianRatio(beside, alone), unit: 'x', target: { atMost: 2 } },
    { name: 'widget-analytics rollup: answers that were not 2xx', value: failed, unit: 'answers', target: { atMost: 0 } },
  ];
}

const statsTables = [
  'widget_daily_stats',
  'widget_daily_dimensions',
  'widget_daily_event_names',
  'widget_event_session_gaps',
  'widget_daily_visitors',
  'widget_visitor_gaps',
];
