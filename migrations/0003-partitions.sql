-- Partition care. The jobs role has no DDL rights of its own: it calls these three functions, which touch only tables
-- registered here, one partition per call (= one transaction), giving up after two seconds of waiting for a lock.
-- pg_temp stands last in their search_path: left out it would come first, and a caller's temporary table named partitioned_tables would
-- have its text executed as the owner.
set local role observability_owner;

create table partitioned_tables (
  table_name text primary key,
  granularity text not null check (granularity in ('day', 'month')),
  -- Daily partitions are created from so many days back: where rows may still arrive, and never where they have already expired.
  back_days integer not null default 8,
  -- Days after a partition's end in which rows may still arrive; null: nothing is indexed later.
  late_days integer,
  -- Column lists of the indexes that a closed partition gets, e.g. '(org_id, created_at)'.
  closed_indexes text[] not null default '{}'
);
grant select on partitioned_tables to observability_jobs;

create function partition_name(p_table text, p_granularity text, p_lower date) returns text
language sql immutable parallel safe as $$
  select p_table || '_p' || to_char(p_lower, case p_granularity when 'day' then 'YYYYMMDD' else 'YYYYMM' end)
$$;

-- Lower and upper bound of each partition of a registered table, read from its name.
create function partitions_of(p_table text)
returns table (partition text, lower_bound date, upper_bound date)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select c.relname::text, b.lower_bound, (b.lower_bound + ('1 ' || t.granularity)::interval)::date
  from partitioned_tables t
  join pg_class p on p.relname = t.table_name and p.relnamespace = 'public'::regnamespace
  join pg_inherits i on i.inhparent = p.oid
  join pg_class c on c.oid = i.inhrelid
  cross join lateral (
    select to_date(substring(c.relname from '_p(\d+)$'), case t.granularity when 'day' then 'YYYYMMDD' else 'YYYYMM' end)
      as lower_bound
  ) b
  where t.table_name = p_table
  order by b.lower_bound
$$;

-- Creates the first missing partition between back_days (or one month) back and p_until (exclusive); null when none is missing.
-- LIKE + ATTACH: CREATE TABLE ... PARTITION OF would lock the parent against all ingest.
create function ensure_partitions(p_table text, p_until date) returns text
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
  execute format('create table public.%I (like public.%I including all)', v_name, p_table);
  execute format('alter table public.%I attach partition public.%I for values from (%L) to (%L)', p_table, v_name, v_lower, v_upper);
  return v_name;
end
$$;

-- Builds the indexes that a closed partition still lacks; true when it built any. Refuses while rows may still arrive.
create function index_closed_partition(p_partition text) returns boolean
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
    if to_regclass('public.' || quote_ident(v_index)) is null then
      execute format('create index %I on public.%I %s', v_index, p_partition, v_columns);
      v_built := true;
    end if;
  end loop;
  return v_built;
end
$$;

-- Detaches and drops the oldest partition whose upper bound is <= p_before; null when there is none.
create function drop_partitions(p_table text, p_before date) returns text
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
  execute format('alter table public.%I detach partition public.%I', p_table, v_name);
  execute format('drop table public.%I', v_name);
  return v_name;
end
$$;

revoke all on function ensure_partitions(text, date), index_closed_partition(text), drop_partitions(text, date), partitions_of(text) from public;
grant execute on function ensure_partitions(text, date), index_closed_partition(text), drop_partitions(text, date), partitions_of(text)
  to observability_jobs;

reset role;
