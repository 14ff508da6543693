import type { Queryable } from '../../platform/postgres/pool.ts';

/** One for every organization, in their order. */
export async function createChatbots(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `with made as (
       insert into chatbots (id, org_id, name)
       select gen_random_uuid(), organizations.id, organizations.name from organizations
       returning chatbots.id, chatbots.org_id
     )
     select made.id from made order by made.org_id`,
  );
  return rows.map(({ id }) => id);
}

export interface History {
  chatbotId: string;
  /** Per day; each has about {@link eventsPerSession} events. */
  sessionsPerDay: number;
}

export const eventsPerSession = 9;

/** Daily partitions that the past days need; only the system's own first start makes none of them. */
export async function createPastDays(db: Queryable, days: number): Promise<void> {
  await db.query(
    `do $$ declare day date; month date; begin
       for day in select generate_series(current_date - ${days}, current_date - 1, '1 day')::date loop
         if to_regclass('widget_events_p' || to_char(day, 'YYYYMMDD')) is null then
           execute format('create table %I partition of widget_events for values from (%L) to (%L)',
             'widget_events_p' || to_char(day, 'YYYYMMDD'), day, day + 1);
         end if;
       end loop;
       for month in select generate_series(date_trunc('month', current_date - ${days}), date_trunc('month', current_date), '1 month')::date loop
         if to_regclass('widget_sessions_p' || to_char(month, 'YYYYMM')) is null then
           execute format('create table %I partition of widget_sessions for values from (%L) to (%L)',
             'widget_sessions_p' || to_char(month, 'YYYYMM'), month::timestamp at time zone 'UTC',
             (month + interval '1 month')::timestamp at time zone 'UTC');
         end if;
       end loop;
     end $$`,
  );
}

/**
 * One day of a chatbot as ingest leaves it: sessions of some minutes, spread over the day, of visitors half of whom come back within a month;
 * half open the widget, a quarter write. Today ends now. Made by the server, which is faster than to send rows to it.
 */
