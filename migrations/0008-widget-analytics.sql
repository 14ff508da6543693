-- What visitors do in the widget: events, the sessions they make up, and statistics per day.
set local role observability_owner;

create table widget_events (
  org_id bigint not null,
  chatbot_id uuid not null,
  -- UTC day of timestamp: the same for every retry of an event.
  event_date date not null,
  id uuid not null,
  session_id text not null check (length(session_id) between 1 and 200),
  session_started_at timestamptz not null,
  anonymous_id text check (length(anonymous_id) between 1 and 200),
  user_id text check (length(user_id) between 1 and 200),
  event_name text not null check (length(event_name) between 1 and 100),
  event_category text check (length(event_category) <= 50),
  properties jsonb not null default '{}',
  page_url text check (length(page_url) <= 2048),
  page_title text check (length(page_title) <= 512),
  -- Position in its request.
  seq smallint not null,
  timestamp timestamptz not null,
  client_timestamp timestamptz,
  created_at timestamptz not null,
  primary key (org_id, chatbot_id, event_date, id),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade,
  check (event_date = (timestamp at time zone 'UTC')::date)
) partition by range (event_date);
-- Rows reach one day back. Only the primary key is kept up while they arrive: it is what ingest and the live day read by.
insert into partitioned_tables (table_name, granularity, late_days, closed_indexes) values (
  'widget_events', 'day', 1,
  array[
    '(chatbot_id, created_at desc)', '(session_id, created_at desc)', '(event_name, created_at desc)',
    '(event_category) where event_category is not null', '(chatbot_id, anonymous_id) where anonymous_id is not null',
    '(chatbot_id, user_id) where user_id is not null', 'using gin (properties)',
    -- Funnels, from the index alone.
    '(org_id, chatbot_id, event_name) include (event_date, session_id, session_started_at, anonymous_id, timestamp, seq, id)']);

create table widget_sessions (
  org_id bigint not null,
  id uuid not null,
  chatbot_id uuid not null,
  session_id text not null check (length(session_id) between 1 and 200),
  anonymous_id text check (length(anonymous_id) between 1 and 200),
  user_id text check (length(user_id) between 1 and 200),
  user_email text check (length(user_email) <= 320),
  user_name text check (length(user_name) <= 200),
  user_metadata jsonb not null default '{}',
  started_at timestamptz not null,
  last_activity_at timestamptz not null,
  ended_at timestamptz,
  end_reason text check (end_reason in ('client', 'timeout', 'max_age')),
  duration_seconds integer check (duration_seconds >= 0),
  referrer text,
  landing_page text,
  utm_source text,
  utm_medium text,
  utm_campaign text,
  utm_term text,
  utm_content text,
  user_agent text check (length(user_agent) <= 512),
  browser_name text,
  browser_version text,
  os_name text,
  os_version text,
  device_type text not null check (device_type in ('desktop', 'mobile', 'tablet')),
  screen_width integer,
  screen_height integer,
  -- Truncated to /24 or /48.
  ip_address inet,
  country_code text,
  city text,
  messages_sent integer not null default 0,
  messages_received integer not null default 0,
  widget_opened_count integer not null default 0,
  widget_minimized_count integer not null default 0,
  response_time_sum_ms bigint not null default 0,
  response_time_count integer not null default 0,
  avg_response_time_ms integer,
  had_conversation boolean not null default false,
  completed_pre_chat_form boolean not null default false,
  triggered_by text check (length(triggered_by) <= 50),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- Whether stored figures of its day contain it. Never shown.
  in_daily_stats boolean not null default false,
  primary key (org_id, chatbot_id, session_id, started_at),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade,
  check ((ended_at is null) = (end_reason is null)),
  check ((ended_at is null) = (duration_seconds is null))
) partition by range (started_at);
-- The list of sessions, the rollup of a day, and what is still open.
create index widget_sessions_started_idx on widget_sessions (chatbot_id, started_at desc, session_id) include (org_id);
create index widget_sessions_open_idx on widget_sessions (chatbot_id, started_at desc) where ended_at is null;
create index widget_sessions_uncounted_idx on widget_sessions (chatbot_id, started_at desc) where not in_daily_stats;
insert into partitioned_tables (table_name, granularity, late_days, closed_indexes) values (
  'widget_sessions', 'month', 2,
  array[
    '(chatbot_id, created_at desc)', '(session_id)', '(anonymous_id) where anonymous_id is not null', '(user_id) where user_id is not null']);

-- The current session of each id. Its row lock makes the resolution of sessions exact across replicas.
create table widget_session_heads (
  org_id bigint not null,
  chatbot_id uuid not null,
  session_id text not null,
  -- Null when all that came for this id were duplicates: no session has begun.
  started_at timestamptz,
  last_activity_at timestamptz,
  ended_at timestamptz,
  primary key (org_id, chatbot_id, session_id),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
) with (fillfactor = 70);
create index widget_session_heads_stale_idx on widget_session_heads (last_activity_at);

create table widget_visitors (
  org_id bigint not null,
  chatbot_id uuid not null,
  anonymous_id text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  primary key (org_id, chatbot_id, anonymous_id),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
) with (fillfactor = 80);

