import { cut } from './visit.ts';

/** How a field is sent; throws if it was given no such thing. */
type Field = (value: unknown, given: Given) => unknown;
export type Given = Readonly<Record<string, unknown>>;

/** Out of range is as far as the range goes: the exporter refuses a batch for one number. */
const number =
  (most: number, digits = 0, least = 0): Field =>
  (value) => {
    if (typeof value !== 'number' || isNaN(value)) throw Error(`${String(value)} is no number`);
    return Number(Math.min(most, Math.max(least, value)).toFixed(digits));
  };
const measuredMs = number(3_600_000, 2);
/** Given, or by when it began: by the clock of the page (`since`), or by the one that all tabs have (`sentAt`). */
const ms: Field = (value, given) => {
  const { since, sentAt } = given as { since: number; sentAt?: number };
  return measuredMs(value === undefined ? (sentAt ? Date.now() - sentAt : performance.now() - since) : value, given);
};
const flag: Field = (value) => {
  if (typeof value !== 'boolean') throw Error(`${String(value)} is neither true nor false`);
  return value;
};
const cached: Field = (value) => Boolean(value);
const count =
  (most: number): Field =>
  (value, given) =>
    number(most)(value || 0, given);
const bytes = count(2 ** 40);
const errorType: Field = (value) => cut(value, 64);
const oneOf =
  (...values: string[]): Field =>
  (value) => {
    if (!values.includes(value as string)) throw Error(`${String(value)} is none of ${values.join()}`);
    return value;
  };

const frames = number(1_000_000, 0, 1);
const jankFrames: Field = (value, given) => number(frames(given['totalFrames'], given) as number)(value, given);
const outcome = { success: flag, duration: ms };
/** The exporter asks for them and does not store them, so they say nothing. */
const unstored = (values: Record<string, string | number>): Record<string, Field> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, () => value]));

/** What is sent of each type: what is stored. Contract: widget-performance, POST /api/monitoring/widget. */
const types = {
  persistence: { operation: oneOf('save', 'restore', 'sync', 'delete', 'navigation'), ...outcome, errorType },
  restoration: { ...outcome, messagesRestored: count(100_000), errorType, ...unstored({ sessionId: '-', conversationId: '-' }) },
  navigation: { ...outcome, dataPreserved: flag, ...unstored({ sessionId: '-', fromPage: '', toPage: '' }) },
  render: { renderTime: ms, ...unstored({ messageId: '-', contentLength: 0 }) },
  scroll: { fps: number(1000, 2), jankFrames, totalFrames: frames, ...unstored({ frameTime: 0 }) },
  memory: { heapUsed: number(2 ** 40), ...unstored({ heapTotal: 0 }) },
  tabSync: { operation: oneOf('broadcast', 'receive', 'reconcile'), success: flag, latency: ms, ...unstored({ dataSize: 0 }) },
  api: { statusCode: number(599), duration: ms, cached, errorType, ...unstored({ endpoint: '', method: '' }) },
  bundle: { loadTime: ms, size: bytes, cached, ...unstored({ bundleName: '-' }) },
} as const;

export type MetricType = keyof typeof types;
export const metricTypes = Object.keys(types) as MetricType[];

/**
 * As JSON. Without the time: batches go within seconds, and a browser whose clock is minutes ahead would have all of its metrics refused.
 */
export function metricOf(type: MetricType, given: Given): string {
  const metric = Object.entries<Field>(types[type]).map(([name, field]) => [name, field(given[name], given)]);
  return JSON.stringify({ type, metric: Object.fromEntries(metric) as unknown });
}
