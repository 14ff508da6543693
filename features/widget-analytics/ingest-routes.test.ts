import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape } from '../../test/support/services.ts';

const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const day = 86_400_000;
const minute = 60_000;

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let org: { id: number; key: string };
let chatbotId: string;
let unique = 0;
/** Noon of the real day: its partitions exist. */
const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`).getTime();
let clock = noon;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, {
    environment: {
      RATE_LIMIT_MULTIPLIER: '100',
      TRUSTED_PROXY_HOPS: '1',
      WIDGET_EXTRA_ALLOWED_ORIGINS: 'https://preview.example.com',
    },
    now: () => new Date(clock),
  });
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});
beforeEach(async () => {
  clock = noon;
  unique += 1;
  org = await insertOrganization(database, { key: `owner-${unique}`, allowedDomains: ['shop.example', '*.wild.example'] });
  chatbotId = await addChatbot(org.id);
});

async function addChatbot(orgId: number, id: string = randomUUID()): Promise<string> {
  await database.query(`insert into chatbots (id, org_id, name) values ($1, $2, 'test')`, [id, orgId]);
  return id;
}

interface Sent {
  path?: string;
  headers?: Record<string, string>;
  text?: string;
}

function post(body: unknown, { path = '/widget/analytics', headers = {}, text = JSON.stringify(body) }: Sent = {}): Promise<Response> {
  return fetch(exporter.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': chrome, 'x-forwarded-for': '203.0.113.77', ...headers },
    body: text,
  });
}

function send(changes: Record<string, unknown>, sent?: Sent): Promise<Response> {
  return post({ chatbotId, sessionId: 's', events: [{ event_name: 'widget_loaded' }], ...changes }, sent);
}

const sendEvents = (...events: Record<string, unknown>[]): Promise<Response> => send({ events });

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

type Row = Record<string, unknown>;
const sessions = (): Promise<Row[]> =>
  database.query<Row>('select * from widget_sessions where chatbot_id = $1 order by session_id, started_at', [chatbotId]);
const events = (): Promise<Row[]> =>
  database.query<Row>('select * from widget_events where chatbot_id = $1 order by created_at, seq', [chatbotId]);
const count = async (): Promise<number> => (await events()).length;

async function only(rows: Promise<Row[]>): Promise<Row> {
  const [row, ...others] = await rows;
  expect(others).toEqual([]);
  if (row === undefined) throw new Error('there is no row');
  return row;
}

describe('an accepted request', () => {
  test('is answered 204 without a body once its events and its session are stored', async () => {
    const id = randomUUID();
    const response = await send({
      anonymousId: 'a-1',
      user: { id: 'u-42', email: 'u@example.com', name: 'U', metadata: { plan: 'pro' } },
      context: {
        referrer: 'https://www.example.com/',
        landing_page: 'https://shop.example/?utm_source=query&utm_term=t%20t',
        utm_source: 'google',
        screen_width: 1280,
        screen_height: 720,
      },
      events: [
        {
          event_name: 'widget_opened',
          event_category: 'engagement',
          event_id: id.toUpperCase(),
          client_timestamp: new Date(clock - minute).toISOString().replace('Z', '+00:00'),
          properties: { triggered_by: 'manual', x: 1 },
          page_url: 'https://shop.example/p',
          page_title: 'P',
        },
        { event_name: 'message_sent' },
        { event_name: 'message_received', properties: { response_time_ms: 1000 } },
        { event_name: 'message_received', properties: { response_time_ms: 2001 } },
        { event_name: 'message_received', properties: { response_time_ms: 600_001 } },
        { event_name: 'pre_chat_form_submitted' },
        { event_name: 'widget_minimized' },
      ],
    });
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const at = new Date(clock);
    expect(await only(sessions())).toMatchObject({
      org_id: org.id,
      session_id: 's',
      anonymous_id: 'a-1',
      user_id: 'u-42',
      user_email: 'u@example.com',
      user_name: 'U',
      user_metadata: { plan: 'pro' },
      started_at: at,
      last_activity_at: at,
      ended_at: null,
      end_reason: null,
      duration_seconds: null,
      referrer: 'https://www.example.com/',
      landing_page: 'https://shop.example/?utm_source=query&utm_term=t%20t',
      utm_source: 'google',
      utm_medium: null,
      utm_term: 't t',
      user_agent: chrome,
      browser_name: 'Chrome',
      browser_version: '126.0.0.0',
      os_name: 'Windows',
      os_version: '10',
      device_type: 'desktop',
      screen_width: 1280,
      screen_height: 720,
      ip_address: '203.0.113.0/24',
      country_code: null,
      messages_sent: 1,
      messages_received: 3,
      widget_opened_count: 1,
      widget_minimized_count: 1,
      response_time_sum_ms: 3001,
      response_time_count: 2,
      avg_response_time_ms: 1501,
      had_conversation: true,
      completed_pre_chat_form: true,
      triggered_by: 'manual',
      created_at: at,
      updated_at: at,
    });
    const [opened, sent] = await events();
    expect(opened).toMatchObject({
      id,
      anonymous_id: 'a-1',
      user_id: 'u-42',
      event_category: 'engagement',
      properties: { triggered_by: 'manual', x: 1 },
      page_url: 'https://shop.example/p',
      page_title: 'P',
      seq: 0,
      session_started_at: at,
      timestamp: new Date(clock - minute),
      client_timestamp: new Date(clock - minute),
      created_at: at,
    });
    expect(sent).toMatchObject({ seq: 1, event_category: null, properties: {}, timestamp: at, client_timestamp: null });
    expect(await database.query('select anonymous_id, first_seen_at from widget_visitors where chatbot_id = $1', [chatbotId])).toEqual([
      { anonymous_id: 'a-1', first_seen_at: at },
    ]);
  });

  test('may be a beacon of text/plain, and name its chatbot in capitals', async () => {
    const response = await send({ chatbotId: chatbotId.toUpperCase() }, { headers: { 'content-type': 'text/plain;charset=UTF-8' } });
    expect(response.status).toBe(204);
    expect((await only(events())).chatbot_id).toBe(chatbotId);
  });

  test('without any user agent is a desktop, not a bot', async () => {
    expect((await send({}, { headers: { 'user-agent': '' } })).status).toBe(204);
    expect(await only(sessions())).toMatchObject({ user_agent: null, browser_name: null, device_type: 'desktop' });
  });

  test.each([
    ['203.0.113.77', '203.0.113.0/24'],
    ['2001:db8:1:2::5', '2001:db8:1::/48'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['not an address', null],
  ])('from %s stores %s', async (address, expected) => {
    expect((await send({}, { headers: { 'x-forwarded-for': address } })).status).toBe(204);
    expect((await only(sessions())).ip_address).toBe(expected);
  });
});

describe('events', () => {
  test('with one id are stored once, in one request and in repeated ones, and count once', async () => {
    const event_id = randomUUID();
    const repeated = { event_name: 'message_sent', event_id };
    const before = await ledger();
    expect((await sendEvents(repeated, repeated)).status).toBe(204);
    clock += minute;
    expect((await sendEvents(repeated)).status).toBe(204);
    expect(await count()).toBe(1);
    expect(await only(sessions())).toMatchObject({ messages_sent: 1, last_activity_at: new Date(noon) });
    expect((await ledger()).duplicate - before.duplicate).toBe(2);
  });

  test('with one id are two rows for two chatbots', async () => {
    const event_id = randomUUID();
    await sendEvents({ event_name: 'e', event_id });
    const first = chatbotId;
    chatbotId = await addChatbot(org.id);
    await sendEvents({ event_name: 'e', event_id });
    expect(await database.query('select chatbot_id from widget_events where id = $1', [event_id])).toHaveLength(2);
    expect(first).not.toBe(chatbotId);
  });

  test.each([
    ['a client time a day old', { client_timestamp: new Date(noon - day).toISOString() }, noon - day],
    ['a client time older than a day', { client_timestamp: new Date(noon - day - 1).toISOString() }, noon],
    ['a client time five minutes ahead', { client_timestamp: new Date(noon + 5 * minute).toISOString() }, noon + 5 * minute],
    ['a client time further ahead', { client_timestamp: new Date(noon + 5 * minute + 1).toISOString() }, noon],
    ['an id of version 7', { event_id: uuid7(noon - 3600_000) }, noon - 3600_000],
    ['an id of version 7 that is too old', { event_id: uuid7(noon - day - 1) }, noon],
    ['a client time and an id', { client_timestamp: new Date(noon - 5).toISOString(), event_id: uuid7(noon - 3600_000) }, noon - 5],
    [
      'a client time out of bounds and an id',
      { client_timestamp: '2001-01-01T00:00:00+02:00', event_id: uuid7(noon - 3600_000) },
      noon - 3600_000,
    ],
    ['neither', {}, noon],
  ])('with %s happened then', async (_what, times, expected) => {
    expect((await sendEvents({ event_name: 'e', ...times })).status).toBe(204);
    const stored = await only(events());
    expect(stored.timestamp).toEqual(new Date(expected));
    expect(stored.event_date).toBe(new Date(expected).toISOString().slice(0, 10));
    expect(stored.client_timestamp).toEqual('client_timestamp' in times ? new Date(times.client_timestamp) : null);
  });

  test('sent again after midnight land on their own day and are known', async () => {
    const event = { event_name: 'message_sent', event_id: uuid7(noon) };
    await sendEvents(event);
    clock += day / 2 + minute;
    await sendEvents(event);
    expect(await count()).toBe(1);
    expect(await sessions()).toHaveLength(1);
  });

  test.each([
    ['a client time a day old', day / 2, { client_timestamp: new Date(noon - day / 2 + 1000).toISOString() }],
    ['a clock that is hours ahead', day / 2 + minute, { client_timestamp: new Date(noon + day / 2 + minute).toISOString() }],
    ['a clock that is wrong by years', day / 2 + minute, { client_timestamp: '2001-01-01T00:00:00Z' }],
    ['an id that carries no time', day / 2 + minute, {}],
    ['an id whose time is a day old', day / 2, { event_id: uuid7(noon - day / 2 + 1000) }],
  ])('with %s are known when their retry counts as another day', async (_what, later, times) => {
    const event = { event_name: 'message_sent', event_id: randomUUID(), ...times };
    await sendEvents(event);
    clock += later + 2000;
    expect((await sendEvents(event)).status).toBe(204);
    expect(await count()).toBe(1);
    expect((await sessions()).map(({ messages_sent }) => messages_sent)).toEqual([1]);
  });

  test('of a day that is over mark it for the rollup, others do not', async () => {
    await sendEvents({ event_name: 'today' }, { event_name: 'late', client_timestamp: new Date(noon - 13 * 3600_000).toISOString() });
    expect(await database.query('select org_id, day from rollup_dirty_days where chatbot_id = $1', [chatbotId])).toEqual([
      { org_id: org.id, day: new Date(noon - day).toISOString().slice(0, 10) },
    ]);
  });

  test('carry the ids of their session where the request has none', async () => {
    await send({ anonymousId: 'a-1', user: { id: 'u-1' } });
    await send({});
    await send({ anonymousId: 'a-2' });
    expect((await events()).map(({ anonymous_id, user_id }) => [anonymous_id, user_id])).toEqual([
      ['a-1', 'u-1'],
      ['a-1', 'u-1'],
      ['a-2', 'u-1'],
    ]);
    expect((await only(sessions())).anonymous_id).toBe('a-1');
  });
});

/** An id of version 7 with this time in it. */
function uuid7(at: number): string {
  const hex = at.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${randomUUID().slice(15)}`;
}

