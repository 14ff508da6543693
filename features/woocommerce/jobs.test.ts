import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { pino, type Logger } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { setCustomerConfig } from '../../jobs/provisioning.ts';
import { startWooCommerceStandIn, type StandInOptions, type WooCommerceStandIn } from '../../local/woocommerce-stand-in.ts';
import { listen } from '../../platform/http/server.ts';
import type { Job, JobContext } from '../../platform/jobs/job.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, jobsConfig } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { isDue, woocommerceJobs } from './jobs.ts';
import { recordStoreFigures, recordStoreHealth } from './rollup.ts';

const encryptionKey = randomBytes(32);
const minuteMs = 60_000;
const secrets = { consumerKey: 'ck_hunter2', consumerSecret: 'cs_hunter2' };

let database: TestDatabase;
let pool: Pool;
let log: Logger;
let logged: string[];
let now: Date;
let shops: { close: () => Promise<void> }[];
let unique = 0;
let orgKey: string;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  logged = [];
  shops = [];
  now = new Date();
  log = pino({ level: 'trace' }, { write: (line: string) => logged.push(line) });
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 4,
    applicationName: 'shop jobs test',
    statementTimeoutMs: 5000,
    log,
  });
  unique += 1;
  orgKey = `owner-${unique}`;
  await insertOrganization(database, { key: orgKey });
});
afterEach(async () => {
  for (const shop of shops) await shop.close();
  await pool.end();
  // Every run asks the shops of all organizations.
  await database.query('truncate customer_configs cascade');
});
afterAll(() => database.drop());

async function startShop(options: StandInOptions = {}): Promise<WooCommerceStandIn> {
  const shop = await startWooCommerceStandIn({ ...secrets, ...options });
  shops.push(shop);
  return shop;
}

/** A server that counts how many requests wait at once, and answers as soon as `most` do. */
async function startWaiting(most: number): Promise<{ url: string; mostAtOnce: () => number }> {
  const waiting: ServerResponse[] = [];
  let mostAtOnce = 0;
  const answerAll = (): void => waiting.splice(0).forEach((response) => response.writeHead(500).end());
  const server = await listen(
    (_request, response) => {
      mostAtOnce = Math.max(mostAtOnce, waiting.push(response));
      // One more than may be there would arrive within these 50 ms.
      if (waiting.length === most) setTimeout(answerAll, 50);
    },
    { port: 0, host: '127.0.0.1' },
  );
  shops.push(server);
  return { url: `http://127.0.0.1:${server.port}`, mostAtOnce: () => mostAtOnce };
}

const configure = (domain: string, url: string, owner = orgKey): Promise<{ id: string }> =>
  setCustomerConfig(database.db, { orgKey: owner, domain, woocommerceUrl: url, credentials: secrets, encryptionKey });

function run(name: 'health' | 'kpis', changes: Partial<JobContext> = {}, environment: Record<string, string> = {}): ReturnType<Job['run']> {
  const job = woocommerceJobs.find((known) => known.name === `woocommerce-store-${name}`);
  if (job === undefined) throw new Error(`there is no job for ${name}`);
  return job.run({
    config: jobsConfig(database, {
      CONFIG_ENCRYPTION_KEY: encryptionKey.toString('base64'),
      WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true',
      ...environment,
    }),
    pool,
    log,
    now: () => now,
    signal: new AbortController().signal,
    fence: () => Promise.resolve(),
    forced: false,
    ...changes,
  });
}

type StatusRow = Record<string, unknown> & { domain: string; status: string; failures: number; kpis_at: Date | null; checked_at: Date };
const statuses = (): Promise<StatusRow[]> => database.query<StatusRow>('select * from woocommerce_store_status order by domain');

/** As if the last checks of a shop had ended so. */
async function checkedBefore(domain: string, changes: { status?: string; failures?: number; minutesAgo?: number }): Promise<void> {
  const { status = 'healthy', failures = 0, minutesAgo = 5 } = changes;
  await database.query(`update customer_configs set updated_at = now() - interval '1 day' where domain = $1`, [domain]);
  await database.query(
    `insert into woocommerce_store_status (org_id, customer_config_id, domain, checked_at, status, response_time_ms, message, failures)
     select org_id, id, domain, $2, $3, 1, '', $4 from customer_configs where domain = $1`,
    [domain, new Date(now.getTime() - minutesAgo * minuteMs), status, failures],
  );
}

