import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import {
  createPastEventDays,
  insertChatbot,
  storeEvents,
  storeSessions,
  type EventRow,
  type SessionRow,
} from '../../test/support/widget-rows.ts';
import { countEndedSessions } from './open-rollup.ts';
import { readDayTotals, readDistinctVisitors, readSessionTotals, readTopEvents, readTopValues, statsWindow } from './queries.ts';
import {
  moveStatsWatermark,
  readDaysToRebuild,
  readDirtyDays,
  readStatsWatermark,
  rebuildDay,
  rebuildDayOfAllChatbots,
  removeDirtyDay,
  statsWatermark,
  type ChatbotKey,
  type RawRetention,
} from './rollup.ts';

const today = utcDayOf(new Date());
const yesterday = addDays(today, -1);
const retention: RawRetention = { today, eventsRetentionDays: 90, sessionsRetentionDays: 365 };
const minuteMs = 60_000;

let database: TestDatabase;
let pool: Pool;
let orgId: number;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 4,
    applicationName: 'rollup test',
    statementTimeoutMs: 60_000,
    log: createLogger({ service: 'jobs', level: 'fatal' }),
  });
  orgId = (await insertOrganization(database, { key: 'owner' })).id;
  await createPastEventDays(database, addDays(today, -12), today);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const at = (day: UtcDay, minutes: number): Date => new Date(startOfUtcDay(day).getTime() + minutes * minuteMs);
const newChatbot = (): Promise<ChatbotKey> => insertChatbot(database, orgId);
const rebuild = (chatbot: ChatbotKey, day: UtcDay): Promise<string> => rebuildDay(pool, { ...chatbot, day }, retention);

const tables = [
  'widget_daily_stats',
  'widget_daily_dimensions',
  'widget_daily_event_names',
  'widget_event_session_gaps',
  'widget_daily_visitors',
  'widget_visitor_gaps',
];

/** Everything that is stored of a chatbot's days, as text, in a fixed order. Only when a row was written is left out. */
async function storedRows(chatbotId: string): Promise<Record<string, string[]>> {
  const stored: Record<string, string[]> = {};
  for (const table of tables) {
    const rows = await database.query<{ row: string }>(
      `select (to_jsonb(stored) - 'updated_at')::text as row from ${table} stored where stored.chatbot_id = $1 order by 1`,
      [chatbotId],
    );
    stored[table] = rows.map(({ row }) => row);
  }
  return stored;
}

async function readStats(chatbot: ChatbotKey, day: UtcDay): Promise<Record<string, unknown> | undefined> {
  const [row] = await database.query('select * from widget_daily_stats where chatbot_id = $1 and stat_date = $2', [chatbot.chatbotId, day]);
  return row;
}

async function setWatermark(day: UtcDay | undefined): Promise<void> {
  await database.query('delete from rollup_watermarks where name = $1', [statsWatermark]);
  if (day !== undefined) await moveStatsWatermark(pool, day);
}

async function sawVisitor(chatbot: ChatbotKey, anonymousId: string, firstSeenAt: Date): Promise<void> {
  await database.query(
    `insert into widget_visitors (org_id, chatbot_id, anonymous_id, first_seen_at, last_seen_at) values ($1, $2, $3, $4, $4)`,
    [chatbot.orgId, chatbot.chatbotId, anonymousId, firstSeenAt],
  );
}

