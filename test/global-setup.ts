import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { giveRolesLogin } from '../local/database-roles.ts';
import { startPostgresCluster } from '../local/postgres-cluster.ts';
import { migrate } from '../platform/postgres/migrate.ts';
import { buildServices } from './support/built-services.ts';
import { freePort } from './support/free-port.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: { port: number; superuserPassword: string; rolePassword: string; templateDatabase: string };
  }
}

const templateDatabase = 'template_observability';

/**
 * The build that tests start processes from, and one PostgreSQL server for the whole run, with a migrated template that every test file clones its database from.
 * TEST_POSTGRES_BIN_DIR chooses another PostgreSQL than the one npm installed.
 */
export default async function prepareRun(project: TestProject): Promise<() => Promise<void>> {
  const removeBuild = await buildServices();
  const dataDirectory = await mkdtemp(join(tmpdir(), 'observability-test-'));
  await rm(dataDirectory, { recursive: true });
  const superuserPassword = randomBytes(18).toString('base64url');
  const rolePassword = randomBytes(18).toString('base64url');
  const cluster = await startPostgresCluster({
    dataDirectory,
    port: await freePort(),
    binDirectory: process.env['TEST_POSTGRES_BIN_DIR'],
    superuserPassword,
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '200',
      shared_buffers: '32MB',
      // Not UTC, so that code which forgets to set its session's zone is found.
      timezone: 'America/St_Johns',
    },
    onUnexpectedExit: (error) => console.error(error.message),
  });
  const tearDown = async (): Promise<void> => {
    await cluster.stop('immediate');
    await rm(cluster.dataDirectory, { recursive: true, force: true });
    await removeBuild();
  };

  try {
    const admin = new pg.Client({ connectionString: cluster.superuserUrl() });
    await admin.connect();
    try {
      await admin.query(`create database ${templateDatabase}`);
      await migrate({ databaseUrl: cluster.superuserUrl(templateDatabase) });
      await giveRolesLogin(cluster.superuserUrl(), rolePassword);
      // A connection to the template would make every clone fail.
      await admin.query(`alter database ${templateDatabase} is_template true allow_connections false`);
    } finally {
      await admin.end();
    }
  } catch (error) {
    await tearDown();
    throw error;
  }

  project.provide('postgres', { port: cluster.port, superuserPassword, rolePassword, templateDatabase });
  return tearDown;
}
