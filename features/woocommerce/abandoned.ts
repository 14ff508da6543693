import { sumAmounts } from './amounts.ts';
import type { priorities } from './metrics.ts';

export type Priority = (typeof priorities)[number];

/** An order that was begun and not paid: pending, on-hold or failed. */
export interface UnpaidOrder {
  /** In units of the shop's currency. */
  value: number;
  createdAt: Date;
}

export type AbandonedOrders = Record<Priority, { count: number; value: number }>;

const hourMs = 3_600_000;

/** Before that it may still be paid; source: contracts/woocommerce.md, Jobs. */
export const abandonedAfterMs = hourMs;
export const abandonedUntilMs = 30 * 24 * hourMs;

/** How much it is worth to ask after an order; undefined for one that is too young or too old to count as abandoned. */
export function abandonedPriority({ value, createdAt }: UnpaidOrder, now: Date): Priority | undefined {
  const ageMs = now.getTime() - createdAt.getTime();
  if (ageMs <= abandonedAfterMs || ageMs > abandonedUntilMs) return undefined;
  if (value > 100 && ageMs < 24 * hourMs) return 'high';
  return value > 50 || ageMs < 48 * hourMs ? 'medium' : 'low';
}

export function sumAbandoned(orders: readonly UnpaidOrder[], now: Date): AbandonedOrders {
  const of = (priority: Priority): { count: number; value: number } => {
    const values = orders.filter((order) => abandonedPriority(order, now) === priority).map(({ value }) => value);
    return { count: values.length, value: sumAmounts(values) };
  };
  return { high: of('high'), medium: of('medium'), low: of('low') };
}
