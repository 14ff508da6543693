import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { insertChatbot } from '../../test/support/widget-rows.ts';

const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`).getTime();
const mib = 1024 ** 2;

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let orgId: number;
let chatbotId: string;
let clock = noon;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { environment: { ORG_SERIES_MAX_ORGS: '2' }, now: () => new Date(clock) });
  orgId = (await insertOrganization(database, { key: 'first' })).id;
  ({ chatbotId } = await insertChatbot(database, orgId));
  await insertOrganization(database, { key: 'without-chatbot' });
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

async function send(metrics: unknown[], of = chatbotId): Promise<void> {
  const response = await fetch(`${exporter.url}/api/monitoring/widget`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': chrome },
    body: JSON.stringify({ chatbotId: of, metrics }),
  });
  expect(response.status).toBe(200);
}

const values = async (path: '/metrics' | '/metrics/orgs', series: readonly string[]): Promise<Record<string, number | undefined>> => {
  const { value } = await scrape(exporter.metricsUrl, path);
  return Object.fromEntries(series.map((name) => [name, value(name)]));
};

test('series exist as zeros from the first scrape, for organizations with a chatbot', async () => {
  // The refresh of the start may have looked before there was an organization.
  await waitUntil(
    async () => {
      await exporter.refresh();
      return (await scrape(exporter.metricsUrl, '/metrics/orgs')).text.includes('widget_client_org_health_score_ratio{org="first"');
    },
    { within: 20_000, what: 'the series of the organization' },
  );
  const zeros = [
    'widget_client_persistence_operations_total{operation="sync",outcome="failure"}',
    'widget_client_data_loss_incidents_total{cause="save_failed"}',
    'widget_client_navigations_total{outcome="failure",data_preserved="false"}',
    'widget_client_render_duration_seconds_count',
    'widget_client_bundle_size_bytes_bucket{le="2048000"}',
    'widget_client_tab_sync_operations_total{operation="reconcile",outcome="success"}',
    'widget_client_api_requests_total{outcome="error",cached="true"}',
    'widget_client_alerts_active{severity="critical",category="tab_sync"}',
    'observability_ingest_rows_total{endpoint="widget_performance",outcome="ignored"}',
  ];
  expect(await values('/metrics', zeros)).toEqual(Object.fromEntries(zeros.map((series) => [series, 0])));
  expect(await values('/metrics', ['widget_client_health_score_ratio{part="overall"}'])).toEqual({
    'widget_client_health_score_ratio{part="overall"}': 1,
  });
  const orgZeros = [
    'widget_client_org_data_loss_incidents_total{org="first",cause="save_failed"}',
    'widget_client_org_data_loss_incidents_total{org="first",cause="navigation"}',
    'widget_client_org_persistence_operations_total{org="first",outcome="failure"}',
    'widget_client_org_render_duration_seconds_bucket{org="first",le="0.016"}',
    'widget_client_org_scroll_frame_rate_hertz_bucket{org="first",le="55"}',
    'widget_client_org_memory_heap_used_bytes_count{org="first"}',
    'widget_client_org_api_requests_total{org="first",outcome="ok",cached="false"}',
    'widget_client_org_scroll_frames_total{org="first"}',
    'widget_client_org_tab_sync_latency_seconds_sum{org="first"}',
  ];
  expect(await values('/metrics/orgs', orgZeros)).toEqual(Object.fromEntries(orgZeros.map((series) => [series, 0])));
  const { text } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(text).toContain('widget_client_org_health_score_ratio{org="first",part="overall"} 1\n');
  expect(text).not.toContain('widget_client_org_data_loss_incidents_total{org="without-chatbot"');
  for (const absent of ['memory_heap_peak_bytes{', 'scroll_min_frame_rate_hertz{', 'render_baseline_seconds{']) {
    expect(text).not.toContain(`widget_client_org_${absent}`);
  }
});

test('count what was stored, once; extremes, baseline and score come from the database', async () => {
  await send([
    { type: 'persistence', metric: { operation: 'save', success: false, duration: 200, errorType: 'x"} evil 1\n' } },
    { type: 'persistence', metric: { operation: 'sync', success: true, duration: 201 } },
    { type: 'restoration', metric: { sessionId: 's', conversationId: 'c', success: true, duration: 50, messagesRestored: 2 } },
    { type: 'navigation', metric: { sessionId: 's', fromPage: '/', toPage: '/"', success: true, dataPreserved: false, duration: 1 } },
    { type: 'render', metric: { messageId: 'm', renderTime: 16, contentLength: 1 } },
    { type: 'render', metric: { messageId: 'm', renderTime: 24, contentLength: 1 } },
    { type: 'scroll', metric: { fps: 54.9, frameTime: 18, jankFrames: 3, totalFrames: 60 } },
    { type: 'memory', metric: { heapUsed: 60 * mib, heapTotal: 1, timestamp: noon - 1000 } },
    { type: 'memory', metric: { heapUsed: 45 * mib, heapTotal: 1 } },
    { type: 'tabSync', metric: { operation: 'receive', latency: 5, dataSize: 1, success: true } },
    { type: 'api', metric: { endpoint: 'evil{a="b"}', method: 'GET', statusCode: 500, duration: 750, cached: false } },
    { type: 'bundle', metric: { bundleName: 'b', loadTime: 100, size: 51_200, cached: true } },
  ]);
  await database.query(
    `insert into widget_performance_baselines (org_id, render_avg_ms, sample_count, captured_at, captured_by) values ($1, 8.3, 100, now(), 'auto')`,
    [orgId],
  );
  await database.query(
    `insert into alerts (org_id, fingerprint, alertname, feature, severity, category, title, message, labels, starts_at, last_seen_at)
     select $1, 'f' || n, 'A', 'widget-performance', 'warning', category, 't', '', '{}', now(), now()
     from unnest(array['memory', 'memory', 'made up']) with ordinality as listed (category, n)`,
    [orgId],
  );
  await exporter.refresh();
  const fleet = {
    'widget_client_persistence_operations_total{operation="save",outcome="failure"}': 1,
    'widget_client_persistence_duration_seconds_bucket{le="0.2"}': 1,
    'widget_client_data_loss_incidents_total{cause="save_failed"}': 1,
    'widget_client_data_loss_incidents_total{cause="navigation"}': 1,
    'widget_client_restorations_total{outcome="success"}': 1,
    'widget_client_navigations_total{outcome="success",data_preserved="false"}': 1,
    'widget_client_render_duration_seconds_bucket{le="0.016"}': 1,
    widget_client_render_duration_seconds_sum: 0.04,
    'widget_client_scroll_frame_rate_hertz_bucket{le="55"}': 1,
    widget_client_scroll_frames_total: 60,
    widget_client_scroll_jank_frames_total: 3,
    'widget_client_memory_heap_used_bytes_bucket{le="62914560"}': 2,
    'widget_client_memory_heap_used_bytes_bucket{le="52428800"}': 1,
    'widget_client_tab_sync_operations_total{operation="receive",outcome="success"}': 1,
    'widget_client_tab_sync_latency_seconds_bucket{le="0.005"}': 1,
    'widget_client_api_requests_total{outcome="error",cached="false"}': 1,
    'widget_client_api_request_duration_seconds_bucket{le="0.8"}': 1,
    'widget_client_bundle_loads_total{cached="true"}': 1,
    'widget_client_bundle_load_duration_seconds_bucket{le="0.1"}': 1,
    'widget_client_bundle_size_bytes_bucket{le="51200"}': 1,
    'widget_client_alerts_active{severity="warning",category="memory"}': 2,
    'widget_client_alerts_active{severity="warning",category="other"}': 1,
    'widget_client_health_score_ratio{part="persistence"}': 0.5,
    'widget_client_health_score_ratio{part="memory"}': 0.5,
    'observability_ingest_rows_total{endpoint="widget_performance",outcome="stored"}': 12,
  };
  expect(await values('/metrics', Object.keys(fleet))).toEqual(fleet);
  const ofOrg = {
    'widget_client_org_persistence_operations_total{org="first",outcome="failure"}': 1,
    'widget_client_org_persistence_duration_seconds_bucket{org="first",le="0.2"}': 1,
    'widget_client_org_data_loss_incidents_total{org="first",cause="save_failed"}': 1,
    'widget_client_org_data_loss_incidents_total{org="first",cause="navigation"}': 1,
    'widget_client_org_restorations_total{org="first",outcome="success"}': 1,
    'widget_client_org_restoration_duration_seconds_bucket{org="first",le="0.05"}': 1,
    'widget_client_org_render_duration_seconds_bucket{org="first",le="0.016"}': 1,
    'widget_client_org_render_duration_seconds_count{org="first"}': 2,
    'widget_client_org_scroll_frame_rate_hertz_bucket{org="first",le="55"}': 1,
    'widget_client_org_scroll_frames_total{org="first"}': 60,
    'widget_client_org_scroll_jank_frames_total{org="first"}': 3,
    'widget_client_org_memory_heap_used_bytes_bucket{org="first",le="52428800"}': 1,
    'widget_client_org_tab_sync_operations_total{org="first",outcome="success"}': 1,
    'widget_client_org_tab_sync_latency_seconds_bucket{org="first",le="0.005"}': 1,
    'widget_client_org_api_requests_total{org="first",outcome="error",cached="false"}': 1,
    'widget_client_org_api_request_duration_seconds_bucket{org="first",le="0.8"}': 1,
    'widget_client_org_memory_heap_peak_bytes{org="first"}': 60 * mib,
    'widget_client_org_scroll_min_frame_rate_hertz{org="first"}': 54.9,
    'widget_client_org_render_baseline_seconds{org="first"}': 0.0083,
    'widget_client_org_health_score_ratio{org="first",part="persistence"}': 0.5,
    'widget_client_org_health_score_ratio{org="first",part="performance"}': 0.5,
    'widget_client_org_health_score_ratio{org="first",part="memory"}': 0.5,
  };
  expect(await values('/metrics/orgs', Object.keys(ofOrg))).toEqual(ofOrg);
  const texts = [(await scrape(exporter.metricsUrl)).text, (await scrape(exporter.metricsUrl, '/metrics/orgs')).text];
  for (const text of texts) expect(text).not.toContain('evil');
});

test('what was measured longer ago than five minutes is no extreme any more', async () => {
  clock = noon + 7 * 60_000;
  await exporter.refresh();
  const { text, value } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(text).not.toContain('widget_client_org_memory_heap_peak_bytes{');
  expect(value('widget_client_org_health_score_ratio{org="first",part="overall"}')).toBe(1);
  expect(value('widget_client_org_render_duration_seconds_count{org="first"}')).toBe(2);
});

test('organizations beyond the cap are counted as one, without gauges', async () => {
  const third = await insertOrganization(database, { key: 'third' });
  await send(
    [{ type: 'persistence', metric: { operation: 'save', success: false, duration: 1 } }],
    (await insertChatbot(database, third.id)).chatbotId,
  );
  await exporter.refresh();
  const { text, value } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(value('widget_client_org_data_loss_incidents_total{org="__overflow__",cause="save_failed"}')).toBe(1);
  expect(value('widget_client_org_persistence_duration_seconds_count{org="__overflow__"}')).toBe(1);
  expect(text).not.toContain('org="third"');
  expect(text).not.toContain('widget_client_org_health_score_ratio{org="__overflow__"');
});

test('while the database is away gauges are absent, and counters go on', async () => {
  await database.refuseConnections();
  try {
    await exporter.refresh();
    const { text, value } = await scrape(exporter.metricsUrl);
    expect(text).not.toContain('widget_client_health_score_ratio{');
    expect(text).not.toContain('widget_client_alerts_active{');
    expect(value('widget_client_data_loss_incidents_total{cause="save_failed"}')).toBe(2);
    const ofOrgs = await scrape(exporter.metricsUrl, '/metrics/orgs');
    expect(ofOrgs.text).not.toContain('widget_client_org_health_score_ratio{');
    expect(ofOrgs.value('widget_client_org_data_loss_incidents_total{org="first",cause="save_failed"}')).toBe(1);
    expect(ofOrgs.value('widget_client_org_data_loss_incidents_total{org="__overflow__",cause="save_failed"}')).toBe(1);
  } finally {
    await database.acceptConnections();
  }
});
