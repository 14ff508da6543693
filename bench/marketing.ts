import { setTimeout as delay } from 'node:timers/promises';
import { daysAtOnce, daysOf, rollUpDays } from '../features/marketing/jobs.ts';
import { everyProperty } from '../features/marketing/queries.ts';
import { createLogger } from '../platform/log.ts';
import { openPool } from '../platform/postgres/pool.ts';
import { addDays, systemClock, utcDayOf } from '../platform/time/utc-day.ts';
import type { Bench, BenchContext } from './support/bench.ts';
import type { BenchDatabase } from './support/cluster.ts';
import { adminKey } from './support/environment.ts';
import { format, table, type Figure } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import {
  createMarketingVisitors,
  createPastMarketingDays,
  marketingEventsPerSession,
  storeMarketingDay,
  storeOldRollups,
} from './support/marketing-history.ts';
import { startMeasuredApi, startMeasuredExporter } from './support/programs.ts';
import { quietTurns } from './support/quiet.ts';
import { median, medianRatio } from './support/statistics.ts';

/** Marketing sites: capture, the rollup of three months, and the summary over it. */
export const marketingBench: Bench = {
  name: 'marketing',
  summary: 'capture of events, backfill of 90 days, summaries over 1 and 10 million events',
  run: async (context) => [...(await measureCapture(context)), ...(await measureReads(context))],
};

const captureConnections = 64;

