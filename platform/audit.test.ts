import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { insertOrganization } from '../test/support/services.ts';
import { createAudit } from './audit.ts';
import { createLogger } from './log.ts';
import { createMetricsRegistry } from './metrics/registry.ts';
import { openPool, withOrg } from './postgres/pool.ts';

const log = createLogger({ service: 'api', level: 'silent' });
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const failures = async (metrics: ReturnType<typeof createMetricsRegistry>): Promise<string[]> =>
  (await metrics.render()).split('\n').filter((line) => line.startsWith('observability_audit_write_failures_total'));

test('an entry becomes a row, of an organization or of none', async () => {
  const metrics = createMetricsRegistry({ defaultMetrics: false });
  const audit = createAudit({ metrics, log, actions: ['alert.resolved', 'summary.read'] });
  const { id } = await insertOrganization(database, { key: 'acme' });
  const details = { requestId: 'abc-123', note: 'naïve "quoted" \u2028' };
  await audit.write(database.db, { orgId: id, actor: 'ada@example.com', action: 'alert.resolved', details });
  await audit.write(database.db, { orgId: null, actor: 'admin-1', action: 'summary.read', details: {} });
  expect(await database.query('select org_id::int, actor, action, details, dedup_key from audit_logs order by id')).toEqual([
    { org_id: id, actor: 'ada@example.com', action: 'alert.resolved', details, dedup_key: null },
    { org_id: null, actor: 'admin-1', action: 'summary.read', details: {}, dedup_key: null },
  ]);
  expect(await failures(metrics)).toEqual([
    'observability_audit_write_failures_total{action="alert.resolved"} 0',
    'observability_audit_write_failures_total{action="summary.read"} 0',
  ]);
});

test('an entry that cannot be written never fails what it is about, and is counted', async () => {
  const metrics = createMetricsRegistry({ defaultMetrics: false });
  const audit = createAudit({ metrics, log, actions: ['alert.resolved', 'summary.read'] });
  const [own, other] = [await insertOrganization(database, { key: 'own' }), await insertOrganization(database, { key: 'other' })];
  const connection = {
    connectionString: database.url('observability_api'),
    max: 1,
    applicationName: 'test',
    statementTimeoutMs: 2000,
    log,
  };
  const pool = openPool(connection);
  // The row of another organization is refused by row-level security.
  await withOrg(pool, own.id, (db) => audit.write(db, { orgId: other.id, actor: 'a', action: 'alert.resolved', details: {} }));
  await pool.end();
  await audit.write(pool, { orgId: own.id, actor: 'a', action: 'alert.resolved', details: {} });
  await audit.attempt('summary.read', () => Promise.reject(new Error('lost')));
  expect(await failures(metrics)).toEqual([
    'observability_audit_write_failures_total{action="alert.resolved"} 2',
    'observability_audit_write_failures_total{action="summary.read"} 1',
  ]);
  expect(await database.query('select from audit_logs where org_id = any($1)', [[own.id, other.id]])).toEqual([]);
});
