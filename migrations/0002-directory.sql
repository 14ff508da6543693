-- Who sends and who reads: organizations, their chatbots, shops and ingest keys.
set local role observability_owner;

create table organizations (
  id bigint generated always as identity primary key,
  key text not null unique check (key ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  site_id text not null unique check (site_id ~ '^site_[0-9A-Za-z]{16}$'),
  name text not null,
  allowed_domains text[] not null default '{}',
  allow_localhost boolean not null default false,
  widget_enabled boolean not null default true,
  write_enabled boolean not null default true,
  ai_enabled boolean not null default true,
  primary_color text not null default '#0F5C5C',
  widget_name text not null default 'Chat',
  widget_subtitle text not null default '',
  language text not null default 'en',
  launcher_text text,
  position text not null default 'right' check (position in ('left', 'right')),
  is_active boolean not null default true,
  config_updated_at timestamptz not null default now(),
  created_at timestamptz not null default now()
);

create table chatbots (
  id uuid primary key,
  org_id bigint not null references organizations on delete cascade,
  name text not null,
  created_at timestamptz not null default now(),
  unique (org_id, id)
);

create table customer_configs (
  id uuid primary key,
  org_id bigint not null references organizations on delete cascade,
  domain text not null unique,
  woocommerce_url text,
  consumer_key_enc bytea,
  consumer_secret_enc bytea,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index customer_configs_org_id_idx on customer_configs (org_id);

create table ingest_keys (
  id uuid primary key,
  org_id bigint not null references organizations on delete cascade,
  name text not null,
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index ingest_keys_org_id_idx on ingest_keys (org_id);

select enable_organization_policies('organizations', 'id');
select enable_organization_policies('chatbots', 'org_id');
select enable_organization_policies('customer_configs', 'org_id');
select enable_organization_policies('ingest_keys', 'org_id');

grant select on organizations, chatbots, ingest_keys to observability_exporter;
grant update (last_used_at) on ingest_keys to observability_exporter;
-- The exporter never needs a shop's credentials.
grant select (id, org_id, domain, woocommerce_url, created_at, updated_at) on customer_configs to observability_exporter;
grant select on organizations, chatbots, customer_configs, ingest_keys to observability_api, observability_admin;
grant select, insert, update, delete on organizations, chatbots, customer_configs, ingest_keys to observability_jobs;

reset role;
