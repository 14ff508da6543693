import type { TestDatabase } from './database.ts';
import { waitUntil } from './wait-until.ts';

/** What a refusal may write: the ledger of refusals, and when a key was used. */
const bookkeeping = ['marketing.ingest_rejections', 'ingest_keys'];
/** Counters are written within a second of what they count. */
const settledPolls = 25;

/**
 * Counts every change of a row from now on, whoever makes it and whatever becomes of its transaction. Answers how to read it: how many so far,
 * once there are no more for a while.
 */
export async function countStoredChanges(database: TestDatabase): Promise<() => Promise<number>> {
  await database.query('create sequence changes_of_rows');
  await database.query(
    `create function count_change() returns trigger language plpgsql security definer as
     $$ begin perform nextval('public.changes_of_rows'); return null; end $$`,
  );
  const tables = await database.query<{ name: string }>(
    `select classes.oid::regclass::text as name from pg_class classes join pg_namespace namespaces on namespaces.oid = classes.relnamespace
     where namespaces.nspname in ('public', 'marketing') and classes.relkind in ('r', 'p') and not classes.relispartition`,
  );
  for (const { name } of tables.filter((table) => !bookkeeping.includes(table.name))) {
    await database.query(
      `create trigger count_change after insert or update or delete on ${name} for each row execute function public.count_change()`,
    );
  }
  return () => readSettled(database);
}

async function readSettled(database: TestDatabase): Promise<number> {
  let last = Number.NaN;
  let unchanged = 0;
  await waitUntil(
    async () => {
      const [row] = await database.query<{ changes: number }>('select last_value - 1 + is_called::int as changes from changes_of_rows');
      const changes = row?.changes ?? Number.NaN;
      unchanged = changes === last ? unchanged + 1 : 0;
      last = changes;
      return unchanged === settledPolls;
    },
    { within: 40_000, what: 'the end of all changes' },
  );
  return last;
}
