import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { DatabaseRole } from '../../local/database-roles.ts';
import { types, type Queryable } from '../../platform/postgres/pool.ts';
import { pooledQueries } from './pooled-queries.ts';

export interface TestDatabase {
  readonly name: string;
  url(role: DatabaseRole | 'superuser'): string;
  /** Runs as superuser, past row-level security, in UTC. A bigint arrives as a number, a date as `YYYY-MM-DD`. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, parameters?: unknown[]): Promise<Row[]>;
  /** The same as a parameter of product functions. */
  db: Queryable;
  /** Nobody sees what `work` does until all of it is done. */
  transaction<T>(work: (db: Queryable) => Promise<T>): Promise<T>;
  /** An outage of this database alone: ends every connection and refuses new ones. */
  refuseConnections(): Promise<void>;
  acceptConnections(): Promise<void>;
  /** Ends every connection to the database, whoever holds it, and removes it. */
  drop(): Promise<void>;
}

/** A fresh, migrated database of its own, cloned from the template in some 30 ms. Drop it in afterAll. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const postgres = inject('postgres');
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`;
  const url = (role: DatabaseRole | 'superuser', database = name): string =>
    role === 'superuser'
      ? `postgresql://postgres:${postgres.superuserPassword}@127.0.0.1:${postgres.port}/${database}`
      : `postgresql://${role}:${postgres.rolePassword}@127.0.0.1:${postgres.port}/${database}`;

  await runOnce(url('superuser', 'postgres'), `create database ${name} template ${postgres.templateDatabase}`);
  const pool = new pg.Pool({ connectionString: url('superuser'), max: 4, options: '-c timezone=UTC', types });
  // drop() ends connections from the server's side; without a listener that would end the test run.
  pool.on('error', () => undefined);

  return {
    name,
    url,
    ...pooledQueries(pool),
    async refuseConnections() {
      await runOnce(url('superuser', 'postgres'), `alter database ${name} allow_connections false`);
      await runOnce(url('superuser', 'postgres'), `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
    },
    async acceptConnections() {
      await runOnce(url('superuser', 'postgres'), `alter database ${name} allow_connections true`);
    },
    async drop() {
      await pool.end();
      await runOnce(url('superuser', 'postgres'), `drop database if exists ${name} with (force)`);
    },
  };
}

async function runOnce(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
