import type { urgencies } from './metrics.ts';

export type Urgency = (typeof urgencies)[number];

const criticalQuantity = 2;

/** How urgent it is to order more; undefined above the threshold, and when nothing is left: that is no longer low. */
export function stockUrgency(quantity: number, threshold: number): Urgency | undefined {
  if (quantity <= 0 || quantity > threshold) return undefined;
  return quantity <= criticalQuantity ? 'critical' : 'warning';
}
