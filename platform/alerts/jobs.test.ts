import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { jobsConfig } from '../../test/support/services.ts';
import { createLogger } from '../log.ts';
import { lastDueAt } from '../jobs/job.ts';
import { openPool, type Pool } from '../postgres/pool.ts';
import { alertJobs, unseenAfterMs } from './jobs.ts';
import { storeAlerts, type AlertToStore } from './ingest.ts';

let database: TestDatabase;
let pool: Pool;
const log = createLogger({ service: 'test', level: 'silent' });

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({ connectionString: database.url('observability_jobs'), max: 1, applicationName: 'test', statementTimeoutMs: 5000, log });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('alerts-prune deletes what was resolved more than 90 days ago, at 03:10, and never what is unresolved', async () => {
  const now = new Date('2026-06-01T03:10:00.000Z');
  const daysAgo = (days: number, ms = 0): Date => new Date(now.getTime() - days * 86_400_000 + ms);
  const insert = (fingerprint: string, startsAt: Date, resolvedAt: Date | null): Promise<unknown> =>
    database.query(
      `insert into alerts (fingerprint, alertname, feature, severity, category, title, message, labels, starts_at, last_seen_at, resolved, resolved_at)
       values ($1, 'a', 'pipeline', 'info', 'error_rate', 't', '', '{}', $2, $2, $3, $4)`,
      [fingerprint, startsAt, resolvedAt !== null, resolvedAt],
    );
  await insert('old', daysAgo(100), daysAgo(90, -1));
  await insert('just kept', daysAgo(100), daysAgo(90));
  await insert('started long ago, resolved lately', daysAgo(400), daysAgo(1));
  await insert('unresolved', daysAgo(400), null);

  const prune = alertJobs.find(({ name }) => name === 'alerts-prune');
  expect(lastDueAt(prune?.schedule ?? { every: 'hour' }, new Date('2026-06-01T12:00:00Z'))).toEqual(now);
  const context = {
    config: jobsConfig(database),
    pool,
    log,
    now: () => now,
    signal: new AbortController().signal,
    fence: () => Promise.resolve(),
    forced: false,
  };
  expect(await prune?.run(context)).toEqual({ deleted: 1 });
  expect(await database.query('select fingerprint from alerts order by fingerprint')).toEqual([
    { fingerprint: 'just kept' },
    { fingerprint: 'started long ago, resolved lately' },
    { fingerprint: 'unresolved' },
  ]);
  expect(await prune?.run(context)).toEqual({ deleted: 0 });
});

describe('alerts-expire', () => {
  const now = new Date('2026-06-01T12:00:00.000Z');
  const ago = (ms: number): Date => new Date(now.getTime() - ms);
  const expire = alertJobs.find(({ name }) => name === 'alerts-expire');
  const runAt = (at: Date) =>
    expire?.run({
      config: jobsConfig(database),
      pool,
      log,
      now: () => at,
      signal: new AbortController().signal,
      fence: () => Promise.resolve(),
      forced: false,
    });
  const delivered = (fingerprint: string, startsAt: Date, status: 'firing' | 'resolved' = 'firing'): AlertToStore => ({
    status,
    orgKey: undefined,
    orgId: null,
    fingerprint,
    alertname: 'A',
    feature: 'pipeline',
    severity: 'error',
    category: 'error_rate',
    title: 't',
    message: 'm',
    metadata: {},
    labels: {},
    startsAt,
    endsAt: now,
  });
  const rows = (fingerprint: string) =>
    database.query('select starts_at, resolved, resolved_at, resolved_by, expired from alerts where fingerprint = $1 order by starts_at', [
      fingerprint,
    ]);

  test('resolves what was not delivered for five hours, and nothing else', async () => {
    await storeAlerts(pool, [delivered('forgotten', ago(2 * unseenAfterMs))], ago(unseenAfterMs + 1));
    await storeAlerts(pool, [delivered('repeated', ago(2 * unseenAfterMs))], ago(unseenAfterMs));
    await runAt(now);
    expect(await rows('forgotten')).toMatchObject([{ resolved: true, resolved_at: now, resolved_by: 'alertmanager', expired: true }]);
    expect(await rows('repeated')).toMatchObject([{ resolved: false, expired: false }]);
    expect(await runAt(now)).toEqual({ expired: 0 });
  });

  test('what is seen again is opened again, as the same alert', async () => {
    const startsAt = ago(3 * unseenAfterMs);
    await storeAlerts(pool, [delivered('inhibited', startsAt)], ago(2 * unseenAfterMs));
    await runAt(now);
    expect(await storeAlerts(pool, [delivered('inhibited', startsAt)], now)).toMatchObject({ stored: 1 });
    expect(await rows('inhibited')).toEqual([
      { starts_at: startsAt, resolved: false, resolved_at: null, resolved_by: null, expired: false },
    ]);
    await storeAlerts(pool, [delivered('inhibited', startsAt, 'resolved')], now);
    // Now it is over for certain: a late repeat does not open it.
    await storeAlerts(pool, [delivered('inhibited', startsAt)], now);
    expect(await rows('inhibited')).toMatchObject([{ resolved: true, expired: false }]);
  });

  test('an end that is delivered after all is the end', async () => {
    const startsAt = ago(3 * unseenAfterMs);
    await storeAlerts(pool, [delivered('late', startsAt)], ago(2 * unseenAfterMs));
    await runAt(now);
    const endsAt = ago(unseenAfterMs);
    await storeAlerts(pool, [{ ...delivered('late', startsAt, 'resolved'), endsAt }], now);
    expect(await rows('late')).toMatchObject([{ resolved: true, resolved_at: endsAt, expired: false }]);
  });

  test.each(['alertmanager.yml', 'examples/email.yml', 'examples/slack-pagerduty-email.yml'])(
    'is patient enough for %s: the route to the webhook repeats sooner',
    async (file) => {
      const { route } = parse(await readFile(join(import.meta.dirname, '../../alertmanager', file), 'utf8')) as {
        route: { routes: { receiver?: string; repeat_interval?: string }[] };
      };
      const webhook = route.routes.find(({ receiver }) => receiver === 'stack-webhook');
      expect(webhook?.repeat_interval).toMatch(/^\d+h$/);
      expect(Number.parseInt(webhook?.repeat_interval ?? '', 10) * 3_600_000).toBeLessThan(unseenAfterMs);
    },
  );
});
