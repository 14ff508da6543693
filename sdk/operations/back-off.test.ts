import { expect, test } from 'vitest';
import { retryDelayMs } from './back-off.ts';

const now = Date.parse('2026-02-13T10:00:00Z');

test('waits 1, 2, 4 … 30 s', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 2000].map((failures) => retryDelayMs(failures, undefined, now))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

test('Retry-After wins, longer or shorter', () => {
  expect(retryDelayMs(1, '7', now)).toBe(7000);
  expect(retryDelayMs(9, ' 2 ', now)).toBe(2000);
});

test('Retry-After may be a date', () => {
  expect(retryDelayMs(1, 'Fri, 13 Feb 2026 10:00:12 GMT', now)).toBe(12_000);
});

test('Retry-After is bounded: neither a busy loop nor hours', () => {
  expect(retryDelayMs(1, '0', now)).toBe(100);
  expect(retryDelayMs(1, 'Fri, 13 Feb 2026 09:00:00 GMT', now)).toBe(100);
  expect(retryDelayMs(1, '86400', now)).toBe(300_000);
  expect(retryDelayMs(1, '9'.repeat(400), now)).toBe(300_000);
  expect(retryDelayMs(1, 'Fri, 13 Feb 2099 10:00:00 GMT', now)).toBe(300_000);
});

test.each(['', 'soon', '-5', '1.5', '2026-02-13', 'Friday, the day after'])('Retry-After %j is none', (retryAfter) => {
  expect(retryDelayMs(2, retryAfter, now)).toBe(2000);
});
