import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { standInOrders, startWooCommerceStandIn, type StandInOptions, type WooCommerceStandIn } from './woocommerce-stand-in.ts';

let shop: WooCommerceStandIn;
afterEach(() => shop.close());

async function start(options: StandInOptions = {}): Promise<void> {
  shop = await startWooCommerceStandIn(options);
}

function ask(route: string, options: { secret?: string; method?: string; signal?: AbortSignal } = {}): Promise<Response> {
  const credentials = Buffer.from(`${shop.consumerKey}:${options.secret ?? shop.consumerSecret}`).toString('base64');
  return fetch(`${shop.url}/wp-json/wc/v3/${route}`, {
    redirect: 'manual',
    method: options.method ?? 'GET',
    headers: { authorization: `Basic ${credentials}` },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

const rows = z.array(z.record(z.string(), z.unknown()));
const listed = async (route: string): Promise<z.infer<typeof rows>> => rows.parse(await (await ask(route)).json());
const ids = async (route: string): Promise<unknown[]> => (await listed(route)).map(({ id }) => id);

const order = (id: number, createdAt: string, status = 'completed'): { id: number; status: string; total: string; createdAt: Date } => ({
  id,
  status,
  total: '10.00',
  createdAt: new Date(createdAt),
});

describe('in its normal mode', () => {
  test('it answers the documented shapes to its own credentials, and WordPress errors to all else', async () => {
    await start();
    expect(await (await ask('system_status')).json()).toMatchObject({ environment: { wp_cron: true }, settings: { currency: 'EUR' } });
    expect(await (await ask('data/currencies/current')).json()).toMatchObject({ code: 'EUR' });
    expect((await listed('reports/orders/totals'))[0]).toEqual({ slug: 'pending', name: 'Pending payment', total: expect.any(Number) });
    expect((await listed('products'))[0]).toMatchObject({ id: 40, manage_stock: true, stock_quantity: 27 });
    expect((await listed('orders'))[0]).toMatchObject({ status: expect.any(String), total: expect.stringMatching(/^\d+\.\d\d$/) });

    const refused = await ask('orders', { secret: 'wrong' });
    expect([refused.status, await refused.json()]).toEqual([
      401,
      { code: 'woocommerce_rest_cannot_view', message: expect.any(String), data: { status: 401 } },
    ]);
    for (const [route, method] of [
      ['unknown', 'GET'],
      ['orders', 'POST'],
    ] as const) {
      const missing = await ask(route, { method });
      expect([missing.status, await missing.json()]).toMatchObject([404, { code: 'rest_no_route' }]);
    }
    expect(shop.requests.at(-1)).toEqual({ method: 'POST', path: '/wp-json/wc/v3/orders', query: {}, authorized: true });
    expect(shop.requests.filter(({ authorized }) => !authorized)).toHaveLength(1);
  });

  test('lists come in pages, with their sizes in headers, sorted, and with the fields that were asked for', async () => {
    const orders = Array.from({ length: 205 }, (_, index) => order(index + 1, `2026-02-13T10:${String(index % 60).padStart(2, '0')}:00Z`));
    await start({ orders });
    const page = await ask('orders?per_page=100&page=3&orderby=id&order=asc&_fields=id,total');
    expect([page.headers.get('x-wp-total'), page.headers.get('x-wp-totalpages')]).toEqual(['205', '3']);
    expect(await page.json()).toEqual([201, 202, 203, 204, 205].map((id) => ({ id, total: '10.00' })));
    expect(await ids('orders?per_page=100&page=4')).toEqual([]);
    expect(await ids('orders')).toHaveLength(10);
    expect((await ids('orders'))[0]).toBe(180);
    for (const wrong of [
      'per_page=101',
      'per_page=0',
      'page=0',
      'page=x',
      'orderby=total',
      'order=up',
      'status=unheard',
      'after=yesterday',
    ]) {
      expect((await ask(`orders?${wrong}`)).status, wrong).toBe(400);
    }
  });

  test('periods are compared as WordPress does: both ends outside, in the time of the shop unless it is told otherwise', async () => {
    await start({
      orders: [order(1, '2026-02-13T00:00:00Z'), order(2, '2026-02-13T12:00:00Z', 'failed'), order(3, '2026-02-14T00:00:00Z')],
    });
    const day = 'orderby=id&order=asc&after=2026-02-13T00:00:00&before=2026-02-14T00:00:00';
    expect(await ids(`orders?${day}&dates_are_gmt=true`)).toEqual([2]);
    expect(await ids(`orders?${day}`)).toEqual([1, 2]);
    expect(await ids(`orders?${day.replace('13T00:00:00', '12T23:59:59')}&dates_are_gmt=true`)).toEqual([1, 2]);
    // The trap: a zone moves the moment to the time of the shop, which is then compared with UTC.
    expect(await ids('orders?after=2026-02-13T08:00:00Z&dates_are_gmt=true&orderby=id&order=asc')).toEqual([3]);
    expect(await ids('orders?status=failed,pending')).toEqual([2]);
    expect((await listed('orders?status=failed'))[0]).toMatchObject({
      date_created: '2026-02-13T17:30:00',
      date_created_gmt: '2026-02-13T12:00:00',
    });
  });

  test('products can be had by status', async () => {
    await start({
      products: [
        { id: 1, name: 'One', manageStock: true, stockQuantity: 3 },
        { id: 2, name: 'Two', manageStock: false, stockQuantity: 7, status: 'draft' },
      ],
    });
    expect(await ids('products?status=publish')).toEqual([1]);
    expect(await listed('products?_fields=id,manage_stock,stock_quantity,stock_status')).toEqual([
      { id: 2, manage_stock: false, stock_quantity: null, stock_status: 'instock' },
      { id: 1, manage_stock: true, stock_quantity: 3, stock_status: 'instock' },
    ]);
  });

  test('its orders are the same ones for the same moment, and change with time', async () => {
    await start();
    const now = new Date('2026-02-13T10:30:00Z');
    expect(standInOrders(now)).toEqual(standInOrders(new Date('2026-02-13T10:59:59Z')));
    expect(standInOrders(now).length).toBeGreaterThan(400);
    expect(new Set(standInOrders(now).map(({ status }) => status)).size).toBe(7);
    expect(standInOrders(new Date('2026-02-14T10:30:00Z'))).not.toEqual(standInOrders(now));
  });
});

test('it can be made worse while it runs, and well again', async () => {
  await start();
  const statusOf = async (): Promise<number> => (await ask('system_status')).status;
  expect(await statusOf()).toBe(200);
  shop.setMode({ kind: 'failing', status: 503 });
  expect(await statusOf()).toBe(503);
  shop.setMode({ kind: 'unauthorized' });
  expect(await statusOf()).toBe(401);
  shop.setMode({ kind: 'redirecting', location: 'https://elsewhere.example/' });
  const redirect = await ask('system_status');
  expect([redirect.status, redirect.headers.get('location')]).toEqual([301, 'https://elsewhere.example/']);
  shop.setMode({ kind: 'malformed' });
  await expect((await ask('system_status')).json()).rejects.toThrow('JSON');
  shop.setMode({ kind: 'answering', route: 'orders', body: '[1]' });
  expect([await (await ask('orders')).json(), await statusOf()]).toEqual([[1], 200]);
  shop.setMode({ kind: 'slow', delayMs: 100 });
  const startedAt = performance.now();
  expect(await statusOf()).toBe(200);
  expect(performance.now() - startedAt).toBeGreaterThan(95);
  shop.setMode({ kind: 'hanging' });
  await expect(ask('system_status', { signal: AbortSignal.timeout(100) })).rejects.toThrow('timeout');
  shop.setMode({ kind: 'huge' });
  let bytes = 0;
  for await (const piece of (await ask('system_status')).body ?? []) {
    bytes += (piece as Uint8Array).length;
    if (bytes > 6 * 1024 * 1024) break;
  }
  expect(bytes).toBeGreaterThan(6 * 1024 * 1024);
  shop.setMode({ kind: 'normal' });
  expect(await statusOf()).toBe(200);
});

test('it closes with answers under way', async () => {
  await start({ mode: { kind: 'slow', delayMs: 60_000 } });
  const slow = ask('system_status').then(
    () => 'answered',
    () => 'cut',
  );
  const hanging = await startWooCommerceStandIn({ mode: { kind: 'hanging' } });
  await hanging.close();
  await expect.poll(() => shop.requests.length).toBe(1);
  await shop.close();
  expect(await slow).toBe('cut');
  await start();
});
