import { randomBytes, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { startWooCommerceStandIn, type StandInMode, type WooCommerceStandIn } from '../../local/woocommerce-stand-in.ts';
import { seal } from '../../platform/auth/sealed.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { allHosts, publicHosts } from '../../platform/http/outbound.ts';
import { listen } from '../../platform/http/server.ts';
import type { StoreConfig } from './queries.ts';
import { checkStores, encryptionKeys, storeAccess } from './store-checks.ts';

const key = randomBytes(32);
const access = { encryptionKeys: [key], hosts: allHosts };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function startShop(mode: StandInMode = { kind: 'normal' }): Promise<WooCommerceStandIn> {
  const shop = await startWooCommerceStandIn({ mode });
  stops.push(shop.close);
  return shop;
}

function configOf(domain: string, url: string): StoreConfig {
  return {
    id: randomUUID(),
    org_id: 7,
    domain,
    woocommerce_url: url,
    consumer_key_enc: seal('ck_stand_in', key, { orgId: 7, domain, column: 'consumer_key_enc' }),
    consumer_secret_enc: seal('cs_stand_in', key, { orgId: 7, domain, column: 'consumer_secret_enc' }),
  };
}

const configsOf = (count: number, url: string): StoreConfig[] =>
  Array.from({ length: count }, (_, n) => configOf(`shop-${n}.example`, url));

test('outcomes come in the order of the shops; only those of healthy ones carry their URL', async () => {
  const [slow, failing] = [await startShop({ kind: 'slow', delayMs: 100 }), await startShop({ kind: 'failing', status: 500 })];
  const configs = [configOf('c.example', slow.url), configOf('a.example', failing.url), configOf('b.example', slow.url)];
  const anyTime = expect.any(Number) as number;
  const healthy = { status: 'healthy', message: 'API responding', response_time_ms: anyTime, woocommerce_url: slow.url };
  expect(await checkStores(configs, access)).toEqual([
    { domain: 'c.example', ...healthy },
    { domain: 'a.example', status: 'error', message: 'HTTP 500', response_time_ms: anyTime, error_type: 'UpstreamError' },
    { domain: 'b.example', ...healthy },
  ]);
  expect(await checkStores([], access)).toEqual([]);
});

test('ten shops are asked at once, not eleven', async () => {
  const waiting: ServerResponse[] = [];
  let most = 0;
  // Ten that wait are answered a little later: an eleventh would be there by then.
  const { port, close } = await listen(
    (_request, response) => {
      most = Math.max(most, waiting.push(response));
      if (waiting.length === 10) setTimeout(() => waiting.splice(0).forEach((answered) => answered.end('{}')), 50);
    },
    { port: 0, host: '127.0.0.1' },
  );
  stops.push(close);
  const checks = await checkStores(configsOf(20, `http://127.0.0.1:${port}`), access);
  expect(checks.map(({ status }) => status)).toEqual(Array<string>(20).fill('healthy'));
  expect(most).toBe(10);
});

test('a shop that does not answer keeps nobody waiting: the others are through before its deadline', async () => {
  const [hanging, healthy] = [await startShop({ kind: 'hanging' }), await startShop()];
  const deadlineMs = 3000;
  const startedAt = performance.now();
  const checking = checkStores([configOf('hanging.example', hanging.url), ...configsOf(29, healthy.url)], { ...access, deadlineMs });
  await waitUntil(() => healthy.requests.length === 29, { within: deadlineMs, what: 'a request to each of the other 29 shops' });
  expect(performance.now() - startedAt).toBeLessThan(deadlineMs);
  const [late, ...others] = await checking;
  expect(late).toMatchObject({ status: 'error', error_type: 'Timeout', message: 'no answer within 3 s' });
  expect(others.every(({ status }) => status === 'healthy')).toBe(true);
});

test('as many dead shops as are asked at once delay the others by one deadline, not by one each', async () => {
  const [hanging, healthy] = [await startShop({ kind: 'hanging' }), await startShop()];
  const deadlineMs = 700;
  const startedAt = performance.now();
  const checks = await checkStores([...configsOf(10, hanging.url), ...configsOf(10, healthy.url)], { ...access, deadlineMs });
  expect(performance.now() - startedAt).toBeLessThan(3 * deadlineMs);
  expect(checks.map(({ status }) => status)).toEqual([...Array<string>(10).fill('error'), ...Array<string>(10).fill('healthy')]);
});

test('the present key is tried before the previous one; without any, and without private hosts, nothing is taken for granted', () => {
  const [present, previous] = [randomBytes(32), randomBytes(32)];
  const variables = { CONFIG_ENCRYPTION_KEY: present.toString('base64'), CONFIG_ENCRYPTION_KEY_PREVIOUS: previous.toString('base64') };
  expect(encryptionKeys(variables)).toEqual([present, previous]);
  expect(encryptionKeys({ CONFIG_ENCRYPTION_KEY: undefined, CONFIG_ENCRYPTION_KEY_PREVIOUS: undefined })).toEqual([]);
  expect(storeAccess({ ...variables, WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: false }).hosts).toBe(publicHosts);
  expect(storeAccess({ ...variables, WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: true }).hosts).toBe(allHosts);
});