describe('rebuildDay', () => {
  test('fills every column of a day', async () => {
    const chatbot = await newChatbot();
    const plain = {
      anonymous_id: null as string | null,
      duration_seconds: null as number | null,
      had_conversation: false,
      messages_sent: 0,
      messages_received: 0,
      widget_opened_count: 0,
      response_time_sum_ms: 0,
      response_time_count: 0,
      device_type: 'desktop',
      referrer: null as string | null,
      landing_page: null as string | null,
      utm_source: null as string | null,
    };
    await storeSessions(database, chatbot, [
      {
        ...plain,
        session_id: 's1',
        started_at: at(yesterday, 0),
        anonymous_id: 'A',
        duration_seconds: 60,
        had_conversation: true,
        messages_sent: 3,
        messages_received: 1,
        widget_opened_count: 2,
        response_time_sum_ms: 1001,
        response_time_count: 2,
        referrer: 'https://www.Example.com/a?b#c',
        landing_page: 'https://shop.example/p?q=1#top',
        utm_source: 'google',
      },
      {
        ...plain,
        session_id: 's2',
        started_at: at(yesterday, 10),
        anonymous_id: 'A',
        duration_seconds: 120,
        had_conversation: true,
        messages_received: 4,
        device_type: 'mobile',
        referrer: 'not a url',
        landing_page: 'https://shop.example/p#other',
        utm_source: 'google',
      },
      {
        ...plain,
        session_id: 's3',
        started_at: at(yesterday, 20),
        anonymous_id: 'B',
        device_type: 'tablet',
        referrer: 'http://a.example:8080',
      },
      { ...plain, session_id: 's4', started_at: at(yesterday, 1439), utm_source: 'bing' },
      { ...plain, session_id: 'other day', started_at: at(today, 0), anonymous_id: 'C' },
    ]);
    await sawVisitor(chatbot, 'A', at(addDays(today, -5), 0));
    await sawVisitor(chatbot, 'B', at(yesterday, 20));
    const event = { session_id: 's1', session_started_at: at(yesterday, 0), event_category: null as string | null };
    await storeEvents(database, chatbot, [
      { ...event, event_name: 'widget_loaded', timestamp: at(yesterday, 0) },
      { ...event, event_name: 'widget_loaded', timestamp: at(yesterday, 1439) },
      { ...event, event_name: 'api_error', timestamp: at(yesterday, 5), event_category: 'error' },
      { ...event, event_name: 'widget_loaded', timestamp: at(today, 0) },
    ]);
    expect(await rebuild(chatbot, yesterday)).toBe('written');
    expect(await readStats(chatbot, yesterday)).toMatchObject({
      total_sessions: 4,
      unique_visitors: 2,
      new_visitors: 1,
      returning_visitors: 1,
      total_conversations: 2,
      total_messages_sent: 3,
      total_messages_received: 5,
      avg_messages_per_session: '2.00',
      avg_session_duration_seconds: 90,
      duration_sum_seconds: 180,
      duration_count: 2,
      widget_loads: 2,
      widget_opens: 2,
      conversion_rate: '50.00',
      avg_response_time_ms: 501,
      error_count: 1,
      top_referrers: [
        { domain: 'a.example', count: 1 },
        { domain: 'direct', count: 1 },
        { domain: 'www.example.com', count: 1 },
      ],
      top_landing_pages: [{ page: 'https://shop.example/p', count: 2 }],
      utm_sources: { google: 2, bing: 1 },
      desktop_sessions: 2,
      mobile_sessions: 1,
      tablet_sessions: 1,
    });
  });

  test('of a day with events and no session has zeros, and no average response time', async () => {
    const chatbot = await newChatbot();
    const event = { session_id: 's', session_started_at: at(today, 0), event_name: 'widget_loaded', timestamp: at(yesterday, 1400) };
    await storeEvents(database, chatbot, [event]);
    expect(await rebuild(chatbot, yesterday)).toBe('written');
    expect(await readStats(chatbot, yesterday)).toMatchObject({
      total_sessions: 0,
      avg_messages_per_session: '0.00',
      avg_session_duration_seconds: 0,
      conversion_rate: '0.00',
      avg_response_time_ms: null,
      widget_loads: 1,
      top_referrers: [],
      utm_sources: {},
    });
  });

  test('of a day on which nothing happened has no row, and loses the one it had', async () => {
    const chatbot = await newChatbot();
    expect(await rebuild(chatbot, yesterday)).toBe('empty');
    await storeSessions(database, chatbot, [{ session_id: 's', started_at: at(yesterday, 1), anonymous_id: 'A' }]);
    expect(await rebuild(chatbot, yesterday)).toBe('written');
    await database.query('delete from widget_sessions where chatbot_id = $1', [chatbot.chatbotId]);
    expect(await rebuild(chatbot, yesterday)).toBe('empty');
    expect(Object.values(await storedRows(chatbot.chatbotId)).flat()).toEqual([]);
  });

  test('takes in what a session did after midnight when it is run again', async () => {
    const chatbot = await newChatbot();
    const day = addDays(today, -2);
    await storeSessions(database, chatbot, [{ session_id: 's', started_at: at(day, 1430), duration_seconds: null }]);
    await rebuild(chatbot, day);
    expect(await readStats(chatbot, day)).toMatchObject({ total_sessions: 1, total_messages_sent: 0, duration_count: 0 });
    await database.query(
      `update widget_sessions set messages_sent = 2, had_conversation = true, duration_seconds = 1800, end_reason = 'timeout', ended_at = $2
       where chatbot_id = $1`,
      [chatbot.chatbotId, at(day, 1460)],
    );
    await rebuild(chatbot, day);
    expect(await readStats(chatbot, day)).toMatchObject({
      total_messages_sent: 2,
      total_conversations: 1,
      avg_session_duration_seconds: 1800,
    });
    expect(await rebuild(chatbot, yesterday)).toBe('empty');
  });

  test('keeps the row it rewrites: id and created_at stay', async () => {
    const chatbot = await newChatbot();
    await storeSessions(database, chatbot, [{ session_id: 's', started_at: at(yesterday, 1) }]);
    await rebuild(chatbot, yesterday);
    const before = await readStats(chatbot, yesterday);
    await rebuild(chatbot, yesterday);
    const after = await readStats(chatbot, yesterday);
    expect({ ...after, updated_at: before?.['updated_at'] }).toEqual(before);
    expect(after?.['updated_at']).not.toEqual(before?.['updated_at']);
  });

  test.each([
    ['today, which is not over', today],
    ['a day older than the retention', addDays(today, -4)],
    ['a day whose partition is gone', addDays(today, -3)],
  ])('leaves %s as it is', async (_what, day) => {
    const own = await createTestDatabase();
    const ownPool = openPool({
      connectionString: own.url('observability_jobs'),
      max: 2,
      applicationName: 'rollup test',
      statementTimeoutMs: 60_000,
      log: createLogger({ service: 'jobs', level: 'fatal' }),
    });
    try {
      const { id } = await insertOrganization(own, { key: 'owner' });
      const kept = await insertChatbot(own, id);
      await own.query(
        `insert into widget_daily_stats (org_id, chatbot_id, stat_date, total_sessions, unique_visitors, new_visitors, returning_visitors,
           total_conversations, total_messages_sent, total_messages_received, avg_messages_per_session, avg_session_duration_seconds,
           duration_sum_seconds, duration_count, widget_loads, widget_opens, conversion_rate, error_count, desktop_sessions, mobile_sessions,
           tablet_sessions)
         values ($1, $2, $3, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0)`,
        [id, kept.chatbotId, day],
      );
      await own.query(`drop table widget_events_p${addDays(today, -3).replaceAll('-', '')}`);
      const shorter = { today, eventsRetentionDays: 3, sessionsRetentionDays: 365 };
      expect(await rebuildDay(ownPool, { ...kept, day }, shorter)).toBe('skipped');
      expect(await rebuildDayOfAllChatbots(ownPool, day, { ...shorter, signal: new AbortController().signal })).toBe(0);
      expect(await own.query('select stats.total_sessions from widget_daily_stats stats')).toEqual([{ total_sessions: 7 }]);
      expect(await readDaysToRebuild(ownPool, shorter)).toEqual([addDays(today, -2), yesterday]);
    } finally {
      await ownPool.end();
      await own.drop();
    }
  });

  test.each([
    ['https://www.Example.com/path?x#y', 'www.example.com'],
    ['http://shop.example:8080', 'shop.example'],
    ['https://user:secret@shop.example/', 'shop.example'],
    ['http://[2001:db8::1]:8080/x', '[2001:db8::1]'],
    ['android-app://com.google.android.gm/', 'com.google.android.gm'],
    ['https://shop.example\\x', 'shop.example'],
    ['not a url', 'direct'],
    ['mailto:ann@shop.example', 'direct'],
    ['//shop.example/x', 'direct'],
    ['https://', 'direct'],
    ['https://a b/', 'direct'],
    [`https://${'a'.repeat(254)}/`, 'direct'],
    ['', undefined],
    [null, undefined],
  ])('the referrer %j is counted as %j', async (referrer, domain) => {
    const chatbot = await newChatbot();
    await storeSessions(database, chatbot, [{ session_id: 's', started_at: at(yesterday, 1), referrer }]);
    await rebuild(chatbot, yesterday);
    expect((await readStats(chatbot, yesterday))?.['top_referrers']).toEqual(domain === undefined ? [] : [{ domain, count: 1 }]);
  });

  test('lists ten referrers and pages and a hundred sources at most, ties byte by byte', async () => {
    const chatbot = await newChatbot();
    const names = ['a', 'B', 'ä', 'Z', ...Array.from({ length: 120 }, (_, n) => `n${String(n).padStart(3, '0')}`)];
    await storeSessions(
      database,
      chatbot,
      names.map((name, n) => ({
        session_id: name,
        started_at: at(yesterday, n),
        utm_source: name,
        referrer: `https://${name.toLowerCase()}.example/`,
        landing_page: `/${name}`,
      })),
    );
    await rebuild(chatbot, yesterday);
    const stats = await readStats(chatbot, yesterday);
    expect(stats?.['top_landing_pages']).toEqual(['B', 'Z', 'a', ...names.slice(4, 11)].map((name) => ({ page: `/${name}`, count: 1 })));
    expect(stats?.['top_referrers']).toHaveLength(10);
    expect(Object.keys(stats?.['utm_sources'] as object).toSorted()).toEqual(['B', 'Z', 'a', ...names.slice(4, 101)].toSorted());
  });

  test('of two neighbouring days at once gives what one after the other gives', async () => {
    const chatbot = await newChatbot();
    const days = [addDays(today, -3), addDays(today, -2), yesterday];
    await storeSessions(
      database,
      chatbot,
      days.flatMap((day, n) =>
        ['A', 'B'].map((anonymous_id) => ({ session_id: `${n}`, started_at: at(day, anonymous_id === 'A' ? 1 : 2), anonymous_id })),
      ),
    );
    await Promise.all(days.map((day) => rebuild(chatbot, day)));
    expect(
      await database.query('select stat_date, prev_date, visitors from widget_visitor_gaps where chatbot_id = $1 order by 1', [
        chatbot.chatbotId,
      ]),
    ).toEqual(days.map((day, n) => ({ stat_date: day, prev_date: days[n - 1] ?? null, visitors: 2 })));
  });

  test('rebuildDayOfAllChatbots counts the rows it wrote and stops when it is told to', async () => {
    const [one, other] = [await newChatbot(), await newChatbot()];
    const day = addDays(today, -9);
    await storeSessions(database, one, [{ session_id: 's', started_at: at(day, 1) }]);
    await storeEvents(database, other, [{ session_id: 's', session_started_at: at(day, 1), event_name: 'x', timestamp: at(day, 1) }]);
    expect(await rebuildDayOfAllChatbots(pool, day, { ...retention, signal: new AbortController().signal })).toBe(2);
    await expect(rebuildDayOfAllChatbots(pool, day, { ...retention, signal: AbortSignal.abort() })).rejects.toThrow('aborted');
  });
});

