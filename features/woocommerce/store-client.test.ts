import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  startWooCommerceStandIn,
  type StandInMode,
  type StandInOptions,
  type StandInOrder,
  type WooCommerceStandIn,
} from '../../local/woocommerce-stand-in.ts';
import { seal } from '../../platform/auth/sealed.ts';
import { allHosts, publicHosts, type HostPolicy } from '../../platform/http/outbound.ts';
import type { StoreConfig } from './queries.ts';
import { StoreError } from './store-api.ts';
import {
  checkStore,
  createCurrencyCache,
  readStoreFigures,
  type FiguresOptions,
  type StoreFigures,
  type StoreHealth,
} from './store-client.ts';

const key = randomBytes(32);
const now = new Date('2026-02-13T10:00:00.500Z');

let shops: WooCommerceStandIn[];
beforeEach(() => {
  shops = [];
});
afterEach(async () => {
  for (const shop of shops) await shop.close();
});

async function startShop(options: StandInOptions = {}): Promise<WooCommerceStandIn> {
  const shop = await startWooCommerceStandIn({ consumerKey: 'ck_öffentlich', consumerSecret: 'cs:geheim', ...options });
  shops.push(shop);
  return shop;
}

function configOf(shop: { url: string }, changes: Partial<StoreConfig> & { secret?: string; sealedWith?: Buffer } = {}): StoreConfig {
  const { secret = 'cs:geheim', sealedWith = key, ...columns } = changes;
  const place = { orgId: 7, domain: 'shop.example' };
  return {
    id: randomUUID(),
    org_id: place.orgId,
    domain: place.domain,
    woocommerce_url: shop.url,
    consumer_key_enc: seal('ck_öffentlich', sealedWith, { ...place, column: 'consumer_key_enc' }),
    consumer_secret_enc: seal(secret, sealedWith, { ...place, column: 'consumer_secret_enc' }),
    ...columns,
  };
}

const access = { encryptionKeys: [key], hosts: allHosts };
const anyTime = expect.any(Number) as number;

