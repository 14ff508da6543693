import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { addDays, utcDayOf, windowOfUtcDay, type Clock, type TimeWindow } from '../../platform/time/utc-day.ts';
import { abandonedAfterMs, abandonedUntilMs, sumAbandoned, type AbandonedOrders } from './abandoned.ts';
import { sumAmounts } from './amounts.ts';
import type { ErrorType } from './catalogue.ts';
import { stockUrgency } from './low-stock.ts';
import { orderStatuses } from './metrics.ts';
import type { StoreConfig } from './queries.ts';
import { malformed, StoreError, withStore, type StoreAccess, type StoreApi } from './store-api.ts';

/** Whether a shop answers, in the contracted fields. */
export interface StoreHealth {
  status: 'healthy' | 'error';
  message: string;
  response_time_ms: number;
  /** Present when the status is `error`. */
  error_type?: ErrorType;
}

const checkDeadlineMs = 10_000;

/**
 * Asks a shop for its system status. A shop that cannot be asked or does not answer is an answer too.
 * @throws OutboundError only when `access.signal` has ended the check
 */
export async function checkStore(config: StoreConfig, access: StoreAccess & { deadlineMs?: number }): Promise<StoreHealth> {
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);
  try {
    await withStore(config, { deadlineMs: checkDeadlineMs, ...access }, (api) =>
      api.read(z.record(z.string(), z.unknown()), 'system_status'),
    );
    return { status: 'healthy', message: 'API responding', response_time_ms: elapsedMs() };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { status: 'error', message: error.message, response_time_ms: elapsedMs(), error_type: error.errorType };
  }
}

/** Key figures of a shop, named as the columns that keep them. Source: contracts/woocommerce.md, Jobs. */
export interface StoreFigures {
  currency: string;
  orders: Record<(typeof orderStatuses)[number], number>;
  revenue_today: number;
  revenue_yesterday: number;
  orders_today: number;
  low_stock_critical: number;
  low_stock_warning: number;
  abandoned: AbandonedOrders;
  /** Some list was longer than what is read of it: its figure is a lower bound. */
  truncated: boolean;
}

export interface FiguresOptions extends StoreAccess {
  now: Clock;
  lowStockThreshold: number;
  currencies: CurrencyCache;
  deadlineMs?: number;
}

const figuresDeadlineMs = 60_000;

/**
 * Reads the key figures of a shop, one request after the other.
 * @throws StoreError; OutboundError when `options.signal` has ended it
 */
export function readStoreFigures(
  config: StoreConfig,
  { now, lowStockThreshold, currencies, ...access }: FiguresOptions,
): Promise<StoreFigures> {
  const at = now();
  const today = utcDayOf(at);
  return withStore(config, { deadlineMs: figuresDeadlineMs, ...access }, async (api) => {
    const currency = await currencies.read(config, api, at);
    const orders = await readOrderTotals(api);
    const salesToday = await readSales(api, windowOfUtcDay(today));
    const salesYesterday = await readSales(api, windowOfUtcDay(addDays(today, -1)));
    const lowStock = await readLowStock(api, lowStockThreshold);
    const abandoned = await readAbandoned(api, at);
    return {
      currency,
      orders,
      revenue_today: salesToday.revenue,
      revenue_yesterday: salesYesterday.revenue,
      orders_today: salesToday.count,
      low_stock_critical: lowStock.critical,
      low_stock_warning: lowStock.warning,
      abandoned: abandoned.sums,
      truncated: [salesToday, salesYesterday, lowStock, abandoned].some(({ truncated }) => truncated),
    };
  });
}

/** The currencies of shops, each asked for once a day: they hardly ever change. */
export interface CurrencyCache {
  read: (config: StoreConfig, api: StoreApi, at: Date) => Promise<string>;
}

const currencyKeptMs = 24 * 3_600_000;
const mostCurrencies = 10_000;
const currencyAnswer = z.object({ code: z.string() });

export function createCurrencyCache(): CurrencyCache {
  const known = new LRUCache<string, { code: string; readAt: Date }>({ max: mostCurrencies });
  return {
    read: async ({ id, woocommerce_url }, api, at) => {
      // With the URL: a shop that has moved may be another shop.
      const key = `${id} ${woocommerce_url}`;
      const kept = known.get(key);
      if (kept !== undefined && at.getTime() - kept.readAt.getTime() < currencyKeptMs) return kept.code;
      const { code } = await api.read(currencyAnswer, 'data/currencies/current');
      // It becomes a label: a closed form, whatever a shop calls its currency.
      const checked = /^[A-Z]{3}$/.test(code) ? code : 'other';
      known.set(key, { code: checked, readAt: at });
      return checked;
    },
  };
}

