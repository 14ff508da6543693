import type { TestDatabase } from './database.ts';

/** A digest of every row of each table, so that a test can say that nothing was written, whatever and wherever. */
export async function digestTables(database: TestDatabase): Promise<Record<string, string | null>> {
  const tables = await database.query<{ name: string }>(
    `select format('%I.%I', namespaces.nspname, classes.relname) as name
     from pg_class classes join pg_namespace namespaces on namespaces.oid = classes.relnamespace
     where namespaces.nspname in ('public', 'marketing') and classes.relkind in ('r', 'p') and not classes.relispartition
     order by 1`,
  );
  const digests = tables.map(async ({ name }): Promise<[string, string | null]> => {
    const [row] = await database.query<{ digest: string | null }>(
      `select md5(string_agg(rows::text, chr(10) order by rows::text)) as digest from ${name} rows`,
    );
    return [name, row?.digest ?? null];
  });
  return Object.fromEntries(await Promise.all(digests));
}
