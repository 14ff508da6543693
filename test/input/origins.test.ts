import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operations } from '../support/documented-operations.ts';
import { allowedOrigin, inLanes, startWatchedServices, type WatchedServices } from '../support/watched-services.ts';
import { testIdentity } from '../support/services.ts';

/** Origins that look like an allowed one, on every route that looks at origins and needs no credential. How they are read: platform/origin. */
let services: WatchedServices;

beforeAll(async () => {
  services = await startWatchedServices();
});
afterAll(() => services.stop());

const looksLike = (origin: string): string[] => {
  const { host } = new URL(origin);
  const [name = ''] = host.split('.');
  return [
    `https://${host}.evil.example`,
    `https://evil-${host}`,
    `https://evil.example/${host}`,
    `https://evil.example?${host}`,
    `https://evil.example#${host}`,
    `https://${host}@evil.example`,
    `https://${host}:443@evil.example`,
    `https://evil.example\\@${host.replace(name, 'x')}`,
    `https://sub.${host}`,
    `https://${host.replace('.', '')}`,
    `https://${host.replace('.', '-')}`,
    `https://${host.replace(name, 'xn--shp-tna')}`,
    host,
    `//${host}`,
    `https:${'/'.repeat(4)}evil.example/${host}`,
    `file://${host}`,
    `ftp://${host}`,
    `chrome-extension://${host}`,
    `data:text/html,${host}`,
    `https://${host}%00.evil.example`,
    `https://${host}%2eevil.example`,
    `https://${host}\u3002evil.example`,
    `${origin}, https://evil.example`,
    `https://evil.example, ${origin}`,
    `https://evil.example ${origin}`,
    `https://[::ffff:127.0.0.1]`,
    'https://localhost',
    'http://127.0.0.1:8080',
    'https://0x7f.1',
    'https://*',
    'null',
    'undefined',
    'https://',
    'x'.repeat(4000),
  ].map((text) => Buffer.from(text).toString('latin1'));
};

const guarded = operations.filter(({ credential, statuses }) => credential === undefined && statuses.includes('403'));

describe.each(guarded.map((operation) => [operation.name, operation] as const))('%s', (_name, operation) => {
  const request = (origin: string): Parameters<WatchedServices['send']>[1] => {
    const [example] = operation.body?.examples ?? [];
    return {
      headers: { origin },
      query: operation.parameters.some(({ name }) => name === 'siteId') ? `siteId=${services.known['siteId']}` : '',
      body: example === undefined ? undefined : JSON.stringify(services.withKnown(example)),
    };
  };

  test('refuses every origin that only looks like an allowed one', async () => {
    const origins = [allowedOrigin, testIdentity.portalOrigin].flatMap(looksLike);
    await inLanes(origins, 8, async (origin) => {
      const { status, headers } = await services.send(operation, request(origin));
      expect([origin, status]).toEqual([origin, 403]);
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect([null, '*']).toContain(headers.get('access-control-allow-origin'));
    });
  });

  test('takes an allowed one', async () => {
    const statuses = await Promise.all(
      [allowedOrigin, testIdentity.portalOrigin].map(async (origin) => (await services.send(operation, request(origin))).status),
    );
    expect(statuses.filter((status) => status !== 403)).toHaveLength(1);
  });
});

test('there are routes that look at origins', () => {
  expect(guarded.length).toBeGreaterThanOrEqual(7);
});

test('whatever was refused is refused again, and stored nothing', async () => {
  expect(await services.expectRefusalsStoreNothing()).toBeGreaterThan(70);
});

test('the processes are as they were, and no log line tells what was sent', () => services.expectUnharmed());
