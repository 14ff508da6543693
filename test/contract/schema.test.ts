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

  test('the API role sees no row without app.org_id, and its own rows only with it, also on a reused connection', async () => {
    const [own, other] = [await insertOrganization(database, { key: 'own' }), await insertOrganization(database, { key: 'other' })];
    for (const { id } of [own, other]) {
      await database.query('insert into widget_health_totals (org_id) values ($1)', [id]);
      await database.query(
        `insert into alerts (org_id, fingerprint, alertname, feature, severity, category, title, message, labels, starts_at, last_seen_at)
        values ($1, $2, 'A', 'pipeline', 'info', 'c', 't', 'm', '{}', now(), now())`,
        [id, `f${id}`],
      );
      await database.query(
        `insert into ingest_keys (id, org_id, name, key_hash) values (gen_random_uuid(), $1, 'k', sha256($2::text::bytea))`,
        [id, id],
      );
      await database.query(`insert into chatbots (id, org_id, name) values (gen_random_uuid(), $1, 'c')`, [id]);
    }
    await asRole('observability_api', async (client) => {
      for (const table of [
        'organizations',
        'widget_health_totals',
        'alerts',
        'chatbots',
        'ingest_keys',
        'customer_configs',
        'ingest_batches',
        'rollup_dirty_days',
      ]) {
        const count = async (): Promise<number> =>
          Number((await client.query<{ count: string }>(`select count(*) from ${table}`)).rows[0]?.count);
        expect(await count(), `${table} before`).toBe(0);
        await client.query('begin');
        await client.query(`select set_config('app.org_id', $1, true)`, [String(own.id)]);
        expect(await count(), table).toBe(['customer_configs', 'ingest_batches', 'rollup_dirty_days'].includes(table) ? 0 : 1);
        await client.query('commit');
        expect(await count(), `${table} after`).toBe(0);
      }
    });
  });

  test('the API role cannot write a row of another organization, nor change an alert beyond resolving it', async () => {
    const { id } = await insertOrganization(database, { key: 'victim' });
    await asRole('observability_api', async (client) => {
      await client.query('begin');
      await client.query(`select set_config('app.org_id', '1', true)`);
      await expect(client.query(`insert into audit_logs (org_id, actor, action) values ($1, 'a', 'b')`, [id])).rejects.toThrow(
        'row-level security',
      );
      await client.query('rollback');
      await expect(client.query(`update alerts set message = 'gone'`)).rejects.toThrow('permission denied');
      await expect(client.query(`delete from alerts`)).rejects.toThrow('permission denied');
      await expect(client.query(`update widget_health_totals set widget_loads_total = 0`)).rejects.toThrow('permission denied');
    });
  });

  test('the exporter cannot read the credentials of a shop', async () => {
    await asRole('observability_exporter', async (client) => {
      await client.query('select id, domain from customer_configs');
      await expect(client.query('select consumer_key_enc from customer_configs')).rejects.toThrow('permission denied');
    });
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

  test('no role is granted access to a partition directly', async () => {
    const partitions = (await tables()).filter(({ partition }) => partition).map(({ name }) => name);
    expect(partitions.length).toBeGreaterThan(15);
    const granted = await database.query(
      `select r.rolname, p.name from unnest($1::text[]) p (name) cross join pg_roles r
       where r.rolname = any($2) and has_any_column_privilege(r.rolname, 'public.' || p.name, 'select,insert,update')`,
      [partitions, runTimeRoles],
    );
    expect(granted).toEqual([]);
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
