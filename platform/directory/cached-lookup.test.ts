import { beforeEach, describe, expect, test } from 'vitest';
import { DatabaseUnavailableError } from '../postgres/errors.ts';
import { createCachedLookup, type CachedLookup } from './cached-lookup.ts';

/** The timing that a database cannot be made to show: reads that hang, answer late, or fail together. */
let at: number;
let reads: string[];
let answer: (key: string) => Promise<string | undefined>;
let lookup: CachedLookup<string>;
const down = new DatabaseUnavailableError(new Error('connection refused'), 'rolled_back');

beforeEach(() => {
  at = 1_770_000_000_000;
  reads = [];
  answer = (key) => Promise.resolve(`${key} of ${reads.length}`);
  lookup = createCachedLookup({
    now: () => new Date(at),
    read: (key) => {
      reads.push(key);
      return answer(key);
    },
  });
});

describe('an expired entry', () => {
  test('is served after a moment when the database does not answer, and replaced when it does', async () => {
    expect(await lookup.get('a')).toBe('a of 1');
    at += 60_000;
    let arrive: (value: string) => void = () => undefined;
    answer = () => new Promise((resolve) => (arrive = resolve));
    expect(await lookup.get('a')).toBe('a of 1');
    expect(await lookup.get('a')).toBe('a of 1');
    expect(reads).toEqual(['a', 'a']);
    arrive('fresh');
    await new Promise(setImmediate);
    expect(await lookup.get('a')).toBe('fresh');
    expect(reads).toHaveLength(2);
  });

  test('whose late read fails after its caller was served ends nothing', async () => {
    await lookup.get('a');
    at += 60_000;
    let fail: (error: Error) => void = () => undefined;
    answer = () => new Promise((_resolve, reject) => (fail = reject));
    expect(await lookup.get('a')).toBe('a of 1');
    fail(down);
    await new Promise(setImmediate);
    expect(await lookup.get('a')).toBe('a of 1');
  });

  test('of an hour ago is not served any more: its caller waits for the database', async () => {
    await lookup.get('a');
    at += 60 * 60_000;
    let arrive: (value: string | undefined) => void = () => undefined;
    answer = () => new Promise((resolve) => (arrive = resolve));
    const waiting = lookup.get('a');
    arrive(undefined);
    expect(await waiting).toBeUndefined();
  });

  test('that says "unknown" is served through an outage too', async () => {
    answer = () => Promise.resolve(undefined);
    expect(await lookup.get('a')).toBeUndefined();
    answer = () => Promise.reject(down);
    at += 30 * 60_000;
    expect(await lookup.get('a')).toBeUndefined();
    expect(reads).toHaveLength(2);
  });
});

describe('after a failed read', () => {
  test('nobody asks the database for a second, and everybody is answered from here or refused at once', async () => {
    await lookup.get('a');
    answer = () => Promise.reject(down);
    at += 60_000;
    await expect(lookup.get('b')).rejects.toBe(down);
    at += 999;
    expect(await lookup.get('a')).toBe('a of 1');
    await expect(lookup.get('c')).rejects.toBe(down);
    expect(reads).toEqual(['a', 'b']);
    answer = (key) => Promise.resolve(`${key} again`);
    at += 1;
    expect(await lookup.get('c')).toBe('c again');
    expect(await lookup.get('a')).toBe('a again');
  });

  test('all who shared it hear of it, and it is not remembered as an answer', async () => {
    let fail: (error: Error) => void = () => undefined;
    answer = () => new Promise((_resolve, reject) => (fail = reject));
    const waiting = Promise.allSettled([lookup.get('a'), lookup.get('a'), lookup.get('a')]);
    fail(down);
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(reads).toEqual(['a']);
    answer = () => Promise.resolve('found');
    at += 1000;
    expect(await lookup.get('a')).toBe('found');
  });

  test('a mistake of ours is not taken for an outage: it is told, and the next caller asks again', async () => {
    await lookup.get('a');
    at += 60_000;
    answer = () => Promise.reject(new TypeError('rows is undefined'));
    await expect(lookup.get('a')).rejects.toThrow(TypeError);
    answer = () => Promise.resolve('mended');
    expect(await lookup.get('a')).toBe('mended');
  });
});

test('keys are looked up apart, and put() saves the look-up', async () => {
  lookup.put('b', 'put');
  expect(await Promise.all([lookup.get('a'), lookup.get('b'), lookup.get('c')])).toEqual(['a of 1', 'put', 'c of 2']);
  expect(reads).toEqual(['a', 'c']);
});

test('unknown keys cannot make it grow: past 100,000 entries the least used goes', async () => {
  lookup.put('used', 'kept');
  lookup.put('unused', 'forgotten');
  answer = () => Promise.resolve(undefined);
  for (let key = 0; key < 99_999; key += 1) {
    if (key === 50_000) await lookup.get('used');
    lookup.put(`stranger ${key}`, 'x');
  }
  expect(await lookup.get('used')).toBe('kept');
  expect(await lookup.get('unused')).toBeUndefined();
  expect(reads).toEqual(['unused']);
});
