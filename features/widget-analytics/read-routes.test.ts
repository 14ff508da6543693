import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, portalToken, runApi } from '../../test/support/services.ts';
import { insertChatbot, storeEvents, storeSessions } from '../../test/support/widget-rows.ts';
import { moveStatsWatermark, rebuildDayOfAllChatbots, statsWatermark, type ChatbotKey } from './rollup.ts';

/** Today, as the partitions are the server's, and always the same time of day. */
const now = new Date(startOfUtcDay(utcDayOf(new Date())).getTime() + 10 * 3_600_000);
const today = utcDayOf(now);
const yesterday = addDays(today, -1);
const minuteMs = 60_000;
const dayMs = 1440 * minuteMs;

let database: TestDatabase;
let pool: Pool;
let api: Awaited<ReturnType<typeof runApi>>;
let token: string;
let chatbot: ChatbotKey;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await runApi(database, { now: () => now });
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 2,
    applicationName: 'read routes test',
    statementTimeoutMs: 60_000,
    log: createLogger({ service: 'jobs', level: 'fatal' }),
  });
});
afterAll(async () => {
  await pool.end();
  await api.stop();
  await database.drop();
});
beforeEach(async () => {
  await database.query('delete from rollup_watermarks where name = $1', [statsWatermark]);
  ({ token, chatbot } = await newOrganization());
});

/** Organizations and chatbots are cached by key for a minute: each test has its own. */
async function newOrganization(): Promise<{ token: string; chatbot: ChatbotKey }> {
  unique += 1;
  const { id, key } = await insertOrganization(database, { key: `owner-${unique}` });
  return { token: await portalToken(key, { exp: now.getTime() / 1000 + 600 }), chatbot: await insertChatbot(database, id) };
}

/** Rolls up the days before today and has them read from there. */
async function closeDays(...days: number[]): Promise<void> {
  const retention = { today, eventsRetentionDays: 90, sessionsRetentionDays: 365, signal: new AbortController().signal };
  for (const daysAgo of days) await rebuildDayOfAllChatbots(pool, addDays(today, -daysAgo), retention);
  await moveStatsWatermark(pool, yesterday);
}

const ask = (path: string, { id = chatbot.chatbotId, bearer = token }: { id?: string; bearer?: string } = {}): Promise<Response> =>
  fetch(`${api.url}/api/analytics/widget/${id}/${path}`, { headers: { authorization: `Bearer ${bearer}`, 'x-request-id': 'same' } });

/** The body of a 200, without what every answer repeats. */
async function read(path: string): Promise<Record<string, unknown>> {
  const response = await ask(path);
  const { chatbot_id: id, ...body } = (await response.json()) as Record<string, unknown>;
  expect([path, response.status, id, body['error']]).toEqual([path, 200, chatbot.chatbotId, undefined]);
  return body;
}

const ago = (daysAgo: number, minutes = 0): Date => new Date(now.getTime() - daysAgo * dayMs - minutes * minuteMs);
const session = (session_id: string, started_at: Date, columns: Record<string, unknown> = {}) => ({ session_id, started_at, ...columns });
const store = async (...sessions: ReturnType<typeof session>[]): Promise<void> => {
  for (const row of sessions) await storeSessions(database, chatbot, [row]);
};
/** Events of one session, one minute apart. */
const storeNames = (sessionId: string, startedAt: Date, names: readonly string[], columns: Record<string, unknown> = {}): Promise<void> =>
  storeEvents(
    database,
    chatbot,
    names.map((event_name, n) => ({
      session_id: sessionId,
      session_started_at: startedAt,
      event_name,
      timestamp: new Date(startedAt.getTime() + n * minuteMs),
      ...columns,
    })),
  );

const paths = ['summary', 'trends', 'events', 'active', 'traffic-sources', 'devices', 'funnel?steps=a,b'];

