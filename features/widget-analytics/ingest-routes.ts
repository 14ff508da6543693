import { publicCaller } from '../../platform/auth/identities.ts';
import type { Organization } from '../../platform/directory/directory.ts';
import { publicBody } from '../../platform/http/body.ts';
import { HttpError, type ErrorCode } from '../../platform/http/errors.ts';
import type { ExporterDeps, ExporterSlice } from '../../platform/http/exporter-slice.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import { uuid } from '../../platform/http/validation.ts';
import { startCollector, type Collector } from '../../platform/metrics/collector.ts';
import type { EndpointInstruments } from '../../platform/metrics/stack.ts';
import { chatbotNotFound, isOriginAllowed, organizationOfChatbot, originNotAllowed } from '../../platform/origin/widget-origin.ts';
import { createBatchWriter } from '../../platform/postgres/batch-writer.ts';
import { createAgentReader } from './device.ts';
import { analyticsBatch, contextOf, errorEventOf, eventsOf, userOf, widgetErrorReport, type WidgetEvent } from './events.ts';
import { analyticsEndpoint, createEventWrite, unitsOf, type EventOutcome, type EventUnit, type Written } from './ingest.ts';
import { fleetMetrics } from './metrics.ts';
import { networkOf } from './network.ts';
import { createOrgCounts, type OrgCounts } from './org-counts.ts';
import { analyticsOrgSeries, readActiveSessionCount } from './series-queries.ts';
import { endsSession, microsOf, type SessionRequest } from './session.ts';

/** The write side of widget-analytics: POST /widget/analytics and /widget/errors, their counters and series. */
export function widgetAnalyticsIngest(deps: ExporterDeps): ExporterSlice {
  const timeoutMs = deps.config.SESSION_TIMEOUT_MS;
  const endpoint = deps.ingest.endpoint(analyticsEndpoint);
  const orgCounts = createOrgCounts();
  const writer = createBatchWriter<EventUnit, EventOutcome>({
    pool: deps.pool,
    log: deps.log,
    endpoint: analyticsEndpoint,
    write: createEventWrite({
      timeoutMs,
      newId: () => crypto.randomUUID(),
      onWritten: writtenCounter(deps.metrics, { endpoint, orgCounts }),
    }),
    ...deps.writerLimits,
    onCommit: endpoint.committed,
  });
  endpoint.queue(deps.writerLimits.maxQueueRows, writer.queuedRows);
  const taker = createTaker(deps, { endpoint, orgCounts, submit: writer.submit });
  const active = activeSessionsCollector(deps, timeoutMs);
  return {
    routes: [analyticsRoute(taker, endpoint), errorsRoute(taker, endpoint)],
    orgSeries: analyticsOrgSeries({ counts: orgCounts, now: deps.now, timeoutMs }),
    refresh: active.refresh,
    drain: writer.drain,
    stop: async () => active.stop(),
  };
}

type Submit = (units: readonly EventUnit[]) => Promise<({ refused: false; outcome: EventOutcome } | { refused: true })[]>;

/** What a request brings, whichever route it came by. */
interface Delivery extends Pick<SessionRequest, 'chatbotId' | 'sessionId' | 'anonymousId' | 'user' | 'context'> {
  events: (receivedAt: Date) => WidgetEvent[];
  eventCount: number;
  origin: string | undefined;
  userAgent: string | undefined;
  address: string;
}

interface Taker {
  /** Stores a delivery, or throws to answer. */
  take: (delivery: Delivery) => Promise<Answer>;
  /** Enters what the checks before it refused into the ledger of its organization, if it names one. */
  onRefusal: (code: ErrorCode, sent: unknown) => Promise<void>;
}

