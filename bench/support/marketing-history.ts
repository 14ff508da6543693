import type { Queryable } from '../../platform/postgres/pool.ts';

export const marketingEventsPerSession = 10;

/** Raw partitions of the last days, which the database itself would no longer create. */
export async function createPastMarketingDays(db: Queryable, days: number): Promise<void> {
  await db.query(`
    do $$
    declare
      v_table text;
      v_day date;
    begin
      foreach v_table in array array['events', 'web_traffic_logs'] loop
        for v_day in select current_date - ago from generate_series(0, ${days}) ago loop
          if to_regclass('marketing.' || v_table || '_p' || to_char(v_day, 'YYYYMMDD')) is null then
            execute format('create table marketing.%I partition of marketing.%I for values from (%L) to (%L)',
              v_table || '_p' || to_char(v_day, 'YYYYMMDD'), v_table, v_day, v_day + 1);
            execute format('alter table marketing.%I owner to observability_owner', v_table || '_p' || to_char(v_day, 'YYYYMMDD'));
          end if;
        end loop;
      end loop;
    end
    $$`);
}

/** So many people, of whom each day shows others; ids are made of numbers, so that days can name them. */
export async function createMarketingVisitors(db: Queryable, visitors: number): Promise<void> {
  await db.query(
    `insert into marketing.visitors
     select md5('visitor ' || n)::uuid, 'anon-visitor-' || n, current_date - 90 + (n % 80) * interval '1 day', now(), hash, hash, hash, hash
     from generate_series(0, $1 - 1) n, lateral (select encode(sha256(n::text::bytea), 'hex') as hash) hashed`,
    [visitors],
  );
}

/** A day of sessions of ten page views, one in twenty of which ends with a form. */
export async function storeMarketingDay(
  db: Queryable,
  { daysAgo, sessions, visitors }: { daysAgo: number; sessions: number; visitors: number },
): Promise<void> {
  const values = [daysAgo, sessions, visitors];
  const ofDay = `
    (select md5('session ' || $1::int || ' ' || s)::uuid as session_id, md5('visitor ' || (hashint4(s * 7919 + $1::int) & 2147483647) % $3::int)::uuid as visitor_id,
      (current_date - $1::int)::timestamptz + s * (interval '86000 s' / $2::int) as started_at, s
     from generate_series(0, $2::int - 1) s) sessions`;
  await db.query(
    `insert into marketing.sessions (id, property_id, visitor_id, started_at, last_event_at, landing_path, page_views)
     select sessions.session_id, 'www', sessions.visitor_id, sessions.started_at, sessions.started_at + interval '9 s', '/', 10 from ${ofDay}`,
    values,
  );
  const events = `${ofDay} cross join generate_series(0, ${marketingEventsPerSession - 1}) e
    cross join lateral (select md5(sessions.session_id::text || e)::uuid as id, sessions.started_at + e * interval '1 s' as occurred_at,
      case when e = 9 and sessions.s % 20 = 0 then 'form_submit' else 'page_view' end as event_type) made`;
  await db.query(
    `insert into marketing.events
     select 'www', current_date - $1::int, made.id, sessions.visitor_id, sessions.session_id, made.event_type, '/products/' || (sessions.s + e) % 50,
       made.occurred_at, made.occurred_at, null, repeat('0', 64), repeat('0', 64), md5(made.id::text) || md5(made.id::text), '{}'
     from ${events}`,
    values,
  );
  await db.query(
    `insert into marketing.web_traffic_logs (property_id, occurred_on, event_id, occurred_at, visitor_id, session_id, event_type, path,
       traffic_source, device_type, ttfb_ms, is_entrance, is_exit, is_conversion)
     select 'www', current_date - $1::int, made.id, made.occurred_at, sessions.visitor_id, sessions.session_id, made.event_type,
       '/products/' || (sessions.s + e) % 50, (array['direct', 'organic_search', 'social'])[1 + sessions.s % 3], 'desktop', 20 + (sessions.s * e) % 400,
       e = 0, e = 9, made.event_type = 'form_submit'
     from ${events}`,
    values,
  );
}

/** Rollups of the days before the raw ones, so that windows of a year and the one before it are full. */
export async function storeOldRollups(
  db: Queryable,
  { fromDaysAgo, toDaysAgo }: { fromDaysAgo: number; toDaysAgo: number },
): Promise<void> {
  const days = `generate_series(current_date - ${fromDaysAgo}, current_date - ${toDaysAgo}, interval '1 day') listed`;
  await db.query(
    `insert into marketing.daily_metric_rollups (property_id, day, unique_visitors, total_page_views, traffic_source_breakdown, generated_at)
     select 'default', listed::date, 1000, 9000, '{"direct": 5000, "social": 4000}', now() from ${days}`,
  );
  await db.query(
    `insert into marketing.daily_ingest_rollups (property_id, day, events_accepted, p95_ttfb_ms, generated_at)
     select 'default', listed::date, 9000, 120, now() from ${days}`,
  );
  // Visitors come back after any number of days: about as many gaps as there can be.
  await db.query(
    `insert into marketing.daily_visitor_gaps (property_id, day, prev_day, visitors)
     select 'default', listed::date, listed::date - gap, 3 from ${days} cross join generate_series(1, 90) gap
     union all select 'default', listed::date, null, 50 from ${days}`,
  );
}
