import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setInterval as every } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWooCommerceStandIn, type WooCommerceStandIn } from '../../local/woocommerce-stand-in.ts';
import { setCustomerConfig } from '../../jobs/provisioning.ts';
import { createTracker, trackAll, trackOperation, type Tracker, type TrackerOptions } from '../../sdk/operations/index.ts';
import { builtCommand } from '../support/built-services.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTenants, type Tenant } from '../support/message-load.ts';
import { portalToken, testEnvironment } from '../support/services.ts';
import { startMonitoredServices, type MonitoredServices } from '../support/monitored-services.ts';
import { waitUntil } from '../support/wait-until.ts';

/**
 * From an operation that the SDK wraps to a resolved row in the alerts table: every process, Prometheus and Alertmanager as they are, with the
 * repository's own rules and routing 30 times as fast. Only the exporter's look into the database, for series of organizations, keeps its
 * 15 s. The shop is checked by the command that runs a job now.
 */
const speedUp = 30;
const domain = 'shop.example';
const settings = { CONFIG_ENCRYPTION_KEY: randomBytes(32).toString('base64'), WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true' };

let database: TestDatabase;
let services: MonitoredServices;
let acme: Tenant;
let standIn: WooCommerceStandIn;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  stops.push(() => database.drop());
  standIn = await startWooCommerceStandIn();
  stops.push(() => standIn.close());
  [acme] = (await createTenants(database.db, ['acme'])) as [Tenant];
  await setCustomerConfig(database.db, {
    orgKey: acme.key,
    domain,
    woocommerceUrl: standIn.url,
    credentials: standIn,
    encryptionKey: Buffer.from(settings.CONFIG_ENCRYPTION_KEY, 'base64'),
  });

  services = await startMonitoredServices({ database, speedUp, environment: settings });
  stops.push(() => services.stop());
}, 60_000);

afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
}, 60_000);

function track(options: Partial<TrackerOptions> = {}): Tracker {
  const tracker = createTracker({ url: services.exporter.url, ingestKey: acme.ingestKey, flushMs: 100, ...options });
  stops.push(() => tracker.close(1000));
  return tracker;
}

/** A client as a chat backend has it: it asks the shop and answers what came of it. */
class ShopClient {
  async searchProducts(): Promise<{ success: boolean; error_type?: string; message?: string }> {
    const authorization = `Basic ${Buffer.from(`${standIn.consumerKey}:${standIn.consumerSecret}`).toString('base64')}`;
    const response = await fetch(`${standIn.url}/wp-json/wc/v3/products?per_page=1`, { headers: { authorization } });
    await response.arrayBuffer();
    return response.ok ? { success: true } : { success: false, error_type: 'UpstreamError', message: `HTTP ${response.status}` };
  }
}

async function runJobNow(job: string): Promise<void> {
  // The process jobs may be at it.
  await waitUntil(
    async () =>
      promisify(execFile)(process.execPath, builtCommand('jobs-run', [`--job=${job}`]), {
        env: { ...process.env, ...testEnvironment(database, settings) },
      }),
    { within: 30_000, what: job },
  );
}

/** Until an expression that has one series has this value. */
async function waitForValue(expression: string, expected: number, within: number): Promise<void> {
  await waitUntil(async () => (await services.prometheus.query(expression)).samples[0]?.value === expected, {
    within,
    what: `${expression} == ${expected} in Prometheus`,
  });
}

interface AlertRow extends Record<string, unknown> {
  starts_at: Date;
  resolved: boolean;
  resolved_at: Date | null;
}

const firing = [
  { alertname: 'WooCommerceStoreDown', store: domain },
  { alertname: 'WooCommerceFailureRateHigh', store: undefined },
];

function waitForAlert(alertname: string, isRight: (row: AlertRow) => boolean, within: number): Promise<AlertRow> {
  return waitUntil(
    async () =>
      (await database.query<AlertRow>(`select * from alerts where alertname = $1 and severity = 'error'`, [alertname])).find(isRight),
    { within, what: `the alert ${alertname}` },
  );
}

async function ask(path: string): Promise<unknown> {
  const response = await fetch(`${services.api.url}${path}`, { headers: { authorization: `Bearer ${await portalToken(acme.key)}` } });
  return response.json();
}

