import { cleanText } from '../../platform/clean-text.ts';
import { roundHalfAway } from '../../platform/rounding.ts';
import type { Agent, DeviceType } from './device.ts';

/**
 * How requests make sessions: a pure fold. Ingest runs it on the row as it is stored; run over the stored events of a session in the order
 * of their receipt it gives the same row. Source: contracts/widget-analytics.md, Ingest.
 */
export const endReasons = ['client', 'timeout', 'max_age'] as const;
export type EndReason = (typeof endReasons)[number];

/**
 * Microseconds since 1970, which is what PostgreSQL keeps of a time and a Date does not: receipt times of one session differ by as little
 * as one. Whole numbers, exact far beyond any date.
 */
export type Micros = number;

export const microsOf = (moment: Date): Micros => moment.getTime() * 1000;
/** The moment without its last three digits. */
export const dateOf = (micros: Micros): Date => new Date(Math.floor(micros / 1000));

/** A row of widget_sessions, by its columns. */
export interface Session {
  org_id: number;
  id: string;
  chatbot_id: string;
  session_id: string;
  anonymous_id: string | null;
  user_id: string | null;
  user_email: string | null;
  user_name: string | null;
  user_metadata: Readonly<Record<string, unknown>>;
  started_at: Micros;
  last_activity_at: Micros;
  ended_at: Micros | null;
  end_reason: EndReason | null;
  duration_seconds: number | null;
  referrer: string | null;
  landing_page: string | null;
  utm_source: string | null;
  utm_medium: string | null;
  utm_campaign: string | null;
  utm_term: string | null;
  utm_content: string | null;
  user_agent: string | null;
  browser_name: string | null;
  browser_version: string | null;
  os_name: string | null;
  os_version: string | null;
  device_type: DeviceType;
  screen_width: number | null;
  screen_height: number | null;
  ip_address: string | null;
  country_code: string | null;
  city: string | null;
  messages_sent: number;
  messages_received: number;
  widget_opened_count: number;
  widget_minimized_count: number;
  response_time_sum_ms: number;
  response_time_count: number;
  avg_response_time_ms: number | null;
  had_conversation: boolean;
  completed_pre_chat_form: boolean;
  triggered_by: string | null;
  created_at: Micros;
  updated_at: Micros;
}

/** In the order of the contract. */
export const sessionColumns = [
  'org_id',
  'id',
  'chatbot_id',
  'session_id',
  'anonymous_id',
  'user_id',
  'user_email',
  'user_name',
  'user_metadata',
  'started_at',
  'last_activity_at',
  'ended_at',
  'end_reason',
  'duration_seconds',
  'referrer',
  'landing_page',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'user_agent',
  'browser_name',
  'browser_version',
  'os_name',
  'os_version',
  'device_type',
  'screen_width',
  'screen_height',
  'ip_address',
  'country_code',
  'city',
  'messages_sent',
  'messages_received',
  'widget_opened_count',
  'widget_minimized_count',
  'response_time_sum_ms',
  'response_time_count',
  'avg_response_time_ms',
  'had_conversation',
  'completed_pre_chat_form',
  'triggered_by',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof Session)[];

export const utmNames = ['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content'] as const;
type Utm = Record<(typeof utmNames)[number], string | null>;

/** Where a visitor came from, as the page says it. */
export interface SessionContext extends Utm {
  referrer: string | null;
  landing_page: string | null;
  screen_width: number | null;
  screen_height: number | null;
}

export interface SessionUser {
  id: string;
  email: string | null;
  name: string | null;
  metadata: Readonly<Record<string, unknown>>;
}

/** What the events of one request have in common. */
export interface SessionRequest {
  orgId: number;
  chatbotId: string;
  sessionId: string;
  receivedAt: Micros;
  anonymousId: string | null;
  user: SessionUser | null;
  context: SessionContext;
  agent: Omit<Agent, 'isBot'>;
  /** Of the caller. */
  network: string | null;
}

/** What a session learns from an event. */
export interface SessionEvent {
  name: string;
  pageUrl: string | null;
  triggeredBy: string | null;
  responseTimeMs: number | null;
}

const oldestMs = 24 * 60 * 60_000;

/** Why a session cannot take what arrives at `at`; undefined when it can. */
export function endedBefore(
  session: Pick<Session, 'started_at' | 'last_activity_at'>,
  at: Micros,
  timeoutMs: number,
): EndReason | undefined {
  if (at - session.last_activity_at >= timeoutMs * 1000) return 'timeout';
  return at - session.started_at >= oldestMs * 1000 ? 'max_age' : undefined;
}

/** The times of a session's end, for whoever ends one. */
export function endOf(
  session: Pick<Session, 'started_at'>,
  at: Micros,
  reason: EndReason,
): Pick<Session, 'ended_at' | 'end_reason' | 'duration_seconds'> {
  return { ended_at: at, end_reason: reason, duration_seconds: Math.floor((at - session.started_at) / 1_000_000) };
}

/** When a request counts as received: every request of one session id at a time of its own, whatever the clocks of the replicas say. */
export function receiptOf(receivedAt: Micros, previous: Pick<Session, 'last_activity_at' | 'ended_at'> | undefined): Micros {
  if (previous === undefined) return receivedAt;
  return Math.max(receivedAt, previous.last_activity_at + 1, (previous.ended_at ?? 0) + 1);
}

/** `ended`: the session before, when it cannot go on and nobody had ended it yet. */
export interface Folded {
  session: Session;
  started: boolean;
  ended?: Session;
}

