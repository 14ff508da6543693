import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createChatbot } from '../../jobs/provisioning.ts';
import type { Job, JobResult } from '../../platform/jobs/job.ts';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, jobsConfig } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { widgetAnalyticsJobs } from './jobs.ts';

const now = new Date(`${utcDayOf(new Date())}T02:00:00.000Z`);
const today = utcDayOf(now);
const log = createLogger({ service: 'jobs', level: 'silent' });

let database: TestDatabase;
let pool: Pool;
let orgId: number;
let chatbot: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ id: orgId } = await insertOrganization(database, { key: 'acme' }));
  ({ id: chatbot } = await createChatbot(database.db, { orgKey: 'acme', name: 'Bot' }));
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 4,
    applicationName: 'test',
    statementTimeoutMs: 20_000,
    log,
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  for (const table of [
    'widget_events',
    'widget_sessions',
    'widget_session_heads',
    'widget_visitors',
    'rollup_dirty_days',
    'rollup_watermarks',
  ]) {
    await database.query(`delete from ${table}`);
  }
});

function run(name: string, options: { at?: Date; environment?: Record<string, string> } = {}): Promise<JobResult> {
  const job = widgetAnalyticsJobs.find((known) => known.name === name) as Job;
  return job.run({
    config: jobsConfig(database, options.environment),
    pool,
    log,
    now: () => options.at ?? now,
    forced: false,
    signal: new AbortController().signal,
    fence: () => Promise.resolve(),
  });
}

const ago = (milliseconds: number): string => new Date(now.getTime() - milliseconds).toISOString();
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

async function insertRow(table: string, row: Record<string, unknown>): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_column, index) => `$${index + 1}`);
  await database.query(`insert into ${table} (${columns.join(', ')}) values (${places.join(', ')})`, Object.values(row));
}

async function openSession(session: string, startedAt: string, lastActivityAt: string): Promise<void> {
  const key = { org_id: orgId, chatbot_id: chatbot, session_id: session, started_at: startedAt, last_activity_at: lastActivityAt };
  await insertRow('widget_sessions', {
    ...key,
    id: randomUUID(),
    device_type: 'desktop',
    created_at: startedAt,
    updated_at: lastActivityAt,
  });
  await insertRow('widget_session_heads', key);
}

async function happen(timestamp: string): Promise<void> {
  await insertRow('widget_events', {
    org_id: orgId,
    chatbot_id: chatbot,
    event_date: timestamp.slice(0, 10),
    id: randomUUID(),
    session_id: 's',
    session_started_at: timestamp,
    event_name: 'widget_loaded',
    seq: 0,
    timestamp,
    created_at: timestamp,
  });
}

describe('widget-sessions-sweep', () => {
  test('ends what was idle for half an hour at its last activity, and what is a day old', async () => {
    await openSession('idle', ago(42 * minute), ago(30 * minute));
    await openSession('almost', ago(42 * minute), ago(30 * minute - 1));
    await openSession('old', ago(day), ago(minute));
    await openSession('both', ago(2 * day), ago(day));
    expect(await run('widget-sessions-sweep')).toEqual({ timeout: 2, max_age: 1, counted: 3 });
    const rows = await database.query('select session_id, ended_at, end_reason, duration_seconds from widget_sessions order by session_id');
    expect(rows).toEqual([
      { session_id: 'almost', ended_at: null, end_reason: null, duration_seconds: null },
      { session_id: 'both', ended_at: new Date(ago(day)), end_reason: 'timeout', duration_seconds: 86_400 },
      { session_id: 'idle', ended_at: new Date(ago(30 * minute)), end_reason: 'timeout', duration_seconds: 720 },
      { session_id: 'old', ended_at: new Date(ago(minute)), end_reason: 'max_age', duration_seconds: 86_340 },
    ]);
    const heads = await database.query<{ session_id: string }>('select session_id from widget_session_heads where ended_at is null');
    expect(heads).toEqual([{ session_id: 'almost' }]);
    expect(await run('widget-sessions-sweep')).toEqual({ timeout: 0, max_age: 0, counted: 0 });
  });

  test('follows SESSION_TIMEOUT_MS, and ends a session whose head is gone', async () => {
    await openSession('short', ago(2 * minute), ago(minute));
    await database.query('delete from widget_session_heads');
    expect(await run('widget-sessions-sweep', { environment: { SESSION_TIMEOUT_MS: '60000' } })).toEqual({
      timeout: 1,
      max_age: 0,
      counted: 1,
    });
  });

  test('waits for an exporter that holds the session, and leaves one that went on meanwhile', async () => {
    await openSession('s', ago(hour), ago(40 * minute));
    const exporter = openPool({
      connectionString: database.url('observability_exporter'),
      max: 1,
      applicationName: 'x',
      statementTimeoutMs: 20_000,
      log,
    });
    let swept: Promise<JobResult> | undefined;
    await exporter.transaction(async (db) => {
      await db.query('select from widget_session_heads where session_id = $1 for update', ['s']);
      swept = run('widget-sessions-sweep');
      await waitUntil(
        async () =>
          (await database.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).length > 0,
        { within: 20_000 },
      );
      await db.query('update widget_sessions set last_activity_at = $1', [ago(0)]);
      await db.query('update widget_session_heads set last_activity_at = $1', [ago(0)]);
    });
    expect(await swept).toEqual({ timeout: 0, max_age: 0, counted: 0 });
    await exporter.end();
  });
});

