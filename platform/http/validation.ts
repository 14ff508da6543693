import { z } from 'zod';
import { type FieldIssue, validationError } from './errors.ts';

/** Checks a value from outside; throws 400 with one issue per field at fault. */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw validationError(result.error.issues.flatMap(fieldIssues));
}

/** At most so many issues are told: a batch of 500 bad items needs no novel. */
const maxIssues = 20;

function fieldIssues(issue: z.core.$ZodIssue, position: number): FieldIssue[] {
  if (position >= maxIssues) return [];
  return [{ path: issue.path.map(String).join('.'), message: messageOf(issue) }];
}

function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type' && issue.input === undefined && issue.message.endsWith('received undefined')
    ? 'is required'
    : lowerFirst(issue.message);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** A query string as an object; a repeated parameter is an error rather than a guess. */
export function parseQuery(searchParams: URLSearchParams): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of searchParams) {
    if (Object.hasOwn(query, name)) throw validationError([{ path: name, message: 'must be given once' }]);
    Object.defineProperty(query, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return query;
}

/** A moment in an answer, as Date.toISOString writes it. Source: contracts, Conventions. */
export const timestamp = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
  .meta({ format: 'date-time' });

/** A UUID of any version in either case, answered in lower case. */
export const uuid = z
  .string({ error: ({ input }) => (input === undefined ? undefined : 'must be a UUID') })
  .regex(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/, 'must be a UUID')
  .meta({ format: 'uuid' })
  .transform((text) => text.toLowerCase());

/** A number of a query string: plain decimal digits, nothing else. */
export function wholeNumber({ min, max }: { min: number; max: number }) {
  return z
    .string()
    .regex(/^[0-9]{1,15}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));
}