describe('what there is to rebuild', () => {
  test('without a watermark: every day that is still whole; with one: its day, the two latest and those after it', async () => {
    await setWatermark(undefined);
    expect(await readStatsWatermark(pool)).toBeUndefined();
    const all = await readDaysToRebuild(pool, retention);
    expect(all[0]).toBe(addDays(today, -12));
    expect(all.at(-1)).toBe(yesterday);
    expect(all).toHaveLength(12);
    await moveStatsWatermark(pool, addDays(today, -4));
    expect(await readDaysToRebuild(pool, retention)).toEqual([-4, -3, -2, -1].map((days) => addDays(today, days)));
    await moveStatsWatermark(pool, yesterday);
    expect(await readDaysToRebuild(pool, retention)).toEqual([-2, -1].map((days) => addDays(today, days)));
    await moveStatsWatermark(pool, addDays(today, -4));
    expect(await readStatsWatermark(pool)).toBe(yesterday);
  });

  test('a dirty day that is marked again while it is rebuilt stays dirty', async () => {
    const chatbot = await newChatbot();
    const mark = (day: UtcDay): Promise<unknown> =>
      database.query(
        `insert into rollup_dirty_days (org_id, chatbot_id, day) values ($1, $2, $3)
         on conflict (org_id, chatbot_id, day) do update set marked_at = clock_timestamp()`,
        [chatbot.orgId, chatbot.chatbotId, day],
      );
    await mark(yesterday);
    await mark(addDays(today, -2));
    const dirty = await readDirtyDays(pool, 10);
    expect(dirty.map(({ day }) => day)).toEqual([yesterday, addDays(today, -2)]);
    expect(await readDirtyDays(pool, 1)).toEqual(dirty.slice(0, 1));
    await mark(yesterday);
    for (const day of dirty) await removeDirtyDay(pool, day);
    expect((await readDirtyDays(pool, 10)).map(({ day }) => day)).toEqual([yesterday]);
  });
});

