import { expect, test } from 'vitest';
import { stockUrgency } from './low-stock.ts';

test.each([
  [-3, 5, undefined],
  [0, 5, undefined],
  [0.5, 5, 'critical'],
  [1, 5, 'critical'],
  [2, 5, 'critical'],
  [2.5, 5, 'warning'],
  [3, 5, 'warning'],
  [5, 5, 'warning'],
  [5.5, 5, undefined],
  [6, 5, undefined],
  [6, 10, 'warning'],
  [1, 1, 'critical'],
  [2, 1, undefined],
])('%d left at a threshold of %d: %s', (quantity, threshold, urgency) => {
  expect(stockUrgency(quantity, threshold)).toBe(urgency);
});
