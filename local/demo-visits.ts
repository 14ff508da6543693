import { between, happens, oneOf } from './chance.ts';

/** An event of a visit, as a widget sends it. */
export interface VisitEvent {
  event_name: string;
  event_category: string;
  page_url: string;
  page_title: string;
  properties?: Record<string, unknown>;
}

/** What is sent together, some time after what was sent before. */
export interface VisitStep {
  afterSeconds: number;
  /** How long before they are sent the events happened: a phone was offline. */
  lateSeconds: number;
  events: VisitEvent[];
}

/** From the first page to the last. */
export interface Visit {
  userAgent: string;
  /** All that goes beside the events, but for the chatbot. */
  envelope: {
    sessionId: string;
    anonymousId: string;
    user?: { id: string; email: string; name: string; metadata: Record<string, unknown> };
    context: Record<string, string | number>;
  };
  steps: VisitStep[];
}

export interface VisitOptions {
  /** Of the pages. */
  origin: string;
  anonymousId: string;
  /** How likely the widget fails during the visit. */
  errorShare: number;
}

export const crawler = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

/** Listed as often as they are met. */
const browsers = [
  ...times(4, 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'),
  ...times(2, 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15'),
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0',
  'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
].map((userAgent) => ({ userAgent, screen: { screen_width: 1920, screen_height: 1080 } }));
const phones = [
  ...times(
    3,
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  ),
  ...times(3, 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36'),
].map((userAgent) => ({ userAgent, screen: { screen_width: 390, screen_height: 844 } }));
const tablets = [
  'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
].map((userAgent) => ({ userAgent, screen: { screen_width: 820, screen_height: 1180 } }));
const machines = [...browsers, ...phones, ...tablets];

const sources: readonly Record<string, string>[] = [
  ...times(5, { referrer: 'https://www.google.com/' }),
  ...times(3, {}),
  ...times(2, { referrer: 'https://www.google.com/', utm_source: 'google', utm_medium: 'cpc', utm_campaign: 'autumn' }),
  ...times(2, { utm_source: 'newsletter', utm_medium: 'email', utm_campaign: 'november' }),
  { referrer: 'https://www.facebook.com/', utm_source: 'facebook', utm_medium: 'social' },
  { referrer: 'https://duckduckgo.com/' },
  { referrer: 'https://blog.example/the-best-tables' },
];
const pages = ['/', '/offers', '/tables/oak', '/chairs', '/contact'];
const triggers = ['manual', 'manual', 'proactive_time', 'proactive_scroll'];

/**
 * One visitor from the first page on: most only see the widget, some open it, some of those chat, and some end the chat; the others just go
 * away. Nothing of it is the same twice.
 */
export function planVisit({ origin, anonymousId, errorShare }: VisitOptions): Visit {
  const { userAgent, screen } = oneOf(machines);
  const landingPage = origin + oneOf(pages);
  const page = { page_url: landingPage, page_title: 'Shop' };
  const steps: VisitStep[] = [];
  const step = (...events: [name: string, category: string, properties?: Record<string, unknown>][]): void => {
    steps.push({
      afterSeconds: steps.length === 0 ? 0 : between(5, 45),
      lateSeconds: happens(0.04) ? between(60, 3000) : 0,
      events: events.map(([event_name, event_category, properties = {}]) => ({ event_name, event_category, properties, ...page })),
    });
  };

  step(['widget_loaded', 'system']);
  const opens = happens(0.5);
  const chats = opens && happens(0.65);
  if (opens) step(['widget_opened', 'engagement', { triggered_by: oneOf(triggers) }], ['pre_chat_form_shown', 'engagement']);
  if (happens(errorShare)) step(...oneOf(troubles));
  if (chats) {
    step(['pre_chat_form_submitted', 'engagement']);
    for (let turns = between(1, 4); turns > 0; turns -= 1) {
      const response_time_ms = responseTimeMs();
      step(['message_sent', 'engagement'], ['message_received', 'engagement', { response_time_ms }]);
      if (response_time_ms > 3000) step(['slow_response', 'performance', { response_time_ms }]);
    }
    if (happens(0.4)) step(['feedback_given', 'engagement', { rating: between(3, 5) }]);
    if (happens(0.2)) step(['product_clicked', 'shop', { product: 'oak-table' }]);
  }
  if (opens) step(['widget_minimized', 'engagement']);
  if (happens(0.6)) step(['widget_closed', 'system']);
  return {
    userAgent,
    envelope: {
      sessionId: crypto.randomUUID(),
      anonymousId,
      ...(chats && happens(0.4) ? { user: userOf(anonymousId) } : {}),
      context: { landing_page: landingPage, ...screen, ...oneOf(sources) },
    },
    steps,
  };
}

/** The same person each time. */
function userOf(anonymousId: string): Visit['envelope']['user'] {
  const id = `u-${anonymousId.slice(0, 8)}`;
  return { id, email: `${id}@visitor.example`, name: `Visitor ${id}`, metadata: { plan: 'basic' } };
}

const troubles: readonly [name: string, category: string, properties: Record<string, unknown>][][] = [
  [
    ['api_error', 'error', { status: 502 }],
    ['api_error', 'error', { status: 502 }],
  ],
  [['widget_error', 'error', { error_message: 'x is not a function', line: 10, column: 3, widget_version: '2.1.0' }]],
];

/** The body of a step that is sent at this time. */
export function batchOf(chatbotId: string, { envelope }: Visit, { events, lateSeconds }: VisitStep, at: Date): Record<string, unknown> {
  const client_timestamp = new Date(at.getTime() - lateSeconds * 1000).toISOString();
  return { chatbotId, ...envelope, events: events.map((event) => ({ ...event, event_id: crypto.randomUUID(), client_timestamp })) };
}

export const anyUserAgent = (): string => oneOf(machines).userAgent;

/** Half of them were here before. */
export function createVisitors(): () => string {
  const known: string[] = [];
  return () => {
    if (known.length > 10 && happens(0.5)) return oneOf(known);
    const id = crypto.randomUUID();
    known.push(id);
    if (known.length > 500) known.shift();
    return id;
  };
}

function times<T>(count: number, item: T): T[] {
  return Array.from({ length: count }, () => item);
}

/** Mostly about a second, sometimes many. */
function responseTimeMs(): number {
  return Math.round(Math.exp(6 + Math.random() * 1.8) + (happens(0.05) ? 4000 : 0));
}
