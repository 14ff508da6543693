import type { JWTPayload } from 'jose';
import { cleanText } from '../clean-text.ts';
import { HttpError, type ErrorCode } from '../http/errors.ts';
import type { IncomingRequest } from '../http/route.ts';
import type { Directory, IngestKeyOwner, Organization } from '../directory/directory.ts';
import type { VerifyJwt } from './jwt.ts';
import { bearerToken, digestOf, isSameSecret } from './secrets.ts';

/**
 * Who may call a route. Each function below makes one kind of authenticator; a route is given exactly one, so a route without authentication
 * cannot be written by forgetting it. Source: contracts, Identities and HTTP.
 */
export interface Authenticator<Identity> {
  /** Name of the identity in the documents and in the authorization matrix. */
  identity:
    | 'public'
    | 'org user'
    | 'org user or nobody'
    | 'org user or admin'
    | 'owner or admin'
    | 'admin'
    | 'admin key'
    | 'ingest key'
    | 'webhook';
  /** Codes that `authenticate` may throw. */
  errors: readonly ErrorCode[];
  authenticate: (request: IncomingRequest) => Promise<Identity>;
}

export interface OrgUser {
  sub: string;
  actor: string;
  role: 'member' | 'owner';
  organization: Organization;
}

export interface Admin {
  sub: string;
  /** `email` claim, else `sub`: what the audit trail names. */
  actor: string;
}

export const publicCaller: Authenticator<undefined> = { identity: 'public', errors: [], authenticate: () => Promise.resolve(undefined) };

/** Anybody, but from a page only when its origin is configured. A request without an Origin passes. Source: contracts, CORS. */
export function publicFromOrigins(allowedOrigins: readonly string[]): Authenticator<undefined> {
  return {
    identity: 'public',
    errors: ['ORIGIN_NOT_ALLOWED'],
    authenticate: async (request) => {
      const origin = request.header('origin');
      if (origin !== undefined && !allowedOrigins.includes(origin)) {
        throw new HttpError('ORIGIN_NOT_ALLOWED', 'this origin is not in CORS_ALLOWED_ORIGINS; add it there');
      }
      return undefined;
    },
  };
}

/** Whoever of the two calls; `orgUser` is undefined for an administrator. */
export type OrgUserOrAdmin = { orgUser: OrgUser; admin?: undefined } | { orgUser?: undefined; admin: Admin };

export interface TokenOptions {
  verify: VerifyJwt;
  directory: Directory;
  /** Origins from which a cookie may be used for an unsafe method. */
  allowedOrigins: readonly string[];
}

const organizationKey = /^[a-z0-9][a-z0-9-]{0,62}$/;
const roles = ['member', 'owner', 'admin'] as const;
const tokenErrors = ['UNAUTHENTICATED', 'TOKEN_EXPIRED', 'FORBIDDEN', 'CSRF_REJECTED'] as const;

export function orgUser(options: TokenOptions): Authenticator<OrgUser> {
  return {
    identity: 'org user',
    errors: [...tokenErrors, 'ORG_NOT_FOUND', 'ORG_DEACTIVATED', 'DATABASE_UNAVAILABLE'],
    authenticate: async (request) => {
      const claims = await readClaims(request, 'portal_session', options);
      if (claims.role === 'admin') throw new HttpError('FORBIDDEN', 'this is for users of an organization, not for administrators');
      if (typeof claims.org !== 'string' || !organizationKey.test(claims.org)) {
        throw new HttpError('UNAUTHENTICATED', 'the token names no organization');
      }
      const organization = await options.directory.organizationByKey(claims.org);
      if (organization === undefined) throw new HttpError('ORG_NOT_FOUND', 'the organization of this token does not exist');
      if (!organization.isActive) throw new HttpError('ORG_DEACTIVATED', 'the organization is deactivated');
      return { sub: claims.sub, actor: claims.actor, role: claims.role, organization };
    },
  };
}

/** An organization's user, or undefined for a caller without any credentials; credentials that are no good are refused all the same. */
export function orgUserOrNobody(options: TokenOptions): Authenticator<OrgUser | undefined> {
  const user = orgUser(options);
  return {
    identity: 'org user or nobody',
    errors: user.errors,
    authenticate: async (request) => {
      const carriesCredentials = request.header('authorization') !== undefined || request.cookie('portal_session') !== undefined;
      return carriesCredentials ? user.authenticate(request) : undefined;
    },
  };
}

export function admin(options: TokenOptions): Authenticator<Admin> {
  return {
    identity: 'admin',
    errors: tokenErrors,
    authenticate: async (request) => {
      const { sub, actor, role } = await readClaims(request, 'admin_session', options);
      if (role !== 'admin') throw new HttpError('FORBIDDEN', 'this is for administrators');
      return { sub, actor };
    },
  };
}