describe('a session', () => {
  test('goes on until it was idle for thirty minutes, and then ended at its last activity', async () => {
    await sendEvents({ event_name: 'e' });
    clock += 12 * minute;
    await sendEvents({ event_name: 'e' });
    clock += 30 * minute - 1;
    await sendEvents({ event_name: 'e' });
    expect(await sessions()).toHaveLength(1);
    clock += 30 * minute;
    await sendEvents({ event_name: 'e' });
    const [first, second] = await sessions();
    expect(first).toMatchObject({ end_reason: 'timeout', ended_at: new Date(clock - 30 * minute), duration_seconds: 42 * 60 - 1 });
    expect(second).toMatchObject({ ended_at: null, started_at: new Date(clock), session_id: 's' });
    expect((await events()).at(-1)?.session_started_at).toEqual(new Date(clock));
  });

  test('lasts a day at most', async () => {
    for (let hours = 0; hours <= 24; hours += 0.25) {
      clock = noon - day + hours * 3600_000;
      await sendEvents({ event_name: 'e' });
    }
    const [first, second, ...others] = await sessions();
    expect(others).toEqual([]);
    expect(first).toMatchObject({ end_reason: 'max_age', duration_seconds: 86_400 - 900, ended_at: new Date(noon - 900_000) });
    expect(second).toMatchObject({ started_at: new Date(noon) });
  });

  test.each(['widget_closed', 'unload'])('is ended by %s, after the other events of the request', async (event_name) => {
    await sendEvents({ event_name: 'e' });
    clock += 61_999;
    await sendEvents({ event_name }, { event_name: 'message_sent' });
    expect(await only(sessions())).toMatchObject({
      end_reason: 'client',
      duration_seconds: 61,
      messages_sent: 1,
      ended_at: new Date(clock),
    });
    expect((await events()).map(({ seq }) => seq)).toEqual([0, 0, 1]);
    await sendEvents({ event_name: 'e' });
    expect(await sessions()).toHaveLength(2);
  });

  test('that ended is not begun again by a repeated request', async () => {
    const batch = {
      events: [
        { event_name: 'message_sent', event_id: randomUUID() },
        { event_name: 'unload', event_id: randomUUID() },
      ],
    };
    await send(batch);
    clock += minute;
    expect((await send(batch)).status).toBe(204);
    expect(await sessions()).toHaveLength(1);
  });

  test('learns what it did not know, and keeps what it knew but for the user', async () => {
    const context = { utm_source: 'first', referrer: '' };
    await send({ context, user: { id: 'u-1', email: 'a@b.example' }, events: [{ event_name: 'widget_opened' }] });
    await send({
      anonymousId: 'a-1',
      context: { utm_source: 'second', utm_medium: 'cpc', referrer: 'https://r.example', screen_width: 5 },
      user: { id: 'u-2' },
      events: [
        { event_name: 'widget_opened', page_url: '/p?utm_campaign=c%00d#?utm_content=no', properties: { triggered_by: 'proactive_time' } },
        { event_name: 'widget_opened', page_url: '/q', properties: { triggered_by: 'manual' } },
      ],
    });
    await send({ anonymousId: 'a-2' }, { headers: { 'user-agent': iphone } });
    expect(await only(sessions())).toMatchObject({
      utm_source: 'first',
      utm_medium: 'cpc',
      utm_campaign: 'cd',
      utm_content: null,
      referrer: 'https://r.example',
      landing_page: '/p?utm_campaign=c%00d#?utm_content=no',
      screen_width: 5,
      screen_height: null,
      anonymous_id: 'a-1',
      user_id: 'u-2',
      user_email: null,
      triggered_by: 'proactive_time',
      widget_opened_count: 3,
      user_agent: chrome,
    });
  });

  test('is first seen when its visitor was, however late that is learnt', async () => {
    await send({ sessionId: 'early' });
    clock += minute;
    await send({ sessionId: 'later', anonymousId: 'a-1' });
    await send({ sessionId: 'early', anonymousId: 'a-1' });
    expect(await database.query('select first_seen_at, last_seen_at from widget_visitors where chatbot_id = $1', [chatbotId])).toEqual([
      { first_seen_at: new Date(noon), last_seen_at: new Date(clock) },
    ]);
  });

  test('has requests of one moment at different times', async () => {
    await Promise.all(Array.from({ length: 5 }, () => sendEvents({ event_name: 'e' }, { event_name: 'e' })));
    const rows = await database.query(
      `select count(*) as rows, count(distinct created_at) as times,
         extract(microseconds from max(created_at) - min(created_at))::int as spread, max(created_at) = max(timestamp) as same
       from widget_events where chatbot_id = $1`,
      [chatbotId],
    );
    expect(rows).toEqual([{ rows: 10, times: 5, spread: 4, same: true }]);
  });
});

