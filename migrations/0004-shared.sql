-- Tables that several slices write: audit trail, ingest batches, job runs, rollup bookkeeping.
set local role observability_owner;

create table audit_logs (
  id bigint generated always as identity primary key,
  org_id bigint,
  actor text not null,
  action text not null,
  details jsonb not null default '{}',
  dedup_key text unique,
  created_at timestamptz not null default now()
);
create index audit_logs_org_id_created_at_idx on audit_logs (org_id, created_at);
select enable_organization_policies('audit_logs', 'org_id');
grant insert on audit_logs to observability_api;
grant select, insert on audit_logs to observability_admin;
grant select, insert, update, delete on audit_logs to observability_jobs;

-- Batch ids seen per endpoint, kept two days: a repeated batch is acknowledged and not counted again.
create table ingest_batches (
  org_id bigint not null,
  day date not null,
  endpoint text not null,
  batch_id uuid not null,
  primary key (org_id, day, endpoint, batch_id)
) partition by range (day);
-- Kept two days, and written on the day of receipt only.
insert into partitioned_tables (table_name, granularity, back_days) values ('ingest_batches', 'day', 2);
select enable_organization_policies('ingest_batches', 'org_id');
grant select, insert, update on ingest_batches to observability_exporter;
grant select on ingest_batches to observability_api, observability_admin;
grant select, insert, update, delete on ingest_batches to observability_jobs;

create table job_runs (
  id bigint generated always as identity primary key,
  job text not null,
  attempt integer not null check (attempt between 1 and 3),
  status text not null check (status in ('running', 'succeeded', 'failed')),
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  result jsonb,
  error text
);
create index job_runs_job_started_at_idx on job_runs (job, started_at desc);
grant select on job_runs to observability_admin, observability_exporter;
grant select, insert, update, delete on job_runs to observability_jobs;

create table rollup_watermarks (
  name text primary key,
  through_date date not null,
  updated_at timestamptz not null default now()
);
grant select on rollup_watermarks to observability_exporter, observability_api, observability_admin;
grant select, insert, update, delete on rollup_watermarks to observability_jobs;

create table rollup_dirty_days (
  org_id bigint not null,
  chatbot_id uuid not null,
  day date not null,
  marked_at timestamptz not null default now(),
  primary key (org_id, chatbot_id, day)
);
select enable_organization_policies('rollup_dirty_days', 'org_id');
grant select, insert, update on rollup_dirty_days to observability_exporter;
grant select on rollup_dirty_days to observability_api, observability_admin;
grant select, insert, update, delete on rollup_dirty_days to observability_jobs;

-- The first partitions exist as soon as the schema does; the hourly job keeps the window moving.
do $$
begin
  while ensure_partitions('ingest_batches', current_date + 15) is not null loop
  end loop;
end
$$;

reset role;