// The same figures, counted again from the raw rows in another way.

const firstDay = addDays(today, -8);
const allDays = Array.from({ length: 9 }, (_, n) => addDays(firstDay, n));
const closedDays = allDays.slice(0, -1);
const visitorNames = ['A', 'B', 'C', 'D'];
const eventNames = ['widget_loaded', 'message_sent', 'ä', 'Z'];

interface RawEvent {
  event_name: string;
  timestamp: Date;
  event_category: string | null;
}
interface RawSession extends SessionRow {
  anonymous_id: string | null;
  utm_source: string | null;
  messages_sent: number;
  had_conversation: boolean;
  duration_seconds: number | null;
  events: RawEvent[];
}

/** An event of a session happens up to a day before it began and up to five minutes after the longest session. */
const rawSession: fc.Arbitrary<RawSession> = fc
  .record({
    start: fc.integer({ min: 0, max: 9 * 1440 - 1 }),
    anonymous_id: fc.option(fc.constantFrom(...visitorNames)),
    utm_source: fc.option(fc.constantFrom('google', 'bing')),
    messages_sent: fc.nat(3),
    duration_seconds: fc.option(fc.nat(1000)),
    events: fc.array(fc.record({ event_name: fc.constantFrom(...eventNames), offset: fc.integer({ min: -1440, max: 1440 + 5 }) }), {
      maxLength: 6,
    }),
  })
  .map(({ start, events, ...columns }) => {
    const startedAt = at(firstDay, start);
    return {
      ...columns,
      session_id: `s${start % 7}`,
      started_at: startedAt,
      had_conversation: columns.messages_sent > 0,
      events: events
        .map(({ event_name, offset }) => ({
          event_name,
          timestamp: new Date(startedAt.getTime() + offset * minuteMs),
          event_category: offset % 3 === 0 ? 'error' : null,
        }))
        .filter(({ timestamp }) => utcDayOf(timestamp) >= firstDay && utcDayOf(timestamp) <= today),
    };
  });