describe('bots', () => {
  test.each(['curl/8.5.0', 'undici', 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'])(
    '%s is thanked, counted and forgotten',
    async (userAgent) => {
      const before = await ledger();
      const response = await sendWith({ 'user-agent': userAgent, origin: 'https://elsewhere.example' });
      expect(response.status).toBe(204);
      expect(await count()).toBe(0);
      expect(await sessions()).toEqual([]);
      const after = await ledger();
      expect(after.bot - before.bot).toBe(1);
      expect(after.origin).toBe(before.origin);
    },
  );
});

const sendWith = (headers: Record<string, string>): Promise<Response> => send({}, { headers });

describe('an origin', () => {
  test.each([
    ['https://shop.example', 204],
    ['https://a.wild.example:8443', 204],
    ['https://preview.example.com', 204],
    ['', 204],
    ['https://preview.example.com:444', 403],
    ['https://elsewhere.example', 403],
    ['http://localhost:3000', 403],
    ['null', 403],
    ['garbage', 403],
  ])('%s is answered %i', async (origin, status) => {
    const before = await ledger();
    const response = await sendWith({ origin });
    expect(response.status).toBe(status);
    if (status === 403) expect(await codeOf(response)).toBe('ORIGIN_NOT_ALLOWED');
    expect(await count()).toBe(status === 204 ? 1 : 0);
    expect((await ledger()).origin - before.origin).toBe(status === 403 ? 1 : 0);
    const health = await database.query('select * from widget_health_totals where org_id = $1', [org.id]);
    expect(health).toEqual([]);
  });

  test('on localhost is as good as the organization says', async () => {
    org = await insertOrganization(database, { key: `local-${unique}`, columns: { allow_localhost: true } });
    chatbotId = await addChatbot(org.id);
    expect((await sendWith({ origin: 'http://127.0.0.1:5173' })).status).toBe(204);
  });
});

describe('a chatbot', () => {
  test.each([
    ['that nobody has', async () => randomUUID()],
    [
      'of an inactive organization',
      async () => addChatbot((await insertOrganization(database, { key: `inactive-${unique}`, columns: { is_active: false } })).id),
    ],
  ])('%s is 404', async (_what, make) => {
    const response = await send({ chatbotId: await make() });
    expect(response.status).toBe(404);
    expect(await codeOf(response)).toBe('CHATBOT_NOT_FOUND');
  });

  test('that was deleted a moment ago is 404 and leaves nothing behind', async () => {
    await send({});
    await database.query('delete from chatbots where id = $1', [chatbotId]);
    const response = await send({});
    expect(response.status).toBe(404);
    expect(await count()).toBe(0);
  });
});

describe('a request that is wrong', () => {
  const event = { event_name: 'e' };
  const long = (length: number): string => 'x'.repeat(length);
  test.each<[string, Record<string, unknown>, string]>([
    ['no chatbot', { chatbotId: undefined }, 'chatbotId'],
    ['a chatbot that is no UUID', { chatbotId: 'x' }, 'chatbotId'],
    ['no session', { sessionId: undefined }, 'sessionId'],
    ['an empty session', { sessionId: '' }, 'sessionId'],
    ['a session of nothing but NUL', { sessionId: '\u0000' }, 'sessionId'],
    ['a long session', { sessionId: long(201) }, 'sessionId'],
    ['a session of 101 emoji, which are 202 units', { sessionId: '😀'.repeat(101) }, 'sessionId'],
    ['a long anonymous id', { anonymousId: long(201) }, 'anonymousId'],
    ['an anonymous id that is a number', { anonymousId: 5 }, 'anonymousId'],
    ['a user without id', { user: {} }, 'user.id'],
    ['a long e-mail address', { user: { id: 'u', email: long(321) } }, 'user.email'],
    ['large metadata', { user: { id: 'u', metadata: { x: long(4090) } } }, 'user.metadata'],
    ['metadata that is a list', { user: { id: 'u', metadata: [] } }, 'user.metadata'],
    ['a long referrer', { context: { referrer: long(2049) } }, 'context.referrer'],
    ['a long utm value', { context: { utm_term: long(256) } }, 'context.utm_term'],
    ['a screen of no width', { context: { screen_width: 0 } }, 'context.screen_width'],
    ['a screen of half a pixel', { context: { screen_height: 1.5 } }, 'context.screen_height'],
    ['no events', { events: [] }, 'events'],
    ['101 events', { events: Array.from({ length: 101 }, () => event) }, 'events'],
    ['events that are no list', { events: {} }, 'events'],
    ['an event without name', { events: [event, {}] }, 'events.1.event_name'],
    ['a long event name', { events: [{ event_name: long(101) }] }, 'events.0.event_name'],
    ['a long category', { events: [{ ...event, event_category: long(51) }] }, 'events.0.event_category'],
    ['properties that are text', { events: [{ ...event, properties: 'x' }] }, 'events.0.properties'],
    ['large properties', { events: [{ ...event, properties: { x: long(8190) } }] }, 'events.0.properties'],
    ['an event id that is no UUID', { events: [{ ...event, event_id: '1' }] }, 'events.0.event_id'],
    ['a time without zone', { events: [{ ...event, client_timestamp: '2026-02-13T10:00:00' }] }, 'events.0.client_timestamp'],
    ['a time in milliseconds', { events: [{ ...event, client_timestamp: 1_770_000_000_000 }] }, 'events.0.client_timestamp'],
    ['the year 0', { events: [{ ...event, client_timestamp: '0000-01-01T00:00:00Z' }] }, 'events.0.client_timestamp'],
    ['the year 10000', { events: [{ ...event, client_timestamp: '9999-12-31T23:59:59-12:00' }] }, 'events.0.client_timestamp'],
    ['a long page', { events: [{ ...event, page_url: long(2049) }] }, 'events.0.page_url'],
    ['a long title', { events: [{ ...event, page_title: long(513) }] }, 'events.0.page_title'],
  ])('(%s) is 400 that names the field, stores nothing, and counts once in the ledger', async (what, changes, path) => {
    const before = await ledger();
    const response = await send({ events: [event], ...changes });
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { code: string; issues: { path: string }[] } };
    expect(error.code).toBe('VALIDATION_ERROR');
    expect(error.issues[0]?.path).toBe(path);
    expect(await count()).toBe(0);
    expect((await ledger()).validation - before.validation).toBe(what.includes('chatbot') ? 0 : 1);
  });

  test.each<[string, Sent, number]>([
    ['no JSON', { text: '{' }, 400],
    ['JSON that is no object', { text: 'null' }, 400],
    ['no UTF-8', { text: 'ÿ', headers: { 'content-type': 'text/plain' } }, 400],
    ['300 KB', { text: JSON.stringify({ x: 'x'.repeat(300 * 1024) }) }, 413],
    ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['compressed', { headers: { 'content-encoding': 'gzip' } }, 415],
  ])('(%s) is refused as that', async (_what, sent, status) => {
    expect((await send({}, sent)).status).toBe(status);
    expect(await count()).toBe(0);
  });

  test('with a property nested as deep as its bytes allow is stored, and deeper is 400', async () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    const text = (depth: number): string =>
      `{"chatbotId":"${chatbotId}","sessionId":"s","events":[{"event_name":"e","properties":${nested(depth)}}]}`;
    expect((await send({}, { text: text(4000) })).status).toBe(204);
    expect((await send({}, { text: text(100_000) })).status).toBe(400);
    expect(await count()).toBe(1);
  });
});

