import { sqlStateOf } from '../../platform/postgres/errors.ts';
import { runTransaction, type Queryable } from '../../platform/postgres/pool.ts';
import { utcDayOf } from '../../platform/time/utc-day.ts';
import { eventTime, type WidgetEvent } from './events.ts';
import { dateOf, foldRequest, sessionColumns, type Folded, type Micros, type Session, type SessionRequest } from './session.ts';

/** Label of this slice's rows in the ingest metrics. */
export const analyticsEndpoint = 'widget_analytics';

/**
 * One event, which is stored, or known already, or refused, alone. Events of one request share its object; those that end a session stand
 * last (unitsOf), so that a request that had to be split ends its session in its last part.
 */
export interface EventUnit {
  request: SessionRequest;
  event: WidgetEvent;
}

export type EventOutcome = 'stored' | 'duplicate' | 'chatbot_gone';

export function unitsOf(request: SessionRequest, events: readonly WidgetEvent[], ends: (name: string) => boolean): EventUnit[] {
  const units = events.map((event) => ({ request, event }));
  return [...units.filter(({ event }) => !ends(event.name)), ...units.filter(({ event }) => ends(event.name))];
}

/** What one transaction stored. */
export interface Written {
  stored: readonly StoredEvent[];
  duplicates: readonly EventUnit[];
  /** In the order in which they happened. */
  steps: readonly SessionStep[];
}

export interface StoredEvent extends EventUnit {
  time: Micros;
  receipt: Micros;
  session: Session;
}

/** What one request did to the sessions of its id. */
export interface SessionStep extends Folded {
  before: Session | undefined;
}

export interface WriteOptions {
  timeoutMs: number;
  newId: () => string;
  /** Told what was stored, after the commit. */
  onWritten: (written: Written) => void;
}

const tries = 5;

/** Takes the part of a batch writer's `write`: one transaction for events of any number of organizations, and their sessions. */
export function createEventWrite(options: WriteOptions): (db: Queryable, units: readonly EventUnit[]) => Promise<EventOutcome[]> {
  return async (db, units) => {
    for (let tried = 1; ; tried += 1) {
      try {
        const { outcomes, written } = await runTransaction(db, (transaction) => writeEvents(transaction, units, options));
        options.onWritten(written);
        return outcomes;
      } catch (error) {
        const isRace = error instanceof EventsTakenError || sqlStateOf(error) === chatbotDeleted;
        if (!isRace || tried === tries) throw error;
      }
    }
  };
}

/** Another session of the chatbot stored an event of this batch after we had looked for it: what was folded is wrong, look again. */
class EventsTakenError extends Error {
  override readonly name = 'EventsTakenError';
}

/** foreign_key_violation: the only one that can come of a look that is out of date. The next look does not find the chatbot. */
const chatbotDeleted = '23503';

async function writeEvents(
  db: Queryable,
  units: readonly EventUnit[],
  options: WriteOptions,
): Promise<{ outcomes: EventOutcome[]; written: Written }> {
  const requests = [...new Set(units.map(({ request }) => request))];
  const heads = await lockHeads(db, requests);
  const known = await readKnownEvents(
    db,
    units.filter(({ event }) => event.idIsGiven),
  );
  const fresh = new Map<SessionRequest, EventUnit[]>();
  const outcomes = units.map((unit): EventOutcome => {
    if (!heads.has(headKey(unit.request))) return 'chatbot_gone';
    const key = eventKey(unit);
    if (known.has(key)) return 'duplicate';
    known.add(key);
    const ofRequest = fresh.get(unit.request);
    if (ofRequest === undefined) fresh.set(unit.request, [unit]);
    else ofRequest.push(unit);
    return 'stored';
  });
  const folded = fold(await readCurrentSessions(db, [...fresh.keys()], heads), fresh, options);
  if (folded.stored.length > 0) await store(db, folded);
  const duplicates = units.filter((_unit, index) => outcomes[index] === 'duplicate');
  return { outcomes, written: { stored: folded.stored, duplicates, steps: folded.steps } };
}

interface Changes {
  stored: StoredEvent[];
  steps: SessionStep[];
  /** Every session that changed, as it is now. */
  sessions: readonly Session[];
  /** Of each session id, the one that is current now. */
  current: readonly Session[];
}