const rawSessions = fc.uniqueArray(rawSession, { maxLength: 25, selector: ({ started_at }) => started_at.getTime() });

async function store(chatbot: ChatbotKey, sessions: readonly RawSession[]): Promise<void> {
  await storeSessions(
    database,
    chatbot,
    sessions.map(({ events: _events, ...columns }) => columns),
  );
  const events: EventRow[] = sessions.flatMap((session) =>
    session.events.map((event) => ({ ...event, session_id: session.session_id, session_started_at: session.started_at })),
  );
  await storeEvents(database, chatbot, events);
}

/** How many things are new on each day, by the day on which they were there before. */
function recountGaps(daysOf: ReadonlyMap<string, ReadonlySet<UtcDay>>): Map<string, number> {
  const gaps = new Map<string, number>();
  for (const days of daysOf.values()) {
    const sorted = [...days].toSorted();
    sorted.forEach((day, index) => {
      const gap = `${day} ${sorted[index - 1] ?? 'never'}`;
      gaps.set(gap, (gaps.get(gap) ?? 0) + 1);
    });
  }
  return gaps;
}

function collect<Key extends string>(pairs: readonly (readonly [Key, UtcDay])[]): Map<Key, Set<UtcDay>> {
  const days = new Map<Key, Set<UtcDay>>();
  for (const [key, day] of pairs) days.set(key, (days.get(key) ?? new Set()).add(day));
  return days;
}

