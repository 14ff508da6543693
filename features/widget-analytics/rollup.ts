import { readKeptDays } from '../../platform/postgres/partitions.ts';
import type { Pool, Queryable } from '../../platform/postgres/pool.ts';
import { addDays, type UtcDay } from '../../platform/time/utc-day.ts';
import {
  daysOfOneSession,
  dimensionFigures,
  eventNameFigures,
  eventSessionGapFigures,
  eventsOfDays,
  sessionFigures,
  sessionsOfDays,
  startOf,
  uncountedConditions,
  useNestedLoops,
  visitorGapFigures,
  visitorsOfDays,
} from './figures-queries.ts';

/** Row of rollup_watermarks: the last closed day whose statistics are complete. */
export const statsWatermark = 'widget_daily_stats';

/** What days are rebuilt from. */
export const rawTables = ['widget_events', 'widget_sessions'] as const;

export interface ChatbotKey {
  orgId: number;
  chatbotId: string;
}

export interface ChatbotDay extends ChatbotKey {
  day: UtcDay;
}

/** A day with late events, as it was marked. */
export interface DirtyDay extends ChatbotDay {
  /** When it was marked last, to the microsecond, as the database writes it. */
  markedAt: string;
}

/** What says which raw rows are still there. */
export interface RawRetention {
  today: UtcDay;
  /** WIDGET_EVENTS_RETENTION_DAYS */
  eventsRetentionDays: number;
  /** WIDGET_SESSIONS_RETENTION_DAYS */
  sessionsRetentionDays: number;
}

/**
 * `written`: the day has statistics. `empty`: nothing happened, it has none. `skipped`: raw rows are gone, or the day is not over, and
 * nothing was changed.
 */
export type RebuildOutcome = 'written' | 'empty' | 'skipped';

/** The oldest day that retention leaves whole; older ones are never rebuilt. */
export function oldestRebuildableDay({ today, eventsRetentionDays, sessionsRetentionDays }: RawRetention): UtcDay {
  return addDays(today, -Math.min(eventsRetentionDays, sessionsRetentionDays));
}

/**
 * Rebuilds all statistics of one chatbot's day from raw rows, in one transaction: the same raw rows give the same rows, apart from
 * updated_at. Gaps of later days that it changes are rebuilt with it. One rebuild of a chatbot at a time; a day whose raw rows are
 * purged, or that is older than the retention, or not over yet, is left as it is.
 */
export function rebuildDay(pool: Pool, { orgId, chatbotId, day }: ChatbotDay, retention: RawRetention): Promise<RebuildOutcome> {
  return pool.transaction(async (db): Promise<RebuildOutcome> => {
    await lockChatbot(db, chatbotId);
    if (day >= retention.today || !(await hasRawRows(db, day, retention))) return 'skipped';
    const key: DayKey = [orgId, chatbotId, day];
    await useNestedLoops(db, 'off');
    await replaceCounts(db, dimensionCounts, key);
    await replaceCounts(db, eventNameCounts, key);
    const laterDays = await replaceVisitors(db, key);
    for (const later of [day, ...laterDays]) await replaceCounts(db, visitorGapCounts, [orgId, chatbotId, later]);
    for (const later of [day, ...(await readLaterStatDays(db, key))]) {
      await replaceCounts(db, eventSessionGapCounts, [orgId, chatbotId, later]);
    }
    await useNestedLoops(db, 'on');
    const outcome = (await replaceStats(db, key)) ? 'written' : 'empty';
    await markCounted(db, key);
    return outcome;
  });
}

/** All sessions of the day are in its statistics now, those that go on included: what they still do is for the next rebuild. */
async function markCounted(db: Queryable, [orgId, chatbotId, day]: DayKey): Promise<void> {
  await db.query(`update widget_sessions sessions set in_daily_stats = true where ${uncountedConditions}`, [orgId, chatbotId, day, day]);
  await db.query('delete from widget_open_stats open where open.org_id = $1 and open.chatbot_id = $2 and open.stat_date = $3::date', [
    orgId,
    chatbotId,
    day,
  ]);
}

