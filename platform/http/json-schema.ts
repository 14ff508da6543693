import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

/** JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Schemas of one document, converted from zod; those with an id in their meta become components of that name. */
export interface SchemaComponents {
  /** What a sender may send. */
  ofRequest: (schema: z.ZodType) => JsonSchema;
  /** What an answer holds. Open for more: a field that is added later must break no client. */
  ofAnswer: (schema: z.ZodType) => JsonSchema;
  /** Headers, query and path parameters. They travel as text whatever they mean, so it is said what the text is read as. */
  ofParameter: (schema: z.ZodType) => JsonSchema;
  /** By name, in the order of their names. */
  all: () => Record<string, JsonSchema>;
}

const laterChecked = new WeakMap<z.core.$ZodType, z.ZodType>();

/**
 * A value that the handler checks with `schema` by itself, such as an item of a batch that may be bad without taking the others along. The
 * document says what it should be; the route lets everything pass.
 */
export function checkedLater(schema: z.ZodType): z.ZodUnknown {
  const anything = z.unknown();
  laterChecked.set(anything, schema);
  return anything;
}

const definitionsPrefix = '"#/$defs/';
const componentsPrefix = '"#/components/schemas/';

export function createSchemaComponents(): SchemaComponents {
  const components = new Map<string, JsonSchema>();

  function convert(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const override: Override = (context) => {
      const later = laterChecked.get(context.zodSchema);
      if (later !== undefined) Object.assign(context.jsonSchema, convert(later, io));
      adapt(io)(context);
    };
    const text = JSON.stringify(z.toJSONSchema(schema, { io, override }));
    const { $schema: _dialect, $defs = {}, ...converted } = JSON.parse(text.replaceAll(definitionsPrefix, componentsPrefix)) as JsonSchema;
    for (const [name, definition] of Object.entries($defs)) keep(name, definition);
    return converted;
  }

  function keep(name: string, definition: JsonSchema): void {
    const known = components.get(name);
    if (known !== undefined && !isDeepStrictEqual(known, definition)) {
      throw new Error(`two different schemas are called ${name} in the document: give one of them another id in its meta`);
    }
    components.set(name, definition);
  }

  return {
    ofRequest: (schema) => convert(schema, 'input'),
    ofAnswer: (schema) => convert(schema, 'output'),
    ofParameter: (schema) => convert(schema, endsInTransform(schema) ? 'input' : 'output'),
    all: () => Object.fromEntries([...components].toSorted(([left], [right]) => (left < right ? -1 : 1))),
  };
}

/** What a function makes of a text has no schema; the text before it has one. */
function endsInTransform(schema: z.ZodType): boolean {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return endsInTransform(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodPipe && schema.out instanceof z.ZodTransform;
}

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>;

function adapt(io: 'input' | 'output'): Override {
  return ({ zodSchema, jsonSchema }) => {
    for (const { _zod: check } of zodSchema._zod.def.checks ?? []) {
      assertNoFlags(check.def);
      assertUtf16(zodSchema, check.def);
    }
    if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    // Every integer of JSON is meant to be exact; nobody reads sixteen digits to learn it.
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    if (io === 'input' && jsonSchema.$ref === undefined) keepExamples(zodSchema, jsonSchema);
    joinNull(jsonSchema);
  };
}

/** zod drops them where the input is transformed: it takes them for examples of the output. Ours are what a sender sends. */
function keepExamples(zodSchema: z.core.$ZodType, jsonSchema: JsonSchema): void {
  const examples = z.globalRegistry.get(zodSchema)?.['examples'];
  if (Array.isArray(examples)) jsonSchema.examples = examples;
}

/** They would be lost in silence. */
function assertNoFlags(check: z.core.$ZodCheckDef): void {
  const pattern = 'pattern' in check ? check.pattern : undefined;
  if (!(pattern instanceof RegExp) || pattern.flags === '') return;
  throw new Error(`JSON Schema has no flag ${pattern.flags} for the pattern ${pattern.source}: write it without flags`);
}

/** zod counts code points there; lengths of the contracts are UTF-16 units. */
function assertUtf16({ _zod: { def } }: z.core.$ZodType, { check }: z.core.$ZodCheckDef): void {
  if (def.type !== 'string' || (check !== 'max_length' && check !== 'length_equals')) return;
  throw new Error('a string has its longest length from max() or length(), which count code points: use longestText of validation.ts');
}

/** `anyOf: [{ type: 'string' }, { type: 'null' }]` says less to a reader than `type: ['string', 'null']`. */
function joinNull(schema: JsonSchema): void {
  const [inner, none, ...others] = schema.anyOf ?? [];
  if (inner === undefined || none?.type !== 'null' || others.length > 0) return;
  if (typeof inner.type !== 'string' || inner.enum !== undefined || inner.const !== undefined) return;
  delete schema.anyOf;
  Object.assign(schema, inner, { type: [inner.type, 'null'] });
}