/** Takes one request, with its new events in their order, into the current session of its id. */
export function foldRequest(
  current: Session | undefined,
  request: SessionRequest,
  events: readonly SessionEvent[],
  rules: { timeoutMs: number; newId: () => string },
): Folded {
  const at = receiptOf(request.receivedAt, current);
  const expired = current === undefined ? undefined : endedBefore(current, at, rules.timeoutMs);
  if (current !== undefined && current.ended_at === null && expired === undefined) {
    return { session: extended(current, request, events, at), started: false };
  }
  const session = extended(begun(request, at, rules.newId()), request, events, at);
  if (current === undefined || current.ended_at !== null || expired === undefined) return { session, started: true };
  return { session, started: true, ended: { ...current, ...endOf(current, current.last_activity_at, expired), updated_at: at } };
}

function begun({ orgId, chatbotId, sessionId, agent }: SessionRequest, at: Micros, id: string): Session {
  return {
    org_id: orgId,
    id,
    chatbot_id: chatbotId,
    session_id: sessionId,
    anonymous_id: null,
    user_id: null,
    user_email: null,
    user_name: null,
    user_metadata: {},
    started_at: at,
    last_activity_at: at,
    ended_at: null,
    end_reason: null,
    duration_seconds: null,
    referrer: null,
    landing_page: null,
    utm_source: null,
    utm_medium: null,
    utm_campaign: null,
    utm_term: null,
    utm_content: null,
    user_agent: null,
    browser_name: null,
    browser_version: null,
    os_name: null,
    os_version: null,
    device_type: agent.deviceType,
    screen_width: null,
    screen_height: null,
    ip_address: null,
    country_code: null,
    city: null,
    messages_sent: 0,
    messages_received: 0,
    widget_opened_count: 0,
    widget_minimized_count: 0,
    response_time_sum_ms: 0,
    response_time_count: 0,
    avg_response_time_ms: null,
    had_conversation: false,
    completed_pre_chat_form: false,
    triggered_by: null,
    created_at: at,
    updated_at: at,
  };
}

function extended(current: Session, request: SessionRequest, events: readonly SessionEvent[], at: Micros): Session {
  const session = { ...current, last_activity_at: at, updated_at: at };
  learnWho(session, request);
  learnSource(session, request.context, events);
  learnMachine(session, request);
  for (const event of events) effects.get(event.name)?.(session, event);
  if (events.some(({ name }) => endingEvents.has(name))) Object.assign(session, endOf(session, at, 'client'));
  return session;
}

/** The last user wins as a whole; the first anonymous id stays. */
function learnWho(session: Session, { user, anonymousId }: SessionRequest): void {
  session.anonymous_id ??= anonymousId;
  if (user === null) return;
  session.user_id = user.id;
  session.user_email = user.email;
  session.user_name = user.name;
  session.user_metadata = user.metadata;
}

/** What is known already stays. */
function learnSource(session: Session, context: SessionContext, events: readonly SessionEvent[]): void {
  session.referrer ??= context.referrer;
  session.landing_page ??= context.landing_page ?? events.find(({ pageUrl }) => pageUrl !== null)?.pageUrl ?? null;
  const query = queryOf(session.landing_page);
  for (const name of utmNames) session[name] ??= context[name] ?? utmValue(query, name);
}

function learnMachine(session: Session, { agent, context, network }: SessionRequest): void {
  session.screen_width ??= context.screen_width;
  session.screen_height ??= context.screen_height;
  session.ip_address ??= network;
  if (session.user_agent !== null) return;
  session.user_agent = agent.userAgent;
  session.browser_name = agent.browserName;
  session.browser_version = agent.browserVersion;
  session.os_name = agent.osName;
  session.os_version = agent.osVersion;
}

/** A landing page need not be a whole URL: what stands between the first `?` and `#` is its query. */
function queryOf(page: string | null): URLSearchParams | undefined {
  const withoutFragment = page?.split('#', 1)[0] ?? '';
  const start = withoutFragment.indexOf('?');
  return start === -1 ? undefined : new URLSearchParams(withoutFragment.slice(start));
}

export const longestUtm = 255;

function utmValue(query: URLSearchParams | undefined, name: string): string | null {
  const value = cleanText(query?.get(name) ?? '').slice(0, longestUtm);
  return value === '' ? null : value.toWellFormed();
}

type Effect = (session: Session, event: SessionEvent) => void;

/** Events with these names change the session; all others only prove that it is alive. */
const effects: ReadonlyMap<string, Effect> = new Map<string, Effect>([
  [
    'widget_opened',
    (session, { triggeredBy }) => {
      session.widget_opened_count += 1;
      session.triggered_by ??= triggeredBy;
    },
  ],
  ['widget_minimized', (session) => (session.widget_minimized_count += 1)],
  [
    'message_sent',
    (session) => {
      session.messages_sent += 1;
      session.had_conversation = true;
    },
  ],
  [
    'message_received',
    (session, { responseTimeMs }) => {
      session.messages_received += 1;
      if (responseTimeMs === null) return;
      session.response_time_sum_ms += roundHalfAway(responseTimeMs);
      session.response_time_count += 1;
      session.avg_response_time_ms = roundHalfAway(session.response_time_sum_ms / session.response_time_count);
    },
  ],
  ['pre_chat_form_submitted', (session) => (session.completed_pre_chat_form = true)],
]);

const endingEvents: ReadonlySet<string> = new Set(['widget_closed', 'unload']);

/** Whether an event ends its session, once the other events of its request were taken in. */
export function endsSession(name: string): boolean {
  return endingEvents.has(name);
}
