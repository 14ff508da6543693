import type { JobsConfig } from '../../platform/config.ts';
import { readPartitions } from '../../platform/postgres/partitions.ts';
import type { Pool, Queryable } from '../../platform/postgres/pool.ts';
import { addDays, utcDayOf, type Clock, type UtcDay } from '../../platform/time/utc-day.ts';
import { everyProperty } from './queries.ts';
import { rawTables } from './tables.ts';
import { trafficSources } from './traffic-source.ts';

// Rollup of one property and UTC day, $1 and $2, from raw rows. Source: contracts/marketing.md, Jobs.

export interface PropertyDay {
  propertyId: string;
  day: UtcDay;
}

/** `skipped`: raw rows of the day are gone, or it has not begun; what was rolled up of it stays as it is. */
export type RollupOutcome = 'written' | 'skipped';

const dayStart = `($2::date)::timestamp at time zone 'UTC'`;
const dayEnd = `($2::date + 1)::timestamp at time zone 'UTC'`;

const ofProperty = (table: string, propertyId: string): string => (propertyId === everyProperty ? '' : `and ${table}.property_id = $1`);

/** Whether the lead, or the submission, is one of the property: a linked visitor had an event of it at or before the capture. */
function isOfProperty(propertyId: string, { visitors, at }: { visitors: string; at: string }): string {
  if (propertyId === everyProperty) return '';
  return `and exists (
    select from marketing.web_traffic_logs known
    where known.visitor_id in (${visitors}) and known.property_id = $1 and known.occurred_at <= ${at}
      and known.occurred_on <= (${at} at time zone 'UTC')::date)`;
}

/**
 * Both rollups and the day's visitors in one statement, so from one snapshot. Answers the visitors who came to the day or left it. What
 * stands in the text instead of a parameter are conditions, chosen by whether all properties are meant.
 */