create table widget_daily_stats (
  org_id bigint not null,
  id uuid not null default gen_random_uuid(),
  chatbot_id uuid not null,
  stat_date date not null,
  total_sessions integer not null,
  unique_visitors integer not null,
  new_visitors integer not null,
  returning_visitors integer not null,
  total_conversations integer not null,
  total_messages_sent integer not null,
  total_messages_received integer not null,
  avg_messages_per_session numeric(10, 2) not null,
  avg_session_duration_seconds integer not null,
  duration_sum_seconds bigint not null,
  duration_count integer not null,
  widget_loads integer not null,
  widget_opens integer not null,
  conversion_rate numeric(5, 2) not null,
  avg_response_time_ms integer,
  error_count integer not null,
  top_referrers jsonb not null default '[]',
  top_landing_pages jsonb not null default '[]',
  utm_sources jsonb not null default '{}',
  desktop_sessions integer not null,
  mobile_sessions integer not null,
  tablet_sessions integer not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (org_id, chatbot_id, stat_date),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
);
create index widget_daily_stats_chatbot_idx on widget_daily_stats (chatbot_id, stat_date desc);

-- Of days after the watermark, the sessions that have ended and were counted: widget_daily_stats has closed days only.
create table widget_open_stats (
  org_id bigint not null,
  chatbot_id uuid not null,
  stat_date date not null,
  total_sessions integer not null,
  total_conversations integer not null,
  total_messages_sent integer not null,
  total_messages_received integer not null,
  duration_sum_seconds bigint not null,
  duration_count integer not null,
  primary key (org_id, chatbot_id, stat_date),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
) with (fillfactor = 70);

create table widget_daily_dimensions (
  org_id bigint not null,
  chatbot_id uuid not null,
  stat_date date not null,
  dimension text not null check (dimension in ('utm_source', 'referrer', 'browser', 'os', 'device')),
  value text not null,
  sessions integer not null,
  primary key (org_id, chatbot_id, stat_date, dimension, value),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
);

create table widget_daily_event_names (
  org_id bigint not null,
  chatbot_id uuid not null,
  stat_date date not null,
  event_name text not null,
  event_count bigint not null,
  primary key (org_id, chatbot_id, stat_date, event_name),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
);

-- Distinct sessions with an event, by the day before on which they had one: in a window each is counted on its first day.
create table widget_event_session_gaps (
  org_id bigint not null,
  chatbot_id uuid not null,
  stat_date date not null,
  event_name text not null,
  prev_date date,
  sessions integer not null,
  unique nulls not distinct (org_id, chatbot_id, stat_date, event_name, prev_date),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
);

create table widget_daily_visitors (
  org_id bigint not null,
  chatbot_id uuid not null,
  stat_date date not null,
  anonymous_id text not null,
  primary key (org_id, chatbot_id, stat_date, anonymous_id),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
);
-- The days of one visitor.
create index widget_daily_visitors_visitor_idx on widget_daily_visitors (org_id, chatbot_id, anonymous_id, stat_date);

-- Distinct visitors, by the day before on which they were seen.
create table widget_visitor_gaps (
  org_id bigint not null,
  chatbot_id uuid not null,
  stat_date date not null,
  prev_date date,
  visitors integer not null,
  unique nulls not distinct (org_id, chatbot_id, stat_date, prev_date),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
);

select enable_organization_policies(tenant_table::regclass, 'org_id')
from unnest(array[
  'widget_events', 'widget_sessions', 'widget_session_heads', 'widget_visitors', 'widget_daily_stats', 'widget_open_stats', 'widget_daily_dimensions',
  'widget_daily_event_names', 'widget_event_session_gaps', 'widget_daily_visitors', 'widget_visitor_gaps']) as listed (tenant_table);
grant select, insert on widget_events to observability_exporter;
grant select, insert, update on widget_sessions, widget_session_heads, widget_visitors to observability_exporter;
grant select on widget_daily_stats to observability_exporter;
grant select on widget_events, widget_sessions, widget_session_heads, widget_visitors, widget_daily_stats, widget_open_stats,
  widget_daily_dimensions, widget_daily_event_names, widget_event_session_gaps, widget_daily_visitors, widget_visitor_gaps to observability_api, observability_admin;
-- What a person may have deleted.
grant delete on widget_events, widget_sessions, widget_session_heads, widget_visitors, widget_daily_visitors to observability_api;
-- Not to change them: a row can only be locked, in the order of ingest, by a role that may update one of its columns.
grant update (ended_at) on widget_session_heads to observability_api;
grant update (last_seen_at) on widget_visitors to observability_api;
grant select, insert, update, delete on widget_events, widget_sessions, widget_session_heads, widget_visitors, widget_daily_stats,
  widget_open_stats, widget_daily_dimensions, widget_daily_event_names, widget_event_session_gaps, widget_daily_visitors, widget_visitor_gaps
  to observability_jobs;

do $$
begin
  while ensure_partitions('widget_events', current_date + 15) is not null loop
  end loop;
  while ensure_partitions('widget_sessions', (date_trunc('month', current_date) + interval '4 months')::date) is not null loop
  end loop;
end
$$;

reset role;