/** Documented as text, answered as a number. */
const orderCount = z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.int().min(0).max(2_147_483_647));
const orderTotals = z.array(z.object({ slug: z.string(), total: orderCount }));

async function readOrderTotals(api: StoreApi): Promise<StoreFigures['orders']> {
  const orders = { pending: 0, processing: 0, 'on-hold': 0, completed: 0, cancelled: 0, refunded: 0, failed: 0, other: 0 };
  for (const { slug, total } of await api.read(orderTotals, 'reports/orders/totals')) {
    orders[orderStatuses.find((status) => status === slug) ?? 'other'] += total;
  }
  return orders;
}

const order = z.object({
  id: z.int(),
  status: z.string(),
  total: z.string().regex(/^-?\d{1,12}(\.\d{1,12})?$/),
  date_created_gmt: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?$/)
    .nullable(),
});

interface Order {
  value: number;
  createdAt: Date;
}

/** Orders of these statuses that were created in the window. Nothing of who ordered what leaves the shop: only these four fields do. */
async function readOrders(
  api: StoreApi,
  statuses: readonly string[],
  window: TimeWindow,
): Promise<{ orders: Order[]; truncated: boolean }> {
  const { entries, truncated } = await api.readList(order, 'orders', {
    status: statuses.join(','),
    ...createdWithin(window),
    _fields: Object.keys(order.shape).join(','),
  });
  const orders = entries
    .filter(({ status }) => statuses.includes(status))
    .flatMap(({ total, date_created_gmt: text }) => (text === null ? [] : [{ value: Number(total), createdAt: utcMoment(text) }]))
    .filter(({ createdAt }) => createdAt >= window.fromInclusive && createdAt < window.toExclusive);
  return { orders, truncated };
}

const utcMoment = (text: string): Date => new Date(text.endsWith('Z') ? text : `${text}Z`);

/**
 * A little more than the window, which is cut to size afterwards: WordPress leaves both ends out and knows whole seconds only. Without a
 * zone: WordPress moves a moment that has one to the shop's zone before it compares, in UTC too.
 */
function createdWithin({ fromInclusive, toExclusive }: TimeWindow): Record<string, string> {
  const text = (ms: number): string => new Date(ms).toISOString().slice(0, 19);
  return { after: text(fromInclusive.getTime() - 1000), before: text(toExclusive.getTime() + 999), dates_are_gmt: 'true' };
}

/** What the column holds: numeric(14, 2). */
const mostRevenue = 1e12;

async function readSales(api: StoreApi, day: TimeWindow): Promise<{ revenue: number; count: number; truncated: boolean }> {
  const { orders, truncated } = await readOrders(api, ['completed', 'processing'], day);
  const revenue = sumAmounts(orders.map(({ value }) => value));
  if (Math.abs(revenue) >= mostRevenue) throw malformed('orders');
  return { revenue, count: orders.length, truncated };
}

async function readAbandoned(api: StoreApi, at: Date): Promise<{ sums: AbandonedOrders; truncated: boolean }> {
  const { orders, truncated } = await readOrders(api, ['pending', 'on-hold', 'failed'], {
    fromInclusive: new Date(at.getTime() - abandonedUntilMs),
    toExclusive: new Date(at.getTime() - abandonedAfterMs),
  });
  return { sums: sumAbandoned(orders, at), truncated };
}

const product = z.object({ id: z.int(), manage_stock: z.boolean(), stock_quantity: z.number().nullable() });

/**
 * All published products are looked through. Not with max_stock_quantity: older shops ignore it, and newer ones leave other products out as
 * soon as a variation matches.
 */
async function readLowStock(api: StoreApi, threshold: number): Promise<{ critical: number; warning: number; truncated: boolean }> {
  const { entries, truncated } = await api.readList(product, 'products', {
    status: 'publish',
    _fields: Object.keys(product.shape).join(','),
  });
  const counts = { critical: 0, warning: 0 };
  for (const { manage_stock: isManaged, stock_quantity: quantity } of entries) {
    const urgency = isManaged && quantity !== null ? stockUrgency(quantity, threshold) : undefined;
    if (urgency !== undefined) counts[urgency] += 1;
  }
  return { ...counts, truncated };
}
