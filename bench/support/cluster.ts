import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { giveRolesLogin, type DatabaseRole } from '../../local/database-roles.ts';
import { startPostgresCluster } from '../../local/postgres-cluster.ts';
import { createLogger } from '../../platform/log.ts';
import { migrate } from '../../platform/postgres/migrate.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { freePort } from '../../test/support/free-port.ts';

export interface BenchDatabase {
  url(role: DatabaseRole): string;
  /** As superuser. */
  db: Pool;
}

export interface BenchCluster {
  /** A migrated, empty database of its own. */
  createDatabase(name: string): Promise<BenchDatabase>;
  stop(): Promise<void>;
}

const template = 'migrated';
const settingsOfDurability = ['fsync', 'full_page_writes', 'synchronous_commit'];
/** Seeding 10,000 organizations takes about a second; longer means that something is wrong. */
const statementTimeoutMs = 60_000;

/** A PostgreSQL of its own in a temporary directory that keeps what it confirmed: acknowledging without a flush to disk would be cheaper than it is. */
export async function startBenchCluster(): Promise<BenchCluster> {
  const dataDirectory = join(await mkdtemp(join(tmpdir(), 'observability-bench-')), 'data');
  const password = randomBytes(18).toString('base64url');
  const cluster = await startPostgresCluster({
    dataDirectory,
    port: await freePort(),
    superuserPassword: password,
    settings: { max_connections: '100', shared_buffers: '128MB' },
  });
  const log = createLogger({ service: 'bench', level: 'error' });
  const pools: Pool[] = [];
  const open = (database: string): Pool => {
    const pool = openPool({ connectionString: cluster.superuserUrl(database), max: 2, applicationName: 'bench', statementTimeoutMs, log });
    pools.push(pool);
    return pool;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(pools.map((pool) => pool.end()));
    await cluster.stop('fast');
    await rm(cluster.dataDirectory, { recursive: true, force: true });
    await rm(join(dataDirectory, '..'), { recursive: true, force: true });
  };
  try {
    const admin = open('postgres');
    const { rows } = await admin.query<{ name: string }>(
      `select pg_settings.name from pg_settings where pg_settings.name = any($1) and pg_settings.setting <> 'on'`,
      [settingsOfDurability],
    );
    if (rows.length > 0) throw new Error(`this server is not durable: ${rows.map(({ name }) => name).join(', ')} must be on`);
    await admin.query(`create database ${template}`);
    await migrate({ databaseUrl: cluster.superuserUrl(template) });
    await giveRolesLogin(cluster.superuserUrl(), password);
    return {
      createDatabase: async (name) => {
        await admin.query(`create database ${name} template ${template}`);
        const db = open(name);
        return { db, url: (role) => `postgresql://${role}:${password}@127.0.0.1:${cluster.port}/${name}` };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