async function measureCapture({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('marketing_capture');
  const child = await startMeasuredExporter(database);
  const { url } = await child.call('start', undefined);
  const rounds = quick ? 2 : 7;
  const quiet = quietTurns();
  const results: LoadResult[] = [];
  let acknowledged = 0;
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    const send = { kind: 'marketing' as const, propertyIds: ['www', 'shop', 'blog'] };
    const result = await load.call('run', { url, connections: captureConnections, seconds: quick ? 2 : 5, send });
    acknowledged += result.answers;
    // The first round warms up.
    if (round >= 0) results.push(result);
    // What was under way when the load ended is still being written.
    await delay(500);
  }
  await child.stop();
  await checkCaptured(database, acknowledged);
  const of = (value: keyof LoadResult): number => median(results.map((result) => result[value]));
  print(`marketing capture: 2,000 visitors, ${captureConnections} connections, ${quiet.summary(rounds)}`);
  print(
    table([
      ['', 'requests/s', 'p50 ms', 'p99 ms'],
      ['single events', format(of('perSecond')), format(of('p50')), format(of('p99'))],
    ]),
  );
  return [
    {
      name: 'marketing capture: single events, acknowledged after commit',
      value: of('perSecond'),
      unit: 'requests/s',
      target: { atLeast: 1500 },
    },
    { name: 'marketing capture: single events, p99', value: of('p99'), unit: 'ms', target: { below: 150 } },
    {
      name: 'marketing capture: answers that were not 2xx',
      value: results.reduce((sum, { failed }) => sum + failed, 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
  ];
}

/** @throws when something was acknowledged and is not stored, or the tables that an event is in disagree */
async function checkCaptured({ db }: BenchDatabase, acknowledged: number): Promise<void> {
  const { rows } = await db.query<{ events: number; logs: number; views: number }>(
    `select (select count(*) from marketing.events) as events, (select count(*) from marketing.web_traffic_logs) as logs,
       (select sum(sessions.page_views) from marketing.sessions sessions) as views`,
  );
  const { events = 0, logs = 0, views = 0 } = rows[0] ?? {};
  if (events < acknowledged) throw new Error(`${acknowledged} events were acknowledged, and only ${events} are stored`);
  if (logs !== events || views !== events)
    throw new Error(`${events} events are stored, with ${logs} traffic logs and ${views} page views`);
}

const daysStored = 90;
const windows = [7, 30, 90, 366] as const;
const sides = ['small', 'big'] as const;
type Side = (typeof sides)[number];
const sizes: Record<'full' | 'quick', Record<Side, number>> = {
  full: { small: 1_000_000, big: 10_000_000 },
  quick: { small: 45_000, big: 450_000 },
};
const readers = 2;

async function measureReads({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const events = quick ? sizes.quick : sizes.full;
  const backfillRate: Record<Side, number> = { small: 0, big: 0 };
  const urls = new Map<string, string>();
  const children = [];
  for (const side of sides) {
    const database = await cluster.createDatabase(`marketing_${side}`);
    backfillRate[side] = await seed(database, events[side], print);
    for (const [cache, ttl] of [
      ['uncached', '0'],
      ['cached', '3600000'],
    ] as const) {
      const child = await startMeasuredApi(database, { METRICS_SUMMARY_CACHE_TTL_MS: ttl });
      urls.set(`${cache} ${side}`, (await child.call('start', undefined)).url);
      children.push(child);
    }
  }
  const results = new Map<string, LoadResult[]>();
  const rounds = quick ? 2 : 5;
  const quiet = quietTurns();
  const today = utcDayOf(systemClock());
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    for (const [which, url] of urls) {
      for (const days of windows) {
        const path = `/v1/metrics/summary?from=${addDays(today, 1 - days)}&to=${today}&compareTo=true`;
        const result = await load.call('run', { url, connections: readers, seconds: 1, send: { kind: 'summary', path, adminKey } });
        const key = `${which} ${days}`;
        if (round >= 0) results.set(key, [...(results.get(key) ?? []), result]);
      }
    }
  }
  await Promise.all(children.map((child) => child.stop()));
  const all = (cache: string, side: Side, days: number, value: keyof LoadResult): number[] =>
    (results.get(`${cache} ${side} ${days}`) ?? []).map((result) => result[value]);
  const p95 = (cache: string, side: Side, days: number): number => median(all(cache, side, days, 'p95'));
  const growth = (days: number): number => medianRatio(all('uncached', 'big', days, 'p50'), all('uncached', 'small', days, 'p50'));
  print(`marketing summary, compared with the window before it: ${readers} readers, ${quiet.summary(rounds)}`);
  print(
    table([
      ['days', 'small p95 ms', 'big p95 ms', 'growth of p50', 'cached p95 ms'],
      ...windows.map((days) => [
        String(days),
        format(p95('uncached', 'small', days)),
        format(p95('uncached', 'big', days)),
        growth(days).toFixed(2),
        format(p95('cached', 'big', days)),
      ]),
    ]),
  );
  return [
    ...windows.flatMap((days): Figure[] => [
      { name: `marketing summary: p95, ${days} days, big`, value: p95('uncached', 'big', days), unit: 'ms', target: { below: 20 } },
      { name: `marketing summary: p95, ${days} days, cached`, value: p95('cached', 'big', days), unit: 'ms', target: { below: 2 } },
      {
        name: `marketing summary: growth of p50, ten times the events, ${days} days`,
        value: growth(days),
        unit: 'x',
        target: { atMost: 1.5 },
      },
    ]),
    {
      name: 'marketing summary: answers that were not 2xx',
      value: [...results.values()].flat().reduce((sum, { failed }) => sum + failed, 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
    {
      name: `marketing backfill: ${daysStored} days of ${Math.round(events.big / daysStored).toLocaleString('en')} events`,
      value: backfillRate.big,
      unit: 'days/s',
      target: { atLeast: 1 },
    },
  ];
}

/** Raw rows of 90 days, and their rollups by the code of rollups-backfill; answers how many days that made in a second. */
async function seed(database: BenchDatabase, events: number, print: (text: string) => void): Promise<number> {
  const { db } = database;
  const sessions = Math.round(events / daysStored / marketingEventsPerSession);
  // A visitor comes about ten times in three months.
  const visitors = sessions * 9;
  const startedAt = performance.now();
  await createPastMarketingDays(db, daysStored);
  await createMarketingVisitors(db, visitors);
  for (let daysAgo = daysStored - 1; daysAgo >= 0; daysAgo -= 1) await storeMarketingDay(db, { daysAgo, sessions, visitors });
  await storeOldRollups(db, { fromDaysAgo: 740, toDaysAgo: daysStored });
  for (const name of ['events', 'web_traffic_logs', 'sessions', 'visitors', 'daily_visitor_gaps'])
    await db.query(`vacuum analyze marketing.${name}`);
  const storedAt = performance.now();
  const pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: daysAtOnce,
    applicationName: 'jobs',
    statementTimeoutMs: 15 * 60_000,
    log: createLogger({ service: 'bench', level: 'error' }),
  });
  const today = utcDayOf(systemClock());
  const days = daysOf({ from: addDays(today, 1 - daysStored), to: today });
  const { written } = await rollUpDays(pool, days, {
    config: { MARKETING_EVENTS_RETENTION_DAYS: 365 },
    now: systemClock,
    signal: new AbortController().signal,
    properties: [everyProperty],
  });
  await pool.end();
  if (written !== daysStored) throw new Error(`${written} of ${daysStored} days were rolled up`);
  const seconds = (performance.now() - storedAt) / 1000;
  print(
    `marketing: ${events.toLocaleString('en')} events stored in ${format((storedAt - startedAt) / 1000)} s, ` +
      `${daysStored} days rolled up in ${format(seconds)} s`,
  );
  return daysStored / seconds;
}