const sorted = (gaps: ReadonlyMap<string, number>): string[] => [...gaps].map(([gap, count]) => `${gap} ${count}`).toSorted();
const visitsOf = (sessions: readonly RawSession[]): [string, UtcDay][] =>
  sessions.flatMap((session) =>
    session.anonymous_id === null ? [] : [[session.anonymous_id, utcDayOf(session.started_at)] as [string, UtcDay]],
  );
const sessionKey = (session: RawSession): string => `${session.session_id} ${session.started_at.getTime()}`;

describe('against a recount of random rows', () => {
  test('the stored days agree, whatever arrived late and in whichever order days are rebuilt; a second run changes nothing', async () => {
    const late = fc.record({
      early: rawSessions,
      late: rawSessions,
      order: fc.shuffledSubarray(closedDays, { minLength: closedDays.length }),
    });
    await fc.assert(
      fc.asyncProperty(late, async ({ early, late: later, order }) => {
        const chatbot = await newChatbot();
        const starts = new Set(early.map(({ started_at }) => started_at.getTime()));
        const added = later.filter(({ started_at }) => !starts.has(started_at.getTime()));
        await store(chatbot, early);
        for (const day of order) await rebuild(chatbot, day);
        await store(chatbot, added);
        const touched = new Set(
          added.flatMap((session) => [utcDayOf(session.started_at), ...session.events.map((event) => utcDayOf(event.timestamp))]),
        );
        for (const day of order) if (touched.has(day)) await rebuild(chatbot, day);

        const sessions = [...early, ...added];
        const stored = await storedRows(chatbot.chatbotId);
        for (const day of closedDays) {
          const ofDay = sessions.filter(({ started_at }) => utcDayOf(started_at) === day);
          const events = sessions.flatMap((session) => session.events).filter(({ timestamp }) => utcDayOf(timestamp) === day);
          const stats = await readStats(chatbot, day);
          if (ofDay.length === 0 && events.length === 0) {
            expect(stats).toBeUndefined();
            continue;
          }
          const durations = ofDay.flatMap(({ duration_seconds }) => duration_seconds ?? []);
          expect(stats).toMatchObject({
            total_sessions: ofDay.length,
            unique_visitors: new Set(ofDay.flatMap(({ anonymous_id }) => anonymous_id ?? [])).size,
            total_conversations: ofDay.filter(({ had_conversation }) => had_conversation).length,
            total_messages_sent: ofDay.reduce((sum, { messages_sent }) => sum + messages_sent, 0),
            duration_sum_seconds: durations.reduce((sum, seconds) => sum + seconds, 0),
            duration_count: durations.length,
            widget_loads: events.filter(({ event_name }) => event_name === 'widget_loaded').length,
            error_count: events.filter(({ event_category }) => event_category === 'error').length,
          });
        }
        const gaps = async (table: string, keys: string, counted: string): Promise<string[]> =>
          (
            await database.query<{ gap: string }>(
              `select ${keys} stored.stat_date || ' ' || coalesce(stored.prev_date::text, 'never') || ' ' || stored.${counted} as gap
               from ${table} stored where stored.chatbot_id = $1`,
              [chatbot.chatbotId],
            )
          )
            .map(({ gap }) => gap)
            .toSorted();
        expect(await gaps('widget_visitor_gaps', '', 'visitors')).toEqual(
          sorted(recountGaps(collect(visitsOf(sessions).filter(([, day]) => day < today)))),
        );
        const expectedGaps = eventNames.flatMap((name) => {
          const seen = sessions.flatMap((session) =>
            session.events
              .filter(({ event_name, timestamp }) => event_name === name && utcDayOf(timestamp) < today)
              .map(({ timestamp }) => [sessionKey(session), utcDayOf(timestamp)] as [string, UtcDay]),
          );
          return sorted(recountGaps(collect(seen))).map((gap) => `${name} ${gap}`);
        });
        expect(await gaps('widget_event_session_gaps', `stored.event_name || ' ' ||`, 'sessions')).toEqual(expectedGaps.toSorted());

        for (const day of closedDays) await rebuild(chatbot, day);
        expect(await storedRows(chatbot.chatbotId)).toEqual(stored);
      }),
      { numRuns: 15 },
    );
  }, 120_000);

  test('reads of any window agree, wherever the watermark stands and whatever was counted before, and stay when days are closed', async () => {
    const cases = fc.record({
      early: rawSessions,
      late: rawSessions,
      days: fc.integer({ min: 1, max: 9 }),
      closed: fc.integer({ min: 0, max: 8 }),
      counted: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ early, late, days, closed, counted }) => {
        const chatbot = await newChatbot();
        await store(chatbot, early);
        const rebuilt = closedDays.slice(0, closed);
        for (const day of rebuilt) await rebuild(chatbot, day);
        await setWatermark(rebuilt.at(-1));
        if (counted) await countEndedSessions(pool, { signal: new AbortController().signal });
        const starts = new Set(early.map(({ started_at }) => started_at.getTime()));
        const added = late.filter(({ started_at }) => !starts.has(started_at.getTime()) && !rebuilt.includes(utcDayOf(started_at)));
        const lateEventDays = added.flatMap(({ events }) => events.map(({ timestamp }) => utcDayOf(timestamp)));
        await store(chatbot, added);
        for (const day of new Set(lateEventDays.filter((marked) => rebuilt.includes(marked)))) {
          await database.query('insert into rollup_dirty_days (org_id, chatbot_id, day, marked_at) values ($1, $2, $3, now())', [
            chatbot.orgId,
            chatbot.chatbotId,
            day,
          ]);
        }
        if (counted) await countEndedSessions(pool, { signal: new AbortController().signal });
        await expectReadsToAgree(chatbot, [...early, ...added], days);

        for (const day of closedDays) await rebuild(chatbot, day);
        await database.query('delete from rollup_dirty_days');
        await setWatermark(closedDays.at(-1));
        await expectReadsToAgree(chatbot, [...early, ...added], days);
      }),
      { numRuns: 30 },
    );
  }, 120_000);
});

