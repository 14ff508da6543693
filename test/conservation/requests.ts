import { randomUUID } from 'node:crypto';
import { bucketOf } from '../../features/widget-health/histogram.ts';
import type { HttpAnswer } from '../support/http-connection.ts';
import type { Chance } from './chance.ts';
import { digestOf, poisonPrefix, type Entry, type NewEntry, type RouteName } from './ledger.ts';

/** Whose data a client sends: an organization's and, of the marketing routes, a property's. */
export interface Sender {
  orgKey: string;
  ingestKey: string;
  chatbotId: string;
  property: string;
}

/** How a request is made. */
export interface Draw {
  chance: Chance;
  flaw: Entry['flaw'];
  /** Of its text, so far as the route takes that much. */
  bytes: number;
  /** Of something new; of a poisonous one where the flaw says so, once. */
  newId: () => string;
}

/** A request of a route, and what the ledger enters of it. */
export interface Drawn {
  headers: Record<string, string>;
  body: string;
  entries: NewEntry[];
}

export interface ConservedRoute {
  name: RouteName;
  path: string;
  acknowledgedBy: number;
  /** Clients at a time. */
  connections: number;
  draw: (sender: Sender, draw: Draw) => Drawn;
  /** Of an answer that acknowledges some items and refuses others: the codes of those, by position. */
  refusedItems?: (answer: HttpAnswer) => ReadonlyMap<number, string>;
  /** How many items an acknowledgement calls known already. */
  knownItems?: (answer: HttpAnswer) => number;
}

const browser = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';

/** The id of the one item of a request that the database is to refuse, or of any other item. */
export function drawnId(isPoisonous: boolean): string {
  const id = randomUUID();
  return isPoisonous ? poisonPrefix + id.slice(poisonPrefix.length) : id;
}

const textOf = (bytes: number): string => 'x'.repeat(bytes);
const times = <Item>(count: number, make: (index: number) => Item): Item[] => Array.from({ length: count }, (_, index) => make(index));
const oneOf = <Item>(items: readonly Item[], { between }: Chance): Item => items[between(0, items.length - 1)] as Item;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

const isCalledDuplicate = ({ body }: HttpAnswer): number => Number((body as { duplicate?: boolean }).duplicate === true);

const messages: ConservedRoute = {
  name: 'messages',
  path: '/ingest/widget/messages',
  acknowledgedBy: 202,
  connections: 6,
  knownItems: isCalledDuplicate,
  draw: ({ orgKey, ingestKey }, { chance, flaw, bytes, newId }) => {
    const durations = times(Math.min(500, chance.between(1, 8) + Math.floor(bytes / 40)), () => chance.between(0, 3000));
    const adds: Record<string, number> = { 'message durations': durations.length, 'message ms': sum(durations) };
    for (const ms of durations)
      adds[`message durations in bucket ${bucketOf(ms)}`] = (adds[`message durations in bucket ${bucketOf(ms)}`] ?? 0) + 1;
    const batchId = newId();
    const sent = durations.map((ms) => ({ duration_ms: flaw === 'invalid' ? -1 - ms : ms, role: 'assistant' }));
    return {
      headers: { authorization: `Bearer ${ingestKey}` },
      body: JSON.stringify({ batchId, messages: sent }),
      entries: [{ route: 'messages', tenant: orgKey, id: batchId, digest: undefined, adds, addsOnce: {}, flaw }],
    };
  },
};

const metrics: ConservedRoute = {
  name: 'metrics',
  path: '/api/monitoring/widget',
  acknowledgedBy: 200,
  connections: 6,
  knownItems: isCalledDuplicate,
  draw: ({ orgKey, chatbotId }, { chance, flaw, bytes, newId }) => {
    const renders = times(Math.min(100, chance.between(1, 8) + Math.floor(bytes / 200)), () => chance.between(0, 3000));
    const batchId = newId();
    const sent = renders.map((ms) => ({
      type: 'render',
      metric: { messageId: textOf(Math.min(200, 1 + bytes)), renderTime: flaw === 'invalid' ? -1 - ms : ms, contentLength: 0 },
    }));
    const adds = { 'renders measured': renders.length, 'render ms': sum(renders), 'renders in log buckets': renders.length };
    return {
      headers: { 'user-agent': browser },
      body: JSON.stringify({ chatbotId, batchId, metrics: sent }),
      entries: [{ route: 'metrics', tenant: orgKey, id: batchId, digest: undefined, adds, addsOnce: {}, flaw }],
    };
  },
};