describe('text from outside', () => {
  const naughty = [
    '\u0000',
    'a\u0000b',
    '\ud800',
    'x\udc00y',
    '{}',
    "'; drop table widget_events; --",
    '\\u0000',
    '\\\\u0000',
    '"',
    '\\',
    '{a,b}',
    'NULL',
    '😀'.repeat(20),
    '\u202eabc',
    '\u0007\u001b[31m',
    ' ',
    '__proto__',
    '%00',
    '\ufeff',
  ];

  test.each(naughty)('%j is stored as far as PostgreSQL can, in every field', async (text) => {
    const clean = text.replaceAll('\u0000', '').toWellFormed();
    const filled = clean === '' ? 'x' : text;
    const response = await send({
      sessionId: filled,
      anonymousId: filled,
      user: { id: filled, email: text, name: text, metadata: { [`k${text}`]: [text] } },
      context: {
        referrer: text,
        landing_page: text,
        utm_source: text,
        utm_medium: text,
        utm_campaign: text,
        utm_term: text,
        utm_content: text,
      },
      events: [
        {
          event_name: filled,
          event_category: text,
          properties: { [`k${text}`]: { deep: [text] }, triggered_by: text },
          page_url: text,
          page_title: text,
        },
        { event_name: 'widget_opened', properties: { triggered_by: text, response_time_ms: text } },
      ],
    });
    expect(response.status).toBe(204);
    const expected = clean === '' ? null : clean;
    const session = await only(sessions());
    expect(session).toMatchObject({
      session_id: expected ?? 'x',
      anonymous_id: expected ?? 'x',
      user_id: expected ?? 'x',
      user_email: expected,
      user_name: expected,
      user_metadata: { [`k${clean}`]: [clean] },
      referrer: expected,
      landing_page: expected,
      utm_content: expected,
      triggered_by: expected,
    });
    const [stored] = await events();
    expect(stored).toMatchObject({
      event_name: expected ?? 'x',
      event_category: expected,
      properties: { [`k${clean}`]: { deep: [clean] }, triggered_by: clean },
      page_url: expected,
      page_title: expected,
    });
  });

  test('is as long as its UTF-16 units: a session id of 100 emoji is taken', async () => {
    const sessionId = '😀'.repeat(100);
    expect((await send({ sessionId })).status).toBe(204);
    expect(await only(sessions())).toMatchObject({ session_id: sessionId });
  });

  test('a field that is missing is required, and one that is no text must be', async () => {
    const issuesOf = async (changes: Record<string, unknown>): Promise<unknown> =>
      ((await (await send(changes)).json()) as { error: { issues: unknown } }).error.issues;
    expect(await issuesOf({ sessionId: undefined })).toEqual([{ path: 'sessionId', message: 'is required' }]);
    expect(await issuesOf({ sessionId: 5 })).toEqual([{ path: 'sessionId', message: 'must be a string' }]);
    expect(await issuesOf({ user: null })).toEqual([{ path: 'user', message: 'must be an object' }]);
    const event = { event_name: 'e' };
    expect(await issuesOf({ events: Array.from({ length: 101 }, () => event) })).toEqual([
      { path: 'events', message: 'must have at most 100 items' },
    ]);
  });

  test('of any JSON never fails the exporter, and stores all of a request or nothing', async () => {
    const values = [
      null,
      true,
      0,
      -1,
      1e308,
      1.5,
      '',
      'x',
      [],
      {},
      [[]],
      { a: null },
      { __proto__: 1 },
      Number.MAX_SAFE_INTEGER + 2,
      '2026-02-30T00:00:00Z',
      'e'.repeat(5000),
      [null],
    ];
    const base = {
      chatbotId,
      sessionId: 's',
      anonymousId: 'a',
      user: { id: 'u', email: 'e', name: 'n', metadata: {} },
      context: { referrer: 'r', landing_page: 'l', utm_source: 'u', screen_width: 1 },
      events: [
        {
          event_name: 'e',
          event_category: 'c',
          properties: {},
          event_id: randomUUID(),
          client_timestamp: new Date().toISOString(),
          page_url: 'p',
        },
        { event_name: 'f' },
      ],
    };
    for (const path of pathsOf(base)) {
      for (const value of values) {
        const before = await count();
        const response = await post(withValue(base, path, value));
        expect([204, 400, 404], `${path.join('.')} = ${JSON.stringify(value)?.slice(0, 40)}`).toContain(response.status);
        const added = (await count()) - before;
        if (response.status !== 204) expect(added).toBe(0);
      }
    }
  });
});

function pathsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function withValue(base: unknown, [key, ...rest]: (string | number)[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy: unknown = structuredClone(base);
  const container = copy as Record<string | number, unknown>;
  container[key] = withValue(container[key], rest, value);
  return copy;
}

describe('a row that the database refuses', () => {
  test('is 422 that names it, alone: the rest of its request and its neighbours are stored', async () => {
    await database.query(`alter table widget_events add constraint refuses check (event_name <> 'refuse me')`);
    try {
      const before = await ledger();
      const [refused, neighbour] = await Promise.all([
        sendEvents({ event_name: 'unload' }, { event_name: 'refuse me' }, { event_name: 'message_sent' }, { event_name: 'refuse me' }),
        send({ sessionId: 'other' }),
      ]);
      expect(neighbour.status).toBe(204);
      expect(refused.status).toBe(422);
      const { error } = (await refused.json()) as { error: { code: string; issues: { path: string }[] } };
      expect(error.code).toBe('ROW_REFUSED');
      expect(error.issues.map(({ path }) => path)).toEqual(['events.1', 'events.3']);
      expect((await events()).map(({ event_name }) => event_name).toSorted()).toEqual(['message_sent', 'unload', 'widget_loaded']);
      // In two transactions, and still one session that ends after all of it.
      const own = (await sessions()).filter(({ session_id }) => session_id === 's');
      expect(own).toHaveLength(1);
      expect(own[0]).toMatchObject({ messages_sent: 1, end_reason: 'client' });
      expect((await ledger()).refused - before.refused).toBe(2);
    } finally {
      await database.query('alter table widget_events drop constraint refuses');
    }
  });
});

describe('POST /widget/errors', () => {
  const report = (error: unknown, sent: Sent = {}): Promise<Response> =>
    post({ chatbotId, sessionId: 's', error }, { path: '/widget/errors', ...sent });

  test('stores an event and keeps the session alive', async () => {
    await send({});
    clock += 20 * minute;
    const response = await report({
      message: 'm'.repeat(1001),
      stack: `${'s'.repeat(499)}😀`,
      widgetVersion: 'v'.repeat(65),
      userAgent: 'u'.repeat(513),
      url: 'https://shop.example/?x',
      line: 10,
      column: 3,
      timestamp: new Date(clock - 1000).toISOString(),
    });
    expect(response.status).toBe(204);
    expect((await events())[1]).toMatchObject({
      event_name: 'widget_error',
      event_category: 'error',
      page_url: 'https://shop.example/?x',
      timestamp: new Date(clock - 1000),
      client_timestamp: new Date(clock - 1000),
      properties: {
        error_message: 'm'.repeat(1000),
        error_stack: `${'s'.repeat(499)}\ufffd`,
        widget_version: 'v'.repeat(64),
        user_agent: 'u'.repeat(512),
        line: 10,
        column: 3,
      },
    });
    expect((await only(sessions())).last_activity_at).toEqual(new Date(clock));
  });

  test('takes a report that says nothing, and leaves out what it does not say', async () => {
    expect((await report({})).status).toBe(204);
    expect(await only(events())).toMatchObject({ properties: {}, page_url: null });
  });

  test('obeys the rules for origin, bots, chatbots and fields', async () => {
    expect((await report({}, { headers: { origin: 'https://elsewhere.example' } })).status).toBe(403);
    expect((await report({}, { headers: { 'user-agent': 'curl/8.5.0' } })).status).toBe(204);
    expect((await report(undefined)).status).toBe(400);
    expect((await report({ line: 'ten' })).status).toBe(400);
    expect((await post({ chatbotId: randomUUID(), sessionId: 's', error: {} }, { path: '/widget/errors' })).status).toBe(404);
    expect(await count()).toBe(0);
  });
});

describe('rate limits', () => {
  test('count events by chatbot and address, by address alone, and errors by address', async () => {
    const limited = await runExporter(database, { environment: { RATE_LIMIT_MULTIPLIER: '0.005' } });
    try {
      const own = (path: string, body: unknown): Promise<Response> =>
        fetch(limited.url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'user-agent': chrome },
          body: JSON.stringify(body),
        });
      const batch = { chatbotId, sessionId: 's', events: [{ event_name: 'e' }, { event_name: 'e' }] };
      const statuses: number[] = [];
      for (let sent = 0; sent < 4; sent += 1) statuses.push((await own('/widget/analytics', batch)).status);
      expect(statuses).toEqual([204, 204, 204, 429]);
      const last = await own('/widget/analytics', batch);
      expect(last.headers.get('ratelimit-limit')).toBe('3');
      expect(last.headers.get('retry-after')).toMatch(/^\d+$/);
      // Another chatbot still passes; the address alone is limited at ten times as much.
      const other = { ...batch, chatbotId: await addChatbot(org.id) };
      expect((await own('/widget/analytics', other)).status).toBe(204);
      for (let sent = 6; sent < 30; sent += 1) await own('/widget/analytics', { nothing: true });
      const byAddress = await own('/widget/analytics', { nothing: true });
      expect(byAddress.status).toBe(429);
      expect(byAddress.headers.get('ratelimit-limit')).toBe('30');
      const errors = { chatbotId, sessionId: 's', error: {} };
      expect((await own('/widget/errors', errors)).status).toBe(204);
      expect((await own('/widget/errors', errors)).status).toBe(429);
      await limited.refresh();
      const { value } = await scrape(limited.metricsUrl, '/metrics/orgs');
      expect(value(`widget_org_dropped_events_total{org="${org.key}",reason="rate_limited"}`)).toBe(4);
    } finally {
      await limited.stop();
    }
  });
});

interface Ledger {
  bot: number;
  duplicate: number;
  origin: number;
  validation: number;
  refused: number;
}

async function ledger(): Promise<Ledger> {
  await exporter.refresh();
  const { value } = await scrape(exporter.metricsUrl, '/metrics/orgs');
  const of = (reason: string): number => value(`widget_org_dropped_events_total{org="${org.key}",reason="${reason}"}`) ?? Number.NaN;
  return { bot: of('bot'), duplicate: of('duplicate'), origin: of('origin'), validation: of('validation'), refused: of('refused') };
}
