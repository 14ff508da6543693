import { createLocalJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { HttpError } from '../http/errors.ts';
import type { Logger } from '../log.ts';
import type { Clock } from '../time/utc-day.ts';

/** Verifies a compact JWT and answers its claims. Throws 401 `TOKEN_EXPIRED` or `UNAUTHENTICATED`. */
export type VerifyJwt = (token: string) => Promise<JWTPayload>;

export interface JwtOptions {
  issuer: string;
  audience: string;
  /** HS256 with a shared secret, or the public keys of an identity provider (RS256, ES256). */
  keys: { secret: string } | { jwksUrl: string };
  now: Clock;
  log: Logger;
}

const clockToleranceSeconds = 30;

export function createJwtVerifier(options: JwtOptions): VerifyJwt {
  const { keys } = options;
  const algorithms = 'secret' in keys ? ['HS256'] : ['RS256', 'ES256'];
  const secret = 'secret' in keys ? new TextEncoder().encode(keys.secret) : undefined;
  const jwks = 'jwksUrl' in keys ? createJwks(keys.jwksUrl, options) : undefined;
  const rules = () => ({
    algorithms,
    issuer: options.issuer,
    audience: options.audience,
    requiredClaims: ['exp', 'iss', 'aud'],
    clockTolerance: clockToleranceSeconds,
    currentDate: options.now(),
  });
  return async (token) => {
    try {
      if (secret !== undefined) return (await jwtVerify(token, secret, rules())).payload;
      if (jwks !== undefined) return (await jwtVerify(token, jwks, rules())).payload;
      throw new Error('neither a secret nor a JWKS URL');
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw new HttpError('TOKEN_EXPIRED', 'the token has expired; sign in again', { cause: error });
      throw new HttpError('UNAUTHENTICATED', 'the token is not valid', { cause: error });
    }
  };
}

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

const refreshAfterMs = 10 * 60_000;
const unknownKeyRefreshAfterMs = 60_000;
/** Without any key nobody can sign in: the URL is asked again much sooner. */
const noKeysRefreshAfterMs = 5000;
const fetchTimeoutMs = 5000;

/**
 * Keys of a JWKS URL: fetched again after 10 minutes, and at most once a minute for an unknown key id; while the URL fails the
 * keys in hand stay in use, since refusing every user is worse than trusting a key ten minutes longer.
 */
function createJwks(url: string, { now, log }: Pick<JwtOptions, 'now' | 'log'>): JWTVerifyGetKey {
  let current: JWTVerifyGetKey | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  async function fetchKeys(): Promise<void> {
    triedAt = now().getTime();
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(fetchTimeoutMs), redirect: 'error' });
      if (!response.ok) throw new Error(`the JWKS URL answered ${response.status}`);
      current = createLocalJWKSet(keySet.parse(await response.json()));
    } catch (error) {
      log.warn({ error }, 'could not fetch the signing keys; those in hand stay in use');
    }
  }

  const refresh = (): Promise<void> => (fetching ??= fetchKeys().finally(() => (fetching = undefined)));
  /** A try in the future means that the clock was set back since: its age is unknown, so it is old. */
  const age = (): number => (triedAt > now().getTime() ? refreshAfterMs : now().getTime() - triedAt);

  return async (header, token) => {
    if (age() >= refreshAfterMs || (current === undefined && age() >= noKeysRefreshAfterMs)) await refresh();
    else if (fetching !== undefined) await fetching;
    if (current === undefined) throw new errors.JWKSNoMatchingKey('no signing keys could be fetched yet');
    try {
      return await current(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || age() < unknownKeyRefreshAfterMs) throw error;
      await refresh();
      return current(header, token);
    }
  };
}
