import { z } from 'zod';
import { cleanText } from '../../platform/clean-text.ts';
import { longestText, uuid } from '../../platform/http/validation.ts';
import { storedJson } from '../../platform/stored-json.ts';
import { addDays, clockErrorMs, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { dateOf, microsOf, type Micros, type SessionContext, type SessionEvent, type SessionUser } from './session.ts';

/** Lengths are those of the cleaned text, which is what is stored. */
const text = (longest: number) => z.string().overwrite(cleanText).check(longestText(longest));
const required = (longest: number) => text(longest).min(1, 'must not be empty');
const cut = (longest: number) => z.string().overwrite((sent) => cleanText(sent).slice(0, longest).toWellFormed());

/** A JSON object of at most so many bytes, as text. */
const jsonObject = (longestBytes: number) =>
  z.record(z.string(), z.unknown(), 'must be an object').transform((value, context) => {
    const json = storedJson(value);
    if (json !== undefined && Buffer.byteLength(json) <= longestBytes) return json;
    context.addIssue({ code: 'custom', message: `must have at most ${longestBytes} bytes as JSON` });
    return z.NEVER;
  });

const screenLength = z.int('must be a whole number').min(1).max(20_000);

/** A moment that PostgreSQL can store as well: the year 0 of ISO 8601 is none of its. */
const moment = z.iso.datetime({ offset: true, error: 'must be a moment in ISO 8601 such as 2026-02-13T10:00:00Z' }).refine((sent) => {
  const year = new Date(sent).getUTCFullYear();
  return year >= 1 && year <= 9999;
}, 'must be a moment of the years 1 to 9999');

const chatbotId = uuid;
const sessionId = required(200).meta({ description: 'Made by the page, kept as long as the visit.' });

/** Body of POST /widget/analytics. */
export const analyticsBatch = z
  .object({
    chatbotId,
    sessionId,
    anonymousId: required(200).optional().meta({ description: 'Of the browser, across visits. The first one of a session stays.' }),
    user: z
      .object({
        id: required(200),
        email: text(320).optional(),
        name: text(200).optional(),
        metadata: jsonObject(4096).optional(),
      })
      .optional()
      .meta({ description: 'Who the visitor turned out to be. The last one wins as a whole.' }),
    context: z
      .object({
        referrer: text(2048).optional(),
        landing_page: text(2048).optional(),
        utm_source: text(255).optional(),
        utm_medium: text(255).optional(),
        utm_campaign: text(255).optional(),
        utm_term: text(255).optional(),
        utm_content: text(255).optional(),
        screen_width: screenLength.optional(),
        screen_height: screenLength.optional(),
      })
      .optional()
      .meta({ description: 'Where the visitor came from; later requests only fill what is still unknown.' }),
    events: z
      .array(
        z.object({
          event_name: required(100),
          event_category: text(50).optional(),
          properties: jsonObject(8192).optional().meta({ description: 'Up to 8 KiB as JSON.' }),
          event_id: uuid.optional().meta({ description: 'A repeat is acknowledged and not stored again. Send a UUID of version 7.' }),
          client_timestamp: moment.optional().meta({ description: 'Taken as the time of the event when it is at most 24 hours old.' }),
          page_url: text(2048).optional(),
          page_title: text(512).optional(),
        }),
      )
      .min(1)
      .max(100),
  })
  .meta({
    id: 'WidgetAnalyticsBatch',
    examples: [
      {
        chatbotId: '3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10',
        sessionId: 's-1',
        anonymousId: 'a-1',
        context: { referrer: 'https://www.example.com/', landing_page: 'https://shop.example/?utm_source=google', screen_width: 1280 },
        events: [
          {
            event_name: 'widget_opened',
            event_category: 'engagement',
            event_id: '0198c5f0-7a5c-7cc2-8a3e-1f2d3c4b5a69',
            client_timestamp: '2026-02-13T10:00:00.000Z',
            properties: { triggered_by: 'manual' },
          },
        ],
      },
    ],
  });

export type AnalyticsBatch = z.output<typeof analyticsBatch>;

/** Body of POST /widget/errors. Texts are cut rather than refused: an error report is worth more than its end. */
export const widgetErrorReport = z
  .object({
    chatbotId,
    sessionId,
    error: z.object({
      message: cut(1000).optional(),
      stack: cut(500).optional(),
      widgetVersion: cut(64).optional(),
      userAgent: cut(512).optional(),
      url: cut(2048).optional(),
      line: z.number('must be a number').optional(),
      column: z.number('must be a number').optional(),
      timestamp: moment.optional(),
    }),
  })
  .meta({
    id: 'WidgetErrorReport',
    examples: [
      {
        chatbotId: '3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10',
        sessionId: 's-1',
        error: { message: 'x is not a function', url: 'https://shop.example/', line: 10, column: 3, widgetVersion: '2.1.0' },
      },
    ],
  });

export type WidgetErrorReport = z.output<typeof widgetErrorReport>;

/** An event as it is stored, but for its session. */
export interface WidgetEvent extends SessionEvent {
  id: string;
  /** Whether the sender gave the id: only then it may be there already. */
  idIsGiven: boolean;
  category: string | null;
  /** JSON text. */
  properties: string;
  pageTitle: string | null;
  seq: number;
  /** UTC day of the event time: a function of what was sent where that carries a time, so that a retry lands on the same day. */
  date: UtcDay;
  /** Days on which an earlier attempt may have stored it, when bounds or midnight lay between that and now. */
  retryDates: readonly UtcDay[];
  /** The event's own time; null where it has none within bounds, and its receipt stands in. */
  time: Micros | null;
  clientTime: Micros | null;
}

const oldestMs = 24 * 60 * 60_000;
const newestMs = 5 * 60_000;
const longestTrigger = 50;
const longestResponseMs = 600_000;

/** The events of a request that arrived at `receivedAt`. */
export function eventsOf(batch: AnalyticsBatch, receivedAt: Date): WidgetEvent[] {
  return batch.events.map((sent, seq) => ({
    name: sent.event_name,
    category: textOrNull(sent.event_category),
    properties: sent.properties ?? '{}',
    ...learntFrom(sent.event_name, sent.properties),
    pageUrl: textOrNull(sent.page_url),
    pageTitle: textOrNull(sent.page_title),
    seq,
    id: sent.event_id ?? crypto.randomUUID(),
    idIsGiven: sent.event_id !== undefined,
    ...timesOf({ clientTimestamp: sent.client_timestamp, id: sent.event_id }, receivedAt),
  }));
}

export function errorEventOf({ error }: WidgetErrorReport, receivedAt: Date): WidgetEvent {
  const { message, stack, widgetVersion, userAgent, url, line, column, timestamp } = error;
  return {
    name: 'widget_error',
    category: 'error',
    // What is undefined JSON leaves out.
    properties: JSON.stringify({
      error_message: message,
      error_stack: stack,
      widget_version: widgetVersion,
      user_agent: userAgent,
      line,
      column,
    }),
    triggeredBy: null,
    responseTimeMs: null,
    pageUrl: textOrNull(url),
    pageTitle: null,
    seq: 0,
    id: crypto.randomUUID(),
    idIsGiven: false,
    ...timesOf({ clientTimestamp: timestamp, id: undefined }, receivedAt),
  };
}

/** What the properties of an event tell its session. Values of another kind than expected tell nothing. */
export function learntFrom(name: string, properties: string | undefined): Pick<SessionEvent, 'triggeredBy' | 'responseTimeMs'> {
  const read = properties !== undefined && (name === 'widget_opened' || name === 'message_received');
  const { triggered_by: trigger, response_time_ms: duration } = read ? (JSON.parse(properties) as Record<string, unknown>) : {};
  const isTrigger = typeof trigger === 'string' && trigger !== '' && trigger.length <= longestTrigger;
  const isDuration = typeof duration === 'number' && duration >= 0 && duration <= longestResponseMs;
  return { triggeredBy: isTrigger ? trigger : null, responseTimeMs: isDuration ? duration : null };
}

function timesOf(
  { clientTimestamp, id }: { clientTimestamp: string | undefined; id: string | undefined },
  receivedAt: Date,
): Pick<WidgetEvent, 'date' | 'retryDates' | 'time' | 'clientTime'> {
  const client = clientTimestamp === undefined ? undefined : new Date(clientTimestamp);
  const told = [client, id === undefined ? undefined : timeOfUuid(id)].filter((time) => time !== undefined);
  const own = told.find((time) => isWithin(time, receivedAt));
  const date = utcDayOf(own ?? receivedAt);
  return {
    date,
    retryDates: id === undefined ? [] : retryDatesOf(told, receivedAt).filter((day) => day !== date),
    time: own === undefined ? null : microsOf(own),
    clientTime: client === undefined ? null : microsOf(client),
  };
}

const longestRetryDays = 2;

/** The day of an earlier receipt, or of a time that was within its bounds then. */
function retryDatesOf(told: readonly Date[], receivedAt: Date): UtcDay[] {
  const today = utcDayOf(receivedAt);
  const yesterday = addDays(today, -1);
  const beforeSetBack = utcDayOf(new Date(receivedAt.getTime() + clockErrorMs));
  const near = told
    .filter((time) => Math.abs(receivedAt.getTime() - time.getTime()) <= longestRetryDays * oldestMs)
    .map((time) => utcDayOf(time));
  return [...new Set([today, yesterday, beforeSetBack, ...near])];
}

function isWithin(time: Date, receivedAt: Date): boolean {
  const ageMs = receivedAt.getTime() - time.getTime();
  return ageMs <= oldestMs && ageMs >= -newestMs;
}

/** The time inside a UUID of version 7; undefined for the other versions, which carry none. Source: RFC 9562, section 5.7. */
function timeOfUuid(id: string): Date | undefined {
  return id[14] === '7' ? new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)) : undefined;
}

