import type { Queryable } from '../../platform/postgres/pool.ts';
import { startOfUtcDay, type UtcDay } from '../../platform/time/utc-day.ts';
import type { ChatbotKey } from './rollup.ts';
import type { EndReason } from './session.ts';
import { sessionsOf, subjectValues, type DataSubject } from './session-queries.ts';

export interface DeletedData {
  events: number;
  sessions: number;
  visitors: number;
}

const mostRounds = 3;

/**
 * Deletes what readSubject… finds, apart from visitors who still have a session. In one transaction, and with the locks of ingest in its order:
 * heads by key, sessions, visitors by key. A session that gets the id while locks are waited for is taken in another round; after three of
 * them it stays, whole.
 */
export async function deleteSubject(transaction: Queryable, subject: DataSubject): Promise<DeletedData> {
  const deleted: DeletedData = { events: 0, sessions: 0, visitors: 0 };
  const anonymousIds = new Set(subject.type === 'anonymous_id' ? [subject.value] : []);
  for (let round = 1; round <= mostRounds; round += 1) {
    const removed = await deleteUnderLock(transaction, subject, await lockSubjectHeads(transaction, subject));
    deleted.events += removed.events;
    deleted.sessions += removed.sessions;
    for (const anonymousId of removed.anonymousIds) anonymousIds.add(anonymousId);
    if (!(await hasSessions(transaction, subject))) break;
  }
  deleted.visitors = await deleteOrphans(transaction, subject, [...anonymousIds]);
  return deleted;
}

/** Answers the ids of the subject's sessions whose heads are locked now: no exporter writes to them. */
async function lockSubjectHeads(transaction: Queryable, subject: DataSubject): Promise<string[]> {
  const { rows } = await transaction.query<{ session_id: string }>(
    `select heads.session_id from widget_session_heads heads
     where heads.org_id = $1 and heads.chatbot_id = $2
       and heads.session_id in (select sessions.session_id from widget_sessions sessions where ${sessionsOf(subject)})
     order by heads.org_id, heads.chatbot_id, heads.session_id collate "C" for update`,
    subjectValues(subject),
  );
  return rows.map(({ session_id: sessionId }) => sessionId);
}

interface Removed {
  events: number;
  sessions: number;
  /** Visitors that the removed rows named. */
  anonymousIds: string[];
}

/**
 * One statement, so one snapshot: a session goes with all its events, and with its head if it is the current one. A session whose head
 * somebody else has may be written to just now: it is left with its events. One without a head is never written to again.
 */
async function deleteUnderLock(transaction: Queryable, subject: DataSubject, locked: readonly string[]): Promise<Removed> {
  const { rows } = await transaction.query<Removed & Record<string, unknown>>(
    `with spared as materialized (
       select sessions.session_id, sessions.started_at from widget_sessions sessions
       where ${sessionsOf(subject)} and sessions.session_id <> all ($4) and exists (
         select from widget_session_heads heads
         where heads.org_id = sessions.org_id and heads.chatbot_id = sessions.chatbot_id and heads.session_id = sessions.session_id)
     ), sessions as (
       delete from widget_sessions sessions
       where ${sessionsOf(subject)} and (sessions.session_id, sessions.started_at) not in (select spared.session_id, spared.started_at from spared)
       returning sessions.org_id, sessions.chatbot_id, sessions.session_id, sessions.started_at, sessions.anonymous_id
     ), heads as (
       delete from widget_session_heads heads using sessions
       where heads.org_id = sessions.org_id and heads.chatbot_id = sessions.chatbot_id
         and heads.session_id = sessions.session_id and heads.started_at = sessions.started_at
     ), carrying as (
       delete from widget_events events
       where events.org_id = $1 and events.chatbot_id = $2 and events.${subject.type} = $3
         and (events.session_id, events.session_started_at) not in (select spared.session_id, spared.started_at from spared)
       returning events.anonymous_id
     ), of_sessions as (
       delete from widget_events events using sessions
       where events.org_id = sessions.org_id and events.chatbot_id = sessions.chatbot_id
         and events.session_id = sessions.session_id and events.session_started_at = sessions.started_at
         and events.${subject.type} is distinct from $3
       returning events.anonymous_id
     ), events as (
       select carrying.anonymous_id from carrying union all select of_sessions.anonymous_id from of_sessions
     )
     select
       (select count(*) from events) as events,
       (select count(*) from sessions) as sessions,
       array(
         select events.anonymous_id from events where events.anonymous_id is not null
         union select sessions.anonymous_id from sessions where sessions.anonymous_id is not null
       ) as "anonymousIds"`,
    [...subjectValues(subject), locked],
  );
  return rows[0] ?? { events: 0, sessions: 0, anonymousIds: [] };
}

