import { cleanText } from '../../platform/clean-text.ts';
import { canonicalJson } from '../../platform/stored-json.ts';
import { clockErrorMs, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { deviceType, type DeviceType } from './device.ts';
import type { CaptureBody, EventBody, Traffic, Utm } from './events.ts';
import { sha256Hex, type Fingerprint } from './fingerprint.ts';
import { trafficSource, type TrafficSource } from './traffic-source.ts';

/** An event as it is stored, but for its visitor and session. Source: contracts/marketing.md, POST /v1/events. */
export interface MarketingEvent extends Fingerprint {
  propertyId: string;
  anonId: string;
  eventType: string;
  path: string;
  /** Given by the sender; else one is made when it is stored. */
  eventId: string | undefined;
  occurredAt: Date;
  /** UTC day of occurredAt. */
  day: UtcDay;
  /** UTC days that an earlier try of it may be stored under, its own among them. */
  triedDays: readonly UtcDay[];
  receivedAt: Date;
  referrer: string | null;
  utm: Utm;
  props: Readonly<Record<string, unknown>>;
  dedupeKey: string;
  traffic: Traffic;
  trafficSource: TrafficSource;
  deviceType: DeviceType;
}

/** What a request tells beside its body. */
export interface EventContext {
  receivedAt: Date;
  fingerprint: Fingerprint;
  userAgent: string | undefined;
  origin: string | undefined;
  requestHost: string | undefined;
}

export type FunnelEventType = 'page_view' | 'form_start' | 'form_submit';

const oldestMs = 7 * 86_400_000;
const newestMs = 5 * 60_000;
/** Events without an id and a time are the same one within such a window. */
const windowSeconds = 30;
const longestProperty = 128;
/** For so long a retry is known for one, whatever the sender's clock says. */
const retriedMs = 86_400_000;

export function eventOf(body: EventBody, context: EventContext): MarketingEvent {
  const { anonId, eventType, path, eventId, timestamp, referrer = null, utm = {}, props = {}, traffic = {} } = body;
  const { receivedAt, fingerprint } = context;
  const occurredAt = timestamp !== undefined && isWithin(timestamp, receivedAt) ? timestamp : receivedAt;
  const originHost = hostOfOrigin(context.origin);
  return {
    // Not spread: V8 takes 16 µs to add this many fields to a copy.
    ipHash: fingerprint.ipHash,
    uaHash: fingerprint.uaHash,
    propertyId: propertyOf(traffic, originHost, context.requestHost),
    anonId,
    eventType,
    path,
    eventId,
    occurredAt,
    day: utcDayOf(occurredAt),
    triedDays: daysOfTries(body, { occurredAt, receivedAt }),
    receivedAt,
    referrer,
    utm,
    props,
    dedupeKey: dedupeKeyOf(body, context),
    traffic,
    trafficSource: trafficSource({
      utmSource: utm.source,
      utmMedium: utm.medium,
      referrer,
      pageHost: traffic.host ?? originHost,
    }),
    deviceType: deviceType(traffic.deviceType, context.userAgent),
  };
}

export const defaultFormName = 'lead_capture';

/** The event that a capture stores through the normal path. */
export function eventOfCapture(body: CaptureBody & { anonId: string }, context: EventContext): MarketingEvent {
  const { anonId, propertyId, formName = defaultFormName, path = '/', referrer, sourceChannel, utm } = body;
  return eventOf(
    {
      anonId,
      eventType: 'form_submit' satisfies FunnelEventType,
      path,
      referrer,
      utm,
      props: { formName, ...(sourceChannel === undefined ? {} : { sourceChannel }) },
      traffic: { propertyId, isConversion: true },
    },
    context,
  );
}

function isWithin(time: Date, receivedAt: Date): boolean {
  const ageMs = receivedAt.getTime() - time.getTime();
  return ageMs <= oldestMs && ageMs >= -newestMs;
}

/**
 * An event is found again although the time that counts has become another one: that of its receipt is later for a retry, and the one that it
 * states may have been taken, or be taken now; after the clock was set back it is earlier. Without an id and a time it is the same event within
 * half a minute only, which is of one day.
 */
function daysOfTries(
  { eventId, timestamp }: EventBody,
  { occurredAt, receivedAt }: Pick<MarketingEvent, 'occurredAt' | 'receivedAt'>,
): UtcDay[] {
  const times = [occurredAt.getTime()];
  if (occurredAt === timestamp) times.push(timestamp.getTime() - clockErrorMs);
  else if (eventId !== undefined || timestamp !== undefined)
    times.push(receivedAt.getTime() - retriedMs, receivedAt.getTime() + clockErrorMs);
  if (timestamp !== undefined && isWithin(timestamp, new Date(receivedAt.getTime() - retriedMs))) times.push(timestamp.getTime());
  return [...new Set(times.map((time) => utcDayOf(new Date(time))))];
}

function hostOfOrigin(origin: string | undefined): string | undefined {
  if (origin === undefined || !URL.canParse(origin)) return undefined;
  const { hostname } = new URL(origin);
  return hostname === '' ? undefined : hostname;
}

function propertyOf({ propertyId, host }: Traffic, originHost: string | undefined, requestHost: string | undefined): string {
  const fromHost = (): string => plainHost(host) ?? originHost ?? plainHost(requestHost) ?? 'unknown';
  return (propertyId ?? fromHost()).slice(0, longestProperty).toWellFormed();
}

/** In lower case and without a port; undefined when nothing is left. */
function plainHost(text: string | undefined): string | undefined {
  const host = cleanText(text ?? '')
    .trim()
    .toLowerCase()
    .replace(/^(\[[^\]]*\]|[^:]*):\d*$/, '$1');
  return host === '' ? undefined : host;
}

/** The same for every retry of an event. */
function dedupeKeyOf(
  { anonId, eventId, eventType, path, timestamp, referrer = '', utm = {}, traffic = {}, props = {} }: EventBody,
  { receivedAt, fingerprint: { ipHash, uaHash } }: EventContext,
): string {
  if (eventId !== undefined) return sha256Hex(`v1|id|${anonId}|${eventId}`);
  const time = timestamp?.toISOString() ?? Math.floor(receivedAt.getTime() / 1000 / windowSeconds);
  const content = [utm, traffic, props].map(canonicalJson);
  return sha256Hex(['v1', anonId, eventType, path, time, referrer, ipHash, uaHash, ...content].join('|'));
}