function rollUpText(propertyId: string): string {
  const leadVisitors = (lead: string): string =>
    `select identities.visitor_id from marketing.lead_identities identities where identities.lead_id = ${lead}`;
  return `
  with logs as materialized (
    select logs.event_id, logs.occurred_at, logs.visitor_id, logs.session_id, logs.event_type, logs.path, logs.traffic_source,
      logs.is_entrance, logs.is_exit, logs.is_conversion, logs.ttfb_ms
    from marketing.web_traffic_logs logs
    where logs.occurred_on = $2::date ${ofProperty('logs', propertyId)}
  ),
  day_visitors as materialized (
    select distinct logs.visitor_id from logs
  ),
  visits as (
    select count(*) as uniques, count(*) filter (where known.first_seen_at < ${dayStart}) as returning_ones
    from day_visitors left join marketing.visitors known on known.id = day_visitors.visitor_id
  ),
  counts as (
    select
      count(*) filter (where logs.event_type = 'page_view') as page_views,
      count(*) filter (where logs.is_entrance) as entrances,
      count(*) filter (where logs.is_exit) as exits,
      count(*) filter (where logs.is_conversion) as conversions,
      count(*) filter (where logs.event_type = 'form_start') as form_starts,
      count(*) filter (where logs.event_type = 'form_submit') as form_submits,
      round((percentile_cont(0.95) within group (order by logs.ttfb_ms))::numeric) as p95_ttfb_ms
    from logs
  ),
  sources as (
    select jsonb_object_agg(listed.source, coalesce(counted.events, 0)) as breakdown
    from unnest($3::text[]) listed (source)
    left join (select logs.traffic_source, count(*) as events from logs group by logs.traffic_source) counted
      on counted.traffic_source = listed.source
  ),
  -- The first entrance of each session; a session may go on, and convert, after midnight.
  entrances as materialized (
    select distinct on (logs.session_id) logs.session_id, logs.path, logs.occurred_at
    from logs where logs.is_entrance
    order by logs.session_id, logs.occurred_at, logs.event_id
  ),
  going_on as materialized (
    select entrances.session_id, (sessions.last_event_at at time zone 'UTC')::date as last_day
    from entrances join marketing.sessions sessions on sessions.id = entrances.session_id
    where sessions.last_event_at >= ${dayEnd}
  ),
  conversions as (
    select logs.session_id, max(logs.occurred_at) as last_at from logs where logs.is_conversion group by logs.session_id
    union all
    select later.session_id, max(later.occurred_at)
    from marketing.web_traffic_logs later
    where later.occurred_on > $2::date and later.occurred_on <= (select max(going_on.last_day) from going_on) ${ofProperty('later', propertyId)}
      and later.is_conversion and later.session_id in (select going_on.session_id from going_on)
    group by later.session_id
  ),
  landings as materialized (
    select entrances.path, coalesce(converted.last_at >= entrances.occurred_at, false) as is_converted
    from entrances
    left join (select conversions.session_id, max(conversions.last_at) as last_at from conversions group by conversions.session_id) converted
      on converted.session_id = entrances.session_id
  ),
  top_paths as (
    select landings.path, count(*) as entrances, count(*) filter (where landings.is_converted) as conversions
    from landings
    group by landings.path
    order by entrances desc, conversions desc, landings.path collate "C"
    limit 10
  ),
  landed as (
    select count(*) as entrance_sessions, count(*) filter (where landings.is_converted) as converted_sessions,
      (select coalesce(jsonb_agg(
         jsonb_build_object('path', top_paths.path, 'entrances', top_paths.entrances, 'conversions', top_paths.conversions,
           'conversionRate', top_paths.conversions::double precision / top_paths.entrances)
         order by top_paths.entrances desc, top_paths.conversions desc, top_paths.path collate "C"), '[]') from top_paths) as top_landing_paths
    from landings
  ),
  new_leads as (
    select leads.first_captured_at,
      (select min(linked.first_seen_at) from marketing.visitors linked where linked.id in (${leadVisitors('leads.id')})) as first_seen_at
    from marketing.leads leads
    where leads.first_captured_at >= ${dayStart} and leads.first_captured_at < ${dayEnd}
      ${isOfProperty(propertyId, { visitors: leadVisitors('leads.id'), at: 'leads.first_captured_at' })}
  ),
  leads as (
    select count(*) as new_leads, count(new_leads.first_seen_at) as timed,
      coalesce(sum(greatest(0, floor(extract(epoch from new_leads.first_captured_at - new_leads.first_seen_at) * 1000))), 0) as time_ms
    from new_leads
  ),
  accepted as (
    select count(*) as events from marketing.events events
    where events.occurred_on = $2::date ${ofProperty('events', propertyId)}
  ),
  submitted as (
    select count(*) filter (where submissions.validation_status = 'accepted') as accepted,
      count(*) filter (where submissions.validation_status <> 'accepted') as refused
    from marketing.form_submissions submissions
    where submissions.submitted_at >= ${dayStart} and submissions.submitted_at < ${dayEnd}
      ${isOfProperty(propertyId, {
        visitors: `select submissions.visitor_id union all ${leadVisitors('submissions.lead_id')}`,
        at: 'submissions.submitted_at',
      })}
  ),
  refused as (
    select count(*) filter (where rejections.endpoint = '/v1/events') as events,
      count(*) filter (where rejections.endpoint = '/v1/leads/capture') as leads
    from marketing.ingest_rejections rejections
    where rejections.occurred_at >= ${dayStart} and rejections.occurred_at < ${dayEnd} ${ofProperty('rejections', propertyId)}
  ),
  metric_rollup as (
    insert into marketing.daily_metric_rollups (
      property_id, day, unique_visitors, returning_visitors, total_page_views, total_entrances, total_exits, total_conversions,
      entrance_sessions, converted_sessions, form_starts, form_submits, new_leads, time_to_first_capture_count,
      time_to_first_capture_sum_ms, traffic_source_breakdown, top_landing_paths, generated_at)
    select $1, $2::date, visits.uniques, visits.returning_ones, counts.page_views, counts.entrances, counts.exits, counts.conversions,
      landed.entrance_sessions, landed.converted_sessions, counts.form_starts, counts.form_submits, leads.new_leads, leads.timed,
      leads.time_ms, sources.breakdown, landed.top_landing_paths, $4
    from visits, counts, landed, leads, sources
    on conflict (property_id, day) do update set
      unique_visitors = excluded.unique_visitors, returning_visitors = excluded.returning_visitors,
      total_page_views = excluded.total_page_views, total_entrances = excluded.total_entrances, total_exits = excluded.total_exits,
      total_conversions = excluded.total_conversions, entrance_sessions = excluded.entrance_sessions,
      converted_sessions = excluded.converted_sessions, form_starts = excluded.form_starts, form_submits = excluded.form_submits,
      new_leads = excluded.new_leads, time_to_first_capture_count = excluded.time_to_first_capture_count,
      time_to_first_capture_sum_ms = excluded.time_to_first_capture_sum_ms,
      traffic_source_breakdown = excluded.traffic_source_breakdown, top_landing_paths = excluded.top_landing_paths,
      generated_at = excluded.generated_at, updated_at = now()
  ),
  ingest_rollup as (
    insert into marketing.daily_ingest_rollups (
      property_id, day, events_accepted, events_rejected, leads_accepted, leads_rejected, p95_ttfb_ms, error_breakdown, generated_at)
    select $1, $2::date, accepted.events, refused.events, submitted.accepted, submitted.refused + refused.leads, counts.p95_ttfb_ms,
      jsonb_build_object('eventsRejected', refused.events, 'leadsRejected', submitted.refused + refused.leads), $4
    from accepted, refused, submitted, counts
    on conflict (property_id, day) do update set
      events_accepted = excluded.events_accepted, events_rejected = excluded.events_rejected, leads_accepted = excluded.leads_accepted,
      leads_rejected = excluded.leads_rejected, p95_ttfb_ms = excluded.p95_ttfb_ms, error_breakdown = excluded.error_breakdown,
      generated_at = excluded.generated_at, updated_at = now()
  ),
  gone as (
    delete from marketing.daily_visitors stored
    where stored.property_id = $1 and stored.day = $2::date
      and not exists (select from day_visitors where day_visitors.visitor_id = stored.visitor_id)
    returning stored.visitor_id
  ),
  added as (
    insert into marketing.daily_visitors as stored (property_id, day, visitor_id)
    select $1, $2::date, day_visitors.visitor_id from day_visitors
    on conflict (property_id, day, visitor_id) do nothing
    returning stored.visitor_id
  )
  select coalesce(array_agg(touched.visitor_id), '{}') as visitor_ids
  from (select gone.visitor_id from gone union all select added.visitor_id from added) touched`;
}

