import { z } from 'zod';
import { cleanText } from '../../platform/clean-text.ts';
import { checkedLater } from '../../platform/http/json-schema.ts';
import { longestText, uuid } from '../../platform/http/validation.ts';
import { canonicalJson, storedJson } from '../../platform/stored-json.ts';
import { consentStatuses } from './consent.ts';
import { deviceTypes } from './device.ts';

// Source: contracts/marketing.md, Ingest. Lengths are those of the cleaned and trimmed text, which is what is stored.

const trimmed = (sent: unknown): unknown => (typeof sent === 'string' ? cleanText(sent).trim() : sent);
const emptyIsAbsent = (sent: unknown): unknown => {
  const value = trimmed(sent);
  return value === '' ? undefined : value;
};
const decimal = /^[+-]?\d{1,17}(\.\d{1,17})?(e[+-]?\d{1,3})?$/i;
const numberOf = (sent: unknown): unknown => {
  const value = emptyIsAbsent(sent);
  return typeof value === 'string' && decimal.test(value) ? Number(value) : value;
};

/** Absent as well when it is empty after trimming. */
const optional = <Schema extends z.ZodType>(schema: Schema, read: (sent: unknown) => unknown = emptyIsAbsent) =>
  z.preprocess(read, schema.optional()).optional();

const anyText = z.string('must be a string');
const longest = (max: number) => anyText.check(longestText(max));
const text = (max: number) => optional(longest(max));
const requiredText = (min: number, max: number) =>
  z.preprocess(
    trimmed,
    z
      .string({ error: ({ input }) => (input === undefined ? 'is required' : 'must be a string') })
      .min(min, min === 1 ? 'must not be empty' : `must have at least ${min} characters`)
      .check(longestText(max)),
  );
const within = <Schema extends z.ZodNumber>(schema: Schema, min: number, max: number) =>
  optional(schema.min(min, `must be >= ${min}`).max(max, `must be <= ${max}`), numberOf);
const whole = (min: number, max: number) => within(z.int('must be a whole number'), min, max);
const truth = z.boolean('must be true or false').optional();
const object = <Shape extends z.ZodRawShape>(shape: Shape) => z.object(shape, 'must be an object');

/** A JSON object as it is stored. */
const jsonObject = (longestBytes: number) =>
  z.record(z.string(), z.unknown(), 'must be an object').transform((sent, context): Record<string, unknown> => {
    const json = storedJson(sent);
    const fits = json !== undefined && Buffer.byteLength(json) <= longestBytes && canonicalJson(sent) !== undefined;
    if (fits) return JSON.parse(json) as Record<string, unknown>;
    context.addIssue({ code: 'custom', message: `must have at most ${longestBytes} bytes as JSON` });
    return z.NEVER;
  });

const anonId = requiredText(8, 128).meta({ description: 'Of the browser, across visits.' });
const referrer = text(2048);
const honeypot = anyText.optional().meta({ description: 'A field that people do not see: whoever fills it is a program.' });
const utm = object({ source: text(255), medium: text(255), campaign: text(255), term: text(255), content: text(255) }).optional();
export type Utm = NonNullable<z.output<typeof utm>>;

/** ISO 8601 with its zone, or milliseconds since 1970: a moment without a zone would be another one on every server. */
const moment = optional(
  z
    .union([z.iso.datetime({ offset: true }), z.iso.date(), z.number()], {
      error: 'must be a moment in ISO 8601 such as 2026-02-13T10:00:00Z',
    })
    .transform((sent, context) => {
      const date = new Date(sent);
      if (!Number.isNaN(date.getTime())) return date;
      context.addIssue({ code: 'custom', message: 'must be a moment in ISO 8601 such as 2026-02-13T10:00:00Z' });
      return z.NEVER;
    }),
  numberOf,
);

const screenLength = whole(1, 10_000);
const vitalMs = whole(0, 120_000);

const traffic = object({
  propertyId: text(128).meta({ description: 'The site; else `host`, the host of `Origin` or of the request stands in.' }),
  host: text(255),
  pageTitle: text(512),
  language: text(32),
  browserName: text(64),
  browserVersion: text(32),
  osName: text(64),
  osVersion: text(32),
  region: text(128),
  city: text(128),
  timezone: text(64),
  countryCode: optional(anyText.regex(/^[A-Za-z]{2}$/, 'must be two letters').toUpperCase()),
  deviceType: optional(z.enum(deviceTypes, `must be one of ${deviceTypes.join(', ')}`)),
  screenWidth: screenLength,
  screenHeight: screenLength,
  viewportWidth: screenLength,
  viewportHeight: screenLength,
  isEntrance: truth.meta({ description: 'Else true for the first page_view of a session.' }),
  isExit: truth,
  isConversion: truth.meta({ description: 'Else true for form_submit.' }),
  engagedTimeMs: whole(0, 86_400_000),
  scrollDepthPercent: whole(0, 100),
  webVitals: object({
    fcpMs: vitalMs,
    lcpMs: vitalMs,
    inpMs: vitalMs,
    ttfbMs: vitalMs,
    clsScore: within(z.number('must be a number'), 0, 10),
  }).optional(),
}).optional();
export type Traffic = NonNullable<z.output<typeof traffic>>;