describe('widget-analytics-cleanup', () => {
  test('counts and drops what has expired, keeps the rest, and makes statistics up to yesterday', async () => {
    await happen(`${addDays(today, -6)}T10:00:00.000Z`);
    await happen(`${addDays(today, -3)}T10:00:00.000Z`);
    await happen(`${addDays(today, -1)}T10:00:00.000Z`);
    const result = await run('widget-analytics-cleanup', { environment: { WIDGET_EVENTS_RETENTION_DAYS: '4' } });
    expect(result).toEqual({ events_deleted: 1, sessions_deleted: 0, stats_generated: 2 });
    expect(await database.query('select count(*) as kept from widget_events')).toEqual([{ kept: 2 }]);
    expect(await database.query('select through_date from rollup_watermarks')).toEqual([{ through_date: addDays(today, -1) }]);
    expect(await run('widget-analytics-cleanup', { environment: { WIDGET_EVENTS_RETENTION_DAYS: '4' } })).toMatchObject({
      events_deleted: 0,
    });
  });

  test('deletes heads a day and visitors a year after their last activity, and never a head of a session that is open', async () => {
    await openSession('open', ago(3 * day), ago(2 * day));
    await openSession('over', ago(3 * day), ago(day + 1));
    await openSession('recent', ago(3 * day), ago(day));
    await database.query(`update widget_session_heads set ended_at = last_activity_at where session_id <> 'open'`);
    for (const [anonymous, age] of [
      ['old', 365 * day + 1],
      ['known', 365 * day],
    ] as const) {
      await insertRow('widget_visitors', {
        org_id: orgId,
        chatbot_id: chatbot,
        anonymous_id: anonymous,
        first_seen_at: ago(age),
        last_seen_at: ago(age),
      });
    }
    await run('widget-analytics-cleanup');
    expect(await database.query('select session_id from widget_session_heads order by 1')).toEqual([
      { session_id: 'open' },
      { session_id: 'recent' },
    ]);
    expect(await database.query('select anonymous_id from widget_visitors')).toEqual([{ anonymous_id: 'known' }]);
  });

  test('makes statistics although something else fails, and fails', async () => {
    await happen(`${addDays(today, -1)}T12:00:00.000Z`);
    await database.query('revoke delete on widget_visitors from observability_jobs');
    try {
      await expect(run('widget-analytics-cleanup')).rejects.toThrow('deleting stale visitors');
      expect(await database.query('select through_date from rollup_watermarks')).toEqual([{ through_date: addDays(today, -1) }]);
    } finally {
      await database.query('grant delete on widget_visitors to observability_jobs');
    }
  });
});

describe('widget-stats-dirty', () => {
  test('rebuilds marked days up to the watermark and removes their marks; later ones are for the daily run', async () => {
    await insertRow('rollup_watermarks', { name: 'widget_daily_stats', through_date: addDays(today, -1) });
    await insertRow('rollup_dirty_days', { org_id: orgId, chatbot_id: chatbot, day: today, marked_at: ago(minute) });
    const late = addDays(today, -2);
    await happen(`${late}T10:00:00.000Z`);
    await insertRow('rollup_dirty_days', { org_id: orgId, chatbot_id: chatbot, day: late });
    expect(await run('widget-stats-dirty')).toEqual({ rebuilt: 1, unchanged: 0 });
    expect(await database.query('select widget_loads from widget_daily_stats where stat_date = $1', [late])).toEqual([{ widget_loads: 1 }]);
    expect(await run('widget-stats-dirty')).toEqual({ rebuilt: 0, unchanged: 0 });
    expect(await database.query('select day from rollup_dirty_days')).toEqual([{ day: today }]);
  });

  test('removes the mark of a day that can no longer be rebuilt', async () => {
    await insertRow('rollup_watermarks', { name: 'widget_daily_stats', through_date: addDays(today, -1) });
    await insertRow('rollup_dirty_days', { org_id: orgId, chatbot_id: chatbot, day: addDays(today, -100) });
    expect(await run('widget-stats-dirty')).toEqual({ rebuilt: 0, unchanged: 1 });
    expect(await database.query('select from rollup_dirty_days')).toEqual([]);
  });
});
