import type { Queryable } from '../../platform/postgres/pool.ts';

// Figures of days from raw rows: what the rollup stores of closed days, and what reads take of the days after the watermark, so that no
// number can change when it moves. Of the organization $1 and its chatbot $2, from the day $3 to the day $4, both included. Those of sessions
// are of all of a day, or of a part of them.

export const startOf = (day: string): string => `(${day})::timestamp at time zone 'UTC'`;
const conditionsOfDays = `sessions.org_id = $1 and sessions.chatbot_id = $2
  and sessions.started_at >= ${startOf('$3::date')} and sessions.started_at < ${startOf('$4::date + 1')}`;
export const uncountedConditions = `${conditionsOfDays} and not sessions.in_daily_stats`;
export const sessionsOfDays = `widget_sessions sessions where ${conditionsOfDays}`;
/** Those that no stored figure contains yet: sessions that still go on, and those that ended a moment ago. */
export const uncountedSessions = `widget_sessions sessions where ${uncountedConditions}`;
export const startDay = `(sessions.started_at at time zone 'UTC')::date`;
export const eventsOfDays = `widget_events events
  where events.org_id = $1 and events.chatbot_id = $2 and events.event_date between $3::date and $4::date`;

/** Sums over the sessions that started on a day; a day without sessions has no row. */
export const sessionFigures = (sessions: string): string => `
  select
    ${startDay} as stat_date,
    count(*)::integer as total_sessions,
    (count(*) filter (where sessions.had_conversation))::integer as total_conversations,
    sum(sessions.messages_sent)::integer as total_messages_sent,
    sum(sessions.messages_received)::integer as total_messages_received,
    coalesce(sum(sessions.duration_seconds), 0)::bigint as duration_sum_seconds,
    count(sessions.duration_seconds)::integer as duration_count,
    sum(sessions.widget_opened_count)::integer as widget_opens,
    sum(sessions.response_time_sum_ms)::bigint as response_time_sum_ms,
    sum(sessions.response_time_count)::bigint as response_time_count,
    (count(*) filter (where sessions.device_type = 'desktop'))::integer as desktop_sessions,
    (count(*) filter (where sessions.device_type = 'mobile'))::integer as mobile_sessions,
    (count(*) filter (where sessions.device_type = 'tablet'))::integer as tablet_sessions
  from ${sessions}
  group by 1`;

/** scheme://userinfo@HOST:port and then a path or nothing: as a browser writes it, or what somebody made up. */
const hostOfReferrer = String.raw`substring(
  sessions.referrer from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#\\]*@)?([^][/?#@:\\<>|^\s%]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?(?:[/?#\\]|$)')`;

/** Longer ones are in no DNS, and could not be indexed. */
const longestHost = 253;
const longestValue = 255;

const dimensionValues: Readonly<Record<string, string>> = {
  utm_source: `left(sessions.utm_source, ${longestValue})`,
  // `offset 0` has the host looked for once for each session.
  referrer: `case when sessions.referrer <> '' then (
    select case when length(named.host) <= ${longestHost} then named.host else 'direct' end
    from (select lower(${hostOfReferrer} collate "C") as host offset 0) named
  ) end`,
  browser: `left(coalesce(sessions.browser_name, 'unknown'), ${longestValue})`,
  os: `left(coalesce(sessions.os_name, 'unknown'), ${longestValue})`,
  device: 'sessions.device_type',
};

/** Sessions by what they came from and with: dimension, value, sessions. A null source or referrer is in no list. */
export const dimensionFigures = (sessions: string): string => `
  select described.stat_date, described.dimension, described.value, count(*)::integer as sessions
  from (
    ${Object.entries(dimensionValues)
      .map(([dimension, value]) => `select ${startDay} as stat_date, '${dimension}' as dimension, ${value} as value from ${sessions}`)
      .join(' union all ')}
  ) described
  where described.value is not null
  group by 1, 2, 3`;

/** Events by name. */
export const eventNameFigures = `
  select events.event_date as stat_date, events.event_name, count(*)::bigint as event_count
  from ${eventsOfDays}
  group by 1, 2`;

/** Distinct visitors: those of the sessions that started on a day. */
export const visitorsOfDays = `
  select distinct ${startDay} as stat_date, sessions.anonymous_id
  from ${sessionsOfDays} and sessions.anonymous_id is not null`;

/**
 * Distinct sessions with an event, by the day before on which they had one too. A session lasts a day at most and its events arrive up to
 * a day late, or five minutes early: the days between its first and its last event are three at most.
 */
export const eventSessionGapFigures = `
  with seen as materialized (
    select distinct events.event_date as stat_date, events.event_name, events.session_id, events.session_started_at
    from ${eventsOfDays}
  ),
  before as (
    select seen.stat_date, seen.event_name, seen.session_id, seen.session_started_at, max(earlier.event_date) as prev_date
    from seen join widget_events earlier
      on earlier.event_name = seen.event_name and earlier.session_id = seen.session_id
        and earlier.session_started_at = seen.session_started_at and earlier.event_date < seen.stat_date
    where earlier.org_id = $1 and earlier.chatbot_id = $2
      and earlier.event_date between $3::date - 3 and $4::date - 1
      and earlier.session_started_at >= ${startOf('$3::date')} - interval '25 hours'
    group by seen.stat_date, seen.event_name, seen.session_id, seen.session_started_at
  )
  select seen.stat_date, seen.event_name, before.prev_date, count(*)::integer as sessions
  from seen left join before using (stat_date, event_name, session_id, session_started_at)
  group by 1, 2, 3`;
export const daysOfOneSession = 3;

/** Distinct visitors of closed days, by the day before on which they were seen. */
export const visitorGapFigures = `
  select visitors.stat_date, before.prev_date, count(*)::integer as visitors
  from widget_daily_visitors visitors
    cross join lateral (
      select max(earlier.stat_date) as prev_date
      from widget_daily_visitors earlier
      where earlier.org_id = visitors.org_id and earlier.chatbot_id = visitors.chatbot_id
        and earlier.anonymous_id = visitors.anonymous_id and earlier.stat_date < visitors.stat_date
    ) before
  where visitors.org_id = $1 and visitors.chatbot_id = $2 and visitors.stat_date between $3::date and $4::date
  group by 1, 2`;

/**
 * For the rest of the transaction. Organization and chatbot are not independent, so the planner takes a chatbot for far smaller than it is:
 * it would join the rows of days one by one, which takes minutes where hashing takes a second.
 */
export async function useNestedLoops(db: Queryable, setting: 'on' | 'off'): Promise<void> {
  await db.query(`select set_config('enable_nestloop', $1, true)`, [setting]);
}
