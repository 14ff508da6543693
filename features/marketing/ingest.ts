import { runTransaction, type Queryable } from '../../platform/postgres/pool.ts';
import { captureLead, type CapturedLead, type LeadCapture } from './lead-ingest.ts';
import { foldEvent, type Session } from './session.ts';
import type { MarketingEvent } from './stored-event.ts';

/** Label of this slice's rows in the ingest metrics. */
export const marketingEndpoint = 'marketing';

/** One event, or a captured lead with its event: stored, known already, or refused, alone. */
export interface MarketingUnit {
  event: MarketingEvent;
  capture?: LeadCapture;
}

/** A capture is several statements; events are written together. */
export function rowsOf({ capture }: MarketingUnit): number {
  return capture === undefined ? 1 : 10;
}

export interface MarketingOutcome {
  isDuplicate: boolean;
  eventId: string;
  visitorId: string;
  sessionId: string;
  lead?: CapturedLead;
}

export interface WriteOptions {
  inactivityMs: number;
  linksByFingerprint: boolean;
  newId: () => string;
  /** Told what was stored, after the commit. */
  onWritten: (written: readonly { unit: MarketingUnit; outcome: MarketingOutcome }[]) => void;
}

const tries = 5;

/** Takes the part of a batch writer's `write`: one transaction for events of any number of visitors. */
export function createMarketingWrite(
  options: WriteOptions,
): (db: Queryable, units: readonly MarketingUnit[]) => Promise<MarketingOutcome[]> {
  return async (db, units) => {
    for (let tried = 1; ; tried += 1) {
      try {
        const outcomes = await runTransaction(db, (transaction) => writeUnits(transaction, units, options));
        options.onWritten(units.flatMap((unit, index) => (outcomes[index] === undefined ? [] : [{ unit, outcome: outcomes[index] }])));
        return outcomes;
      } catch (error) {
        if (!(error instanceof EventsTakenError) || tried === tries) throw error;
      }
    }
  };
}

/** Another visitor's event with one of these ids was stored after we had looked for it: look again. */
class EventsTakenError extends Error {
  override readonly name = 'EventsTakenError';
}

async function writeUnits(db: Queryable, units: readonly MarketingUnit[], options: WriteOptions): Promise<MarketingOutcome[]> {
  const events = units.map(({ event }) => event);
  await lockVisitors(db, events, options);
  const visitors = await readVisitors(db, events);
  const known = await readKnownEvents(db, events);
  const { outcomes, rows, sessions } = fold(events, { visitors, known }, options);
  if (rows.length > 0) await store(db, { rows, sessions });
  await captureLeads(db, units, outcomes, options);
  return outcomes;
}

/**
 * Makes or locks the visitors. From here to the commit nobody else writes events or sessions of theirs, so what is read now stays true. In the
 * order of their keys: otherwise replicas would deadlock.
 */
async function lockVisitors(db: Queryable, events: readonly MarketingEvent[], { newId }: WriteOptions): Promise<void> {
  const firsts = [...new Map(events.toReversed().map((event) => [event.anonId, event])).values()];
  await db.query({
    name: 'marketing_visitors_lock',
    text: `
      insert into marketing.visitors (
        id, anon_id, first_seen_at, last_seen_at, first_ip_hash, last_ip_hash, first_ua_hash, last_ua_hash)
      select given.id, given.anon_id, given.seen_at, given.seen_at, given.ip_hash, given.ip_hash, given.ua_hash, given.ua_hash
      from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]) as given (id, anon_id, seen_at, ip_hash, ua_hash)
      order by given.anon_id collate "C"
      -- Locks the row without a new version of it.
      on conflict (anon_id) do update set last_seen_at = excluded.last_seen_at where false`,
    values: [
      firsts.map(() => newId()),
      firsts.map(({ anonId }) => anonId),
      firsts.map(({ occurredAt }) => occurredAt),
      firsts.map(({ ipHash }) => ipHash),
      firsts.map(({ uaHash }) => uaHash),
    ],
  });
}

/**
 * Ends a lateral subquery by key: it is looked up for each given row. As a join it might become a scan of the whole table, whose plan the
 * connection then keeps.
 */
const oneByOne = 'limit 1';

interface KnownVisitor {
  id: string;
  session: Session | undefined;
}

const sessionColumns = [
  'id',
  'property_id',
  'visitor_id',
  'started_at',
  'last_event_at',
  'ended_at',
  'landing_path',
  'referrer',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'page_views',
] as const satisfies readonly (keyof Session)[];

