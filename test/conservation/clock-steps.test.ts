import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createTenantChatbots } from '../support/event-load.ts';
import { poster, standingClock, type Post } from '../support/marketing.ts';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { runExporter } from '../support/services.ts';

/** The exporter with a clock that is set by hand, as an administrator, a hypervisor or NTP would. */
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let post: Post;
let unique = 0;
const clock = standingClock();

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { now: clock.now });
  post = poster(exporter.url);
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

const browser = {
  'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
};
const minute = 60_000;
const hour = 60 * minute;

interface Sender {
  orgKey: string;
  chatbotId: string;
  ingestKey: string;
}

async function sender(): Promise<Sender> {
  unique += 1;
  const orgKey = `clock-${unique}`;
  const [chatbotId = ''] = await createTenantChatbots(database, [orgKey]);
  const { key: ingestKey } = await createIngestKey(database.db, { orgKey, name: 'test' });
  return { orgKey, chatbotId, ingestKey };
}

/** The same things every time that they are sent, on every route whose items carry an id. */
function itemsOf({ chatbotId, ingestKey, orgKey }: Sender, { clockAheadMs }: { clockAheadMs: number }): () => Promise<number[]> {
  const id = randomUUID();
  const bearer = { authorization: `Bearer ${ingestKey}` };
  const madeAt = new Date(clock.now().getTime() + clockAheadMs).toISOString();
  const event = { event_name: 'message_sent', event_category: 'engagement' };
  const requests: [path: string, body: unknown, headers: Record<string, string>][] = [
    ['/ingest/widget/messages', { batchId: id, messages: [{ duration_ms: 1, role: 'assistant' }] }, bearer],
    ['/widget/analytics', { chatbotId, sessionId: 's', events: [{ ...event, event_id: id }] }, browser],
    ['/widget/analytics', { chatbotId, sessionId: 's', events: [{ ...event, event_id: randomUUID(), client_timestamp: madeAt }] }, browser],
    [
      '/api/monitoring/widget',
      { chatbotId, batchId: id, metrics: [{ type: 'render', metric: { messageId: '-', renderTime: 5, contentLength: 0 } }] },
      browser,
    ],
    [
      '/ingest/woocommerce/operations',
      { operations: [{ id, operation: 'search_products', duration_ms: 5, success: true, domain: 'shop.example', created_at: madeAt }] },
      bearer,
    ],
    ['/v1/events', { anonId: `anon-${orgKey}`, eventType: 'page_view', path: '/', eventId: id, traffic: { propertyId: orgKey } }, browser],
    [
      '/v1/events',
      {
        anonId: `anon-${orgKey}`,
        eventType: 'scroll',
        path: '/',
        eventId: randomUUID(),
        timestamp: madeAt,
        traffic: { propertyId: orgKey },
      },
      browser,
    ],
  ];
  return () => Promise.all(requests.map(async ([path, body, headers]) => (await post(path, body, headers)).status));
}

const acknowledged = [202, 204, 204, 200, 202, 202, 202];

async function countStored({ orgKey, chatbotId }: Sender): Promise<Record<string, number>> {
  const [row] = await database.query<Record<string, number>>(
    `select
       (select totals.widget_rt_total_count from widget_health_totals totals join organizations on organizations.id = totals.org_id
        where organizations.key = $1) as messages,
       (select count(*) from widget_events events where events.chatbot_id = $2) as events,
       (select sum(sessions.messages_sent)::integer from widget_sessions sessions where sessions.chatbot_id = $2) as "messages of sessions",
       (select sum(minutes.count)::integer from widget_performance_minutes minutes where minutes.chatbot_id = $2) as renders,
       (select count(*) from woocommerce_usage_metrics usage join organizations on organizations.id = usage.org_id
        where organizations.key = $1) as operations,
       (select count(*) from marketing.events events where events.property_id = $1) as "site events"`,
    [orgKey, chatbotId],
  );
  return row ?? {};
}

const once = { messages: 1, events: 2, 'messages of sessions': 2, renders: 1, operations: 1, 'site events': 2 };

test.each<[what: string, from: string, stepMs: number]>([
  ['an hour ahead', '12:00:00.000', hour],
  ['an hour back', '12:00:00.000', -hour],
  ['an hour ahead, over midnight', '23:30:00.000', hour],
  ['an hour back, over midnight', '00:30:00.000', -hour],
  ['a day ahead', '12:00:00.000', 24 * hour],
  ['on, in the last half second of a day', '23:59:59.500', 1000],
])('F12: what is sent again after the clock was set %s is stored once', async (_what, from, stepMs) => {
  clock.set(new Date(`${clock.today}T${from}Z`));
  const owner = await sender();
  const send = itemsOf(owner, { clockAheadMs: 0 });
  expect(await send()).toEqual(acknowledged);
  clock.pass(stepMs);
  expect(await send()).toEqual(acknowledged);
  expect(await countStored(owner)).toEqual(once);
});

test.each<[what: string, clockAheadMs: number]>([
  ['ten minutes ahead', 10 * minute],
  ['two hours ahead', 2 * hour],
  ['two hours behind', -2 * hour],
  ['years behind', -20_000 * hour],
])('F12: what a sender whose clock is %s sends again after midnight is stored once', async (_what, clockAheadMs) => {
  clock.set(new Date(`${clock.today}T23:57:00.000Z`));
  const owner = await sender();
  const send = itemsOf(owner, { clockAheadMs });
  for (const passedMs of [0, 5 * minute, 10 * minute]) {
    clock.pass(passedMs);
    expect(await send()).toEqual(acknowledged);
  }
  expect(await countStored(owner)).toEqual(once);
});

test('F12: a clock that is set back and on again neither ends a session nor keeps it for ever', async () => {
  clock.set(new Date(`${clock.today}T12:00:00.000Z`));
  const { chatbotId } = await sender();
  const send = async (): Promise<number> =>
    (await post('/widget/analytics', { chatbotId, sessionId: 's', events: [{ event_name: 'message_sent' }] }, browser)).status;
  const sessions = (): Promise<{ messages_sent: number; end_reason: string | null }[]> =>
    database.query('select messages_sent, end_reason from widget_sessions where chatbot_id = $1 order by started_at', [chatbotId]);

  for (const stepMs of [0, -hour, 10 * minute, hour]) {
    clock.pass(stepMs);
    expect(await send()).toBe(204);
  }
  expect(await sessions()).toEqual([{ messages_sent: 4, end_reason: null }]);
  // Idle for half an hour by a clock that goes on.
  clock.pass(hour / 2);
  expect(await send()).toBe(204);
  expect(await sessions()).toEqual([
    { messages_sent: 4, end_reason: 'timeout' },
    { messages_sent: 1, end_reason: null },
  ]);
});
