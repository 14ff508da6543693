import { z } from 'zod';
import { cleanText } from '../../platform/clean-text.ts';
import type { FieldIssue } from '../../platform/http/errors.ts';
import { checkedLater } from '../../platform/http/json-schema.ts';
import { judge, uuid } from '../../platform/http/validation.ts';
import { clockErrorMs, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { errorTypeOf, operationNames, type ErrorType, type OperationName } from './catalogue.ts';
import { normaliseDomain } from './domain.ts';

export const rejectionCodes = ['UnknownOperation', 'ValidationError', 'ROW_REFUSED'] as const;
export type RejectionCode = (typeof rejectionCodes)[number];

const cut = (length: number) => z.string().transform((text) => cleanText(text).slice(0, length).toWellFormed());

/** Words are looked at one by one: a pattern for whole addresses takes quadratic time on text that is made for it. */
const word = /[^\s<>()[\]"',;:]+/g;
const atSign = /@|%40/i;
const domainWithDot = /[^.]\.[^.]/;

/** Addresses become `[email]`; what only looks like one goes with them. */
export function withoutEmails(text: string): string {
  return text.replaceAll(word, (token) => {
    const [, ...afterAt] = token.split(atSign);
    if (!afterAt.some((part) => domainWithDot.test(part))) return token;
    return token.endsWith('.') ? '[email].' : '[email]';
  });
}

const longestMessage = 1000;
/** Addresses are longer than what replaces them, so more is looked at than is kept; not all of it, which may be megabytes. */
const longestLookedAt = 4000;

function storedMessage(text: string): string {
  // At a space: half an address would not be known for one.
  const end = text.length > longestLookedAt ? text.lastIndexOf(' ', longestLookedAt) : text.length;
  const lookedAt = text.slice(0, end > 0 ? end : longestLookedAt);
  return withoutEmails(cleanText(lookedAt)).slice(0, longestMessage).toWellFormed();
}

const exampleOperation = {
  id: '7f1c9a52-3c1e-4c5b-9a55-0d6c7a3f2b10',
  operation: 'search_products',
  duration_ms: 412.7,
  success: true,
  domain: 'shop.example',
  created_at: '2026-02-13T09:59:00.000Z',
};
const exampleFailure = {
  operation: 'check_order',
  duration_ms: 131,
  success: false,
  domain: 'https://shop.example/',
  error_type: 'NotFound',
  error_message: 'no order 4711',
};

/** One item of the body of POST /ingest/woocommerce/operations. */
export const operationItem = z
  .object({
    id: uuid
      .nullish()
      .meta({ description: 'A repeat with the same `id` and `created_at` is a duplicate; without an id it is stored again.' }),
    operation: z.string().meta({ enum: [...operationNames], description: 'One of the 25 operations.' }),
    duration_ms: z.number().min(0).max(86_400_000).transform(Math.round).meta({ description: 'Wall time; rounded to whole milliseconds.' }),
    success: z.boolean(),
    domain: z
      .string()
      .transform((text, context) => normaliseDomain(text) ?? refuse(context, 'must be a host name such as shop.example'))
      .meta({ description: 'Host name of the shop. A URL is cut to its host name, in lower case.', examples: ['shop.example'] }),
    error_type: cut(100)
      .nullish()
      .meta({ description: 'Of a failure: an error type, or the name of an error, which is mapped to one; anything else is `Unknown`.' }),
    error_message: z
      .string()
      .transform(storedMessage)
      .nullish()
      .meta({ description: 'Of a failure: cut to 1000 characters, e-mail addresses replaced.' }),
    user_agent: cut(512).nullish().meta({ description: 'Cut to 512 characters.' }),
    created_at: z.iso
      .datetime({ offset: true, error: 'must be a moment in ISO 8601 such as 2026-02-13T10:00:00Z' })
      .nullish()
      .meta({ description: 'When it ended. Over 7 days ago or over 5 minutes ahead, the time of receipt is stored.' }),
  })
  .meta({ id: 'WooCommerceOperation', examples: [exampleOperation, exampleFailure] });

/** Body of POST /ingest/woocommerce/operations. Items are judged one by one (judgeOperation), so that a bad one does not take the others along. */
export const operationBatch = z
  .object({
    operations: z
      .array(checkedLater(operationItem))
      .min(1, 'must hold at least 1 operation')
      .max(500, 'must hold at most 500 operations: send the others in another request')
      .meta({ description: 'Judged one by one: a bad one is listed in the answer, the others are stored.' }),
  })
  .meta({ id: 'WooCommerceOperationBatch', examples: [{ operations: [exampleOperation, exampleFailure] }] });

function refuse(context: z.core.$RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** An operation as it is stored. */
export interface Operation {
  id: string;
  operation: OperationName;
  durationMs: number;
  success: boolean;
  errorType: ErrorType | null;
  errorMessage: string | null;
  domain: string;
  userAgent: string | null;
  createdAt: Date;
  /** Other days under which an earlier try may be stored. Left out: none. */
  triedDays?: readonly UtcDay[];
}

export interface Rejection {
  code: RejectionCode;
  message: string;
}

const oldestMs = 7 * 86_400_000;
const newestMs = 5 * 60_000;
/** Longest time from a first try to its last retry. */
const retriedMs = 86_400_000;
const names: ReadonlySet<string> = new Set(operationNames);
const isOperationName = (name: string): name is OperationName => names.has(name);

/** What an item is stored as, or why it is not. `receivedAt` stands in for a moment that is missing or out of bounds. */
export function judgeOperation(item: unknown, receivedAt: Date): Operation | Rejection {
  const judged = judge(operationItem, item);
  if ('issues' in judged) return { code: 'ValidationError', message: describeIssues(judged.issues) };
  const { operation, success, id, created_at: createdAt, ...rest } = judged.data;
  if (!isOperationName(operation)) {
    return { code: 'UnknownOperation', message: `unknown operation: ${cleanText(operation).slice(0, 100).toWellFormed()}` };
  }
  const moment = momentOf(createdAt, receivedAt);
  return {
    id: id ?? crypto.randomUUID(),
    operation,
    durationMs: rest.duration_ms,
    success,
    errorType: success ? null : errorTypeOf(rest.error_type ?? undefined),
    errorMessage: success ? null : (rest.error_message ?? null),
    domain: rest.domain,
    userAgent: rest.user_agent ?? null,
    createdAt: moment.at,
    ...(typeof id === 'string' && moment.triedDays.length > 0 ? { triedDays: moment.triedDays } : {}),
  };
}

export function isRejection(judged: Operation | Rejection): judged is Rejection {
  return 'code' in judged;
}

/**
 * When an operation counts as ended, and on which other days it may have counted so far: its receipt counts where what it states is out of bounds,
 * and bounds move with time.
 */
function momentOf(text: string | null | undefined, receivedAt: Date): { at: Date; triedDays: UtcDay[] } {
  const stated = text === undefined || text === null ? undefined : new Date(text);
  const shifted = (ms: number): Date => new Date(receivedAt.getTime() + ms);
  const at = stated !== undefined && isWithin(stated, receivedAt) ? stated : receivedAt;
  const tried: Date[] = [];
  if (at === stated) tried.push(new Date(stated.getTime() - clockErrorMs));
  else tried.push(shifted(-retriedMs), shifted(clockErrorMs));
  if (stated !== undefined && (isWithin(stated, shifted(-retriedMs)) || isWithin(stated, shifted(clockErrorMs)))) tried.push(stated);
  const days = new Set(tried.map((time) => utcDayOf(time)));
  days.delete(utcDayOf(at));
  return { at, triedDays: [...days] };
}

function isWithin(moment: Date, receivedAt: Date): boolean {
  const ageMs = receivedAt.getTime() - moment.getTime();
  return ageMs <= oldestMs && ageMs >= -newestMs;
}

function describeIssues(issues: readonly FieldIssue[]): string {
  return issues
    .slice(0, 3)
    .map(({ path, message }) => `${path} ${message}`.trim())
    .join('; ')
    .slice(0, 300);
}

const count = z.int().min(0);

export const operationsAccepted = z
  .object({
    success: z.literal(true),
    data: z.object({
      accepted: count.meta({ description: 'Operations stored.' }),
      duplicates: count.meta({ description: 'Operations whose id is known: stored before, or twice in this body.' }),
      rejected: z
        .array(
          z.object({
            index: count.meta({ description: 'Position in the body.' }),
            code: z.enum(rejectionCodes),
            message: z.string(),
          }),
        )
        .meta({ description: 'Operations that were not stored, by index. Sending one again as it is changes nothing.' }),
    }),
  })
  .meta({
    id: 'WooCommerceOperationsAccepted',
    examples: [
      {
        success: true,
        data: {
          accepted: 2,
          duplicates: 1,
          rejected: [{ index: 3, code: 'UnknownOperation', message: 'unknown operation: list_everything' }],
        },
      },
    ],
  });
