import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { jobsConfig } from '../../test/support/services.ts';
import { createLogger } from '../log.ts';
import { lastDueAt } from '../jobs/job.ts';
import { openPool, type Pool } from '../postgres/pool.ts';
import { alertJobs } from './jobs.ts';

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
