-- What visitors' browsers measure: aggregates per minute that any number of replicas add to, and the baseline of each organization.
set local role observability_owner;

create table widget_performance_minutes (
  org_id bigint not null,
  chatbot_id uuid not null,
  -- Start of the UTC minute of the measurement.
  minute timestamptz not null,
  type text not null check (type in (
    'persistence', 'restoration', 'navigation', 'render', 'scroll', 'memory', 'tabSync', 'api', 'bundle')),
  -- Of persistence and tabSync; '' of the others.
  operation text not null,
  count bigint not null,
  error_count bigint not null,
  value_sum double precision not null,
  value_min double precision not null,
  value_max double precision not null,
  -- The latest value by its time, of memory only; of two at the same time the larger one.
  value_last double precision,
  value_last_at timestamptz,
  -- Values below 0.001: they have no log bucket.
  zero_count bigint not null,
  slow_count bigint not null,
  cached_count bigint not null,
  preserved_count bigint not null,
  items_sum bigint not null,
  size_sum bigint not null,
  jank_sum bigint not null,
  frames_sum bigint not null,
  errors_by_type jsonb not null default '{}',
  primary key (org_id, chatbot_id, minute, type, operation),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade,
  check ((operation = '') = (type not in ('persistence', 'tabSync'))),
  check ((value_last is null) = (value_last_at is null)),
  check ((value_last is null) = (type <> 'memory'))
) partition by range (minute);
-- What all organizations together are read by. Rows arrive in the order of their minutes, but for the last hour.
create index widget_performance_minutes_minute_idx on widget_performance_minutes
  using brin (minute) with (pages_per_range = 32, autosummarize = on);

create table widget_performance_buckets (
  org_id bigint not null,
  chatbot_id uuid not null,
  minute timestamptz not null,
  type text not null,
  operation text not null,
  bucket integer not null,
  count bigint not null,
  primary key (org_id, chatbot_id, minute, type, operation, bucket),
  foreign key (org_id, chatbot_id) references chatbots (org_id, id) on delete cascade
) partition by range (minute);
create index widget_performance_buckets_minute_idx on widget_performance_buckets
  using brin (minute) with (pages_per_range = 32, autosummarize = on);

-- Measurements are stored under their own minute, which is an hour ago at most.
insert into partitioned_tables (table_name, granularity, back_days) values
  ('widget_performance_minutes', 'day', 2), ('widget_performance_buckets', 'day', 2);

create table widget_performance_baselines (
  org_id bigint primary key references organizations on delete cascade,
  render_avg_ms double precision not null check (render_avg_ms >= 0),
  sample_count bigint not null,
  captured_at timestamptz not null,
  captured_by text not null
);

select enable_organization_policies(tenant_table::regclass, 'org_id')
from unnest(array['widget_performance_minutes', 'widget_performance_buckets', 'widget_performance_baselines']) as listed (tenant_table);
grant select, insert, update on widget_performance_minutes, widget_performance_buckets to observability_exporter;
grant select on widget_performance_baselines to observability_exporter;
grant select on widget_performance_minutes, widget_performance_buckets to observability_api, observability_admin;
grant select, insert, update on widget_performance_baselines to observability_api, observability_admin;
grant select, insert, update, delete on widget_performance_minutes, widget_performance_buckets, widget_performance_baselines
  to observability_jobs;

-- Sums that a sender can drive up stay within the range of a JSON number.
create function saturating_add(p_left bigint, p_right bigint) returns bigint
language sql immutable parallel safe as $$
  select least(p_left, 9007199254740991 - p_right) + p_right
$$;

-- Adds two maps of counts by error type. The map holds 20 types at most, those that came first; further ones count as `other`.
create function error_counts_add(p_left jsonb, p_right jsonb) returns jsonb
language sql immutable parallel safe as $$
  select case when p_right = '{}' then p_left else (
    select jsonb_object_agg(capped.key, capped.count)
    from (
      select case when ranked.rank <= 20 then ranked.key else 'other' end as key, sum(ranked.count) as count
      from (
        select summed.key, summed.count,
          row_number() over (order by summed.key = 'other', not p_left ? summed.key, summed.key collate "C") as rank
        from (
          select both_sides.key, sum(both_sides.value::bigint) as count
          from (select * from jsonb_each_text(p_left) union all select * from jsonb_each_text(p_right)) both_sides
          group by both_sides.key
        ) summed
      ) ranked
      group by 1
    ) capped
  ) end
$$;

-- What the webhook needs to fold deliveries that come late, twice or in another order.
alter table alerts
  -- The latest beginning that was delivered for this row, null if it is starts_at: an end before it is that of an earlier episode.
  add column last_starts_at timestamptz,
  -- Resolved because nothing was heard of it any more (job alerts-expire); opened again when it is seen.
  add column expired boolean not null default false;
-- Whoever resolves one that had expired takes the mark off.
grant update (expired) on alerts to observability_api, observability_admin;
create index alerts_unresolved_last_seen_at_idx on alerts (last_seen_at) where not resolved;
-- What the answers are made from: one feature's alerts, newest first.
create index alerts_feature_starts_at_idx on alerts (feature, starts_at desc);

-- Ends that were delivered before their beginning, for a day.
create table alert_ends_ahead (
  fingerprint text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  received_at timestamptz not null,
  primary key (fingerprint, starts_at)
);
grant select, insert, update, delete on alert_ends_ahead to observability_exporter, observability_jobs;

do $$
declare
  partitioned text;
begin
  foreach partitioned in array array['widget_performance_minutes', 'widget_performance_buckets'] loop
    while ensure_partitions(partitioned, current_date + 15) is not null loop
    end loop;
  end loop;
end
$$;

reset role;
