import { z } from 'zod';
import { NotWrittenError, OverloadedError } from '../postgres/batch-writer.ts';
import { DatabaseUnavailableError } from '../postgres/errors.ts';

/** The stable codes of the JSON contracts and their status. Source: contracts, Errors. */
const statusOfCode = {
  VALIDATION_ERROR: 400,
  INVALID_JSON: 400,
  UNAUTHENTICATED: 401,
  TOKEN_EXPIRED: 401,
  INVALID_INGEST_KEY: 401,
  unauthorized: 401,
  FORBIDDEN: 403,
  ORG_DEACTIVATED: 403,
  ORIGIN_MISSING: 403,
  DOMAIN_NOT_ALLOWED: 403,
  ORIGIN_NOT_ALLOWED: 403,
  CSRF_REJECTED: 403,
  NOT_FOUND: 404,
  ORG_NOT_FOUND: 404,
  CHATBOT_NOT_FOUND: 404,
  ALERT_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ENOUGH_DATA: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  ROW_REFUSED: 422,
  RATE_LIMITED: 429,
  INTERNAL_ERROR: 500,
  INGEST_OVERLOADED: 503,
  DATABASE_UNAVAILABLE: 503,
  SHUTTING_DOWN: 503,
  WEBHOOK_NOT_CONFIGURED: 503,
  admin_auth_not_configured: 503,
} as const;

export type ErrorCode = keyof typeof statusOfCode;

export function statusOf(code: ErrorCode): number {
  return statusOfCode[code];
}

/** Seconds after which a caller may try again. A database restart takes longer than a full queue. */
const retryAfterSeconds: Partial<Record<ErrorCode, number>> = { INGEST_OVERLOADED: 1, DATABASE_UNAVAILABLE: 5, SHUTTING_DOWN: 5 };

/** Whether every answer with this code carries Retry-After; that of a rate limit is the end of its window. */
export function carriesRetryAfter(code: ErrorCode): boolean {
  return code === 'RATE_LIMITED' || retryAfterSeconds[code] !== undefined;
}

const fieldIssue = z.object({ path: z.string(), message: z.string() });
export type FieldIssue = z.output<typeof fieldIssue>;

const fieldIssues = z
  .array(fieldIssue)
  .meta({ description: 'The fields at fault; with VALIDATION_ERROR and ROW_REFUSED only.' })
  .optional();

/** The body of every error outside of /v1. */
export const errorBody = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(statusOfCode) as ErrorCode[]).meta({ description: 'Stable: decide by it, not by the message.' }),
      message: z.string().meta({ description: 'For people; it ends with what to do where there is something to do.' }),
      requestId: z.string().meta({ description: 'The x-request-id of this answer; quote it when you report a failure.' }),
      issues: fieldIssues,
    }),
  })
  .meta({ id: 'Error' });

/** What the marketing endpoints call an error; the others by their code in lower case. Source: contracts/marketing.md, Ingest. */
const marketingWords: Partial<Record<ErrorCode, string>> = {
  VALIDATION_ERROR: 'invalid_request',
  INGEST_OVERLOADED: 'unavailable',
  DATABASE_UNAVAILABLE: 'unavailable',
  SHUTTING_DOWN: 'unavailable',
};

export function marketingWord(code: ErrorCode): string {
  return marketingWords[code] ?? code.toLowerCase();
}

/** The body of every error of the marketing endpoints. */
export const marketingErrorBody = z
  .object({
    ok: z.literal(false),
    error: z.string().meta({ description: 'Stable: decide by it.', examples: ['invalid_request'] }),
    issues: fieldIssues,
  })
  .meta({ id: 'MarketingError' });

/** The marketing endpoints (/v1) have an error shape of their own. */
export function hasMarketingErrors(path: string): boolean {
  return path.startsWith('/v1/');
}

/** Thrown to answer: the one error middleware turns it into the contracted body. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly issues: readonly FieldIssue[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { issues?: readonly FieldIssue[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = statusOfCode[code];
    this.issues = options.issues;
    const retryAfter = retryAfterSeconds[code];
    this.headers = { ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }), ...options.headers };
  }
}

/** 400 that names the fields; its message is the first issue, so that a log line alone already helps. */
export function validationError(issues: readonly FieldIssue[]): HttpError {
  const [first] = issues;
  const message = first === undefined ? 'the request is not valid' : `${first.path} ${first.message}`.trim();
  return new HttpError('VALIDATION_ERROR', message, { issues });
}

/** What a caller may know of any error. The message of an unexpected one never leaves the process. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof OverloadedError) {
    return new HttpError('INGEST_OVERLOADED', 'too much is waiting to be written; send it again in a second', { cause: error });
  }
  if (error instanceof NotWrittenError || error instanceof DatabaseUnavailableError) {
    return new HttpError('DATABASE_UNAVAILABLE', 'the database is not available now; send the request again in a few seconds, unchanged', {
      cause: error,
    });
  }
  return new HttpError('INTERNAL_ERROR', 'the request failed; quote the request id when you report it', { cause: error });
}

/** The error body. */
export function presentError(
  error: HttpError,
  context: { requestId: string; path: string },
): z.input<typeof errorBody> | z.input<typeof marketingErrorBody> {
  const told = error.issues === undefined ? {} : { issues: [...error.issues] };
  if (hasMarketingErrors(context.path)) return { ok: false, error: marketingWord(error.code), ...told };
  return { error: { code: error.code, message: error.message, requestId: context.requestId, ...told } };
}