function fold(sessions: ReadonlyMap<string, Session>, fresh: ReadonlyMap<SessionRequest, EventUnit[]>, options: WriteOptions): Changes {
  const current = new Map(sessions);
  const changed = new Map<string, Session>();
  const stored: StoredEvent[] = [];
  const steps: SessionStep[] = [];
  for (const [request, units] of fresh) {
    const key = headKey(request);
    const before = current.get(key);
    const inOrder = units.toSorted((left, right) => left.event.seq - right.event.seq);
    const step = foldRequest(
      before,
      request,
      inOrder.map(({ event }) => event),
      options,
    );
    const { session, ended } = step;
    if (ended !== undefined) changed.set(`${key} ${ended.started_at}`, ended);
    changed.set(`${key} ${session.started_at}`, session);
    current.set(key, session);
    steps.push({ ...step, before });
    const receipt = session.last_activity_at;
    for (const unit of inOrder) stored.push({ ...unit, session, receipt, time: eventTime(unit.event, request.receivedAt, receipt) });
  }
  return {
    stored,
    steps,
    sessions: [...changed.values()],
    current: [...new Set([...fresh.keys()].map(headKey))].flatMap((key) => current.get(key) ?? []),
  };
}

/** Two keys are equal if and only if their texts are: a session id is free text, and stands last. */
function headKey({ orgId, chatbotId, sessionId }: Pick<SessionRequest, 'orgId' | 'chatbotId' | 'sessionId'>): string {
  return `${orgId} ${chatbotId} ${sessionId}`;
}

/** Of a chatbot an id is one event, whatever the day. */
function eventKey({ request, event }: EventUnit): string {
  return `${request.orgId} ${request.chatbotId} ${event.id}`;
}

/**
 * Ends a lateral subquery by primary key: it is looked up for each given row. As a join it might become a scan of the whole table, whose plan
 * the connection then keeps.
 */
const oneByOne = 'limit 1';

const inMicros = (column: string): string => `(extract(epoch from ${column}) * 1000000)::bigint`;

/** ISO 8601 with six decimals; Dates would lose the last three. */
function timestampOf(micros: Micros): string {
  return dateOf(micros)
    .toISOString()
    .replace('Z', `${String(((micros % 1000) + 1000) % 1000).padStart(3, '0')}Z`);
}

/**
 * The session that each id was in, by headKey; null where there was none. From here to the commit nobody else changes these sessions. Heads are
 * made or locked in the order of their keys: otherwise replicas would deadlock. One statement does both, so that no head can be removed
 * between the two. An id whose chatbot is gone has no head.
 */
async function lockHeads(db: Queryable, requests: readonly SessionRequest[]): Promise<Map<string, Micros | null>> {
  const firsts = [...new Map(requests.map((request) => [headKey(request), request])).values()];
  const keys = [firsts.map(({ orgId }) => orgId), firsts.map(({ chatbotId }) => chatbotId), firsts.map(({ sessionId }) => sessionId)];
  await db.query({
    name: 'widget_heads_lock',
    text: `
      insert into widget_session_heads (org_id, chatbot_id, session_id, last_activity_at, ended_at)
      select given.org_id, given.chatbot_id, given.session_id, now(), now()
      from unnest($1::bigint[], $2::uuid[], $3::text[]) as given (org_id, chatbot_id, session_id)
      join chatbots on chatbots.org_id = given.org_id and chatbots.id = given.chatbot_id
      order by given.org_id, given.chatbot_id, given.session_id collate "C"
      -- Locks the row without a new version of it.
      on conflict (org_id, chatbot_id, session_id) do update set ended_at = excluded.ended_at where false`,
    values: keys,
  });
  const { rows } = await db.query<{ position: number; started_at: Micros | null }>({
    name: 'widget_heads_read',
    text: `
      select given.position, ${inMicros('head.started_at')} as started_at
      from unnest($1::bigint[], $2::uuid[], $3::text[]) with ordinality as given (org_id, chatbot_id, session_id, position)
      cross join lateral (
        select heads.started_at from widget_session_heads heads
        where heads.org_id = given.org_id and heads.chatbot_id = given.chatbot_id and heads.session_id = given.session_id
        ${oneByOne}
      ) head`,
    values: keys,
  });
  return new Map(
    rows.flatMap(({ position, started_at }) => {
      const request = firsts[position - 1];
      return request === undefined ? [] : [[headKey(request), started_at] as const];
    }),
  );
}

/** The ids among these events that are stored already, by eventKey. */
async function readKnownEvents(db: Queryable, units: readonly EventUnit[]): Promise<Set<string>> {
  if (units.length === 0) return new Set();
  const looked = units.flatMap((unit) => [unit.event.date, ...unit.event.retryDates].map((date) => ({ unit, date })));
  const days = looked.map(({ date }) => date).toSorted();
  const { rows } = await db.query<{ position: number }>({
    name: 'widget_events_known',
    text: `
      select given.position
      from unnest($1::bigint[], $2::uuid[], $3::date[], $4::uuid[]) with ordinality as given (org_id, chatbot_id, event_date, id, position)
      cross join lateral (
        select from widget_events events
        where events.org_id = given.org_id and events.chatbot_id = given.chatbot_id and events.event_date = given.event_date
          and events.id = given.id
          -- Said once more for the whole batch: the partitions of other days are left out before the first row.
          and events.event_date between $5::date and $6::date
        ${oneByOne}
      ) known`,
    values: [
      looked.map(({ unit }) => unit.request.orgId),
      looked.map(({ unit }) => unit.request.chatbotId),
      looked.map(({ date }) => date),
      looked.map(({ unit }) => unit.event.id),
      days[0],
      days.at(-1),
    ],
  });
  return new Set(rows.flatMap(({ position }) => looked[position - 1]?.unit ?? []).map(eventKey));
}

