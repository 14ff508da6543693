import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createChatbot } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, portalToken, runApi, runExporter } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

/** Removals while the visitor is still there. */
const slow = 20_000;
const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';

let database: TestDatabase;
let api: Awaited<ReturnType<typeof runApi>>;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let token: string;
let chatbotId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  await insertOrganization(database, { key: 'acme' });
  token = await portalToken('acme', { role: 'owner' });
  api = await runApi(database, { environment: { RATE_LIMIT_MULTIPLIER: '100' } });
  exporter = await runExporter(database, { environment: { RATE_LIMIT_MULTIPLIER: '100' } });
});
afterAll(async () => {
  await exporter.stop();
  await api.stop();
  await database.drop();
});
beforeEach(async () => {
  ({ id: chatbotId } = await createChatbot(database.db, { orgKey: 'acme', name: randomUUID() }));
});

async function send(sessionId: string, messages: number, rest: Record<string, unknown> = {}): Promise<void> {
  const events = Array.from({ length: messages }, () => ({ event_name: 'message_sent' }));
  const response = await fetch(`${exporter.url}/widget/analytics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': chrome },
    body: JSON.stringify({ chatbotId, sessionId, events, ...rest }),
  });
  expect(response.status).toBe(204);
}

async function remove(query: string): Promise<Record<string, number>> {
  const response = await fetch(`${api.url}/api/analytics/widget/${chatbotId}/data-subject?${query}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, number>;
}

/** Holds the lock of a session, as ingest does while it writes. */
async function lockSession(sessionId: string): Promise<{ release: () => Promise<void> }> {
  const client = new pg.Client({ connectionString: database.url('superuser') });
  await client.connect();
  await client.query('begin');
  await client.query('select from widget_session_heads where chatbot_id = $1 and session_id = $2 for update', [chatbotId, sessionId]);
  return {
    release: async () => {
      await client.query('rollback');
      await client.end();
    },
  };
}

const removalWaits = async (): Promise<boolean> =>
  (
    await database.query(
      `select from pg_stat_activity where datname = current_database() and application_name like 'api %' and wait_event_type = 'Lock'`,
    )
  ).length > 0;

/** By session: what it counted, and what is stored of it. */
const left = (): Promise<unknown[]> =>
  database.query(
    `select coalesce(sessions.session_id, events.session_id) as session, sessions.messages_sent as counted, events.stored,
       heads.session_id is not null as head
     from (select * from widget_sessions where chatbot_id = $1) sessions
       full join (
         select session_id, session_started_at, count(*) as stored from widget_events where chatbot_id = $1 group by 1, 2
       ) events on events.session_id = sessions.session_id and events.session_started_at = sessions.started_at
       left join widget_session_heads heads on heads.chatbot_id = $1 and heads.session_id = coalesce(sessions.session_id, events.session_id)
     order by 1`,
    [chatbotId],
  );

describe('a removal that waits for a session of the person', () => {
  test(
    'takes another session that is identified meanwhile wholly',
    async () => {
      await send('s-1', 1, { user: { id: 'u' } });
      await send('s-2', 2);
      await send('s-3', 1);
      const lock = await lockSession('s-1');
      const removed = remove('user_id=u');
      await waitUntil(removalWaits, { within: 20_000, what: 'the removal' });
      await send('s-2', 1, { user: { id: 'u' } });
      await lock.release();
      expect(await removed).toMatchObject({ events_deleted: 4, sessions_deleted: 2 });
      expect(await left()).toEqual([{ session: 's-3', counted: 1, stored: 1, head: true }]);
    },
    slow,
  );

  test(
    'takes a session that begins meanwhile wholly',
    async () => {
      await send('s-1', 1, { user: { id: 'u' } });
      await send('s-2', 1, { user: { id: 'u' } });
      const lock = await lockSession('s-1');
      const removed = remove('user_id=u');
      await waitUntil(removalWaits, { within: 20_000, what: 'the removal' });
      await send('s-3', 2, { user: { id: 'u' } });
      await lock.release();
      expect(await removed).toMatchObject({ events_deleted: 4, sessions_deleted: 3 });
      expect(await left()).toEqual([]);
    },
    slow,
  );
});

test('sessions whose head was removed long ago are removed with their events', async () => {
  await send('s-1', 2, { user: { id: 'u' } });
  await database.query('delete from widget_session_heads where chatbot_id = $1', [chatbotId]);
  expect(await remove('user_id=u')).toMatchObject({ events_deleted: 2, sessions_deleted: 1 });
  expect(await left()).toEqual([]);
});

test(
  'removals among requests that identify the visitor leave every session with exactly its events',
  async () => {
    const sessions = Array.from({ length: 6 }, (_none, index) => `s-${index}`);
    const sending = sessions.map(async (session) => {
      for (let request = 0; request < 25; request += 1) await send(session, 2, request % 3 === 1 ? { user: { id: 'u' } } : {});
    });
    let removed = 0;
    const removing = (async () => {
      for (let round = 0; round < 20; round += 1) removed += (await remove('user_id=u'))['sessions_deleted'] ?? 0;
    })();
    await Promise.all([...sending, removing]);
    const remaining = (await left()) as { session: string; counted: number | null; stored: number | null; head: boolean }[];
    expect(removed).toBeGreaterThan(0);
    for (const { session, counted, stored, head } of remaining) expect([session, counted, head]).toEqual([session, stored, true]);
    expect(remaining.length).toBeLessThanOrEqual(sessions.length);
  },
  slow,
);
