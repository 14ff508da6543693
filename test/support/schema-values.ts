import fc from 'fast-check';
import type { JsonSchema } from '../../platform/http/json-schema.ts';
import { resolved } from './documented-operations.ts';

/** Texts that tests know again wherever they turn up. */
export interface Canaries {
  text: string;
  email: string;
}

const mostItems = 4;
/** The longest text that is made: longer ones are a matter of their own. */
const longestText = 4096;

/** Values of a JSON schema, its bounds included. */
export function valuesOf(reference: JsonSchema, canaries: Canaries): fc.Arbitrary<unknown> {
  const schema = resolved(reference);
  const inner = (part: unknown): fc.Arbitrary<unknown> => valuesOf((typeof part === 'object' ? part : {}) as JsonSchema, canaries);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...(schema.enum as unknown[]));
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return fc.oneof(...alternatives.map(inner));
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => valuesOf({ ...schema, type }, canaries)));
  switch (schema.type) {
    case 'object':
      return objectsOf(schema, inner, canaries);
    case 'array': {
      const least = schema.minItems ?? 0;
      return fc.array(inner(schema.items), {
        minLength: least,
        maxLength: Math.max(least, Math.min(schema.maxItems ?? mostItems, mostItems)),
      });
    }
    case 'string':
      return stringsOf(schema, canaries);
    case 'integer':
      return within(schema, (bounds) => fc.integer(bounds), { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
    case 'number':
      return within(schema, (bounds) => fc.double({ ...bounds, noNaN: true }), { min: -1e300, max: 1e300 });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case undefined:
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function objectsOf(schema: JsonSchema, inner: (part: unknown) => fc.Arbitrary<unknown>, canaries: Canaries): fc.Arbitrary<unknown> {
  const { properties } = schema;
  if (properties === undefined)
    return fc.dictionary(texts({ maxLength: 30 }, canaries), inner(schema.additionalProperties), { maxKeys: 5 });
  const fields = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, inner(field)]));
  return fc.record(fields, { requiredKeys: schema.required ?? [] });
}

function within(
  { minimum, maximum }: JsonSchema,
  between: (bounds: { min: number; max: number }) => fc.Arbitrary<number>,
  widest: { min: number; max: number },
): fc.Arbitrary<number> {
  const bounds = { min: minimum ?? widest.min, max: maximum ?? widest.max };
  return fc.oneof({ weight: 3, arbitrary: between(bounds) }, { weight: 1, arbitrary: fc.constantFrom(bounds.min, bounds.max) });
}

const dayMs = 86_400_000;

function stringsOf(schema: JsonSchema, canaries: Canaries): fc.Arbitrary<string> {
  const now = Date.now();
  const recent = fc.integer({ min: now - 3 * dayMs, max: now }).map((at) => new Date(at));
  if (schema.format === 'uuid') return fc.uuid();
  if (schema.format === 'date') return recent.map((at) => at.toISOString().slice(0, 10));
  if (schema.format === 'date-time') {
    const any = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
    return fc.oneof({ weight: 3, arbitrary: recent }, { weight: 1, arbitrary: any }).map((at) => at.toISOString());
  }
  if (schema.format === 'email') {
    const visitors = fc.integer({ min: 1, max: 20 }).map((n) => `visitor-${n}@example.com`);
    return fc.oneof(fc.constant(canaries.email), visitors);
  }
  if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern));
  return texts(schema, canaries);
}

function texts(
  { minLength = 0, maxLength = longestText }: { minLength?: number | undefined; maxLength?: number | undefined },
  { text }: Canaries,
): fc.Arbitrary<string> {
  const longest = Math.min(maxLength, longestText);
  const usual = { minLength, maxLength: Math.max(minLength, Math.min(longest, 40)) };
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
  return fc
    .oneof(
      { weight: 4, arbitrary: fc.string({ ...usual, unit: 'grapheme' }) },
      { weight: 1, arbitrary: fc.string({ ...usual, unit: 'binary' }) },
      // Lone surrogates among them.
      { weight: 1, arbitrary: fc.string({ ...usual, unit }) },
      { weight: 2, arbitrary: fc.constantFrom(text, `${text} `) },
      { weight: 1, arbitrary: fc.constant('x'.repeat(longest)) },
    )
    .map((made) => made.slice(0, longest).padEnd(minLength, 'x'));
}