/** Rebuilds one day of every chatbot that has raw rows or statistics on it; answers how many rows of widget_daily_stats were written. */
export async function rebuildDayOfAllChatbots(
  pool: Pool,
  day: UtcDay,
  { signal, ...retention }: RawRetention & { signal: AbortSignal },
): Promise<number> {
  let written = 0;
  for (const chatbot of await readChatbotsOfDay(pool, day)) {
    signal.throwIfAborted();
    if ((await rebuildDay(pool, { ...chatbot, day }, retention)) === 'written') written += 1;
  }
  return written;
}

/**
 * What the daily run has to rebuild, oldest first: the two latest closed days, every closed day after the watermark (none yet: all), and the
 * day of the watermark itself, since a session of it may have gone on after it was rebuilt. Days that are not rebuildable are left out.
 */
export async function readDaysToRebuild(db: Queryable, retention: RawRetention): Promise<UtcDay[]> {
  const watermark = await readStatsWatermark(db);
  const latestTwo = addDays(retention.today, -2);
  const oldest = oldestRebuildableDay(retention);
  const unfinished = watermark ?? oldest;
  let first = unfinished < latestTwo ? unfinished : latestTwo;
  if (first < oldest) first = oldest;
  const days: UtcDay[] = [];
  for (let day = first; day < retention.today; day = addDays(day, 1)) days.push(day);
  const kept = await readKeptDays(db, rawTables);
  return days.filter(kept);
}

export async function readStatsWatermark(db: Queryable): Promise<UtcDay | undefined> {
  const { rows } = await db.query<{ through_date: UtcDay }>(
    'select watermarks.through_date from rollup_watermarks watermarks where watermarks.name = $1',
    [statsWatermark],
  );
  return rows[0]?.through_date;
}

/** Reads of this day and of earlier ones come from the statistics from now on. Never moves back. */
export async function moveStatsWatermark(db: Queryable, through: UtcDay): Promise<void> {
  await db.query(
    `insert into rollup_watermarks as stored (name, through_date) values ($1, $2)
     on conflict (name) do update set through_date = excluded.through_date, updated_at = now()
       where stored.through_date < excluded.through_date`,
    [statsWatermark, through],
  );
}

/** Days up to the watermark with late events, longest marked first. Later ones are read from raw rows, and are made by the daily run. */
export async function readDirtyDays(db: Queryable, limit: number): Promise<DirtyDay[]> {
  const { rows } = await db.query<{ org_id: number; chatbot_id: string; day: UtcDay; marked_at: string }>(
    `select dirty.org_id, dirty.chatbot_id, dirty.day, dirty.marked_at::text as marked_at
     from rollup_dirty_days dirty
     where dirty.day <= (select watermarks.through_date from rollup_watermarks watermarks where watermarks.name = $2)
     order by dirty.marked_at, dirty.org_id, dirty.chatbot_id, dirty.day
     limit $1`,
    [limit, statsWatermark],
  );
  return rows.map((row) => ({ orgId: row.org_id, chatbotId: row.chatbot_id, day: row.day, markedAt: row.marked_at }));
}

/** Call it after the rebuild: a day that was marked again since it was read stays. */
export async function removeDirtyDay(db: Queryable, { orgId, chatbotId, day, markedAt }: DirtyDay): Promise<void> {
  await db.query(
    `delete from rollup_dirty_days dirty
     where dirty.org_id = $1 and dirty.chatbot_id = $2 and dirty.day = $3 and dirty.marked_at = $4::text::timestamptz`,
    [orgId, chatbotId, day, markedAt],
  );
}

export type DayKey = [orgId: number, chatbotId: string, day: UtcDay];

/** Rebuilds of neighbouring days change the same gaps. Waiting for another one is no reason to give up soon. */
export async function lockChatbot(db: Queryable, chatbotId: string): Promise<void> {
  await db.query(`select set_config('lock_timeout', '120s', true), set_config('work_mem', '64MB', true)`);
  await db.query(`select pg_advisory_xact_lock(hashtextextended('widget_daily_stats ' || $1, 0))`, [chatbotId]);
}