describe('whose statistics', () => {
  test.each(paths)('%s of a chatbot that is unknown, malformed or another organization’s: the same 404', async (path) => {
    const other = await newOrganization();
    const bodies: string[] = [];
    for (const id of [randomUUID(), 'no-uuid', 'a%00b', other.chatbot.chatbotId]) {
      const response = await ask(path, { id });
      expect(response.status).toBe(404);
      bodies.push(await response.text());
    }
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain('NOT_FOUND');
    expect((await ask(path)).status).toBe(200);
    expect((await ask(path, { bearer: 'nonsense' })).status).toBe(401);
  });

  test('an id in upper case is answered in lower case, and nothing is cached', async () => {
    const response = await ask('summary', { id: chatbot.chatbotId.toUpperCase() });
    expect(await response.json()).toMatchObject({ chatbot_id: chatbot.chatbotId });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('ratelimit-limit')).toBe('120000');
  });

  test('rows of another chatbot of the same organization are not counted', async () => {
    const sister = await insertChatbot(database, chatbot.orgId);
    await storeSessions(database, sister, [session('s', ago(0, 1), { anonymous_id: 'A' })]);
    expect(await read('summary')).toMatchObject({ summary: { total_sessions: 0, unique_visitors: 0 } });
  });
});

describe('query', () => {
  const longest = { summary: 365, trends: 365, 'traffic-sources': 365, devices: 365, events: 90, 'funnel?steps=a,b': 90 };
  test.each(Object.entries(longest))('%s takes 1 to %i days in plain digits, once', async (path, max) => {
    const withDays = (days: string): string => `${path}${path.includes('?') ? '&' : '?'}days=${days}`;
    for (const days of ['0', '-1', '1e2', String(max + 1), '', '1.5', '+1', ' 1', '0x1', '7&days=7']) {
      expect([days, (await ask(withDays(days))).status]).toEqual([days, 400]);
    }
    for (const days of ['1', '007', String(max)]) expect([days, (await ask(withDays(days))).status]).toEqual([days, 200]);
  });

  test.each([
    'events?limit=0',
    'events?limit=101',
    'events?limit=',
    'funnel',
    'funnel?steps=',
    'funnel?steps=a',
    'funnel?steps=a,,b',
    'funnel?steps=a,b,',
    'funnel?steps=%00,b',
    `funnel?steps=a,${'b'.repeat(101)}`,
    'funnel?steps=a,b,c,d,e,f,g,h,i,j,k',
    'funnel?steps=a,b&steps=c,d',
    'funnel?steps=a,b&scope=user',
    'funnel?steps=a,b&scope=',
  ])('%s is 400', async (path) => {
    const response = await ask(path);
    expect(response.status).toBe(400);
    expect(JSON.stringify(await response.json())).toContain('VALIDATION_ERROR');
  });
});

describe('GET summary', () => {
  test('of nothing is zeros', async () => {
    expect(await read('summary')).toEqual({
      period_days: 30,
      summary: { total_sessions: 0, unique_visitors: 0, total_conversations: 0, avg_session_duration_seconds: 0, conversion_rate: 0 },
    });
  });

  test('counts the sessions that started in the period, each visitor once', async () => {
    await store(
      session('s1', ago(0, 10), { anonymous_id: 'A', duration_seconds: 10 }),
      session('s2', ago(1), { anonymous_id: 'A', duration_seconds: 10, had_conversation: true }),
      session('s3', ago(2), { anonymous_id: 'B', duration_seconds: 11 }),
      session('s4', ago(2)),
      session('too old', ago(3), { anonymous_id: 'C', duration_seconds: 900 }),
    );
    const expected = {
      period_days: 3,
      summary: {
        total_sessions: 4,
        unique_visitors: 2,
        total_conversations: 1,
        avg_session_duration_seconds: 10.33,
        conversion_rate: 25,
      },
    };
    expect(await read('summary?days=3')).toEqual(expected);
    await closeDays(3, 2, 1);
    expect(await read('summary?days=3')).toEqual(expected);
    expect(await read('summary?days=1')).toMatchObject({ summary: { total_sessions: 1, unique_visitors: 1 } });
  });

  test('includes a late session of a closed day only once its day is rebuilt, and a visitor of today who was seen on it once', async () => {
    await store(session('s1', ago(1), { anonymous_id: 'A' }));
    await closeDays(1);
    await store(session('s2', ago(1, 1), { anonymous_id: 'B' }), session('s3', ago(0, 1), { anonymous_id: 'A' }));
    expect(await read('summary')).toMatchObject({ summary: { total_sessions: 2, unique_visitors: 1 } });
    await closeDays(1);
    expect(await read('summary')).toMatchObject({ summary: { total_sessions: 3, unique_visitors: 2 } });
  });

  test('rounds half away from zero', async () => {
    // 1 of 800 is 0.125 %.
    await storeSessions(
      database,
      chatbot,
      Array.from({ length: 800 }, (_, n) => session(`s${n}`, ago(0, 1), { had_conversation: n === 0 })),
    );
    expect(await read('summary')).toMatchObject({ summary: { conversion_rate: 0.13 } });
  });

  test('costs days, not events: numbers stay when raw rows of closed days are gone', async () => {
    await store(session('s1', ago(1), { anonymous_id: 'A', messages_sent: 2 }), session('s2', ago(2), { anonymous_id: 'A' }));
    await storeNames('s1', ago(1), ['widget_loaded', 'message_sent']);
    await closeDays(2, 1);
    const before = await Promise.all(['summary', 'trends', 'events', 'devices', 'traffic-sources'].map(read));
    for (const table of ['widget_events', 'widget_sessions'])
      await database.query(`delete from ${table} where chatbot_id = $1`, [chatbot.chatbotId]);
    expect(await Promise.all(['summary', 'trends', 'events', 'devices', 'traffic-sources'].map(read))).toEqual(before);
  });
});

