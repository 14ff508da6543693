import { describe, expect, test } from 'vitest';
import { createSingleFlightCache } from './single-flight-cache.ts';

const minuteMs = 60_000;

function cacheOf(ttlMs: number, maxEntries = 10) {
  let clock = 0;
  let made = 0;
  const cache = createSingleFlightCache<number>({ ttlMs, maxEntries, now: () => new Date(clock) });
  return {
    get: (key = 'a') => cache.get(key, () => Promise.resolve((made += 1))),
    cache,
    goTo: (ms: number) => (clock = ms),
  };
}

describe('answers', () => {
  test('are kept for their time, by key', async () => {
    const { get, goTo } = cacheOf(minuteMs);
    expect([await get(), await get(), await get('b')]).toEqual([1, 1, 2]);
    goTo(minuteMs - 1);
    expect(await get()).toBe(1);
    goTo(minuteMs);
    expect([await get(), await get()]).toEqual([3, 3]);
  });

  test('from the future are made again: the clock was set back', async () => {
    const { get, goTo } = cacheOf(minuteMs);
    goTo(10);
    await get();
    goTo(0);
    expect(await get()).toBe(2);
  });

  test('are not kept without a time, and not shared', async () => {
    const { get } = cacheOf(0);
    expect(await Promise.all([get(), get()])).toEqual([1, 2]);
  });

  test('are bounded in number', async () => {
    const { get } = cacheOf(minuteMs, 2);
    for (const key of ['a', 'b', 'c']) await get(key);
    expect([await get('c'), await get('a')]).toEqual([3, 4]);
  });

  test('that cannot be made are not kept', async () => {
    const { cache, get } = cacheOf(minuteMs);
    await expect(cache.get('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await get()).toBe(1);
  });
});

test('callers that ask while an answer is made share it', async () => {
  const { cache } = cacheOf(minuteMs);
  let finish: (value: number) => void = () => undefined;
  const making = new Promise<number>((resolve) => (finish = resolve));
  let made = 0;
  const make = (): Promise<number> => {
    made += 1;
    return making;
  };
  const all = Promise.all(Array.from({ length: 20 }, () => cache.get('a', make)));
  finish(7);
  expect(new Set(await all)).toEqual(new Set([7]));
  expect(made).toBe(1);
});
