import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { seal, unseal } from './sealed.ts';

const key = randomBytes(32);
const place = { orgId: 7, domain: 'shop.example.com', column: 'consumer_key_enc' };

test('a sealed secret opens in its own place, in the contracted layout', () => {
  const sealed = seal('ck_geheim ü', key, place);
  expect(unseal(sealed, key, place)).toBe('ck_geheim ü');
  expect(sealed[0]).toBe(1);
  expect(sealed.length).toBe(1 + 12 + Buffer.byteLength('ck_geheim ü') + 16);
  expect(seal('ck_geheim ü', key, place).equals(sealed)).toBe(false);
});

test.each([
  ['another organization', { ...place, orgId: 8 }],
  ['another domain', { ...place, domain: 'other.example.com' }],
  ['another column', { ...place, column: 'consumer_secret_enc' }],
])('it does not open in %s', (_case, other) => {
  const sealed = seal('secret', key, place);
  expect(() => unseal(sealed, key, other)).toThrow(/authenticate|layout/);
});

test('it opens neither with another key, nor changed, nor cut, nor in another layout', () => {
  const sealed = seal('secret', key, place);
  expect(() => unseal(sealed, randomBytes(32), place)).toThrow(/authenticate|layout/);
  for (let index = 0; index < sealed.length; index += 1) {
    const changed = Buffer.from(sealed);
    changed[index] = (changed[index] ?? 0) ^ 1;
    expect(() => unseal(changed, key, place), `byte ${index}`).toThrow(/authenticate|layout/);
  }
  expect(() => unseal(sealed.subarray(0, -1), key, place)).toThrow(/authenticate|layout/);
  expect(() => unseal(Buffer.from([1, 2, 3]), key, place)).toThrow('layout 1');
});
