import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { types, type Queryable } from '../../platform/postgres/pool.ts';
import { dropExpiredPartitions, ensurePartitions, indexClosedPartitions, readPartitions } from '../../platform/postgres/partitions.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { createPastMarketingDays } from '../../test/support/marketing.ts';
import { jobsConfig } from '../../test/support/services.ts';
import { marketingTables, rawTables } from './tables.ts';

let database: TestDatabase;
const today = utcDayOf(new Date());

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function as<T>(
  role: 'observability_exporter' | 'observability_api' | 'observability_admin' | 'observability_jobs',
  work: (db: Queryable) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: database.url(role), options: '-c timezone=UTC', types });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

describe('partitions of the schema marketing', () => {
  test('exist from 8 days back to 14 days ahead as soon as the schema does, with no default partition', async () => {
    for (const { table } of rawTables) {
      const partitions = await readPartitions(database.db, table);
      expect([partitions[0]?.lower_bound, partitions.at(-1)?.upper_bound]).toEqual([addDays(today, -8), addDays(today, 15)]);
      expect(partitions[0]?.partition).toBe(`${table}_p${addDays(today, -8).replaceAll('-', '')}`);
    }
    expect(await database.query('select from pg_partitioned_table where partdefid <> 0')).toEqual([]);
  });

  test('are created, indexed when no row can arrive any more, and dropped, by the role of the jobs', async () => {
    await createPastMarketingDays(database, addDays(today, -92), addDays(today, -89));
    const [events] = marketingTables;
    if (events === undefined) throw new Error('there are no tables');
    const name = (daysAgo: number): string => `marketing.events_p${addDays(today, -daysAgo).replaceAll('-', '')}`;
    await database.query(`drop table ${name(-14)}`);
    await as('observability_jobs', async (db) => {
      expect(await ensurePartitions(db, events, today)).toEqual([name(-14)]);
      // The ones of 92 to 89 days ago; the others are open for 8 days.
      expect(await indexClosedPartitions(db, events)).toEqual([name(92), name(91), name(90), name(89)]);
      expect(await indexClosedPartitions(db, events)).toEqual([]);
      const context = { today, config: jobsConfig(database), signal: new AbortController().signal };
      expect(await dropExpiredPartitions(db, { ...events, retentionDays: 90 }, context)).toEqual([name(92), name(91)]);
    });
    const indexed = await database.query<{ indexname: string }>(
      `select indexname from pg_indexes where schemaname = 'marketing' and indexname like '%closed%' order by indexname`,
    );
    expect(indexed).toHaveLength(2 * 3);
    expect(indexed[0]?.indexname).toBe(`${name(90).replace('marketing.', '')}_closed1`);
  });

  test('are granted to nobody', async () => {
    const granted = await database.query(
      `select part.relname, roles.rolname from pg_class part cross join pg_roles roles
       where part.relnamespace = 'marketing'::regnamespace and part.relispartition and part.relkind = 'r'
         and roles.rolname in ('observability_exporter', 'observability_api', 'observability_admin', 'observability_jobs')
         and has_any_column_privilege(roles.rolname, part.oid, 'select,insert,update')`,
    );
    expect(granted).toEqual([]);
  });
});

describe('rights', () => {
  test('users of organizations reach nothing of marketing', async () => {
    await as('observability_api', async (db) => {
      await expect(db.query('select from marketing.leads')).rejects.toThrow('permission denied for schema marketing');
    });
  });

  test('the exporter writes and takes nothing away, administrators remove leads and change nothing else', async () => {
    await as('observability_exporter', async (db) => {
      for (const table of ['visitors', 'sessions', 'leads', 'events', 'consent_events'])
        await expect(db.query(`delete from marketing.${table}`), table).rejects.toThrow('permission denied');
      await expect(db.query(`update marketing.events set path = '/'`)).rejects.toThrow('permission denied');
      await expect(db.query(`update marketing.consent_events set status = 'express'`)).rejects.toThrow('permission denied');
    });
    await as('observability_admin', async (db) => {
      await db.query('delete from marketing.leads');
      await expect(db.query(`update marketing.leads set consent_status = 'express'`)).rejects.toThrow('permission denied');
      await expect(db.query(`update marketing.form_submissions set path = '/'`)).rejects.toThrow('permission denied');
      await expect(db.query('delete from marketing.visitors')).rejects.toThrow('permission denied');
      await expect(db.query('select marketing.refresh_metrics_daily_summary()')).rejects.toThrow('permission denied');
    });
  });

  test('everything belongs to the owner, who never runs', async () => {
    const owners = await database.query(`select distinct tableowner from pg_tables where schemaname = 'marketing' and tablename not in (
      select c.relname from pg_class c where c.relispartition)`);
    expect(owners).toEqual([{ tableowner: 'observability_owner' }]);
  });
});
