import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { poster, standingClock, type Post } from '../support/marketing.ts';
import { runExporter } from '../support/services.ts';
import { acknowledged, browser, countStored, createSender, identifiedItems, once, type Sender } from './identified-items.ts';

/** The exporter with a clock that is set by hand, as an administrator, a hypervisor or NTP would. */
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let post: Post;
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

const minute = 60_000;
const hour = 60 * minute;

/** The same things every time that they are sent, on every route whose items carry an id. */
function itemsOf(owner: Sender, { clockAheadMs }: { clockAheadMs: number }): () => Promise<number[]> {
  return identifiedItems(post, owner, new Date(clock.now().getTime() + clockAheadMs));
}

test.each<[what: string, from: string, stepMs: number]>([
  ['an hour ahead', '12:00:00.000', hour],
  ['an hour back', '12:00:00.000', -hour],
  ['an hour ahead, over midnight', '23:30:00.000', hour],
  ['an hour back, over midnight', '00:30:00.000', -hour],
  ['a day ahead', '12:00:00.000', 24 * hour],
  ['on, in the last half second of a day', '23:59:59.500', 1000],
])('F12: what is sent again after the clock was set %s is stored once', async (_what, from, stepMs) => {
  clock.set(new Date(`${clock.today}T${from}Z`));
  const owner = await createSender(database);
  const send = itemsOf(owner, { clockAheadMs: 0 });
  expect(await send()).toEqual(acknowledged);
  clock.pass(stepMs);
  expect(await send()).toEqual(acknowledged);
  expect(await countStored(database, owner)).toEqual(once);
});

test.each<[what: string, clockAheadMs: number]>([
  ['ten minutes ahead', 10 * minute],
  ['two hours ahead', 2 * hour],
  ['two hours behind', -2 * hour],
  ['years behind', -20_000 * hour],
])('F12: what a sender whose clock is %s sends again after midnight is stored once', async (_what, clockAheadMs) => {
  clock.set(new Date(`${clock.today}T23:57:00.000Z`));
  const owner = await createSender(database);
  const send = itemsOf(owner, { clockAheadMs });
  for (const passedMs of [0, 5 * minute, 10 * minute]) {
    clock.pass(passedMs);
    expect(await send()).toEqual(acknowledged);
  }
  expect(await countStored(database, owner)).toEqual(once);
});

test('F12: a clock that is set back and on again neither ends a session nor keeps it for ever', async () => {
  clock.set(new Date(`${clock.today}T12:00:00.000Z`));
  const { chatbotId } = await createSender(database);
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
