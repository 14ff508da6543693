import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { judge } from './http/validation.ts';
import { parseUntrustedJson } from './untrusted-json.ts';

const nested = (depth: number, innermost: string): string => '['.repeat(depth) + innermost + ',1]'.repeat(depth);

describe('a length that is no number', () => {
  const schema = z.object({ name: z.string().min(1), items: z.array(z.string()).min(1).max(5) });
  const lengths: [string, string][] = [
    ['has no value', '{"toString":1,"valueOf":1}'],
    ['is nested deeper than the stack', nested(20_000, '1')],
    ['is an empty list', '[]'],
    ['is an object', '{"a":1}'],
  ];

  test.each(
    lengths.flatMap(([what, length]) => [
      { what, path: 'name', message: 'must be a string', text: `{"name":{"length":${length}},"items":["one"]}` },
      { what, path: 'items', message: 'must be an array', text: `{"name":"x","items":{"length":${length}}}` },
      { what, path: 'name', message: 'must be a string', text: `{"name":{"l\\u0065ngth":${length}},"items":["one"]}` },
    ]),
  )('and $what, in place of $path, is refused by the name of the field', ({ text, path, message }) => {
    const judged = judge(schema, parseUntrustedJson(text));
    const issues = 'issues' in judged ? judged.issues : [];
    expect(issues[0]).toEqual({ path, message });
    expect([...new Set(issues.map((issue) => issue.path))]).toEqual([path]);
  });

  test('is never made a text of, which would take a second', () => {
    const { length } = parseUntrustedJson(`{"length":${nested(2000, JSON.stringify('x'.repeat(100_000)))}}`) as { length: unknown[] };
    let joined = 0;
    length.join = () => {
      joined += 1;
      return '';
    };
    expect(Number(length)).toBeNaN();
    expect(joined).toBe(0);
  });

  test('is found however deep other values are nested', () => {
    const text = `{"deep":${nested(100_000, '1')},"name":{"length":{"toString":1,"valueOf":1}},"items":["one"]}`;
    expect(judge(schema, parseUntrustedJson(text))).toMatchObject({ issues: [{ path: 'name' }, { path: 'name' }] });
  });
});

test('what was sent is what JSON.parse reads, and is written as it came', () => {
  const text = '{"length":{"length":[1,{"length":[]}],"a":null},"b":[{"length":{"unit":"cm"}},"\\u0065"],"c":{"length":{}}}';
  const value = parseUntrustedJson(text);
  expect(value).toEqual(JSON.parse(text));
  expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
  expect(z.record(z.string(), z.unknown()).parse(value)).toEqual(JSON.parse(text));
});

test('what is no JSON is refused as JSON.parse refuses it', () => {
  expect(() => parseUntrustedJson('{')).toThrow(SyntaxError);
});
