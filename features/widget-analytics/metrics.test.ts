import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape } from '../../test/support/services.ts';
import { dropReasons } from './metrics.ts';

const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
const chatbotId = randomUUID();
const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`).getTime();
let clock = noon;

beforeAll(async () => {
  database = await createTestDatabase();
  const { id } = await insertOrganization(database, { key: 'first' });
  await database.query(`insert into chatbots (id, org_id, name) values ($1, $2, 'test')`, [chatbotId, id]);
  await insertOrganization(database, { key: 'without-chatbot' });
  // After that: a refresh that runs since the start would not know them.
  exporter = await runExporter(database, { environment: { ORG_SERIES_MAX_ORGS: '2' }, now: () => new Date(clock) });
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

async function send(body: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${exporter.url}/widget/analytics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': iphone },
    body: JSON.stringify({ chatbotId, sessionId: 's', ...body }),
  });
  expect(response.status).toBe(204);
}

test('series exist as zeros before anything happened, for organizations with a chatbot', async () => {
  await exporter.refresh();
  const fleet = await scrape(exporter.metricsUrl);
  for (const series of [
    'widget_analytics_events_total{category="other"}',
    'widget_analytics_sessions_ended_total{reason="max_age"}',
    'widget_analytics_response_duration_seconds_count',
    'widget_analytics_active_sessions',
    'observability_ingest_rows_total{endpoint="widget_analytics",outcome="bot"}',
  ]) {
    expect(fleet.value(series), series).toBe(0);
  }
  const orgs = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(orgs.value('widget_org_active_sessions{org="first"}')).toBe(0);
  for (const reason of dropReasons) expect(orgs.value(`widget_org_dropped_events_total{org="first",reason="${reason}"}`), reason).toBe(0);
  expect(orgs.value('widget_org_sessions_started_total{org="without-chatbot"}')).toBeUndefined();
});

test('count what was stored, once', async () => {
  const message = { event_name: 'message_sent', event_category: 'engagement', event_id: randomUUID() };
  const client_timestamp = new Date(clock - 120_000).toISOString();
  await send({
    events: [
      message,
      { event_name: 'message_received', event_category: 'made up', properties: { response_time_ms: 400 }, client_timestamp },
      { event_name: 'api_error', event_category: 'error', client_timestamp: new Date(clock + 60_000).toISOString() },
    ],
  });
  await send({ events: [message] });
  await send({ sessionId: 'closed', events: [{ event_name: 'unload' }] });
  clock += 3600_000;
  await send({ events: [{ event_name: 'message_sent' }, { event_name: 'message_sent' }] });
  await exporter.refresh();

  const { value } = await scrape(exporter.metricsUrl);
  const expected: Record<string, number> = {
    'widget_analytics_events_total{category="engagement"}': 1,
    'widget_analytics_events_total{category="other"}': 4,
    'widget_analytics_events_total{category="error"}': 1,
    widget_analytics_duplicate_events_total: 1,
    'widget_analytics_sessions_started_total{device_type="mobile"}': 3,
    'widget_analytics_sessions_ended_total{reason="client"}': 1,
    'widget_analytics_sessions_ended_total{reason="timeout"}': 1,
    'widget_analytics_messages_total{direction="sent"}': 3,
    'widget_analytics_messages_total{direction="received"}': 1,
    widget_analytics_conversations_total: 2,
    'widget_analytics_response_duration_seconds_bucket{le="0.5"}': 1,
    'widget_analytics_response_duration_seconds_bucket{le="0.25"}': 0,
    'widget_analytics_event_lag_seconds_bucket{le="1"}': 5,
    'widget_analytics_event_lag_seconds_bucket{le="600"}': 6,
    widget_analytics_event_lag_seconds_sum: 120,
    widget_analytics_active_sessions: 1,
    'observability_ingest_rows_total{endpoint="widget_analytics",outcome="stored"}': 6,
    'observability_ingest_rows_total{endpoint="widget_analytics",outcome="duplicate"}': 1,
  };
  expect(Object.fromEntries(Object.keys(expected).map((series) => [series, value(series)]))).toEqual(expected);

  const orgs = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(orgs.value('widget_org_active_sessions{org="first"}')).toBe(1);
  expect(orgs.value('widget_org_events_total{org="first"}')).toBe(6);
  expect(orgs.value('widget_org_sessions_started_total{org="first"}')).toBe(3);
  expect(orgs.value('widget_org_conversations_total{org="first"}')).toBe(2);
  expect(orgs.value('widget_org_error_events_total{org="first"}')).toBe(1);
  expect(orgs.value('widget_org_dropped_events_total{org="first",reason="duplicate"}')).toBe(1);
});

test('organizations beyond the cap are counted as one', async () => {
  const { id } = await insertOrganization(database, { key: 'third' });
  const third = randomUUID();
  await database.query(`insert into chatbots (id, org_id, name) values ($1, $2, 'test')`, [third, id]);
  await send({ chatbotId: third, events: [{ event_name: 'e' }] });
  await exporter.refresh();
  const { value } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(value('widget_org_sessions_started_total{org="__overflow__"}')).toBe(1);
  expect(value('widget_org_sessions_started_total{org="third"}')).toBeUndefined();
  expect(value('widget_org_active_sessions{org="__overflow__"}')).toBeUndefined();
});
