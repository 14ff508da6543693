import type { JsonSchema } from '../../platform/http/json-schema.ts';
import { resolved } from './documented-operations.ts';

/** The shapes that a body may have: the alternatives of its schema, and theirs. */
export function shapesOf(reference: JsonSchema): JsonSchema[] {
  const schema = resolved(reference);
  const alternatives = schema.anyOf ?? schema.oneOf;
  return alternatives === undefined ? [schema] : alternatives.flatMap((alternative) => shapesOf(alternative));
}

/** Says what a text becomes, by the schema of its field; undefined where there is none, as for keys and values of free objects. */
export type TextOf = (schema: JsonSchema | undefined) => string;

/**
 * A value of a schema with every field that there is, in which `textOf` says what stands in each field for text; free objects have it as key
 * and as value. Everything else is as small as may be.
 */
export function filled(reference: JsonSchema, textOf: TextOf): unknown {
  const schema = resolved(reference);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return (schema.enum as unknown[])[0];
  const [first, ...others] = shapesOf(schema);
  if (first !== undefined && others.length > 0) return filled(first, textOf);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'string') return textOf(schema);
  if (type === 'number' || type === 'integer') return schema.minimum ?? 1;
  if (type === 'boolean') return true;
  if (type === 'array') return Array.from({ length: Math.max(1, schema.minItems ?? 1) }, () => filled(schema.items as JsonSchema, textOf));
  if (schema.properties !== undefined) {
    return Object.fromEntries(Object.entries(schema.properties).map(([name, field]) => [name, filled(field as JsonSchema, textOf)]));
  }
  const text = textOf(undefined);
  return Object.defineProperty({ deep: { text } }, text, { value: [text], enumerable: true, configurable: true, writable: true });
}

/** Whether any text that is not too long or too short will do. */
export function takesAnyText(schema: JsonSchema): boolean {
  return schema.pattern === undefined && schema.format === undefined;
}
