import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import { existsSync } from 'node:fs';

const migrationsDirectory = [new URL('../../migrations/', import.meta.url), new URL('../../../migrations/', import.meta.url)].find((url) =>
  existsSync(new URL('0001-roles.sql', url)),
);

/**
 * Brings a database to the newest schema; returns the names of the migrations that ran. Safe to call from several places at
 * once: an advisory lock lets one run and the others wait.
 */
export async function migrate(options: { databaseUrl: string; log?: (line: string) => void }): Promise<string[]> {
  if (migrationsDirectory === undefined) throw new Error('the folder migrations/ is missing: reinstall this version');
  const say = options.log ?? (() => undefined);
  const ran = await runner({
    // Today, from which partitions are made, is a UTC day, whatever the zone of the server.
    databaseUrl: { connectionString: options.databaseUrl, options: '-c timezone=UTC' },
    dir: fileURLToPath(migrationsDirectory),
    migrationsTable: 'schema_migrations',
    direction: 'up',
    checkOrder: true,
    ignorePattern: '\\..*|.*\\.md',
    singleTransaction: true,
    advisoryLockMode: 'wait',
    logger: { debug: () => undefined, info: say, warn: say, error: say },
  });
  return ran.map(({ name }) => name);
}