/** What says which raw rows are still there. */
export type RawRetention = Pick<JobsConfig, 'MARKETING_EVENTS_RETENTION_DAYS'>;

/** The oldest day whose raw rows retention leaves whole. */
export function oldestRollupDay(today: UtcDay, { MARKETING_EVENTS_RETENTION_DAYS: days }: RawRetention): UtcDay {
  return addDays(today, -days);
}

/**
 * Rolls one day of one property up, in one transaction: the same raw rows give the same values, apart from generated_at and updated_at.
 * Several days of a property may be rolled up at the same time.
 */
export function rollUpDay(
  pool: Pool,
  { propertyId, day }: PropertyDay,
  { now, config }: { now: Clock; config: RawRetention },
): Promise<RollupOutcome> {
  return pool.transaction(async (db): Promise<RollupOutcome> => {
    await db.query(`select set_config('lock_timeout', '120s', true), set_config('work_mem', '64MB', true)`);
    await lock(db, `marketing rollup ${day} ${propertyId}`);
    const today = utcDayOf(now());
    if (day < oldestRollupDay(today, config) || day > today || !(await hasRawRows(db, day))) return 'skipped';
    // After the locks, at the snapshot: what is received while we wait for them is in it, and the comparison with raw rows must know.
    const values = [propertyId, day, trafficSources, now()];
    const { rows } = await db.query<{ visitor_ids: string[] }>(rollUpText(propertyId), values);
    // From here to the commit alone: a day that is rolled up meanwhile has committed its visitors before, or counts its own gaps after us.
    await lock(db, `marketing gaps ${propertyId}`);
    for (const later of [day, ...(await readNextDays(db, { propertyId, day }, rows[0]?.visitor_ids ?? []))]) {
      await replaceGaps(db, { propertyId, day: later });
    }
    return 'written';
  });
}

async function lock(db: Queryable, key: string): Promise<void> {
  await db.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
}

/** Once the tables are locked in the weakest way, no partition can be dropped before the rollup has ended. */
async function hasRawRows(db: Queryable, day: UtcDay): Promise<boolean> {
  await db.query('lock table only marketing.events, only marketing.web_traffic_logs in access share mode');
  return (await readRollupDays(db))(day);
}

/** Tells of a day whether all its partitions are there. */
export async function readRollupDays(db: Queryable): Promise<(day: UtcDay) => boolean> {
  const tables = await Promise.all(rawTables.map(({ table }) => readPartitions(db, table)));
  return (day) => tables.every((partitions) => partitions.some((held) => held.lower_bound <= day && day < held.upper_bound));
}

/** The later days on which these visitors were seen next. */
async function readNextDays(db: Queryable, { propertyId, day }: PropertyDay, visitorIds: readonly string[]): Promise<UtcDay[]> {
  if (visitorIds.length === 0) return [];
  const { rows } = await db.query<{ day: UtcDay }>(
    `select distinct following.day
     from unnest($3::uuid[]) touched (visitor_id)
     cross join lateral (
       select min(later.day) as day
       from marketing.daily_visitors later
       where later.property_id = $1 and later.visitor_id = touched.visitor_id and later.day > $2
     ) following
     where following.day is not null
     order by following.day`,
    [propertyId, day, visitorIds],
  );
  return rows.map((row) => row.day);
}

