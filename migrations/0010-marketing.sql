-- Marketing sites: visitors, their sessions and events, leads with consent, and daily rollups. No tenant data: keyed by property, reachable
-- by administrators only.

-- Refreshing a materialized view concurrently needs a temporary table of its owner.
do $$
begin
  execute format('grant temporary on database %I to observability_owner', current_database());
end
$$;
create schema marketing authorization observability_owner;

set local role observability_owner;
grant usage on schema marketing to observability_exporter, observability_admin, observability_jobs;

-- Partition care for tables outside of public: they are registered as schema.table, and their partitions are named so as well.
create function quoted_table(p_name text) returns text
language sql immutable parallel safe set search_path = pg_catalog as $$
  select case strpos(p_name, '.')
    when 0 then format('public.%I', p_name)
    else format('%I.%I', split_part(p_name, '.', 1), split_part(p_name, '.', 2))
  end
$$;
revoke all on function quoted_table(text) from public;

create or replace function partitions_of(p_table text)
returns table (partition text, lower_bound date, upper_bound date)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select b.prefix || c.relname, b.lower_bound, (b.lower_bound + ('1 ' || t.granularity)::interval)::date
  from partitioned_tables t
  join pg_inherits i on i.inhparent = to_regclass(quoted_table(t.table_name))
  join pg_class c on c.oid = i.inhrelid
  cross join lateral (
    select
      to_date(substring(c.relname from '_p(\d+)$'), case t.granularity when 'day' then 'YYYYMMDD' else 'YYYYMM' end) as lower_bound,
      coalesce(substring(t.table_name from '^[^.]+\.'), '') as prefix
  ) b
  where t.table_name = p_table
  order by b.lower_bound
$$;

create or replace function ensure_partitions(p_table text, p_until date) returns text
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
  v_granularity text;
  v_back_days integer;
  v_first date;
  v_lower date;
  v_upper date;
  v_name text;
begin
  select t.granularity, t.back_days into v_granularity, v_back_days from partitioned_tables t where t.table_name = p_table;
  if v_granularity is null then
    raise exception 'table % is not registered in partitioned_tables', p_table;
  end if;
  -- Two replicas creating the same partition: the second waits and then finds it.
  perform pg_advisory_xact_lock(hashtext('ensure_partitions:' || p_table));
  v_first := case v_granularity
    when 'day' then current_date - v_back_days
    else (date_trunc('month', current_date) - interval '1 month')::date
  end;
  select g.lower_bound::date, (g.lower_bound + ('1 ' || v_granularity)::interval)::date
    into v_lower, v_upper
  from generate_series(v_first::timestamp, p_until::timestamp - interval '1 day', ('1 ' || v_granularity)::interval) g (lower_bound)
  where not exists (
    select from partitions_of(p_table) existing where existing.lower_bound = g.lower_bound::date
  )
  order by g.lower_bound
  limit 1;
  if v_lower is null then
    return null;
  end if;
  v_name := partition_name(p_table, v_granularity, v_lower);
  execute format('create table %s (like %s including all)', quoted_table(v_name), quoted_table(p_table));
  execute format('alter table %s attach partition %s for values from (%L) to (%L)', quoted_table(p_table), quoted_table(v_name), v_lower, v_upper);
  return v_name;
end
$$;

