import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { BenchDatabase } from './cluster.ts';

const jwtSecret = randomBytes(32).toString('base64url');
export const adminKey = randomBytes(24).toString('base64url');
const issuer = 'https://login.example.com';
const audience = 'widget-observability';

/** Load comes from one address and few callers, which a rate limit is there to stop. */
const noRateLimit = { RATE_LIMIT_MULTIPLIER: '1000000' };

export function exporterEnvironment(database: BenchDatabase): Record<string, string> {
  return {
    DATABASE_URL_EXPORTER: database.url('observability_exporter'),
    EXPORTER_PORT: '0',
    EXPORTER_METRICS_PORT: '0',
    ORG_TOKEN_SECRET: randomBytes(32).toString('base64url'),
    IP_HASH_PEPPER: randomBytes(32).toString('base64url'),
    ORG_SERIES_MAX_ORGS: '10000',
    ...noRateLimit,
  };
}

export function apiEnvironment(database: BenchDatabase): Record<string, string> {
  return {
    DATABASE_URL_API: database.url('observability_api'),
    DATABASE_URL_ADMIN: database.url('observability_admin'),
    API_PORT: '0',
    API_METRICS_PORT: '0',
    AUTH_JWT_SECRET: jwtSecret,
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: audience,
    ADMIN_API_KEY: adminKey,
    ...noRateLimit,
  };
}

export function jobsEnvironment(database: BenchDatabase): Record<string, string> {
  return { DATABASE_URL_JOBS: database.url('observability_jobs'), JOBS_METRICS_PORT: '0' };
}

/** A token that the API of {@link apiEnvironment} takes. */
export function signToken(claims: Record<string, string>): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(jwtSecret));
}
