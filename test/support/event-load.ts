import { randomInt, randomUUID } from 'node:crypto';
import { createChatbot } from '../../jobs/provisioning.ts';
import type { HttpAnswer, HttpConnection } from './http-connection.ts';
import { createTenants } from './message-load.ts';
import type { TestDatabase } from './database.ts';
import { startRetryingLoad, type RetryingLoad, type SentBatch } from './retrying-load.ts';

export interface EventBatch extends SentBatch {
  chatbotId: string;
  ids: string[];
  body: string;
}

const names = ['widget_loaded', 'widget_opened', 'widget_minimized', 'message_sent', 'message_received', 'page_viewed'] as const;
const browser = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const mostEvents = 6;
/** Clients that share a session: pages of one visitor in several tabs. */
const tabs = 2;
/** Once in so many batches a session ends, and the next event of its id begins another. */
const batchesPerEnd = 20;
/** Once in so many batches something is sent again that was acknowledged long ago, under other events of its own. */
const batchesPerRepeat = 10;

/** A chatbot of each of these new organizations. */
export async function createTenantChatbots(database: Pick<TestDatabase, 'db'>, keys: readonly string[]): Promise<string[]> {
  await createTenants(database.db, keys);
  const chatbots: string[] = [];
  for (const key of keys) chatbots.push((await createChatbot(database.db, { orgKey: key, name: key })).id);
  return chatbots;
}

/** Pages of visitors that report events until they are acknowledged, and now and then once more. */
export function startEventLoad(options: { url: string; chatbots: readonly string[]; connections: number }): RetryingLoad<EventBatch> {
  const { url, chatbots, connections } = options;
  const acknowledged = new Map<string, string[]>();
  return startRetryingLoad<EventBatch>({
    url,
    connections,
    newBatch: (client) => {
      const chatbotId = chatbots[client % chatbots.length] as string;
      const before = acknowledged.get(chatbotId) ?? [];
      const repeated = before.length > 0 && randomInt(batchesPerRepeat) === 0 ? [before[randomInt(before.length)] as string] : [];
      return newBatch({ chatbotId, visitor: Math.floor(client / chatbots.length / tabs), repeated });
    },
    send: sendBatch,
    acknowledgedBy: 204,
    onAcknowledged: ({ chatbotId, ids }) => acknowledged.set(chatbotId, [...(acknowledged.get(chatbotId) ?? []).slice(-50), ...ids]),
  });
}

function newBatch({ chatbotId, visitor, repeated }: { chatbotId: string; visitor: number; repeated: string[] }): EventBatch {
  const ids = [...repeated, ...Array.from({ length: randomInt(1, mostEvents + 1) }, () => randomUUID())];
  const events: Record<string, unknown>[] = ids.map((id) => {
    const name = names[randomInt(names.length)] as string;
    const properties = name === 'message_received' ? { response_time_ms: randomInt(3000) } : {};
    return { event_name: name, event_category: 'engagement', event_id: id, properties };
  });
  if (randomInt(batchesPerEnd) === 0) {
    const end = randomUUID();
    ids.push(end);
    events.push({ event_name: 'widget_closed', event_category: 'system', event_id: end });
  }
  return {
    chatbotId,
    ids,
    acknowledged: false,
    body: JSON.stringify({ chatbotId, sessionId: `s-${visitor}`, anonymousId: `a-${visitor}`, events }),
  };
}

function sendBatch(connection: HttpConnection, { body }: EventBatch): Promise<HttpAnswer> {
  return connection.send('POST', '/widget/analytics', { headers: { 'user-agent': browser }, body });
}

/** What the database holds of a load, against what its clients know. */
export interface EventComparison {
  acknowledged: number;
  stored: number;
  lost: number;
  duplicates: number;
  invented: number;
  /** Sessions with a counter that is not what their stored events say. */
  miscountedSessions: number;
  sessions: number;
}

/** Events that were sent and never acknowledged are none of these: nobody can know, and nobody may care. */
export async function compareEvents(database: Pick<TestDatabase, 'query'>, batches: readonly EventBatch[]): Promise<EventComparison> {
  const chatbots = [...new Set(batches.map(({ chatbotId }) => chatbotId))];
  const rows = await database.query<{ key: string; copies: number }>(
    `select events.chatbot_id || ' ' || events.id as key, count(*) as copies from widget_events events
     where events.chatbot_id = any($1::uuid[]) group by events.chatbot_id, events.id`,
    [chatbots],
  );
  const stored = new Map(rows.map(({ key, copies }) => [key, copies]));
  const keysOf = (of: readonly EventBatch[]): Set<string> =>
    new Set(of.flatMap(({ chatbotId, ids }) => ids.map((id) => `${chatbotId} ${id}`)));
  const acknowledged = keysOf(batches.filter((batch) => batch.acknowledged));
  const sent = keysOf(batches);
  const [sessions] = await database.query<{ all: number; wrong: number }>(
    `select count(*) as all, count(*) filter (where
         (sessions.messages_sent, sessions.messages_received, sessions.widget_opened_count, sessions.widget_minimized_count,
          sessions.response_time_sum_ms, sessions.response_time_count, sessions.had_conversation)
         is distinct from
         (counted.sent, counted.received, counted.opened, counted.minimized, counted.response_sum, counted.responses, counted.sent > 0)
       ) as wrong
     from widget_sessions sessions
     left join (
       select
         events.chatbot_id, events.session_id, events.session_started_at,
         count(*) filter (where events.event_name = 'message_sent') as sent,
         count(*) filter (where events.event_name = 'message_received') as received,
         count(*) filter (where events.event_name = 'widget_opened') as opened,
         count(*) filter (where events.event_name = 'widget_minimized') as minimized,
         coalesce(sum((events.properties ->> 'response_time_ms')::bigint), 0)::bigint as response_sum,
         count(events.properties ->> 'response_time_ms') as responses
       from widget_events events
       where events.chatbot_id = any($1::uuid[])
       group by events.chatbot_id, events.session_id, events.session_started_at
     ) counted
       on counted.chatbot_id = sessions.chatbot_id and counted.session_id = sessions.session_id
         and counted.session_started_at = sessions.started_at
     where sessions.chatbot_id = any($1::uuid[])`,
    [chatbots],
  );
  return {
    acknowledged: acknowledged.size,
    stored: [...stored.keys()].filter((key) => acknowledged.has(key)).length,
    lost: [...acknowledged].filter((key) => !stored.has(key)).length,
    duplicates: [...stored.values()].filter((copies) => copies > 1).length,
    invented: [...stored.keys()].filter((key) => !sent.has(key)).length,
    miscountedSessions: sessions?.wrong ?? -1,
    sessions: sessions?.all ?? 0,
  };
}
