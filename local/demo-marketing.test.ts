import { afterAll, beforeAll, expect, test } from 'vitest';
import { addDays, systemClock, utcDayOf } from '../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { jobsConfig, runExporter, scrape } from '../test/support/services.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { createDemoMarketingHistory } from './demo-marketing-history.ts';
import { startDemoMarketingTraffic } from './demo-marketing-traffic.ts';
import { demoProperties } from './demo-marketing.ts';

let database: TestDatabase;
const { signal } = new AbortController();

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test(
  'the marketing sites have a week of visits, rolled up without a discrepancy, and a second start adds none',
  { timeout: 60_000 },
  async () => {
    const config = jobsConfig(database, { ROLLUP_PROPERTY_IDS: demoProperties.join() });
    const now = systemClock();
    const today = utcDayOf(now);
    await createDemoMarketingHistory({ config, now, signal });
    const readDays = (): Promise<Record<string, unknown>[]> =>
      database.query(
        `select metrics.property_id, metrics.day, metrics.unique_visitors, metrics.total_page_views, metrics.form_starts > 0 as starts_forms,
         metrics.traffic_source_breakdown
       from marketing.daily_metric_rollups metrics where metrics.day < $1 order by 1, 2`,
        [today],
      );
    const first = await readDays();
    const week = Array.from({ length: 7 }, (_, index) => addDays(today, index - 7));
    for (const property of ['default', ...demoProperties]) {
      expect(first.filter((row) => row['property_id'] === property).map((row) => row['day'])).toEqual(week);
    }
    for (const row of first.filter(({ property_id: property }) => property === 'default'))
      expect(row).toMatchObject({ starts_forms: true });
    const [totals] = await database.query(
      `select (select count(*) from marketing.leads leads) > 0 as leads,
       (select count(distinct consents.status) from marketing.consent_events consents) as consents,
       (select count(*) from marketing.ingest_rejections rejections) > 0 as rejections,
       (select count(distinct logs.traffic_source) from marketing.web_traffic_logs logs) as sources,
       (select runs.result -> 'mismatches' from job_runs runs where runs.job = 'rollups-discrepancy') as mismatches`,
    );
    expect(totals).toEqual({
      leads: true,
      consents: 4,
      rejections: true,
      sources: 8,
      mismatches: { default: 0, www: 0, blog: 0, docs: 0 },
    });

    await createDemoMarketingHistory({ config, now, signal });
    expect(await readDays()).toEqual(first);
  },
);

test('visitors keep coming to the marketing sites, and fill forms', { timeout: 120_000 }, async () => {
  const exporter = await runExporter(database);
  const said: string[] = [];
  const traffic = startDemoMarketingTraffic({ exporterUrl: exporter.url, write: (_name, line) => said.push(line) });
  try {
    await waitUntil(
      async () => {
        const { value } = await scrape(exporter.metricsUrl);
        const seen = [
          value('marketing_events_accepted_total{event_type="page_view"}'),
          value('marketing_events_accepted_total{event_type="form_start"}'),
          value('marketing_leads_captured_total{kind="new"}'),
        ];
        return seen.every((count) => (count ?? 0) > 0);
      },
      { within: 110_000, what: 'page views, forms and leads' },
    );
  } finally {
    await traffic.stop();
    await exporter.stop();
  }
  expect(said).toEqual([]);
});