async function hasSessions(transaction: Queryable, subject: DataSubject): Promise<boolean> {
  const { rows } = await transaction.query(
    `select from widget_sessions sessions where ${sessionsOf(subject)} limit 1`,
    subjectValues(subject),
  );
  return rows.length > 0;
}

/**
 * Of these visitors, those without a session. Locked first and judged by a statement of its own: a session that commits while the lock is
 * waited for is seen. The days of a visitor go with it; numbers that were made from them stay.
 */
async function deleteOrphans(transaction: Queryable, { orgId, chatbotId }: ChatbotKey, anonymousIds: string[]): Promise<number> {
  const values = [orgId, chatbotId, anonymousIds];
  await transaction.query(
    `select from widget_visitors visitors where visitors.org_id = $1 and visitors.chatbot_id = $2 and visitors.anonymous_id = any ($3)
     order by visitors.org_id, visitors.chatbot_id, visitors.anonymous_id collate "C" for update`,
    values,
  );
  const { rows } = await transaction.query<{ count: number }>(
    `with orphans as (
       select named.anonymous_id from unnest($3::text[]) named (anonymous_id)
       where not exists (
         select from widget_sessions sessions
         where sessions.org_id = $1 and sessions.chatbot_id = $2 and sessions.anonymous_id = named.anonymous_id)
     ), removed_days as (
       delete from widget_daily_visitors days using orphans
       where days.org_id = $1 and days.chatbot_id = $2 and days.anonymous_id = orphans.anonymous_id
     ), removed as (
       delete from widget_visitors visitors using orphans
       where visitors.org_id = $1 and visitors.chatbot_id = $2 and visitors.anonymous_id = orphans.anonymous_id
       returning visitors.anonymous_id
     )
     select count(*) as count from removed`,
    values,
  );
  return rows[0]?.count ?? 0;
}

const endedAtOnce = 1000;

/** What decides whether a session goes on. */
export interface SessionLife {
  now: Date;
  timeoutMs: number;
}

const oldestMs = 24 * 60 * 60_000;

/**
 * Ends up to a thousand sessions that have been idle for too long or are too old, at their last activity, by the rules of session.ts. In one
 * transaction, and with the locks of ingest in its order: whoever comes second sees what the first one did. Answers how many it ended.
 */