test('both are on the clock: health every 5 minutes, key figures every 15', () => {
  expect(woocommerceJobs.map(({ name, schedule }) => [name, schedule])).toEqual([
    ['woocommerce-store-health', { every: '5 minutes' }],
    ['woocommerce-store-kpis', { every: '15 minutes' }],
  ]);
});

describe('woocommerce-store-health', () => {
  test('keeps the state of every shop, and the next run the state after that', async () => {
    const [good, bad] = [await startShop(), await startShop({ mode: { kind: 'failing', status: 500 } })];
    await configure('good.example', good.url);
    await configure('bad.example', bad.url);
    await configure('guarded.example', 'https://user:pw@guarded.example');
    expect(await run('health')).toEqual({ checked: 3, healthy: 1 });
    const common = { checked_at: now, response_time_ms: expect.any(Number) as number, kpis_at: null, revenue_today: null };
    expect(await statuses()).toMatchObject([
      { ...common, domain: 'bad.example', status: 'error', error_type: 'UpstreamError', message: 'HTTP 500', failures: 1 },
      { ...common, domain: 'good.example', status: 'healthy', error_type: null, message: 'API responding', failures: 0 },
      { ...common, domain: 'guarded.example', status: 'error', error_type: 'ConfigurationError', failures: 1 },
    ]);

    good.setMode({ kind: 'unauthorized' });
    now = new Date(now.getTime() + 5 * minuteMs);
    expect(await run('health')).toEqual({ checked: 3, healthy: 0 });
    bad.setMode({ kind: 'normal' });
    now = new Date(now.getTime() + 5 * minuteMs);
    expect(await run('health')).toEqual({ checked: 3, healthy: 1 });
    expect(await statuses()).toMatchObject([
      { domain: 'bad.example', status: 'healthy', error_type: null, failures: 0, checked_at: now },
      { domain: 'good.example', status: 'error', error_type: 'ConfigurationError', message: 'HTTP 401', failures: 2 },
      { domain: 'guarded.example', failures: 3 },
    ]);
  });

  test('leaves out shops without a URL, and those of organizations that are deactivated', async () => {
    const shop = await startShop();
    await insertOrganization(database, { key: `gone-${unique}`, columns: { is_active: false } });
    await configure('gone.example', shop.url, `gone-${unique}`);
    await configure('here.example', shop.url);
    await database.query(`insert into customer_configs (id, org_id, domain)
      select gen_random_uuid(), id, 'no-url.example' from organizations where key = '${orgKey}'`);
    expect(await run('health')).toEqual({ checked: 1, healthy: 1 });
    expect(shop.requests).toHaveLength(1);
  });

  test('asks ten shops at once, not eleven', async () => {
    const waiting = await startWaiting(10);
    for (let n = 0; n < 20; n += 1) await configure(`shop-${n}.example`, waiting.url);
    expect(await run('health')).toEqual({ checked: 20, healthy: 0 });
    expect(waiting.mostAtOnce()).toBe(10);
  });

  test('knows the state of each shop as soon as it has answered, whoever does not answer', async () => {
    const [hanging, healthy] = [await startShop({ mode: { kind: 'hanging' } }), await startShop()];
    for (let n = 0; n < 9; n += 1) await configure(`a-dead-${n}.example`, hanging.url);
    for (let n = 0; n < 12; n += 1) await configure(`b-shop-${n}.example`, healthy.url);
    const stopping = new AbortController();
    const running = run('health', { signal: stopping.signal });
    const ended = expect(running).rejects.toThrow('the request was given up');
    // The run would go on for the 10 s of the dead shops.
    await waitUntil(async () => (await statuses()).length === 12, { within: 20_000, what: 'the states of the 12 shops that answer' });
    stopping.abort(new Error('another replica took over'));
    await ended;
    // And nothing is said of a shop that was given up.
    expect((await statuses()).every(({ status }) => status === 'healthy')).toBe(true);
  });

  test('as many dead shops as are asked at once delay the others by one timeout of 10 s', { timeout: 30_000 }, async () => {
    const [hanging, healthy] = [await startShop({ mode: { kind: 'hanging' } }), await startShop()];
    for (let n = 0; n < 10; n += 1) await configure(`a-dead-${n}.example`, hanging.url);
    for (let n = 0; n < 5; n += 1) await configure(`b-shop-${n}.example`, healthy.url);
    const startedAt = performance.now();
    expect(await run('health')).toEqual({ checked: 15, healthy: 5 });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(9900);
    expect(tookMs).toBeLessThan(15_000);
    expect((await statuses()).filter(({ message }) => message === 'no answer within 10 s')).toHaveLength(10);
    // Next time those that are known to be dead are asked last.
    now = new Date(now.getTime() + 5 * minuteMs);
    const stopping = new AbortController();
    const ended = expect(run('health', { signal: stopping.signal })).rejects.toThrow('the request was given up');
    await waitUntil(async () => (await statuses()).filter(({ checked_at: at }) => at.getTime() === now.getTime()).length === 5, {
      within: 20_000,
      what: 'the new states of the 5 shops that answer',
    });
    stopping.abort();
    await ended;
  });

  test('asks a shop that stays down less often, every other one as before, and this one at once when its settings change', async () => {
    const shop = await startShop();
    await configure('down.example', shop.url);
    await configure('up.example', shop.url);
    await checkedBefore('down.example', { status: 'error', failures: 5 });
    await checkedBefore('up.example', {});
    expect(await run('health')).toEqual({ checked: 1, healthy: 1 });
    expect(await statuses()).toMatchObject([
      { domain: 'down.example', status: 'error', failures: 5 },
      { domain: 'up.example', checked_at: now },
    ]);
    expect(await run('health', { forced: true })).toEqual({ checked: 2, healthy: 2 });
    await database.query(
      `update woocommerce_store_status set checked_at = checked_at - interval '5 minutes', status = 'error', failures = 5 where domain = 'down.example'`,
    );
    await configure('down.example', `${shop.url}/`);
    await database.query(`update customer_configs set updated_at = $1 where domain = 'down.example'`, [now]);
    expect(await run('health')).toEqual({ checked: 2, healthy: 2 });
    expect(await statuses()).toMatchObject([{ domain: 'down.example', status: 'healthy', failures: 0 }, {}]);
  });

  const isDueAfter = (failures: number | null, minutesAgo: number | null): boolean => {
    const at = new Date('2026-02-13T10:00:00Z');
    const lastAt = minutesAgo === null ? null : new Date(at.getTime() - minutesAgo * minuteMs);
    return isDue({ failures, lastAt, changedAt: new Date('2026-01-01T00:00:00Z') }, 5 * minuteMs, at);
  };

  test.each([
    ['was never asked', null, null],
    ['answered', 0, 0.1],
    ['failed three times', 3, 5],
    ['failed four times, 10 minutes ago', 4, 10],
    ['failed five times, 20 minutes ago', 5, 20],
    ['failed five times, 18 minutes ago: a run may begin a little early', 5, 18],
    ['failed a thousand times, half an hour ago', 1000, 30],
    ['failed five times, in the future', 5, -60],
  ])('a shop that %s is due', (_what, failures, minutesAgo) => {
    expect(isDueAfter(failures, minutesAgo)).toBe(true);
  });

  test.each([
    ['four times, 5 minutes ago', 4, 5],
    ['five times, 15 minutes ago', 5, 15],
    ['a thousand times, 25 minutes ago', 1000, 25],
  ])('a shop that failed %s is not due', (_what, failures, minutesAgo) => {
    expect(isDueAfter(failures, minutesAgo)).toBe(false);
  });

  test('refuses hosts that are not on the public internet, unless that is allowed', async () => {
    const shop = await startShop();
    await configure('inside.example', shop.url);
    await configure('inside-too.example', shop.url.replace('http:', 'https:'));
    expect(await run('health', {}, { WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'false' })).toEqual({ checked: 2, healthy: 0 });
    expect((await statuses()).map(({ error_type: type }) => type)).toEqual(['ConfigurationError', 'ConfigurationError']);
    expect(shop.requests).toEqual([]);
  });

  test('forgets the state of a shop that is removed, also one that is removed while it is asked', async () => {
    const { id } = await configure('gone.example', 'https://gone.example');
    await recordStoreHealth(pool, { id }, { status: 'healthy', message: 'API responding', response_time_ms: 1 }, now);
    expect(await statuses()).toHaveLength(1);
    await database.query('delete from customer_configs');
    expect(await statuses()).toEqual([]);
    await recordStoreHealth(pool, { id }, { status: 'healthy', message: 'API responding', response_time_ms: 1 }, now);
    await recordStoreFigures(pool, { id, org_id: 1 }, noFigures, now);
    expect(await statuses()).toEqual([]);
  });
});

