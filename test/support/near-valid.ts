import fc from 'fast-check';
import { countOf, nodeOf, textOf, withChange, type JsonNode } from './json-node.ts';

/** Values of the wrong type or size, as they are written; some of them are no JSON. */
const oddTokens: readonly string[] = [
  'null',
  'true',
  '0',
  '-0',
  '-1',
  '1.5',
  '1e3',
  '1e308',
  '1e999',
  '-1e999',
  '9007199254740993',
  '2147483648',
  '9223372036854775808',
  'NaN',
  'Infinity',
  '-Infinity',
  'undefined',
  '""',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"NaN"',
  '"2026-02-30T00:00:00Z"',
  '"0000-01-01T00:00:00Z"',
  '[]',
  '{}',
  '[[]]',
  '[null]',
  '{"a":null}',
  '{"length":1}',
  '{"toString":1,"valueOf":1}',
  '{"length":{"toString":1,"valueOf":1}}',
  `{"length":${nested('[', ']', 20_000)}}`,
  '{"then":{}}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  JSON.stringify('x'.repeat(300)),
  JSON.stringify('x'.repeat(70_000)),
  JSON.stringify('\u{1f600}'.repeat(2100)),
  nested('[', ']', 100),
  nested('[', ']', 20_000),
  nested('{"a":', '}', 9000, '1'),
  `[${Array(600).fill('{}').join()}]`,
];

const prototypeKeys = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', '', 'length', '0'];

export function nested(open: string, close: string, depth: number, innermost = ''): string {
  return open.repeat(depth) + innermost + close.repeat(depth);
}

/** Changes of one node that its schema mostly refuses. */
const changes: fc.Arbitrary<(node: JsonNode) => JsonNode | undefined> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(() => undefined) },
  { weight: 6, arbitrary: fc.constantFrom(...oddTokens).map((raw) => () => ({ raw })) },
  { weight: 1, arbitrary: fc.constant((node: JsonNode) => ({ items: [node] })) },
  { weight: 1, arbitrary: fc.constant((node: JsonNode) => ({ entries: [['value', node]] as const })) },
  { weight: 1, arbitrary: fc.constant((node: JsonNode) => ({ raw: JSON.stringify(textOf(node)) })) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...prototypeKeys), fc.constantFrom(...oddTokens)).map(withEntry) },
  { weight: 1, arbitrary: fc.constant(withEverythingTwice) },
);

function withEntry([key, raw]: [string, string]): (node: JsonNode) => JsonNode {
  return (node) => ('entries' in node ? { entries: [...node.entries, [key, { raw }]] } : { entries: [[key, { raw }]] });
}

function withEverythingTwice(node: JsonNode): JsonNode {
  if ('items' in node) return { items: [...node.items, ...node.items] };
  return 'entries' in node ? { entries: [...node.entries, ...node.entries] } : node;
}

/** The text of a valid value after one to three changes anywhere in it. */
export function nearValid(values: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  return fc.tuple(values, fc.array(fc.tuple(fc.nat(), changes), { minLength: 1, maxLength: 3 })).map(([value, picked]) => {
    const node = picked.reduce<JsonNode>((tree, [at, change]) => withChange(tree, at % countOf(tree), change), nodeOf(value));
    return textOf(node);
  });
}
