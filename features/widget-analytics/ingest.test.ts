import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../platform/log.ts';
import { createBatchWriter, NotWrittenError, type BatchWriter, type UnitFate } from '../../platform/postgres/batch-writer.ts';
import { sqlStateOf } from '../../platform/postgres/errors.ts';
import { openPool, type Pool, type Queryable } from '../../platform/postgres/pool.ts';
import { utcDayOf } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { describeAgent } from './device.ts';
import { contextOf, learntFrom, type WidgetEvent } from './events.ts';
import { createEventWrite, unitsOf, type EventOutcome, type EventUnit, type Written } from './ingest.ts';
import { deleteStaleHeads, deleteSubject } from './session-ingest.ts';
import { endsSession, foldRequest, microsOf, sessionColumns, type Session, type SessionRequest } from './session.ts';

let database: TestDatabase;
let orgId: number;
/** Two replicas of the exporter, as far as writing goes. */
let replicas: { pool: Pool; writer: BatchWriter<EventUnit, EventOutcome> }[];
/** Repeats a transaction that PostgreSQL ends because of a deadlock, as that of the API does. */
let removals: Pool;
let written: Written[] = [];

const timeoutMs = 30 * 60_000;
const log = createLogger({ service: 'exporter', level: 'fatal' });
const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`);

beforeAll(async () => {
  database = await createTestDatabase();
  orgId = (await insertOrganization(database, { key: 'owner' })).id;
  removals = openPool({
    connectionString: database.url('superuser'),
    max: 2,
    applicationName: 'removals',
    statementTimeoutMs: 5000,
    log,
  });
  replicas = ['left', 'right'].map((applicationName) => {
    const pool = openPool({
      connectionString: database.url('observability_exporter'),
      max: 2,
      applicationName,
      statementTimeoutMs: 5000,
      log,
    });
    const write = createEventWrite({ timeoutMs, newId: randomUUID, onWritten: (batch) => written.push(batch) });
    return {
      pool,
      writer: createBatchWriter({
        pool,
        log,
        endpoint: applicationName,
        write,
        maxTransactionRows: 20,
        maxQueueRows: 10_000,
        maxWaitMs: 5000,
      }),
    };
  });
});
afterAll(async () => {
  await Promise.all([removals, ...replicas.map(({ pool }) => pool)].map((pool) => pool.end()));
  await database.drop();
});

async function addChatbot(): Promise<string> {
  const id = randomUUID();
  await database.query(`insert into chatbots (id, org_id, name) values ($1, $2, 'test')`, [id, orgId]);
  return id;
}

function anEvent(changes: Partial<WidgetEvent> = {}): WidgetEvent {
  return {
    id: randomUUID(),
    idIsGiven: true,
    name: 'e',
    category: null,
    properties: '{}',
    triggeredBy: null,
    responseTimeMs: null,
    pageUrl: null,
    pageTitle: null,
    seq: 0,
    date: utcDayOf(noon),
    retryDates: [],
    time: microsOf(noon),
    clientTime: null,
    ...changes,
  };
}

function aRequest(changes: Partial<SessionRequest> & Pick<SessionRequest, 'chatbotId'>): SessionRequest {
  const { isBot: _isBot, ...agent } = describeAgent('');
  return {
    orgId,
    sessionId: 's',
    receivedAt: microsOf(noon),
    anonymousId: null,
    user: null,
    context: contextOf(),
    agent,
    network: null,
    ...changes,
  };
}

/** A request that a page may send, and send again. */
interface Planned {
  session: string;
  anonymousId: string | null;
  user: SessionRequest['user'];
  context: SessionRequest['context'];
  userAgent: string;
  events: { id: string; name: string; properties: string; pageUrl: string | null }[];
}

const agents = [
  '',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
];

/** Few ids and few sessions: requests overlap, and meet each other. */
const planned: fc.Arbitrary<Planned> = fc.record({
  session: fc.constantFrom('s-1', 's-2', 's-1 '),
  anonymousId: fc.constantFrom(null, 'a-1', 'a-2'),
  user: fc.constantFrom(
    null,
    { id: 'u-1', email: 'u@example.com', name: null, metadata: { plan: 'pro' } },
    { id: 'u-2', email: null, name: 'U', metadata: {} },
  ),
  context: fc
    .record(
      {
        referrer: fc.constantFrom('https://r.example', 'not a url'),
        landing_page: fc.constant('https://shop.example/?utm_source=query'),
        utm_source: fc.constant('google'),
        screen_width: fc.constantFrom(800, 1280),
      },
      { requiredKeys: [] },
    )
    .map((context) => contextOf(context)),
  userAgent: fc.constantFrom(...agents),
  events: fc.uniqueArray(
    fc.record({
      id: fc.integer({ min: 0, max: 30 }).map(String),
      name: fc.constantFrom(
        'widget_loaded',
        'widget_opened',
        'widget_minimized',
        'message_sent',
        'message_received',
        'pre_chat_form_submitted',
        'widget_closed',
      ),
      properties: fc.constantFrom('{}', '{"triggered_by":"manual","response_time_ms":10.5}', '{"triggered_by":null,"response_time_ms":7}'),
      pageUrl: fc.constantFrom(null, '/p?utm_medium=cpc'),
    }),
    { minLength: 1, maxLength: 4, selector: ({ id }) => id },
  ),
});

/** Waves of requests that are under way together. The clocks of the replicas differ. */
const plan = fc.record({
  requests: fc.array(planned, { minLength: 1, maxLength: 12 }),
  skewMs: fc.integer({ min: -3000, max: 3000 }),
  waves: fc.array(
    fc.record({
      pauseMs: fc.constantFrom(0, 0, 1, 1000, timeoutMs - 1, timeoutMs, 23 * 3600_000),
      sends: fc.array(fc.record({ request: fc.nat(), replica: fc.nat({ max: 1 }) }), { minLength: 1, maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});

const inMicros = (column: string): string => `(extract(epoch from ${column}) * 1000000)::bigint as ${column}`;

async function storedSessions(chatbotId: string): Promise<Session[]> {
  return database.query<Session & Record<string, unknown>>(
    `select ${sessionColumns.map((column) => `s.${column}`).join(', ')}, ${['started_at', 'last_activity_at', 'ended_at', 'created_at', 'updated_at'].map((column) => inMicros(`s.${column}`).replace(`as s.`, 'as ')).join(', ')}
     from widget_sessions s where s.chatbot_id = $1 order by s.session_id collate "C", s.started_at`,
    [chatbotId],
  );
}

interface StoredEvent extends Record<string, unknown> {
  id: string;
  session_id: string;
  event_name: string;
  properties: { request: number };
  page_url: string | null;
  started_at: number;
  received_at: number;
}

async function storedEvents(chatbotId: string): Promise<StoredEvent[]> {
  return database.query<StoredEvent>(
    `select e.*, (extract(epoch from e.session_started_at) * 1000000)::bigint as started_at,
       (extract(epoch from e.created_at) * 1000000)::bigint as received_at
     from widget_events e where e.chatbot_id = $1 order by e.session_id collate "C", e.created_at, e.seq`,
    [chatbotId],
  );
}

/** The sessions that the stored events make, folded anew from the first one. */
function refold(events: readonly StoredEvent[], requestOf: (event: StoredEvent) => SessionRequest): Session[] {
  const sessions: Session[] = [];
  const groups = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const key = `${event.session_id}|${event.received_at}`;
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  let current: Session | undefined;
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined) continue;
    if (current?.session_id !== first.session_id) current = undefined;
    const { session, started, ended } = foldRequest(
      current,
      { ...requestOf(first), receivedAt: first.received_at },
      group.map((event) => ({
        name: event.event_name,
        pageUrl: event.page_url,
        ...learntFrom(event.event_name, JSON.stringify(event.properties)),
      })),
      { timeoutMs, newId: () => '' },
    );
    if (ended !== undefined) sessions[sessions.length - 1] = ended;
    if (started) sessions.push(session);
    else sessions[sessions.length - 1] = session;
    current = session;
  }
  return sessions;
}

const withoutId = ({ id: _id, ...session }: Session): Omit<Session, 'id'> => session;

describe('sessions', () => {
  test('are what their stored events fold into, whatever replicas, retries and duplicates did', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ requests, skewMs, waves }) => {
        const chatbotId = await addChatbot();
        const ids = new Map(Array.from({ length: 31 }, (_unused, index) => [String(index), randomUUID()]));
        written = [];
        const sent = new Set<string>();
        let at = noon.getTime();
        const requestOf = (index: number, receivedAt: number): SessionRequest => {
          const { session, anonymousId, user, context, userAgent } = requests[index] as Planned;
          const { isBot: _isBot, ...agent } = describeAgent(userAgent);
          return aRequest({ chatbotId, sessionId: session, anonymousId, user, context, agent, receivedAt, network: '203.0.113.0/24' });
        };
        for (const { pauseMs, sends } of waves) {
          at += pauseMs;
          await Promise.all(
            sends.map(async ({ request, replica }) => {
              const index = request % requests.length;
              const events = (requests[index] as Planned).events.map(({ id, name, properties, pageUrl }, seq) => {
                sent.add(ids.get(id) as string);
                const withIndex = JSON.stringify({ ...(JSON.parse(properties) as object), request: index });
                return anEvent({ id: ids.get(id) as string, name, properties: withIndex, pageUrl, seq, ...learntFrom(name, properties) });
              });
              const received = requestOf(index, (at + replica * skewMs) * 1000);
              return replicas[replica]?.writer.submit(unitsOf(received, events, endsSession));
            }),
          );
        }
        const events = await storedEvents(chatbotId);
        const sessions = await storedSessions(chatbotId);
        expect(sessions.map(withoutId)).toEqual(
          refold(events, ({ properties, received_at }) => requestOf(properties.request, received_at)).map(withoutId),
        );
        expect(new Set(events.map(({ id }) => id))).toEqual(sent);
        expect(events).toHaveLength(sent.size);
        await expectRestFits(chatbotId, sessions, events);
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

/** Heads, visitors, references and what was counted, against the rows. */
async function expectRestFits(chatbotId: string, sessions: readonly Session[], events: readonly StoredEvent[]): Promise<void> {
  const starts = new Set(sessions.map(({ session_id, started_at }) => `${session_id}|${started_at}`));
  expect(new Set(events.map(({ session_id, started_at }) => `${session_id}|${started_at}`))).toEqual(starts);
  const heads = await database.query(
    `select session_id, ${inMicros('started_at')}, ${inMicros('last_activity_at')}, ${inMicros('ended_at')}
     from widget_session_heads where chatbot_id = $1 and started_at is not null order by session_id collate "C"`,
    [chatbotId],
  );
  const latest = [...new Map(sessions.map((session) => [session.session_id, session])).values()];
  expect(heads).toEqual(
    latest.map(({ session_id, started_at, last_activity_at, ended_at }) => ({ session_id, started_at, last_activity_at, ended_at })),
  );
  const visitors = await database.query<{ anonymous_id: string; first_seen_at: number }>(
    `select anonymous_id, ${inMicros('first_seen_at')} from widget_visitors where chatbot_id = $1`,
    [chatbotId],
  );
  const firstSeen = new Map<string, number>();
  for (const { anonymous_id, started_at } of sessions) {
    if (anonymous_id !== null) firstSeen.set(anonymous_id, Math.min(started_at, firstSeen.get(anonymous_id) ?? started_at));
  }
  expect(new Map(visitors.map(({ anonymous_id, first_seen_at }) => [anonymous_id, first_seen_at]))).toEqual(firstSeen);
  const steps = written.flatMap((batch) => batch.steps);
  expect(written.flatMap((batch) => batch.stored)).toHaveLength(events.length);
  expect(steps.filter(({ started }) => started)).toHaveLength(sessions.length);
  const ends = steps
    .flatMap(({ session, ended }) => [ended?.end_reason, session.end_reason])
    .filter((reason) => typeof reason === 'string');
  expect(ends.toSorted()).toEqual(sessions.flatMap(({ end_reason }) => end_reason ?? []).toSorted());
}

describe('writing', () => {
  test('answers for each event, and tells only what it stored', async () => {
    const chatbotId = await addChatbot();
    const write = createEventWrite({ timeoutMs, newId: randomUUID, onWritten: (batch) => (written = [batch]) });
    const event = anEvent();
    const units = [
      { request: aRequest({ chatbotId }), event },
      { request: aRequest({ chatbotId: randomUUID() }), event },
      { request: aRequest({ chatbotId }), event },
    ];
    expect(await replicas[0]?.pool.connect((db) => write(db, units))).toEqual(['stored', 'chatbot_gone', 'duplicate']);
    expect(written[0]?.stored).toHaveLength(1);
    expect(written[0]?.steps).toHaveLength(1);
    expect(written[0]?.duplicates).toHaveLength(1);
  });

  test('of one id into two sessions at once stores it in one of them', async () => {
    for (let round = 0; round < 20; round += 1) {
      const chatbotId = await addChatbot();
      const event = anEvent({ name: 'message_sent' });
      const fates = await Promise.all(
        replicas.map(({ writer }, index) => writer.submit([{ request: aRequest({ chatbotId, sessionId: `s-${index}` }), event }])),
      );
      expect(
        fates
          .flat()
          .map((fate) => !fate.refused && fate.outcome)
          .toSorted(),
      ).toEqual(['duplicate', 'stored']);
      expect((await storedSessions(chatbotId)).map(({ messages_sent }) => messages_sent)).toEqual([1]);
    }
  });

  test('while a chatbot is deleted stores all of a batch or finds it gone, or is to be tried again', async () => {
    for (let round = 0; round < 3; round += 1) {
      const chatbotId = await addChatbot();
      const submit = async (): Promise<unknown> =>
        Promise.all(replicas.map(({ writer }) => writer.submit([{ request: aRequest({ chatbotId }), event: anEvent() }])));
      await submit();
      // A write and the removal may wait for each other until one of them is given up.
      const writes = [submit(), submit()].map((write) => write.catch((error: unknown) => expect(error).toBeInstanceOf(NotWrittenError)));
      // The one who deletes may be the one whom PostgreSQL chooses to end a deadlock; then it is deleted at the second try.
      await database
        .query('delete from chatbots where id = $1', [chatbotId])
        .catch((error: unknown) => expect(sqlStateOf(error)).toMatch(/^(40P01|55P03)$/));
      await Promise.all(writes);
      await database.query('delete from chatbots where id = $1', [chatbotId]);
      expect(await storedEvents(chatbotId)).toEqual([]);
      const [fates] = (await submit()) as UnitFate<EventOutcome>[][];
      expect(fates).toEqual([{ refused: false, outcome: 'chatbot_gone' }]);
    }
  });

  test('of nothing new leaves a head that the cleanup finds, and that is no active session', async () => {
    const chatbotId = await addChatbot();
    const event = anEvent();
    const [left] = replicas;
    for (const sessionId of ['s-1', 's-2']) await left?.writer.submit([{ request: aRequest({ chatbotId, sessionId }), event }]);
    const heads = await database.query<{ session_id: string; started: boolean; ended: boolean; seen: boolean }>(
      `select session_id, started_at is not null as started, ended_at is not null as ended, last_activity_at is not null as seen
       from widget_session_heads where chatbot_id = $1 order by session_id`,
      [chatbotId],
    );
    expect(heads).toEqual([
      { session_id: 's-1', started: true, ended: false, seen: true },
      { session_id: 's-2', started: false, ended: true, seen: true },
    ]);
    await deleteStaleHeads(database.db, new Date(Date.now() + 60_000));
    expect(await database.query('select from widget_session_heads where chatbot_id = $1 and started_at is null', [chatbotId])).toEqual([]);
  });

  test('while the person is deleted stores every event, and leaves none without its session', async () => {
    const chatbotId = await addChatbot();
    const subject = { orgId, chatbotId, type: 'anonymous_id', value: 'a-1' } as const;
    const units = (): EventUnit[] =>
      ['s-1', 's-2', 's-3'].map((sessionId) => ({
        request: aRequest({ chatbotId, sessionId, anonymousId: 'a-1' }),
        event: anEvent({ name: 'message_sent' }),
      }));
    for (let round = 0; round < 15; round += 1) {
      const writes = replicas.flatMap(({ writer }) => [writer.submit(units()), writer.submit(units())]);
      const deletes = replicas.map(() => removals.transaction((transaction) => deleteSubject(transaction, subject)));
      const fates = (await Promise.all(writes)).flat();
      expect(fates).toEqual(fates.map(() => ({ refused: false, outcome: 'stored' })));
      await Promise.all(deletes);
    }
    const counted = await storedSessions(chatbotId);
    const stored = await storedEvents(chatbotId);
    expect(counted.map(({ messages_sent }) => messages_sent)).toEqual(
      counted.map(
        (session) => stored.filter((event) => event.session_id === session.session_id && event.started_at === session.started_at).length,
      ),
    );
    expect(counted.reduce((sum, { messages_sent }) => sum + messages_sent, 0)).toBe(stored.length);

    await removals.transaction((transaction) => deleteSubject(transaction, subject));
    expect([await storedSessions(chatbotId), await storedEvents(chatbotId)]).toEqual([[], []]);
  });
});

test('a write finds its rows by key however large the tables are', async () => {
  // A database and a connection of its own: what others have scanned is shown some time later.
  const own = await createTestDatabase();
  const pool = openPool({
    connectionString: own.url('observability_exporter'),
    max: 1,
    applicationName: 'alone',
    statementTimeoutMs: 60_000,
    log,
  });
  try {
    const { id } = await insertOrganization(own, { key: 'owner' });
    const chatbotId = randomUUID();
    await own.query(`insert into chatbots (id, org_id, name) values ($1, $2, 'test')`, [chatbotId, id]);
    const write = createEventWrite({ timeoutMs, newId: randomUUID, onWritten: () => undefined });
    const units = (): EventUnit[] =>
      Array.from({ length: 20 }, (_unused, index) => ({
        request: aRequest({ orgId: id, chatbotId, sessionId: `s-${index}` }),
        event: anEvent(),
      }));
    await pool.connect(async (connection) => {
      for (let round = 0; round < 8; round += 1) await write(connection, units());
      const before = await scans(connection);
      await write(connection, units());
      expect(await scans(connection)).toEqual(before);
    });
  } finally {
    await pool.end();
    await own.drop();
  }
});

/** Scans of whole tables that hold what arrives. */
async function scans(connection: Queryable): Promise<unknown> {
  await connection.query('select pg_stat_force_next_flush()');
  const { rows } = await connection.query(
    `select relname, seq_scan from pg_stat_user_tables where relname ~ '^widget_(events|sessions|session_heads|visitors)' order by relname`,
  );
  return rows;
}