/** Once the tables are locked in the weakest way, no partition can be dropped before the rebuild has ended. */
async function hasRawRows(db: Queryable, day: UtcDay, retention: RawRetention): Promise<boolean> {
  if (day < oldestRebuildableDay(retention)) return false;
  await db.query('lock table only widget_events, only widget_sessions in access share mode');
  return (await readKeptDays(db, rawTables))(day);
}

async function readChatbotsOfDay(db: Queryable, day: UtcDay): Promise<ChatbotKey[]> {
  const { rows } = await db.query<{ org_id: number; id: string }>(
    `select chatbots.org_id, chatbots.id
     from chatbots
     where exists (
         select from widget_events events
         where events.org_id = chatbots.org_id and events.chatbot_id = chatbots.id and events.event_date = $1::date)
       or exists (
         select from widget_sessions sessions
         where sessions.org_id = chatbots.org_id and sessions.chatbot_id = chatbots.id
           and sessions.started_at >= ${startOf('$1::date')} and sessions.started_at < ${startOf('$1::date + 1')})
       or exists (
         select from widget_daily_stats stats
         where stats.org_id = chatbots.org_id and stats.chatbot_id = chatbots.id and stats.stat_date = $1::date)
     order by chatbots.org_id, chatbots.id`,
    [day],
  );
  return rows.map((row) => ({ orgId: row.org_id, chatbotId: row.id }));
}

/** A table that counts something by day and further keys, and where its rows come from. */
export interface DailyCounts {
  table: string;
  keys: readonly string[];
  counted: string;
  figures: string;
}

const dimensionCounts: DailyCounts = {
  table: 'widget_daily_dimensions',
  keys: ['dimension', 'value'],
  counted: 'sessions',
  figures: dimensionFigures(sessionsOfDays),
};
const eventNameCounts: DailyCounts = {
  table: 'widget_daily_event_names',
  keys: ['event_name'],
  counted: 'event_count',
  figures: eventNameFigures,
};
const eventSessionGapCounts: DailyCounts = {
  table: 'widget_event_session_gaps',
  keys: ['event_name', 'prev_date'],
  counted: 'sessions',
  figures: eventSessionGapFigures,
};
export const visitorGapCounts: DailyCounts = {
  table: 'widget_visitor_gaps',
  keys: ['prev_date'],
  counted: 'visitors',
  figures: visitorGapFigures,
};

/** Makes the rows of a day what they should be; those that are right already are not touched. */
export async function replaceCounts(
  db: Queryable,
  { table, keys, counted, figures }: DailyCounts,
  [orgId, chatbotId, day]: DayKey,
): Promise<void> {
  const same = keys.map((key) => `${comparable('fresh', key)} = ${comparable('stored', key)}`).join(' and ');
  await db.query(
    `with fresh as materialized (${figures}),
     gone as (
       delete from ${table} stored
       where stored.org_id = $1 and stored.chatbot_id = $2 and stored.stat_date between $3::date and $4::date
         and not exists (select from fresh where fresh.stat_date = stored.stat_date and ${same})
     )
     insert into ${table} as stored (org_id, chatbot_id, stat_date, ${keys.join(', ')}, ${counted})
     select $1, $2, fresh.stat_date, ${keys.map((key) => `fresh.${key}`).join(', ')}, fresh.${counted} from fresh
     on conflict (org_id, chatbot_id, stat_date, ${keys.join(', ')}) do update set ${counted} = excluded.${counted}
       where stored.${counted} <> excluded.${counted}`,
    [orgId, chatbotId, day, day],
  );
}

/** `is not distinct from` could not be hashed: thousands of values would be compared with each other. */
function comparable(row: string, key: string): string {
  return key === 'prev_date' ? `coalesce(${row}.${key}, '-infinity')` : `${row}.${key}`;
}