/** A valid cookie of an administrator wins over that of an organization's user; a Bearer token is what its role says. */
export function orgUserOrAdmin(options: TokenOptions): Authenticator<OrgUserOrAdmin> {
  const user = orgUser(options);
  const administrator = admin(options);
  return {
    identity: 'org user or admin',
    errors: user.errors,
    authenticate: async (request) => {
      if (await isAdministrator(request, options)) return { admin: await administrator.authenticate(request) };
      return { orgUser: await user.authenticate(request) };
    },
  };
}

/** The same, but for members: what they may only look at. */
export function ownerOrAdmin(options: TokenOptions): Authenticator<OrgUserOrAdmin> {
  const either = orgUserOrAdmin(options);
  return {
    ...either,
    identity: 'owner or admin',
    authenticate: async (request) => {
      const caller = await either.authenticate(request);
      if (caller.orgUser?.role === 'member') throw new HttpError('FORBIDDEN', 'this is for owners of the organization: ask one of them');
      return caller;
    },
  };
}

/** A cookie that is no good is as none: the portal's may be beside it. Without that, its refusal is the one to tell. */
async function isAdministrator(request: IncomingRequest, { verify }: TokenOptions): Promise<boolean> {
  const bearer = bearerToken(request.header('authorization'));
  const token = bearer ?? request.cookie('admin_session');
  if (token === undefined) return false;
  try {
    return checkClaims(await verify(token)).role === 'admin';
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return bearer === undefined && request.cookie('portal_session') === undefined;
  }
}

interface Claims {
  sub: string;
  actor: string;
  role: (typeof roles)[number];
  org: unknown;
}

async function readClaims(request: IncomingRequest, cookie: string, options: TokenOptions): Promise<Claims> {
  const bearer = bearerToken(request.header('authorization'));
  const token = bearer ?? request.cookie(cookie);
  if (token === undefined) throw new HttpError('UNAUTHENTICATED', `a Bearer token or the cookie ${cookie} is required`);
  const claims = checkClaims(await options.verify(token));
  const isUnsafe = !['GET', 'HEAD', 'OPTIONS'].includes(request.method);
  if (bearer === undefined && isUnsafe && !options.allowedOrigins.includes(request.header('origin') ?? '')) {
    throw new HttpError('CSRF_REJECTED', 'a request with a cookie must come from an allowed origin');
  }
  return claims;
}

function checkClaims(payload: JWTPayload): Claims {
  const role = roles.find((known) => known === payload['role']);
  const { sub } = payload;
  if (role === undefined || typeof sub !== 'string' || sub === '') {
    throw new HttpError('UNAUTHENTICATED', 'the token lacks a usable sub or role claim');
  }
  const email = payload['email'];
  return { sub, role, org: payload['org'], actor: cleanText(typeof email === 'string' && email !== '' ? email : sub) };
}

/** The shared key of trusted servers that may read across organizations. */
export function adminKey(expected: string | undefined): Authenticator<undefined> {
  return {
    identity: 'admin key',
    errors: ['unauthorized', 'admin_auth_not_configured'],
    authenticate: async (request) => {
      if (expected === undefined) throw new HttpError('admin_auth_not_configured', 'admin_auth_not_configured');
      if (!isSameSecret(request.header('x-admin-key') ?? '', expected)) throw new HttpError('unauthorized', 'unauthorized');
      return undefined;
    },
  };
}

const ingestKeyFormat = /^ik_[A-Za-z0-9_-]{43}$/;

/** A trusted server of one organization. */
export function ingestKey(directory: Directory): Authenticator<IngestKeyOwner> {
  return {
    identity: 'ingest key',
    errors: ['INVALID_INGEST_KEY', 'DATABASE_UNAVAILABLE'],
    authenticate: async (request) => {
      const key = bearerToken(request.header('authorization'));
      const owner = key !== undefined && ingestKeyFormat.test(key) ? await directory.ingestKeyOwner(digestOf(key)) : undefined;
      if (owner === undefined) throw new HttpError('INVALID_INGEST_KEY', 'the ingest key is missing, unknown or revoked');
      return owner;
    },
  };
}

/** Alertmanager. */
export function webhook(expected: string | undefined): Authenticator<undefined> {
  return {
    identity: 'webhook',
    errors: ['UNAUTHENTICATED', 'WEBHOOK_NOT_CONFIGURED'],
    authenticate: async (request) => {
      if (expected === undefined) throw new HttpError('WEBHOOK_NOT_CONFIGURED', 'ALERTMANAGER_WEBHOOK_TOKEN is not set on the exporter');
      if (!isSameSecret(bearerToken(request.header('authorization')) ?? '', expected)) {
        throw new HttpError('UNAUTHENTICATED', 'the webhook token is missing or wrong');
      }
      return undefined;
    },
  };
}
