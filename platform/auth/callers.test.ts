import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIngestKey, revokeIngestKey } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { adminToken, insertOrganization, portalToken, signToken, testIdentity } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createDirectory, type Directory } from '../directory/directory.ts';
import { HttpError } from '../http/errors.ts';
import type { IncomingRequest } from '../http/route.ts';
import { createLogger } from '../log.ts';
import { admin, ingestKey, orgUser, orgUserOrNobody, type TokenOptions } from './identities.ts';
import { createJwtVerifier } from './jwt.ts';

const log = createLogger({ service: 'api', level: 'silent' });
const now = (): Date => new Date();

let database: TestDatabase;
let directory: Directory;
let tokens: TokenOptions;
let acme: { id: number; key: string };

beforeAll(async () => {
  database = await createTestDatabase();
  acme = await insertOrganization(database, { key: 'acme', name: 'Acme' });
  await insertOrganization(database, { key: 'closed', columns: { is_active: false } });
});
beforeEach(() => {
  directory = createDirectory({ db: database.db, now, log });
  const verify = createJwtVerifier({
    issuer: testIdentity.issuer,
    audience: testIdentity.audience,
    keys: { secret: testIdentity.jwtSecret },
    now,
    log,
  });
  tokens = { verify, directory, allowedOrigins: [testIdentity.portalOrigin] };
});
afterAll(() => database.drop());

interface Sent {
  method?: string;
  bearer?: string;
  cookies?: Record<string, string>;
  headers?: Record<string, string>;
}

function request({ method = 'GET', bearer, cookies = {}, headers = {} }: Sent): IncomingRequest {
  const all: Record<string, string> = { ...headers, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) };
  return { method, header: (name) => all[name], cookie: (name) => cookies[name] };
}

const codeOf = (authenticated: Promise<unknown>): Promise<string> =>
  authenticated.then(
    () => 'past',
    (error: unknown) => {
      if (error instanceof HttpError) return error.code;
      throw error;
    },
  );