/** The visitors of these events by anonymous id, each with its newest session. */
async function readVisitors(db: Queryable, events: readonly MarketingEvent[]): Promise<Map<string, KnownVisitor>> {
  type Row = { anon_id: string; of_visitor: string } & { [Column in keyof Session]: Session[Column] | null };
  const { rows } = await db.query<Row>({
    name: 'marketing_visitors_read',
    text: `
      select given.anon_id, visitor.id as of_visitor, ${sessionColumns.map((column) => `newest.${column}`).join(', ')}
      from unnest($1::text[]) as given (anon_id)
      cross join lateral (
        select visitors.id from marketing.visitors visitors where visitors.anon_id = given.anon_id ${oneByOne}
      ) visitor
      left join lateral (
        select ${sessionColumns.map((column) => `sessions.${column}`).join(', ')}
        from marketing.sessions sessions
        where sessions.visitor_id = visitor.id
        order by sessions.last_event_at desc, sessions.started_at desc, sessions.id
        ${oneByOne}
      ) newest on true`,
    values: [[...new Set(events.map(({ anonId }) => anonId))]],
  });
  return new Map(
    rows.map(({ anon_id, of_visitor, ...session }) => [
      anon_id,
      { id: of_visitor, session: session.id === null ? undefined : (session as Session) },
    ]),
  );
}

interface KnownEvents {
  /** By position: the event as it was stored. */
  stored: ReadonlyMap<number, { eventId: string; visitorId: string; sessionId: string }>;
  /** Positions of events whose id another visitor's event has. */
  taken: ReadonlySet<number>;
}

/** Which of these events are stored already, under any day that an earlier try may have had. */
async function readKnownEvents(db: Queryable, events: readonly MarketingEvent[]): Promise<KnownEvents> {
  const days = events.flatMap(({ triedDays }) => triedDays).toSorted();
  const { rows } = await db.query<{ position: number; id: string | null; visitor_id: string; session_id: string; is_taken: boolean }>({
    name: 'marketing_events_known',
    text: `
      select given.position, same.id, same.visitor_id, same.session_id, taken.id is not null as is_taken
      -- Not text: the index is over char, and a comparison with text would not use it.
      from unnest($1::text[], $2::date[], $3::text[], $4::char(64)[], $5::uuid[]) with ordinality
        as given (property_id, day, tried_days, dedupe_key, id, position)
      left join lateral (
        select events.id, events.visitor_id, events.session_id
        from marketing.events events
        where events.dedupe_key = given.dedupe_key
          -- Nothing that the primary key could be read by: in a partition without statistics that looks as good, and reads the whole day.
          and events.property_id || '' = given.property_id
          and events.occurred_on = any(given.tried_days::date[])
          -- Said once more for the whole batch: the partitions of other days are left out before the first row.
          and events.occurred_on between $6::date and $7::date
        ${oneByOne}
      ) same on true
      left join lateral (
        select events.id
        from marketing.events events
        where events.property_id = given.property_id and events.occurred_on = given.day and events.id = given.id
          and events.dedupe_key <> given.dedupe_key
          and events.occurred_on between $6::date and $7::date
        ${oneByOne}
      ) taken on true
      where same.id is not null or taken.id is not null`,
    values: [
      events.map(({ propertyId }) => propertyId),
      events.map(({ day }) => day),
      events.map(({ triedDays }) => `{${triedDays.join(',')}}`),
      events.map(({ dedupeKey }) => dedupeKey),
      events.map(({ eventId }) => eventId ?? null),
      days[0],
      days.at(-1),
    ],
  });
  const stored = rows.flatMap(({ position, id, visitor_id: visitorId, session_id: sessionId }) =>
    id === null ? [] : [[position - 1, { eventId: id, visitorId, sessionId }] as const],
  );
  return {
    stored: new Map(stored),
    taken: new Set(rows.filter(({ is_taken }) => is_taken).map(({ position }) => position - 1)),
  };
}

interface StoredRow {
  event: MarketingEvent;
  eventId: string;
  visitorId: string;
  sessionId: string;
  isEntrance: boolean;
}

interface Folded {
  outcomes: MarketingOutcome[];
  rows: StoredRow[];
  /** Every session that changed, as it is now. */
  sessions: readonly Session[];
}

