import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Job, JobResult } from '../../platform/jobs/job.ts';
import { lastDueAt } from '../../platform/jobs/job.ts';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { createPastMarketingDays, poster, type Post } from '../../test/support/marketing.ts';
import { jobsConfig, runExporter, scrape } from '../../test/support/services.ts';
import { marketingJobs, monthsBefore } from './jobs.ts';

const log = createLogger({ service: 'jobs', level: 'silent' });
const today = utcDayOf(new Date());
const yesterday = addDays(today, -1);
const noon = new Date(startOfUtcDay(today).getTime() + 43_200_000);

let database: TestDatabase;
let pool: Pool;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let post: Post;
let now = noon;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 6,
    applicationName: 'test',
    statementTimeoutMs: 20_000,
    log,
  });
  exporter = await runExporter(database, { now: () => now, environment: { ROLLUP_PROPERTY_IDS: 'shop' } });
  post = poster(exporter.url);
});
afterAll(async () => {
  await exporter.stop();
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  now = noon;
  await database.query(
    `truncate marketing.visitors, marketing.events, marketing.web_traffic_logs, marketing.leads, marketing.ingest_rejections, job_runs,
     marketing.daily_metric_rollups, marketing.daily_ingest_rollups, marketing.daily_visitors, marketing.daily_visitor_gaps cascade`,
  );
});

function jobNamed(name: string): Job {
  const job = marketingJobs.find((known) => known.name === name);
  if (job === undefined) throw new Error(`there is no job ${name}`);
  return job;
}

const run = (name: string): Promise<JobResult> =>
  jobNamed(name).run({
    config: jobsConfig(database, { ROLLUP_PROPERTY_IDS: 'shop' }),
    pool,
    log,
    now: () => now,
    forced: false,
    signal: new AbortController().signal,
    fence: () => Promise.resolve(),
  });
const recordRun = (job: string, result: JobResult): Promise<unknown> =>
  database.query(`insert into job_runs (job, attempt, status, finished_at, result) values ($1, 1, 'succeeded', now(), $2)`, [job, result]);
const visit = (anonId: string, timestamp: string): Promise<Response> =>
  post('/v1/events', { anonId, eventType: 'page_view', path: '/', timestamp, traffic: { propertyId: 'shop' } });
const count = async (table: string): Promise<number> =>
  (await database.query<{ count: number }>(`select count(*) as count from marketing.${table}`))[0]?.count ?? 0;

test('rollups run five minutes past the hour, the comparison and the purge once a day', () => {
  const at = (time: string): Date => new Date(`2026-02-13T${time}:00.000Z`);
  expect(lastDueAt(jobNamed('rollups-run').schedule, at('10:04'))).toEqual(at('09:05'));
  expect(lastDueAt(jobNamed('rollups-run').schedule, at('10:05'))).toEqual(at('10:05'));
  expect(lastDueAt(jobNamed('rollups-discrepancy').schedule, at('06:00'))).toEqual(at('05:20'));
  expect(lastDueAt(jobNamed('marketing-purge').schedule, at('06:00'))).toEqual(at('03:30'));
});

describe('rollups-run', () => {
  test('takes a late event in at its next run', async () => {
    await visit('anon-0001', `${yesterday}T10:00:00.000Z`);
    expect(await run('rollups-run')).toEqual({ written: 16, skipped: 0 });
    await visit('anon-0002', `${yesterday}T11:00:00.000Z`);
    await run('rollups-run');
    expect(await database.query(`select unique_visitors from marketing.daily_metric_rollups where day = $1`, [yesterday])).toEqual([
      { unique_visitors: 2 },
      { unique_visitors: 2 },
    ]);
  });

  test('shows yesterday, freshness and the last comparison as gauges of each property', async () => {
    await visit('anon-0001', `${yesterday}T10:00:00.000Z`);
    await visit('anon-0002', `${yesterday}T10:00:00.000Z`);
    await exporter.refresh();
    expect((await scrape(exporter.metricsUrl)).text).not.toMatch(/^marketing_(daily|rollup)/m);
    await run('rollups-run');
    await recordRun('rollups-discrepancy', await run('rollups-discrepancy'));
    await exporter.refresh();
    const { value } = await scrape(exporter.metricsUrl);
    for (const property of ['default', 'shop']) {
      expect(value(`marketing_daily_unique_visitors{property="${property}"}`)).toBe(2);
      expect(value(`marketing_daily_page_views{property="${property}"}`)).toBe(2);
      expect(value(`marketing_daily_new_leads{property="${property}"}`)).toBe(0);
      expect(value(`marketing_daily_lead_capture_ratio{property="${property}"}`)).toBe(0);
      expect(value(`marketing_daily_ingest_success_ratio{property="${property}"}`)).toBe(1);
      expect(value(`marketing_rollup_lag_seconds{property="${property}"}`)).toBe(0);
      expect(value(`marketing_rollup_generated_timestamp_seconds{property="${property}"}`)).toBe(noon.getTime() / 1000);
      expect(value(`marketing_rollup_discrepancies{property="${property}"}`)).toBe(0);
    }
    now = new Date(noon.getTime() + 2 * 86_400_000);
    await exporter.refresh();
    const later = await scrape(exporter.metricsUrl);
    expect(later.value('marketing_rollup_lag_seconds{property="default"}')).toBe(1.5 * 86_400);
    expect(later.value('marketing_daily_unique_visitors{property="default"}')).toBeUndefined();
  });

  test('whose gauges cannot be read shows none', async () => {
    await run('rollups-run');
    await exporter.refresh();
    await database.refuseConnections();
    await exporter.refresh();
    const { text } = await scrape(exporter.metricsUrl);
    await database.acceptConnections();
    expect(text).not.toMatch(/^marketing_(daily|rollup)/m);
  });
});

