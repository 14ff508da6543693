import type { Pool, Queryable } from '../../platform/postgres/pool.ts';
import type { UtcDay } from '../../platform/time/utc-day.ts';
import { dimensionFigures, sessionFigures, startDay, startOf, uncountedConditions } from './figures-queries.ts';
import { lockChatbot, replaceCounts, statsWatermark, visitorGapCounts, type ChatbotDay, type DayKey } from './rollup.ts';

/**
 * Adds the sessions that have ended on days after the watermark to what is stored of these days: nothing changes them any more, so reads need
 * only the others from raw rows. Answers how many. Source: docs/decisions/0017.
 */
export async function countEndedSessions(pool: Pool, { signal }: { signal: AbortSignal }): Promise<number> {
  let counted = 0;
  for (const { orgId, chatbotId, day } of await readUncountedDays(pool)) {
    signal.throwIfAborted();
    counted += await pool.transaction(async (db) => {
      await lockChatbot(db, chatbotId);
      const added = await addEndedSessions(db, [orgId, chatbotId, day]);
      for (const later of added.laterDays) await replaceCounts(db, visitorGapCounts, [orgId, chatbotId, later]);
      return added.sessions;
    });
  }
  return counted;
}

/** Chatbots and days after the watermark that have sessions to count. */
async function readUncountedDays(db: Queryable): Promise<ChatbotDay[]> {
  const { rows } = await db.query<{ org_id: number; chatbot_id: string; day: UtcDay }>(
    `select distinct sessions.org_id, sessions.chatbot_id, ${startDay} as day
     from widget_sessions sessions
     where not sessions.in_daily_stats and sessions.ended_at is not null
       and sessions.started_at >= coalesce(
         (select ${startOf('watermarks.through_date + 1')} from rollup_watermarks watermarks where watermarks.name = $1), '-infinity')
     order by 1, 2, 3`,
    [statsWatermark],
  );
  return rows.map((row) => ({ orgId: row.org_id, chatbotId: row.chatbot_id, day: row.day }));
}

const openSums = [
  'total_sessions',
  'total_conversations',
  'total_messages_sent',
  'total_messages_received',
  'duration_sum_seconds',
  'duration_count',
] as const;

/** In one statement: whatever it marks it adds. Days on which its visitors were seen later have other gaps then. */
async function addEndedSessions(db: Queryable, [orgId, chatbotId, day]: DayKey): Promise<{ sessions: number; laterDays: UtcDay[] }> {
  const { rows } = await db.query<{ sessions: number; later_days: UtcDay[] }>(
    `with counted as (
       update widget_sessions sessions set in_daily_stats = true
       where ${uncountedConditions} and sessions.ended_at is not null
       returning sessions.*
     ),
     sums as (
       insert into widget_open_stats as stored (org_id, chatbot_id, stat_date, ${openSums.join(', ')})
       select $1, $2, figures.stat_date, ${openSums.map((sum) => `figures.${sum}`).join(', ')} from (${sessionFigures('counted sessions')}) figures
       on conflict (org_id, chatbot_id, stat_date) do update set
         ${openSums.map((sum) => `${sum} = stored.${sum} + excluded.${sum}`).join(', ')}
     ),
     dimensions as (
       insert into widget_daily_dimensions as stored (org_id, chatbot_id, stat_date, dimension, value, sessions)
       select $1, $2, figures.stat_date, figures.dimension, figures.value, figures.sessions from (${dimensionFigures('counted sessions')}) figures
       on conflict (org_id, chatbot_id, stat_date, dimension, value) do update set sessions = stored.sessions + excluded.sessions
     ),
     visitors as (
       insert into widget_daily_visitors as stored (org_id, chatbot_id, stat_date, anonymous_id)
       select distinct $1::bigint, $2::uuid, $3::date, counted.anonymous_id from counted where counted.anonymous_id is not null
       on conflict (org_id, chatbot_id, stat_date, anonymous_id) do nothing
       returning stored.anonymous_id
     ),
     neighbours as (
       select
         (select max(earlier.stat_date) from widget_daily_visitors earlier
          where earlier.org_id = $1 and earlier.chatbot_id = $2 and earlier.anonymous_id = visitors.anonymous_id
            and earlier.stat_date < $3::date) as prev_date,
         (select min(later.stat_date) from widget_daily_visitors later
          where later.org_id = $1 and later.chatbot_id = $2 and later.anonymous_id = visitors.anonymous_id
            and later.stat_date > $3::date) as next_date
       from visitors
     ),
     gaps as (
       insert into widget_visitor_gaps as stored (org_id, chatbot_id, stat_date, prev_date, visitors)
       select $1, $2, $3::date, neighbours.prev_date, count(*)::integer from neighbours group by neighbours.prev_date
       on conflict (org_id, chatbot_id, stat_date, prev_date) do update set visitors = stored.visitors + excluded.visitors
     )
     select
       (select count(*) from counted) as sessions,
       array(select distinct neighbours.next_date from neighbours where neighbours.next_date is not null order by 1) as later_days`,
    [orgId, chatbotId, day, day],
  );
  return { sessions: rows[0]?.sessions ?? 0, laterDays: rows[0]?.later_days ?? [] };
}