/** Answers the later days on which visitors were seen next who came to this day or left it. */
async function replaceVisitors(db: Queryable, [orgId, chatbotId, day]: DayKey): Promise<UtcDay[]> {
  const { rows } = await db.query<{ stat_date: UtcDay }>(
    `with fresh as materialized (${visitorsOfDays}),
     gone as (
       delete from widget_daily_visitors stored
       where stored.org_id = $1 and stored.chatbot_id = $2 and stored.stat_date between $3::date and $4::date
         and not exists (select from fresh where fresh.stat_date = stored.stat_date and fresh.anonymous_id = stored.anonymous_id)
       returning stored.anonymous_id
     ),
     added as (
       insert into widget_daily_visitors as stored (org_id, chatbot_id, stat_date, anonymous_id)
       select $1, $2, fresh.stat_date, fresh.anonymous_id from fresh
       on conflict (org_id, chatbot_id, stat_date, anonymous_id) do nothing
       returning stored.anonymous_id
     )
     select distinct following.stat_date
     from (select gone.anonymous_id from gone union all select added.anonymous_id from added) touched
       cross join lateral (
         select min(later.stat_date) as stat_date
         from widget_daily_visitors later
         where later.org_id = $1 and later.chatbot_id = $2 and later.anonymous_id = touched.anonymous_id and later.stat_date > $4::date
       ) following
     where following.stat_date is not null
     order by following.stat_date`,
    [orgId, chatbotId, day, day],
  );
  return rows.map(({ stat_date }) => stat_date);
}

/** Later days with statistics on which a session of this day can have had events. */
async function readLaterStatDays(db: Queryable, [orgId, chatbotId, day]: DayKey): Promise<UtcDay[]> {
  const { rows } = await db.query<{ stat_date: UtcDay }>(
    `select stats.stat_date from widget_daily_stats stats
     where stats.org_id = $1 and stats.chatbot_id = $2 and stats.stat_date > $3::date and stats.stat_date <= $3::date + ${daysOfOneSession}
     order by stats.stat_date`,
    [orgId, chatbotId, day],
  );
  return rows.map(({ stat_date }) => stat_date);
}

