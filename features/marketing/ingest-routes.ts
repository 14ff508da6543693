import { publicFromOrigins } from '../../platform/auth/identities.ts';
import { isForm, publicBody, publicFormBody } from '../../platform/http/body.ts';
import { HttpError } from '../../platform/http/errors.ts';
import type { ExporterDeps, ExporterSlice } from '../../platform/http/exporter-slice.ts';
import { route, type Answer, type Route } from '../../platform/http/route.ts';
import { validate } from '../../platform/http/validation.ts';
import { startCollector, type Collector } from '../../platform/metrics/collector.ts';
import type { GaugeDefinition } from '../../platform/metrics/definitions.ts';
import type { SeriesFamily } from '../../platform/metrics/exposition.ts';
import type { EndpointInstruments } from '../../platform/metrics/stack.ts';
import { createBatchWriter } from '../../platform/postgres/batch-writer.ts';
import { addDays, startOfUtcDay, utcDayOf } from '../../platform/time/utc-day.ts';
import type { ConsentStatus } from './consent.ts';
import {
  accepted,
  captureAccepted,
  captureBody,
  captureForm,
  eventAccepted,
  eventBody,
  hasHoneypot,
  propertyOfRefused,
  uncheckedCapture,
  uncheckedEvent,
  unsubscribeBody,
  unsubscribed,
  type CaptureBody,
} from './events.ts';
import { createFingerprints } from './fingerprint.ts';
import {
  addRejections,
  createMarketingWrite,
  marketingEndpoint,
  rowsOf,
  type MarketingOutcome,
  type MarketingUnit,
  type RejectionUnit,
} from './ingest.ts';
import { unsubscribeLead, type CapturedLead } from './lead-ingest.ts';
import { fleetMetrics, rollupMetrics, vitals, type CaptureEndpoint } from './metrics.ts';
import { everyProperty, readLastDiscrepancies, readRollupStates, type RollupState } from './queries.ts';
import { redirectPath } from './redirect.ts';
import { defaultFormName, eventOf, eventOfCapture, type EventContext } from './stored-event.ts';

/** The write side of marketing: POST /v1/events, /v1/leads/capture and /v1/leads/unsubscribe, their counters and gauges. */
export function marketingIngest(deps: ExporterDeps): ExporterSlice {
  const { config } = deps;
  const endpoint = deps.ingest.endpoint(marketingEndpoint);
  const consentChanges = deps.metrics.counter(fleetMetrics.consentChanges);
  const consentChanged = (status: ConsentStatus): void => consentChanges.inc({ status });
  const writer = createBatchWriter<MarketingUnit, MarketingOutcome>({
    pool: deps.pool,
    log: deps.log,
    endpoint: marketingEndpoint,
    write: createMarketingWrite({
      inactivityMs: config.SESSION_INACTIVITY_MINUTES * 60_000,
      linksByFingerprint: config.ENABLE_HEURISTIC_LINKING,
      newId: () => crypto.randomUUID(),
      onWritten: writtenCounter(deps.metrics, { endpoint, consentChanged }),
    }),
    rowsOf,
    ...deps.writerLimits,
    onCommit: endpoint.committed,
  });
  endpoint.queue(deps.writerLimits.maxQueueRows, writer.queuedRows);
  const rejections = createBatchWriter<RejectionUnit, void>({
    pool: deps.pool,
    log: deps.log,
    endpoint: 'marketing rejections',
    write: addRejections,
    ...deps.writerLimits,
  });
  const door = createDoor(deps, {
    endpoint,
    submit: async (unit) => {
      const [fate] = await writer.submit([unit]);
      return fate === undefined || fate.refused ? undefined : fate.outcome;
    },
    addRejection: (unit) => rejections.submit([unit]),
  });
  const rollups = rollupCollector(deps);
  return {
    routes: [eventsRoute(deps, door), captureRoute(deps, door), unsubscribeRoute(deps, { door, consentChanged })],
    refresh: rollups.refresh,
    drain: async () => {
      await Promise.all([writer.drain(), rejections.drain()]);
    },
    stop: async () => rollups.stop(),
  };
}

interface Incoming {
  header: (name: string) => string | undefined;
  clientAddress: string;
}

