import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';

const usualTimeoutMs = 60_000;

/** A connection for the length of one command, as DATABASE_URL_JOBS. */
export async function withJobsDatabase<T>(
  work: (pool: Pool) => Promise<T>,
  { statementTimeoutMs = usualTimeoutMs, connections = 2 }: { statementTimeoutMs?: number; connections?: number } = {},
): Promise<T> {
  const { DATABASE_URL_JOBS } = readConfig('cli');
  const log = createLogger({ service: 'cli', level: 'error' });
  const pool = openPool({ connectionString: DATABASE_URL_JOBS, max: connections, applicationName: 'cli', statementTimeoutMs, log });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}
