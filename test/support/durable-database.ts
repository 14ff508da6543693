import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { giveRolesLogin } from '../../local/database-roles.ts';
import { startPostgresCluster, type PostgresCluster, type StopMode } from '../../local/postgres-cluster.ts';
import { migrate } from '../../platform/postgres/migrate.ts';
import { types } from '../../platform/postgres/pool.ts';
import type { TestDatabase } from './database.ts';
import { pooledQueries } from './pooled-queries.ts';
import { restartPort } from './restart-port.ts';

/** A migrated database on a server of its own, which a test may stop and start. */
export interface DurableDatabase extends TestDatabase {
  /** Of the server, and owned by its account. */
  readonly dataDirectory: string;
  stop(mode: StopMode): Promise<void>;
  /** Resolves when the server accepts connections again. */
  start(): Promise<void>;
  /** How the server ended by itself, with the end of its log; undefined if it did not. */
  crash(): Error | undefined;
}

const name = 'observability';
const settingsOfDurability = ['fsync', 'full_page_writes', 'synchronous_commit'];

/**
 * Unlike the server that the other tests share, this one keeps what it confirmed through a crash: on one that may not, no test
 * could tell whose loss it was. `drop` ends the server and removes its data.
 */
export async function startDurableDatabase(): Promise<DurableDatabase> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'observability-durable-'));
  await rm(dataDirectory, { recursive: true });
  const rolePassword = randomBytes(18).toString('base64url');
  let crash: Error | undefined;
  const cluster = await startPostgresCluster({
    dataDirectory,
    port: await restartPort(),
    binDirectory: process.env['TEST_POSTGRES_BIN_DIR'],
    superuserPassword: randomBytes(18).toString('base64url'),
    settings: { max_connections: '100', shared_buffers: '32MB' },
    onUnexpectedExit: (error) => (crash = error),
  });
  const remove = async (): Promise<void> => {
    await cluster.stop('immediate');
    await rm(cluster.dataDirectory, { recursive: true, force: true });
  };
  try {
    await prepare(cluster, rolePassword);
  } catch (error) {
    await remove();
    throw error;
  }

  const pool = new pg.Pool({
    connectionString: cluster.superuserUrl(name),
    max: 4,
    connectionTimeoutMillis: 2000,
    options: '-c timezone=UTC',
    types,
  });
  // Tests stop the server; without a listener that would end the test run.
  pool.on('error', () => undefined);
  return {
    name,
    dataDirectory: cluster.dataDirectory,
    url: (role) =>
      role === 'superuser' ? cluster.superuserUrl(name) : `postgresql://${role}:${rolePassword}@127.0.0.1:${cluster.port}/${name}`,
    ...pooledQueries(pool),
    stop: cluster.stop,
    start: cluster.start,
    crash: () => crash,
    refuseConnections: () => cluster.stop('fast'),
    acceptConnections: cluster.start,
    async drop() {
      await pool.end();
      await remove();
    },
  };
}

async function prepare(cluster: PostgresCluster, rolePassword: string): Promise<void> {
  const admin = new pg.Client({ connectionString: cluster.superuserUrl() });
  await admin.connect();
  try {
    const { rows } = await admin.query<{ name: string }>(`select name from pg_settings where name = any($1) and setting <> 'on'`, [
      settingsOfDurability,
    ]);
    if (rows.length > 0) throw new Error(`this server is not durable: ${rows.map((row) => row.name).join(', ')} must be on`);
    await admin.query(`create database ${name}`);
  } finally {
    await admin.end();
  }
  await migrate({ databaseUrl: cluster.superuserUrl(name) });
  await giveRolesLogin(cluster.superuserUrl(), rolePassword);
}
