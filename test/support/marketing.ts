import { addDays, startOfUtcDay, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import type { TestDatabase } from './database.ts';

/** A clock that stands still until it is moved. It starts at noon, UTC, of the real day: partitions are made around that. */
export function standingClock(): { now: () => Date; today: UtcDay; set: (moment: Date) => void; pass: (ms: number) => void } {
  const today = utcDayOf(new Date());
  let current = new Date(startOfUtcDay(today).getTime() + 12 * 3_600_000);
  return {
    now: () => current,
    today,
    set: (moment) => {
      current = moment;
    },
    pass: (ms) => {
      current = new Date(current.getTime() + ms);
    },
  };
}

export type Post = (path: string, body: unknown, headers?: Record<string, string>) => Promise<Response>;

/** Posts JSON to a running service. */
export function poster(url: string): Post {
  return (path, body, headers = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      redirect: 'manual',
    });
}

/** Raw partitions of days that the database would no longer create. */
export async function createPastMarketingDays(database: TestDatabase, from: UtcDay, to: UtcDay): Promise<void> {
  for (const table of ['events', 'web_traffic_logs']) {
    for (let day = from; day <= to; day = addDays(day, 1)) {
      const name = `marketing.${table}_p${day.replaceAll('-', '')}`;
      const [known] = await database.query<{ known: string | null }>('select to_regclass($1) as known', [name]);
      if (known?.known === null) {
        await database.query(`create table ${name} partition of marketing.${table} for values from ('${day}') to ('${addDays(day, 1)}')`);
        await database.query(`alter table ${name} owner to observability_owner`);
      }
    }
  }
}