/** Event time: its own, else its receipt; which may have been moved on by microseconds, but not into another day. */
export function eventTime({ time, date }: Pick<WidgetEvent, 'time' | 'date'>, receivedAt: Micros, receipt: Micros): Micros {
  if (time !== null) return time;
  return utcDayOf(dateOf(receipt)) === date ? receipt : receivedAt;
}

export function contextOf(context: AnalyticsBatch['context'] = {}): SessionContext {
  return {
    referrer: textOrNull(context.referrer),
    landing_page: textOrNull(context.landing_page),
    utm_source: textOrNull(context.utm_source),
    utm_medium: textOrNull(context.utm_medium),
    utm_campaign: textOrNull(context.utm_campaign),
    utm_term: textOrNull(context.utm_term),
    utm_content: textOrNull(context.utm_content),
    screen_width: context.screen_width ?? null,
    screen_height: context.screen_height ?? null,
  };
}

export function userOf(user: AnalyticsBatch['user']): SessionUser | null {
  if (user === undefined) return null;
  return {
    id: user.id,
    email: textOrNull(user.email),
    name: textOrNull(user.name),
    metadata: JSON.parse(user.metadata ?? '{}') as Record<string, unknown>,
  };
}

function textOrNull(sent: string | undefined): string | null {
  return sent === undefined || sent === '' ? null : sent;
}
