import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addDays, utcDayOf } from '../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { poster } from '../test/support/marketing.ts';
import { runCommandProcess, type Ended } from '../test/support/run-command.ts';
import { runExporter } from '../test/support/services.ts';

let database: TestDatabase;
const today = utcDayOf(new Date());
const yesterday = addDays(today, -1);

beforeAll(async () => {
  database = await createTestDatabase();
  const exporter = await runExporter(database);
  const post = poster(exporter.url);
  for (const [index, day] of [yesterday, yesterday, addDays(today, -2)].entries()) {
    const timestamp = `${day}T10:00:0${index}.000Z`;
    const sent = await post('/v1/events', {
      anonId: `anon-000${index}`,
      eventType: 'page_view',
      path: '/',
      timestamp,
      traffic: { propertyId: 'shop' },
    });
    if (sent.status !== 202) throw new Error(`the event was answered ${sent.status}`);
  }
  await exporter.stop();
});
afterAll(() => database.drop());
beforeEach(() =>
  database.query(
    'truncate marketing.daily_metric_rollups, marketing.daily_ingest_rollups, marketing.daily_visitors, marketing.daily_visitor_gaps',
  ),
);

const run = (command: string, args: string[] = [], environment: Record<string, string> = {}): Promise<Ended> =>
  runCommandProcess(database, command, { args, environment });
const properties = { ROLLUP_PROPERTY_IDS: 'shop' };
const visitors = (): Promise<unknown> =>
  database.query(
    'select property_id, day, unique_visitors from marketing.daily_metric_rollups where unique_visitors > 0 order by property_id, day',
  );

describe('rollups-run', () => {
  test('rolls today and the days before it up, for all properties and the configured ones', async () => {
    const { code, stdout } = await run('rollups-run', [], properties);
    expect([code, stdout]).toEqual([0, '16 days rolled up, 0 left as they are since their raw rows are gone\n']);
    expect(await visitors()).toEqual(
      ['default', 'shop'].flatMap((property_id) => [
        { property_id, day: addDays(today, -2), unique_visitors: 1 },
        { property_id, day: yesterday, unique_visitors: 2 },
      ]),
    );
    const view = await database.query('select count(*) as days from marketing.metrics_daily_summary_mv');
    expect(view).toEqual([{ days: 16 }]);
  });

  test('can be asked for one property', async () => {
    expect((await run('rollups-run', ['--property-id=elsewhere'], { ROLLUP_BATCH_DAYS: '2' })).stdout).toContain('3 days rolled up');
    expect(await visitors()).toEqual([]);
  });
});

describe('rollups-backfill', () => {
  test('rolls a range up, tells how far it is, and may be run again', async () => {
    for (let round = 0; round < 2; round += 1) {
      const { code, stdout, stderr } = await run('rollups-backfill', [`--from=${addDays(today, -2)}`, `--to=${yesterday}`], properties);
      expect([code, stdout]).toEqual([0, '2 days rolled up, 4 rows of each table written\n']);
      expect(stderr).toMatch(/^1\/2 days {2}\d{4}-\d{2}-\d{2}\n2\/2 days {2}\d{4}-\d{2}-\d{2}\n$/);
    }
    expect(await visitors()).toHaveLength(4);
  });

  test('refuses days that cannot be rolled up, and says which can', async () => {
    const refused = async (from: string, to: string): Promise<string> => {
      const { code, stdout, stderr } = await run('rollups-backfill', [`--from=${from}`, `--to=${to}`]);
      expect([code, stdout]).toEqual([1, '']);
      return stderr;
    };
    const tomorrow = addDays(today, 1);
    expect(await refused(today, yesterday)).toContain(`--from=${today} is after --to=${yesterday}: exchange them`);
    expect(await refused(today, tomorrow)).toContain(`--to=${tomorrow} has not begun yet: the latest day is ${today}`);
    expect(await refused('2020-01-01', today)).toContain(`the oldest day is ${addDays(today, -90)}`);
    expect(await refused(addDays(today, -20), today)).toContain(`begin with --from=${addDays(today, -8)}`);
    expect(await refused('2026-02-30', today)).toContain('must be a day such as 2026-02-13');
    expect(await visitors()).toEqual([]);
  });

  test('names the day to go on from when one fails', async () => {
    await database.query(`alter table marketing.daily_ingest_rollups add constraint broken check (day <> '${yesterday}') not valid`);
    const { code, stderr } = await run('rollups-backfill', [`--from=${addDays(today, -2)}`, `--to=${yesterday}`]);
    await database.query('alter table marketing.daily_ingest_rollups drop constraint broken');
    expect(code).toBe(1);
    expect(stderr).toContain('go on with rollups-backfill --from=');
    expect(stderr).toContain('violates check constraint "broken"');
  });
});