/** In order of arrival: what is new goes into the sessions of its visitor. */
function fold(
  events: readonly MarketingEvent[],
  { visitors, known }: { visitors: ReadonlyMap<string, KnownVisitor>; known: KnownEvents },
  { inactivityMs, newId }: WriteOptions,
): Folded {
  const current = new Map([...visitors.values()].map(({ id, session }) => [id, session]));
  const sessions = new Map<string, Session>();
  const seen = new Map<string, Omit<MarketingOutcome, 'isDuplicate'>>();
  const usedIds = new Set<string>();
  const rows: StoredRow[] = [];
  const outcomes = events.map((event, position): MarketingOutcome => {
    const key = `${event.dedupeKey} ${event.propertyId}`;
    const first = known.stored.get(position) ?? seen.get(key);
    if (first !== undefined) return { isDuplicate: true, ...first };
    const visitor = visitors.get(event.anonId);
    if (visitor === undefined) throw new Error('a visitor that was just made or locked is not there');
    const { session, ended, isEntrance } = foldEvent(current.get(visitor.id), event, { visitorId: visitor.id, inactivityMs, newId });
    for (const changed of [ended, session]) if (changed !== undefined) sessions.set(changed.id, changed);
    current.set(visitor.id, session);
    const eventId = event.eventId ?? newId();
    const idKey = `${event.day} ${eventId} ${event.propertyId}`;
    // The same id from another visitor is another event: the row gets an id of its own.
    const isTaken = known.taken.has(position) || usedIds.has(idKey);
    usedIds.add(idKey);
    const ids = { eventId: isTaken ? newId() : eventId, visitorId: visitor.id, sessionId: session.id };
    seen.set(key, ids);
    rows.push({ event, ...ids, isEntrance });
    return { isDuplicate: false, ...ids };
  });
  return { outcomes, rows, sessions: [...sessions.values()] };
}

const eventColumns = [
  'property_id',
  'occurred_on',
  'id',
  'visitor_id',
  'session_id',
  'event_type',
  'path',
  'occurred_at',
  'received_at',
  'referrer',
  'ip_hash',
  'ua_hash',
  'dedupe_key',
  'props',
] as const;

const trafficColumns = [
  'property_id',
  'occurred_on',
  'event_id',
  'occurred_at',
  'visitor_id',
  'session_id',
  'event_type',
  'path',
  'host',
  'page_title',
  'referrer',
  'traffic_source',
  'device_type',
  'country_code',
  'region',
  'city',
  'timezone',
  'language',
  'browser_name',
  'browser_version',
  'os_name',
  'os_version',
  'screen_width',
  'screen_height',
  'viewport_width',
  'viewport_height',
  'fcp_ms',
  'lcp_ms',
  'inp_ms',
  'ttfb_ms',
  'cls_score',
  'engaged_time_ms',
  'scroll_depth_percent',
  'is_entrance',
  'is_exit',
  'is_conversion',
] as const;

const given = (columns: readonly string[]): string => columns.map((column) => `given.${column}`).join(', ');

/** Every row once, in one statement, in the order of their keys: unsorted writes of parallel transactions deadlock. */
const storeText = `
  with stored as (
    insert into marketing.events (${eventColumns.join(', ')})
    select ${given(eventColumns)} from json_populate_recordset(null::marketing.events, $1::json) as given
    order by given.property_id, given.occurred_on, given.id
    on conflict do nothing
    returning 1
  ),
  logged as (
    insert into marketing.web_traffic_logs (${trafficColumns.join(', ')})
    select ${given(trafficColumns)} from json_populate_recordset(null::marketing.web_traffic_logs, $2::json) as given
    order by given.property_id, given.occurred_on, given.event_id
    on conflict do nothing
  ),
  changed as (
    insert into marketing.sessions (${sessionColumns.join(', ')})
    select ${given(sessionColumns)} from json_populate_recordset(null::marketing.sessions, $3::json) as given
    order by given.id
    on conflict (id) do update set
      last_event_at = excluded.last_event_at, ended_at = excluded.ended_at, page_views = excluded.page_views
  ),
  seen as (
    update marketing.visitors visitors
    set first_seen_at = least(visitors.first_seen_at, given.first_seen_at),
      last_seen_at = greatest(visitors.last_seen_at, given.last_seen_at),
      last_ip_hash = given.last_ip_hash, last_ua_hash = given.last_ua_hash
    from unnest($4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::text[])
      as given (id, first_seen_at, last_seen_at, last_ip_hash, last_ua_hash)
    where visitors.id = given.id
  )
  select count(*) as count from stored`;

async function store(db: Queryable, { rows, sessions }: Pick<Folded, 'rows' | 'sessions'>): Promise<void> {
  const seen = [...seenVisitors(rows)];
  const result = await db.query<{ count: number }>({
    name: 'marketing_store',
    text: storeText,
    values: [
      JSON.stringify(rows.map(eventRow)),
      JSON.stringify(rows.map(trafficRow)),
      JSON.stringify(sessions),
      seen.map(([id]) => id),
      seen.map(([, { first }]) => first),
      seen.map(([, { last }]) => last),
      seen.map(([, { event }]) => event.ipHash),
      seen.map(([, { event }]) => event.uaHash),
    ],
  });
  if (result.rows[0]?.count !== rows.length) throw new EventsTakenError('another event has one of these ids');
}

