import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape, testIdentity } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { insertChatbot } from '../../test/support/widget-rows.ts';

const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`).getTime();

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let org: { id: number; key: string };
let chatbotId: string;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, {
    environment: { RATE_LIMIT_MULTIPLIER: '10', TRUSTED_PROXY_HOPS: '1', WIDGET_EXTRA_ALLOWED_ORIGINS: 'https://preview.example.com' },
    now: () => new Date(noon),
  });
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});
beforeEach(async () => {
  unique += 1;
  org = await insertOrganization(database, { key: `owner-${unique}`, allowedDomains: ['shop.example'] });
  ({ chatbotId } = await insertChatbot(database, org.id));
});

const render = (changes: Record<string, unknown> = {}) => ({
  type: 'render',
  metric: { messageId: 'm', renderTime: 12.3, contentLength: 10, ...changes },
});

function post(body: unknown, { headers = {}, text = JSON.stringify(body) }: { headers?: Record<string, string>; text?: string } = {}) {
  return fetch(`${exporter.url}/api/monitoring/widget`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': chrome, 'x-forwarded-for': '203.0.113.7', ...headers },
    body: text,
  });
}
const sendAll = (metrics: unknown[], more: Record<string, unknown> = {}, sent?: Parameters<typeof post>[1]) =>
  post({ chatbotId, metrics, ...more }, sent);

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}
const stored = async (): Promise<number> =>
  (
    await database.query<{ count: number }>(
      'select coalesce(sum(count), 0)::bigint as count from widget_performance_minutes where chatbot_id = $1',
      [chatbotId],
    )
  )[0]?.count ?? 0;
const metric = async (series: string): Promise<number> => (await scrape(exporter.metricsUrl)).value(series) ?? Number.NaN;

describe('what is answered', () => {
  const timestamp = new Date(noon).toISOString();

  test('a single metric: its type, once it is stored', async () => {
    const response = await post({ chatbotId: chatbotId.toUpperCase(), ...render() });
    expect([response.status, await response.json()]).toEqual([200, { success: true, type: 'render', timestamp }]);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await stored()).toBe(1);
  });

  test('a batch: what was stored and what was too old', async () => {
    const old = render({ timestamp: noon - 3_600_001 });
    const response = await sendAll([render(), old, render({ timestamp: noon - 3_600_000 })]);
    expect(await response.json()).toEqual({ success: true, accepted: 2, ignored: 1, duplicate: false, timestamp });
    expect(await (await sendAll([old])).json()).toMatchObject({ accepted: 0, ignored: 1, duplicate: false });
    expect(await stored()).toBe(2);
  });

  test('a beacon: JSON that says it is text', async () => {
    const response = await sendAll([render()], {}, { headers: { 'content-type': 'text/plain;charset=UTF-8' } });
    expect(response.status).toBe(200);
  });

  test('a repeated batch is a duplicate and counts nothing; a repeated single metric answers as the first did', async () => {
    const batchId = randomUUID();
    expect(await (await sendAll([render(), render()], { batchId })).json()).toMatchObject({ accepted: 2, duplicate: false });
    expect(await (await sendAll([render(), render()], { batchId: batchId.toUpperCase() })).json()).toMatchObject({
      accepted: 0,
      duplicate: true,
    });
    const one = { chatbotId, batchId: randomUUID(), ...render() };
    const answers = [await (await post(one)).text(), await (await post(one)).text()];
    expect(answers[0]).toBe(answers[1]);
    expect(await stored()).toBe(3);
    // Whose batch it is matters.
    const other = await insertOrganization(database, { key: `other-${unique}` });
    const { chatbotId: foreign } = await insertChatbot(database, other.id);
    expect(await (await sendAll([render()], { batchId, chatbotId: foreign })).json()).toMatchObject({ accepted: 1 });
  });

  test('a bot gets the usual answer, and nothing is stored', async () => {
    const bots = await metric('observability_ingest_rows_total{endpoint="widget_performance",outcome="bot"}');
    for (const agent of ['Googlebot/2.1 (+http://www.google.com/bot.html)', '']) {
      const answer = await (await sendAll([render(), render()], {}, { headers: { 'user-agent': agent } })).json();
      expect(answer).toEqual({ success: true, accepted: 0, ignored: 2, duplicate: false, timestamp });
    }
    const single = await post({ chatbotId, ...render() }, { headers: { 'user-agent': 'curl/8.0 bot' } });
    expect(await single.json()).toEqual({ success: true, type: 'render', timestamp });
    expect(await stored()).toBe(0);
    expect(await metric('observability_ingest_rows_total{endpoint="widget_performance",outcome="bot"}')).toBe(bots + 5);
  });
});

describe('what is refused', () => {
  test.each([
    ['one bad metric takes all along', { metrics: [render(), render({ renderTime: -1 })] }, 'metrics.1.metric.renderTime'],
    ['a time in the future', { metrics: [render({ timestamp: noon + 300_001 })] }, 'metrics.0.metric.timestamp'],
    ['an unknown type', { type: 'clicks', metric: {} }, 'type'],
    ['a chatbot id that is none', { chatbotId: 'x', ...render() }, 'chatbotId'],
  ])('%s: 400 that names it', async (_case, body, path) => {
    const response = await post({ chatbotId, ...body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'VALIDATION_ERROR', issues: [{ path }] } });
    expect(await stored()).toBe(0);
  });

  test.each([
    ['infinity', '1e999'],
    ['not a number', 'NaN'],
    ['a negative', '-0.1'],
    ['an absurd size', '1e300'],
  ])('%s: 400', async (_case, number) => {
    const text = `{"chatbotId":"${chatbotId}","type":"render","metric":{"messageId":"m","renderTime":${number},"contentLength":1}}`;
    expect((await post(undefined, { text })).status).toBe(400);
  });

  test('an unknown chatbot and one of a deactivated organization: 404', async () => {
    expect(await codeOf(await sendAll([render()], { chatbotId: randomUUID() }))).toBe('CHATBOT_NOT_FOUND');
    const off = await insertOrganization(database, { key: `off-${unique}`, columns: { is_active: false } });
    const { chatbotId: of } = await insertChatbot(database, off.id);
    expect((await sendAll([render()], { chatbotId: of })).status).toBe(404);
  });

  test.each([
    ['https://shop.example', 200],
    ['https://preview.example.com', 200],
    ['', 200],
    ['https://evil.example', 403],
    ['null', 403],
    ['http://localhost:3000', 403],
  ])('origin %o: %s', async (origin, status) => {
    const response = await sendAll([render()], {}, { headers: { origin } });
    expect(response.status).toBe(status);
    if (status === 403) expect(await codeOf(response)).toBe('ORIGIN_NOT_ALLOWED');
  });

  test('more than 600 requests of a chatbot from one address in a minute', async () => {
    const few = await runExporter(database, { environment: { RATE_LIMIT_MULTIPLIER: '0.005' }, now: () => new Date(noon) });
    const ask = () =>
      fetch(`${few.url}/api/monitoring/widget`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': chrome },
        body: JSON.stringify({ chatbotId, ...render() }),
      });
    const statuses = [await ask(), await ask(), await ask(), await ask()].map(({ status }) => status);
    await few.stop();
    expect(statuses).toEqual([200, 200, 200, 429]);
  });

  test('a body over 256 KiB, a type that is none, broken JSON', async () => {
    expect((await post(undefined, { text: `"${'x'.repeat(256 * 1024)}"` })).status).toBe(413);
    expect((await post({}, { headers: { 'content-type': 'application/xml' } })).status).toBe(415);
    expect(await codeOf(await post(undefined, { text: '{' }))).toBe('INVALID_JSON');
  });

  test('what the database refuses fails alone', async () => {
    await database.query(`alter table widget_performance_minutes add constraint no_666 check (value_max <> 666) not valid`);
    const answers = await Promise.all([sendAll([render()]), sendAll([render({ renderTime: 666 })]), sendAll([render()])]);
    await database.query('alter table widget_performance_minutes drop constraint no_666');
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 200]);
    expect(await stored()).toBe(2);
  });

  test('while the database is away: 503, and the same batch is stored once when it is back', async () => {
    const batchId = randomUUID();
    await sendAll([render()]);
    await database.refuseConnections();
    const away = await sendAll([render()], { batchId });
    await database.acceptConnections();
    expect([away.status, away.headers.get('retry-after'), await codeOf(away)]).toEqual([503, '5', 'DATABASE_UNAVAILABLE']);
    await waitUntil(async () => (await sendAll([render()], { batchId })).status === 200, { within: 20_000, what: 'the batch' });
    expect(await (await sendAll([render()], { batchId })).json()).toMatchObject({ duplicate: true });
    expect(await stored()).toBe(2);
  });
});

test('requests that arrive while a write is under way share the next one', async () => {
  const commits = 'observability_ingest_commit_duration_seconds_count{endpoint="widget_performance"}';
  const before = await metric(commits);
  const answers = await Promise.all(Array.from({ length: 50 }, () => sendAll([render()])));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await stored()).toBe(50);
  expect((await metric(commits)) - before).toBeLessThan(25);
});

test('an alert about lost data says why operations failed', async () => {
  const failure = (errorType: string, timestamp: number) => ({
    type: 'persistence',
    metric: { operation: 'save', success: false, duration: 1, errorType, timestamp },
  });
  await sendAll([
    failure('QuotaExceededError', noon),
    failure('QuotaExceededError', noon - 60_000),
    failure('SecurityError', noon - 600_000),
  ]);
  const alert = {
    status: 'firing',
    labels: {
      alertname: 'WidgetDataLossDetected',
      severity: 'critical',
      category: 'persistence',
      feature: 'widget-performance',
      org: org.key,
    },
    annotations: { summary: 'Data Loss Detected', description: '2 data loss incident(s) detected', meta_incidents: '2' },
    startsAt: new Date(noon).toISOString(),
    endsAt: '0001-01-01T00:00:00Z',
    fingerprint: `lost-${unique}`,
  };
  const response = await fetch(`${exporter.url}/ingest/alertmanager`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${testIdentity.webhookToken}` },
    body: JSON.stringify({ version: '4', alerts: [alert] }),
  });
  expect(response.status).toBe(200);
  expect(await database.query('select metadata from alerts where fingerprint = $1', [`lost-${unique}`])).toEqual([
    { metadata: { incidents: 2, errorsByType: { QuotaExceededError: 2 } } },
  ]);
});
