import { randomUUID } from 'node:crypto';
import { createIngestKey } from '../../jobs/provisioning.ts';
import type { TestDatabase } from '../support/database.ts';
import { createTenantChatbots } from '../support/event-load.ts';
import type { Post } from '../support/marketing.ts';

export interface Sender {
  orgKey: string;
  chatbotId: string;
  ingestKey: string;
}

export const browser = {
  'user-agent': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
};

/** A new organization with what it takes to send everything. */
export async function createSender(database: TestDatabase): Promise<Sender> {
  const orgKey = `clock-${randomUUID().slice(0, 8)}`;
  const [chatbotId = ''] = await createTenantChatbots(database, [orgKey]);
  const { key: ingestKey } = await createIngestKey(database.db, { orgKey, name: 'test' });
  return { orgKey, chatbotId, ingestKey };
}

/** The same things every time that they are sent, on every route whose items carry an id; where the sender tells the time, it is `madeAt`. */
export function identifiedItems(post: Post, { chatbotId, ingestKey, orgKey }: Sender, madeAt: Date): () => Promise<number[]> {
  const id = randomUUID();
  const bearer = { authorization: `Bearer ${ingestKey}` };
  const timestamp = madeAt.toISOString();
  const event = { event_name: 'message_sent', event_category: 'engagement' };
  const traffic = { propertyId: orgKey };
  const anonId = `anon-${orgKey}`;
  const requests: [path: string, body: unknown, headers: Record<string, string>][] = [
    ['/ingest/widget/messages', { batchId: id, messages: [{ duration_ms: 1, role: 'assistant' }] }, bearer],
    ['/widget/analytics', { chatbotId, sessionId: 's', events: [{ ...event, event_id: id }] }, browser],
    [
      '/widget/analytics',
      { chatbotId, sessionId: 's', events: [{ ...event, event_id: randomUUID(), client_timestamp: timestamp }] },
      browser,
    ],
    [
      '/api/monitoring/widget',
      { chatbotId, batchId: id, metrics: [{ type: 'render', metric: { messageId: '-', renderTime: 5, contentLength: 0 } }] },
      browser,
    ],
    [
      '/ingest/woocommerce/operations',
      { operations: [{ id, operation: 'search_products', duration_ms: 5, success: true, domain: 'shop.example', created_at: timestamp }] },
      bearer,
    ],
    ['/v1/events', { anonId, eventType: 'page_view', path: '/', eventId: id, traffic }, browser],
    ['/v1/events', { anonId, eventType: 'scroll', path: '/', eventId: randomUUID(), timestamp, traffic }, browser],
  ];
  return () => Promise.all(requests.map(async ([path, body, headers]) => (await post(path, body, headers)).status));
}

/** What each of them is answered. */
export const acknowledged = [202, 204, 204, 200, 202, 202, 202];

export async function countStored(database: TestDatabase, { orgKey, chatbotId }: Sender): Promise<Record<string, number>> {
  const [row] = await database.query<Record<string, number>>(
    `select
       (select totals.widget_rt_total_count from widget_health_totals totals join organizations on organizations.id = totals.org_id
        where organizations.key = $1) as messages,
       (select count(*) from widget_events events where events.chatbot_id = $2) as events,
       (select sum(sessions.messages_sent)::integer from widget_sessions sessions where sessions.chatbot_id = $2) as "messages of sessions",
       (select sum(minutes.count)::integer from widget_performance_minutes minutes where minutes.chatbot_id = $2) as renders,
       (select count(*) from woocommerce_usage_metrics usage join organizations on organizations.id = usage.org_id
        where organizations.key = $1) as operations,
       (select count(*) from marketing.events events where events.property_id = $1) as "site events"`,
    [orgKey, chatbotId],
  );
  return row ?? {};
}

/** What is stored of items that were sent any number of times. */
export const once = { messages: 1, events: 2, 'messages of sessions': 2, renders: 1, operations: 1, 'site events': 2 };
