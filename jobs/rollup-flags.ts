import { isUtcDay } from '../platform/time/utc-day.ts';
import type { Flag } from './command-line.ts';

/** A flag that takes a UTC day. */
export const dayFlag = (summary: string): Flag => ({
  required: true,
  summary,
  check: (value) => (isUtcDay(value) ? undefined : 'must be a day such as 2026-02-13'),
});

/** A flag that takes one property of marketing sites. */
export const propertyFlag = {
  required: false,
  summary: 'one property; left out: default, which is all of them, and those of ROLLUP_PROPERTY_IDS',
  check: (value: string) => (/^\S.{0,127}$/.test(value) ? undefined : 'must have 1 to 128 characters'),
} as const satisfies Flag;

/** Aborted by Ctrl-C or a stop of the container: what is under way is finished, nothing more begins. */
export function stopSignal(): AbortSignal {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
  return stopped.signal;
}
