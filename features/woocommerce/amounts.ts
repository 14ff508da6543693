import { roundHalfAway } from '../../platform/rounding.ts';

/** No currency of ISO 4217 has more than four decimals. */
const smallestUnits = 10_000;

/** The sum of amounts of money, to the cent. In whole units of the smallest kind: thousands of fractions would drift. */
export function sumAmounts(amounts: readonly number[]): number {
  return roundHalfAway(amounts.reduce((sum, amount) => sum + Math.round(amount * smallestUnits), 0) / smallestUnits, 2);
}