/** The day's row, from its sessions and from the tables beside it; false when nothing happened. */
async function replaceStats(db: Queryable, [orgId, chatbotId, day]: DayKey): Promise<boolean> {
  const { rowCount } = await db.query(
    `with figures as (${sessionFigures(sessionsOfDays)}),
     loads as (
       select coalesce(sum(names.event_count), 0) as events, coalesce(sum(names.event_count) filter (where names.event_name = 'widget_loaded'), 0) as loads
       from widget_daily_event_names names
       where names.org_id = $1 and names.chatbot_id = $2 and names.stat_date = $3::date
     ),
     failures as (select count(*) as errors from ${eventsOfDays} and events.event_category = 'error'),
     visitors as (
       select
         count(*) as unique_visitors,
         count(*) filter (
           where known.first_seen_at >= ${startOf('$3::date')} and known.first_seen_at < ${startOf('$4::date + 1')}
         ) as new_visitors
       from widget_daily_visitors seen
         left join widget_visitors known
           on known.org_id = seen.org_id and known.chatbot_id = seen.chatbot_id and known.anonymous_id = seen.anonymous_id
       where seen.org_id = $1 and seen.chatbot_id = $2 and seen.stat_date = $3::date
     ),
     pages as (
       select coalesce(jsonb_agg(jsonb_build_object('page', top.page, 'count', top.count) order by top.count desc, top.page collate "C"), '[]') as list
       from (
         select landings.page, count(*) as count
         from (select substring(sessions.landing_page from '^[^?#]+') as page from ${sessionsOfDays}) landings
         where landings.page is not null
         group by landings.page
         order by count(*) desc, landings.page collate "C"
         limit 10
       ) top
     ),
     referrers as (
       select coalesce(jsonb_agg(jsonb_build_object('domain', top.value, 'count', top.sessions) order by top.sessions desc, top.value collate "C"), '[]') as list
       from (${largestValues('referrer', 10)}) top
     ),
     sources as (select coalesce(jsonb_object_agg(top.value, top.sessions), '{}') as list from (${largestValues('utm_source', 100)}) top)
     insert into widget_daily_stats as stored (
       org_id, chatbot_id, stat_date, total_sessions, unique_visitors, new_visitors, returning_visitors, total_conversations,
       total_messages_sent, total_messages_received, avg_messages_per_session, avg_session_duration_seconds, duration_sum_seconds,
       duration_count, widget_loads, widget_opens, conversion_rate, avg_response_time_ms, error_count, top_referrers, top_landing_pages,
       utm_sources, desktop_sessions, mobile_sessions, tablet_sessions
     )
     select
       $1, $2, $3::date, coalesce(figures.total_sessions, 0), visitors.unique_visitors, visitors.new_visitors,
       visitors.unique_visitors - visitors.new_visitors, coalesce(figures.total_conversations, 0),
       coalesce(figures.total_messages_sent, 0), coalesce(figures.total_messages_received, 0),
       coalesce(round((figures.total_messages_sent + figures.total_messages_received)::numeric / figures.total_sessions, 2), 0),
       coalesce(round(figures.duration_sum_seconds::numeric / nullif(figures.duration_count, 0)), 0),
       coalesce(figures.duration_sum_seconds, 0), coalesce(figures.duration_count, 0), loads.loads, coalesce(figures.widget_opens, 0),
       coalesce(round(figures.total_conversations * 100::numeric / figures.total_sessions, 2), 0),
       round(figures.response_time_sum_ms::numeric / nullif(figures.response_time_count, 0)), failures.errors,
       referrers.list, pages.list, sources.list,
       coalesce(figures.desktop_sessions, 0), coalesce(figures.mobile_sessions, 0), coalesce(figures.tablet_sessions, 0)
     from loads cross join failures cross join visitors cross join pages cross join referrers cross join sources
       left join figures on true
     where figures.total_sessions > 0 or loads.events > 0
     on conflict (org_id, chatbot_id, stat_date) do update set
       total_sessions = excluded.total_sessions, unique_visitors = excluded.unique_visitors, new_visitors = excluded.new_visitors,
       returning_visitors = excluded.returning_visitors, total_conversations = excluded.total_conversations,
       total_messages_sent = excluded.total_messages_sent, total_messages_received = excluded.total_messages_received,
       avg_messages_per_session = excluded.avg_messages_per_session,
       avg_session_duration_seconds = excluded.avg_session_duration_seconds, duration_sum_seconds = excluded.duration_sum_seconds,
       duration_count = excluded.duration_count, widget_loads = excluded.widget_loads, widget_opens = excluded.widget_opens,
       conversion_rate = excluded.conversion_rate, avg_response_time_ms = excluded.avg_response_time_ms,
       error_count = excluded.error_count, top_referrers = excluded.top_referrers, top_landing_pages = excluded.top_landing_pages,
       utm_sources = excluded.utm_sources, desktop_sessions = excluded.desktop_sessions, mobile_sessions = excluded.mobile_sessions,
       tablet_sessions = excluded.tablet_sessions, updated_at = now()`,
    [orgId, chatbotId, day, day],
  );
  if (rowCount === 1) return true;
  await db.query(
    'delete from widget_daily_stats stored where stored.org_id = $1 and stored.chatbot_id = $2 and stored.stat_date = $3::date',
    [orgId, chatbotId, day],
  );
  return false;
}

/** The values of a dimension with most sessions on the day, ties by name. */
function largestValues(dimension: string, limit: number): string {
  return `
    select described.value, described.sessions
    from widget_daily_dimensions described
    where described.org_id = $1 and described.chatbot_id = $2 and described.stat_date = $3::date and described.dimension = '${dimension}'
    order by described.sessions desc, described.value collate "C"
    limit ${limit}`;
}
