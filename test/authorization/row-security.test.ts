import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlStateOf } from '../../platform/postgres/errors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { insertOrganization } from '../support/services.ts';
import { databaseRole, expectedRights, runTimeRoles, type RunTimeRole } from './table-rights.ts';

/**
 * What the database itself refuses, whatever the code above it asks: every role, every table, view and partition there is, every verb. The
 * tables come from the catalogue: a new one without its rights in table-rights.ts fails.
 */
interface Relation {
  name: string;
  isPartition: boolean;
  isSecured: boolean;
  columns: { name: string; type: string; isRequired: boolean }[];
}

let database: TestDatabase;
let relations: readonly Relation[];
let clients: Record<RunTimeRole, pg.Client>;
let alpha: number;
let bravo: number;
/** An organization without a row. */
let fresh: number;

beforeAll(async () => {
  database = await createTestDatabase();
  relations = await readRelations();
  for (const [index, key] of ['alpha', 'bravo', 'fresh'].entries()) {
    const { id } = await insertOrganization(database, { key });
    if (index === 0) alpha = id;
    else if (index === 1) bravo = id;
    else fresh = id;
  }
  await dropConstraints();
  for (const table of tenantTables()) {
    if (table.name === 'organizations') continue;
    // Alerts and audit rows may be nobody's.
    const mayBeNobodys = table.columns.some(({ name, isRequired }) => name === 'org_id' && !isRequired);
    for (const org of [alpha, bravo, ...(mayBeNobodys ? [null] : [])]) await database.query(insertInto(table, org));
  }
  const opened = await Promise.all(runTimeRoles.map(async (role): Promise<[RunTimeRole, pg.Client]> => [role, await connectAs(role)]));
  clients = Object.fromEntries(opened) as typeof clients;
});
afterAll(async () => {
  await Promise.all(Object.values(clients).map((client) => client.end()));
  await database.drop();
});

async function connectAs(role: RunTimeRole): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url(databaseRole(role)) });
  await client.connect();
  return client;
}

function readRelations(): Promise<Relation[]> {
  return database.query<Relation & Record<string, unknown>>(
    `select case namespaces.nspname when 'public' then '' else namespaces.nspname || '.' end || classes.relname as name,
       classes.relispartition as "isPartition", classes.relrowsecurity as "isSecured",
       json_agg(json_build_object(
         'name', attributes.attname, 'type', types.typname,
         'isRequired', attributes.attnotnull and not attributes.atthasdef and attributes.attidentity = '') order by attributes.attnum) as columns
     from pg_class classes
     join pg_namespace namespaces on namespaces.oid = classes.relnamespace
     join pg_attribute attributes on attributes.attrelid = classes.oid and attributes.attnum > 0 and not attributes.attisdropped
     join pg_type types on types.oid = attributes.atttypid
     where namespaces.nspname not in ('pg_catalog', 'information_schema') and namespaces.nspname not like 'pg\\_%'
       and classes.relkind in ('r', 'p', 'v', 'm', 'f')
     group by namespaces.nspname, classes.relname, classes.relispartition, classes.relrowsecurity
     order by 1`,
  );
}

const tenantTables = (): Relation[] => relations.filter(({ isPartition, isSecured }) => isSecured && !isPartition);
const orgColumn = ({ name }: Relation): string => (name === 'organizations' ? 'id' : 'org_id');

/** Rows are made from the types of their columns; what a value means is not what is tried here. */
async function dropConstraints(): Promise<void> {
  await database.query(
    `do $$ declare found record; begin
       -- Twice: partitions keep as their own what their table has lost.
       for pass in 1..2 loop
         for found in
           select conrelid::regclass as relation, conname from pg_constraint
           where contype in ('c', 'f') and conrelid <> 0 and conparentid = 0 and coninhcount = 0 and connamespace = 'public'::regnamespace
         loop
           execute format('alter table %s drop constraint if exists %I', found.relation, found.conname);
         end loop;
       end loop;
     end $$`,
  );
}

const anyValue: Readonly<Record<string, (org: number) => string>> = {
  bool: () => 'true',
  bytea: (org) => `decode(md5('${org}'), 'hex')`,
  date: () => 'current_date',
  float8: () => '1',
  int2: () => '1',
  int4: () => '1',
  int8: () => '1',
  jsonb: () => `'{}'`,
  numeric: () => '1',
  text: (org) => `'of ${org}'`,
  timestamptz: () => 'now()',
  uuid: () => 'gen_random_uuid()',
};

function insertInto(table: Relation, org: number | null): string {
  const values = new Map<string, string>([[orgColumn(table), String(org)]]);
  for (const { name, type, isRequired } of table.columns) {
    if (!isRequired || values.has(name)) continue;
    const value = anyValue[type];
    if (value === undefined) throw new Error(`${table.name}.${name} is a ${type}: give anyValue one of those`);
    values.set(name, value(org ?? 0));
  }
  return `insert into ${table.name} (${[...values.keys()].join(', ')}) overriding system value values (${[...values.values()].join(', ')})`;
}

