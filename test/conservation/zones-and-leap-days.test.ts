import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { jobs } from '../../jobs/jobs.ts';
import { dueAttempt } from '../../jobs/run-job.ts';
import type { JobRun } from '../../jobs/runs.ts';
import { intervalSeconds } from '../../platform/jobs/job.ts';
import { addDays, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { poster, standingClock, type Post } from '../support/marketing.ts';
import { runExporter } from '../support/services.ts';
import { acknowledged, createSender, identifiedItems, type Sender } from './identified-items.ts';
import { runJobsNow } from './jobs-now.ts';

/** Days that calendars treat unlike others, in zones whose clocks change. Everything of ours counts in UTC: nothing of it may show. */
const zoneOfTheSuite = process.env['TZ'];
const clock = standingClock();
const minuteMs = 60_000;
const dayMs = 86_400_000;
const dayOf = (text: string): UtcDay => utcDayOf(new Date(text));

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let post: Post;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { now: clock.now });
  post = poster(exporter.url);
});
afterEach(() => {
  process.env['TZ'] = zoneOfTheSuite;
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

/** The partitions that the job would have made in time, were it these days by the clock of the database too. */
async function createPartitions(first: UtcDay, last: UtcDay): Promise<void> {
  // One more: midnight of the real clock may pass in between.
  await database.query('update partitioned_tables set back_days = current_date - $1::date + 1', [first]);
  const tables = await database.query<{ name: string }>('select table_name as name from partitioned_tables');
  for (const { name } of tables) {
    while ((await database.query<{ made: string | null }>('select ensure_partitions($1, $2) as made', [name, addDays(last, 1)]))[0]?.made);
  }
}

const changes: readonly [what: string, zone: string, at: string][] = [
  ['the 29th of February begins', 'America/St_Johns', '2028-02-29T00:00:00.000Z'],
  ['the 29th of February ends', 'America/St_Johns', '2028-03-01T00:00:00.000Z'],
  ['Newfoundland leaves out an hour', 'America/St_Johns', '2028-03-12T05:30:00.000Z'],
  ['Lord Howe Island repeats half an hour', 'Australia/Lord_Howe', '2028-04-01T15:00:00.000Z'],
  ['Cairo leaves out midnight', 'Africa/Cairo', '2028-04-27T22:00:00.000Z'],
  ['Newfoundland repeats an hour', 'America/St_Johns', '2028-11-05T04:30:00.000Z'],
  ['a year ends', 'America/St_Johns', '2029-01-01T00:00:00.000Z'],
];

test.each(changes)(
  'F12: when %s, sessions go on, and every day has what happened on it, also after it was rolled up',
  async (what, zone, at) => {
    process.env['TZ'] = zone;
    const moments = [-10, 5].map((minutes) => new Date(new Date(at).getTime() + minutes * minuteMs));
    const [before = new Date(at), after = new Date(at)] = moments;
    expect(before.getTimezoneOffset() !== after.getTimezoneOffset(), 'the clocks of the zone change').toBe(/leaves out|repeats/.test(what));
    await createPartitions(addDays(utcDayOf(after), -1), utcDayOf(after));
    const sender = await createSender(database);
    const [sendBefore, sendAfter] = [identifiedItems(post, sender, before), identifiedItems(post, sender, after)];

    clock.set(before);
    expect(await sendBefore()).toEqual(acknowledged);
    clock.set(after);
    expect(await sendAfter()).toEqual(acknowledged);
    // A retry that was on its way meanwhile.
    expect(await sendBefore()).toEqual(acknowledged);

    const happened = countByDay(moments);
    expect(await readStored(sender)).toEqual({
      events: times(2, happened),
      renders: moments.map((moment) => moment.toISOString()),
      operations: happened,
      'site events': times(2, happened),
      sessions: [{ started_at: before, last_activity_at: after, messages_sent: 4 }],
      'site sessions': [{ started_at: before, last_event_at: after }],
    });

    const twoDaysOn = (): Date => new Date(after.getTime() + 2 * dayMs);
    await runJobsNow(
      database,
      ['rollups-run', 'widget-sessions-sweep', 'widget-analytics-cleanup'].map((job) => ({ job, now: twoDaysOn })),
      { ROLLUP_PROPERTY_IDS: sender.orgKey },
    );
    expect(await readFigures(sender)).toEqual({
      events: times(2, happened),
      sessions: { [utcDayOf(before)]: 1 },
      operations: happened,
      'page views': happened,
      'site events': times(2, happened),
    });
  },
);

function countByDay(moments: readonly Date[]): Record<string, number> {
  const counts: Record<string, number> = {};
  // What ISO 8601 writes before the T, in UTC.
  for (const [day = ''] of moments.map((moment) => moment.toISOString().split('T'))) counts[day] = (counts[day] ?? 0) + 1;
  return counts;
}

function times(factor: number, counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([day, count]) => [day, factor * count]));
}