describe('rollups-discrepancy', () => {
  const range = [`--from=${addDays(today, -2)}`, `--to=${yesterday}`];

  test('exits with 0 when rollups and raw rows are equal, and with 2 when they differ', async () => {
    await run('rollups-backfill', range, properties);
    const equal = await run('rollups-discrepancy', range, properties);
    expect([equal.code, equal.stdout]).toEqual([0, `equal: ${addDays(today, -2)} to ${yesterday} of default, shop\n`]);

    await database.query(`update marketing.daily_metric_rollups set total_page_views = 7 where property_id = 'shop' and day = $1`, [
      yesterday,
    ]);
    await database.query(`delete from marketing.daily_ingest_rollups where property_id = 'default' and day = $1`, [addDays(today, -2)]);
    const differ = await run('rollups-discrepancy', range, properties);
    expect([differ.code, differ.stderr]).toEqual([2, '']);
    expect(differ.stdout).toContain('2 mismatches');
    expect(differ.stdout).toContain(`${yesterday} shop: total_page_views is 7, raw rows say 2`);
    expect(differ.stdout).toContain(`${addDays(today, -2)} default: there is no rollup`);
  });

  test('counts only what had been received when the rollup was made', async () => {
    await run('rollups-backfill', range);
    await database.query(
      `update marketing.daily_metric_rollups set generated_at = '2020-01-01', unique_visitors = 0, total_page_views = 0`,
    );
    await database.query(`update marketing.daily_ingest_rollups set generated_at = '2020-01-01', events_accepted = 0`);
    expect((await run('rollups-discrepancy', range)).code).toBe(0);
  });

  test('compares the seven closed days unless told otherwise, and fails with 1', async () => {
    const missing = await run('rollups-discrepancy');
    expect([missing.code, missing.stdout.split('\n')[0]]).toEqual([2, `7 mismatches: ${addDays(today, -7)} to ${yesterday} of default`]);
    expect((await run('rollups-discrepancy', [`--from=${yesterday}`])).stderr).toContain('give both or neither');
    expect((await run('rollups-discrepancy', range, { DATABASE_URL_JOBS: 'postgresql://nobody@127.0.0.1:1/none' })).code).toBe(1);
  });
});

test('rollups-status tells as JSON how far each property is', async () => {
  await run('rollups-backfill', [`--from=${addDays(today, -2)}`, `--to=${yesterday}`], properties);
  const { code, stdout } = await run('rollups-status');
  expect(code).toBe(0);
  const status = JSON.parse(stdout) as { today: string; properties: Record<string, unknown>[] };
  expect(status.today).toBe(today);
  expect(status.properties).toMatchObject([
    { propertyId: 'default', metricRows: 2, ingestRows: 2, firstDay: addDays(today, -2), rolledUpThrough: yesterday, lagDays: 1 },
    { propertyId: 'shop', metricRows: 2 },
  ]);
  expect(status.properties[0]?.['generatedAt']).toMatch(/Z$/);
});

test('marketing-purge runs its job now', async () => {
  const { code, stdout } = await run('marketing-purge');
  expect([code, stdout.split('  ')[0]]).toEqual([0, 'marketing-purge succeeded']);
  expect(await database.query(`select status from job_runs where job = 'marketing-purge'`)).toEqual([{ status: 'succeeded' }]);
});
