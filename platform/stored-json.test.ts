import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, storedJson } from './stored-json.ts';

test('what PostgreSQL cannot store is taken out, also of keys, and nothing else is changed', () => {
  expect(storedJson({ 'a\u0000': 'b\u0000c\\u0000', d: '\ud800x', e: '😀"\\' })).toBe('{"a":"bc\\\\u0000","d":"\ufffdx","e":"😀\\"\\\\"}');
});

test('the canonical text does not depend on the order of keys', () => {
  expect(canonicalJson({ b: 1, a: { d: [2, { y: 1, x: undefined }], c: null } })).toBe('{"a":{"c":null,"d":[2,{"y":1}]},"b":1}');
  const shuffle = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .toReversed()
            .map(([key, inner]) => [key, shuffle(inner)]),
        )
      : value;
  fc.assert(fc.property(fc.jsonValue(), (value) => canonicalJson(value) === canonicalJson(shuffle(value))));
});

test('what is nested too deep for a text has none', () => {
  let nested: unknown = [];
  for (let depth = 0; depth < 200_000; depth += 1) nested = [nested];
  expect(storedJson(nested)).toBeUndefined();
  expect(canonicalJson(nested)).toBeUndefined();
});
