/** Rounds half away from zero to the given number of decimals; applied once, at output (contracts, conventions). */
export function roundHalfAway(value: number, decimals = 0): number {
  const scaled = Math.abs(value) * 10 ** decimals;
  // 1.005 * 100 is 100.49999999999999: the nudge lifts values that are a half in decimal but not in binary. From 2^50 on doubles are a
  // quarter or more apart: there it would move whole numbers, such as a sum of bytes.
  const nudge = scaled < 2 ** 50 ? 1 + Number.EPSILON : 1;
  const rounded = Math.round(scaled * nudge);
  return (Math.sign(value) * rounded) / 10 ** decimals || 0;
}