async function expectReadsToAgree(chatbot: ChatbotKey, sessions: readonly RawSession[], days: number): Promise<void> {
  const window = await statsWindow(pool, chatbot, { now: at(today, 1439), days });
  const inWindow = (moment: Date): boolean => utcDayOf(moment) >= addDays(today, 1 - days) && utcDayOf(moment) <= today;
  const ofWindow = sessions.filter(({ started_at }) => inWindow(started_at));

  const durations = ofWindow.flatMap(({ duration_seconds }) => duration_seconds ?? []);
  expect(await readSessionTotals(pool, window)).toEqual({
    sessions: ofWindow.length,
    conversations: ofWindow.filter(({ had_conversation }) => had_conversation).length,
    durationSumSeconds: durations.reduce((sum, seconds) => sum + seconds, 0),
    durationCount: durations.length,
  });
  const byDay = new Map<UtcDay, number>();
  for (const { started_at } of ofWindow) byDay.set(utcDayOf(started_at), (byDay.get(utcDayOf(started_at)) ?? 0) + 1);
  const dayTotals = (await readDayTotals(pool, window)).filter(({ sessions: count }) => count > 0);
  expect(new Map(dayTotals.map(({ day, sessions: count }) => [day, count]))).toEqual(byDay);
  expect(await readDistinctVisitors(pool, window)).toBe(new Set(ofWindow.flatMap(({ anonymous_id }) => anonymous_id ?? [])).size);
  const expected = eventNames
    .map((name) => {
      const having = sessions
        .map((session) => session.events.filter(({ event_name, timestamp }) => event_name === name && inWindow(timestamp)).length)
        .filter((count) => count > 0);
      return { event_name: name, event_count: having.reduce((sum, count) => sum + count, 0), unique_sessions: having.length };
    })
    .filter(({ event_count }) => event_count > 0)
    .toSorted((left, right) => right.event_count - left.event_count || (left.event_name < right.event_name ? -1 : 1));
  expect(await readTopEvents(pool, window, 100)).toEqual(expected);
  const google = ofWindow.filter(({ utm_source }) => utm_source === 'google').length;
  const found = (await readTopValues(pool, window, ['utm_source'], 10)).find(({ value }) => value === 'google');
  expect(found?.count ?? 0).toBe(google);
}

