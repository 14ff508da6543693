import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { insertOrganization } from '../support/services.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const runTimeRoles = ['observability_exporter', 'observability_api', 'observability_admin', 'observability_jobs'] as const;
/** Not tenant data: bookkeeping of the stack itself, and the list of its own tables. */
const withoutOrganization = ['alert_ends_ahead', 'job_runs', 'rollup_watermarks', 'partitioned_tables', 'schema_migrations'];
const controlTables = ['audit_logs', 'alerts'];
const directoryTables = ['chatbots', 'customer_configs', 'ingest_keys'];

async function asRole<T>(role: (typeof runTimeRoles)[number], work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: database.url(role) });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const tables = (): Promise<{ name: string; partition: boolean; secured: boolean; org: boolean; nullable: boolean }[]> =>
  database.query(
    `select c.relname::text as name, c.relispartition as partition, c.relrowsecurity as secured,
       a.attname is not null as org, coalesce(not a.attnotnull, true) as nullable
     from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`,
  );

describe('tenancy', () => {
  test('every tenant table has org_id bigint not null, first in its primary key and in every unique constraint', async () => {
    const tenant = (await tables()).filter(
      ({ name, partition }) => !partition && name !== 'organizations' && ![...withoutOrganization, ...controlTables].includes(name),
    );
    expect(tenant.filter(({ org, nullable }) => !org || nullable).map(({ name }) => name)).toEqual([]);
    const uniques = await database.query<{ name: string; first: string }>(
      `select i.indrelid::regclass::text as name, a.attname::text as first
       from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
       where i.indisunique and i.indrelid::regclass::text = any($1)`,
      [tenant.map(({ name }) => name).filter((name) => !directoryTables.includes(name))],
    );
    expect(uniques.length).toBeGreaterThan(1);
    expect(uniques.filter(({ first }) => first !== 'org_id')).toEqual([]);
  });

  test('row-level security is on for organizations, every tenant table and both control tables', async () => {
    const open = (await tables()).filter(({ name, partition, secured }) => !partition && !secured && !withoutOrganization.includes(name));
    expect(open.map(({ name }) => name)).toEqual([]);
  });
});

describe('roles', () => {
  test('no run-time role is owner, superuser or past row-level security', async () => {
    const roles = await database.query<{ rolname: string }>(
      `select rolname from pg_roles where rolname = any($1) and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)`,
      [runTimeRoles],
    );
    expect(roles).toEqual([]);
    const owners = await database.query(
      `select distinct tableowner from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations'`,
    );
    expect(owners).toEqual([{ tableowner: 'observability_owner' }]);
  });

  test('no role may create, alter or drop anything in the schema', async () => {
    for (const role of runTimeRoles) {
      await asRole(role, async (client) => {
        await expect(client.query('create table intruder (id int)'), role).rejects.toThrow('permission denied');
        await expect(client.query('alter table organizations add column intruder int'), role).rejects.toThrow('must be owner');
        await expect(client.query('drop table organizations'), role).rejects.toThrow('must be owner');
      });
    }
  });

  test('only the jobs role may call the partition functions', async () => {
    for (const role of runTimeRoles) {
      const call = asRole(role, (client) => client.query(`select ensure_partitions('ingest_batches', current_date)`));
      if (role === 'observability_jobs') await call;
      else await expect(call, role).rejects.toThrow('permission denied');
    }
  });

  test("a caller's temporary table or view cannot stand in for ours inside the owner's functions", async () => {
    await asRole('observability_jobs', async (client) => {
      await client.query(
        'create temp table partitioned_tables (table_name text, granularity text, back_days int, late_days int, closed_indexes text[])',
      );
      await client.query('grant select on partitioned_tables to public');
      await client.query(
        `insert into pg_temp.partitioned_tables values ('ingest_batches', 'day', 2, 0, array['(org_id); create table public.pwned (a int)'])`,
      );
      const { rows } = await client.query<{ name: string }>(
        `select min(existing.partition) as name from partitions_of('ingest_batches') existing`,
      );
      await expect(client.query('select index_closed_partition($1)', [rows[0]?.name])).rejects.toThrow('still open');
    });
    expect(await database.query(`select to_regclass('public.pwned') as pwned`)).toEqual([{ pwned: null }]);
    await asRole('observability_exporter', async (client) => {
      await expect(client.query(`select count(*) from partitions_of('ingest_batches')`)).rejects.toThrow('permission denied');
    });
  });

  test('totals stay within the range of a JSON number', async () => {
    const { id } = await insertOrganization(database, { key: 'bounded' });
    await expect(
      database.query('insert into widget_health_totals (org_id, widget_loads_total) values ($1, 9007199254740992)', [id]),
    ).rejects.toThrow('widget_loads_total_check');
  });

  test('an organization key can never be the overflow organization', async () => {
    for (const key of ['__overflow__', '-a', 'A', '', 'a'.repeat(64)]) {
      await expect(
        database.query(`insert into organizations (key, site_id, name) values ($1, 'site_0123456789abcdef', 'x')`, [key]),
        key,
      ).rejects.toThrow('organizations_key_check');
    }
  });
});

describe('partitions', () => {
  test('exist up to 14 days ahead as soon as the schema does, as far back as rows are kept, without a default partition', async () => {
    const partitions = await database.query<{ partition: string; lower_bound: string; upper_bound: string }>(
      `select * from partitions_of('ingest_batches')`,
    );
    const [bounds] = await database.query<{ first: string; last: string }>(
      `select (current_date - 2)::date as first, (current_date + 15)::date as last`,
    );
    expect(partitions[0]?.lower_bound).toBe(bounds?.first);
    expect(partitions.at(-1)?.upper_bound).toBe(bounds?.last);
    expect(partitions[0]?.partition).toBe(`ingest_batches_p${bounds?.first.replaceAll('-', '')}`);
    expect(await database.query(`select from pg_partitioned_table where partdefid <> 0`)).toEqual([]);
  });
});
