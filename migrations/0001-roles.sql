-- The five roles. Login and passwords are the operator's business (docs/operations.md), or local/'s.
-- Runs as whoever owns the database; everything after this file is owned by observability_owner.
do $$
declare
  role_name text;
begin
  foreach role_name in array array[
    'observability_owner', 'observability_exporter', 'observability_api', 'observability_admin', 'observability_jobs'
  ] loop
    begin
      if not exists (select from pg_roles where rolname = role_name) then
        execute format('create role %I nologin', role_name);
      end if;
    exception
      -- Roles belong to the whole cluster: another database may be migrated at this very moment.
      when duplicate_object or unique_violation then null;
    end;
  end loop;
  if not pg_has_role(current_user, 'observability_owner', 'usage') then
    execute format('grant observability_owner to %I', current_user);
  end if;
  if not has_schema_privilege('observability_owner', 'public', 'create') then
    grant create on schema public to observability_owner;
  end if;
  -- No run-time role needs temporary objects, and names in pg_temp can stand in front of real ones.
  execute format('revoke temporary on database %I from public', current_database());
end
$$;

grant usage on schema public to observability_owner, observability_exporter, observability_api, observability_admin, observability_jobs;

set local role observability_owner;

-- One place for the tenancy rule: the portal's role sees the organization of its transaction, the others see all.
-- current_setting is '' (not NULL) on a reused connection, hence the nullif.
create function enable_organization_policies(p_table regclass, p_org_column name) returns void
language plpgsql set search_path = pg_catalog as $$
begin
  execute format('alter table %s enable row level security', p_table);
  execute format(
    'create policy own_organization on %1$s for all to observability_api'
    ' using (%2$I = nullif(current_setting(''app.org_id'', true), '''')::bigint)'
    ' with check (%2$I = nullif(current_setting(''app.org_id'', true), '''')::bigint)',
    p_table, p_org_column);
  execute format(
    'create policy every_organization on %s for all to observability_exporter, observability_admin, observability_jobs'
    ' using (true) with check (true)',
    p_table);
end
$$;
revoke all on function enable_organization_policies(regclass, name) from public;

reset role;
