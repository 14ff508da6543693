import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape } from '../../test/support/services.ts';
import { createIngestKey } from '../../jobs/provisioning.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let org: { id: number; key: string };
let ingestKey: string;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { environment: { RATE_LIMIT_MULTIPLIER: '100' } });
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});
beforeEach(async () => {
  unique += 1;
  org = await insertOrganization(database, { key: `shop-owner-${unique}` });
  ingestKey = (await createIngestKey(database.db, { orgKey: org.key, name: 'test' })).key;
});

function sendText(body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${exporter.url}/ingest/woocommerce/operations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ingestKey}`, 'content-type': 'application/json', ...headers },
    body,
  });
}

const send = (body: unknown, headers?: Record<string, string>): Promise<Response> => sendText(JSON.stringify(body), headers);

const item = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  operation: 'search_products',
  duration_ms: 250,
  success: true,
  domain: 'shop.example',
  ...changes,
});

const storedRows = (): Promise<unknown[]> =>
  database.query(
    'select operation, duration_ms, success, error_type, domain from woocommerce_usage_metrics where org_id = $1 order by duration_ms',
    [org.id],
  );

describe('POST /ingest/woocommerce/operations', () => {
  test('stores what is good, lists what is not by its index, and counts duplicates', async () => {
    const id = randomUUID();
    const created_at = new Date().toISOString();
    const response = await send({
      operations: [
        item({ id, created_at, duration_ms: 1 }),
        item({ id, created_at, duration_ms: 1 }),
        item({ duration_ms: 2, success: false, error_type: 'AxiosError' }),
        item({ operation: 'list_everything' }),
        item({ duration_ms: -1 }),
      ],
    });
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      success: true,
      data: {
        accepted: 2,
        duplicates: 1,
        rejected: [
          { index: 3, code: 'UnknownOperation', message: 'unknown operation: list_everything' },
          { index: 4, code: 'ValidationError', message: 'duration_ms must be at least 0' },
        ],
      },
    });
    expect(await storedRows()).toEqual([
      { operation: 'search_products', duration_ms: 1, success: true, error_type: null, domain: 'shop.example' },
      { operation: 'search_products', duration_ms: 2, success: false, error_type: 'UpstreamError', domain: 'shop.example' },
    ]);
  });

  test('an id that was sent before is acknowledged and not stored again', async () => {
    const body = { operations: [item({ id: randomUUID(), created_at: new Date().toISOString() })] };
    await send(body);
    expect(await (await send(body)).json()).toMatchObject({ data: { accepted: 0, duplicates: 1, rejected: [] } });
    expect(await storedRows()).toHaveLength(1);
  });

  test('is 202 also when every item was rejected', async () => {
    const response = await send({ operations: [item({ operation: 'nothing' })] });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ data: { accepted: 0, rejected: [{ index: 0 }] } });
  });

  test.each([
    ['no operations', {}, 'operations'],
    ['an empty list', { operations: [] }, 'operations'],
    ['501 items', { operations: Array.from({ length: 501 }, () => item()) }, 'operations'],
    ['a list as body', [], ''],
  ])('%s is 400 and names the field', async (_what, body, path) => {
    const response = await send(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'VALIDATION_ERROR', issues: [{ path }] } });
    expect(await storedRows()).toEqual([]);
  });

  test('every bad item is refused by itself and says what is wrong; the good ones around it are stored', async () => {
    const bad: [Record<string, unknown>, code: string, message: string | RegExp][] = [
      [{ operation: 'list_everything' }, 'UnknownOperation', 'unknown operation: list_everything'],
      [{ operation: 'Search_Products' }, 'UnknownOperation', 'unknown operation: Search_Products'],
      [{ operation: '*' }, 'UnknownOperation', 'unknown operation: *'],
      [{ operation: 'constructor' }, 'UnknownOperation', 'unknown operation: constructor'],
      [{ operation: undefined }, 'ValidationError', 'operation is required'],
      [{ operation: ['search_products'] }, 'ValidationError', 'operation must be a string'],
      [{ duration_ms: -1 }, 'ValidationError', 'duration_ms must be at least 0'],
      [{ duration_ms: -0.001 }, 'ValidationError', 'duration_ms must be at least 0'],
      [{ duration_ms: 86_400_001 }, 'ValidationError', 'duration_ms must be at most 86400000'],
      [{ duration_ms: 1e308 }, 'ValidationError', 'duration_ms must be at most 86400000'],
      [{ duration_ms: null }, 'ValidationError', 'duration_ms must be a number'],
      [{ duration_ms: '250' }, 'ValidationError', 'duration_ms must be a number'],
      [{ success: 1 }, 'ValidationError', 'success must be true or false'],
      [{ domain: '*' }, 'ValidationError', 'domain must be a host name such as shop.example'],
      [{ domain: `${'a.'.repeat(200)}example` }, 'ValidationError', 'domain must be a host name such as shop.example'],
      [{ id: 'x' }, 'ValidationError', 'id must be a UUID'],
      [{ created_at: 'yesterday' }, 'ValidationError', /^created_at must be a moment in ISO 8601/],
      [{ created_at: '2026-02-30T10:00:00Z' }, 'ValidationError', /^created_at must be a moment in ISO 8601/],
      [{ created_at: 1_770_000_000 }, 'ValidationError', /^created_at must be a moment in ISO 8601/],
      [{ error_message: {} }, 'ValidationError', 'error_message must be a string'],
    ];
    const operations = bad.flatMap(([changes], n) => [item(changes), item({ duration_ms: n })]);
    const response = await send({ operations: [...operations, null, [], 'text'] });
    expect(response.status).toBe(202);
    const { data } = (await response.json()) as { data: { accepted: number; duplicates: number; rejected: unknown[] } };
    expect([data.accepted, data.duplicates]).toEqual([bad.length, 0]);
    expect(data.rejected).toEqual([
      ...bad.map(([, code, message], n) => ({
        index: n * 2,
        code,
        message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
      })),
      ...[0, 1, 2].map((n) => ({ index: operations.length + n, code: 'ValidationError', message: expect.any(String) as string })),
    ]);
    expect(await storedRows()).toHaveLength(bad.length);
  });

  test('a number that JSON cannot hold is refused by itself', async () => {
    const text = JSON.stringify({ operations: [item({ duration_ms: 1 }), item()] }).replace('250', '1e999');
    expect(await (await sendText(text)).json()).toMatchObject({
      data: { accepted: 1, rejected: [{ index: 1, code: 'ValidationError', message: 'duration_ms must be a number' }] },
    });
  });

  test("a shop that nobody knows and one of another organization are stored for the key's organization, linked to no shop", async () => {
    const other = await insertOrganization(database, { key: `neighbour-${unique}` });
    const domain = `theirs-${unique}.example`;
    await database.query('insert into customer_configs (id, org_id, domain) values ($1, $2, $3)', [randomUUID(), other.id, domain]);
    const response = await send({ operations: [item({ domain }), item({ domain: 'HTTPS://Nobody.Example:443/x' })] });
    expect(await response.json()).toEqual({ success: true, data: { accepted: 2, duplicates: 0, rejected: [] } });
    const linked = 'select domain, customer_config_id from woocommerce_usage_metrics where org_id = $1 order by domain';
    expect(await database.query(linked, [org.id])).toEqual([
      { domain: 'nobody.example', customer_config_id: null },
      { domain, customer_config_id: null },
    ]);
    expect(await database.query(linked, [other.id])).toEqual([]);
  });

  test('an operation of the future or of long ago is stored at the time of receipt, one of the last seven days at its own', async () => {
    const before = new Date();
    const days = (count: number): string => new Date(before.getTime() + count * 86_400_000).toISOString();
    const moments = [days(1), days(3650), '9999-12-31T23:59:59Z', days(-8), '1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z', days(-6)];
    const response = await send({ operations: moments.map((created_at, duration_ms) => item({ created_at, duration_ms })) });
    expect(await response.json()).toMatchObject({ data: { accepted: moments.length, rejected: [] } });
    const stored = await database.query<{ created_at: Date }>(
      'select created_at from woocommerce_usage_metrics where org_id = $1 order by duration_ms',
      [org.id],
    );
    const [last, ...atReceipt] = stored.map(({ created_at: at }) => at).toReversed();
    expect(last?.toISOString()).toBe(days(-6));
    for (const at of atReceipt) {
      expect(at.getTime()).toBeGreaterThanOrEqual(before.getTime());
      expect(at.getTime()).toBeLessThanOrEqual(Date.now());
    }
  });

  test('an id twice in one body is stored once, in whichever case it is written, and counted as a duplicate', async () => {
    const id = randomUUID();
    const other = randomUUID();
    const response = await send({
      operations: [item({ id, duration_ms: 1 }), item({ id: other, duration_ms: 2 }), item({ id: id.toUpperCase(), duration_ms: 3 })],
    });
    expect(await response.json()).toEqual({ success: true, data: { accepted: 2, duplicates: 1, rejected: [] } });
    expect(await storedRows()).toMatchObject([{ duration_ms: 1 }, { duration_ms: 2 }]);
  });

  test('500 items are stored; 501 are 400, and the message says how many may be sent', async () => {
    const items = Array.from({ length: 501 }, () => item());
    const refused = await send({ operations: items });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { issues: [{ path: 'operations', message: 'must hold at most 500 operations: send the others in another request' }] },
    });
    expect(await storedRows()).toEqual([]);
    expect(await (await send({ operations: items.slice(1) })).json()).toMatchObject({ data: { accepted: 500 } });
  });

  test.each<[string, string, Record<string, string>, number, string]>([
    ['text that is no JSON', '{"operations":', {}, 400, 'INVALID_JSON'],
    ['nothing', '', {}, 400, 'INVALID_JSON'],
    ['null', 'null', {}, 400, 'VALIDATION_ERROR'],
    ['an object in the place of the list', '{"operations":{"0":{}}}', {}, 400, 'VALIDATION_ERROR'],
    ['another content type', '{}', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a compressed body', '{}', { 'content-encoding': 'gzip' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['more than 2 MiB', `{"operations":["${'x'.repeat(2 * 1024 * 1024)}"]}`, {}, 413, 'PAYLOAD_TOO_LARGE'],
  ])('%s is refused as a whole', async (_what, body, headers, status, code) => {
    const response = await sendText(body, headers);
    expect([response.status, await response.json()]).toEqual([status, { error: expect.objectContaining({ code }) as unknown }]);
    expect(await storedRows()).toEqual([]);
  });

  test('an unknown ingest key is 401', async () => {
    const response = await send({ operations: [item()] }, { authorization: `Bearer ik_${'x'.repeat(43)}` });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: 'INVALID_INGEST_KEY' } });
  });

  test('a row that the database refuses is listed, and the others are stored', async () => {
    await database.query(
      `alter table woocommerce_usage_metrics add constraint no_poison check (domain <> 'poison-${unique}.example') not valid`,
    );
    const response = await send({ operations: [item({ domain: `poison-${unique}.example` }), item({ duration_ms: 7 })] });
    await database.query('alter table woocommerce_usage_metrics drop constraint no_poison');
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ data: { accepted: 1, rejected: [{ index: 0, code: 'ROW_REFUSED' }] } });
    expect(await storedRows()).toMatchObject([{ duration_ms: 7 }]);
  });

  test('is 503 with Retry-After while the database is away, and stores the same ids once when it is back', async () => {
    const body = { operations: [item({ id: randomUUID(), created_at: new Date().toISOString() })] };
    await send({ operations: [item({ operation: 'warms the key cache' })] });
    await database.refuseConnections();
    const response = await send(body);
    await database.acceptConnections();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await (await send(body)).json()).toMatchObject({ data: { accepted: 1, duplicates: 0 } });
  });

  test('counts what was stored, fleet-wide and for its organization, and a duplicate never', async () => {
    await database.query('insert into customer_configs (id, org_id, domain) values ($1, $2, $3)', [
      randomUUID(),
      org.id,
      `configured-${unique}.example`,
    ]);
    const before = await scrape(exporter.metricsUrl);
    const failure = item({
      id: randomUUID(),
      created_at: new Date().toISOString(),
      operation: 'get_cart',
      success: false,
      error_type: 'Timeout',
      domain: `configured-${unique}.example`,
      duration_ms: 7000,
    });
    await send({ operations: [failure, failure, item({ operation: 'unheard_of' })] });
    await send({ operations: [failure, item({ domain: 'somewhere.example' })] });
    const after = await scrape(exporter.metricsUrl);
    const grown = (series: string): number => (after.value(series) ?? 0) - (before.value(series) ?? 0);
    expect(grown('woocommerce_operations_total{operation="get_cart",outcome="failure"}')).toBe(1);
    expect(grown('woocommerce_operation_errors_total{error_type="Timeout"}')).toBe(1);
    expect(grown('woocommerce_operation_duration_seconds_bucket{le="8",operation="get_cart"}')).toBe(1);
    expect(grown('woocommerce_operations_rejected_total{code="UnknownOperation"}')).toBe(1);

    await exporter.refresh();
    const orgs = await scrape(exporter.metricsUrl, '/metrics/orgs');
    const labels = `org="${org.key}"`;
    expect(orgs.value(`woocommerce_org_operations_total{${labels},outcome="failure"}`)).toBe(1);
    expect(orgs.value(`woocommerce_org_operations_total{${labels},outcome="success"}`)).toBe(1);
    expect(orgs.value(`woocommerce_org_operation_errors_total{${labels},error_type="Timeout"}`)).toBe(1);
    expect(orgs.value(`woocommerce_org_operation_errors_total{${labels},error_type="NotFound"}`)).toBe(0);
    expect(orgs.value(`woocommerce_org_operation_duration_seconds_bucket{${labels},le="5"}`)).toBe(1);
    expect(orgs.value(`woocommerce_org_operation_duration_seconds_bucket{${labels},le="10"}`)).toBe(2);
    expect(orgs.value(`woocommerce_store_operations_total{${labels},store="configured-${unique}.example",outcome="failure"}`)).toBe(1);
    expect(orgs.value(`woocommerce_store_operations_total{${labels},store="other",outcome="success"}`)).toBe(1);
  });
});