/** Of each visitor: the earliest and latest time of its events, and the one that arrived last. */
function seenVisitors(rows: readonly StoredRow[]): Map<string, { first: Date; last: Date; event: MarketingEvent }> {
  const seen = new Map<string, { first: Date; last: Date; event: MarketingEvent }>();
  for (const { visitorId, event } of rows) {
    const { first = event.occurredAt, last = event.occurredAt } = seen.get(visitorId) ?? {};
    seen.set(visitorId, {
      first: event.occurredAt < first ? event.occurredAt : first,
      last: event.occurredAt > last ? event.occurredAt : last,
      event,
    });
  }
  return seen;
}

function eventRow({ event, eventId, visitorId, sessionId }: StoredRow): Record<(typeof eventColumns)[number], unknown> {
  return {
    property_id: event.propertyId,
    occurred_on: event.day,
    id: eventId,
    visitor_id: visitorId,
    session_id: sessionId,
    event_type: event.eventType,
    path: event.path,
    occurred_at: event.occurredAt,
    received_at: event.receivedAt,
    referrer: event.referrer,
    ip_hash: event.ipHash,
    ua_hash: event.uaHash,
    dedupe_key: event.dedupeKey,
    props: event.props,
  };
}

/** What is undefined JSON leaves out, which the database reads as null. */
function trafficRow({ event, eventId, visitorId, sessionId, isEntrance }: StoredRow): Record<(typeof trafficColumns)[number], unknown> {
  const { traffic } = event;
  const { webVitals: vitals = {} } = traffic;
  return {
    property_id: event.propertyId,
    occurred_on: event.day,
    event_id: eventId,
    occurred_at: event.occurredAt,
    visitor_id: visitorId,
    session_id: sessionId,
    event_type: event.eventType,
    path: event.path,
    host: traffic.host,
    page_title: traffic.pageTitle,
    referrer: event.referrer,
    traffic_source: event.trafficSource,
    device_type: event.deviceType,
    country_code: traffic.countryCode,
    region: traffic.region,
    city: traffic.city,
    timezone: traffic.timezone,
    language: traffic.language,
    browser_name: traffic.browserName,
    browser_version: traffic.browserVersion,
    os_name: traffic.osName,
    os_version: traffic.osVersion,
    screen_width: traffic.screenWidth,
    screen_height: traffic.screenHeight,
    viewport_width: traffic.viewportWidth,
    viewport_height: traffic.viewportHeight,
    fcp_ms: vitals.fcpMs,
    lcp_ms: vitals.lcpMs,
    inp_ms: vitals.inpMs,
    ttfb_ms: vitals.ttfbMs,
    cls_score: vitals.clsScore,
    engaged_time_ms: traffic.engagedTimeMs,
    scroll_depth_percent: traffic.scrollDepthPercent,
    is_entrance: isEntrance,
    is_exit: traffic.isExit ?? false,
    is_conversion: traffic.isConversion ?? event.eventType === 'form_submit',
  };
}

/** Leads in the order of their addresses: their rows are locked one after the other. */
async function captureLeads(
  db: Queryable,
  units: readonly MarketingUnit[],
  outcomes: readonly MarketingOutcome[],
  { linksByFingerprint }: WriteOptions,
): Promise<void> {
  const captures = units.flatMap(({ event, capture }, index) => {
    const outcome = outcomes[index];
    return capture === undefined || outcome === undefined ? [] : [{ event, capture, outcome }];
  });
  for (const { event, capture, outcome } of captures.toSorted((left, right) => compare(left.capture.email, right.capture.email))) {
    outcome.lead = await captureLead(db, { capture, event, outcome, linksByFingerprint });
  }
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** A request that validation refused, for the ingest rollup. */
export interface RejectionUnit {
  propertyId: string;
  endpoint: '/v1/events' | '/v1/leads/capture';
  occurredAt: Date;
}

export async function addRejections(db: Queryable, units: readonly RejectionUnit[]): Promise<void[]> {
  await db.query({
    name: 'marketing_rejections',
    text: `
      insert into marketing.ingest_rejections (property_id, endpoint, reason, status_code, occurred_at)
      select given.property_id, given.endpoint, 'invalid_request', 400, given.occurred_at
      from unnest($1::text[], $2::text[], $3::timestamptz[]) as given (property_id, endpoint, occurred_at)`,
    values: [units.map(({ propertyId }) => propertyId), units.map(({ endpoint }) => endpoint), units.map(({ occurredAt }) => occurredAt)],
  });
  return units.map(() => undefined);
}
