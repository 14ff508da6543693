import { z } from 'zod';
import { type FieldIssue, validationError } from './errors.ts';

/** Checks a value from outside; throws 400 with one issue per field at fault. */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const judged = judge(schema, value);
  if ('issues' in judged) throw validationError(judged.issues);
  return judged.data;
}

/** At most so many issues are told: a batch of 500 bad items needs no novel. */
const maxIssues = 20;

/** Checks a value from outside: what it is, or what is wrong with it. */
export function judge<Schema extends z.ZodType>(schema: Schema, value: unknown): { data: z.output<Schema> } | { issues: FieldIssue[] } {
  // Only the input tells a field that is missing from one of another type, whatever the schema says of that.
  const result = schema.safeParse(value, { error: inPlainWords, reportInput: true });
  if (result.success) return { data: result.data };
  return {
    issues: result.error.issues.slice(0, maxIssues).map((issue) => ({ path: issue.path.map(String).join('.'), message: messageOf(issue) })),
  };
}

function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type' && issue.input === undefined ? 'is required' : lowerFirst(issue.message);
}

const nameOfType: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'an array',
};

/** Said of whatever the schema itself says nothing of. */
function inPlainWords(issue: z.core.$ZodRawIssue): string | undefined {
  const { code } = issue;
  if (code === 'too_big') return boundary(issue.origin, issue.maximum, issue.inclusive === false ? 'less than' : 'at most');
  if (code === 'too_small') return boundary(issue.origin, issue.minimum, issue.inclusive === false ? 'more than' : 'at least');
  if (code === 'invalid_value') return `must be ${issue.values.map(String).join(' or ')}`;
  const expected = code === 'invalid_type' ? nameOfType[issue.expected] : undefined;
  return expected === undefined ? undefined : `must be ${expected}`;
}

function boundary(origin: string, bound: number | bigint, compared: string): string {
  const counted = { string: 'character', array: 'item' }[origin];
  return counted === undefined
    ? `must be ${compared} ${bound}`
    : `must have ${compared} ${bound} ${counted}${Number(bound) === 1 ? '' : 's'}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * The longest that a text may be, in UTF-16 units. zod's own `max` counts code points: a text of emoji may be twice as long. Source: contracts,
 * Conventions.
 */
export function longestText(units: number): z.core.$ZodCheck<string> {
  const check = z.check<string>(({ value, issues }) => {
    if (value.length <= units) return;
    // Said here: a schema with words of its own for what is no string would say those.
    const message = boundary('string', units, 'at most');
    issues.push({ code: 'too_big', origin: 'string', maximum: units, inclusive: true, input: value, message, continue: true });
  });
  check._zod.onattach.push((schema) => {
    // Where JSON Schema finds it, as maxLength.
    schema._zod.bag['maximum'] = units;
  });
  return check;
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
  .string('must be a UUID')
  .regex(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/, 'must be a UUID')
  .meta({ format: 'uuid' })
  .transform((text) => text.toLowerCase());

/** A number of a query string: plain decimal digits, nothing else. */
export function wholeNumber({ min, max }: { min: number; max: number }) {
  return z
    .string()
    .regex(/^[0-9]{1,15}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
}
