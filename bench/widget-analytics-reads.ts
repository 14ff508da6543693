import { countEndedSessions } from '../features/widget-analytics/open-rollup.ts';
import { moveStatsWatermark, rebuildDay, type RawRetention } from '../features/widget-analytics/rollup.ts';
import { addDays, utcDayOf } from '../platform/time/utc-day.ts';
import type { Bench, BenchContext } from './support/bench.ts';
import type { BenchDatabase } from './support/cluster.ts';
import { signToken } from './support/environment.ts';
import { format, table, type Figure } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import { createOrganizations, type BenchOrganization } from './support/organizations.ts';
import { startMeasuredApi } from './support/programs.ts';
import { quietTurns } from './support/quiet.ts';
import { median, medianRatio } from './support/statistics.ts';
import { closeDays, createChatbots, createPastDays, eventsPerSession, storeDay, vacuum } from './support/widget-history.ts';

/** Answers about a chatbot with 10 million events in 90 days, and about one with a tenth of that, in a database of 12 million. */
export const widgetAnalyticsReadsBench: Bench = {
  name: 'widget-analytics-reads',
  summary: 'statistics, lists and funnels over millions of events, and how they grow with them',
  run: measureReads,
};

const daysStored = 90;
const readers = 2;
const sizes = {
  full: { big: 10_000_000, small: 1_000_000, others: 1_000_000 },
  quick: { big: 1_000_000, small: 100_000, others: 100_000 },
};
type Side = 'small' | 'big';
const sides: readonly Side[] = ['small', 'big'];

/** `funnel` of the small chatbot, which has about 1,000 sessions a day, has a bound of its own. */
const asked = [
  { what: 'summary', path: 'summary?days=30', belowMs: 20, isRollup: true },
  { what: 'trends', path: 'trends?days=30', belowMs: 20, isRollup: true },
  { what: 'traffic-sources', path: 'traffic-sources?days=30', belowMs: 20, isRollup: true },
  { what: 'devices', path: 'devices?days=30', belowMs: 20, isRollup: true },
  { what: 'events', path: 'events?days=7', belowMs: 100, isRollup: true },
  { what: 'events, 30 days', path: 'events?days=30', belowMs: 100, isRollup: true },
  { what: 'active', path: 'active', belowMs: 20, isRollup: false },
  { what: 'sessions', path: 'sessions', belowMs: 100, isRollup: false },
  { what: 'sessions, page 100', path: 'sessions?page=100&limit=100', belowMs: 100, isRollup: false },
  {
    what: 'funnel of sessions, 30 days',
    path: 'funnel?steps=widget_loaded,widget_opened,message_sent',
    belowMs: { small: 100, big: 3000 },
    isRollup: false,
  },
  {
    what: 'funnel of visitors, 30 days',
    path: 'funnel?steps=widget_loaded,widget_opened,message_sent&scope=visitor',
    belowMs: { small: 100, big: 3000 },
    isRollup: false,
  },
] as const;

