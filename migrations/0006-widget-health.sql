-- Lifetime counters and the rolling histogram of widget-health, apart from organizations so that hot counters never touch the directory row.
set local role observability_owner;

create table widget_health_totals (
  org_id bigint primary key references organizations on delete cascade,
  first_widget_embed_at timestamptz,
  last_widget_seen_at timestamptz,
  widget_loads_total bigint not null default 0 check (widget_loads_total between 0 and 9007199254740991),
  widget_load_failures_total bigint not null default 0 check (widget_load_failures_total between 0 and 9007199254740991),
  widget_domain_mismatch_total bigint not null default 0 check (widget_domain_mismatch_total between 0 and 9007199254740991),
  widget_rt_buckets_json jsonb,
  widget_rt_total_count bigint not null default 0 check (widget_rt_total_count between 0 and 9007199254740991),
  widget_rt_sum_ms bigint not null default 0 check (widget_rt_sum_ms between 0 and 9007199254740991)
);
select enable_organization_policies('widget_health_totals', 'org_id');
grant select, insert, update on widget_health_totals to observability_exporter;
grant select on widget_health_totals to observability_api, observability_admin;
grant select, insert, update, delete on widget_health_totals to observability_jobs;

-- True when a stored histogram has the contracted shape: an object with an array of seven buckets.
create function widget_rt_well_formed(p_stored jsonb) returns boolean
language sql immutable parallel safe as $$
  select coalesce(
    jsonb_typeof(p_stored) = 'object'
      and jsonb_typeof(p_stored -> 'buckets') = 'array'
      and case when jsonb_typeof(p_stored -> 'buckets') = 'array' then jsonb_array_length(p_stored -> 'buckets') = 7 end,
    false)
$$;

-- The seven counts of a stored histogram, defensively: malformed -> all zero, a count that is no number >= 0 -> 0.
create function widget_rt_counts(p_stored jsonb) returns bigint[]
language sql immutable parallel safe as $$
  select case when widget_rt_well_formed(p_stored) then array(
    select case
      when jsonb_typeof(b.item -> 'count') = 'number' and (b.item ->> 'count')::numeric between 0 and 9007199254740991
        then floor((b.item ->> 'count')::numeric)::bigint
      else 0
    end
    from jsonb_array_elements(p_stored -> 'buckets') with ordinality b (item, position)
    order by b.position
  ) else array[0, 0, 0, 0, 0, 0, 0]::bigint[] end
$$;

-- A histogram in the stored shape; the bounds always come from these constants.
create function widget_rt_json(p_counts bigint[]) returns jsonb
language sql immutable parallel safe as $$
  select jsonb_build_object('buckets', jsonb_agg(jsonb_build_object('max', b.max, 'count', p_counts[b.position]) order by b.position))
  from unnest(array[50, 100, 200, 500, 1000, 2000, 999999]) with ordinality b (max, position)
$$;

-- Adds without ever leaving the range of a JSON number: an organization at the end of the range must not stop the counters of all others.
create function widget_total_add(p_left bigint, p_right bigint) returns bigint
language sql immutable parallel safe as $$
  select least(p_left, 9007199254740991 - p_right) + p_right
$$;

create function widget_rt_add(p_left bigint[], p_right bigint[]) returns bigint[]
language sql immutable parallel safe as $$
  select array[
    widget_total_add(p_left[1], p_right[1]), widget_total_add(p_left[2], p_right[2]), widget_total_add(p_left[3], p_right[3]),
    widget_total_add(p_left[4], p_right[4]), widget_total_add(p_left[5], p_right[5]), widget_total_add(p_left[6], p_right[6]),
    widget_total_add(p_left[7], p_right[7])
  ]
$$;

reset role;