test('rollups-discrepancy finds nothing after a run, and counts what differs', async () => {
  await visit('anon-0001', `${yesterday}T10:00:00.000Z`);
  await run('rollups-run');
  expect(await run('rollups-discrepancy')).toEqual({ from: addDays(today, -7), to: yesterday, mismatches: { default: 0, shop: 0 } });
  await database.query(
    `update marketing.daily_ingest_rollups set events_accepted = 0, events_rejected = 1 where property_id = 'shop' and day = $1`,
    [yesterday],
  );
  expect(await run('rollups-discrepancy')).toMatchObject({ mismatches: { default: 0, shop: 2 } });
});

test('rollups-discrepancy takes days before the first rollup for no difference, and a gap after it for one', async () => {
  expect(await run('rollups-discrepancy')).toMatchObject({ mismatches: { default: 0, shop: 0 } });
  await run('rollups-run');
  await database.query('delete from marketing.daily_metric_rollups where day < $1 or day = $2', [addDays(today, -4), addDays(today, -2)]);
  expect(await run('rollups-discrepancy')).toMatchObject({ mismatches: { default: 1, shop: 1 } });
});

describe('marketing-purge', () => {
  test('drops what is too old and then what belongs to nothing, in that order', async () => {
    const old = addDays(today, -91);
    await createPastMarketingDays(database, old, addDays(today, -88));
    const at = (day: UtcDay): Date => new Date(`${day}T10:00:00.000Z`);
    const real = now;
    for (const [anonId, day] of [
      ['anon-expired', old],
      ['anon-kept-00', addDays(today, -89)],
    ] as const) {
      now = at(day);
      await visit(anonId, now.toISOString());
    }
    now = at(old);
    await post('/v1/leads/capture', { anonId: 'anon-lead-00', email: 'ada@example.com' }, { 'user-agent': 'Another/1' });
    await post('/v1/events', {});
    now = real;
    await visit('anon-fresh-0', at(today).toISOString());
    await database.query(
      `insert into marketing.visitors select gen_random_uuid(), 'anon-orphan', now(), now(), last_ip_hash, last_ip_hash, last_ip_hash, last_ip_hash
       from marketing.visitors limit 1`,
    );
    for (const [day, table] of [
      [monthsBefore(today, 24), 'daily_metric_rollups'],
      [addDays(monthsBefore(today, 24), -1), 'daily_metric_rollups'],
    ] as const) {
      await database.query(`insert into marketing.${table} (property_id, day, generated_at) values ('default', $1, now())`, [day]);
    }
    await exporter.refresh();
    const result = await run('marketing-purge');
    expect(result).toMatchObject({ partitions: 2, sessions: 1, visitors: 2, rejections: 1, daily_metric_rollups: 1, daily_visitors: 0 });
    const left = await database.query<{ anon_id: string }>('select anon_id from marketing.visitors order by anon_id');
    expect(left.map(({ anon_id }) => anon_id)).toEqual(['anon-fresh-0', 'anon-kept-00', 'anon-lead-00']);
    expect([await count('events'), await count('form_submissions'), await count('leads')]).toEqual([2, 1, 1]);
    expect(await run('marketing-purge')).toMatchObject({ partitions: 0, sessions: 0, visitors: 0, rejections: 0 });
  });
});