/** What every route of this slice does around its own business. */
interface Door {
  endpoint: EndpointInstruments;
  contextOf: (request: Incoming) => EventContext;
  /** Whether a program sent it, which is counted. */
  isTrap: (endpoint: CaptureEndpoint, sent: unknown) => boolean;
  /** The checked body; what is refused is entered for the rollup. */
  check: <Body>(endpoint: CaptureEndpoint, sent: unknown, validated: () => Body) => Body;
  store: (unit: MarketingUnit) => Promise<MarketingOutcome>;
}

const paths = { events: '/v1/events', capture: '/v1/leads/capture' } as const satisfies Record<CaptureEndpoint, RejectionUnit['endpoint']>;

function createDoor(
  { config, now, metrics }: ExporterDeps,
  parts: {
    endpoint: EndpointInstruments;
    submit: (unit: MarketingUnit) => Promise<MarketingOutcome | undefined>;
    addRejection: (unit: RejectionUnit) => Promise<unknown>;
  },
): Door {
  const fingerprintOf = createFingerprints(config.IP_HASH_PEPPER);
  const honeypotHits = metrics.counter(fleetMetrics.honeypotHits);
  const rejected = metrics.counter(fleetMetrics.rejected);
  return {
    endpoint: parts.endpoint,
    contextOf: ({ header, clientAddress }) => {
      const userAgent = header('user-agent');
      return {
        receivedAt: now(),
        fingerprint: fingerprintOf(clientAddress, userAgent),
        userAgent,
        origin: header('origin'),
        requestHost: header('host'),
      };
    },
    isTrap: (endpoint, sent) => {
      if (!hasHoneypot(sent)) return false;
      honeypotHits.inc({ endpoint });
      parts.endpoint.rows('bot', 1);
      return true;
    },
    check: (endpoint, sent, validated) => {
      try {
        return validated();
      } catch (error) {
        rejected.inc({ endpoint });
        // Nobody waits for it, and it is not worth an error: the counter above has it, the rollup may miss it.
        parts.addRejection({ propertyId: propertyOfRefused(sent), endpoint: paths[endpoint], occurredAt: now() }).catch(() => undefined);
        throw error;
      }
    },
    store: async (unit) => {
      const outcome = await parts.submit(unit);
      if (outcome !== undefined) return outcome;
      parts.endpoint.rows('refused', 1);
      throw new HttpError('ROW_REFUSED', 'the database refused this; do not send it again', {
        issues: [{ path: '0', message: 'was refused' }],
      });
    },
  };
}

const writeErrors = ['ROW_REFUSED', 'INGEST_OVERLOADED', 'DATABASE_UNAVAILABLE'] as const;

function eventsRoute({ config }: ExporterDeps, door: Door): Route {
  return route({
    method: 'POST',
    path: paths.events,
    operationId: 'addMarketingEvent',
    tag: 'marketing',
    summary: 'An event of a visitor of a site; acknowledged after it is stored',
    description:
      'After a 503 or without an answer, send it again with the same `eventId`: it is stored once and answered with the same ids. ' +
      '`text/plain` is for beacons; the body is JSON all the same.',
    identity: publicFromOrigins(config.CORS_ALLOWED_ORIGINS),
    cors: 'site',
    rateLimit: { policy: 'marketing_events', keys: ({ address }) => [{ key: address, perMinute: 180 }] },
    body: { rule: publicBody, schema: uncheckedEvent },
    responses: { 202: eventAccepted },
    errors: writeErrors,
    ingest: door.endpoint,
    handler: async ({ body: sent, ...request }): Promise<Answer> => {
      if (door.isTrap('events', sent)) return { status: 202, body: { ok: true } };
      const body = door.check('events', sent, () => validate(eventBody, sent));
      const { eventId, visitorId, sessionId } = await door.store({ event: eventOf(body, door.contextOf(request)) });
      return { status: 202, body: { ok: true, eventId, visitorId, sessionId } };
    },
  });
}