create or replace function index_closed_partition(p_partition text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
  v_table record;
  v_upper date;
  v_columns text;
  v_number integer := 0;
  v_index text;
  v_built boolean := false;
begin
  select t.*, existing.upper_bound into v_table
  from partitioned_tables t cross join lateral partitions_of(t.table_name) existing
  where existing.partition = p_partition;
  if v_table.table_name is null then
    raise exception '% is not a partition of a registered table', p_partition;
  end if;
  v_upper := v_table.upper_bound;
  if v_table.late_days is null or v_upper > current_date - v_table.late_days then
    raise exception 'partition % is still open', p_partition;
  end if;
  foreach v_columns in array v_table.closed_indexes loop
    v_number := v_number + 1;
    v_index := p_partition || '_closed' || v_number;
    if to_regclass(quoted_table(v_index)) is null then
      -- An index is made in the schema of its table; its name takes no schema.
      execute format('create index %I on %s %s', substring(v_index from '[^.]+$'), quoted_table(p_partition), v_columns);
      v_built := true;
    end if;
  end loop;
  return v_built;
end
$$;

create or replace function drop_partitions(p_table text, p_before date) returns text
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
  v_name text;
begin
  select existing.partition into v_name
  from partitions_of(p_table) existing
  where existing.upper_bound <= p_before
  order by existing.lower_bound
  limit 1;
  if v_name is null then
    return null;
  end if;
  execute format('alter table %s detach partition %s', quoted_table(p_table), quoted_table(v_name));
  execute format('drop table %s', quoted_table(v_name));
  return v_name;
end
$$;

-- Who is known under an anonymous id, across properties.
create table marketing.visitors (
  id uuid primary key,
  anon_id text not null unique check (length(anon_id) between 1 and 128),
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  first_ip_hash char(64) not null,
  last_ip_hash char(64) not null,
  first_ua_hash char(64) not null,
  last_ua_hash char(64) not null
) with (fillfactor = 80);
create index visitors_last_hashes_idx on marketing.visitors (last_ip_hash, last_ua_hash, last_seen_at desc);

create table marketing.sessions (
  id uuid primary key,
  property_id varchar(128) not null,
  visitor_id uuid not null references marketing.visitors (id),
  started_at timestamptz not null,
  last_event_at timestamptz not null,
  ended_at timestamptz,
  landing_path text not null,
  referrer text,
  utm_source text,
  utm_medium text,
  utm_campaign text,
  utm_term text,
  utm_content text,
  page_views integer not null default 0 check (page_views >= 0)
) with (fillfactor = 80);
create index sessions_visitor_idx on marketing.sessions (visitor_id, last_event_at desc);
create index sessions_last_event_idx on marketing.sessions (last_event_at);

create table marketing.events (
  property_id varchar(128) not null,
  -- UTC day of occurred_at.
  occurred_on date not null,
  id uuid not null,
  visitor_id uuid not null,
  session_id uuid not null,
  event_type varchar(64) not null,
  path text not null,
  occurred_at timestamptz not null,
  received_at timestamptz not null,
  referrer text,
  ip_hash char(64) not null,
  ua_hash char(64) not null,
  dedupe_key char(64) not null,
  props jsonb not null default '{}',
  primary key (property_id, occurred_on, id),
  -- The key stands first: ingest looks for it, and must not mistake the primary key of a partition without statistics for as good.
  unique (dedupe_key, property_id, occurred_on),
  check (occurred_on = (occurred_at at time zone 'UTC')::date)
) partition by range (occurred_on);
-- Events reach seven days back.
insert into partitioned_tables (table_name, granularity, late_days, closed_indexes) values (
  'marketing.events', 'day', 8, array['(occurred_at)', '(event_type, occurred_at)', '(session_id)']);

create table marketing.web_traffic_logs (
  property_id varchar(128) not null,
  occurred_on date not null,
  event_id uuid not null,
  occurred_at timestamptz not null,
  visitor_id uuid not null,
  session_id uuid not null,
  event_type varchar(64) not null,
  path text not null,
  host varchar(255),
  page_title varchar(512),
  referrer text,
  traffic_source text not null check (traffic_source in (
    'direct', 'organic_search', 'paid_search', 'social', 'email', 'referral', 'campaign', 'internal', 'unknown')),
  device_type text not null check (device_type in ('desktop', 'mobile', 'tablet', 'bot', 'unknown')),
  country_code char(2),
  region varchar(128),
  city varchar(128),
  timezone varchar(64),
  language varchar(32),
  browser_name varchar(64),
  browser_version varchar(32),
  os_name varchar(64),
  os_version varchar(32),
  screen_width integer,
  screen_height integer,
  viewport_width integer,
  viewport_height integer,
  fcp_ms integer,
  lcp_ms integer,
  inp_ms integer,
  ttfb_ms integer,
  cls_score double precision,
  engaged_time_ms integer,
  scroll_depth_percent integer,
  is_entrance boolean not null,
  is_exit boolean not null,
  is_conversion boolean not null,
  primary key (property_id, occurred_on, event_id),
  check (occurred_on = (occurred_at at time zone 'UTC')::date)
) partition by range (occurred_on);
-- The rollup of the live day asks whether a lead had visited a property before.
create index web_traffic_logs_visitor_idx on marketing.web_traffic_logs (visitor_id, occurred_at);
insert into partitioned_tables (table_name, granularity, late_days, closed_indexes) values (
  'marketing.web_traffic_logs', 'day', 8, array['(occurred_at)', '(session_id)']);

create table marketing.leads (
  id uuid primary key,
  email varchar(320) not null unique,
  email_domain text not null,
  source_channel varchar(255),
  consent_status text not null default 'pending' check (consent_status in ('pending', 'express', 'implied', 'withdrawn')),
  first_captured_at timestamptz not null,
  last_captured_at timestamptz not null
);
create index leads_first_captured_idx on marketing.leads (first_captured_at);

create table marketing.lead_identities (
  id uuid primary key default gen_random_uuid(),
  lead_id uuid not null references marketing.leads (id) on delete cascade,
  visitor_id uuid not null references marketing.visitors (id) on delete cascade,
  link_source text not null check (link_source in ('form_submit', 'same_ip_ua_window', 'manual_merge')),
  confidence numeric(3, 2) not null check (confidence between 0 and 1),
  linked_at timestamptz not null,
  unique (lead_id, visitor_id, link_source)
);
create index lead_identities_visitor_idx on marketing.lead_identities (visitor_id);

create table marketing.form_submissions (
  id uuid primary key default gen_random_uuid(),
  property_id varchar(128) not null,
  lead_id uuid references marketing.leads (id) on delete set null,
  visitor_id uuid not null references marketing.visitors (id),
  session_id uuid not null references marketing.sessions (id),
  form_name varchar(255) not null,
  path text not null,
  payload jsonb,
  validation_status text not null check (validation_status in ('accepted', 'rejected', 'invalid')),
  submitted_at timestamptz not null
);
create index form_submissions_submitted_idx on marketing.form_submissions (submitted_at);
create index form_submissions_lead_idx on marketing.form_submissions (lead_id);
create index form_submissions_visitor_idx on marketing.form_submissions (visitor_id);
create index form_submissions_session_idx on marketing.form_submissions (session_id);

create table marketing.consent_events (
  id uuid primary key default gen_random_uuid(),
  lead_id uuid not null references marketing.leads (id) on delete cascade,
  status text not null check (status in ('pending', 'express', 'implied', 'withdrawn')),
  source text not null,
  ip_hash char(64) not null,
  created_at timestamptz not null
);
create index consent_events_lead_idx on marketing.consent_events (lead_id, created_at);

create table marketing.ingest_rejections (
  id uuid primary key default gen_random_uuid(),
  property_id varchar(128) not null,
  endpoint text not null,
  reason text not null,
  status_code integer not null,
  occurred_at timestamptz not null
);
create index ingest_rejections_occurred_idx on marketing.ingest_rejections (occurred_at);

create table marketing.daily_metric_rollups (
  id uuid primary key default gen_random_uuid(),
  property_id varchar(128) not null,
  day date not null,
  unique_visitors integer not null default 0,
  returning_visitors integer not null default 0,
  total_page_views integer not null default 0,
  total_entrances integer not null default 0,
  total_exits integer not null default 0,
  total_conversions integer not null default 0,
  entrance_sessions integer not null default 0,
  converted_sessions integer not null default 0,
  form_starts integer not null default 0,
  form_submits integer not null default 0,
  new_leads integer not null default 0,
  time_to_first_capture_count integer not null default 0,
  time_to_first_capture_sum_ms bigint not null default 0,
  traffic_source_breakdown jsonb,
  top_landing_paths jsonb,
  generated_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint daily_metric_rollups_property_day_key unique (property_id, day)
);
create index daily_metric_rollups_day_idx on marketing.daily_metric_rollups (day);

create table marketing.daily_ingest_rollups (
  id uuid primary key default gen_random_uuid(),
  property_id varchar(128) not null,
  day date not null,
  events_accepted integer not null default 0,
  events_rejected integer not null default 0,
  leads_accepted integer not null default 0,
  leads_rejected integer not null default 0,
  p95_ttfb_ms integer,
  error_breakdown jsonb,
  generated_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint daily_ingest_rollups_property_day_key unique (property_id, day)
);
create index daily_ingest_rollups_day_idx on marketing.daily_ingest_rollups (day);

create table marketing.daily_visitors (
  property_id varchar(128) not null,
  day date not null,
  visitor_id uuid not null,
  primary key (property_id, day, visitor_id)
);
-- The days of one visitor.
create index daily_visitors_visitor_idx on marketing.daily_visitors (property_id, visitor_id, day);

-- Distinct visitors, by the day before on which they were seen: in a window each is counted on its first day.
create table marketing.daily_visitor_gaps (
  property_id varchar(128) not null,
  day date not null,
  prev_day date,
  visitors integer not null,
  unique nulls not distinct (property_id, day, prev_day)
);

-- METRICS_SUMMARY_SOURCE=materialized_view: what the summary reads of both rollups, side by side.
create materialized view marketing.metrics_daily_summary_mv as
select
  metrics.property_id, metrics.day, metrics.unique_visitors, metrics.returning_visitors, metrics.total_page_views,
  metrics.entrance_sessions, metrics.converted_sessions, metrics.form_starts, metrics.form_submits, metrics.new_leads,
  metrics.time_to_first_capture_count, metrics.time_to_first_capture_sum_ms, metrics.traffic_source_breakdown, metrics.generated_at,
  ingest.events_accepted, ingest.events_rejected, ingest.p95_ttfb_ms
from marketing.daily_metric_rollups metrics
join marketing.daily_ingest_rollups ingest on ingest.property_id = metrics.property_id and ingest.day = metrics.day;
create unique index metrics_daily_summary_mv_property_day_key on marketing.metrics_daily_summary_mv (property_id, day);

-- Only its owner may refresh a materialized view. False when an operator has removed it.
create function marketing.refresh_metrics_daily_summary() returns boolean
language plpgsql security definer set search_path = pg_catalog, marketing, pg_temp as $$
begin
  if to_regclass('marketing.metrics_daily_summary_mv') is null then
    return false;
  end if;
  refresh materialized view concurrently marketing.metrics_daily_summary_mv;
  return true;
end
$$;
revoke all on function marketing.refresh_metrics_daily_summary() from public;
grant execute on function marketing.refresh_metrics_daily_summary() to observability_jobs;

grant select, insert, update on marketing.visitors, marketing.sessions, marketing.leads, marketing.lead_identities,
  marketing.form_submissions to observability_exporter;
grant select, insert on marketing.events, marketing.web_traffic_logs, marketing.consent_events, marketing.ingest_rejections
  to observability_exporter;
grant select on marketing.daily_metric_rollups, marketing.daily_ingest_rollups to observability_exporter;
grant select on all tables in schema marketing to observability_admin;
-- What a person may have deleted.
grant update (payload) on marketing.form_submissions to observability_admin;
grant delete on marketing.leads to observability_admin;
-- Not to change it: a row can only be locked by a role that may update one of its columns.
grant update (last_captured_at) on marketing.leads to observability_admin;
grant select, insert, update, delete on marketing.visitors, marketing.sessions, marketing.events, marketing.web_traffic_logs, marketing.leads,
  marketing.lead_identities, marketing.form_submissions, marketing.consent_events, marketing.ingest_rejections,
  marketing.daily_metric_rollups, marketing.daily_ingest_rollups, marketing.daily_visitors, marketing.daily_visitor_gaps
  to observability_jobs;

do $$
begin
  while ensure_partitions('marketing.events', current_date + 15) is not null loop
  end loop;
  while ensure_partitions('marketing.web_traffic_logs', current_date + 15) is not null loop
  end loop;
end
$$;

reset role;
