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
