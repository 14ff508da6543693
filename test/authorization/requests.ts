import type { Route } from '../../platform/http/route.ts';
import { person, visitor } from './activity.ts';
import type { Caller } from './callers.ts';
import type { Subject } from './tenants.ts';

/** What the named object is to the caller. Who speaks for no organization may ask for what there is: that is `own`. */
export type Relation = 'own' | 'other' | 'missing';

export interface Sent {
  params?: Record<string, string>;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: unknown;
}

/** One way of asking a route, and what whoever is past its door is answered. */
export interface RequestRow {
  /** What it names. */
  names: string;
  of: (subject: Subject) => Sent;
  status: (caller: Caller) => Record<Relation, number>;
  /** The object is itself a row, so it takes statements to say that it is not there. Otherwise a refusal takes look-ups of the directory only. */
  looksForRow?: true;
}

export interface RouteRow {
  identity: Route['identity'];
  requests: readonly RequestRow[];
}

const always = (status: number) => () => ({ own: status, other: status, missing: status });
const ofWhatThereIs = (status: number) => () => ({ own: status, other: 404, missing: 404 });
const forOwners = ({ role }: Caller): Record<Relation, number> => ({ own: role === 'owner' ? 200 : 403, other: 404, missing: 404 });

/** Wherever else an organization could be named: none of it may choose one. */
const elsewhere = ({ key, siteId, chatbotId }: Subject): Sent => ({
  query: { orgKey: key, siteId, chatbotId },
  headers: { 'x-org-key': key, 'x-site-id': siteId },
});

const aboutNothing = (status: number, sent: Sent = {}): RequestRow => ({
  names: 'nothing',
  of: (subject) => ({ ...sent, query: { ...elsewhere(subject).query, ...sent.query }, headers: { ...elsewhere(subject).headers } }),
  status: always(status),
});

const ofChatbot = (query: Record<string, string> = {}, status: RequestRow['status'] = ofWhatThereIs(200)): RequestRow => ({
  names: 'a chatbot',
  of: ({ chatbotId }) => ({ params: { chatbotId }, query }),
  status,
});

/** Answers are of the caller's organization; a shop that is not its own has no operations. */
const ofShop: RequestRow = { names: 'a shop', of: ({ shop }) => ({ query: { domain: shop } }), status: always(200) };

const statistics: RouteRow = { identity: 'org user', requests: [ofChatbot()] };
const withBody = (names: string, body: (subject: Subject) => unknown, status: RequestRow['status']): RequestRow => ({
  names,
  of: (subject) => ({ body: body(subject) }),
  status,
});
const events = [{ event_name: 'widget_opened' }];
const anonId = 'anonymous-1';