const visitorEventNames = [
  'widget_loaded',
  'widget_opened',
  'widget_minimized',
  'message_sent',
  'message_received',
  'page_viewed',
] as const;
const figuresOfSessions: Readonly<Record<string, string>> = {
  widget_opened: 'opens in sessions',
  widget_minimized: 'minimizes in sessions',
  message_sent: 'sent messages in sessions',
  message_received: 'received messages in sessions',
};
const longestProperties = 8000;
/** Once in so many requests a session ends, and the next event of its id begins another. */
const endProbability = 0.05;

const visitorEvents: ConservedRoute = {
  name: 'visitor events',
  path: '/widget/analytics',
  acknowledgedBy: 204,
  connections: 10,
  refusedItems: refusedEvents,
  draw: ({ orgKey, chatbotId }, { chance, flaw, bytes, newId }) => {
    const visitor = chance.between(1, 20);
    const [sessionId, anonymousId] = [`s-${visitor}`, `a-${visitor}`];
    const names: string[] = times(Math.max(chance.between(1, 6), Math.ceil(bytes / longestProperties)), () =>
      oneOf(visitorEventNames, chance),
    );
    if (chance.happens(endProbability)) names.push('widget_closed');
    const sent = names.map((name) => ({
      event_id: newId(),
      event_name: flaw === 'invalid' ? '' : name,
      event_category: 'engagement',
      page_url: `https://shop.example/${chance.between(1, 50)}`,
      properties: {
        text: textOf(Math.min(bytes, longestProperties)),
        ...(name === 'message_received' ? { response_time_ms: chance.between(0, 3000) } : {}),
      },
    }));
    return {
      headers: { 'user-agent': browser },
      body: JSON.stringify({ chatbotId, sessionId, anonymousId, events: sent }),
      entries: sent.map(({ event_id: id, event_name: name, event_category: category, page_url: pageUrl, properties }) => ({
        route: 'visitor events',
        tenant: orgKey,
        id,
        digest: digestOf({ sessionId, anonymousId, name, category, pageUrl, properties }),
        adds: {
          [`daily events ${name}`]: 1,
          ...(figuresOfSessions[name] === undefined ? {} : { [figuresOfSessions[name]]: 1 }),
          ...('response_time_ms' in properties ? { 'response ms in sessions': properties.response_time_ms } : {}),
        },
        addsOnce: {},
        flaw: flawOf(id, flaw),
      })),
    };
  },
};

/** In a request with a poisonous item the others are good. */
function flawOf(id: string, flaw: Entry['flaw']): Entry['flaw'] {
  if (flaw !== 'poisonous') return flaw;
  return id.startsWith(poisonPrefix) ? 'poisonous' : undefined;
}

function refusedEvents({ status, body }: HttpAnswer): ReadonlyMap<number, string> {
  const error = (body as { error?: { code?: string; issues?: readonly { path: string }[] } } | undefined)?.error;
  if (status !== 422 || error?.code !== 'ROW_REFUSED') return new Map();
  return new Map((error.issues ?? []).map(({ path }) => [Number(path.replace('events.', '')), 'ROW_REFUSED']));
}

const errorReports: ConservedRoute = {
  name: 'error reports',
  path: '/widget/errors',
  acknowledgedBy: 204,
  connections: 2,
  draw: ({ orgKey, chatbotId }, { chance, flaw, bytes }) => {
    const message = `error ${randomUUID()}`;
    const sessionId = `e-${chance.between(1, 20)}`;
    const error = {
      message,
      stack: textOf(Math.min(bytes, 500)),
      url: `https://shop.example/${chance.between(1, 50)}`,
      line: flaw === 'invalid' ? 'ten' : chance.between(1, 9999),
    };
    return {
      headers: { 'user-agent': browser },
      body: JSON.stringify({ chatbotId, sessionId, error }),
      entries: [
        {
          route: 'error reports',
          tenant: orgKey,
          id: message,
          digest: digestOf({ sessionId, ...error }),
          adds: { 'daily events widget_error': 1 },
          addsOnce: {},
          flaw,
        },
      ],
    };
  },
};

const operationNames = ['search_products', 'check_stock', 'check_order', 'get_cart'] as const;