const sessionTimes = new Set<keyof Session>(['started_at', 'last_activity_at', 'ended_at', 'created_at', 'updated_at']);
/** What never changes once the row exists. */
const fixedColumns = new Set<keyof Session>(['org_id', 'id', 'chatbot_id', 'session_id', 'started_at', 'device_type', 'created_at']);

const readColumns = sessionColumns.map((column) =>
  sessionTimes.has(column) ? `${inMicros(`sessions.${column}`)} as ${column}` : `sessions.${column}`,
);

/** The sessions that these requests may go on with, by headKey. */
async function readCurrentSessions(
  db: Queryable,
  requests: readonly SessionRequest[],
  heads: ReadonlyMap<string, Micros | null>,
): Promise<Map<string, Session>> {
  const begun = [...new Map(requests.map((request) => [headKey(request), request])).entries()].flatMap(([key, request]) => {
    const startedAt = heads.get(key);
    return startedAt === undefined || startedAt === null ? [] : [{ request, startedAt }];
  });
  if (begun.length === 0) return new Map();
  const { rows } = await db.query<Session & Record<string, unknown>>({
    name: 'widget_sessions_current',
    text: `
      select current.*
      from unnest($1::bigint[], $2::uuid[], $3::text[], $4::timestamptz[]) as given (org_id, chatbot_id, session_id, started_at)
      cross join lateral (
        select ${readColumns.join(', ')}
        from widget_sessions sessions
        where sessions.org_id = given.org_id and sessions.chatbot_id = given.chatbot_id and sessions.session_id = given.session_id
          and sessions.started_at = given.started_at
          and sessions.started_at between $5::timestamptz and $6::timestamptz
        ${oneByOne}
      ) current`,
    values: [
      begun.map(({ request }) => request.orgId),
      begun.map(({ request }) => request.chatbotId),
      begun.map(({ request }) => request.sessionId),
      begun.map(({ startedAt }) => timestampOf(startedAt)),
      timestampOf(Math.min(...begun.map(({ startedAt }) => startedAt))),
      timestampOf(Math.max(...begun.map(({ startedAt }) => startedAt))),
    ],
  });
  return new Map(rows.map((row) => [headKey({ orgId: row.org_id, chatbotId: row.chatbot_id, sessionId: row.session_id }), row]));
}

/**
 * Every row once, in one statement. Keys are written in order, since unsorted upserts of parallel writers deadlock. A day that is over was rolled
 * up already, or will be: it is marked, and marking a marked one waits for the job that is just rebuilding it.
 */
