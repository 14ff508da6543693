import type { Subject } from './tenants.ts';
import { testIdentity } from '../support/services.ts';

/** Chrome: programs are not counted. */
export const browserAgent =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';

export interface Activity {
  tenant: Subject;
  /** In every text that a sender chooses. */
  marker: string;
  ingestKey: string;
  at: Date;
  /** How often each thing happens: what mixes two organizations' numbers shows. */
  times: number;
}

/** The ids that pages and backends choose by themselves are the same for every organization: they must not meet. */
export const person = 'person-4711';
export const visitor = 'visitor-4711';
/** Behind a proxy that is trusted; elsewhere these are only the visitor's words. */
export const visitorAddress = '203.0.113.77';
const idOf = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** Everything that can be sent about an organization, by every route that takes it in. Throws at an answer that is no success. */
export async function sendActivity(exporterUrl: string, activity: Activity): Promise<void> {
  for (const [path, { headers = {}, body }] of requestsOf(activity)) {
    const response = await fetch(exporterUrl + path, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: {
        origin: testIdentity.portalOrigin,
        'user-agent': browserAgent,
        'x-forwarded-for': visitorAddress,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }
}

type Request = [path: string, sent: { headers?: Record<string, string>; body?: unknown }];

export function requestsOf(activity: Activity): Request[] {
  const { tenant, ingestKey, times } = activity;
  const fromBackend = { authorization: `Bearer ${ingestKey}` };
  const repeated = (request: Request): Request[] => Array.from({ length: times }, () => request);
  return [
    ...repeated([`/api/bootloader?siteId=${tenant.siteId}`, {}]),
    [
      '/ingest/widget/messages',
      { headers: fromBackend, body: { messages: Array.from({ length: times }, () => ({ duration_ms: 90 * times })) } },
    ],
    ['/ingest/woocommerce/operations', { headers: fromBackend, body: { operations: operationsOf(activity) } }],
    ['/widget/analytics', { body: visitOf(activity) }],
    ['/widget/errors', { body: { chatbotId: tenant.chatbotId, sessionId: 'session', error: errorOf(activity) } }],
    ['/api/monitoring/widget', { body: { chatbotId: tenant.chatbotId, metrics: measurementsOf(activity) } }],
    ['/ingest/alertmanager', { headers: { authorization: `Bearer ${testIdentity.webhookToken}` }, body: deliveryOf(activity) }],
  ];
}

function visitOf({ tenant, marker, at, times }: Activity): unknown {
  const page = { page_url: `https://${marker}.example/page`, page_title: `Page ${marker}` };
  const names = ['widget_opened', 'message_sent', 'message_received', `custom_${marker}`];
  return {
    chatbotId: tenant.chatbotId,
    sessionId: 'session',
    anonymousId: visitor,
    user: { id: person, email: `${marker}@mail.example`, name: `Name ${marker}`, metadata: { plan: marker } },
    context: {
      referrer: `https://from-${marker}.example/`,
      landing_page: `https://${marker}.example/landing`,
      ...Object.fromEntries(['source', 'medium', 'campaign', 'term', 'content'].map((name) => [`utm_${name}`, `${name}-${marker}`])),
    },
    events: Array.from({ length: 4 * times }, (_, n) => ({
      event_name: names[n % 4],
      event_category: 'engagement',
      event_id: idOf(n),
      client_timestamp: new Date(at.getTime() - 60_000 + n * 1000).toISOString(),
      properties: { note: marker, triggered_by: marker, response_time_ms: 100 * times },
      ...page,
    })),
  };
}

function errorOf({ marker }: Activity): unknown {
  return { message: `failed for ${marker}`, stack: `at ${marker}`, url: `https://${marker}.example/`, widgetVersion: marker };
}

function operationsOf({ tenant, marker, at, times }: Activity): unknown[] {
  return Array.from({ length: 2 * times }, (_, n) => ({
    id: idOf(n),
    operation: n % 2 === 0 ? 'get_cart' : 'check_order',
    duration_ms: 100 * times + n,
    success: n % 2 === 0,
    domain: tenant.shop,
    ...(n % 2 === 0 ? {} : { error_type: 'NotFound', error_message: `no order of ${marker}` }),
    user_agent: `agent ${marker}`,
    created_at: new Date(at.getTime() - n * 1000).toISOString(),
  }));
}

function measurementsOf({ marker, at, times }: Activity): unknown[] {
  const timestamp = at.getTime() - 1000;
  return Array.from({ length: times }, () => [
    { type: 'render', metric: { messageId: marker, renderTime: 10 * times, contentLength: 1, timestamp } },
    {
      type: 'persistence',
      metric: { operation: 'save', success: false, duration: 10 * times, errorType: marker, errorMessage: marker, timestamp },
    },
    { type: 'api', metric: { endpoint: `/${marker}`, method: 'POST', statusCode: 500, duration: 10 * times, cached: false, timestamp } },
  ]).flat();
}

function deliveryOf({ tenant, marker, at }: Activity): unknown {
  const alert = (feature: string): unknown => ({
    status: 'firing',
    labels: { alertname: `Alert_${marker}`, severity: 'error', feature, category: 'error_rate', org: tenant.key },
    annotations: { summary: `Title ${marker}`, description: `Message ${marker}`, meta_note: marker },
    startsAt: at.toISOString(),
    endsAt: '0001-01-01T00:00:00Z',
    fingerprint: `${tenant.key}-${feature}-${at.getTime()}`,
  });
  return { version: '4', alerts: ['widget-performance', 'widget-health'].map(alert) };
}
