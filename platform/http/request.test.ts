import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { clientAddress, isLoopback, rateLimitAddress } from './client-address.ts';
import { HttpError, presentError, toHttpError } from './errors.ts';
import { DatabaseUnavailableError } from '../postgres/errors.ts';
import { createRateLimiter } from './rate-limit.ts';
import { requestIdFrom } from './request-id.ts';
import { judge, longestText, parseQuery, uuid, validate } from './validation.ts';

const uuidFormat = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('a request id', () => {
  test.each(['abc-123', 'x', '~!@#$%^&*()', 'a'.repeat(128)])('%s is kept', (id) => {
    expect(requestIdFrom(id)).toBe(id);
  });

  test.each([['a'.repeat(129)], ['a\nb'], ['a b'], ['ü'], [''], [undefined], [['a', 'b']]])('%j is replaced by a UUID', (id) => {
    expect(requestIdFrom(id)).toMatch(uuidFormat);
  });
});

describe('the client address', () => {
  const from = (remoteAddress: string | undefined, forwardedFor?: string): IncomingMessage =>
    ({
      socket: { remoteAddress },
      headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
    }) as unknown as IncomingMessage;

  test.each<[number, string | undefined, string | undefined, string]>([
    [0, '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    [0, '::ffff:203.0.113.9', undefined, '203.0.113.9'],
    [1, '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    [1, '10.0.0.1', '6.6.6.6, 198.51.100.1', '198.51.100.1'],
    [2, '10.0.0.1', '6.6.6.6, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
    [1, '10.0.0.1', '2001:DB8::0001', '2001:db8::1'],
    [1, '10.0.0.1', '203.0.113.9:51000', '203.0.113.9'],
    [1, '10.0.0.1', '[2001:db8::1]:443', '2001:db8::1'],
    [1, '127.0.0.1', 'not an address', 'unknown'],
    [1, '127.0.0.1', '', 'unknown'],
    [1, '127.0.0.1', '203.0.113.9, unknown', 'unknown'],
    [1, '10.0.0.1', undefined, '10.0.0.1'],
    [2, '10.0.0.1', '198.51.100.1', '10.0.0.1'],
    [0, undefined, undefined, 'unknown'],
    [0, '127.0.0.1', '203.0.113.9', '127.0.0.1'],
    [1, '10.0.0.1', ' \t203.0.113.9 ', '203.0.113.9'],
    [1, '10.0.0.1', ',203.0.113.9', '203.0.113.9'],
    [1, '10.0.0.1', `${'127.0.0.1,'.repeat(1000)}203.0.113.9`, '203.0.113.9'],
    [2, '10.0.0.1', '127.0.0.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    [3, '10.0.0.1', '127.0.0.1, 203.0.113.9', '10.0.0.1'],
    [2, '10.0.0.1', 'unknown, 10.0.0.2', 'unknown'],
    [1, '10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    [1, '10.0.0.1', '::FFFF:CB00:7109', '203.0.113.9'],
    [1, '10.0.0.1', '[2001:db8::1]', '2001:db8::1'],
    [1, '10.0.0.1', '2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    // Without brackets it is a part of the address.
    [1, '10.0.0.1', '2001:db8::1:443', '2001:db8::1:443'],
    [1, '10.0.0.1', 'fe80::1%eth0', 'fe80::1%eth0'],
    // A caller that looks local would be let in where only this machine may be.
    ...[
      '203.0.113.9,',
      ', ,',
      '0177.0.0.1',
      '2130706433',
      '0x7f.1',
      '127.1',
      '127.000.000.001',
      'localhost',
      '203.0.113.256',
      '1.2.3',
      '"203.0.113.9"',
      'for=203.0.113.9',
      '203.0.113.9:',
      '203.0.113.9;x',
      '203.0.113.9/32',
      '203.0.113.9 198.51.100.1',
      '203.0.113.9\u0000',
      '203\u30020\u3002113\u30029',
      '\u0661.0.113.9',
      '[::1',
      '2001:db8::1::2',
      '::1%',
    ].map((header): [number, string, string, string] => [1, '127.0.0.1', header, 'unknown']),
  ])('with %d hops, socket %s and X-Forwarded-For %s is %s', (hops, socket, header, address) => {
    expect(clientAddress(from(socket, header), hops)).toBe(address);
  });

  test('counts as its /64 network in IPv6', () => {
    expect(rateLimitAddress('2001:db8:1:2:3:4:5:6')).toBe(rateLimitAddress('2001:db8:1:2:ffff::1'));
    expect(rateLimitAddress('2001:db8:1:2::1')).not.toBe(rateLimitAddress('2001:db8:1:3::1'));
    expect(rateLimitAddress('203.0.113.9')).toBe('203.0.113.9');
  });

  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.1', false],
    ['::', false],
    ['unknown', false],
  ])('%s is loopback: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});

describe('the rate limiter', () => {
  test('counts fixed windows of 60 s and tells what is left', () => {
    let now = new Date('2026-02-06T12:00:59.000Z');
    const limiter = createRateLimiter({ now: () => now, multiplier: 1 });
    const count = (): unknown => limiter.count('policy', [{ key: 'a', perMinute: 2 }]);
    expect(count()).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 1 });
    expect(count()).toEqual({ allowed: true, limit: 2, remaining: 0, resetSeconds: 1 });
    expect(count()).toEqual({ allowed: false, limit: 2, remaining: 0, resetSeconds: 1 });
    now = new Date('2026-02-06T12:01:00.000Z');
    expect(count()).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 60 });
  });

  test('keeps policies and keys apart, and multiplies every limit', () => {
    const limiter = createRateLimiter({ now: () => new Date(0), multiplier: 0.5 });
    expect(limiter.count('a', [{ key: 'k', perMinute: 10 }])).toMatchObject({ limit: 5, remaining: 4 });
    expect(limiter.count('b', [{ key: 'k', perMinute: 10 }])).toMatchObject({ remaining: 4 });
    expect(limiter.count('a', [{ key: 'l', perMinute: 10 }])).toMatchObject({ remaining: 4 });
  });

  test('of several keys the tightest speaks, and all are counted', () => {
    const limiter = createRateLimiter({ now: () => new Date(0), multiplier: 1 });
    const count = (key: string): unknown =>
      limiter.count('p', [
        { key: `chatbot|${key}`, perMinute: 2 },
        { key: 'address', perMinute: 3 },
      ]);
    expect(count('one')).toMatchObject({ allowed: true, limit: 2, remaining: 1 });
    expect(count('two')).toMatchObject({ allowed: true, remaining: 1 });
    expect(count('three')).toMatchObject({ allowed: true, limit: 3, remaining: 0 });
    expect(count('four')).toMatchObject({ allowed: false, limit: 3 });
  });

  test('a key over its limit decides, also when another was used up by the very same request', () => {
    const limiter = createRateLimiter({ now: () => new Date(0), multiplier: 1 });
    const keys = (site: string): { key: string; perMinute: number }[] => [
      { key: site, perMinute: 1 },
      { key: 'address', perMinute: 1 },
    ];
    expect(limiter.count('p', keys('one')).allowed).toBe(true);
    expect(limiter.count('p', keys('two')).allowed).toBe(false);
    expect(limiter.count('p', keys('three').toReversed()).allowed).toBe(false);
  });

  test('holds at most 100,000 keys: the oldest goes', () => {
    const limiter = createRateLimiter({ now: () => new Date(0), multiplier: 1 });
    const count = (key: string): boolean => limiter.count('p', [{ key, perMinute: 1 }]).allowed;
    for (let number = 0; number < 100_000; number += 1) count(`key-${number}`);
    expect(limiter.heldKeys()).toBe(100_000);
    expect(count('key-5')).toBe(false);
    count('one more');
    expect(limiter.heldKeys()).toBe(100_000);
    expect(count('key-5')).toBe(false);
    expect(count('key-0')).toBe(true);
  });
});

describe('validation', () => {
  const schema = z.object({ days: z.number().max(365), nested: z.object({ id: uuid }), list: z.array(z.object({ n: z.int() })) });

  test('names each field at fault, with a message that stands alone', () => {
    let error = new HttpError('NOT_FOUND', 'nothing was thrown');
    try {
      validate(schema, { days: 400, nested: {}, list: [{ n: 1 }, { n: 1.5 }] });
    } catch (thrown) {
      if (thrown instanceof HttpError) error = thrown;
    }
    expect(error.code).toBe('VALIDATION_ERROR');
    expect(error.issues?.map(({ path }) => path)).toEqual(['days', 'nested.id', 'list.1.n']);
    expect(error.message).toBe('days must be at most 365');
    expect(error.issues?.[1]?.message).toBe('is required');
  });

  test.each<[z.ZodType, unknown, string]>([
    [z.string(), undefined, 'is required'],
    [z.string('must be a word'), undefined, 'is required'],
    [z.string('must be a word'), 5, 'must be a word'],
    [z.string(), null, 'must be a string'],
    [z.object({}), null, 'must be an object'],
    [z.object({}), [], 'must be an object'],
    [z.record(z.string(), z.unknown()), 'x', 'must be an object'],
    [z.array(z.string()), {}, 'must be an array'],
    [z.number(), '1', 'must be a number'],
    [z.int(), 1.5, 'must be a whole number'],
    [z.boolean(), 1, 'must be true or false'],
    [z.array(z.int()).max(2), [1, 2, 3], 'must have at most 2 items'],
    [z.array(z.int()).min(1), [], 'must have at least 1 item'],
    [z.string().min(1), '', 'must have at least 1 character'],
    [z.string().check(longestText(3)), 'abcd', 'must have at most 3 characters'],
    [z.string('must be a string').check(longestText(3)), 'abcd', 'must have at most 3 characters'],
    [z.number().min(1), 0, 'must be at least 1'],
    [z.number().lt(1), 1, 'must be less than 1'],
    [z.number().positive(), 0, 'must be more than 0'],
    [z.literal('4'), '3', 'must be 4'],
    [z.enum(['a', 'b']), 'c', 'must be a or b'],
    [z.enum(['a', 'b'], 'must be one of two'), undefined, 'must be one of two'],
    [uuid, undefined, 'is required'],
    [uuid, 5, 'must be a UUID'],
  ])('says in plain words what is wrong (%#)', (one, value, message) => {
    expect(judge(z.object({ field: one }), { field: value })).toEqual({ issues: [{ path: 'field', message }] });
  });

  test('lengths of text are counted in UTF-16 units', () => {
    const text = z.string().check(longestText(200));
    expect(validate(text, '🙂'.repeat(100))).toHaveLength(200);
    expect(() => validate(text, '🙂'.repeat(101))).toThrow('must have at most 200 characters');
  });

  test('a UUID of either case and any version is answered in lower case', () => {
    expect(validate(uuid, '01890A5D-AC96-774B-BCCE-B302099A8057')).toBe('01890a5d-ac96-774b-bcce-b302099a8057');
    expect(() => validate(uuid, '01890a5dac96774bbcceb302099a8057')).toThrow('must be a UUID');
  });

  test('a repeated query parameter is an error, and __proto__ is a name like any other', () => {
    expect(() => parseQuery(new URLSearchParams('a=1&a=2'))).toThrow('a must be given once');
    const query = parseQuery(new URLSearchParams('__proto__=x&a=1'));
    expect(Object.keys(query)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(query)).toBe(Object.prototype);
  });
});

describe('errors', () => {
  test('the database is away: what to do is said to readers and senders alike', () => {
    const { message } = toHttpError(new DatabaseUnavailableError(new Error('x'), 'rolled_back'));
    expect(message).toBe('the database is not available now; send the request again in a few seconds, unchanged');
  });

  const context = { requestId: 'abc-123', path: '/portal/widget/health' };

  test('have the contracted shape, and one of their own under /v1', () => {
    const error = new HttpError('VALIDATION_ERROR', 'days too big', { issues: [{ path: 'days', message: 'too big' }] });
    expect(presentError(error, context)).toEqual({
      error: { code: 'VALIDATION_ERROR', message: 'days too big', requestId: 'abc-123', issues: [{ path: 'days', message: 'too big' }] },
    });
    expect(presentError(error, { ...context, path: '/v1/metrics/summary' })).toEqual({
      ok: false,
      error: 'invalid_request',
      issues: [{ path: 'days', message: 'too big' }],
    });
  });

  test('that were not expected tell nothing of what happened', () => {
    const error = toHttpError(new Error('relation "secret_table" does not exist'));
    expect(error.status).toBe(500);
    expect(JSON.stringify(presentError(error, context))).not.toContain('secret_table');
  });

  test.each([
    ['INGEST_OVERLOADED', 503, '1'],
    ['DATABASE_UNAVAILABLE', 503, '5'],
    ['SHUTTING_DOWN', 503, '5'],
    ['WEBHOOK_NOT_CONFIGURED', 503, undefined],
  ] as const)('%s is %d, Retry-After %s', (code, status, retryAfter) => {
    const error = new HttpError(code, 'x');
    expect(error.status).toBe(status);
    expect(error.headers['Retry-After']).toBe(retryAfter);
  });
});