/** Body of POST /v1/events. */
export const eventBody = object({
  anonId,
  eventType: requiredText(1, 64).meta({ description: '`page_view`, `form_start` and `form_submit` have a meaning; any other is stored.' }),
  path: requiredText(1, 2048),
  eventId: optional(uuid).meta({ description: 'A repeat is acknowledged and not stored again.' }),
  timestamp: moment.meta({ description: 'Taken when it is at most 7 days old and at most 5 minutes ahead.' }),
  referrer,
  utm,
  props: jsonObject(16 * 1024)
    .optional()
    .meta({ description: 'Up to 16 KiB as JSON.' }),
  honeypot,
  traffic,
}).meta({
  id: 'MarketingEvent',
  examples: [
    {
      anonId: 'anon-0198c5f0',
      eventType: 'page_view',
      path: '/pricing',
      eventId: '0198c5f0-7a5c-7cc2-8a3e-1f2d3c4b5a69',
      referrer: 'https://www.google.com/',
      utm: { source: 'newsletter', medium: 'email' },
      traffic: { propertyId: 'www', host: 'www.example.com', webVitals: { lcpMs: 1800, clsScore: 0.05 } },
    },
  ],
});
export type EventBody = z.output<typeof eventBody>;

const email = z.preprocess(
  (sent) => (typeof sent === 'string' ? cleanText(sent).trim().toLowerCase() : sent),
  z.email({ error: ({ input }) => (input === undefined ? 'is required' : 'must be an e-mail address') }).check(longestText(320)),
);

const requestable = consentStatuses.filter((status) => status !== 'withdrawn');

const captureShape = {
  email,
  anonId,
  propertyId: text(128),
  formName: text(255).meta({ description: 'Else `lead_capture`.' }),
  path: text(2048).meta({ description: 'The page; a browser without scripts is sent back there.' }),
  referrer,
  sourceChannel: text(255),
  consentStatus: optional(z.enum(requestable, `must be one of ${requestable.join(', ')}`)),
  payload: jsonObject(256 * 1024).optional(),
  utm,
  honeypot,
};

/** JSON body of POST /v1/leads/capture. */
export const captureBody = object(captureShape).meta({
  id: 'LeadCapture',
  examples: [{ email: 'ada@example.com', anonId: 'anon-0198c5f0', formName: 'demo', path: '/demo', consentStatus: 'express' }],
});
/** The same as a browser posts it, which may know no anonymous id. */
export const captureForm = object({ ...captureShape, anonId: optional(longest(128).min(8, 'must have at least 8 characters')) });
export type CaptureBody = z.output<typeof captureForm>;

/** The handlers check these by themselves: a filled honeypot wins over every other check. */
export const uncheckedEvent = checkedLater(eventBody);
export const uncheckedCapture = checkedLater(captureBody);

/** Body of POST /v1/leads/unsubscribe. */
export const unsubscribeBody = object({ email, reason: text(512) }).meta({
  id: 'LeadUnsubscribe',
  examples: [{ email: 'ada@example.com', reason: 'too many letters' }],
});

/** Body of POST /v1/leads/delete. */
export const deleteBody = object({ email }).meta({ id: 'LeadDelete', examples: [{ email: 'ada@example.com' }] });

/** Whether a program has filled the field that people do not see. */
export function hasHoneypot(sent: unknown): boolean {
  const value = (sent as { honeypot?: unknown } | null | undefined)?.honeypot;
  // A posted form may have the field twice, or nested.
  const values: unknown[] = typeof value === 'object' && value !== null ? Object.values(value) : [value];
  return values.some((each) => typeof each === 'string' && each.trim() !== '');
}

/** The property that a refused request is entered under. */
export function propertyOfRefused(sent: unknown): string {
  const { propertyId, traffic: hints } = (sent ?? {}) as { propertyId?: unknown; traffic?: { propertyId?: unknown } | null };
  const given = emptyIsAbsent(propertyId) ?? (typeof hints === 'object' ? hints?.propertyId : undefined);
  const checked = text(128).safeParse(given);
  return checked.data ?? 'default';
}

export const accepted = z.object({ ok: z.literal(true) });
export const eventAccepted = z
  .object({ ok: z.literal(true), eventId: z.uuid(), visitorId: z.uuid(), sessionId: z.uuid() })
  .partial({ eventId: true, visitorId: true, sessionId: true })
  .meta({ id: 'MarketingEventAccepted', description: 'A honeypot hit gets no ids.' });
export const captureAccepted = z
  .object({
    ok: z.literal(true),
    leadId: z.uuid(),
    visitorId: z.uuid(),
    sessionId: z.uuid(),
    heuristicLinksCreated: z.int().min(0).meta({ description: 'Other visitors that were linked to the lead by address and browser.' }),
  })
  .meta({ id: 'LeadCaptured' });
export const unsubscribed = z.object({ ok: z.literal(true), found: z.literal(true) }).meta({ id: 'LeadUnsubscribed' });
export const deleted = z.object({ ok: z.literal(true), deleted: z.literal(true) }).meta({ id: 'LeadDeleted' });
