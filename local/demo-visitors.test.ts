import { afterAll, beforeAll, expect, test } from 'vitest';
import { addDays, startOfUtcDay, systemClock, utcDayOf } from '../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { jobsConfig, runExporter, scrape } from '../test/support/services.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { createDemoData, type DemoOrganization } from './demo-data.ts';
import { createDemoHistory } from './demo-history.ts';
import { startDemoVisitors } from './demo-visitors.ts';

let database: TestDatabase;
let organizations: DemoOrganization[];
const { signal } = new AbortController();

beforeAll(async () => {
  database = await createTestDatabase();
  organizations = await createDemoData({ databaseUrl: database.url('observability_jobs'), ingestKeys: {} });
});
afterAll(() => database.drop());

test('every demo organization has a week of visits that are over, with statistics, and a second start adds none', async () => {
  const config = jobsConfig(database);
  const now = systemClock();
  await createDemoHistory(organizations, { config, now, signal });
  const read = (): Promise<Record<string, unknown>[]> =>
    database.query(
      `select organizations.key, stats.stat_date, stats.total_sessions, stats.total_conversations > 0 as chats, stats.error_count,
         (select count(*) from widget_sessions sessions where sessions.chatbot_id = stats.chatbot_id
            and (sessions.started_at at time zone 'UTC')::date = stats.stat_date) as recounted
       from widget_daily_stats stats join organizations on organizations.id = stats.org_id order by 1, 2`,
    );
  const first = await read();
  const week = Array.from({ length: 7 }, (_, index) => addDays(utcDayOf(now), index - 7));
  for (const { key } of organizations) expect(first.filter((row) => row['key'] === key).map((row) => row['stat_date'])).toEqual(week);
  for (const row of first) expect(row).toMatchObject({ total_sessions: row['recounted'], chats: true });
  const errorsOf = (org: string): number =>
    first.filter(({ key }) => key === org).reduce((sum, { error_count: errors }) => sum + Number(errors), 0);
  expect(errorsOf('flaky')).toBeGreaterThan(3 * errorsOf('demo'));
  expect(await database.query('select session_id from widget_sessions where ended_at is null')).toEqual([]);

  // Of a day that is young there are no visits yet: the second start may add some.
  const countBeforeToday = (): Promise<unknown> =>
    database.query('select count(*) as events from widget_events where created_at < $1', [startOfUtcDay(utcDayOf(now))]);
  const before = await countBeforeToday();
  await createDemoHistory(organizations, { config, now, signal });
  expect(await read()).toEqual(first);
  expect(await countBeforeToday()).toEqual(before);
});

test('visitors come to every demo organization; those of the domain that is not allowed are turned away', async () => {
  const exporter = await runExporter(database);
  const said: string[] = [];
  const visitors = startDemoVisitors(organizations, { exporterUrl: exporter.url, write: (_name, line) => said.push(line) });
  try {
    await waitUntil(
      async () => {
        await exporter.refresh();
        const { value } = await scrape(exporter.metricsUrl, '/metrics/orgs');
        const { value: fleet } = await scrape(exporter.metricsUrl);
        const seen = [
          ...organizations.map(({ key }) => value(`widget_org_sessions_started_total{org="${key}"}`)),
          value('widget_org_dropped_events_total{org="misconfigured",reason="origin"}'),
          fleet('widget_analytics_events_total{category="system"}'),
          fleet('widget_analytics_events_total{category="engagement"}'),
          fleet('widget_analytics_messages_total{direction="received"}'),
          fleet('widget_analytics_sessions_ended_total{reason="client"}'),
        ];
        return seen.every((count) => (count ?? 0) > 0);
      },
      { within: 50_000, what: 'visits of every organization' },
    );
  } finally {
    await visitors.stop();
    await exporter.stop();
  }
  expect(said).toEqual([]);
});
