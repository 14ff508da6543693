import type { QueryResultRow } from 'pg';
import type { Queryable } from './pool.ts';

/** Rows that are read at once, and held at most. */
export const rowsPerPage = 500;

export interface KeysetQuery {
  /** The select list. */
  columns: string;
  from: string;
  where: string;
  /** Columns in whose order rows come, and which no two rows have in common. An index on them makes a page cheap. */
  key: readonly string[];
  /** Of the parameters in `from` and `where`. */
  values: readonly unknown[];
}

/**
 * Rows in pages. Each page is a statement of its own that goes on after the last row of the one before, so nothing is held in the database
 * while a slow reader takes its time, and a reader that stops just does not ask for more. The whole is therefore no snapshot: a row that
 * comes or goes meanwhile may be in it or not, but none is in it twice.
 */
export async function* readInPages<Row extends QueryResultRow>(
  db: Queryable,
  { columns, from, where, key, values }: KeysetQuery,
): AsyncGenerator<Row[]> {
  const select = `select ${columns}, array[${key.map((column) => `(${column})::text`).join(', ')}] as page_key from ${from} where (${where})`;
  const order = `order by ${key.join(', ')} limit ${rowsPerPage}`;
  const places = key.map((_column, index) => `$${values.length + index + 1}`);
  const after = `(${key.join(', ')}) > (${places.join(', ')})`;
  for (let last: readonly string[] | undefined; ;) {
    const { rows } =
      last === undefined
        ? await db.query<Row & PageKey>(`${select} ${order}`, [...values])
        : await db.query<Row & PageKey>(`${select} and ${after} ${order}`, [...values, ...last]);
    last = rows.at(-1)?.page_key;
    if (last === undefined) return;
    for (const row of rows) delete row.page_key;
    yield rows;
    if (rows.length < rowsPerPage) return;
  }
}

/** The key of a row as the database writes it: a Date would lose microseconds, and with them rows. */
interface PageKey {
  page_key?: string[];
}