test(
  'operations are stored, counted and analysed alike; a shop that fails is on the alerts table, and resolved when it is well again',
  { timeout: 240_000 },
  async () => {
    await runJobNow('woocommerce-store-health');
    await waitForValue(`woocommerce_store_up{org="acme",store="${domain}"}`, 1, 40_000);
    // A counter that Prometheus first sees above zero has not increased.
    await waitForValue('woocommerce_org_operations_total{org="acme",outcome="failure"}', 0, 20_000);

    const tracker = track();
    const price = await trackOperation(tracker, { operation: 'check_price', domain: `https://${domain.toUpperCase()}/` }, async () => ({
      price: 7,
    }));
    expect(price).toEqual({ price: 7 });
    const shop = trackAll(tracker, new ShopClient(), { domain });
    for (let call = 0; call < 5; call += 1) expect(await shop.searchProducts()).toEqual({ success: true });
    const failure = new TypeError('no such product');
    await expect(trackOperation(tracker, { operation: 'get_product_details', domain }, () => Promise.reject(failure))).rejects.toBe(
      failure,
    );
    await waitUntil(() => tracker.stats().sent === 7, { within: 20_000, what: '7 operations that are sent' });

    const rows = await database.query(
      `select operation, success, error_type, error_message, domain, customer_config_id is not null as configured, count(*) as count
       from woocommerce_usage_metrics where org_id = $1 group by 1, 2, 3, 4, 5, 6 order by 1`,
      [acme.id],
    );
    const good = { success: true, error_type: null, error_message: null, domain, configured: true };
    expect(rows).toEqual([
      { ...good, operation: 'check_price', count: 1 },
      { ...good, operation: 'get_product_details', success: false, error_type: 'Unknown', error_message: 'no such product', count: 1 },
      { ...good, operation: 'search_products', count: 5 },
    ]);
    expect(await ask('/api/woocommerce/analytics')).toMatchObject({
      success: true,
      data: {
        stats: {
          total_operations: 7,
          success_rate: 85.7,
          operations_by_type: { search_products: 5, check_price: 1, get_product_details: 1 },
          errors_by_type: { Unknown: 1 },
        },
      },
    });
    await waitForValue('woocommerce_operations_total{operation="search_products",outcome="success"}', 5, 10_000);
    await waitForValue('woocommerce_org_operations_total{org="acme",outcome="success"}', 6, 30_000);
    await waitForValue(`woocommerce_store_operations_total{org="acme",store="${domain}",outcome="failure"}`, 1, 5000);

    // Somebody keeps asking, before and after.
    let asking = true;
    const visitor = (async () => {
      for await (const _turn of every(100)) {
        if (!asking) return;
        await shop.searchProducts();
      }
    })();
    stops.push(async () => {
      asking = false;
      await visitor;
    });

    standIn.setMode({ kind: 'failing', status: 500 });
    await runJobNow('woocommerce-store-health');
    expect(await ask('/api/woocommerce/health')).toMatchObject({
      data: { overall_status: 'critical', health_checks: [{ domain, status: 'error', message: 'HTTP 500', error_type: 'UpstreamError' }] },
    });
    const found = new Map<string, AlertRow>();
    for (const { alertname, store } of firing) {
      const row = await waitForAlert(alertname, () => true, 90_000);
      expect(row).toMatchObject({
        org_id: acme.id,
        feature: 'woocommerce',
        category: 'woocommerce',
        resolved: false,
        labels: { org: 'acme', ...(store === undefined ? {} : { store }) },
      });
      found.set(alertname, row);
    }

    standIn.setMode({ kind: 'normal' });
    await runJobNow('woocommerce-store-health');
    for (const { alertname } of firing) {
      const row = await waitForAlert(alertname, ({ resolved }) => resolved, 90_000);
      expect(row['starts_at']).toEqual(found.get(alertname)?.starts_at);
      expect(row.resolved_at?.getTime()).toBeGreaterThan(row.starts_at.getTime());
    }

    asking = false;
    await visitor;
    await waitUntil(() => tracker.stats().queued === 0, { within: 20_000, what: 'an empty queue' });
    const [recount] = await database.query<{ total: number; failed: number }>(
      `select count(*) as total, count(*) filter (where not success) as failed from woocommerce_usage_metrics where org_id = $1`,
      [acme.id],
    );
    expect(recount?.total).toBe(tracker.stats().sent);
    const { data } = (await ask('/api/woocommerce/analytics?limit=1')) as {
      data: { stats: { total_operations: number; errors_by_type: Record<string, number> } };
    };
    expect(data.stats.total_operations).toBe(recount?.total);
    expect(Object.values(data.stats.errors_by_type).reduce((sum, count) => sum + count, 0)).toBe(recount?.failed);
    await waitForValue('sum(woocommerce_operations_total)', recount?.total ?? 0, 10_000);
  },
);

/** So many operations at once, which nothing may hold up; the user agents tell them apart. */
async function perform(tracker: Tracker, where: string, count: number): Promise<void> {
  const calls = Array.from({ length: count }, (_, index) =>
    trackOperation(tracker, { operation: 'check_stock', domain: where, userAgent: `call ${index + 1}` }, async () => index),
  );
  expect(await Promise.all(calls)).toEqual(Array.from({ length: count }, (_, index) => index));
}

async function storedCalls(where: string): Promise<number[]> {
  const rows = await database.query<{ call: number }>(
    `select substr(user_agent, 6)::integer as call from woocommerce_usage_metrics where domain = $1 order by 1`,
    [where],
  );
  return rows.map(({ call }) => call);
}

const callsFrom = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test(
  'an exporter that is killed holds no operation up; the newest that fit into memory arrive once each',
  { timeout: 90_000 },
  async () => {
    const tracker = track({ maxQueue: 50 });
    services.exporter.signal('SIGKILL');
    await services.exporter.ended;
    await perform(tracker, 'killed.example', 80);
    await waitUntil(() => tracker.stats().queued === 50, { within: 20_000, what: 'a full queue' });
    await services.restartExporter();
    await waitUntil(() => tracker.stats().queued === 0, { within: 45_000, what: 'an empty queue' });
    expect(tracker.stats()).toMatchObject({ recorded: 80, sent: 50, dropped: { queueFull: 30, refused: 0, rejected: 0, closed: 0 } });
    expect(await storedCalls('killed.example')).toEqual(callsFrom(31, 80));
  },
);

test('a database that is stopped holds no operation up; all of them arrive once each', { timeout: 90_000 }, async () => {
  const errors: string[] = [];
  const tracker = track({ onError: ({ code }) => errors.push(code) });
  await database.refuseConnections();
  await perform(tracker, 'stopped.example', 40);
  await waitUntil(() => errors.length > 0, { within: 30_000, what: 'a batch that is not taken' });
  expect(tracker.stats()).toMatchObject({ sent: 0, queued: 40 });
  await database.acceptConnections();
  await waitUntil(() => tracker.stats().queued === 0, { within: 45_000, what: 'an empty queue' });
  expect(errors).toEqual(['UNREACHABLE']);
  expect(tracker.stats()).toMatchObject({ recorded: 40, sent: 40 });
  expect(await storedCalls('stopped.example')).toEqual(callsFrom(1, 40));
});
