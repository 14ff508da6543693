import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLogger } from '../../platform/log.ts';
import { dropExpiredPartitions, readPartitions } from '../../platform/postgres/partitions.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, jobsConfig } from '../../test/support/services.ts';
import { insertChatbot } from '../../test/support/widget-rows.ts';
import { captureBaselines } from './rollup.ts';
import { widgetPerformanceTables } from './tables.ts';

const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`);
const minuteMs = 60_000;

let database: TestDatabase;
let pool: Pool;
let orgId: number;
let chatbotId: string;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 2,
    applicationName: 'test',
    statementTimeoutMs: 5000,
    log: createLogger({ service: 'test', level: 'fatal' }),
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  unique += 1;
  orgId = (await insertOrganization(database, { key: `org-${unique}` })).id;
  ({ chatbotId } = await insertChatbot(database, orgId));
});

const insertRenders = (count: number, minutesAgo: number, averageMs = 10, type = 'render'): Promise<unknown> =>
  database.query(
    `insert into widget_performance_minutes (org_id, chatbot_id, minute, type, operation, count, error_count, value_sum, value_min, value_max,
       zero_count, slow_count, cached_count, preserved_count, items_sum, size_sum, jank_sum, frames_sum)
     values ($1, $2, $3, $6, '', $4::bigint, 0, $4::bigint * $5::float8, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0)`,
    [orgId, chatbotId, new Date(noon.getTime() - minutesAgo * minuteMs), count, averageMs, type],
  );
const baseline = () => database.query('select * from widget_performance_baselines where org_id = $1', [orgId]);

test('the baseline is captured once there are 100 renders, over all chatbots of an organization, and never overwritten', async () => {
  await insertRenders(60, 1, 10);
  await captureBaselines(pool, noon);
  expect(await baseline()).toEqual([]);
  ({ chatbotId } = await insertChatbot(database, orgId));
  await insertRenders(40, 2, 20);
  expect(await captureBaselines(pool, noon)).toBe(1);
  const captured = [{ org_id: orgId, render_avg_ms: 14, sample_count: 100, captured_at: noon, captured_by: 'auto' }];
  expect(await baseline()).toEqual(captured);
  await insertRenders(1000, 0, 50);
  expect(await captureBaselines(pool, noon)).toBe(0);
  expect(await baseline()).toEqual(captured);
});

test('an hour after the first render 10 are enough', async () => {
  await insertRenders(9, 60);
  await captureBaselines(pool, noon);
  expect(await baseline()).toEqual([]);
  await insertRenders(1, 0);
  await captureBaselines(pool, new Date(noon.getTime() - 1));
  expect(await baseline()).toEqual([]);
  await captureBaselines(pool, noon);
  expect(await baseline()).toMatchObject([{ sample_count: 10 }]);
});

test('renders of more than 24 hours ago do not count, other measurements never', async () => {
  await insertRenders(500, 24 * 60 + 1);
  await insertRenders(9, 0);
  await insertRenders(500, 0, 1, 'api');
  await captureBaselines(pool, noon);
  expect(await baseline()).toEqual([]);
  await insertRenders(1, 1);
  await captureBaselines(pool, noon);
  expect(await baseline()).toMatchObject([{ sample_count: 10 }]);
});

test('partitions reach from two days back to two weeks ahead, and expire with their setting', async () => {
  const today = utcDayOf(new Date());
  for (const table of widgetPerformanceTables) {
    const partitions = await readPartitions(pool, table.table);
    expect([partitions[0]?.lower_bound, partitions.at(-1)?.upper_bound]).toEqual([addDays(today, -2), addDays(today, 15)]);
    const dropping = { config: jobsConfig(database, { WIDGET_PERFORMANCE_RETENTION_DAYS: '2' }), signal: new AbortController().signal };
    expect(await dropExpiredPartitions(pool, table, { ...dropping, today })).toEqual([]);
    expect(await dropExpiredPartitions(pool, table, { ...dropping, today: addDays(today, 1) })).toEqual([partitions[0]?.partition]);
  }
});
