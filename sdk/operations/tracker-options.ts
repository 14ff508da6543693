import type { TrackerError } from './tracker-error.ts';

export interface TrackerOptions {
  /** The exporter's base URL, such as `http://127.0.0.1:8081`. */
  url: string;
  /** Belongs to one organization. */
  ingestKey: string;
  /** Told of what went wrong, later and never in the way of an operation. What it throws, or rejects with, is swallowed. */
  onError?: ((error: TrackerError) => unknown) | undefined;
  /** Operations kept at most, those under way included; beyond it the oldest is dropped. 1..100 000. */
  maxQueue?: number | undefined;
  /** Operations in one request. 1..500. */
  maxBatch?: number | undefined;
  /** How long an operation waits for others to go with, in ms. 1..60 000. */
  flushMs?: number | undefined;
  /** Time for one request and its answer, in ms. 1..60 000. */
  timeoutMs?: number | undefined;
}

/** @throws TypeError for what can never work: found when the host starts, not in its operations */
export function checkOptions(options: TrackerOptions) {
  const maxQueue = wholeNumber('maxQueue', options.maxQueue ?? 1000, 100_000);
  return {
    endpoint: endpointOf(options.url),
    headers: headersOf(options.ingestKey),
    maxQueue,
    maxBatch: Math.min(wholeNumber('maxBatch', options.maxBatch ?? 100, 500), maxQueue),
    flushMs: wholeNumber('flushMs', options.flushMs ?? 1000, 60_000),
    timeoutMs: wholeNumber('timeoutMs', options.timeoutMs ?? 5000, 60_000),
  };
}

function endpointOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  const isUsable =
    base !== undefined &&
    ['http:', 'https:'].includes(base.protocol) &&
    [base.username, base.password, base.search, base.hash].join('') === '';
  // The value itself stays out of the message: it may hold a password.
  if (!isUsable) throw new TypeError('createTracker: url is not a plain http or https URL; give the base URL of the exporter');
  return new URL(`${base.href.replace(/\/$/, '')}/ingest/woocommerce/operations`);
}

function headersOf(ingestKey: string): Headers {
  if (typeof ingestKey !== 'string' || !/^[\x21-\x7e]+$/.test(ingestKey)) {
    throw new TypeError('createTracker: ingestKey is empty or not a key; give one that `npm run ingest-keys-create` has printed');
  }
  return new Headers({ authorization: `Bearer ${ingestKey}`, 'content-type': 'application/json' });
}

function wholeNumber(name: string, value: number, largest: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= largest) return value;
  throw new TypeError(`createTracker: ${name} is ${String(value)}; give a whole number from 1 to ${largest}`);
}