const noFigures = {
  currency: 'EUR',
  orders: { pending: 0, processing: 0, 'on-hold': 0, completed: 0, cancelled: 0, refunded: 0, failed: 0, other: 0 },
  revenue_today: 0,
  revenue_yesterday: 0,
  orders_today: 0,
  low_stock_critical: 0,
  low_stock_warning: 0,
  abandoned: { high: { count: 0, value: 0 }, medium: { count: 0, value: 0 }, low: { count: 0, value: 0 } },
  truncated: false,
};

describe('woocommerce-store-kpis', () => {
  beforeEach(() => {
    // Orders are of UTC days: far from midnight, in which a run may fall.
    now = new Date('2026-02-13T10:00:00.000Z');
  });

  test('asks a shop less often that answers its check and not for its figures, until it is asked by hand', async () => {
    const shop = await startShop({ mode: { kind: 'failing', status: 500 } });
    await configure('half.example', shop.url);
    await checkedBefore('half.example', {});
    await database.query(`update customer_configs set updated_at = '2026-01-01'`);
    const ranWith: unknown[] = [];
    for (let runs = 0; runs < 6; runs += 1) {
      ranWith.push(await run('kpis'));
      now = new Date(now.getTime() + 15 * minuteMs);
    }
    const failed = { read: 0, failed: 1 };
    const paused = { read: 0, failed: 0 };
    // The fifth is half an hour after the fourth.
    expect(ranWith).toEqual([failed, failed, failed, failed, paused, failed]);
    expect(await statuses()).toMatchObject([{ kpi_failures: 5, kpis_at: null }]);

    shop.setMode({ kind: 'normal' });
    expect(await run('kpis')).toEqual(paused);
    expect(await run('kpis', { forced: true })).toEqual({ read: 1, failed: 0 });
    expect(await statuses()).toMatchObject([{ kpi_failures: 0, kpis_tried_at: now, kpis_at: now }]);
  });
  const order = (id: number, status: string, total: string, createdAt: string) => ({ id, status, total, createdAt: new Date(createdAt) });

  test('keeps the figures of shops whose last check was healthy, and asks no other', async () => {
    const shop = await startShop({
      currency: 'SEK',
      orders: [
        order(1, 'completed', '19.90', '2026-02-13T08:00:00Z'),
        order(2, 'processing', '0.20', '2026-02-13T00:00:00Z'),
        order(3, 'completed', '5.00', '2026-02-12T12:00:00Z'),
        order(4, 'pending', '150.00', '2026-02-13T08:00:00Z'),
      ],
      products: [{ id: 1, name: 'P', manageStock: true, stockQuantity: 2 }],
    });
    const [never, down] = [await startShop(), await startShop()];
    await configure('up.example', shop.url);
    await configure('never-checked.example', never.url);
    await configure('down.example', down.url);
    await checkedBefore('up.example', {});
    await checkedBefore('down.example', { status: 'error', failures: 1 });
    expect(await run('kpis')).toEqual({ read: 1, failed: 0 });
    const [downRow, upRow] = await statuses();
    expect(downRow).toMatchObject({ domain: 'down.example', kpis_at: null });
    expect(upRow).toMatchObject({
      domain: 'up.example',
      kpis_at: now,
      currency: 'SEK',
      orders: { completed: 2, processing: 1, pending: 1, other: 0 },
      revenue_today: '20.10',
      revenue_yesterday: '5.00',
      orders_today: 2,
      low_stock_critical: 1,
      low_stock_warning: 0,
      abandoned: { high: { count: 1, value: 150 }, medium: { count: 0, value: 0 }, low: { count: 0, value: 0 } },
      truncated: false,
    });
    expect([never.requests, down.requests]).toEqual([[], []]);
  });

  test('of a shop that fails stay as they were; the others are read, the run succeeds and the log says which shop and why', async () => {
    const [failing, fine] = [await startShop(), await startShop()];
    await configure('failing.example', failing.url);
    await configure('fine.example', fine.url);
    await checkedBefore('failing.example', {});
    await checkedBefore('fine.example', {});
    expect(await run('kpis')).toEqual({ read: 2, failed: 0 });
    const [before] = await statuses();
    const readAt = now;
    failing.setMode({ kind: 'answering', route: 'orders', body: '{"message":"what the shop has sent"}' });
    now = new Date(now.getTime() + 15 * minuteMs);
    expect(await run('kpis')).toEqual({ read: 1, failed: 1 });
    const [after, fresh] = await statuses();
    expect(after).toEqual({ ...before, kpis_tried_at: now, kpi_failures: 1 });
    expect([after?.kpis_at, fresh?.kpis_at]).toEqual([readAt, now]);
    expect(logged).toHaveLength(1);
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({ domain: 'failing.example', errorType: 'UpstreamError' });
  });

  test('asks five shops at once, not six', async () => {
    const waiting = await startWaiting(5);
    for (let n = 0; n < 15; n += 1) {
      await configure(`shop-${n}.example`, waiting.url);
      await checkedBefore(`shop-${n}.example`, {});
    }
    expect(await run('kpis')).toEqual({ read: 0, failed: 15 });
    expect(waiting.mostAtOnce()).toBe(5);
  });

  test('says so when a list is longer than what is read of it', async () => {
    const shop = await startShop({
      orders: Array.from({ length: 2001 }, (_, n) => order(n + 1, 'completed', '1.00', '2026-02-13T01:00:00Z')),
    });
    await configure('large.example', shop.url);
    await checkedBefore('large.example', {});
    expect(await run('kpis')).toEqual({ read: 1, failed: 0 });
    expect(await statuses()).toMatchObject([{ truncated: true, orders_today: 2000 }]);
  });

  test('asks for the currency once in 24 hours, over all runs of the process', async () => {
    const shop = await startShop();
    await configure('shop.example', shop.url);
    await checkedBefore('shop.example', {});
    const asked = (): number => shop.requests.filter(({ path }) => path.endsWith('/currencies/current')).length;
    const counts: number[] = [];
    for (const hours of [0, 12, 23.9, 24]) {
      const at = new Date(now.getTime() + hours * 60 * minuteMs);
      await run('kpis', { now: () => at });
      counts.push(asked());
    }
    expect(counts).toEqual([1, 1, 1, 2]);
  });

  test('takes the threshold of low stock from the configuration', async () => {
    const shop = await startShop({
      products: [1, 4, 9].map((quantity, id) => ({ id, name: 'P', manageStock: true, stockQuantity: quantity })),
    });
    await configure('shop.example', shop.url);
    await checkedBefore('shop.example', {});
    await run('kpis');
    expect(await statuses()).toMatchObject([{ low_stock_critical: 1, low_stock_warning: 1 }]);
    await run('kpis', {}, { WOOCOMMERCE_LOW_STOCK_THRESHOLD: '9' });
    expect(await statuses()).toMatchObject([{ low_stock_critical: 1, low_stock_warning: 2 }]);
  });

  test('a run that lost its lock asks and writes nothing more', async () => {
    const shop = await startShop();
    await configure('shop.example', shop.url);
    await checkedBefore('shop.example', {});
    await expect(run('kpis', { signal: AbortSignal.abort(new Error('another replica took over')) })).rejects.toThrow(
      'the request was given up',
    );
    expect(await statuses()).toMatchObject([{ kpis_at: null }]);
  });
});

