const firstMs = 1000;
const longestMs = 30_000;
/** `Retry-After: 0`, or a date that has passed, must not make a loop that does nothing but ask. */
const shortestAskedMs = 100;
/** A server, or something in front of it, that asks for hours would keep the queue dropping long after it is well again. */
const longestAskedMs = 300_000;

/**
 * How long to wait before the next try, in ms: what `Retry-After` asks for (seconds or an HTTP date, bounded), else 1, 2, 4 … 30 s.
 * @param failures tries that have failed in a row, from 1
 */
export function retryDelayMs(failures: number, retryAfter: string | undefined, nowMs: number): number {
  const askedMs = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter.trim(), nowMs);
  if (askedMs !== undefined) return Math.min(Math.max(askedMs, shortestAskedMs), longestAskedMs);
  return Math.min(firstMs * 2 ** (failures - 1), longestMs);
}

/** RFC 9110, 10.2.3. Undefined for what is neither: Date.parse alone takes `-5` for a year. */
function parseRetryAfter(value: string, nowMs: number): number | undefined {
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at - nowMs;
}
