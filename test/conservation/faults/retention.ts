import { createLogger } from '../../../platform/log.ts';
import { openPool } from '../../../platform/postgres/pool.ts';
import { addDays, utcDayOf, type UtcDay } from '../../../platform/time/utc-day.ts';
import type { DurableDatabase } from '../../support/durable-database.ts';
import { recoveryWithinMs, type Fault } from '../fault.ts';
import { realClock, runJobsNow } from '../jobs-now.ts';

const expiredRows = 50_000;
/** Both kinds of events are kept for 90 days. */
const expiredDaysAgo = 100;

/** Rows that stay behind are found by the oracle as invented, rows that go too early as lost. */
export const retentionDuringIngest: Fault = {
  id: 'F15',
  title: `retention removes ${expiredRows} expired events of visitors, and as many of sites, while others are stored`,
  dose: { short: 1, nightly: 5 },
  inflict: async ({ database, load }) => {
    const day = addDays(utcDayOf(new Date()), -expiredDaysAgo);
    await storeExpiredEvents(database, day);
    const before = load.acknowledged();
    await runJobsNow(database, [
      { job: 'widget-analytics-cleanup', now: realClock },
      { job: 'marketing-purge', now: realClock },
    ]);
    if (load.acknowledged() === before) throw new Error('nothing was stored while retention ran: let more rows expire');
    const [left] = await database.query<{ rows: number }>(
      `select (select count(*) from widget_events where event_date = $1) + (select count(*) from marketing.events where occurred_on = $1) as rows`,
      [day],
    );
    if (left?.rows !== 0) throw new Error(`${left?.rows} expired events are still there`);
    await load.recovered();
  },
};

async function storeExpiredEvents(database: DurableDatabase, day: UtcDay): Promise<void> {
  for (const table of ['widget_events', 'marketing.events', 'marketing.web_traffic_logs']) await createPartition(database, table, day);
  await database.query(
    `insert into widget_events (
       org_id, chatbot_id, event_date, id, session_id, session_started_at, event_name, seq, timestamp, created_at)
     select chatbots.org_id, chatbots.id, $1::date, gen_random_uuid(), 'expired', $2, 'widget_opened', 0, $2, $2
     from (select any_one.org_id, any_one.id from chatbots any_one limit 1) chatbots cross join generate_series(1, ${expiredRows})`,
    [day, `${day}T12:00:00Z`],
  );
  await database.query(
    `insert into marketing.events (
       property_id, occurred_on, id, visitor_id, session_id, event_type, path, occurred_at, received_at, ip_hash, ua_hash, dedupe_key)
     select 'expired', $1::date, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'scroll', '/', $2, $2, '', '',
       encode(sha256(number::text::bytea), 'hex')
     from generate_series(1, ${expiredRows}) number`,
    [day, `${day}T12:00:00Z`],
  );
}

/** A new partition with foreign keys locks several tables; so does ingest, in its own order, and one of the two has to begin again. */
async function createPartition(database: DurableDatabase, table: string, day: UtcDay): Promise<void> {
  const log = createLogger({ service: 'jobs', level: 'fatal' });
  const connectionString = database.url('observability_owner');
  const pool = openPool({ connectionString, max: 1, applicationName: 'expired events', statementTimeoutMs: recoveryWithinMs, log });
  try {
    await pool.transaction(async (transaction) => {
      await transaction.query(
        `create table ${table}_p${day.replaceAll('-', '')} partition of ${table} for values from ('${day}') to ('${addDays(day, 1)}')`,
      );
    });
  } finally {
    await pool.end();
  }
}