export async function storeDay(db: Queryable, { chatbotId, sessionsPerDay }: History, daysAgo: number): Promise<void> {
  const values = [chatbotId, sessionsPerDay, daysAgo];
  await db.query(
    `insert into widget_sessions (
       org_id, id, chatbot_id, session_id, anonymous_id, started_at, last_activity_at, ended_at, end_reason, duration_seconds, referrer,
       landing_page, utm_source, utm_medium, user_agent, browser_name, browser_version, os_name, os_version, device_type, screen_width,
       screen_height, ip_address, messages_sent, messages_received, widget_opened_count, response_time_sum_ms, response_time_count,
       avg_response_time_ms, had_conversation, triggered_by, created_at, updated_at)
     select
       chatbots.org_id, gen_random_uuid(), chatbots.id, 's-' || $3 || '-' || n,
       'a-' || case when n % 2 = 0 then ($3::int % 30) * $2::int + n else n end, visit.at, visit.at + interval '8 minutes',
       visit.at + interval '8 minutes', 'timeout', 480,
       case when n % 3 = 0 then 'https://' || (array['www.google.com', 'www.bing.com', 'news.example', 'blog.example'])[1 + n % 4] || '/search?q=' || n end,
       'https://shop.example/products/' || n % 50 || '?utm_source=google', case when n % 5 < 2 then (array['google', 'newsletter', 'facebook'])[1 + n % 3] end,
       case when n % 5 < 2 then 'cpc' end,
       'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
       (array['Chrome', 'Safari', 'Firefox', 'Edge'])[1 + n % 4], '126.0.0.0', (array['Windows', 'iOS', 'Android', 'Mac OS'])[1 + n % 4], '10',
       (array['desktop', 'mobile', 'desktop', 'tablet'])[1 + n % 4], 1280, 800, '203.0.113.0/24',
       case when n % 4 = 0 then 3 else 0 end, case when n % 4 = 0 then 3 else 0 end, (n + 1) % 2, case when n % 4 = 0 then 3600 else 0 end,
       case when n % 4 = 0 then 3 else 0 end, case when n % 4 = 0 then 1200 end, n % 4 = 0, case when n % 2 = 0 then 'manual' end, visit.at, visit.at
     from chatbots cross join generate_series(1, $2::int) n
       cross join lateral (select ${visitStart} as at) visit
     where chatbots.id = $1::uuid`,
    values,
  );
  await db.query(
    `insert into widget_events (
       org_id, chatbot_id, event_date, id, session_id, session_started_at, anonymous_id, event_name, event_category, properties, page_url,
       page_title, seq, timestamp, client_timestamp, created_at)
     select
       chatbots.org_id, chatbots.id, (happened.at at time zone 'UTC')::date,
       (lpad(to_hex((extract(epoch from happened.at) * 1000)::bigint), 12, '0') || '7' || substr(random.digits, 1, 3) || '8' || substr(random.digits, 4, 15))::uuid,
       's-' || $3 || '-' || n, visit.at, 'a-' || case when n % 2 = 0 then ($3::int % 30) * $2::int + n else n end,
       case
         when e = 0 then 'widget_loaded'
         when n % 2 = 0 and e = 1 then 'widget_opened'
         when n % 4 = 0 and e >= 3 then case when e % 2 = 1 then 'message_sent' else 'message_received' end
         when n % 97 = 0 and e = 8 then 'widget_error'
         else 'page_viewed'
       end,
       case when n % 97 = 0 and n % 4 <> 0 and e = 8 then 'error' else 'engagement' end,
       jsonb_build_object('variant', (array['blue', 'green', 'red'])[1 + n % 3], 'position', e, 'visit', n),
       'https://shop.example/products/' || n % 50, 'Product ' || n % 50, 0, happened.at, happened.at, happened.at
     from chatbots cross join generate_series(1, $2::int) n cross join generate_series(0, ${eventsPerSession - 1}) e
       cross join lateral (select ${visitStart} as at) visit
       cross join lateral (select visit.at + e * interval '1 minute' as at) happened
       cross join lateral (select md5(n || '-' || e || '-' || $3 || '-' || $1::text) as digits) random
     where chatbots.id = $1::uuid`,
    values,
  );
  await db.query(
    `insert into widget_visitors (org_id, chatbot_id, anonymous_id, first_seen_at, last_seen_at)
     select sessions.org_id, sessions.chatbot_id, sessions.anonymous_id, min(sessions.started_at), max(sessions.last_activity_at)
     from widget_sessions sessions
     where sessions.chatbot_id = $1::uuid and sessions.session_id like 's-' || $2::int || '-%'
       and sessions.started_at >= now() - ($2::int + 1) * interval '1 day'
     group by sessions.org_id, sessions.chatbot_id, sessions.anonymous_id
     on conflict (org_id, chatbot_id, anonymous_id) do update set first_seen_at = least(widget_visitors.first_seen_at, excluded.first_seen_at)`,
    [chatbotId, daysAgo],
  );
}

/** Visit `n` of $2 on the day $3 days ago, the last one so that its events are still of the day, or of the past. */
const visitStart = `
  date_trunc('day', now()) - $3::int * interval '1 day'
    + (case when $3::int = 0 then now() - date_trunc('day', now()) else interval '1 day' end - interval '10 minutes')
      * (n::float8 / ($2::int + 1))`;

/** Brings days that are over into the state in which the cleanup job leaves them. */
export async function closeDays(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ name: string; definition: string }>(
    `select part.relname as name, definition
     from partitioned_tables registered
     cross join lateral unnest(registered.closed_indexes) definition
     join pg_inherits on inhparent = registered.table_name::regclass
     join pg_class part on part.oid = pg_inherits.inhrelid
     where registered.table_name = 'widget_events' and part.relname < 'widget_events_p' || to_char(current_date, 'YYYYMMDD')
       and pg_relation_size(part.oid) > 0
     order by 1`,
  );
  for (const { name, definition } of rows) await db.query(`create index on ${name} ${definition}`);
  await vacuum(db, '^widget_(events|sessions|visitors)');
}

/** Table by table: one statement for millions of rows would take longer than any statement may. */
export async function vacuum(db: Queryable, pattern: string): Promise<void> {
  const { rows } = await db.query<{ name: string }>(
    `select relname as name from pg_class where relkind = 'r' and relname ~ $1 and relnamespace = 'public'::regnamespace`,
    [pattern],
  );
  for (const { name } of rows) await db.query(`vacuum analyze ${name}`);
}