/** Every route of both services. One that is not here fails the matrix. */
export const routeRows: Readonly<Record<string, RouteRow>> = {
  // The portal.
  'GET /portal/widget/health': { identity: 'org user', requests: [aboutNothing(200)] },
  'GET /api/analytics/widget/:chatbotId/active': statistics,
  'GET /api/analytics/widget/:chatbotId/devices': statistics,
  'GET /api/analytics/widget/:chatbotId/events': statistics,
  'GET /api/analytics/widget/:chatbotId/funnel': { identity: 'org user', requests: [ofChatbot({ steps: 'widget_opened,message_sent' })] },
  'GET /api/analytics/widget/:chatbotId/sessions': statistics,
  'GET /api/analytics/widget/:chatbotId/summary': statistics,
  'GET /api/analytics/widget/:chatbotId/traffic-sources': statistics,
  'GET /api/analytics/widget/:chatbotId/trends': statistics,
  'GET /api/analytics/widget/:chatbotId/export': {
    identity: 'org user',
    requests: [
      ofChatbot({ dataset: 'events', format: 'csv' }, forOwners),
      { ...ofChatbot({ dataset: 'sessions', format: 'ndjson' }, forOwners), names: 'the sessions of a chatbot' },
    ],
  },
  'GET /api/analytics/widget/:chatbotId/data-subject': {
    identity: 'org user',
    requests: [
      ofChatbot({ user_id: person }, forOwners),
      { ...ofChatbot({ anonymous_id: visitor }, forOwners), names: 'a visitor of a chatbot' },
    ],
  },
  'DELETE /api/analytics/widget/:chatbotId/data-subject': {
    identity: 'org user',
    requests: [ofChatbot({ user_id: 'nobody-of-this-name' }, forOwners)],
  },
  'GET /api/monitoring/widget': {
    identity: 'org user or admin',
    requests: [
      { names: 'a chatbot', of: ({ chatbotId }) => ({ query: { chatbotId, feature: 'all' } }), status: ofWhatThereIs(200) },
      {
        names: 'a chatbot, as an export',
        of: ({ chatbotId }) => ({ query: { chatbotId, feature: 'all', format: 'export' } }),
        status: ofWhatThereIs(200),
      },
      {
        names: 'an organization',
        of: ({ key }) => ({ query: { orgKey: key } }),
        status: ({ role }) => (role === 'admin' ? { own: 200, other: 200, missing: 404 } : { own: 403, other: 403, missing: 403 }),
      },
      { names: 'nothing', of: (subject) => ({ headers: { ...elsewhere(subject).headers } }), status: always(200) },
    ],
  },
  'POST /api/monitoring/widget/alerts/:id/resolve': {
    identity: 'org user or admin',
    requests: [{ names: 'an alert', of: ({ alertId }) => ({ params: { id: alertId } }), status: ofWhatThereIs(200), looksForRow: true }],
  },
  'POST /api/monitoring/widget/baseline': {
    identity: 'owner or admin',
    requests: [
      {
        names: 'an organization',
        of: ({ key }) => ({ query: { orgKey: key } }),
        // 409: there are no renders to make one of.
        status: ({ role }) => (role === 'admin' ? { own: 409, other: 409, missing: 404 } : { own: 403, other: 403, missing: 403 }),
      },
      {
        names: 'nothing',
        of: (subject) => ({ headers: { ...elsewhere(subject).headers } }),
        status: ({ role }) => always(role === 'admin' ? 400 : 409)(),
      },
    ],
  },
  'GET /api/woocommerce/analytics': { identity: 'org user or nobody', requests: [ofShop, aboutNothing(200)] },
  'GET /api/woocommerce/errors': { identity: 'org user', requests: [ofShop, aboutNothing(200)] },
  'GET /api/woocommerce/health': { identity: 'org user', requests: [ofShop, aboutNothing(200)] },
  'GET /api/woocommerce/trends': { identity: 'org user', requests: [ofShop, aboutNothing(200)] },

  // Administrators and trusted servers.
  'GET /internal/metrics/widget-health-summary': { identity: 'admin', requests: [aboutNothing(200)] },
  'GET /v1/metrics/summary': { identity: 'admin key', requests: [aboutNothing(200, { query: { from: '2026-01-01', to: '2026-01-02' } })] },
  'POST /v1/leads/delete': {
    identity: 'admin key',
    // Only one caller is past the door, and asks once: a second time there would be nobody left.
    requests: [{ ...withBody('a person', ({ formerEmail }) => ({ email: formerEmail }), ofWhatThereIs(200)), looksForRow: true }],
  },

  // Servers of customers, and Alertmanager.
  'POST /ingest/widget/messages': {
    identity: 'ingest key',
    requests: [aboutNothing(202, { body: { messages: [{ duration_ms: 20 }] } })],
  },
  'POST /ingest/woocommerce/operations': {
    identity: 'ingest key',
    requests: [
      {
        names: 'a shop',
        of: (subject) => ({
          ...elsewhere(subject),
          body: { operations: [{ operation: 'get_cart', duration_ms: 5, success: true, domain: subject.shop }] },
        }),
        status: always(202),
      },
    ],
  },
  'POST /ingest/alertmanager': {
    identity: 'webhook',
    requests: [withBody('an organization', ({ key }) => deliveryFor(key), always(200))],
  },

  // Everybody: pages of customers, visitors of sites, readers of the documentation.
  'GET /api/bootloader': {
    identity: 'public',
    requests: [
      { names: 'a site', of: ({ siteId }) => ({ query: { siteId } }), status: ofWhatThereIs(200) },
      { names: 'an organization', of: ({ key }) => ({ headers: { 'x-org-key': key } }), status: ofWhatThereIs(200) },
    ],
  },
  'POST /widget/analytics': {
    identity: 'public',
    requests: [withBody('a chatbot', ({ chatbotId }) => ({ chatbotId, sessionId: 's', events }), ofWhatThereIs(204))],
  },
  'POST /widget/errors': {
    identity: 'public',
    requests: [withBody('a chatbot', ({ chatbotId }) => ({ chatbotId, sessionId: 's', error: { message: 'm' } }), ofWhatThereIs(204))],
  },
  'POST /api/monitoring/widget': {
    identity: 'public',
    requests: [
      withBody('a chatbot', ({ chatbotId }) => ({ chatbotId, type: 'memory', metric: { heapUsed: 1, heapTotal: 2 } }), ofWhatThereIs(200)),
    ],
  },
  'POST /v1/events': { identity: 'public', requests: [aboutNothing(202, { body: { anonId, eventType: 'page_view', path: '/' } })] },
  'POST /v1/leads/capture': { identity: 'public', requests: [aboutNothing(200, { body: { anonId, email: 'visitor@site.example' } })] },
  'POST /v1/leads/unsubscribe': {
    identity: 'public',
    requests: [{ ...withBody('a person', ({ email }) => ({ email }), ofWhatThereIs(200)), looksForRow: true }],
  },
  'GET /sdk/v1/:file': { identity: 'public', requests: [aboutNothing(200, { params: { file: 'widget.js' } })] },
  'GET /docs': { identity: 'public', requests: [aboutNothing(200)] },
  'GET /docs/:file': { identity: 'public', requests: [aboutNothing(404, { params: { file: '000000000000-none.css' } })] },
  'GET /openapi.json': { identity: 'public', requests: [aboutNothing(200)] },
};

function deliveryFor(org: string): unknown {
  const labels = { alertname: 'A', severity: 'info', feature: 'pipeline', org };
  const times = { startsAt: '2026-01-01T00:00:00Z', endsAt: '0001-01-01T00:00:00Z' };
  return { version: '4', alerts: [{ status: 'firing', labels, annotations: {}, ...times, fingerprint: `delivered-${org}` }] };
}

/** What a subject is to a caller of a route. */
export function relationOf(identity: Route['identity'], { org }: Caller, { key }: Subject): Relation {
  if (key === 'ghost') return 'missing';
  return identity === 'public' || org === undefined || org === key ? 'own' : 'other';
}
