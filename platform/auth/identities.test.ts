import { describe, expect, test } from 'vitest';
import type { IncomingRequest } from '../http/route.ts';
import { adminKey, webhook } from './identities.ts';
import { bearerToken, isSameSecret } from './secrets.ts';

const request = (headers: Record<string, string>): IncomingRequest => ({
  method: 'GET',
  header: (name) => headers[name],
  cookie: () => undefined,
});
const codeOf = (authenticated: Promise<unknown>): Promise<string> =>
  authenticated.then(
    () => 'past',
    (error: { code: string; status: number }) => `${error.status} ${error.code}`,
  );

describe('the admin key', () => {
  const key = 'k'.repeat(24);

  test.each([
    [undefined, key, '503 admin_auth_not_configured'],
    [key, key, 'past'],
    [key, `${key}k`, '401 unauthorized'],
    [key, 'k', '401 unauthorized'],
    [key, '', '401 unauthorized'],
  ])('configured %s, given %s: %s', async (configured, given, outcome) => {
    expect(await codeOf(adminKey(configured).authenticate(request({ 'x-admin-key': given })))).toBe(outcome);
  });

  test('is not taken from anywhere else', async () => {
    expect(await codeOf(adminKey(key).authenticate(request({ authorization: `Bearer ${key}` })))).toBe('401 unauthorized');
  });
});

test.each([
  [undefined, 'Bearer token-of-the-webhook', '503 WEBHOOK_NOT_CONFIGURED'],
  ['token-of-the-webhook', 'Bearer token-of-the-webhook', 'past'],
  ['token-of-the-webhook', 'Bearer other', '401 UNAUTHENTICATED'],
  ['token-of-the-webhook', 'token-of-the-webhook', '401 UNAUTHENTICATED'],
  ['token-of-the-webhook', '', '401 UNAUTHENTICATED'],
])('a webhook token configured %s, given %s: %s', async (configured, given, outcome) => {
  expect(await codeOf(webhook(configured).authenticate(request({ authorization: given })))).toBe(outcome);
});

test('secrets of any lengths are compared, bearer tokens found in any case of the scheme', () => {
  expect(isSameSecret('a', 'a')).toBe(true);
  expect(isSameSecret('a', 'b')).toBe(false);
  expect(isSameSecret('', 'b'.repeat(1000))).toBe(false);
  expect(bearerToken('bearer  abc')).toBe('abc');
  expect(bearerToken('Basic abc')).toBeUndefined();
  expect(bearerToken('Bearer a b')).toBeUndefined();
  expect(bearerToken(undefined)).toBeUndefined();
});