async function measureReads({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('widget_analytics_reads');
  const [big, small, others] = await createOrganizations(database.db, 3);
  if (big === undefined || small === undefined || others === undefined) throw new Error('there is no organization to read of');
  const chatbots = await seed(database, quick ? sizes.quick : sizes.full, print);
  const child = await startMeasuredApi(database);
  const { url } = await child.call('start', undefined);
  const owner: Record<Side, BenchOrganization> = { big, small };
  const tokens = {
    big: [await signToken({ sub: 'reader', org: owner.big.key, role: 'owner' })],
    small: [await signToken({ sub: 'reader', org: owner.small.key, role: 'owner' })],
  };
  const results = new Map<string, LoadResult[]>();
  const rounds = quick ? 3 : 5;
  const quiet = quietTurns();
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    for (const { what, path } of asked) {
      for (const side of sides) {
        const send = { kind: 'read' as const, path: `/api/analytics/widget/${chatbots[side]}/${path}`, tokens: tokens[side] };
        const seconds = what.startsWith('funnel') ? 4 : 1;
        const result = await load.call('run', { url, connections: what.startsWith('funnel') ? 1 : readers, seconds, send });
        const key = `${what} ${side}`;
        if (round >= 0) results.set(key, [...(results.get(key) ?? []), result]);
      }
    }
  }
  await child.stop();
  const all = (what: string, side: Side, value: keyof LoadResult): number[] =>
    (results.get(`${what} ${side}`) ?? []).map((result) => result[value]);
  const growth = (what: string): number => medianRatio(all(what, 'big', 'p50'), all(what, 'small', 'p50'));
  print(`widget-analytics reads: ${readers} readers, funnels one, ${quiet.summary(rounds)}`);
  print(
    table([
      ['', 'small p50 ms', 'small p95 ms', 'big p50 ms', 'big p95 ms', 'growth of p50'],
      ...asked.map(({ what }) => [
        what,
        ...sides.flatMap((side) => (['p50', 'p95'] as const).map((value) => format(median(all(what, side, value))))),
        growth(what).toFixed(2),
      ]),
    ]),
  );
  return [
    ...asked.flatMap(({ what, belowMs }) =>
      sides.map((side): Figure => ({
        name: `widget-analytics reads: p95, ${what}, ${side} chatbot`,
        value: median(all(what, side, 'p95')),
        unit: 'ms',
        target: { below: typeof belowMs === 'number' ? belowMs : belowMs[side] },
      })),
    ),
    ...asked
      .filter(({ isRollup }) => isRollup)
      .map(({ what }): Figure => ({
        name: `widget-analytics reads: growth of p50, ten times the events, ${what}`,
        value: growth(what),
        unit: 'x',
        target: { atMost: 1.5 },
      })),
    {
      name: 'widget-analytics reads: answers that were not 2xx',
      value: [...results.values()].flat().reduce((sum, { failed }) => sum + failed, 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
  ];
}

/** Answers the chatbots by size. Raw rows first, a day at a time, then what the daily job makes of them. */
async function seed(
  { db }: BenchDatabase,
  events: { big: number; small: number; others: number },
  print: (text: string) => void,
): Promise<Record<Side, string>> {
  const [big, small, others] = await createChatbots(db);
  if (big === undefined || small === undefined || others === undefined) throw new Error('there are no chatbots');
  const perDay = (total: number): number => Math.round(total / daysStored / eventsPerSession);
  const histories = [
    { chatbotId: big, sessionsPerDay: perDay(events.big) },
    { chatbotId: small, sessionsPerDay: perDay(events.small) },
    { chatbotId: others, sessionsPerDay: perDay(events.others) },
  ];
  const startedAt = performance.now();
  const seconds = (): string => `${format((performance.now() - startedAt) / 1000)} s`;
  await createPastDays(db, daysStored);
  for (let daysAgo = daysStored - 1; daysAgo >= 0; daysAgo -= 1) {
    for (const history of histories) await storeDay(db, history, daysAgo);
  }
  print(
    `widget-analytics reads: ${Object.values(events)
      .reduce((sum, count) => sum + count, 0)
      .toLocaleString('en')} events stored in ${seconds()}`,
  );
  await closeDays(db);
  print(`widget-analytics reads: indexes of closed days after ${seconds()}`);
  const today = utcDayOf(new Date());
  const retention: RawRetention = { today, eventsRetentionDays: daysStored, sessionsRetentionDays: 365 };
  for (let day = addDays(today, 1 - daysStored); day < today; day = addDays(day, 1)) {
    for (const [index, { chatbotId }] of histories.entries()) await rebuildDay(db, { orgId: index + 1, chatbotId, day }, retention);
  }
  await moveStatsWatermark(db, addDays(today, -1));
  await countEndedSessions(db, { signal: new AbortController().signal });
  await vacuum(db, '^widget_');
  print(`widget-analytics reads: daily statistics after ${seconds()}`);
  return { big, small };
}