const operations: ConservedRoute = {
  name: 'operations',
  path: '/ingest/woocommerce/operations',
  acknowledgedBy: 202,
  connections: 6,
  refusedItems: ({ body }) => {
    const { data } = (body ?? {}) as { data?: { rejected: { index: number; code: string }[] } };
    return new Map(data?.rejected.map(({ index, code }) => [index, code]));
  },
  knownItems: ({ body }) => (body as { data: { duplicates: number } }).data.duplicates,
  draw: ({ orgKey, ingestKey }, { chance, flaw, bytes, newId }) => {
    const drawn = times(Math.min(500, chance.between(1, 6) + Math.floor(bytes / 1000)), () => {
      const id = newId();
      const ofItem = flaw === 'invalid' && chance.happens(0.5) ? 'invalid' : flawOf(id, flaw === 'invalid' ? undefined : flaw);
      const success = chance.happens(0.8);
      return {
        flaw: ofItem,
        sent: {
          id,
          operation: ofItem === 'invalid' ? 'list_everything' : oneOf(operationNames, chance),
          duration_ms: chance.between(0, 5000),
          success,
          domain: `shop-${chance.between(1, 3)}.example`,
          created_at: new Date().toISOString(),
          ...(success ? {} : { error_type: 'NotFound', error_message: textOf(Math.min(1 + bytes, 900)) }),
        },
      };
    });
    return {
      headers: { authorization: `Bearer ${ingestKey}` },
      body: JSON.stringify({ operations: drawn.map(({ sent }) => sent) }),
      entries: drawn.map(({ flaw: ofItem, sent }) => ({
        route: 'operations',
        tenant: orgKey,
        id: sent.id,
        digest: digestOf({ error_type: null, error_message: null, ...sent }),
        adds: {
          'daily operations': 1,
          'daily operations that succeeded': Number(sent.success),
          'ms of daily operations': sent.duration_ms,
          'operations in log buckets': 1,
        },
        addsOnce: {},
        flaw: ofItem,
      })),
    };
  },
};

const siteEventTypes = ['page_view', 'page_view', 'form_start', 'scroll'] as const;

const siteEvents: ConservedRoute = {
  name: 'site events',
  path: '/v1/events',
  acknowledgedBy: 202,
  connections: 6,
  draw: ({ property }, { chance, flaw, bytes, newId }) => {
    const id = newId();
    const content = {
      anonId: `anon-${property}-${chance.between(1, 200)}`,
      eventType: oneOf(siteEventTypes, chance),
      path: flaw === 'invalid' ? '' : `/page-${chance.between(1, 50)}`,
      props: { text: textOf(Math.min(bytes, 16_000)), number: chance.between(0, 1_000_000) },
    };
    return {
      headers: { 'user-agent': browser },
      body: JSON.stringify({ ...content, eventId: id, traffic: { propertyId: property } }),
      entries: [
        {
          route: 'site events',
          tenant: property,
          id,
          digest: digestOf(content),
          adds: {
            'daily accepted site events': 1,
            'traffic log rows': 1,
            ...(content.eventType === 'page_view' ? { 'daily page views': 1, 'page views of sessions': 1 } : {}),
          },
          addsOnce: {},
          flaw,
        },
      ],
    };
  },
};

const leads: ConservedRoute = {
  name: 'leads',
  path: '/v1/leads/capture',
  acknowledgedBy: 200,
  connections: 2,
  draw: ({ property }, { chance, flaw, bytes }) => {
    const key = randomUUID();
    const email = flaw === 'invalid' ? `nobody ${key}` : `${key}@example.com`;
    const content = { formName: 'demo', path: `/form-${chance.between(1, 20)}`, payload: { note: textOf(bytes) } };
    return {
      headers: { 'user-agent': browser },
      body: JSON.stringify({ ...content, email, anonId: `anon-${key}`, propertyId: property, consentStatus: 'express' }),
      entries: [
        {
          route: 'leads',
          tenant: property,
          id: email,
          digest: digestOf(content),
          adds: { 'daily accepted site events': 1, 'traffic log rows': 1, 'daily submitted forms': 1 },
          addsOnce: { leads: 1 },
          flaw,
        },
      ],
    };
  },
};

/** Every route that telemetry comes in by. Alertmanager's deliveries have a test of their own (platform/alerts/ingest-routes.test.ts). */
export const conservedRoutes: readonly ConservedRoute[] = [messages, visitorEvents, errorReports, metrics, operations, siteEvents, leads];