export async function endDueSessions(transaction: Queryable, life: SessionLife): Promise<Record<EndReason, number> & { more: boolean }> {
  const idleSince = new Date(life.now.getTime() - life.timeoutMs);
  const startedBefore = new Date(life.now.getTime() - oldestMs);
  const isDue = `sessions.ended_at is null and (sessions.last_activity_at <= $1 or sessions.started_at <= $2)`;
  const { rows: due } = await transaction.query<{ org_id: number; chatbot_id: string; session_id: string }>(
    `select sessions.org_id, sessions.chatbot_id, sessions.session_id from widget_sessions sessions where ${isDue} limit ${endedAtOnce}`,
    [idleSince, startedBefore],
  );
  const keys = [due.map((row) => row.org_id), due.map((row) => row.chatbot_id), due.map((row) => row.session_id)];
  await transaction.query(
    `select from widget_session_heads heads
     where (heads.org_id, heads.chatbot_id, heads.session_id) in (select * from unnest($1::bigint[], $2::uuid[], $3::text[]))
     order by heads.org_id, heads.chatbot_id, heads.session_id collate "C" for update`,
    keys,
  );
  const { rows } = await transaction.query<{ reason: EndReason; count: number }>(
    `with ended as (
       update widget_sessions sessions
       set ended_at = sessions.last_activity_at,
         end_reason = case when sessions.last_activity_at <= $1 then 'timeout' else 'max_age' end,
         duration_seconds = floor(extract(epoch from sessions.last_activity_at - sessions.started_at)),
         updated_at = greatest(sessions.updated_at, $6)
       from unnest($3::bigint[], $4::uuid[], $5::text[]) due (org_id, chatbot_id, session_id)
       where sessions.org_id = due.org_id and sessions.chatbot_id = due.chatbot_id and sessions.session_id = due.session_id and ${isDue}
       returning sessions.org_id, sessions.chatbot_id, sessions.session_id, sessions.started_at, sessions.ended_at, sessions.end_reason
     ), heads as (
       update widget_session_heads heads set ended_at = ended.ended_at from ended
       where heads.org_id = ended.org_id and heads.chatbot_id = ended.chatbot_id and heads.session_id = ended.session_id
         and heads.started_at = ended.started_at
     )
     select ended.end_reason as reason, count(*) as count from ended group by ended.end_reason`,
    [idleSince, startedBefore, ...keys, life.now],
  );
  const countOf = (reason: EndReason): number => rows.find((row) => row.reason === reason)?.count ?? 0;
  return { client: 0, timeout: countOf('timeout'), max_age: countOf('max_age'), more: due.length === endedAtOnce };
}

/** Rows that one statement deletes at most. */
export const deletedAtOnce = 5000;

/**
 * Deletes up to 5000 heads without activity since `before` whose session has ended; answers how many. One that ingest has just locked is in
 * use and stays.
 */
export async function deleteStaleHeads(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query(
    `delete from widget_session_heads heads using (
       select stale.org_id, stale.chatbot_id, stale.session_id from widget_session_heads stale
       where stale.last_activity_at < $1 and stale.ended_at is not null
       limit ${deletedAtOnce} for update skip locked
     ) stale
     where heads.org_id = stale.org_id and heads.chatbot_id = stale.chatbot_id and heads.session_id = stale.session_id`,
    [before],
  );
  return rowCount ?? 0;
}

/** Deletes up to 5000 visitors who were last seen before `before`; answers how many. */
export async function deleteStaleVisitors(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query(
    `delete from widget_visitors visitors using (
       select stale.org_id, stale.chatbot_id, stale.anonymous_id from widget_visitors stale
       where stale.last_seen_at < $1
       limit ${deletedAtOnce} for update skip locked
     ) stale
     where visitors.org_id = stale.org_id and visitors.chatbot_id = stale.chatbot_id and visitors.anonymous_id = stale.anonymous_id`,
    [before],
  );
  return rowCount ?? 0;
}

/** Events of the days from `from`, `to` not included, over all chatbots. */
export async function countEvents(db: Queryable, { from, to }: { from: UtcDay; to: UtcDay }): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    'select count(*) as count from widget_events events where events.event_date >= $1 and events.event_date < $2',
    [from, to],
  );
  return rows[0]?.count ?? 0;
}

/** Sessions that started on the days from `from`, `to` not included, over all chatbots. */
export async function countSessions(db: Queryable, { from, to }: { from: UtcDay; to: UtcDay }): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    'select count(*) as count from widget_sessions sessions where sessions.started_at >= $1 and sessions.started_at < $2',
    [startOfUtcDay(from), startOfUtcDay(to)],
  );
  return rows[0]?.count ?? 0;
}