describe('checkStore', () => {
  test('a shop that answers is healthy; it is asked once, for its system status, with its credentials', async () => {
    const shop = await startShop();
    const health = await checkStore(configOf(shop), access);
    expect(health).toEqual({ status: 'healthy', message: 'API responding', response_time_ms: anyTime });
    expect(Number.isInteger(health.response_time_ms)).toBe(true);
    expect(shop.requests).toEqual([{ method: 'GET', path: '/wp-json/wc/v3/system_status', query: {}, authorized: true }]);
  });

  test('a shop in a folder is asked there, with or without a slash at the end', async () => {
    const shop = await startShop();
    for (const end of ['/shop', '/shop/', '/shop//']) {
      expect(await checkStore(configOf({ url: shop.url + end }), access)).toMatchObject({
        message: 'HTTP 404',
        error_type: 'UpstreamError',
      });
    }
    expect(shop.requests.map(({ path }) => path)).toEqual(Array(3).fill('/shop/wp-json/wc/v3/system_status'));
  });

  test.each<[string, StandInMode, string, string]>([
    ['refuses the credentials', { kind: 'unauthorized' }, 'ConfigurationError', 'HTTP 401'],
    ['forbids', { kind: 'failing', status: 403 }, 'ConfigurationError', 'HTTP 403'],
    ['has no such route', { kind: 'failing', status: 404 }, 'UpstreamError', 'HTTP 404'],
    ['fails', { kind: 'failing', status: 500 }, 'UpstreamError', 'HTTP 500'],
    ['is in maintenance', { kind: 'failing', status: 503 }, 'UpstreamError', 'HTTP 503'],
    ['redirects', { kind: 'redirecting', location: 'https://shop.example/' }, 'UpstreamError', 'HTTP 301'],
    ['answers without end', { kind: 'huge' }, 'UpstreamError', 'the answer is larger than 5242880 bytes'],
    ['prints a warning first', { kind: 'malformed' }, 'UpstreamError', 'the answer of system_status is not what WooCommerce answers'],
    ['does not answer', { kind: 'hanging' }, 'Timeout', 'no answer within 0.3 s'],
    ['answers too late', { kind: 'slow', delayMs: 5000 }, 'Timeout', 'no answer within 0.3 s'],
    ...['[]', '[{}]', '"text"', '7', 'null', 'true', '', '{', '\u{feff}{}'].map((body): [string, StandInMode, string, string] => [
      `answers ${JSON.stringify(body)}`,
      { kind: 'answering', route: 'system_status', body },
      'UpstreamError',
      'the answer of system_status is not what WooCommerce answers',
    ]),
  ])('a shop that %s is an error', async (_what, mode, errorType, message) => {
    const shop = await startShop({ mode });
    const deadlineMs = mode.kind === 'hanging' || mode.kind === 'slow' ? 300 : 10_000;
    const health = await checkStore(configOf(shop), { ...access, deadlineMs });
    expect(health).toEqual({ status: 'error', message, response_time_ms: anyTime, error_type: errorType });
    expect(shop.requests).toHaveLength(1);
  });

  test('a shop that is slow and answers is healthy', async () => {
    const shop = await startShop({ mode: { kind: 'slow', delayMs: 300 } });
    const health = await checkStore(configOf(shop), access);
    expect(health.status).toBe('healthy');
    expect(health.response_time_ms).toBeGreaterThanOrEqual(299);
  });

  test('a shop that does not answer delays no other', async () => {
    const hanging = await startShop({ mode: { kind: 'hanging' } });
    const healthy = await startShop();
    const late = checkStore(configOf(hanging), { ...access, deadlineMs: 2000 });
    const quick = await Promise.all(Array.from({ length: 9 }, () => checkStore(configOf(healthy), { ...access, deadlineMs: 2000 })));
    expect(quick.every(({ status, response_time_ms: ms }) => status === 'healthy' && ms < 1500)).toBe(true);
    expect(await late).toMatchObject({ error_type: 'Timeout' });
  });

  test.each<[string, (shop: WooCommerceStandIn) => StoreConfig, string]>([
    ['without a key', (shop) => configOf(shop, { consumer_key_enc: null }), 'are missing'],
    ['without a secret', (shop) => configOf(shop, { consumer_secret_enc: null }), 'are missing'],
    ['sealed with another key', (shop) => configOf(shop, { sealedWith: randomBytes(32) }), 'cannot be decrypted'],
    ['of another organization', (shop) => configOf(shop, { org_id: 8 }), 'cannot be decrypted'],
    ['of another domain', (shop) => configOf(shop, { domain: 'other.example' }), 'cannot be decrypted'],
    ['that are no sealed bytes', (shop) => configOf(shop, { consumer_key_enc: Buffer.from('plain') }), 'cannot be decrypted'],
  ])('credentials %s are a configuration error, and the shop is not asked', async (_what, config, message) => {
    const shop = await startShop();
    const health = await checkStore(config(shop), access);
    expect(health).toMatchObject({ status: 'error', error_type: 'ConfigurationError' });
    expect(health.message).toContain(message);
    expect(health.message).toContain('customer-configs-set');
    expect(shop.requests).toEqual([]);
  });

  test('credentials open with the previous key while keys are changed, and with none when there is no key', async () => {
    const shop = await startShop();
    const next = randomBytes(32);
    expect(await checkStore(configOf(shop), { ...access, encryptionKeys: [next, key] })).toMatchObject({ status: 'healthy' });
    expect(await checkStore(configOf(shop), { ...access, encryptionKeys: [] })).toMatchObject({ error_type: 'ConfigurationError' });
  });

  test.each([
    'https://10.0.0.5',
    'https://127.0.0.1',
    'https://169.254.169.254/latest',
    'https://[::1]',
    'https://[::ffff:10.0.0.1]',
    'https://localhost',
    'http://shop.example',
    'https://user:hunter2@shop.example',
    'shop.example',
  ])('%s is a configuration error', async (url) => {
    const health = await checkStore(configOf({ url }), { ...access, hosts: publicHosts });
    expect(health).toMatchObject({ status: 'error', error_type: 'ConfigurationError' });
    expect(health.message).not.toMatch(/hunter2|10\.0|127|169|::/);
  });

  test.each([['10.0.0.5'], ['127.0.0.1'], ['169.254.169.254'], ['::1'], ['::ffff:10.0.0.1']])(
    'a name that leads to %s is a configuration error, and the shop is not asked',
    async (address) => {
      const shop = await startShop();
      const hosts: HostPolicy = { ...allHosts, mayConnectTo: publicHosts.mayConnectTo, resolveHost: () => Promise.resolve([address]) };
      const url = shop.url.replace('127.0.0.1', 'shop.example');
      expect(await checkStore(configOf({ url }), { ...access, hosts })).toEqual({
        status: 'error',
        message: 'the host is not on the public internet',
        response_time_ms: anyTime,
        error_type: 'ConfigurationError',
      });
      expect(shop.requests).toEqual([]);
    },
  );

  test('a name that leads nowhere and a port where nobody listens are errors of the shop', async () => {
    const shop = await startShop();
    await shop.close();
    shops = [];
    expect(await checkStore(configOf(shop), access)).toMatchObject({
      error_type: 'UpstreamError',
      message: 'the connection failed (ECONNREFUSED)',
    });
    const hosts: HostPolicy = { ...allHosts, resolveHost: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })) };
    expect(await checkStore(configOf({ url: 'https://gone.example' }), { ...access, hosts })).toMatchObject({
      error_type: 'UpstreamError',
      message: 'the host name cannot be resolved (ENOTFOUND)',
    });
  });

  test('no message holds a credential or anything that the shop has sent', async () => {
    const told: StoreHealth[] = [];
    for (const body of ['hunter2', '{"key":"hunter2"', '["hunter2"]']) {
      told.push(await checkStore(configOf(await startShop({ mode: { kind: 'answering', route: 'system_status', body } })), access));
    }
    told.push(await checkStore(configOf(await startShop({ consumerSecret: 'hunter2' })), access));
    expect(told.map(({ status }) => status)).toEqual(Array(4).fill('error'));
    expect(JSON.stringify(told)).not.toMatch(/hunter2|öffentlich|geheim/);
  });

  test('who gives up is told so, not that the shop is down', async () => {
    const shop = await startShop({ mode: { kind: 'hanging' } });
    const caller = new AbortController();
    const check = checkStore(configOf(shop), { ...access, signal: caller.signal });
    const outcome = expect(check).rejects.toMatchObject({ name: 'OutboundError', failure: 'aborted' });
    await expect.poll(() => shop.requests.length).toBe(1);
    caller.abort();
    await outcome;
  });
});