describe('a user of an organization', () => {
  test('is told by subject, role, organization, and the name that the audit trail gets', async () => {
    const user = await orgUser(tokens).authenticate(
      request({ bearer: await portalToken('acme', { role: 'owner', email: 'ada@example.com' }) }),
    );
    expect(user).toMatchObject({ sub: 'user-1', actor: 'ada@example.com', role: 'owner', organization: { id: acme.id, name: 'Acme' } });
    for (const email of [undefined, '', 7]) {
      const unnamed = await orgUser(tokens).authenticate(request({ bearer: await portalToken('acme', { email }) }));
      expect(unnamed.actor).toBe('user-1');
    }
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['of an unknown organization', { org: 'nobody' }, 'ORG_NOT_FOUND'],
    ['of a deactivated organization', { org: 'closed' }, 'ORG_DEACTIVATED'],
    ['without an organization', { org: undefined }, 'UNAUTHENTICATED'],
    ['with an organization that is no key', { org: 'Acme Corp' }, 'UNAUTHENTICATED'],
    ['of the overflow organization', { org: '__overflow__' }, 'UNAUTHENTICATED'],
    ['with a list of organizations', { org: ['acme'] }, 'UNAUTHENTICATED'],
    ['without a role', { role: undefined }, 'UNAUTHENTICATED'],
    ['with an unknown role', { role: 'root' }, 'UNAUTHENTICATED'],
    ['with the role in capitals', { role: 'OWNER' }, 'UNAUTHENTICATED'],
    ['with a list of roles', { role: ['member'] }, 'UNAUTHENTICATED'],
    ['without a subject', { sub: undefined }, 'UNAUTHENTICATED'],
    ['with an empty subject', { sub: '' }, 'UNAUTHENTICATED'],
    ['who is an administrator', { role: 'admin' }, 'FORBIDDEN'],
    ['whose session ended', { exp: Math.floor(Date.now() / 1000) - 60 }, 'TOKEN_EXPIRED'],
    ['of another portal', { aud: 'other' }, 'UNAUTHENTICATED'],
  ])('%s is refused as %s', async (_case, claims, code) => {
    expect(await codeOf(orgUser(tokens).authenticate(request({ bearer: await portalToken('acme', claims) })))).toBe(code);
  });

  test('comes with a cookie of its own: neither without a token, nor with the cookie of administrators', async () => {
    const token = await portalToken('acme');
    expect(await codeOf(orgUser(tokens).authenticate(request({ cookies: { portal_session: token } })))).toBe('past');
    expect(await codeOf(orgUser(tokens).authenticate(request({ cookies: { admin_session: token } })))).toBe('UNAUTHENTICATED');
    expect(await codeOf(orgUser(tokens).authenticate(request({})))).toBe('UNAUTHENTICATED');
    expect(await codeOf(orgUser(tokens).authenticate(request({ headers: { authorization: `Basic ${token}` } })))).toBe('UNAUTHENTICATED');
    expect(await codeOf(orgUser(tokens).authenticate(request({ headers: { authorization: token } })))).toBe('UNAUTHENTICATED');
  });

  test('with both is the one of the Bearer token, good or bad', async () => {
    const cookies = { portal_session: await portalToken('acme', { sub: 'by-cookie' }) };
    const both = await orgUser(tokens).authenticate(request({ cookies, bearer: await portalToken('acme', { sub: 'by-bearer' }) }));
    expect(both.sub).toBe('by-bearer');
    expect(await codeOf(orgUser(tokens).authenticate(request({ cookies, bearer: 'nonsense' })))).toBe('UNAUTHENTICATED');
  });

  test('with a cookie changes things from an allowed origin only, however the method is unsafe', async () => {
    const cookies = { portal_session: await portalToken('acme') };
    const from = (method: string, origin?: string): Promise<string> =>
      codeOf(orgUser(tokens).authenticate(request({ method, cookies, headers: origin === undefined ? {} : { origin } })));
    for (const method of ['GET', 'HEAD', 'OPTIONS']) expect(await from(method), method).toBe('past');
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(await from(method), method).toBe('CSRF_REJECTED');
      expect(await from(method, 'https://evil.example'), method).toBe('CSRF_REJECTED');
      expect(await from(method, `${testIdentity.portalOrigin}.evil.example`), method).toBe('CSRF_REJECTED');
      expect(await from(method, testIdentity.portalOrigin), method).toBe('past');
    }
  });

  test('whose token is bad learns that, not that the origin is wrong', async () => {
    const cookies = { portal_session: (await portalToken('acme', {})) + 'x' };
    expect(await codeOf(orgUser(tokens).authenticate(request({ method: 'POST', cookies })))).toBe('UNAUTHENTICATED');
  });
});

describe('a user of an organization or nobody', () => {
  test('is nobody without any credentials of its own', async () => {
    expect(await orgUserOrNobody(tokens).authenticate(request({}))).toBeUndefined();
    const foreign = { admin_session: await adminToken(), theme: 'dark' };
    expect(await orgUserOrNobody(tokens).authenticate(request({ cookies: foreign }))).toBeUndefined();
  });

  test('is the user whose credentials came along', async () => {
    const token = await portalToken('acme');
    for (const sent of [{ bearer: token }, { cookies: { portal_session: token } }]) {
      expect(await orgUserOrNobody(tokens).authenticate(request(sent))).toMatchObject({ sub: 'user-1', organization: { id: acme.id } });
    }
  });

  test.each<[string, () => Promise<Sent>, string]>([
    ['a bad token', () => Promise.resolve({ bearer: 'nonsense' }), 'UNAUTHENTICATED'],
    ['a bad cookie', () => Promise.resolve({ cookies: { portal_session: 'nonsense' } }), 'UNAUTHENTICATED'],
    ['an empty cookie', () => Promise.resolve({ cookies: { portal_session: '' } }), 'UNAUTHENTICATED'],
    ['another kind of credentials', () => Promise.resolve({ headers: { authorization: 'Basic YTpi' } }), 'UNAUTHENTICATED'],
    ['an expired token', async () => ({ bearer: await portalToken('acme', { exp: Math.floor(Date.now() / 1000) - 60 }) }), 'TOKEN_EXPIRED'],
    ['a forged token', async () => ({ bearer: await signToken({ org: 'acme', role: 'member' }, 'x'.repeat(32)) }), 'UNAUTHENTICATED'],
    ['a token of an administrator', async () => ({ bearer: await adminToken() }), 'FORBIDDEN'],
    ['a token of an unknown organization', async () => ({ bearer: await portalToken('nobody') }), 'ORG_NOT_FOUND'],
    ['a token of a deactivated organization', async () => ({ bearer: await portalToken('closed') }), 'ORG_DEACTIVATED'],
  ])('is not nobody with %s', async (_case, sent, code) => {
    expect(await codeOf(orgUserOrNobody(tokens).authenticate(request(await sent())))).toBe(code);
  });
});

