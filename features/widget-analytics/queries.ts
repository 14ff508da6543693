import type { Queryable } from '../../platform/postgres/pool.ts';
import { addDays, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import {
  dimensionFigures,
  eventNameFigures,
  eventSessionGapFigures,
  sessionFigures,
  uncountedSessions,
  useNestedLoops,
} from './figures-queries.ts';
import { readStatsWatermark, type ChatbotKey } from './rollup.ts';

/**
 * Days of one chatbot, both included. Those before `liveFrom` are read from daily statistics. Of the others, sessions that have ended are in
 * stored figures too, as far as they were counted; the rest, and all events, are read from raw rows.
 */
export interface StatsWindow extends ChatbotKey {
  first: UtcDay;
  last: UtcDay;
  liveFrom: UtcDay;
}

/** The UTC days that end today. Today is always live. */
export async function statsWindow(db: Queryable, chatbot: ChatbotKey, { now, days }: { now: Date; days: number }): Promise<StatsWindow> {
  const last = utcDayOf(now);
  const first = addDays(last, 1 - days);
  const watermark = await readStatsWatermark(db);
  const afterWatermark = watermark === undefined || watermark < first ? first : addDays(watermark, 1);
  return { orgId: chatbot.orgId, chatbotId: chatbot.chatbotId, first, last, liveFrom: afterWatermark < last ? afterWatermark : last };
}

/** $1 to $4 as the figures of days take them, for the live days; $5 is the first day of all. */
const parametersOf = ({ orgId, chatbotId, first, last, liveFrom }: StatsWindow): unknown[] => [orgId, chatbotId, liveFrom, last, first];

const closedDaysOf = (row: string): string =>
  `${row}.org_id = $1 and ${row}.chatbot_id = $2 and ${row}.stat_date >= $5::date and ${row}.stat_date < $3::date`;
const storedDaysOf = (row: string): string =>
  `${row}.org_id = $1 and ${row}.chatbot_id = $2 and ${row}.stat_date between $5::date and $4::date`;

/** A day is in one of the stored tables or in neither: they change in one transaction, and one statement reads them all. */
const dailyFigures = `
  select
    stats.stat_date, stats.total_sessions, stats.total_conversations, stats.total_messages_sent, stats.total_messages_received,
    stats.duration_sum_seconds, stats.duration_count
  from widget_daily_stats stats
  where ${storedDaysOf('stats')}
  union all
  select
    open.stat_date, open.total_sessions, open.total_conversations, open.total_messages_sent, open.total_messages_received,
    open.duration_sum_seconds, open.duration_count
  from widget_open_stats open
  where ${storedDaysOf('open')}
  union all
  select
    live.stat_date, live.total_sessions, live.total_conversations, live.total_messages_sent, live.total_messages_received,
    live.duration_sum_seconds, live.duration_count
  from (${sessionFigures(uncountedSessions)}) live`;

export interface SessionTotals {
  sessions: number;
  conversations: number;
  durationSumSeconds: number;
  /** Sessions that have ended. */
  durationCount: number;
}

export async function readSessionTotals(db: Queryable, window: StatsWindow): Promise<SessionTotals> {
  const { rows } = await db.query<{ sessions: number; conversations: number; duration_sum: number; duration_count: number }>({
    name: 'widget_analytics_session_totals',
    text: `
      select
        coalesce(sum(daily.total_sessions), 0)::bigint as sessions,
        coalesce(sum(daily.total_conversations), 0)::bigint as conversations,
        coalesce(sum(daily.duration_sum_seconds), 0)::bigint as duration_sum,
        coalesce(sum(daily.duration_count), 0)::bigint as duration_count
      from (${dailyFigures}) daily`,
    values: parametersOf(window),
  });
  const [row] = rows;
  return {
    sessions: row?.sessions ?? 0,
    conversations: row?.conversations ?? 0,
    durationSumSeconds: row?.duration_sum ?? 0,
    durationCount: row?.duration_count ?? 0,
  };
}

/** Each visitor of the window once: on the first stored day, or, when only uncounted sessions know of it, there. */
export async function readDistinctVisitors(db: Queryable, window: StatsWindow): Promise<number> {
  const { rows } = await db.query<{ visitors: number }>({
    name: 'widget_analytics_distinct_visitors',
    text: `
      select (
        select coalesce(sum(gaps.visitors), 0)
        from widget_visitor_gaps gaps
        where ${storedDaysOf('gaps')} and (gaps.prev_date is null or gaps.prev_date < $5::date)
      )::bigint + (
        select count(*)
        from (select distinct sessions.anonymous_id from ${uncountedSessions} and sessions.anonymous_id is not null) live
        where not exists (
          select from widget_daily_visitors seen where ${storedDaysOf('seen')} and seen.anonymous_id = live.anonymous_id
        )
      ) as visitors`,
    values: parametersOf(window),
  });
  return rows[0]?.visitors ?? 0;
}

export interface DayTotals {
  day: UtcDay;
  sessions: number;
  conversations: number;
  messages: number;
}

/** Days on which there was a session, in no particular order. */
export async function readDayTotals(db: Queryable, window: StatsWindow): Promise<DayTotals[]> {
  const { rows } = await db.query<DayTotals & Record<string, unknown>>({
    name: 'widget_analytics_day_totals',
    text: `
      select
        daily.stat_date as day, sum(daily.total_sessions)::bigint as sessions, sum(daily.total_conversations)::bigint as conversations,
        sum(daily.total_messages_sent + daily.total_messages_received)::bigint as messages
      from (${dailyFigures}) daily
      group by daily.stat_date`,
    values: parametersOf(window),
  });
  return rows;
}

export interface EventTotals {
  event_name: string;
  event_count: number;
  unique_sessions: number;
}

/** The most frequent events, ties by name, and in how many sessions of the window they happened. Inside a transaction. */
export async function readTopEvents(db: Queryable, window: StatsWindow, limit: number): Promise<EventTotals[]> {
  const liveFrom = await readFirstUnsettledDay(db, window);
  await useNestedLoops(db, 'off');
  const { rows } = await db.query<EventTotals & Record<string, unknown>>({
    name: 'widget_analytics_top_events',
    text: `
      with top as materialized (
        select named.event_name, sum(named.event_count)::bigint as event_count
        from (
          select names.event_name, names.event_count from widget_daily_event_names names where ${closedDaysOf('names')}
          union all
          select live.event_name, live.event_count from (${eventNameFigures}) live
        ) named
        group by named.event_name
        order by sum(named.event_count) desc, named.event_name collate "C"
        limit $6
      ),
      reached as (
        select gaps.event_name, sum(gaps.sessions)::bigint as sessions
        from (
          select closed.event_name, closed.prev_date, closed.sessions from widget_event_session_gaps closed where ${closedDaysOf('closed')}
          union all
          select live.event_name, live.prev_date, live.sessions from (${eventSessionGapFigures}) live
        ) gaps
        where gaps.prev_date is null or gaps.prev_date < $5::date
        group by gaps.event_name
      )
      select top.event_name, top.event_count, reached.sessions as unique_sessions
      from top join reached on reached.event_name = top.event_name
      order by top.event_count desc, top.event_name collate "C"`,
    values: [...parametersOf({ ...window, liveFrom }), limit],
  });
  return rows;
}

/**
 * The gaps of an event that happened late are stored when its day is made anew. Until then a session that it belongs to would be on no day:
 * neither the late one, whose gaps do not have it, nor the live one, which sees that it was there before.
 */
async function readFirstUnsettledDay(db: Queryable, { orgId, chatbotId, first, liveFrom }: StatsWindow): Promise<UtcDay> {
  const { rows } = await db.query<{ day: UtcDay | null }>({
    name: 'widget_analytics_unsettled_day',
    text: `
      select min(dirty.day) as day
      from rollup_dirty_days dirty
      where dirty.org_id = $1 and dirty.chatbot_id = $2 and dirty.day >= $3::date and dirty.day < $4::date`,
    values: [orgId, chatbotId, first, liveFrom],
  });
  return rows[0]?.day ?? liveFrom;
}

/** What sessions are counted by. Source: contracts/widget-analytics.md, widget_daily_dimensions. */
export type Dimension = 'utm_source' | 'referrer' | 'browser' | 'os' | 'device';

export interface ValueCount {
  dimension: Dimension;
  value: string;
  count: number;
}

/** The values with most sessions, at most `limit` of each dimension, most frequent first, ties by name. */
export async function readTopValues(
  db: Queryable,
  window: StatsWindow,
  dimensions: readonly Dimension[],
  limit: number,
): Promise<ValueCount[]> {
  const { rows } = await db.query<ValueCount & Record<string, unknown>>({
    name: 'widget_analytics_top_values',
    text: `
      select ranked.dimension, ranked.value, ranked.count
      from (
        select
          daily.dimension, daily.value, sum(daily.sessions)::bigint as count,
          row_number() over (partition by daily.dimension order by sum(daily.sessions) desc, daily.value collate "C") as place
        from (
          select stored.dimension, stored.value, stored.sessions from widget_daily_dimensions stored where ${storedDaysOf('stored')}
          union all
          select live.dimension, live.value, live.sessions from (${dimensionFigures(uncountedSessions)}) live
        ) daily
        where daily.dimension = any($6::text[])
        group by daily.dimension, daily.value
      ) ranked
      where ranked.place <= $7
      order by ranked.dimension, ranked.place`,
    values: [...parametersOf(window), dimensions, limit],
  });
  return rows;
}

/** Sessions that have not ended and whose visitor did something less than the timeout ago. No session lasts longer than a day. */
export async function readActiveSessions(
  db: Queryable,
  chatbot: ChatbotKey,
  { now, timeoutMs }: { now: Date; timeoutMs: number },
): Promise<number> {
  const { rows } = await db.query<{ active: number }>({
    name: 'widget_analytics_active_sessions',
    text: `
      select count(*) as active
      from widget_sessions sessions
      where sessions.org_id = $1 and sessions.chatbot_id = $2 and sessions.ended_at is null and sessions.last_activity_at > $3
        and sessions.started_at >= $3::timestamptz - interval '25 hours'`,
    values: [chatbot.orgId, chatbot.chatbotId, new Date(now.getTime() - timeoutMs)],
  });
  return rows[0]?.active ?? 0;
}

export type FunnelScope = 'session' | 'visitor';

/** Sorted byte by byte: by the rules of a language it takes several times as long. */
const funnelEntities: Readonly<Record<FunnelScope, { key: string; condition: string }>> = {
  session: { key: 'events.session_id collate "C", events.session_started_at', condition: 'true' },
  visitor: { key: 'events.anonymous_id collate "C"', condition: 'events.anonymous_id is not null' },
};

/** Stand for event names, so that the events of a session are a word. None means anything in a pattern. */
const letters = 'ABCDEFGHIJ';

export interface FunnelQuestion extends ChatbotKey {
  first: UtcDay;
  last: UtcDay;
  scope: FunnelScope;
  /** Event names, ten at most. */
  steps: readonly string[];
}

/**
 * How many sessions or visitors reach each step. Reaching `a,b` means that the word of the session matches `%A%B%`, which looks for the
 * earliest match in one pass.
 */
export async function readFunnel(db: Queryable, { orgId, chatbotId, first, last, scope, steps }: FunnelQuestion): Promise<number[]> {
  const names = [...new Set(steps)];
  const word = steps.map((step) => letters.charAt(names.indexOf(step)));
  const patterns = word.map((_, index) => `%${word.slice(0, index + 1).join('%')}%`);
  const { key, condition } = funnelEntities[scope];
  // The events of a month are sorted: in memory rather than on disk.
  await db.query(`select set_config('work_mem', '64MB', true)`);
  const { rows } = await db.query<{ reached: number }>({
    name: `widget_analytics_funnel_${scope}`,
    text: `
      with paths as materialized (
        select
          string_agg(
            substr('${letters}', array_position($5::text[], events.event_name), 1), '' order by events.timestamp, events.seq, events.id
          ) as word
        from widget_events events
        where events.org_id = $1 and events.chatbot_id = $2 and events.event_date between $3::date and $4::date
          and events.event_name = any($5::text[]) and ${condition}
        group by ${key}
      )
      select count(*) filter (where paths.word like step.pattern) as reached
      from unnest($6::text[]) with ordinality step (pattern, number) left join paths on true
      group by step.number
      order by step.number`,
    values: [orgId, chatbotId, first, last, names, patterns],
  });
  return rows.map(({ reached }) => reached);
}