function createTaker(
  deps: ExporterDeps,
  { endpoint, orgCounts, submit }: { endpoint: EndpointInstruments; orgCounts: Pick<OrgCounts, 'drop'>; submit: Submit },
): Taker {
  const { directory, now } = deps;
  const extraOrigins = new Set(deps.config.WIDGET_EXTRA_ALLOWED_ORIGINS);
  const botEvents = deps.metrics.counter(fleetMetrics.botEvents);
  const agentOf = createAgentReader();

  function checkOrigin(organization: Organization, { origin, eventCount }: Delivery): void {
    if (isOriginAllowed(organization, origin, extraOrigins)) return;
    orgCounts.drop(organization.id, 'origin', eventCount);
    throw originNotAllowed();
  }

  async function store(organization: Organization, delivery: Delivery, agent: SessionRequest['agent']): Promise<Answer> {
    const receivedAt = now();
    const { chatbotId, sessionId, anonymousId, user, context } = delivery;
    const request: SessionRequest = {
      orgId: organization.id,
      chatbotId,
      sessionId,
      receivedAt: microsOf(receivedAt),
      anonymousId,
      user,
      context,
      agent,
      network: networkOf(delivery.address),
    };
    const units = unitsOf(request, delivery.events(receivedAt), endsSession);
    const fates = await submit(units);
    const refused = units.filter((_unit, index) => fates[index]?.refused !== false).map(({ event }) => event.seq);
    if (refused.length > 0) throw refusal(organization.id, refused);
    if (fates.some((fate) => !fate.refused && fate.outcome === 'chatbot_gone')) throw chatbotNotFound();
    return { status: 204, body: null };
  }

  function refusal(orgId: number, indices: readonly number[]): HttpError {
    endpoint.rows('refused', indices.length);
    orgCounts.drop(orgId, 'refused', indices.length);
    const issues = indices.toSorted((left, right) => left - right).map((index) => ({ path: `events.${index}`, message: 'was refused' }));
    return new HttpError('ROW_REFUSED', 'the database refused some of these events; the others are stored, do not send these again', {
      issues,
    });
  }

  return {
    take: async (delivery) => {
      const organization = await organizationOfChatbot(directory, delivery.chatbotId);
      if (organization === undefined) throw chatbotNotFound();
      const { isBot, ...agent } = agentOf(delivery.userAgent);
      if (isBot) {
        endpoint.rows('bot', delivery.eventCount);
        botEvents.inc({}, delivery.eventCount);
        orgCounts.drop(organization.id, 'bot', delivery.eventCount);
        return { status: 204, body: null };
      }
      checkOrigin(organization, delivery);
      return store(organization, delivery, agent);
    },
    onRefusal: async (code, sent) => {
      const chatbotId = uuid.safeParse((sent as { chatbotId?: unknown } | null)?.chatbotId);
      if (!chatbotId.success) return;
      try {
        const organization = await organizationOfChatbot(directory, chatbotId.data);
        if (organization === undefined) return;
        if (code === 'RATE_LIMITED') orgCounts.drop(organization.id, 'rate_limited', countOfEvents(sent));
        else orgCounts.drop(organization.id, 'validation', 1);
      } catch (error) {
        deps.log.warn({ error }, 'a refused request is missing in the ledger of its organization: it could not be looked up');
      }
    },
  };
}

/** Of a body that its schema took; an error report is one event. */
function countOfEvents(sent: unknown): number {
  const { events } = sent as { events?: unknown };
  return Array.isArray(events) ? events.length : 1;
}

const commonErrors = [
  'ORIGIN_NOT_ALLOWED',
  'CHATBOT_NOT_FOUND',
  'ROW_REFUSED',
  'INGEST_OVERLOADED',
  'DATABASE_UNAVAILABLE',
] as const satisfies readonly ErrorCode[];
const acknowledged = { 204: { description: 'Stored, or known already, or dropped as bot traffic.' } } as const;

function analyticsRoute({ take, onRefusal }: Taker, endpoint: EndpointInstruments): Route {
  return route({
    method: 'POST',
    path: '/widget/analytics',
    operationId: 'addWidgetEvents',
    tag: 'widget-analytics',
    summary: 'Events of a widget, from the page that embeds it; acknowledged after they are stored',
    description:
      'After a 503 or without an answer, send the batch again with the same event ids: each event is stored once. An `Origin`, where there is ' +
      'one, must be on the allowlist of the organization. `text/plain` is for beacons; the body is JSON all the same.',
    identity: publicCaller,
    cors: 'widget',
    rateLimit: {
      policy: 'widget_ingest',
      keys: ({ address }) => [{ key: address, perMinute: 6000 }],
      keysOfBody: ({ address }, { chatbotId }) => [{ key: `${chatbotId}|${address}`, perMinute: 600 }],
    },
    body: { rule: publicBody, schema: analyticsBatch, onRefusal },
    responses: acknowledged,
    errors: commonErrors,
    ingest: endpoint,
    handler: ({ body, header, clientAddress }) =>
      take({
        chatbotId: body.chatbotId,
        sessionId: body.sessionId,
        anonymousId: body.anonymousId ?? null,
        user: userOf(body.user),
        context: contextOf(body.context),
        events: (receivedAt) => eventsOf(body, receivedAt),
        eventCount: body.events.length,
        origin: header('origin'),
        userAgent: header('user-agent'),
        address: clientAddress,
      }),
  });
}