test('neither what is logged nor what is kept holds a credential, whatever a shop answers', async () => {
  const authorization = Buffer.from(`${secrets.consumerKey}:${secrets.consumerSecret}`).toString('base64');
  const echo = `{"authorization":"Basic ${authorization}","key":"${secrets.consumerKey}"}`;
  const modes = [
    { kind: 'normal' },
    { kind: 'unauthorized' },
    { kind: 'failing', status: 500 },
    { kind: 'redirecting', location: `https://${secrets.consumerKey}:${secrets.consumerSecret}@shop.example/` },
    { kind: 'malformed' },
    { kind: 'answering', route: 'system_status', body: `[${echo}` },
    { kind: 'answering', route: 'orders', body: echo },
  ] as const;
  for (const [n, mode] of modes.entries()) await configure(`shop-${n}.example`, (await startShop({ mode })).url);
  await configure('none.example', 'http://127.0.0.1:1');
  expect(await run('health')).toEqual({ checked: 8, healthy: 2 });
  await database.query(`update woocommerce_store_status set status = 'healthy'`);
  expect(await run('kpis')).toEqual({ read: 2, failed: 6 });
  expect(logged).toHaveLength(6);
  const text = logged.join('') + JSON.stringify(await statuses());
  expect(text).not.toContain('hunter2');
  expect(text).not.toContain(authorization);
});