function captureRoute({ config }: ExporterDeps, door: Door): Route {
  return route({
    method: 'POST',
    path: paths.capture,
    operationId: 'captureLead',
    tag: 'marketing',
    summary: 'A filled form with an e-mail address; acknowledged after it is stored',
    description:
      'Stores the event `form_submit` as well: a page must not send one of its own. A form that a browser posts without a script is answered by ' +
      'a redirect to its field `path`; its fields may be nested one level, as in `utm[source]`, and `anonId` may be left out.',
    identity: publicFromOrigins(config.CORS_ALLOWED_ORIGINS),
    cors: 'site',
    rateLimit: { policy: 'marketing_capture', keys: ({ address }) => [{ key: address, perMinute: 24 }] },
    body: { rule: publicFormBody, schema: uncheckedCapture },
    responses: {
      200: captureAccepted,
      202: accepted,
      303: { description: 'Of a posted form: back to the site', headers: { Location: 'A path of the site' } },
    },
    errors: writeErrors,
    ingest: door.endpoint,
    handler: async ({ body: sent, ...request }): Promise<Answer> => {
      const isPostedForm = isForm(request.header('content-type'));
      if (door.isTrap('capture', sent)) {
        return isPostedForm ? seeOther((sent as { path?: unknown }).path) : { status: 202, body: { ok: true } };
      }
      const body = door.check('capture', sent, () => validate(isPostedForm ? captureForm : captureBody, sent));
      const { lead, visitorId, sessionId } = await door.store(captureUnit(body, door.contextOf(request)));
      if (lead === undefined) throw new Error('a capture was stored without its lead');
      if (isPostedForm) return seeOther(body.path);
      return { status: 200, body: { ok: true, leadId: lead.leadId, visitorId, sessionId, heuristicLinksCreated: lead.linksCreated } };
    },
  });
}

/** A checked form as it is stored. */
export function captureUnit(body: CaptureBody, context: EventContext): MarketingUnit {
  const { email, formName = defaultFormName, sourceChannel, consentStatus: consent, payload, anonId = crypto.randomUUID() } = body;
  return { event: eventOfCapture({ ...body, anonId }, context), capture: { email, formName, sourceChannel, consent, payload } };
}

function seeOther(path: unknown): Answer {
  return { status: 303, headers: { Location: redirectPath(typeof path === 'string' ? path.trim() : path) }, body: '' };
}

function unsubscribeRoute(
  { config, pool, metrics }: ExporterDeps,
  { door, consentChanged }: { door: Door; consentChanged: (status: ConsentStatus) => void },
): Route {
  const unsubscribes = metrics.counter(fleetMetrics.unsubscribes);
  return route({
    method: 'POST',
    path: '/v1/leads/unsubscribe',
    operationId: 'unsubscribeLead',
    tag: 'marketing',
    summary: 'Withdraws the consent of a lead',
    identity: publicFromOrigins(config.CORS_ALLOWED_ORIGINS),
    cors: 'site',
    rateLimit: { policy: 'marketing_unsubscribe', keys: ({ address }) => [{ key: address, perMinute: 12 }] },
    body: { rule: publicFormBody, schema: unsubscribeBody },
    responses: { 200: unsubscribed },
    errors: ['NOT_FOUND', 'INGEST_OVERLOADED', 'DATABASE_UNAVAILABLE'],
    handler: async ({ body: { email }, ...request }): Promise<Answer> => {
      const { fingerprint, receivedAt: at } = door.contextOf(request);
      const withdrawn = await pool.transaction((transaction) => unsubscribeLead(transaction, { email, ipHash: fingerprint.ipHash, at }));
      unsubscribes.inc({ outcome: withdrawn === undefined ? 'not_found' : 'found' });
      if (withdrawn === undefined) throw new HttpError('NOT_FOUND', 'no lead has this address');
      if (withdrawn.changed) consentChanged('withdrawn');
      return { status: 200, body: { ok: true, found: true } };
    },
  });
}

