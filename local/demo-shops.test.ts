import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operationNames } from '../features/woocommerce/catalogue.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { startExporterStandIn } from '../sdk/operations/exporter-stand-in.ts';
import { jobsConfig } from '../test/support/services.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { createDemoData } from './demo-data.ts';
import { startDemoShops } from './demo-shops.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const openConfig = (): ReturnType<typeof jobsConfig> =>
  jobsConfig(database, { CONFIG_ENCRYPTION_KEY: randomBytes(32).toString('base64'), WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true' });

test(
  'every demo organization gets a shop that is looked at at once, and operations of every kind on it and on a domain without a shop',
  { timeout: 120_000 },
  async () => {
    const exporter = await startExporterStandIn();
    const organizations = await createDemoData({ databaseUrl: database.url('observability_jobs'), ingestKeys: {} });
    const said: string[] = [];
    const demo = await startDemoShops(organizations, {
      config: openConfig(),
      exporterUrl: exporter.url,
      write: (_name, line) => said.push(line),
    });
    const quick = ['shop.demo.example', 'www.flaky.example'];
    const domains = [...quick, 'www.misconfigured.example'];
    expect(demo.shops.map(({ domain }) => domain)).toEqual(domains);
    const sent = (): { domain: string; operation: string; error_type?: string }[] => [...exporter.stored.values()];
    try {
      await waitUntil(
        async () => {
          const rows = await database.query<{ domain: string; has_figures: boolean }>(
            `select domain, kpis_at is not null as has_figures from woocommerce_store_status where status = 'healthy'`,
          );
          return (
            rows.length === domains.length && quick.every((shop) => rows.some(({ domain, has_figures }) => domain === shop && has_figures))
          );
        },
        { within: 60_000, what: 'the state of three shops and the figures of the quick ones' },
      );
      await waitUntil(
        () =>
          new Set(sent().map(({ operation }) => operation)).size === operationNames.length &&
          [...domains, 'new.misconfigured.example'].every((shop) => sent().some(({ domain }) => domain === shop)),
        { within: 60_000, what: 'every operation, on every domain' },
      );
    } finally {
      await demo.stop();
      await exporter.close();
    }
    expect(said).toEqual([]);
    const unconfigured = sent().filter(({ domain }) => domain === 'new.misconfigured.example');
    expect(unconfigured.filter(({ error_type: errorType }) => errorType !== 'ConfigurationError')).toEqual([]);
    // What was under way at the end is no failure of a shop.
    expect(sent().filter(({ error_type: errorType }) => errorType === 'AbortError')).toEqual([]);
    const [configured] = await database.query<{ sealed: Buffer }>('select consumer_secret_enc as sealed from customer_configs limit 1');
    expect(configured?.sealed.includes('cs_stand_in')).toBe(false);
  },
);

test('a first look that fails is said, and tried again until it succeeds', { timeout: 120_000 }, async () => {
  const exporter = await startExporterStandIn();
  const organizations = await createDemoData({ databaseUrl: database.url('observability_jobs'), ingestKeys: {} });
  const said: string[] = [];
  const options = { config: openConfig(), exporterUrl: exporter.url, write: (_name: string, line: string) => said.push(line) };
  const demo = await startDemoShops(organizations, options);
  try {
    await database.refuseConnections();
    await waitUntil(() => said.some((line) => line.startsWith('the first look at the shops failed')), {
      within: 60_000,
      what: 'the failure',
    });
    await database.acceptConnections();
    await waitUntil(async () => (await database.query('select from woocommerce_store_status where kpis_at is not null')).length > 0, {
      within: 60_000,
      what: 'the figures of a shop',
    });
  } finally {
    await demo.stop();
    await exporter.close();
  }
});
