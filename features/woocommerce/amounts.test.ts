import { expect, test } from 'vitest';
import { sumAmounts } from './amounts.ts';

test.each([
  ['nothing', [], 0],
  ['tenths', [0.1, 0.2], 0.3],
  ['a thousand tenths and half a cent', [...Array<number>(1000).fill(0.1), 0.005], 100.01],
  ['refunds', [10.5, -0.25, -0.25], 10],
  ['three decimals', [1.005, 1.005, 1.005], 3.02],
  ['no decimals', [1500, 2500], 4000],
  ['large ones', [999_999_999.99, 0.01], 1_000_000_000],
  ['2000 of 19.99', Array<number>(2000).fill(19.99), 39_980],
])('%s', (_what, amounts, sum) => {
  expect(sumAmounts(amounts)).toBe(sum);
});