describe('sessions that have ended', () => {
  test('are counted once, however many count at once, and reads do not look at them any more', async () => {
    const chatbot = await newChatbot();
    await setWatermark(yesterday);
    const signal = new AbortController().signal;
    await countEndedSessions(pool, { signal });
    const sessions = Array.from({ length: 50 }, (_unused, index) => ({
      session_id: `s-${index}`,
      anonymous_id: `a-${index % 20}`,
      started_at: at(today, index),
      duration_seconds: index % 5 === 0 ? null : 60,
    }));
    await storeSessions(database, chatbot, sessions);
    const counted = await Promise.all([1, 2, 3].map(() => countEndedSessions(pool, { signal })));
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(40);
    const window = await statsWindow(pool, chatbot, { now: at(today, 1439), days: 1 });
    const asked = async (): Promise<unknown> => [await readSessionTotals(pool, window), await readDistinctVisitors(pool, window)];
    const before = [{ sessions: 50, conversations: 0, durationSumSeconds: 2400, durationCount: 40 }, 20];
    expect(await asked()).toEqual(before);
    await database.query('delete from widget_sessions where chatbot_id = $1 and ended_at is not null', [chatbot.chatbotId]);
    expect(await asked()).toEqual(before);
  });

  test('of a day that was closed are for its rebuild alone', async () => {
    const chatbot = await newChatbot();
    await storeSessions(database, chatbot, [{ session_id: 's', started_at: at(yesterday, 1430) }]);
    await rebuild(chatbot, yesterday);
    await setWatermark(yesterday);
    await database.query(
      `update widget_sessions set ended_at = started_at, end_reason = 'timeout', duration_seconds = 60 where chatbot_id = $1`,
      [chatbot.chatbotId],
    );
    expect(await countEndedSessions(pool, { signal: new AbortController().signal })).toBe(0);
    await rebuild(chatbot, yesterday);
    expect(await readStats(chatbot, yesterday)).toMatchObject({ total_sessions: 1, duration_sum_seconds: 60 });
  });
});
