import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../log.ts';
import { createJwtVerifier, type VerifyJwt } from './jwt.ts';

const log = createLogger({ service: 'api', level: 'silent' });
const issuer = 'https://login.example.com';
const audience = 'widget-observability';
const secret = 's'.repeat(32);
const start = new Date('2026-02-06T12:00:00.000Z');
const seconds = (offset: number): number => start.getTime() / 1000 + offset;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const codeOf = async (verified: Promise<unknown>): Promise<string> =>
  verified.then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );

describe('with a shared secret', () => {
  const verify = createJwtVerifier({ issuer, audience, keys: { secret }, now: () => start, log });
  const claims = { iss: issuer, aud: audience, sub: 'u', exp: seconds(60) };
  const sign = (changes: Record<string, unknown> = {}, key = secret, alg = 'HS256'): Promise<string> => {
    const all: Record<string, unknown> = { ...claims, ...changes };
    for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
    return new SignJWT(all).setProtectedHeader({ alg }).sign(bytes(key));
  };

  test('a good token tells its claims', async () => {
    expect(await verify(await sign({ role: 'member' }))).toMatchObject({ sub: 'u', role: 'member' });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['without exp', { exp: undefined }, 'UNAUTHENTICATED'],
    ['without iss', { iss: undefined }, 'UNAUTHENTICATED'],
    ['without aud', { aud: undefined }, 'UNAUTHENTICATED'],
    ['of another issuer', { iss: 'https://evil.example' }, 'UNAUTHENTICATED'],
    ['for another audience', { aud: 'other' }, 'UNAUTHENTICATED'],
    ['expired for 29 s', { exp: seconds(-29) }, 'accepted'],
    ['expired for 31 s', { exp: seconds(-31) }, 'TOKEN_EXPIRED'],
    ['not yet valid for 29 s', { nbf: seconds(29) }, 'accepted'],
    ['not yet valid for 31 s', { nbf: seconds(31) }, 'UNAUTHENTICATED'],
    ['with an exp that is no number', { exp: 'soon' }, 'UNAUTHENTICATED'],
  ])('a token %s: %s', async (_case, changes, code) => {
    expect(await codeOf(verify(await sign(changes)))).toBe(code);
  });

  test('only HS256 with the right key passes', async () => {
    expect(await codeOf(verify(await sign({}, 'x'.repeat(32))))).toBe('UNAUTHENTICATED');
    expect(await codeOf(verify(await sign({}, secret.repeat(2), 'HS512')))).toBe('UNAUTHENTICATED');
    const unsigned = new UnsecuredJWT(claims).encode();
    expect(await codeOf(verify(unsigned))).toBe('UNAUTHENTICATED');
    const [header, payload] = (await sign()).split('.');
    expect(await codeOf(verify(`${header}.${payload}.`))).toBe('UNAUTHENTICATED');
    for (const garbage of ['', 'a.b.c', 'nonsense', '..']) expect(await codeOf(verify(garbage))).toBe('UNAUTHENTICATED');
  });

  test.each(['HS384', 'HS512'])('%s is not taken for HS256, although the secret is the right one', async (alg) => {
    const long = secret.repeat(2);
    const verifyLong = createJwtVerifier({ issuer, audience, keys: { secret: long }, now: () => start, log });
    expect(await codeOf(verifyLong(await sign({}, long)))).toBe('accepted');
    expect(await codeOf(verifyLong(await sign({}, long, alg)))).toBe('UNAUTHENTICATED');
  });

  test('a token with a key of its own is refused, whatever it claims to be signed with', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    const jwk = await exportJWK(publicKey);
    const signed = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', jwk }).sign(privateKey);
    expect(await codeOf(verify(signed))).toBe('UNAUTHENTICATED');
    const [, payload, signature] = signed.split('.');
    const renamed = Buffer.from(JSON.stringify({ alg: 'HS256', jwk })).toString('base64url');
    expect(await codeOf(verify(`${renamed}.${payload}.${signature}`))).toBe('UNAUTHENTICATED');
  });

  test('a claim that was changed after signing is refused', async () => {
    const [header, , signature] = (await sign({ role: 'member' })).split('.');
    const payload = Buffer.from(JSON.stringify({ ...claims, role: 'admin' })).toString('base64url');
    expect(await codeOf(verify(`${header}.${payload}.${signature}`))).toBe('UNAUTHENTICATED');
  });

  test('one audience of several is enough, and an expired token of another issuer is no session that ended', async () => {
    expect(await codeOf(verify(await sign({ aud: ['other', audience] })))).toBe('accepted');
    expect(await codeOf(verify(await sign({ iss: 'https://evil.example', exp: seconds(-3600) })))).toBe('UNAUTHENTICATED');
    expect(await codeOf(verify(await sign({ exp: seconds(-3600) }, 'x'.repeat(32))))).toBe('UNAUTHENTICATED');
  });
});

