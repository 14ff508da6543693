import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signOrgToken } from '../../features/widget-health/org-token.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { insertOrganization, portalToken, runApi, testIdentity } from '../support/services.ts';
import { markHeader, recordStatements } from '../support/statements-by-request.ts';

/** Tokens that must not pass, each as a stranger would send it: over HTTP, to a route of organization users. */
const seconds = Math.floor(Date.now() / 1000);
const claims = { iss: testIdentity.issuer, aud: testIdentity.audience, sub: 'user-1', role: 'member', org: 'alpha', exp: seconds + 600 };

let database: TestDatabase;
let alpha: { id: number; key: string };
let statements: ReturnType<typeof recordStatements>;
let marks = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  alpha = await insertOrganization(database, { key: 'alpha' });
  await insertOrganization(database, { key: 'bravo' });
  statements = recordStatements();
});
afterAll(async () => {
  statements.stop();
  await database.drop();
});

const encoded = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A compact JWS of whatever it is given, with an HMAC; texts stand for themselves. */
function jws(header: unknown, payload: unknown, secret: string | Buffer = testIdentity.jwtSecret, hash = 'sha256'): string {
  const signed = `${encoded(header)}.${encoded(payload)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

const hs256 = { alg: 'HS256' };
const withClaims = (changes: Record<string, unknown>): string => jws(hs256, { ...claims, ...changes });
const withHeader = (header: Record<string, unknown>): string => jws({ ...hs256, ...header }, claims);

/** What a token is answered, and whether it took the database to say so. */
async function judged(url: string, authorization: string): Promise<{ answer: string; ran: readonly string[] }> {
  const mark = String((marks += 1));
  const response = await fetch(`${url}/portal/widget/health`, { headers: { authorization, [markHeader]: mark } });
  const { error } = (await response.json()) as { error?: { code: string } };
  return { answer: error?.code ?? String(response.status), ran: statements.of(mark) };
}

const refusedAs = (answer: string) => ({ answer, ran: [] });

describe('with a shared secret', () => {
  let api: Awaited<ReturnType<typeof runApi>>;
  beforeAll(async () => {
    api = await runApi(database);
  });
  afterAll(() => api.stop());

  const header = encoded(hs256);
  const good = jws(hs256, claims);
  const [, payload, signature] = good.split('.');
  const elsewhere = { jku: 'https://evil.example/keys', x5u: 'https://evil.example/chain', kid: '../../../../dev/null' };

  test.each<[string, string]>([
    ['no algorithm', `${encoded({ alg: 'none' })}.${payload}.`],
    ['no algorithm in other letters', `${encoded({ alg: 'NoNe' })}.${payload}.`],
    ['no algorithm, and a signature all the same', `${encoded({ alg: 'none' })}.${payload}.${signature}`],
    ['an algorithm that is left out', jws({ typ: 'JWT' }, claims)],
    ['a longer hash of the right secret', jws({ alg: 'HS512' }, claims, testIdentity.jwtSecret, 'sha512')],
    ['an algorithm of public keys, and a hash for its signature', jws({ alg: 'RS256' }, claims)],
    ['a second algorithm in its header', `${encoded('{"alg":"HS256","alg":"none"}')}.${payload}.`],
    ['another secret', jws(hs256, claims, 'x'.repeat(32))],
    ['the empty secret', jws(hs256, claims, '')],
    ['the empty file that its key id names for a secret', jws({ ...hs256, ...elsewhere }, claims, '')],
    ['a key of its own', jws({ ...hs256, jwk: { kty: 'oct', k: encoded('k'.repeat(32)) } }, claims, 'k'.repeat(32))],
    ['an empty signature', `${header}.${payload}.`],
    ['no signature', `${header}.${payload}`],
    ['half a signature', `${header}.${payload}.${signature?.slice(0, 20)}`],
    ['the signature of another token', `${header}.${encoded({ ...claims, org: 'bravo' })}.${signature}`],
    ['a part too many', `${good}.${payload}`],
    ['the parts of an encrypted one', 'a.b.c.d.e'],
    ['an extension that must be understood', withHeader({ crit: ['org'], org: 'bravo' })],
    ['an empty list of such extensions', withHeader({ crit: [] })],
    ['a payload that is not encoded', withHeader({ crit: ['b64'], b64: false })],
    ['a payload that is no JSON', jws(hs256, 'claims')],
    ['a payload that is a list', jws(hs256, [claims])],
    ['a payload that is null', jws(hs256, 'null')],
    ['a header that is no JSON', jws('header', claims)],
    ['12 KB of nothing', `${header}.${'A'.repeat(12_000)}.${signature}`],
  ])('a token with %s is refused without a look at the database', async (_what, token) => {
    expect(await judged(api.url, `Bearer ${token}`)).toEqual(refusedAs('UNAUTHENTICATED'));
  });

  test.each<[string, Record<string, unknown>, string?]>([
    ['an end that has passed', { exp: seconds - 31 }, 'TOKEN_EXPIRED'],
    ['an end before 1970', { exp: -1 }, 'TOKEN_EXPIRED'],
    ['no end', { exp: undefined }],
    ['an end that is a text', { exp: String(seconds + 600) }],
    ['an end that is null', { exp: null }],
    ['a beginning that is ahead', { nbf: seconds + 600 }],
    ['a beginning that is a text', { nbf: 'now' }],
    ['another issuer', { iss: 'https://login.evil.example' }],
    ['an issuer that only begins like ours', { iss: `${testIdentity.issuer}.evil.example` }],
    ['no issuer', { iss: undefined }],
    ['a list of issuers', { iss: [testIdentity.issuer] }],
    ['another audience', { aud: 'grafana' }],
    ['no audience', { aud: undefined }],
    ['an empty list of audiences', { aud: [] }],
    ['no subject', { sub: undefined }],
    ['a subject that is a number', { sub: 1 }],
    ['no role', { role: undefined }],
    ['an unknown role', { role: 'superuser' }],
    ['a list of roles', { role: ['owner'] }],
    ['the role of administrators', { role: 'admin' }, 'FORBIDDEN'],
    ['no organization', { org: undefined }],
    ['an organization that is null', { org: null }],
    ['the number of an organization', { org: 1 }],
    ['an organization that is true', { org: true }],
    ['a list of organizations', { org: ['alpha', 'bravo'] }],
    ['an object for an organization', { org: { key: 'alpha' } }],
    ['an empty organization', { org: '' }],
    ['an organization in capitals', { org: 'ALPHA' }],
    ['an organization with a blank', { org: ' alpha' }],
    ['an organization with a line break', { org: 'alpha\n' }],
    ['an organization that ends in NUL', { org: 'alpha\0' }],
    ['an organization with a Cyrillic letter', { org: '\u0430lpha' }],
    ['an organization that is a pattern', { org: '%' }],
    ['all other organizations', { org: '__overflow__' }],
    ['an organization with a name too long', { org: 'a'.repeat(64) }],
  ])('a signed token with %s is refused without a look at the database', async (_what, changes, code = 'UNAUTHENTICATED') => {
    expect(await judged(api.url, `Bearer ${withClaims(changes)}`)).toEqual(refusedAs(code));
  });

  test('the token that a widget hands on is no token here, not even with one secret for both', async () => {
    for (const secret of [testIdentity.orgTokenSecret, testIdentity.jwtSecret]) {
      expect(await judged(api.url, `Bearer ${signOrgToken(alpha, secret, new Date())}`)).toEqual(refusedAs('UNAUTHENTICATED'));
    }
  });

  test('a good token passes as Bearer only, and alone', async () => {
    expect((await judged(api.url, `Bearer ${good}`)).answer).toBe('200');
    expect((await judged(api.url, `bearer ${good}`)).answer).toBe('200');
    for (const other of [good, `Basic ${good}`, `Bearer ${good}, Bearer ${good}`, `Bearer ${good} ${good}`, 'Bearer', `JWT ${good}`]) {
      expect(await judged(api.url, other), other.slice(0, 20)).toEqual(refusedAs('UNAUTHENTICATED'));
    }
  });

  test('a claim that is there twice counts as its last, as RFC 7519 has it', async () => {
    const twice = (first: string, last: string): string =>
      jws(hs256, JSON.stringify(claims).replace('"org":"alpha"', `"org":"${first}","org":"${last}"`));
    expect((await judged(api.url, `Bearer ${twice('bravo', 'alpha')}`)).answer).toBe('200');
    expect((await judged(api.url, `Bearer ${twice('alpha', 'nobody')}`)).answer).toBe('ORG_NOT_FOUND');
  });

  test('a token with more claims than it needs passes; one that no header holds does not reach the application', async () => {
    expect((await judged(api.url, `Bearer ${withClaims({ groups: 'g'.repeat(8000) })}`)).answer).toBe('200');
    expect(await statusOfHeader(api.url, `Bearer ${withClaims({ groups: 'g'.repeat(1_000_000) })}`)).toBe(431);
    expect((await judged(api.url, `Bearer ${await portalToken('alpha')}`)).answer).toBe('200');
  });
});

/** Not by fetch: the answer comes before the request has been sent, and not from the application. */
function statusOfHeader(url: string, authorization: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/portal/widget/health`, { headers: { authorization } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

describe('with the keys of an identity provider', () => {
  let api: Awaited<ReturnType<typeof runApi>>;
  let provider: Server;
  let stranger: Server;
  let askedStranger = 0;
  let ours: { jwk: JWK; pem: string; key: CryptoKey };
  let theirs: { jwk: JWK; key: CryptoKey };

  beforeAll(async () => {
    const [rsa, curve, foreign] = await Promise.all([
      generateKeyPair('RS256', { extractable: true }),
      generateKeyPair('ES256'),
      generateKeyPair('RS256'),
    ]);
    ours = { jwk: { ...(await exportJWK(rsa.publicKey)), kid: 'rsa' }, pem: await exportSPKI(rsa.publicKey), key: rsa.privateKey };
    theirs = { jwk: await exportJWK(foreign.publicKey), key: foreign.privateKey };
    const keys = [ours.jwk, { ...(await exportJWK(curve.publicKey)), kid: 'curve' }];
    provider = createServer((_request, response) => response.end(JSON.stringify({ keys }))).listen(0, '127.0.0.1');
    stranger = createServer((_request, response) => {
      askedStranger += 1;
      response.end(JSON.stringify({ keys: [theirs.jwk] }));
    }).listen(0, '127.0.0.1');
    await Promise.all([once(provider, 'listening'), once(stranger, 'listening')]);
    api = await runApi(database, { environment: { AUTH_JWT_SECRET: undefined, AUTH_JWKS_URL: urlOf(provider) } });
  });
  afterAll(async () => {
    await api.stop();
    provider.close();
    stranger.close();
  });

  const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const signed = (header: Record<string, unknown>, key: CryptoKey): Promise<string> =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', ...header }).sign(key);

  test.each<[string, () => string | Promise<string>]>([
    ['no algorithm', () => `${encoded({ alg: 'none' })}.${encoded(claims)}.`],
    ['the text of the public key for a shared secret', () => jws({ ...hs256, kid: 'rsa' }, claims, ours.pem)],
    [
      'the numbers of the public key for a shared secret',
      () => jws({ ...hs256, kid: 'rsa' }, claims, Buffer.from(ours.jwk.n ?? '', 'base64url')),
    ],
    [
      'a signature of zeros',
      () => `${encoded({ alg: 'ES256', kid: 'curve' })}.${encoded(claims)}.${Buffer.alloc(64).toString('base64url')}`,
    ],
    ["a stranger's signature under our key id", () => signed({ kid: 'rsa' }, theirs.key)],
    ["a stranger's key in its header", () => signed({ kid: 'rsa', jwk: theirs.jwk }, theirs.key)],
    [
      "the address of a stranger's keys in its header",
      () => signed({ kid: 'theirs', jku: urlOf(stranger), x5u: urlOf(stranger) }, theirs.key),
    ],
    ['an unknown key id', () => signed({ kid: 'other' }, ours.key)],
    ['a key id that is a path', () => signed({ kid: '../keys/rsa' }, ours.key)],
    ['the key id of a key of another kind', () => signed({ kid: 'curve' }, ours.key)],
    ['an extension that must be understood', () => `${encoded({ alg: 'RS256', kid: 'rsa', crit: ['x'], x: 1 })}.${encoded(claims)}.AAAA`],
  ])('a token with %s is refused without a look at the database', async (_what, makeToken) => {
    expect(await judged(api.url, `Bearer ${await makeToken()}`)).toEqual(refusedAs('UNAUTHENTICATED'));
  });

  test('a good one passes, and nobody but the identity provider was ever asked for keys', async () => {
    expect((await judged(api.url, `Bearer ${await signed({ kid: 'rsa' }, ours.key)}`)).answer).toBe('200');
    expect(askedStranger).toBe(0);
  });
});
