import { getRounds, hash } from 'bcrypt';
import { beforeAll, describe, expect, test } from 'vitest';
import { createBasicAuth, hashOfNobody } from './basic-auth.ts';

let users: Map<string, string>;

beforeAll(async () => {
  users = new Map([
    ['alice', await hash('wonderland', 4)],
    ['bob', (await hash('pässwörd:with colon', 4)).replace('$2b$', '$2y$')],
    ['old', (await hash('wonderland', 4)).replace('$2b$', '$2a$')],
  ]);
});

const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

describe('basic authentication', () => {
  test.each([
    ['alice', 'wonderland', 'allowed'],
    ['bob', 'pässwörd:with colon', 'allowed'],
    ['old', 'wonderland', 'allowed'],
    ['alice', 'wonderlanD', 'refused'],
    ['alice', '', 'refused'],
    ['Alice', 'wonderland', 'refused'],
    ['mallory', 'wonderland', 'refused'],
    ['', '', 'refused'],
    ['constructor', 'wonderland', 'refused'],
  ])('of %s with "%s" is %s, and again', async (user, password, result) => {
    const auth = createBasicAuth();
    expect(await auth.check(basic(user, password), users)).toBe(result);
    expect(await auth.check(basic(user, password), users)).toBe(result);
  });

  test.each([
    undefined,
    '',
    'Basic',
    'Basic !!!!',
    'Basic YWxpY2U=',
    'Bearer YWxpY2U6d29uZGVybGFuZA==',
    'Basic YWxpY2U6d29uZGVybGFuZA== x',
  ])('with the header %s is refused', async (header) => {
    expect(await createBasicAuth().check(header, users)).toBe('refused');
  });

  test('takes the scheme in any case', async () => {
    expect(await createBasicAuth().check(basic('alice', 'wonderland').replace('Basic', 'basic'), users)).toBe('allowed');
  });

  test('leaves the event loop free while it works', async () => {
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await createBasicAuth().check(basic('alice', 'wrong'), new Map([['alice', `$2b$10$${'a'.repeat(53)}`]]));
    isDone = true;
    expect(turns).toBeGreaterThan(10);
  });

  test('of a caller it has seen goes on while others guess, and the seventeenth guess is not even looked at', async () => {
    const auth = createBasicAuth();
    expect(await auth.check(basic('alice', 'wonderland'), users)).toBe('allowed');
    const guesses = Array.from({ length: 17 }, (_, number) => auth.check(basic('alice', `guess ${number}`), users));
    expect(await auth.check(basic('alice', 'wonderland'), users)).toBe('allowed');
    expect(await Promise.all(guesses)).toEqual([...Array<string>(16).fill('refused'), 'busy']);
    expect(await auth.check(basic('bob', 'pässwörd:with colon'), users)).toBe('allowed');
  });

  test('ends with the user, and with the password', async () => {
    const auth = createBasicAuth();
    const header = basic('alice', 'wonderland');
    expect(await auth.check(header, users)).toBe('allowed');
    expect(await auth.check(header, new Map([...users].filter(([user]) => user !== 'alice')))).toBe('refused');
    expect(await auth.check(header, new Map([['alice', await hash('changed', 4)]]))).toBe('refused');
    expect(await auth.check(header, users)).toBe('allowed');
  });

  test('takes an unknown user for as much work as the most expensive known one', async () => {
    const mixed = new Map([...users, ['carol', `$2y$07$${'a'.repeat(53)}`]]);
    expect(getRounds(hashOfNobody(mixed))).toBe(7);
    expect(hashOfNobody(mixed)).toHaveLength(60);
    expect(getRounds(hashOfNobody(new Map()))).toBe(4);
  });
});