describe('with the keys of a JWKS URL', () => {
  let url: string;
  let served: JWK[] | 'broken' = [];
  let fetches = 0;
  let clock = start;
  const server = createServer((_request, response) => {
    fetches += 1;
    if (served === 'broken') response.writeHead(500).end();
    else
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(Array.isArray(served) ? { keys: served } : served));
  });
  const minutesLater = (minutes: number): Date => new Date(start.getTime() + minutes * 60_000);

  interface Signer {
    jwk: JWK;
    sign: (alg?: string) => Promise<string>;
  }
  const signer = async (kid: string, alg: 'RS256' | 'ES256'): Promise<Signer> => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    return {
      jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
      sign: () =>
        new SignJWT({ iss: issuer, aud: audience, sub: kid, exp: clock.getTime() / 1000 + 60 })
          .setProtectedHeader({ alg, kid })
          .sign(privateKey),
    };
  };
  let first: Signer;
  let second: Signer;
  let verify: VerifyJwt;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
    [first, second] = [await signer('first', 'RS256'), await signer('second', 'ES256')];
  });
  afterAll(() => server.close());

  const fresh = (): void => {
    clock = start;
    fetches = 0;
    verify = createJwtVerifier({ issuer, audience, keys: { jwksUrl: url }, now: () => clock, log });
  };

  test('keys are fetched once and used for ten minutes', async () => {
    fresh();
    served = [first.jwk];
    await Promise.all(Array.from({ length: 5 }, async () => verify(await first.sign())));
    clock = minutesLater(9.9);
    await verify(await first.sign());
    expect(fetches).toBe(1);
    clock = minutesLater(10);
    await verify(await first.sign());
    expect(fetches).toBe(2);
  });

  test('an unknown key id is looked for, at most once a minute', async () => {
    fresh();
    served = [first.jwk];
    await verify(await first.sign());
    served = [first.jwk, second.jwk];
    expect(await codeOf(verify(await second.sign()))).toBe('UNAUTHENTICATED');
    expect(fetches).toBe(1);
    clock = minutesLater(1);
    expect(await codeOf(verify(await second.sign()))).toBe('accepted');
    expect(fetches).toBe(2);
  });

  test('keys in hand stay in use while the URL fails', async () => {
    fresh();
    served = [first.jwk];
    await verify(await first.sign());
    served = 'broken';
    clock = minutesLater(30);
    expect(await codeOf(verify(await first.sign()))).toBe('accepted');
    expect(fetches).toBe(2);
  });

  test('without any key yet every token is refused, until the URL answers', async () => {
    fresh();
    served = 'broken';
    expect(await codeOf(verify(await first.sign()))).toBe('UNAUTHENTICATED');
    served = [first.jwk];
    clock = minutesLater(1);
    expect(await codeOf(verify(await first.sign()))).toBe('accepted');
  });

  test('a key that was taken out of the set is refused from the next fetch on', async () => {
    fresh();
    served = [first.jwk];
    await verify(await first.sign());
    served = [second.jwk];
    clock = minutesLater(9.9);
    expect(await codeOf(verify(await first.sign()))).toBe('accepted');
    clock = minutesLater(10);
    expect(await codeOf(verify(await first.sign()))).toBe('UNAUTHENTICATED');
    expect(await codeOf(verify(await second.sign()))).toBe('accepted');
    expect(fetches).toBe(2);
  });

  test('many tokens with unknown key ids at once cost one fetch a minute', async () => {
    fresh();
    served = [first.jwk];
    await verify(await first.sign());
    const stranger = await signer('stranger', 'RS256');
    clock = minutesLater(2);
    const codes = await Promise.all(Array.from({ length: 20 }, async () => codeOf(verify(await stranger.sign()))));
    expect(new Set(codes)).toEqual(new Set(['UNAUTHENTICATED']));
    expect(fetches).toBe(2);
    expect(await codeOf(verify(await first.sign()))).toBe('accepted');
    expect(fetches).toBe(2);
  });

  test('an answer that is no key set does not take the place of one', async () => {
    for (const nonsense of [{}, { keys: 'none' }, { keys: [7] }, null]) {
      fresh();
      served = [first.jwk];
      await verify(await first.sign());
      served = nonsense as unknown as JWK[];
      clock = minutesLater(10);
      const answered = codeOf(verify(await first.sign()));
      expect(await answered, JSON.stringify(nonsense)).toBe('accepted');
      expect(fetches).toBe(2);
    }
  });

  test.each(['RS512', 'PS256'])('%s is refused, although the key is in the set and could verify it', async (alg) => {
    fresh();
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const { alg: _left, ...jwk } = await exportJWK(publicKey);
    served = [{ ...jwk, kid: 'any' }];
    const claims = { iss: issuer, aud: audience, sub: 'x', exp: seconds(60) };
    const token = await new SignJWT(claims).setProtectedHeader({ alg, kid: 'any' }).sign(privateKey);
    expect(await codeOf(verify(token))).toBe('UNAUTHENTICATED');
  });

  test('a token signed with the public key as if it were a secret is refused', async () => {
    fresh();
    served = [first.jwk];
    const forged = await new SignJWT({ iss: issuer, aud: audience, sub: 'x', exp: seconds(60) })
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .sign(bytes(JSON.stringify(first.jwk)));
    expect(await codeOf(verify(forged))).toBe('UNAUTHENTICATED');
  });
});
