import { randomUUID } from 'node:crypto';
import type { ChatbotKey } from '../../features/widget-analytics/rollup.ts';
import { addDays, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import type { TestDatabase } from './database.ts';

/** A chatbot of an organization. */
export async function insertChatbot(database: TestDatabase, orgId: number): Promise<ChatbotKey> {
  const chatbotId = randomUUID();
  await database.query('insert into chatbots (id, org_id, name) values ($1, $2, $3)', [chatbotId, orgId, 'Shop']);
  return { orgId, chatbotId };
}

/** Columns of widget_sessions that a test cares about; the others have a plain value. */
export interface SessionRow extends Record<string, unknown> {
  session_id: string;
  started_at: Date;
}

/** Columns of widget_events that a test cares about. */
export interface EventRow extends Record<string, unknown> {
  session_id: string;
  session_started_at: Date;
  event_name: string;
  timestamp: Date;
}

/** Sessions as ingest stores them, all with the same columns. */
export async function storeSessions(
  database: TestDatabase,
  { orgId, chatbotId }: ChatbotKey,
  sessions: readonly SessionRow[],
): Promise<void> {
  const rows = sessions.map((session) => ({
    org_id: orgId,
    chatbot_id: chatbotId,
    id: randomUUID(),
    last_activity_at: session.started_at,
    ended_at: session['duration_seconds'] == null ? null : session.started_at,
    end_reason: session['duration_seconds'] == null ? null : 'timeout',
    device_type: 'desktop',
    created_at: session.started_at,
    updated_at: session.started_at,
    ...session,
  }));
  await insertRows(database, 'widget_sessions', rows);
}

/** Events as ingest stores them, all with the same columns. */
export async function storeEvents(database: TestDatabase, { orgId, chatbotId }: ChatbotKey, events: readonly EventRow[]): Promise<void> {
  const rows = events.map((event) => ({
    org_id: orgId,
    chatbot_id: chatbotId,
    event_date: utcDayOf(event.timestamp),
    id: randomUUID(),
    seq: 0,
    created_at: event.timestamp,
    ...event,
  }));
  await insertRows(database, 'widget_events', rows);
}

async function insertRows(database: TestDatabase, table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first).join(', ');
  await database.query(`insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1)`, [
    JSON.stringify(rows),
  ]);
}

/** Daily partitions of widget_events from `first` on that are missing, as if the system had run since then. */
export async function createPastEventDays(database: TestDatabase, first: UtcDay, today: UtcDay): Promise<void> {
  for (let day = first; day < today; day = addDays(day, 1)) {
    await database.query(
      `set role observability_owner;
       create table if not exists widget_events_p${day.replaceAll('-', '')} partition of widget_events
         for values from ('${day}') to ('${addDays(day, 1)}');
       reset role`,
    );
  }
}
