import { readPartitions } from '../../platform/postgres/partitions.ts';
import { utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import type { TestDatabase } from './database.ts';

/** Gives a table monthly partitions for so many months before its oldest, as if it had been there for long; their names, oldest first. */
export async function createPastMonths(database: TestDatabase, table: string, months: number): Promise<string[]> {
  const names: string[] = [];
  for (let created = 0; created < months; created += 1) {
    const [oldest] = await readPartitions(database.db, table);
    if (oldest === undefined) throw new Error(`${table} has no partition: migrate the database`);
    const upper = oldest.lower_bound;
    const lower = monthBefore(upper);
    const name = `${table}_p${lower.slice(0, 7).replace('-', '')}`;
    await database.query(
      `set role observability_owner;
       create table ${name} partition of ${table} for values from ('${lower}') to ('${upper}');
       reset role`,
    );
    names.unshift(name);
  }
  return names;
}

function monthBefore(firstDay: UtcDay): UtcDay {
  const [year = 0, month = 1] = firstDay.split('-').map(Number);
  return utcDayOf(new Date(Date.UTC(year, month - 2, 1)));
}