describe('an administrator', () => {
  test('is told by subject and name, from Bearer token or cookie', async () => {
    const token = await adminToken({ email: 'root@example.com' });
    expect(await admin(tokens).authenticate(request({ bearer: token }))).toEqual({ sub: 'admin-1', actor: 'root@example.com' });
    expect(await admin(tokens).authenticate(request({ cookies: { admin_session: token } }))).toEqual({
      sub: 'admin-1',
      actor: 'root@example.com',
    });
    expect(await codeOf(admin(tokens).authenticate(request({ cookies: { portal_session: token } })))).toBe('UNAUTHENTICATED');
  });

  test('is nobody of an organization, whatever the role there', async () => {
    for (const role of ['member', 'owner']) {
      expect(await codeOf(admin(tokens).authenticate(request({ bearer: await portalToken('acme', { role }) })))).toBe('FORBIDDEN');
    }
    expect(await codeOf(admin(tokens).authenticate(request({ bearer: await signToken({ role: 'administrator' }) })))).toBe(
      'UNAUTHENTICATED',
    );
  });

  test('with a cookie changes things from an allowed origin only', async () => {
    const cookies = { admin_session: await adminToken() };
    expect(await codeOf(admin(tokens).authenticate(request({ method: 'POST', cookies })))).toBe('CSRF_REJECTED');
    const headers = { origin: testIdentity.portalOrigin };
    expect(await codeOf(admin(tokens).authenticate(request({ method: 'POST', cookies, headers })))).toBe('past');
  });
});

describe('an ingest key', () => {
  test('tells its organization, and that it is in use', async () => {
    const { id, key } = await createIngestKey(database.db, { orgKey: 'acme', name: 'backend' });
    expect(await ingestKey(directory).authenticate(request({ bearer: key }))).toEqual({ keyId: id, orgId: acme.id });
    await waitUntil(
      async () => (await database.query('select from ingest_keys where id = $1 and last_used_at is not null', [id])).length === 1,
      {
        within: 20_000,
        what: 'the use of the key to be recorded',
      },
    );
  });

  test('of a deactivated organization, a revoked and an unknown one, and no key at all are refused alike', async () => {
    const closed = await createIngestKey(database.db, { orgKey: 'closed', name: 'backend' });
    const revoked = await createIngestKey(database.db, { orgKey: 'acme', name: 'old' });
    await revokeIngestKey(database.db, revoked.id);
    const good = await createIngestKey(database.db, { orgKey: 'acme', name: 'good' });
    const shapes = [
      good.key.slice(0, -1),
      `${good.key}x`,
      good.key.toUpperCase(),
      good.key.replace('ik_', 'sk_'),
      `ik_${'!'.repeat(43)}`,
      'ik_',
    ];
    for (const bearer of [closed.key, revoked.key, `ik_${'A'.repeat(43)}`, ...shapes, undefined]) {
      const sent = request(bearer === undefined ? {} : { bearer });
      expect(await codeOf(ingestKey(directory).authenticate(sent)), bearer).toBe('INVALID_INGEST_KEY');
    }
    expect(await codeOf(ingestKey(directory).authenticate(request({ bearer: good.key })))).toBe('past');
  });
});