/** Makes the gaps of a day what its visitors say; those that are right already are not touched. */
async function replaceGaps(db: Queryable, { propertyId, day }: PropertyDay): Promise<void> {
  await db.query(
    `with fresh as materialized (
       select before.prev_day, count(*)::integer as visitors
       from marketing.daily_visitors visitors
       cross join lateral (
         select max(earlier.day) as prev_day
         from marketing.daily_visitors earlier
         where earlier.property_id = visitors.property_id and earlier.visitor_id = visitors.visitor_id and earlier.day < visitors.day
       ) before
       where visitors.property_id = $1 and visitors.day = $2
       group by before.prev_day
     ),
     gone as (
       delete from marketing.daily_visitor_gaps stored
       where stored.property_id = $1 and stored.day = $2
         and not exists (select from fresh where fresh.prev_day is not distinct from stored.prev_day)
     )
     insert into marketing.daily_visitor_gaps as stored (property_id, day, prev_day, visitors)
     select $1, $2, fresh.prev_day, fresh.visitors from fresh
     on conflict (property_id, day, prev_day) do update set visitors = excluded.visitors where stored.visitors <> excluded.visitors`,
    [propertyId, day],
  );
}

/** Does nothing where an operator has removed the materialized view. */
export async function refreshSummaryView(db: Queryable): Promise<void> {
  await db.query('select marketing.refresh_metrics_daily_summary()');
}

/** Rows that one statement deletes at most. */
export const deletedAtOnce = 5000;

/** A batch of rows that retention takes; answers how many. */
export type DeleteBatch = (pool: Pool) => Promise<number>;

/** Sessions without an event since `before`, of which no form was sent. */
export function deleteOldSessions(before: Date): DeleteBatch {
  return async (pool) => {
    const { rowCount } = await pool.query(
      `delete from marketing.sessions sessions using (
         select old.id from marketing.sessions old
         where old.last_event_at < $1
           and not exists (select from marketing.form_submissions submissions where submissions.session_id = old.id)
         limit ${deletedAtOnce} for update skip locked
       ) old
       where sessions.id = old.id`,
      [before],
    );
    return rowCount ?? 0;
  };
}

/**
 * Visitors after `afterId` without a session, submission or lead, in the order of their ids. They are locked first and looked at again then:
 * ingest may just have given one a session.
 */
export async function deleteOrphanedVisitors(pool: Pool, afterId: string): Promise<{ deleted: number; lastId: string | undefined }> {
  const isOrphan = `
    not exists (select from marketing.sessions sessions where sessions.visitor_id = visitors.id)
    and not exists (select from marketing.form_submissions submissions where submissions.visitor_id = visitors.id)
    and not exists (select from marketing.lead_identities identities where identities.visitor_id = visitors.id)`;
  return pool.transaction(async (transaction) => {
    const { rows } = await transaction.query<{ id: string }>(
      `select visitors.id from marketing.visitors visitors where visitors.id > $1 and ${isOrphan}
       order by visitors.id limit ${deletedAtOnce} for update skip locked`,
      [afterId],
    );
    const { rowCount } = await transaction.query(`delete from marketing.visitors visitors where visitors.id = any($1) and ${isOrphan}`, [
      rows.map(({ id }) => id),
    ]);
    return { deleted: rowCount ?? 0, lastId: rows.at(-1)?.id };
  });
}

export function deleteOldRejections(before: Date): DeleteBatch {
  return async (pool) => {
    const { rowCount } = await pool.query(
      `delete from marketing.ingest_rejections rejections using (
         select old.id from marketing.ingest_rejections old where old.occurred_at < $1 limit ${deletedAtOnce}
       ) old
       where rejections.id = old.id`,
      [before],
    );
    return rowCount ?? 0;
  };
}

export const rollupTables = ['daily_metric_rollups', 'daily_ingest_rollups', 'daily_visitors', 'daily_visitor_gaps'] as const;

/** Rows of days before `before`. */
export function deleteOldRollups(table: (typeof rollupTables)[number], before: UtcDay): DeleteBatch {
  return async (pool) => {
    const { rowCount } = await pool.query(
      `delete from marketing.${table} rollups
       where rollups.ctid = any(array(select old.ctid from marketing.${table} old where old.day < $1 limit ${deletedAtOnce}))`,
      [before],
    );
    return rowCount ?? 0;
  };
}
