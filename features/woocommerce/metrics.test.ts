import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape } from '../../test/support/services.ts';
import { errorTypes, operationNames } from './catalogue.ts';
import { rejectionCodes } from './events.ts';
import { orderStatuses } from './metrics.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  await database.query('truncate organizations restart identity cascade');
  await database.query('truncate woocommerce_usage_metrics, woocommerce_usage_daily, woocommerce_usage_buckets');
  exporter = await runExporter(database, { environment: { ORG_SERIES_MAX_ORGS: '2' } });
});
afterEach(() => exporter.stop());
afterAll(() => database.drop());

interface Owner {
  id: number;
  key: string;
  ingestKey: string;
}

async function newOwner(key: string): Promise<Owner> {
  const { id } = await insertOrganization(database, { key });
  const { key: ingestKey } = await createIngestKey(database.db, { orgKey: key, name: 'test' });
  return { id, key, ingestKey };
}

async function configure({ id }: Owner, domain: string): Promise<string> {
  const configId = randomUUID();
  await database.query(`insert into customer_configs (id, org_id, domain, woocommerce_url) values ($1, $2, $3, 'https://' || $3)`, [
    configId,
    id,
    domain,
  ]);
  return configId;
}

async function send({ ingestKey }: Owner, ...items: Record<string, unknown>[]): Promise<void> {
  const good = { operation: 'search_products', duration_ms: 250, success: true, domain: 'shop.example' };
  const response = await fetch(`${exporter.url}/ingest/woocommerce/operations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ingestKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ operations: items.map((item) => ({ ...good, ...item })) }),
  });
  expect(response.status).toBe(202);
}

/** The woocommerce series of an organization, without the label that names it. */
async function seriesOf(org: string): Promise<Record<string, number>> {
  // The first may be one of the background that began before the rows were there; the second is not.
  await exporter.refresh();
  await exporter.refresh();
  const { text } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  const label = `org="${org}"`;
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const [, series = '', value] = /^(woocommerce_\S+) (\S+)$/.exec(line) ?? [];
      return series.includes(label) ? [[series.replace(`{${label}}`, '').replace(`${label},`, ''), Number(value)]] : [];
    }),
  );
}

const namesIn = (series: Record<string, number>): string[] => [...new Set(Object.keys(series).map((name) => name.split('{', 1)[0] ?? ''))];

test('every fleet-wide combination of labels exists as 0 before the first operation', async () => {
  const { value } = await scrape(exporter.metricsUrl);
  for (const operation of operationNames) {
    for (const outcome of ['failure', 'success']) {
      expect(value(`woocommerce_operations_total{operation="${operation}",outcome="${outcome}"}`)).toBe(0);
    }
    expect(value(`woocommerce_operation_duration_seconds_count{operation="${operation}"}`)).toBe(0);
  }
  for (const type of errorTypes) expect(value(`woocommerce_operation_errors_total{error_type="${type}"}`)).toBe(0);
  for (const code of rejectionCodes) expect(value(`woocommerce_operations_rejected_total{code="${code}"}`)).toBe(0);
});

describe('operations of an organization', () => {
  test('are there from the moment it uses the slice, as 0, and not before', async () => {
    const [configured, sending, idle] = [await newOwner('configured'), await newOwner('sending'), await newOwner('idle')];
    await exporter.stop();
    exporter = await runExporter(database);
    await configure(configured, 'a.example');
    await send(sending, {});
    expect(await seriesOf(idle.key)).toEqual({});
    const zero = await seriesOf(configured.key);
    expect(Object.values(zero).every((value) => value === 0)).toBe(true);
    expect(namesIn(zero)).toEqual([
      'woocommerce_org_operations_total',
      'woocommerce_org_operation_duration_seconds_bucket',
      'woocommerce_org_operation_duration_seconds_sum',
      'woocommerce_org_operation_duration_seconds_count',
      'woocommerce_org_operation_errors_total',
      'woocommerce_store_operations_total',
    ]);
    expect(Object.keys(zero).filter((name) => name.includes('errors_total'))).toHaveLength(errorTypes.length);
    expect(Object.keys(zero).filter((name) => name.startsWith('woocommerce_store_operations_total'))).toEqual([
      'woocommerce_store_operations_total{store="a.example",outcome="success"}',
      'woocommerce_store_operations_total{store="a.example",outcome="failure"}',
      'woocommerce_store_operations_total{store="other",outcome="success"}',
      'woocommerce_store_operations_total{store="other",outcome="failure"}',
    ]);
    expect(await seriesOf(sending.key)).toMatchObject({ 'woocommerce_org_operations_total{outcome="success"}': 1 });
  });

  test('of a shop that is not configured, or that another organization has configured, count as the shop other', async () => {
    const [owner, neighbour] = [await newOwner('owner'), await newOwner('neighbour')];
    await configure(owner, 'mine.example');
    await configure(neighbour, 'theirs.example');
    await send(
      owner,
      { domain: 'HTTPS://Mine.Example:443/x' },
      { domain: 'mine.example', success: false, error_type: 'Timeout', duration_ms: 10_001 },
      { domain: 'theirs.example' },
      ...Array.from({ length: 40 }, (_, n) => ({ domain: `made-up-${n}.example`, duration_ms: 0 })),
    );
    const series = await seriesOf('owner');
    expect(Object.fromEntries(Object.entries(series).filter(([name]) => name.startsWith('woocommerce_store_operations_total')))).toEqual({
      'woocommerce_store_operations_total{store="mine.example",outcome="success"}': 1,
      'woocommerce_store_operations_total{store="mine.example",outcome="failure"}': 1,
      'woocommerce_store_operations_total{store="other",outcome="success"}': 41,
      'woocommerce_store_operations_total{store="other",outcome="failure"}': 0,
    });
    expect(series).toMatchObject({
      'woocommerce_org_operations_total{outcome="success"}': 42,
      'woocommerce_org_operations_total{outcome="failure"}': 1,
      'woocommerce_org_operation_errors_total{error_type="Timeout"}': 1,
      'woocommerce_org_operation_errors_total{error_type="Unknown"}': 0,
      'woocommerce_org_operation_duration_seconds_bucket{le="0.1"}': 40,
      'woocommerce_org_operation_duration_seconds_bucket{le="0.5"}': 42,
      'woocommerce_org_operation_duration_seconds_bucket{le="10"}': 42,
      'woocommerce_org_operation_duration_seconds_bucket{le="+Inf"}': 43,
      woocommerce_org_operation_duration_seconds_count: 43,
    });
    const neighbours = await seriesOf('neighbour');
    expect(Object.values(neighbours).every((value) => value === 0)).toBe(true);
  });

  test('beyond the cap are one organization, of whose shops nothing is told apart', async () => {
    const owners = [await newOwner('zenith'), await newOwner('acme'), await newOwner('third'), await newOwner('fourth')];
    for (const owner of owners) {
      await configure(owner, `${owner.key}.example`);
      await send(owner, { domain: `${owner.key}.example` }, { success: false, error_type: 'NotFound', duration_ms: 700 });
    }
    expect(await seriesOf('acme')).toMatchObject({ 'woocommerce_org_operations_total{outcome="success"}': 1 });
    expect([await seriesOf('third'), await seriesOf('fourth')]).toEqual([{}, {}]);
    const overflow = await seriesOf('__overflow__');
    expect(overflow).toMatchObject({
      'woocommerce_org_operations_total{outcome="success"}': 2,
      'woocommerce_org_operations_total{outcome="failure"}': 2,
      'woocommerce_org_operation_errors_total{error_type="NotFound"}': 2,
      'woocommerce_org_operation_duration_seconds_bucket{le="0.5"}': 2,
      'woocommerce_org_operation_duration_seconds_bucket{le="1"}': 4,
      woocommerce_org_operation_duration_seconds_sum: 1.9,
    });
    expect(Object.keys(overflow).filter((name) => name.includes('store='))).toEqual([
      'woocommerce_store_operations_total{store="other",outcome="success"}',
      'woocommerce_store_operations_total{store="other",outcome="failure"}',
    ]);
  });

  test('leave with an organization that is deactivated or deleted, and who comes after it moves up', async () => {
    const [first, second, third] = [await newOwner('first'), await newOwner('second'), await newOwner('third')];
    for (const owner of [first, second, third]) {
      await configure(owner, `${owner.key}.example`);
      await send(owner, {});
    }
    await database.query('delete from organizations where id = $1', [first.id]);
    expect(await seriesOf('first')).toEqual({});
    expect(await seriesOf('__overflow__')).toEqual({});
    expect(await seriesOf('third')).toMatchObject({ 'woocommerce_org_operations_total{outcome="success"}': 1 });
    await database.query('update organizations set is_active = false where id = $1', [second.id]);
    expect(await seriesOf('second')).toEqual({});
    expect(await seriesOf('third')).not.toEqual({});
  });
});

describe('the state of shops', () => {
  const checkedAt = new Date('2026-02-13T10:00:00.500Z');
  const kpisAt = new Date('2026-02-13T09:45:00.000Z');

  async function checked(configId: string, columns: Record<string, unknown> = {}): Promise<void> {
    const all = { status: 'healthy', response_time_ms: 312, ...columns };
    const names = Object.keys(all);
    await database.query(
      `insert into woocommerce_store_status (org_id, customer_config_id, domain, checked_at, message, ${names.join(', ')})
       select org_id, id, domain, $1, '', ${names.map((_name, index) => `$${index + 3}`).join(', ')} from customer_configs where id = $2`,
      [checkedAt, configId, ...Object.values(all)],
    );
  }

  const figures = {
    kpis_at: kpisAt,
    currency: 'EUR',
    orders: { pending: 1, processing: 2, 'on-hold': 3, completed: 4, cancelled: 5, refunded: 6, failed: 7, other: 8 },
    revenue_today: '1234.56',
    revenue_yesterday: '0.00',
    orders_today: 9,
    low_stock_critical: 2,
    low_stock_warning: 3,
    abandoned: { high: { count: 1, value: 150.5 }, medium: { count: 2, value: 80 }, low: { count: 0, value: 0 } },
    truncated: false,
  };
  const gaugesOf = async (org: string): Promise<Record<string, number>> =>
    Object.fromEntries(Object.entries(await seriesOf(org)).filter(([name]) => !name.includes('operation')));

  test('is told by all gauges of the contract', async () => {
    const owner = await newOwner('owner');
    await checked(await configure(owner, 'shop.example'), figures);
    const store = 'store="shop.example"';
    expect(await gaugesOf('owner')).toEqual({
      [`woocommerce_store_up{${store}}`]: 1,
      [`woocommerce_store_response_seconds{${store}}`]: 0.312,
      [`woocommerce_store_check_timestamp_seconds{${store}}`]: checkedAt.getTime() / 1000,
      [`woocommerce_store_kpis_timestamp_seconds{${store}}`]: kpisAt.getTime() / 1000,
      ...Object.fromEntries(orderStatuses.map((status, index) => [`woocommerce_store_orders{${store},status="${status}"}`, index + 1])),
      [`woocommerce_store_revenue_today{${store},currency="EUR"}`]: 1234.56,
      [`woocommerce_store_revenue_yesterday{${store},currency="EUR"}`]: 0,
      [`woocommerce_store_orders_today{${store}}`]: 9,
      [`woocommerce_store_low_stock_products{${store},urgency="critical"}`]: 2,
      [`woocommerce_store_low_stock_products{${store},urgency="warning"}`]: 3,
      [`woocommerce_store_abandoned_orders{${store},priority="high"}`]: 1,
      [`woocommerce_store_abandoned_orders{${store},priority="medium"}`]: 2,
      [`woocommerce_store_abandoned_orders{${store},priority="low"}`]: 0,
      [`woocommerce_store_abandoned_value{${store},priority="high",currency="EUR"}`]: 150.5,
      [`woocommerce_store_abandoned_value{${store},priority="medium",currency="EUR"}`]: 80,
      [`woocommerce_store_abandoned_value{${store},priority="low",currency="EUR"}`]: 0,
    });
  });

  test('of one that does not answer is 0 up, with the figures that were read last; of one without figures there are none', async () => {
    const owner = await newOwner('owner');
    await checked(await configure(owner, 'down.example'), {
      ...figures,
      status: 'error',
      error_type: 'Timeout',
      response_time_ms: 10_003,
    });
    await checked(await configure(owner, 'new.example'));
    await configure(owner, 'never-checked.example');
    const series = await gaugesOf('owner');
    expect(series).toMatchObject({
      'woocommerce_store_up{store="down.example"}': 0,
      'woocommerce_store_response_seconds{store="down.example"}': 10.003,
      'woocommerce_store_orders_today{store="down.example"}': 9,
      'woocommerce_store_up{store="new.example"}': 1,
    });
    const of = (store: string): string[] => Object.keys(series).filter((name) => name.includes(`store="${store}"`));
    expect(of('new.example').toSorted()).toEqual([
      'woocommerce_store_check_timestamp_seconds{store="new.example"}',
      'woocommerce_store_response_seconds{store="new.example"}',
      'woocommerce_store_up{store="new.example"}',
    ]);
    expect(of('never-checked.example')).toEqual([]);
  });

  test('names no currency that is not three capital letters', async () => {
    const owner = await newOwner('owner');
    await checked(await configure(owner, 'shop.example'), { ...figures, currency: 'e"u\nr' });
    expect(await gaugesOf('owner')).toMatchObject({ 'woocommerce_store_revenue_today{store="shop.example",currency="other"}': 1234.56 });
  });

  test('is not told of shops beyond the cap, nor of one that is watched no more', async () => {
    const [first, second, third] = [await newOwner('first'), await newOwner('second'), await newOwner('third')];
    const configs = new Map<string, string>();
    for (const owner of [first, second, third]) {
      const id = await configure(owner, `${owner.key}.example`);
      configs.set(owner.key, id);
      await checked(id, figures);
    }
    expect([await gaugesOf('third'), await gaugesOf('__overflow__')]).toEqual([{}, {}]);
    expect(await gaugesOf('second')).toMatchObject({ 'woocommerce_store_up{store="second.example"}': 1 });
    await database.query('update customer_configs set woocommerce_url = null where id = $1', [configs.get('second')]);
    await database.query('delete from customer_configs where id = $1', [configs.get('first')]);
    expect([await gaugesOf('first'), await gaugesOf('second')]).toEqual([{}, {}]);
  });
});