describe('GET trends', () => {
  test('has each day, newest first, with zeros where nothing happened', async () => {
    await store(
      session('s1', ago(0, 1), { messages_sent: 1, messages_received: 2, had_conversation: true }),
      session('s2', ago(0, 2)),
      session('s3', ago(0, 3)),
      session('s4', ago(2), { messages_sent: 1, had_conversation: true }),
    );
    const quiet = { sessions: 0, conversations: 0, messages: 0, conversion_rate: 0 };
    const expected = {
      period_days: 4,
      trends: [
        { stat_date: today, sessions: 3, conversations: 1, messages: 3, conversion_rate: 33.33 },
        { stat_date: yesterday, ...quiet },
        { stat_date: addDays(today, -2), sessions: 1, conversations: 1, messages: 1, conversion_rate: 100 },
        { stat_date: addDays(today, -3), ...quiet },
      ],
    };
    expect(await read('trends?days=4')).toEqual(expected);
    await closeDays(3, 2, 1);
    expect(await read('trends?days=4')).toEqual(expected);
    expect((await read('trends?days=365'))['trends']).toHaveLength(365);
    expect((await read('trends'))['trends']).toHaveLength(30);
  });
});

describe('GET events', () => {
  test('answers the most frequent first, ties byte by byte, and in how many sessions of the period', async () => {
    const [one, other] = [ago(1), ago(0, 30)];
    await storeNames('s1', one, ['b', 'b', 'Z', 'ä']);
    await storeNames('s2', other, ['b', 'a']);
    const expected = [
      { event_name: 'b', event_count: 3, unique_sessions: 2 },
      { event_name: 'Z', event_count: 1, unique_sessions: 1 },
      { event_name: 'a', event_count: 1, unique_sessions: 1 },
      { event_name: 'ä', event_count: 1, unique_sessions: 1 },
    ];
    expect(await read('events')).toEqual({ period_days: 7, events: expected });
    await closeDays(1);
    expect(await read('events')).toEqual({ period_days: 7, events: expected });
    expect(await read('events?limit=2')).toEqual({ period_days: 7, events: expected.slice(0, 2) });
    expect(await read('events?days=1')).toMatchObject({ events: [{ event_name: 'a' }, { event_name: 'b', event_count: 1 }] });
  });

  test('counts a session that goes on over midnight once, and a session id that was used again twice', async () => {
    const startedAt = new Date(startOfUtcDay(today).getTime() - 5 * minuteMs);
    await storeNames('s', startedAt, Array<string>(10).fill('message_sent'));
    await storeNames('s', ago(0, 60), ['message_sent']);
    const expected = { events: [{ event_name: 'message_sent', event_count: 11, unique_sessions: 2 }] };
    expect(await read('events')).toMatchObject(expected);
    await closeDays(1);
    expect(await read('events')).toMatchObject(expected);
    expect(await read('events?days=1')).toMatchObject({ events: [{ event_count: 6, unique_sessions: 2 }] });
  });
});

