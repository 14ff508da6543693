import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { createLogger } from '../log.ts';
import { openPool } from './pool.ts';
import { refuseUnsafeDatabase } from './safety.ts';

const log = createLogger({ service: 'exporter', level: 'silent' });
const runTimeRoles = ['observability_exporter', 'observability_api', 'observability_admin', 'observability_jobs'] as const;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function check(role: Parameters<TestDatabase['url']>[0], acceptsLoss = true): Promise<void> {
  const pool = openPool({ connectionString: database.url(role), max: 1, applicationName: 'safety test', statementTimeoutMs: 5000, log });
  try {
    await refuseUnsafeDatabase(pool, { acceptsLoss });
  } finally {
    await pool.end();
  }
}

describe('a database', () => {
  test.each(runTimeRoles)('is safe to run on as %s', async (role) => {
    await expect(check(role)).resolves.toBeUndefined();
  });

  test('that may lose what it confirmed is refused, unless losses are accepted', async () => {
    await expect(check('observability_exporter', false)).rejects.toThrow(
      /with fsync, full_page_writes, synchronous_commit off it may lose what it confirmed: turn that on, or set ALLOW_LOSSY_DATABASE=true/,
    );
  });

  test.each(['superuser', 'observability_owner'] as const)('is refused to the role %s, whatever is accepted', async (role) => {
    await expect(check(role)).rejects.toThrow(/past row-level security|the owner of the tables/);
  });

  test('with row-level security off on a table is refused, by the name of the table', async () => {
    await database.query('alter table widget_events disable row level security');
    await expect(check('observability_api')).rejects.toThrow('row-level security is off on widget_events: alter table');
    await database.query('alter table widget_events enable row level security');
    await check('observability_api');
  });
});