const storeText = `
  with stored as (
    insert into widget_events (
      org_id, chatbot_id, event_date, id, session_id, session_started_at, anonymous_id, user_id, event_name, event_category, properties,
      page_url, page_title, seq, timestamp, client_timestamp, created_at)
    select
      given.org_id, given.chatbot_id, given.event_date, given.id, given.session_id, given.session_started_at, given.anonymous_id,
      given.user_id, given.event_name, given.event_category, given.properties, given.page_url, given.page_title, given.seq,
      given.timestamp, given.client_timestamp, given.created_at
    from unnest(
      $1::bigint[], $2::uuid[], $3::date[], $4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[],
      $11::jsonb[], $12::text[], $13::text[], $14::smallint[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[]
    ) as given (
      org_id, chatbot_id, event_date, id, session_id, session_started_at, anonymous_id, user_id, event_name, event_category, properties,
      page_url, page_title, seq, timestamp, client_timestamp, created_at)
    order by given.org_id, given.chatbot_id, given.event_date, given.id
    on conflict do nothing
    returning 1
  ),
  sessions as (
    insert into widget_sessions (${sessionColumns.join(', ')})
    select ${sessionColumns.map((column) => `given.${column}`).join(', ')}
    from json_populate_recordset(null::widget_sessions, $18::json) as given
    on conflict (org_id, chatbot_id, session_id, started_at) do update set
      ${sessionColumns
        .filter((column) => !fixedColumns.has(column))
        .map((column) => `${column} = excluded.${column}`)
        .join(', ')}
  ),
  heads as (
    insert into widget_session_heads (org_id, chatbot_id, session_id, started_at, last_activity_at, ended_at)
    select given.org_id, given.chatbot_id, given.session_id, given.started_at, given.last_activity_at, given.ended_at
    from unnest($19::bigint[], $20::uuid[], $21::text[], $22::timestamptz[], $23::timestamptz[], $24::timestamptz[]) as given (
      org_id, chatbot_id, session_id, started_at, last_activity_at, ended_at)
    on conflict (org_id, chatbot_id, session_id) do update set
      started_at = excluded.started_at, last_activity_at = excluded.last_activity_at, ended_at = excluded.ended_at
  ),
  visitors as (
    insert into widget_visitors as visitor (org_id, chatbot_id, anonymous_id, first_seen_at, last_seen_at)
    select given.org_id, given.chatbot_id, given.anonymous_id, min(given.first_seen_at), max(given.last_seen_at)
    from unnest($25::bigint[], $26::uuid[], $27::text[], $28::timestamptz[], $29::timestamptz[]) as given (
      org_id, chatbot_id, anonymous_id, first_seen_at, last_seen_at)
    group by given.org_id, given.chatbot_id, given.anonymous_id
    order by given.org_id, given.chatbot_id, given.anonymous_id collate "C"
    on conflict (org_id, chatbot_id, anonymous_id) do update set
      first_seen_at = least(visitor.first_seen_at, excluded.first_seen_at),
      last_seen_at = greatest(visitor.last_seen_at, excluded.last_seen_at)
  ),
  dirty as (
    insert into rollup_dirty_days (org_id, chatbot_id, day, marked_at)
    select given.org_id, given.chatbot_id, given.day, now()
    from unnest($30::bigint[], $31::uuid[], $32::date[]) as given (org_id, chatbot_id, day)
    group by given.org_id, given.chatbot_id, given.day
    order by given.org_id, given.chatbot_id, given.day
    on conflict (org_id, chatbot_id, day) do update set marked_at = excluded.marked_at
  )
  select count(*) as stored from stored`;

async function store(db: Queryable, { stored, sessions, current }: Changes): Promise<void> {
  const visits = sessions.filter(({ anonymous_id }) => anonymous_id !== null);
  const late = stored.filter(({ event, receipt }) => event.date < utcDayOf(dateOf(receipt)));
  const { rows } = await db.query<{ stored: number }>({
    name: 'widget_events_store',
    text: storeText,
    values: [
      stored.map(({ request }) => request.orgId),
      stored.map(({ request }) => request.chatbotId),
      stored.map(({ event }) => event.date),
      stored.map(({ event }) => event.id),
      stored.map(({ request }) => request.sessionId),
      stored.map(({ session }) => timestampOf(session.started_at)),
      stored.map(({ request, session }) => request.anonymousId ?? session.anonymous_id),
      stored.map(({ session }) => session.user_id),
      stored.map(({ event }) => event.name),
      stored.map(({ event }) => event.category),
      stored.map(({ event }) => event.properties),
      stored.map(({ event }) => event.pageUrl),
      stored.map(({ event }) => event.pageTitle),
      stored.map(({ event }) => event.seq),
      stored.map(({ time }) => timestampOf(time)),
      stored.map(({ event }) => (event.clientTime === null ? null : timestampOf(event.clientTime))),
      stored.map(({ receipt }) => timestampOf(receipt)),
      JSON.stringify(sessions.map(storable)),
      current.map(({ org_id }) => org_id),
      current.map(({ chatbot_id }) => chatbot_id),
      current.map(({ session_id }) => session_id),
      current.map(({ started_at }) => timestampOf(started_at)),
      current.map(({ last_activity_at }) => timestampOf(last_activity_at)),
      current.map(({ ended_at }) => (ended_at === null ? null : timestampOf(ended_at))),
      visits.map(({ org_id }) => org_id),
      visits.map(({ chatbot_id }) => chatbot_id),
      visits.map(({ anonymous_id }) => anonymous_id),
      visits.map(({ started_at }) => timestampOf(started_at)),
      visits.map(({ last_activity_at }) => timestampOf(last_activity_at)),
      late.map(({ request }) => request.orgId),
      late.map(({ request }) => request.chatbotId),
      late.map(({ event }) => event.date),
    ],
  });
  if (rows[0]?.stored !== stored.length) throw new EventsTakenError('an event of this batch was stored by somebody else meanwhile');
}

function storable(session: Session): Record<keyof Session, unknown> {
  return {
    ...session,
    started_at: timestampOf(session.started_at),
    last_activity_at: timestampOf(session.last_activity_at),
    ended_at: session.ended_at === null ? null : timestampOf(session.ended_at),
    created_at: timestampOf(session.created_at),
    updated_at: timestampOf(session.updated_at),
  };
}