describe('GET active', () => {
  test('counts sessions that have not ended with an activity less than 30 minutes ago', async () => {
    await store(
      session('long', ago(0, 23 * 60), { last_activity_at: now }),
      session('just', ago(0, 60), { last_activity_at: new Date(ago(0, 30).getTime() + 1) }),
      session('idle', ago(0, 60), { last_activity_at: ago(0, 30) }),
      session('ended', ago(0, 5), { last_activity_at: now, ended_at: now, end_reason: 'client', duration_seconds: 300 }),
    );
    expect(await read('active')).toEqual({ active_sessions: 2, timestamp: now.toISOString() });
  });
});

describe('GET traffic-sources and GET devices', () => {
  test('count sessions, most frequent first, ties byte by byte, before and after their day is closed', async () => {
    await store(
      session('s1', ago(1), { utm_source: 'google', referrer: 'https://www.example.com/a', device_type: 'mobile', browser_name: 'Safari' }),
      session('s2', ago(1, 1), { utm_source: 'Bing', referrer: 'not a url', device_type: 'tablet', os_name: 'iOS' }),
      session('s3', ago(0, 1), { utm_source: 'google', referrer: 'https://www.example.com/b', browser_name: 'Chrome', os_name: 'Windows' }),
      session('s4', ago(0, 2), { utm_source: 'bing' }),
    );
    const sources = {
      period_days: 30,
      utm_sources: [
        { source: 'google', count: 2 },
        { source: 'Bing', count: 1 },
        { source: 'bing', count: 1 },
      ],
      referrers: [
        { domain: 'www.example.com', count: 2 },
        { domain: 'direct', count: 1 },
      ],
    };
    const devices = {
      period_days: 30,
      devices: [
        { type: 'desktop', count: 2 },
        { type: 'mobile', count: 1 },
        { type: 'tablet', count: 1 },
      ],
      browsers: [
        { name: 'unknown', count: 2 },
        { name: 'Chrome', count: 1 },
        { name: 'Safari', count: 1 },
      ],
      operating_systems: [
        { name: 'unknown', count: 2 },
        { name: 'Windows', count: 1 },
        { name: 'iOS', count: 1 },
      ],
    };
    expect([await read('traffic-sources'), await read('devices')]).toEqual([sources, devices]);
    await closeDays(1);
    expect([await read('traffic-sources'), await read('devices')]).toEqual([sources, devices]);
  });

  test('name a hundred sources and referrers and ten browsers and systems at most', async () => {
    const rows = Array.from({ length: 101 }, (_, n) => {
      const name = `n${String(n).padStart(3, '0')}`;
      return session(name, ago(0, 1), { utm_source: name, referrer: `https://${name}.example`, browser_name: name, os_name: name });
    });
    await storeSessions(database, chatbot, rows);
    const sources = await read('traffic-sources');
    const devices = await read('devices');
    expect([sources['utm_sources'], sources['referrers'], devices['browsers'], devices['operating_systems']]).toMatchObject([
      { length: 100, 99: { source: 'n099' } },
      { length: 100, 99: { domain: 'n099.example' } },
      { length: 10, 9: { name: 'n009' } },
      { length: 10, 9: { name: 'n009' } },
    ]);
  });
});