async function byDay(sql: string, value: string): Promise<Record<string, number>> {
  const rows = await database.query<{ day: string; count: number | string }>(`${sql} group by day having sum(count) > 0 order by day`, [
    value,
  ]);
  return Object.fromEntries(rows.map(({ day, count }) => [day, Number(count)]));
}

const ofOrganization = 'org_id = (select organizations.id from organizations where organizations.key = $1)';

async function readStored({ orgKey, chatbotId }: Sender): Promise<Record<string, unknown>> {
  const counted = (day: string, from: string): string =>
    `select day, count(*) as count from (select ${day} as day, 1 as count from ${from}) rows`;
  const minutes = await database.query<{ minute: Date }>(
    'select minutes.minute from widget_performance_minutes minutes where minutes.chatbot_id = $1 order by minutes.minute',
    [chatbotId],
  );
  return {
    events: await byDay(counted('event_date', 'widget_events where chatbot_id = $1'), chatbotId),
    renders: minutes.map(({ minute }) => minute.toISOString()),
    operations: await byDay(counted('metric_date', `woocommerce_usage_metrics where ${ofOrganization}`), orgKey),
    'site events': await byDay(counted('occurred_on', 'marketing.events where property_id = $1'), orgKey),
    sessions: await database.query(
      'select sessions.started_at, sessions.last_activity_at, sessions.messages_sent from widget_sessions sessions where chatbot_id = $1',
      [chatbotId],
    ),
    'site sessions': await database.query(
      'select sessions.started_at, sessions.last_event_at from marketing.sessions sessions where sessions.property_id = $1',
      [orgKey],
    ),
  };
}

async function readFigures({ orgKey, chatbotId }: Sender): Promise<Record<string, unknown>> {
  const summed = (day: string, count: string, from: string): string =>
    `select day, sum(count) as count from (select ${day} as day, ${count} as count from ${from}) figures`;
  const ofSite = (table: string): string => `marketing.${table} where property_id = $1`;
  return {
    events: await byDay(summed('stat_date', 'event_count', 'widget_daily_event_names where chatbot_id = $1'), chatbotId),
    sessions: await byDay(summed('stat_date', 'total_sessions', 'widget_daily_stats where chatbot_id = $1'), chatbotId),
    operations: await byDay(
      summed('day', 'count', `woocommerce_usage_daily where domain = '*' and operation = '*' and ${ofOrganization}`),
      orgKey,
    ),
    'page views': await byDay(summed('day', 'total_page_views', ofSite('daily_metric_rollups')), orgKey),
    'site events': await byDay(summed('day', 'events_accepted', ofSite('daily_ingest_rollups')), orgKey),
  };
}

test.each(changes)('F12: when %s, every job is due once in each of its periods', (_what, zone, at) => {
  process.env['TZ'] = zone;
  const from = new Date(at).getTime() - 2 * dayMs;
  for (const { name, schedule } of jobs) {
    let last: JobRun | undefined;
    const runs: number[] = [];
    // The alarm rings every minute.
    for (let ms = from; ms < from + 4 * dayMs; ms += minuteMs) {
      const now = new Date(ms);
      if (dueAttempt({ schedule }, last, now) === undefined) continue;
      runs.push(ms);
      last = { id: runs.length, attempt: 1, status: 'succeeded', startedAt: now, finishedAt: now };
    }
    // The first is due because there was none before.
    const [, second = 0, ...later] = runs;
    const intervalMs = intervalSeconds(schedule) * 1000;
    expect(
      later.map((ms, index) => ms - second - (index + 1) * intervalMs).filter((error) => error !== 0),
      name,
    ).toEqual([]);
    expect(later.length, name).toBeGreaterThanOrEqual((4 * dayMs) / intervalMs - 2);
  }
});

test('F12: over the 29th of February partitions are made ahead and dropped to the day', async () => {
  process.env['TZ'] = 'Africa/Cairo';
  await createPartitions(dayOf('2028-02-26'), dayOf('2028-02-27'));
  await runJobsNow(database, [{ job: 'partitions-maintain', now: () => new Date('2028-03-01T00:30:00.000Z') }]);
  const days = await database.query<{ day: UtcDay }>(`select lower_bound as day from partitions_of('ingest_batches')`);
  const kept = days.map(({ day }) => day).filter((day) => day < '2028-03-20');
  // Two days after their end.
  const expected: UtcDay[] = [];
  for (let day = dayOf('2028-02-28'); day <= '2028-03-15'; day = addDays(day, 1)) expected.push(day);
  expect(kept).toEqual(expected);
  expect(kept).toContain('2028-02-29');
});
