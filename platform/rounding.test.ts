import fc from 'fast-check';
import { expect, test } from 'vitest';
import { roundHalfAway } from './rounding.ts';

test.each([
  [0.5, 0, 1],
  [-0.5, 0, -1],
  [2.5, 0, 3],
  [-2.5, 0, -3],
  [1.005, 2, 1.01],
  [-1.005, 2, -1.01],
  [99.994, 2, 99.99],
  [1234.5678, 2, 1234.57],
  [0, 2, 0],
  [-0.001, 2, 0],
])('%d to %d decimals is %d', (value, decimals, rounded) => {
  expect(roundHalfAway(value, decimals)).toBe(rounded);
});

test('a half in decimal is one, whatever its binary form', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), fc.integer({ min: 0, max: 3 }), (digits, decimals) => {
      const rounded = Math.floor((Math.abs(digits) + 5) / 10) / 10 ** decimals;
      expect(roundHalfAway(digits / 10 ** (decimals + 1), decimals)).toBe(digits < 0 ? -rounded || 0 : rounded);
    }),
  );
});

test('a whole number stays what it is, up to the largest that JSON carries', () => {
  for (const value of [1, 2 ** 49 + 1, 2 ** 51 + 1, 30_000_000_000_000, Number.MAX_SAFE_INTEGER]) {
    for (const decimals of [0, 2]) {
      expect(roundHalfAway(value, decimals)).toBe(value);
      expect(roundHalfAway(-value, decimals)).toBe(-value);
    }
  }
});
