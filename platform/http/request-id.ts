import { randomUUID } from 'node:crypto';

const keepable = /^[\x21-\x7e]{1,128}$/;

/** The caller's id when it is 1 to 128 printable ASCII characters without spaces, else a new UUID. */
export function requestIdFrom(header: string | string[] | undefined): string {
  return typeof header === 'string' && keepable.test(header) ? header : randomUUID();
}
