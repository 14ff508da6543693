import { readInPages } from '../../platform/postgres/keyset-pages.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import { addDays, windowOfUtcDay, type UtcDay } from '../../platform/time/utc-day.ts';
import type { ChatbotKey } from './rollup.ts';
import { sessionColumns } from './session.ts';

/** Columns of an export, in the order of the contract. Source: contracts/widget-analytics.md, Data. */
export const eventColumns = [
  'chatbot_id',
  'event_date',
  'id',
  'session_id',
  'session_started_at',
  'anonymous_id',
  'user_id',
  'event_name',
  'event_category',
  'properties',
  'page_url',
  'page_title',
  'seq',
  'timestamp',
  'client_timestamp',
  'created_at',
] as const;
/** The organization is that of whoever asks. */
export const exportedSessionColumns = sessionColumns.filter((column) => column !== 'org_id');
const visitorColumns = ['chatbot_id', 'anonymous_id', 'first_seen_at', 'last_seen_at'] as const;

export type EventRow = Record<(typeof eventColumns)[number], unknown>;
export type SessionRow = Record<(typeof exportedSessionColumns)[number], unknown>;
export type VisitorRow = Record<(typeof visitorColumns)[number], unknown>;

const listOf = (table: string, columns: readonly string[]): string => columns.map((column) => `${table}.${column}`).join(', ');
const eventList = listOf('events', eventColumns);
const sessionList = listOf('sessions', exportedSessionColumns);
const visitorList = listOf('visitors', visitorColumns);
const sessionKey = ['sessions.started_at', 'sessions.session_id'];

/** One page of the sessions of a chatbot, newest first, and how many there are. */
export async function readSessionPage(
  db: Queryable,
  { orgId, chatbotId }: ChatbotKey,
  { page, limit }: { page: number; limit: number },
): Promise<{ total: number; sessions: SessionRow[] }> {
  const counted = await db.query<{ total: number }>(
    'select count(*) as total from widget_sessions sessions where sessions.org_id = $1 and sessions.chatbot_id = $2',
    [orgId, chatbotId],
  );
  // What is skipped is read from the index alone: rows are wide.
  const { rows } = await db.query<SessionRow>(
    `with page as materialized (
       select paged.started_at, paged.session_id from widget_sessions paged where paged.org_id = $1 and paged.chatbot_id = $2
       order by paged.started_at desc, paged.session_id limit $3 offset $4
     )
     select ${sessionList}
     from page join widget_sessions sessions
       on sessions.org_id = $1 and sessions.chatbot_id = $2 and sessions.session_id = page.session_id and sessions.started_at = page.started_at
     order by page.started_at desc, page.session_id`,
    [orgId, chatbotId, limit, (page - 1) * limit],
  );
  return { total: counted.rows[0]?.total ?? 0, sessions: rows };
}

/** Events of the days from `from` to `to`, day by day, and in a day by id: in the order of the primary key. */
export async function* readEventsOfDays(
  db: Queryable,
  { orgId, chatbotId }: ChatbotKey,
  days: { from: UtcDay; to: UtcDay },
): AsyncGenerator<EventRow[]> {
  for (const day of daysOf(days)) {
    yield* readInPages<EventRow>(db, {
      columns: eventList,
      from: 'widget_events events',
      where: 'events.org_id = $1 and events.chatbot_id = $2 and events.event_date = $3',
      key: ['events.id'],
      values: [orgId, chatbotId, day],
    });
  }
}

/** Sessions that started on the days from `from` to `to`, oldest first. */
export async function* readSessionsOfDays(
  db: Queryable,
  { orgId, chatbotId }: ChatbotKey,
  days: { from: UtcDay; to: UtcDay },
): AsyncGenerator<SessionRow[]> {
  for (const day of daysOf(days)) {
    const { fromInclusive, toExclusive } = windowOfUtcDay(day);
    yield* readInPages<SessionRow>(db, {
      columns: sessionList,
      from: 'widget_sessions sessions',
      where: 'sessions.org_id = $1 and sessions.chatbot_id = $2 and sessions.started_at >= $3 and sessions.started_at < $4',
      key: sessionKey,
      values: [orgId, chatbotId, fromInclusive, toExclusive],
    });
  }
}

function* daysOf({ from, to }: { from: UtcDay; to: UtcDay }): Generator<UtcDay> {
  for (let day = from; day <= to; day = addDays(day, 1)) yield day;
}

/** A person whose data is asked for: one of the two ids, as it was sent. */
export interface DataSubject extends ChatbotKey {
  type: 'user_id' | 'anonymous_id';
  value: string;
}

export const subjectValues = ({ orgId, chatbotId, value }: DataSubject): unknown[] => [orgId, chatbotId, value];

/** $1 to $3 are subjectValues. */
export const sessionsOf = ({ type }: DataSubject): string => `sessions.org_id = $1 and sessions.chatbot_id = $2 and sessions.${type} = $3`;

/** Events that carry the id, and all events of sessions that carry it. Two branches: each has an index of its own. */
const eventsOf = (subject: DataSubject, columns: string): string => `
  select ${columns} from widget_events events
  where events.org_id = $1 and events.chatbot_id = $2 and events.${subject.type} = $3
  union all
  select ${columns}
  from widget_sessions sessions
  join widget_events events
    on events.org_id = sessions.org_id and events.chatbot_id = sessions.chatbot_id
    and events.session_id = sessions.session_id and events.session_started_at = sessions.started_at
  where ${sessionsOf(subject)} and events.${subject.type} is distinct from $3`;

export function readSubjectSessions(db: Queryable, subject: DataSubject): AsyncGenerator<SessionRow[]> {
  return readInPages(db, {
    columns: sessionList,
    from: 'widget_sessions sessions',
    where: sessionsOf(subject),
    key: sessionKey,
    values: subjectValues(subject),
  });
}

/** Oldest first. Day by day, so that a page looks for the events of its day only. */
export async function* readSubjectEvents(db: Queryable, subject: DataSubject): AsyncGenerator<EventRow[]> {
  for (const day of await readSubjectDays(db, subject)) {
    yield* readInPages<EventRow>(db, {
      columns: eventList,
      from: `(${eventsOf(subject, 'events.*')}) events`,
      where: 'events.event_date = $4',
      key: ['events.timestamp', 'events.seq', 'events.id'],
      values: [...subjectValues(subject), day],
    });
  }
}

async function readSubjectDays(db: Queryable, subject: DataSubject): Promise<UtcDay[]> {
  const { rows } = await db.query<{ day: UtcDay }>(
    `select distinct events.event_date as day from (${eventsOf(subject, 'events.event_date')}) events order by events.event_date`,
    subjectValues(subject),
  );
  return rows.map(({ day }) => day);
}

/** Visitors whom the sessions and events of the subject name. */
export function readSubjectVisitors(db: Queryable, subject: DataSubject): AsyncGenerator<VisitorRow[]> {
  return readInPages(db, {
    columns: visitorList,
    from: 'widget_visitors visitors',
    where: `visitors.org_id = $1 and visitors.chatbot_id = $2 and (visitors.anonymous_id in (
       select sessions.anonymous_id from widget_sessions sessions where ${sessionsOf(subject)}
       union select events.anonymous_id from (${eventsOf(subject, 'events.anonymous_id')}) events
     )${subject.type === 'anonymous_id' ? ' or visitors.anonymous_id = $3' : ''})`,
    key: ['visitors.anonymous_id'],
    values: subjectValues(subject),
  });
}
