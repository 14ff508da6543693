import { describe, expect, test } from 'vitest';
import { isRejection, judgeOperation, withoutEmails, type Operation } from './events.ts';

const receivedAt = new Date('2026-02-13T10:00:00.000Z');
const good = { operation: 'search_products', duration_ms: 12.4, success: true, domain: 'shop.example' };

function stored(changes: Record<string, unknown> = {}): Operation {
  const judged = judgeOperation({ ...good, ...changes }, receivedAt);
  if (isRejection(judged)) throw new Error(judged.message);
  return judged;
}

describe('judgeOperation', () => {
  test('rounds the duration and normalises the domain', () => {
    expect(stored({ domain: 'HTTPS://Shop.Example:443/x' })).toMatchObject({
      durationMs: 12,
      domain: 'shop.example',
      createdAt: receivedAt,
    });
    expect(stored({ duration_ms: 0.5 }).durationMs).toBe(1);
  });

  test('gives an id where none was sent and keeps the one that was, in lower case', () => {
    expect(stored().id).toMatch(/^[0-9a-f-]{36}$/);
    expect(stored({ id: 'C0DEC0DE-0000-4000-8000-00000000000A' }).id).toBe('c0dec0de-0000-4000-8000-00000000000a');
  });

  test.each([
    ['ZodError', 'ValidationError'],
    ['TimeoutError', 'Timeout'],
    ['SomethingElse', 'Unknown'],
    [undefined, 'Unknown'],
  ])('a failure named %s is stored as %s', (name, type) => {
    expect(stored({ success: false, error_type: name }).errorType).toBe(type);
  });

  test('drops error type and message of a success', () => {
    expect(stored({ error_type: 'Timeout', error_message: 'late' })).toMatchObject({ errorType: null, errorMessage: null });
  });

  test('replaces addresses in messages before cutting them, removes U+0000, and mends lone surrogates', () => {
    const message = `${'x'.repeat(990)} ann@example.com`;
    expect(stored({ success: false, error_message: message }).errorMessage).toBe(`${'x'.repeat(990)} [email]`);
    expect(stored({ success: false, error_message: 'x'.repeat(2000) }).errorMessage).toHaveLength(1000);
    expect(stored({ success: false, error_message: 'a\u0000b\ud800' }).errorMessage).toBe('ab\ufffd');
    expect(stored({ success: false, error_message: `${'x'.repeat(3990)} ann@example.com ${'y'.repeat(2_000_000)}` }).errorMessage).toBe(
      'x'.repeat(1000),
    );
    expect(stored({ user_agent: 'u'.repeat(600) }).userAgent).toHaveLength(512);
  });

  test.each([
    ['now', '2026-02-13T10:00:00.000Z', '2026-02-13T10:00:00.000Z'],
    ['with an offset', '2026-02-13T10:30:00+01:00', '2026-02-13T09:30:00.000Z'],
    ['7 days ago', '2026-02-06T10:00:00.000Z', '2026-02-06T10:00:00.000Z'],
    ['over 7 days ago', '2026-02-06T09:59:59.999Z', '2026-02-13T10:00:00.000Z'],
    ['in 5 minutes', '2026-02-13T10:05:00.000Z', '2026-02-13T10:05:00.000Z'],
    ['in over 5 minutes', '2026-02-13T10:05:00.001Z', '2026-02-13T10:00:00.000Z'],
  ])('a moment %s (%s) is stored as %s', (_when, created_at, at) => {
    expect(stored({ created_at }).createdAt.toISOString()).toBe(at);
  });

  test.each([
    ['unknown operation', { operation: 'list_everything' }, 'UnknownOperation', 'unknown operation: list_everything'],
    ['no operation', { operation: undefined }, 'ValidationError', 'operation is required'],
    ['negative duration', { duration_ms: -1 }, 'ValidationError', 'duration_ms must be at least 0'],
    ['absurd duration', { duration_ms: 86_400_001 }, 'ValidationError', 'duration_ms must be at most 86400000'],
    ['duration as text', { duration_ms: '12' }, 'ValidationError', 'duration_ms must be a number'],
    ['success as text', { success: 'yes' }, 'ValidationError', 'success must be true or false'],
    ['no domain', { domain: '' }, 'ValidationError', 'domain must be a host name such as shop.example'],
    ['an id that is no UUID', { id: '17' }, 'ValidationError', 'id must be a UUID'],
    ['a moment that is none', { created_at: 'yesterday' }, 'ValidationError', /^created_at must be a moment in ISO 8601/],
    ['an error type that is no text', { error_type: 5 }, 'ValidationError', 'error_type must be a string'],
  ])('%s is rejected: %o', (_what, changes, code, message) => {
    expect(judgeOperation({ ...good, ...changes }, receivedAt)).toEqual({
      code,
      message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
    });
  });

  test('takes null for what may be left out', () => {
    const nothing = { id: null, error_type: null, error_message: null, user_agent: null, created_at: null };
    expect(stored({ ...nothing, success: false })).toMatchObject({
      errorType: 'Unknown',
      errorMessage: null,
      userAgent: null,
      createdAt: receivedAt,
    });
  });

  test.each([null, 5, 'text', []])('an item that is no object is rejected: %o', (item) => {
    expect(judgeOperation(item, receivedAt)).toEqual({ code: 'ValidationError', message: 'must be an object' });
  });
});

describe('withoutEmails', () => {
  test.each([
    ['ann@example.com', '[email]'],
    ['no order for <Ann.Smith+x@mail.example.co.uk>.', 'no order for <[email]>.'],
    ['a@b@c.de and e@f.gh', '[email] and [email]'],
    ['price @ 5.00', 'price @ 5.00'],
    ['@john.doe@example.com asks', '[email] asks'],
    ['"j d"@example.com', '"j d"[email]'],
    ['/orders?email=john%40example.com', '[email]'],
  ])('%s becomes %s', (text, expected) => {
    expect(withoutEmails(text)).toBe(expected);
  });

  test('takes linear time on text made to be slow', () => {
    const startedAt = performance.now();
    withoutEmails('a@'.repeat(50_000));
    withoutEmails(`${'a.'.repeat(50_000)}@`);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});
