import { createHash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of a secret; what is stored and compared instead of the secret. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/** Compares in constant time over digests, so that neither content nor length is revealed. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(expected));
}

/** The token of `Authorization: Bearer <token>`; undefined when there is none. */
export function bearerToken(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +([^\s]+) *$/i.exec(header)?.[1];
}
