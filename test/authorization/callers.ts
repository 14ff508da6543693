import { createIngestKey, revokeIngestKey } from '../../jobs/provisioning.ts';
import type { TestDatabase } from '../support/database.ts';
import { adminToken, insertOrganization, portalToken, signToken, testIdentity } from '../support/services.ts';
import type { Route } from '../../platform/http/route.ts';
import type { TenantKey } from './tenants.ts';

export interface Caller {
  headers: Readonly<Record<string, string>>;
  /** The organization that the credentials speak for, where they are good ones. */
  org?: TenantKey;
  role?: 'member' | 'owner' | 'admin';
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const wrongSecret = 'x'.repeat(32);

/** Whoever may call, with good credentials and with bad ones. */
export async function createCallers(database: TestDatabase) {
  await insertOrganization(database, { key: 'deactivated', columns: { is_active: false } });
  const key = async (orgKey: TenantKey, name: string) => createIngestKey(database.db, { orgKey, name });
  const revoked = await key('alpha', 'revoked');
  await revokeIngestKey(database.db, revoked.id);
  const exp = Math.floor(Date.now() / 1000) - 120;
  return {
    nobody: { headers: {} },
    'malformed token': { headers: bearer('not.a.token') },
    'member of alpha': { headers: bearer(await portalToken('alpha')), org: 'alpha', role: 'member' },
    'owner of alpha': { headers: bearer(await portalToken('alpha', { role: 'owner' })), org: 'alpha', role: 'owner' },
    'owner of alpha by cookie': {
      headers: { cookie: `portal_session=${await portalToken('alpha', { role: 'owner' })}` },
      org: 'alpha',
      role: 'owner',
    },
    'member of bravo': { headers: bearer(await portalToken('bravo')), org: 'bravo', role: 'member' },
    'member of an unknown organization': { headers: bearer(await portalToken('nobody')) },
    'member of a deactivated organization': { headers: bearer(await portalToken('deactivated')) },
    'member with an expired token': { headers: bearer(await portalToken('alpha', { exp })) },
    'member with a forged token': { headers: bearer(await signToken({ org: 'alpha', role: 'member' }, wrongSecret)) },
    'member by another issuer': { headers: bearer(await portalToken('alpha', { iss: 'https://login.evil.example' })) },
    'member without a role': { headers: bearer(await portalToken('alpha', { role: undefined })) },
    administrator: { headers: bearer(await adminToken()), role: 'admin' },
    'administrator by cookie': { headers: { cookie: `admin_session=${await adminToken()}` }, role: 'admin' },
    'administrator by the cookie of the portal': { headers: { cookie: `portal_session=${await adminToken()}` } },
    'owner of alpha by the cookie of administrators': {
      headers: { cookie: `admin_session=${await portalToken('alpha', { role: 'owner' })}` },
    },
    'expired administrator': { headers: bearer(await adminToken({ exp })) },
    'forged administrator': { headers: bearer(await signToken({ role: 'admin' }, wrongSecret)) },
    'admin key': { headers: { 'x-admin-key': testIdentity.adminKey } },
    'wrong admin key': { headers: { 'x-admin-key': `${testIdentity.adminKey}x` } },
    'ingest key of alpha': { headers: bearer((await key('alpha', 'backend')).key), org: 'alpha' },
    'ingest key of bravo': { headers: bearer((await key('bravo', 'backend')).key), org: 'bravo' },
    'revoked ingest key': { headers: bearer(revoked.key) },
    'unknown ingest key': { headers: bearer(`ik_${'A'.repeat(43)}`) },
    'webhook token': { headers: bearer(testIdentity.webhookToken) },
    'wrong webhook token': { headers: bearer(`${testIdentity.webhookToken}x`) },
  } satisfies Record<string, Caller>;
}

export type CallerName = keyof Awaited<ReturnType<typeof createCallers>>;
export type Callers = Readonly<Record<CallerName, Caller>>;

const users = {
  'member of alpha': 'past',
  'owner of alpha': 'past',
  'owner of alpha by cookie': 'past',
  'member of bravo': 'past',
  'member of an unknown organization': 404,
  'member of a deactivated organization': 403,
  'administrator by the cookie of the portal': 403,
} as const;
const administrators = { administrator: 'past', 'administrator by cookie': 'past' } as const;

/** Status of a caller before the route looks at anything else; `past` is through the door. Everyone who is not listed is 401. */
const doors: Readonly<Record<Exclude<Route['identity'], 'public'>, Partial<Record<CallerName, number | 'past'>>>> = {
  'org user': { ...users, administrator: 403 },
  'org user or nobody': {
    ...users,
    administrator: 403,
    // Without a token and without the portal's cookie.
    nobody: 'past',
    'administrator by cookie': 'past',
    'owner of alpha by the cookie of administrators': 'past',
    'admin key': 'past',
    'wrong admin key': 'past',
  },
  'org user or admin': { ...users, ...administrators },
  'owner or admin': { ...users, ...administrators, 'member of alpha': 403, 'member of bravo': 403 },
  admin: {
    ...administrators,
    'member of alpha': 403,
    'owner of alpha': 403,
    'member of bravo': 403,
    'member of an unknown organization': 403,
    'member of a deactivated organization': 403,
    'owner of alpha by the cookie of administrators': 403,
  },
  'admin key': { 'admin key': 'past' },
  'ingest key': { 'ingest key of alpha': 'past', 'ingest key of bravo': 'past' },
  webhook: { 'webhook token': 'past' },
};

export function doorFor(identity: Route['identity'], caller: CallerName): number | 'past' {
  return identity === 'public' ? 'past' : (doors[identity][caller] ?? 401);
}
