import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape } from '../../test/support/services.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;

beforeAll(async () => {
  database = await createTestDatabase();
  for (let number = 1; number <= 4; number += 1) {
    const { id } = await insertOrganization(database, { key: `org-${number}`, columns: { is_active: number !== 4 } });
    if (number === 2) continue;
    await database.query(`insert into widget_health_totals values ($1, now(), to_timestamp(1770379200.5), 100, $2, 7, $3, 6, 1500)`, [
      id,
      number,
      JSON.stringify({ buckets: [1, 2, 0, 0, 0, 0, 3].map((count) => ({ count })) }),
    ]);
  }
  exporter = await runExporter(database, { environment: { ORG_SERIES_MAX_ORGS: '2' }, now: () => new Date(1770379200500 + 3_600_000) });
  await exporter.refresh();
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

test('every fleet series is there before anything happened', async () => {
  const { value, text } = await scrape(exporter.metricsUrl);
  for (const series of [
    'widget_loads_total',
    'widget_load_failures_total',
    'widget_domain_mismatch_total',
    'widget_bootloader_refused_total{reason="invalid"}',
    'widget_bootloader_refused_total{reason="unknown_org"}',
    'widget_bootloader_refused_total{reason="origin_missing"}',
    'widget_bootloader_refused_total{reason="domain"}',
    'widget_bootloader_duration_seconds_bucket{le="0.2"}',
    'widget_bootloader_duration_seconds_count',
    ...['user', 'assistant', 'unknown'].map((role) => `widget_message_response_duration_seconds_count{role="${role}"}`),
  ]) {
    expect(value(series), series).toBe(0);
  }
  const bounds = [...text.matchAll(/^widget_bootloader_duration_seconds_bucket\{le="([^"]+)"\}/gm)].map(([, le]) => le);
  expect(bounds).toEqual(['0.05', '0.1', '0.2', '0.5', '1', '2', '5', '+Inf']);
});

test('organizations by status and by age of their last load, inactive ones included', async () => {
  const { value } = await scrape(exporter.metricsUrl);
  expect(['ok', 'needs_attention', 'not_connected'].map((status) => value(`widget_orgs{status="${status}"}`))).toEqual([0, 3, 1]);
  expect(['never', 'lt1h', 'lt24h', 'lt7d', 'gte7d'].map((band) => value(`widget_orgs_by_last_seen{band="${band}"}`))).toEqual([
    1, 0, 3, 0, 0,
  ]);
});

test('an admitted organization has all its series, one that was never seen those that do not need it', async () => {
  const { value, text } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(value('widget_org_loads_total{org="org-1"}')).toBe(100);
  expect(value('widget_org_load_failures_total{org="org-1"}')).toBe(1);
  expect(value('widget_org_domain_mismatch_total{org="org-1"}')).toBe(7);
  expect(value('widget_org_last_seen_timestamp_seconds{org="org-1"}')).toBe(1770379200.5);
  expect(['ok', 'needs_attention', 'not_connected'].map((status) => value(`widget_org_status{org="org-1",status="${status}"}`))).toEqual([
    0, 1, 0,
  ]);
  const buckets = [...text.matchAll(/^widget_org_response_duration_seconds_bucket\{org="org-1",le="([^"]+)"\} (\d+)$/gm)].map(
    ([, le, count]) => [le, Number(count)],
  );
  expect(buckets).toEqual([
    ['0.05', 1],
    ['0.1', 3],
    ['0.2', 3],
    ['0.5', 3],
    ['1', 3],
    ['2', 3],
    ['+Inf', 6],
  ]);
  expect(value('widget_org_response_duration_seconds_sum{org="org-1"}')).toBe(1.5);
  expect(value('widget_org_response_duration_seconds_count{org="org-1"}')).toBe(6);

  expect(value('widget_org_loads_total{org="org-2"}')).toBe(0);
  expect(value('widget_org_status{org="org-2",status="not_connected"}')).toBe(1);
  expect(value('widget_org_last_seen_timestamp_seconds{org="org-2"}')).toBeUndefined();
});

test('beyond the cap counters and histograms are folded, gauges left out, inactive organizations gone', async () => {
  const { value, text } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  expect(value('widget_org_loads_total{org="__overflow__"}')).toBe(100);
  expect(value('widget_org_load_failures_total{org="__overflow__"}')).toBe(3);
  expect(value('widget_org_response_duration_seconds_count{org="__overflow__"}')).toBe(6);
  expect(text).not.toContain('widget_org_status{org="__overflow__"');
  expect(text).not.toContain('widget_org_last_seen_timestamp_seconds{org="__overflow__"');
  expect(text).not.toMatch(/org="org-[34]"/);
  const fleet = await scrape(exporter.metricsUrl);
  expect(['orgs', 'limit_orgs', 'overflow_orgs'].map((name) => fleet.value(`observability_org_series_${name}`))).toEqual([2, 2, 1]);
});