const refusals = new Set([
  '42501', // insufficient_privilege
  '42809', // wrong_object_type: no view takes a row
]);

async function may(client: pg.Client, statement: string): Promise<boolean> {
  await client.query('begin');
  try {
    await client.query(statement);
    return true;
  } catch (error) {
    if (refusals.has(sqlStateOf(error) ?? '')) return false;
    throw new Error(`${statement}: not refused, but wrong`, { cause: error });
  } finally {
    await client.query('rollback');
  }
}

type ColumnVerb = 'select' | 'insert' | 'update';

/** A statement that needs the right to these columns and changes nothing. */
function trial(verb: ColumnVerb, { name }: Relation, columns: readonly string[]): string {
  const listed = columns.join(', ');
  const nulls = columns.map((column) => `(null::${name}).${column}`).join(', ');
  if (verb === 'select') return `select ${listed} from ${name} where false`;
  if (verb === 'insert') return `insert into ${name} (${listed}) overriding system value select ${nulls} where false`;
  return `update ${name} set ${columns.map((column) => `${column} = default`).join(', ')} where false`;
}

/** What a role really may, by trying it. */
async function rightsOf(client: pg.Client, relation: Relation): Promise<string> {
  const columns = relation.columns.map(({ name }) => name);
  const found: string[] = [];
  for (const verb of ['select', 'insert', 'update'] as const) {
    if (await may(client, trial(verb, relation, columns))) {
      found.push(verb);
      continue;
    }
    const some: string[] = [];
    for (const column of columns) if (await may(client, trial(verb, relation, [column]))) some.push(column);
    if (some.length > 0) found.push(`${verb} (${some.join(', ')})`);
  }
  if (await may(client, `delete from ${relation.name} where false`)) found.push('delete');
  if (await may(client, `truncate ${relation.name}`)) found.push('truncate');
  return found.join(', ');
}

describe('rights', () => {
  test('to every table and view are those that are written down, role by role and verb by verb', async () => {
    const actual: Record<string, Record<string, string>> = {};
    for (const relation of relations.filter(({ isPartition }) => !isPartition)) {
      const byRole = runTimeRoles.map(async (role) => [role, await rightsOf(clients[role], relation)] as const);
      actual[relation.name] = Object.fromEntries(await Promise.all(byRole));
    }
    expect(actual).toEqual(expectedRights);
  });

  test('to partitions nobody has: they stand outside of the policies of their table', async () => {
    const partitions = relations.filter(({ isPartition }) => isPartition);
    const open: string[] = [];
    for (const role of runTimeRoles) {
      const privileges = await database.query<{ name: string }>(
        `select names.name from unnest($2::text[]) names (name)
         where has_any_column_privilege($1, names.name, 'select, insert, update, references')
           or has_table_privilege($1, names.name, 'delete, truncate, trigger')`,
        [databaseRole(role), partitions.map(({ name }) => name)],
      );
      open.push(...privileges.map(({ name }) => `${role}: ${name}`));
      for (const { name } of partitions) {
        for (const statement of [
          `select count(*) from ${name}`,
          `insert into ${name} default values`,
          `delete from ${name}`,
          `truncate ${name}`,
        ]) {
          if (await may(clients[role], statement)) open.push(`${role}: ${statement}`);
        }
      }
    }
    expect(open).toEqual([]);
    expect(partitions.length).toBeGreaterThan(100);
  });

  test('without row-level security the role of organization users has to one table, which is nobody’s', () => {
    const unsecured = relations.filter(
      ({ name, isPartition, isSecured }) => !isPartition && !isSecured && expectedRights[name]?.api !== '',
    );
    expect(unsecured.map(({ name }) => name)).toEqual(['rollup_watermarks']);
  });

  test('cannot be widened: no role becomes another one, and none looks past row-level security', async () => {
    for (const role of runTimeRoles) {
      for (const other of ['observability_owner', ...runTimeRoles.filter((each) => each !== role).map(databaseRole), 'postgres']) {
        expect(await may(clients[role], `set role ${other}`), `${role} as ${other}`).toBe(false);
      }
    }
    await clients.api.query('begin');
    await clients.api.query('set local row_security = off');
    await expect(clients.api.query('select count(*) from widget_sessions')).rejects.toThrow('row-level security');
    await clients.api.query('rollback');
  });

  test('of the owner are lent by functions to the jobs alone, which no name in pg_temp can mislead', async () => {
    const functions = await database.query<{ name: string; callers: string[]; path: string | null }>(
      `select functions.oid::regprocedure::text as name,
         array(select roles.rolname::text from pg_roles roles
           where roles.rolname = any($1) and has_function_privilege(roles.oid, functions.oid, 'execute')) as callers,
         (select setting from unnest(functions.proconfig) setting where setting like 'search_path=%') as path
       from pg_proc functions
       where functions.prosecdef and functions.pronamespace::regnamespace::text in ('public', 'marketing')`,
      [runTimeRoles.map(databaseRole)],
    );
    expect(functions.length).toBeGreaterThan(3);
    for (const { name, callers, path } of functions) {
      expect(callers, name).toEqual(['observability_jobs']);
      expect(path, name).toMatch(/, pg_temp$/);
    }
  });
});

