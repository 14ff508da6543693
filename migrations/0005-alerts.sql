-- Delivered alerts: written by the Alertmanager webhook, read and resolved through the JSON contract.
set local role observability_owner;

create table alerts (
  id uuid primary key default gen_random_uuid(),
  org_id bigint,
  fingerprint text not null,
  alertname text not null,
  feature text not null,
  severity text not null check (severity in ('info', 'warning', 'error', 'critical')),
  category text not null,
  title text not null,
  message text not null,
  metadata jsonb not null default '{}',
  labels jsonb not null,
  starts_at timestamptz not null,
  last_seen_at timestamptz not null,
  resolved boolean not null default false,
  resolved_at timestamptz,
  resolved_by text,
  created_at timestamptz not null default now(),
  unique (fingerprint, starts_at)
);
create unique index alerts_fingerprint_unresolved_idx on alerts (fingerprint) where not resolved;
create index alerts_org_id_resolved_starts_at_idx on alerts (org_id, resolved, starts_at desc);
create index alerts_resolved_at_idx on alerts (resolved_at) where resolved;
select enable_organization_policies('alerts', 'org_id');
grant select, insert, update on alerts to observability_exporter;
grant select on alerts to observability_api, observability_admin;
grant update (resolved, resolved_at, resolved_by) on alerts to observability_api, observability_admin;
grant select, insert, update, delete on alerts to observability_jobs;

reset role;