/** Counts what a transaction stored, after its commit: never a duplicate, never what was rolled back. */
function writtenCounter(
  metrics: ExporterDeps['metrics'],
  { endpoint, consentChanged }: { endpoint: EndpointInstruments; consentChanged: (status: ConsentStatus) => void },
): (written: readonly { unit: MarketingUnit; outcome: MarketingOutcome }[]) => void {
  const eventsAccepted = metrics.counter(fleetMetrics.eventsAccepted);
  const eventsDuplicate = metrics.counter(fleetMetrics.eventsDuplicate);
  const pageViews = metrics.counter(fleetMetrics.pageViews);
  const leadsCaptured = metrics.counter(fleetMetrics.leadsCaptured);
  const vitalDuration = metrics.histogram(fleetMetrics.vitalDuration);
  const layoutShift = metrics.histogram(fleetMetrics.layoutShift);

  function countEvent({ event }: MarketingUnit): void {
    // An unexpected type becomes `other`.
    eventsAccepted.inc({ event_type: event.eventType as 'other' });
    if (event.eventType === 'page_view') pageViews.inc({ traffic_source: event.trafficSource, device_type: event.deviceType });
    const { webVitals = {} } = event.traffic;
    for (const vital of vitals) {
      const milliseconds = webVitals[`${vital}Ms`];
      if (milliseconds !== undefined) vitalDuration.observe({ vital }, milliseconds / 1000);
    }
    if (webVitals.clsScore !== undefined) layoutShift.observe({}, webVitals.clsScore);
  }

  function countLead({ kind, consentChangedTo }: CapturedLead): void {
    if (kind !== 'repeat') leadsCaptured.inc({ kind });
    if (consentChangedTo !== undefined) consentChanged(consentChangedTo);
  }

  return (written) => {
    for (const { unit, outcome } of written) {
      endpoint.rows(outcome.isDuplicate ? 'duplicate' : 'stored', 1);
      if (outcome.isDuplicate) eventsDuplicate.inc({});
      else countEvent(unit);
      if (outcome.lead !== undefined) countLead(outcome.lead);
    }
  };
}

interface RollupFigures {
  states: readonly RollupState[];
  discrepancies: ReadonlyMap<string, number>;
  readAt: Date;
}

/** Gauges of rollups, for `default` and the configured properties: absent while they cannot be read. */
function rollupCollector({ config, readPool, metrics, collectorErrors, log, now }: ExporterDeps): Collector<RollupFigures> {
  const properties = [everyProperty, ...config.ROLLUP_PROPERTY_IDS];
  const collector = startCollector<RollupFigures>({
    name: 'marketing_rollups',
    read: async () => {
      const readAt = now();
      const [states, discrepancies] = await Promise.all([
        readRollupStates(readPool, properties, addDays(utcDayOf(readAt), -1)),
        readLastDiscrepancies(readPool),
      ]);
      return { states, discrepancies, readAt };
    },
    log,
    errors: collectorErrors,
  });
  metrics.addSource(() => {
    const latest = collector.latest();
    return latest === undefined ? [] : familiesOf(latest, properties);
  });
  return collector;
}

function familiesOf({ states, discrepancies, readAt }: RollupFigures, properties: readonly string[]): SeriesFamily[] {
  const family = (definition: GaugeDefinition, read: (state: RollupState) => number | undefined): SeriesFamily => ({
    definition,
    series: states.flatMap((state) => {
      const value = read(state);
      return value === undefined ? [] : [{ labels: { property: state.propertyId }, value }];
    }),
  });
  return [
    family(rollupMetrics.uniqueVisitors, ({ yesterday }) => yesterday?.uniqueVisitors),
    family(rollupMetrics.pageViews, ({ yesterday }) => yesterday?.pageViews),
    family(rollupMetrics.newLeads, ({ yesterday }) => yesterday?.newLeads),
    family(rollupMetrics.leadCapture, ({ yesterday }) => yesterday && ratio(yesterday.newLeads, yesterday.uniqueVisitors)),
    family(rollupMetrics.ingestSuccess, ({ yesterday }) => yesterday && ratio(yesterday.accepted, yesterday.accepted + yesterday.rejected)),
    family(rollupMetrics.lag, ({ newestDay }) => Math.max(0, (readAt.getTime() - startOfUtcDay(addDays(newestDay, 1)).getTime()) / 1000)),
    family(rollupMetrics.generated, ({ generatedAt }) => generatedAt.getTime() / 1000),
    {
      definition: rollupMetrics.discrepancies,
      series: properties.flatMap((property) => {
        const value = discrepancies.get(property);
        return value === undefined ? [] : [{ labels: { property }, value }];
      }),
    },
  ];
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