const settings: readonly [string, (client: pg.Client) => Promise<unknown>][] = [
  ['never set', async () => undefined],
  ['empty, as on a connection that was used before', (client) => client.query(`select set_config('app.org_id', '', true)`)],
  ['that of an organization without rows', (client) => client.query(`select set_config('app.org_id', '${fresh}', true)`)],
  ['of nobody', (client) => client.query(`select set_config('app.org_id', '-1', true)`)],
];

/** Runs `work` as organization users do, and undoes it. */
async function asOrganization<T>(org: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { api } = clients;
  await api.query('begin');
  try {
    await api.query(`select set_config('app.org_id', $1, true)`, [String(org)]);
    return await work(api);
  } finally {
    await api.query('rollback');
  }
}

const apiMay = (verb: string): Relation[] => tenantTables().filter(({ name }) => expectedRights[name]?.api.includes(verb));

async function orgsIn(client: pg.Client, table: Relation): Promise<number[]> {
  const { rows } = await client.query<{ org: string }>(`select distinct ${orgColumn(table)} as org from ${table.name}`);
  return rows.map(({ org }) => Number(org)).toSorted();
}

describe('an organization user, in the database', () => {
  test('sees its own rows in every table, and none of another organization', async () => {
    const tables = apiMay('select');
    expect(tables.length).toBeGreaterThan(20);
    for (const table of tables) {
      for (const org of [alpha, bravo]) expect(await asOrganization(org, (client) => orgsIn(client, table)), table.name).toEqual([org]);
    }
  });

  test.each(settings)('sees nothing when the organization is %s', async (_what, set) => {
    const client = await connectAs('api');
    try {
      await client.query('begin');
      await set(client);
      for (const table of apiMay('select')) {
        const seen = await orgsIn(client, table);
        expect(
          seen.filter((org) => org !== fresh),
          table.name,
        ).toEqual([]);
      }
    } finally {
      await client.end();
    }
  });

  test('gets an error, and no rows, when the organization is no number', async () => {
    for (const table of apiMay('select')) {
      await clients.api.query('begin');
      await clients.api.query(`select set_config('app.org_id', '1 or true', true)`);
      await expect(orgsIn(clients.api, table), table.name).rejects.toThrow('invalid input syntax');
      await clients.api.query('rollback');
    }
  });

  test('adds rows to its own organization only: not to another one, not to none', async () => {
    const tables = apiMay('insert');
    expect(tables.map(({ name }) => name)).toEqual(['audit_logs', 'widget_performance_baselines']);
    for (const table of tables) {
      expect(await asOrganization(fresh, async (client) => (await client.query(insertInto(table, fresh))).rowCount), table.name).toBe(1);
      for (const org of [bravo, null]) {
        await expect(
          asOrganization(fresh, (client) => client.query(insertInto(table, org))),
          table.name,
        ).rejects.toThrow('row-level security');
      }
      await expect(clients.api.query(insertInto(table, fresh)), table.name).rejects.toThrow('row-level security');
    }
  });

  test('changes rows of its own organization only, and gives none away', async () => {
    const tables = apiMay('update');
    expect(tables.length).toBeGreaterThan(3);
    for (const table of tables) {
      const [, column] = /update \((\w+)/.exec(expectedRights[table.name]?.api ?? '') ?? ['', 'sample_count'];
      const change = `update ${table.name} set ${column} = ${column}`;
      expect(await asOrganization(alpha, async (client) => (await client.query(change)).rowCount), table.name).toBe(1);
      expect((await clients.api.query(change)).rowCount, table.name).toBe(0);
      await expect(
        asOrganization(alpha, (client) => client.query(`update ${table.name} set org_id = ${bravo}`)),
        table.name,
      ).rejects.toThrow(/permission denied|row-level security/);
    }
  });

  test('deletes rows of its own organization only', async () => {
    const tables = apiMay('delete');
    expect(tables.length).toBeGreaterThan(3);
    for (const table of tables) {
      expect(await asOrganization(alpha, async (client) => (await client.query(`delete from ${table.name}`)).rowCount), table.name).toBe(1);
      expect((await clients.api.query(`delete from ${table.name}`)).rowCount, table.name).toBe(0);
    }
    for (const table of tables) expect(await orgsIn(clients.admin, table), table.name).toEqual([alpha, bravo]);
  });
});

test('the other roles see every organization, whatever the setting says', async () => {
  for (const role of ['exporter', 'admin', 'jobs'] as const) {
    const readable = tenantTables().filter(({ name }) => expectedRights[name]?.[role].startsWith('select') === true);
    expect(readable.length).toBeGreaterThan(10);
    for (const table of readable) {
      await clients[role].query('begin');
      await clients[role].query(`select set_config('app.org_id', $1, true)`, [String(alpha)]);
      expect(await orgsIn(clients[role], table), `${role} in ${table.name}`).toEqual(expect.arrayContaining([alpha, bravo]));
      await clients[role].query('rollback');
    }
  }
});