describe('GET funnel', () => {
  const counts = async (query: string): Promise<number[]> =>
    ((await read(`funnel?${query}`))['steps'] as { count: number }[]).map(({ count }) => count);

  test('answers counts and rates, exactly in the fields of the contract', async () => {
    const startedAt = ago(0, 60);
    for (const [id, names] of Object.entries({ s1: ['a', 'b', 'c'], s2: ['a', 'b'], s3: ['a', 'x', 'c'], s4: ['b', 'c'] })) {
      await storeNames(id, startedAt, names);
    }
    expect(await read('funnel?steps=a,b,c')).toEqual({
      period_days: 30,
      scope: 'session',
      overall_conversion_rate: 33.33,
      steps: [
        { step: 1, event_name: 'a', count: 3, conversion_rate: 100, step_conversion_rate: 100, drop_off: 0, drop_off_rate: 0 },
        { step: 2, event_name: 'b', count: 2, conversion_rate: 66.67, step_conversion_rate: 66.67, drop_off: 1, drop_off_rate: 33.33 },
        { step: 3, event_name: 'c', count: 1, conversion_rate: 33.33, step_conversion_rate: 50, drop_off: 1, drop_off_rate: 50 },
      ],
    });
  });

  test('of nothing is zeros', async () => {
    const zeros = { count: 0, conversion_rate: 0, step_conversion_rate: 0, drop_off: 0, drop_off_rate: 0 };
    expect(await read('funnel?steps=a,b')).toEqual({
      period_days: 30,
      scope: 'session',
      overall_conversion_rate: 0,
      steps: [
        { step: 1, event_name: 'a', ...zeros },
        { step: 2, event_name: 'b', ...zeros },
      ],
    });
  });

  test.each([
    ['b,a reaches step 1 of a,b', ['b', 'a'], 'a,b', [1, 0]],
    ['a,b', ['a', 'b'], 'a,b', [1, 1]],
    ['one a reaches step 1 of a,a', ['a'], 'a,a', [1, 0]],
    ['two a reach both', ['a', 'a'], 'a,a', [1, 1]],
    ['others in between do not matter', ['x', 'a', 'x', 'c', 'b', 'a', 'c'], 'a,b,c', [1, 1, 1]],
    ['the earliest match is taken', ['a', 'b', 'a', 'c'], 'a,b,c', [1, 1, 1]],
    ['a name that means something in a pattern', ['%', '_', '\\'], '%25,_,%5C', [1, 1, 1]],
    ['such a name stands for itself only', ['a', 'b'], '%25,_', [0, 0]],
    ['ten steps', 'abcdefghij'.split(''), 'a,b,c,d,e,f,g,h,i,j', Array<number>(10).fill(1)],
  ])('%s', async (_what, names, steps, expected) => {
    await storeNames('s', ago(0, 60), names);
    expect(await counts(`steps=${steps}`)).toEqual(expected);
  });

  test('orders by time, then by position in the request, then by id', async () => {
    const at = ago(0, 60);
    const event = { session_started_at: at, timestamp: at };
    const ids = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
    await storeEvents(database, chatbot, [
      { ...event, session_id: 'by position', event_name: 'b', seq: 1, id: randomUUID() },
      { ...event, session_id: 'by position', event_name: 'a', seq: 0, id: randomUUID() },
      { ...event, session_id: 'by id', event_name: 'b', seq: 0, id: ids[1] },
      { ...event, session_id: 'by id', event_name: 'a', seq: 0, id: ids[0] },
      { ...event, session_id: 'by time', event_name: 'a', seq: 0, id: randomUUID(), timestamp: new Date(at.getTime() + 1) },
      { ...event, session_id: 'by time', event_name: 'b', seq: 1, id: randomUUID() },
    ]);
    expect(await counts('steps=a,b')).toEqual([3, 2]);
  });

  test('a session id that was used again is another session; a visitor goes on over sessions', async () => {
    await storeNames('s', ago(1), ['a'], { anonymous_id: 'A' });
    await storeNames('s', ago(0, 60), ['b'], { anonymous_id: 'A' });
    await storeNames('nobody', ago(0, 60), ['a', 'b']);
    expect(await counts('steps=a,b')).toEqual([2, 1]);
    expect(await counts('steps=a,b&scope=visitor')).toEqual([1, 1]);
    expect(await counts('steps=a,b&scope=visitor&days=1')).toEqual([0, 0]);
  });

  test('counts what is in the period only', async () => {
    await storeNames('s', new Date(startOfUtcDay(today).getTime() - minuteMs), ['a', 'b']);
    expect(await counts('steps=a,b&days=2')).toEqual([1, 1]);
    expect(await counts('steps=a,b&days=1')).toEqual([0, 0]);
  });
});

describe('without the database', () => {
  test('the answer is 503', async () => {
    await ask('summary');
    await database.refuseConnections();
    try {
      for (const path of paths) expect([path, (await ask(path)).status]).toEqual([path, 503]);
    } finally {
      await database.acceptConnections();
    }
  });
});