describe('readStoreFigures', () => {
  const options = (changes: Partial<FiguresOptions> = {}): FiguresOptions => ({
    ...access,
    now: () => now,
    lowStockThreshold: 5,
    currencies: createCurrencyCache(),
    ...changes,
  });

  let nextId: number;
  beforeEach(() => {
    nextId = 1;
  });
  const order = (status: string, total: string, createdAt: string): StandInOrder => {
    nextId += 1;
    return { id: nextId, status, total, createdAt: new Date(createdAt) };
  };

  async function figures(shop: StandInOptions, changes: Partial<FiguresOptions> = {}): Promise<StoreFigures> {
    return readStoreFigures(configOf(await startShop(shop)), options(changes));
  }

  test('of an empty shop are zeros, all of them present', async () => {
    expect(await figures({ orders: [], products: [] })).toEqual({
      currency: 'EUR',
      orders: { pending: 0, processing: 0, 'on-hold': 0, completed: 0, cancelled: 0, refunded: 0, failed: 0, other: 0 },
      revenue_today: 0,
      revenue_yesterday: 0,
      orders_today: 0,
      low_stock_critical: 0,
      low_stock_warning: 0,
      abandoned: { high: { count: 0, value: 0 }, medium: { count: 0, value: 0 }, low: { count: 0, value: 0 } },
      truncated: false,
    });
  });

  test('count revenue by UTC days, to the second at both ends, whatever time the shop keeps', async () => {
    const result = await figures({
      orders: [
        order('completed', '1.00', '2026-02-11T23:59:59Z'),
        order('completed', '2.00', '2026-02-12T00:00:00Z'),
        order('processing', '4.10', '2026-02-12T12:00:00Z'),
        order('completed', '8.20', '2026-02-12T23:59:59Z'),
        order('completed', '16.10', '2026-02-13T00:00:00Z'),
        order('processing', '32.20', '2026-02-13T09:59:59Z'),
        order('completed', '64.00', '2026-02-13T23:59:59Z'),
        order('completed', '128.00', '2026-02-14T00:00:00Z'),
        ...['pending', 'on-hold', 'cancelled', 'refunded', 'failed', 'checkout-draft'].map((status) =>
          order(status, '256.00', '2026-02-13T05:00:00Z'),
        ),
      ],
    });
    expect(result).toMatchObject({ revenue_yesterday: 14.3, revenue_today: 112.3, orders_today: 3, truncated: false });
    expect(result.orders).toEqual({
      pending: 1,
      processing: 2,
      'on-hold': 1,
      completed: 6,
      cancelled: 1,
      refunded: 1,
      failed: 1,
      other: 1,
    });
  });

  test('add a thousand small amounts to the cent', async () => {
    const orders = Array.from({ length: 1000 }, () => order('completed', '0.10', '2026-02-13T01:00:00Z'));
    orders.push(order('completed', '-0.05', '2026-02-13T01:00:00Z'), order('completed', '0.005', '2026-02-13T01:00:00Z'));
    expect(await figures({ orders })).toMatchObject({ revenue_today: 99.96, orders_today: 1002 });
  });

  test('sort what was begun and not paid into priorities, from 1 h to 30 d', async () => {
    const result = await figures({
      orders: [
        order('pending', '150.00', '2026-02-13T08:00:00Z'),
        order('on-hold', '150.00', '2026-02-12T04:00:00Z'),
        order('failed', '40.00', '2026-02-12T04:00:00Z'),
        order('pending', '40.00', '2026-02-11T08:00:00Z'),
        order('pending', '500.00', '2026-02-13T09:00:01Z'),
        // Half a second more than an hour old: `now` is not on the second.
        order('pending', '200.00', '2026-02-13T09:00:00Z'),
        order('pending', '60.00', '2026-01-14T10:00:01Z'),
        order('pending', '60.00', '2026-01-14T10:00:00Z'),
        order('cancelled', '500.00', '2026-02-13T08:00:00Z'),
        order('completed', '500.00', '2026-02-13T08:00:00Z'),
      ],
    });
    expect(result.abandoned).toEqual({ high: { count: 2, value: 350 }, medium: { count: 3, value: 250 }, low: { count: 1, value: 40 } });
  });

  test('count published products that are managed and low', async () => {
    const product = (id: number, manageStock: boolean, stockQuantity: number | null, status?: string) => ({
      id,
      name: `Product ${id}`,
      manageStock,
      stockQuantity,
      ...(status === undefined ? {} : { status }),
    });
    const products = [
      ...[-1, 0, 1, 2, 3, 5, 6, 100].map((quantity, index) => product(index + 1, true, quantity)),
      product(20, false, 1),
      product(21, true, null),
      product(22, true, 1, 'draft'),
      product(23, true, 1, 'private'),
    ];
    expect(await figures({ products })).toMatchObject({ low_stock_critical: 2, low_stock_warning: 2 });
    expect(await figures({ products }, { lowStockThreshold: 100 })).toMatchObject({ low_stock_critical: 2, low_stock_warning: 4 });
  });

  test('read every page of every list, and no more', async () => {
    const shop = await startShop({
      orders: Array.from({ length: 250 }, () => order('completed', '1.00', '2026-02-13T01:00:00Z')),
      products: Array.from({ length: 200 }, (_, index) => ({ id: index + 1, name: 'P', manageStock: true, stockQuantity: 1 })),
    });
    expect(await readStoreFigures(configOf(shop), options())).toMatchObject({
      revenue_today: 250,
      orders_today: 250,
      low_stock_critical: 200,
      truncated: false,
    });
    const asked = shop.requests.map(({ path, query }) =>
      `${path.replace('/wp-json/wc/v3/', '')} ${query['status'] ?? ''} ${query['page'] ?? ''}`.trim(),
    );
    expect(asked).toEqual([
      'data/currencies/current',
      'reports/orders/totals',
      'orders completed,processing 1',
      'orders completed,processing 2',
      'orders completed,processing 3',
      'orders completed,processing 1',
      'products publish 1',
      'products publish 2',
      'orders pending,on-hold,failed 1',
    ]);
    expect(shop.requests.every(({ method, authorized }) => method === 'GET' && authorized)).toBe(true);
  });

  test.each([
    [2000, false],
    [2001, true],
  ])('of %d orders today say truncated: %s, and hold what 20 pages have', async (count, truncated) => {
    const orders = Array.from({ length: count }, () => order('completed', '1.00', '2026-02-13T01:00:00Z'));
    expect(await figures({ orders })).toMatchObject({ revenue_today: 2000, orders_today: 2000, truncated });
  });

  test('are truncated when any other list is', async () => {
    const products = Array.from({ length: 2001 }, (_, index) => ({ id: index + 1, name: 'P', manageStock: true, stockQuantity: 3 }));
    expect(await figures({ products, orders: [] })).toMatchObject({ low_stock_warning: 2000, truncated: true });
    const orders = Array.from({ length: 2001 }, () => order('failed', '1.00', '2026-02-13T01:00:00Z'));
    expect(await figures({ orders })).toMatchObject({ abandoned: { medium: { count: 2000, value: 2000 } }, truncated: true });
  });

  test('ask for no field that tells who a customer is', async () => {
    const shop = await startShop();
    await readStoreFigures(configOf(shop), options());
    const fields = new Set(shop.requests.filter(({ query }) => query['page'] !== undefined).map(({ query }) => query['_fields']));
    expect([...fields]).toEqual(['id,status,total,date_created_gmt', 'id,manage_stock,stock_quantity']);
  });

  test('count nothing twice when a shop answers the same page again and again', async () => {
    const body = JSON.stringify(
      Array.from({ length: 100 }, (_, index) => ({
        id: index,
        status: 'completed',
        total: '1.00',
        date_created_gmt: '2026-02-13T01:00:00',
      })),
    );
    expect(await figures({ mode: { kind: 'answering', route: 'orders', body } })).toMatchObject({ orders_today: 100, truncated: true });
  });

  test('leave out what a shop answers without having been asked for it', async () => {
    const body = JSON.stringify([
      { id: 1, status: 'completed', total: '1.00', date_created_gmt: '2026-02-13T01:00:00' },
      { id: 2, status: 'completed', total: '2.00', date_created_gmt: '2026-02-10T01:00:00' },
      { id: 3, status: 'cancelled', total: '4.00', date_created_gmt: '2026-02-13T01:00:00' },
      { id: 4, status: 'completed', total: '8.00', date_created_gmt: null },
      { id: 5, status: 'processing', total: '16', date_created_gmt: '2026-02-13T01:00:00Z', billing: { email: 'ada@customer.example' } },
    ]);
    expect(await figures({ mode: { kind: 'answering', route: 'orders', body } })).toMatchObject({
      revenue_today: 17,
      revenue_yesterday: 0,
      orders_today: 2,
      truncated: false,
    });
  });

  describe('the currency', () => {
    test('is asked for once in 24 h, and again when the shop has moved', async () => {
      const shop = await startShop();
      const moved = await startShop({ currency: 'GBP' });
      const config = configOf(shop);
      const currencies = createCurrencyCache();
      const hour = 3_600_000;
      const read = async (hoursLater: number, url = shop.url): Promise<string> => {
        const at = new Date(now.getTime() + hoursLater * hour);
        return (await readStoreFigures({ ...config, woocommerce_url: url }, options({ currencies, now: () => at }))).currency;
      };
      const asked = (): number => shop.requests.filter(({ path }) => path.endsWith('/currencies/current')).length;
      expect([await read(0), await read(1), await read(23.99), asked()]).toEqual(['EUR', 'EUR', 'EUR', 1]);
      expect([await read(24), await read(25), asked()]).toEqual(['EUR', 'EUR', 2]);
      expect(await read(25, moved.url)).toBe('GBP');
    });

    test.each([
      ['EUR', 'EUR'],
      ['eur', 'other'],
      ['BITCOIN', 'other'],
      ['', 'other'],
      ['E"R', 'other'],
    ])('%j is %s', async (code, currency) => {
      expect(await figures({ currency: code })).toMatchObject({ currency });
    });

    test('is not kept when it could not be read', async () => {
      const shop = await startShop({ mode: { kind: 'answering', route: 'data/currencies/current', body: '{}' } });
      const config = configOf(shop);
      const currencies = createCurrencyCache();
      await expect(readStoreFigures(config, options({ currencies }))).rejects.toMatchObject({ errorType: 'UpstreamError' });
      shop.setMode({ kind: 'normal' });
      expect(await readStoreFigures(config, options({ currencies }))).toMatchObject({ currency: 'EUR' });
    });
  });

  test('take counts of orders as numbers and as text, and unknown statuses as other', async () => {
    const body = JSON.stringify([
      { slug: 'completed', name: 'Completed', total: 3 },
      { slug: 'pending', name: 'Pending', total: '7' },
      { slug: 'checkout-draft', name: 'Draft', total: 2 },
      { slug: 'toString', name: 'x', total: 1 },
    ]);
    const { orders } = await figures({ mode: { kind: 'answering', route: 'reports/orders/totals', body } });
    expect(orders).toMatchObject({ completed: 3, pending: 7, other: 3 });
  });

  const oneOrder = { id: 1, status: 'completed', total: '1.00', date_created_gmt: '2026-02-13T01:00:00' };
  test.each<[string, string, unknown]>([
    ['reports/orders/totals', 'no list', {}],
    ['reports/orders/totals', 'a negative count', [{ slug: 'completed', total: -1 }]],
    ['reports/orders/totals', 'a count in words', [{ slug: 'completed', total: 'many' }]],
    ['reports/orders/totals', 'a count that no column holds', [{ slug: 'completed', total: 3_000_000_000 }]],
    ['data/currencies/current', 'no code', {}],
    ['data/currencies/current', 'a code that is a number', { code: 978 }],
    ['orders', 'an error in the place of a list', { code: 'rest_error', message: 'hunter2' }],
    ['orders', 'a row that is no order', [1]],
    ['orders', 'no id', [{ ...oneOrder, id: undefined }]],
    ['orders', 'a total that is a number', [{ ...oneOrder, total: 1 }]],
    ['orders', 'a total in words', [{ ...oneOrder, total: 'free' }]],
    ['orders', 'a total in scientific notation', [{ ...oneOrder, total: '1e300' }]],
    ['orders', 'a total that no column holds', [{ ...oneOrder, total: '999999999999.999' }]],
    ['orders', 'a date that is none', [{ ...oneOrder, date_created_gmt: 'yesterday' }]],
    ['products', 'no list', 'hunter2'],
    ['products', 'a quantity in words', [{ id: 1, manage_stock: true, stock_quantity: 'few' }]],
    ['products', 'no word on whether stock is managed', [{ id: 1, stock_quantity: 3 }]],
  ])('are refused when %s answers %s', async (route, _what, body) => {
    const shop = await startShop({ mode: { kind: 'answering', route, body: JSON.stringify(body) } });
    const outcome = await readStoreFigures(configOf(shop), options()).catch((error: unknown) => error);
    if (!(outcome instanceof StoreError)) throw new Error('the figures were taken');
    expect([outcome.errorType, outcome.message]).toEqual(['UpstreamError', `the answer of ${route} is not what WooCommerce answers`]);
    // A cause would be logged with it, and quote what the shop has sent.
    expect(outcome.cause).toBeUndefined();
  });

  test.each<[string, StandInMode, string]>([
    ['does not answer', { kind: 'hanging' }, 'Timeout'],
    ['is so slow that its lists together take too long', { kind: 'slow', delayMs: 100 }, 'Timeout'],
    ['refuses the credentials', { kind: 'unauthorized' }, 'ConfigurationError'],
    ['fails', { kind: 'failing', status: 500 }, 'UpstreamError'],
    ['redirects', { kind: 'redirecting', location: 'http://127.0.0.1/' }, 'UpstreamError'],
    ['answers without end', { kind: 'huge' }, 'UpstreamError'],
  ])('of a shop that %s are an error', async (_what, mode, errorType) => {
    const shop = await startShop({ mode });
    const deadlineMs = errorType === 'Timeout' ? 350 : 10_000;
    await expect(readStoreFigures(configOf(shop), options({ deadlineMs }))).rejects.toMatchObject({ name: 'StoreError', errorType });
  });

  test('look a name up once for all requests', async () => {
    const shop = await startShop();
    let resolutions = 0;
    const hosts: HostPolicy = {
      ...allHosts,
      resolveHost: () => {
        resolutions += 1;
        return Promise.resolve(['127.0.0.1']);
      },
    };
    await readStoreFigures(configOf({ url: shop.url.replace('127.0.0.1', 'shop.example') }), options({ hosts }));
    expect([resolutions, shop.requests.length > 5]).toEqual([1, true]);
  });
});