function errorsRoute({ take, onRefusal }: Taker, endpoint: EndpointInstruments): Route {
  return route({
    method: 'POST',
    path: '/widget/errors',
    operationId: 'reportWidgetError',
    tag: 'widget-analytics',
    summary: 'An error that a widget met; stored as the event `widget_error`',
    identity: publicCaller,
    cors: 'widget',
    rateLimit: { policy: 'widget_errors', keys: ({ address }) => [{ key: address, perMinute: 60 }] },
    body: { rule: publicBody, schema: widgetErrorReport, onRefusal },
    responses: acknowledged,
    errors: commonErrors,
    ingest: endpoint,
    handler: ({ body, header, clientAddress }) =>
      take({
        chatbotId: body.chatbotId,
        sessionId: body.sessionId,
        anonymousId: null,
        user: null,
        context: contextOf(),
        events: (receivedAt) => [errorEventOf(body, receivedAt)],
        eventCount: 1,
        origin: header('origin'),
        userAgent: header('user-agent'),
        address: clientAddress,
      }),
  });
}

/** Counts what a transaction stored, after its commit: never a duplicate, never what was rolled back. */
function writtenCounter(
  metrics: ExporterDeps['metrics'],
  { endpoint, orgCounts }: { endpoint: EndpointInstruments; orgCounts: OrgCounts },
): (written: Written) => void {
  const events = metrics.counter(fleetMetrics.events);
  const duplicateEvents = metrics.counter(fleetMetrics.duplicates);
  const lag = metrics.histogram(fleetMetrics.eventLag);
  const messages = metrics.counter(fleetMetrics.messages);
  const responses = metrics.histogram(fleetMetrics.responseDuration);
  const sessionsStarted = metrics.counter(fleetMetrics.sessionsStarted);
  const sessionsEnded = metrics.counter(fleetMetrics.sessionsEnded);
  const conversations = metrics.counter(fleetMetrics.conversations);

  function countEvent({ request, event, receipt, time }: Written['stored'][number]): void {
    events.inc({ category: (event.category ?? 'other') as 'other' });
    // A clock that runs ahead is no negative lag.
    lag.observe({}, Math.max(0, receipt - time) / 1_000_000);
    orgCounts.add(request.orgId, 'events');
    if (event.category === 'error') orgCounts.add(request.orgId, 'errorEvents');
    if (event.name === 'message_sent') messages.inc({ direction: 'sent' });
    if (event.name !== 'message_received') return;
    messages.inc({ direction: 'received' });
    if (event.responseTimeMs !== null) responses.observe({}, event.responseTimeMs / 1000);
  }

  function countStep({ before, session, started, ended }: Written['steps'][number]): void {
    if (started) {
      sessionsStarted.inc({ device_type: session.device_type });
      orgCounts.add(session.org_id, 'sessionsStarted');
    }
    if (session.had_conversation && (started || before?.had_conversation !== true)) {
      conversations.inc({});
      orgCounts.add(session.org_id, 'conversations');
    }
    for (const over of [ended, session]) if (over !== undefined && over.end_reason !== null) sessionsEnded.inc({ reason: over.end_reason });
  }

  return ({ stored, duplicates, steps }) => {
    endpoint.rows('stored', stored.length);
    endpoint.rows('duplicate', duplicates.length);
    duplicateEvents.inc({}, duplicates.length);
    for (const { request } of duplicates) orgCounts.drop(request.orgId, 'duplicate', 1);
    stored.forEach(countEvent);
    steps.forEach(countStep);
  };
}

/** widget_analytics_active_sessions: read from the database, absent while it cannot be read. */
function activeSessionsCollector({ readPool, metrics, collectorErrors, log, now }: ExporterDeps, timeoutMs: number): Collector<number> {
  const collector = startCollector({
    name: 'widget_analytics_active_sessions',
    read: () => readActiveSessionCount(readPool, new Date(now().getTime() - timeoutMs)),
    log,
    errors: collectorErrors,
  });
  metrics.gaugeFrom(fleetMetrics.activeSessions, collector.latest);
  return collector;
}
