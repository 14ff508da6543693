import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { startApi, type Api } from '../../api/app.ts';
import { startExporter, type Exporter } from '../../exporter/app.ts';
import { startJobs, type Jobs } from '../../jobs/app.ts';
import { createOrganization } from '../../jobs/provisioning.ts';
import { readConfig, type JobsConfig } from '../../platform/config.ts';
import { Lifecycle } from '../../platform/lifecycle.ts';
import { createLogger } from '../../platform/log.ts';
import type { Clock } from '../../platform/time/utc-day.ts';
import { checkAnswersOf } from './checked-listeners.ts';
import type { TestDatabase } from './database.ts';

/** Secrets and names that every test's processes share. */
export const testIdentity = {
  jwtSecret: randomBytes(32).toString('base64url'),
  issuer: 'https://login.example.com',
  audience: 'widget-observability',
  adminKey: randomBytes(24).toString('base64url'),
  webhookToken: randomBytes(24).toString('base64url'),
  orgTokenSecret: randomBytes(32).toString('base64url'),
  ipHashPepper: randomBytes(32).toString('base64url'),
  portalOrigin: 'https://portal.example.com',
};

/** The variables that every process needs, pointing at one test database. */
export function testEnvironment(
  database: TestDatabase,
  overrides: Record<string, string | undefined> = {},
): Record<string, string | undefined> {
  return {
    LOG_LEVEL: 'fatal',
    // The test server keeps nothing through a crash of its machine.
    ALLOW_LOSSY_DATABASE: 'true',
    DATABASE_URL_EXPORTER: database.url('observability_exporter'),
    DATABASE_URL_API: database.url('observability_api'),
    DATABASE_URL_ADMIN: database.url('observability_admin'),
    DATABASE_URL_JOBS: database.url('observability_jobs'),
    EXPORTER_PORT: '0',
    EXPORTER_METRICS_PORT: '0',
    API_PORT: '0',
    API_METRICS_PORT: '0',
    JOBS_METRICS_PORT: '0',
    ORG_TOKEN_SECRET: testIdentity.orgTokenSecret,
    IP_HASH_PEPPER: testIdentity.ipHashPepper,
    ALERTMANAGER_WEBHOOK_TOKEN: testIdentity.webhookToken,
    AUTH_JWT_SECRET: testIdentity.jwtSecret,
    AUTH_ISSUER: testIdentity.issuer,
    AUTH_AUDIENCE: testIdentity.audience,
    ADMIN_API_KEY: testIdentity.adminKey,
    CORS_ALLOWED_ORIGINS: testIdentity.portalOrigin,
    RATE_LIMIT_MULTIPLIER: '1000',
    ...overrides,
  };
}

interface Running {
  stop: () => Promise<void>;
}

const realClock: Clock = () => new Date();

/** What a job sees of the configuration. */
export function jobsConfig(database: TestDatabase, overrides: Record<string, string | undefined> = {}): JobsConfig {
  return readConfig('jobs', testEnvironment(database, overrides));
}

/** The exporter in this process, on free ports, with its directory loaded. */
export async function runExporter(
  database: TestDatabase,
  options: { environment?: Record<string, string | undefined>; now?: Clock } = {},
): Promise<Exporter & Running & { url: string; metricsUrl: string }> {
  const config = readConfig('exporter', testEnvironment(database, options.environment));
  const log = createLogger({ service: 'exporter', level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle(log);
  const exporter = await startExporter({ config, lifecycle, log, now: options.now ?? realClock });
  const url = `http://127.0.0.1:${exporter.publicPort}`;
  lifecycle.onStop('checks of answers', checkAnswersOf('exporter', url));
  return {
    ...exporter,
    url,
    metricsUrl: `http://127.0.0.1:${exporter.metricsPort}`,
    stop: () => lifecycle.stop(),
  };
}

/** The API in this process, on free ports. */
export async function runApi(
  database: TestDatabase,
  options: { environment?: Record<string, string | undefined>; now?: Clock } = {},
): Promise<Api & Running & { url: string; metricsUrl: string }> {
  const config = readConfig('api', testEnvironment(database, options.environment));
  const log = createLogger({ service: 'api', level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle(log);
  const api = await startApi({ config, lifecycle, log, now: options.now ?? realClock });
  const url = `http://127.0.0.1:${api.publicPort}`;
  lifecycle.onStop('checks of answers', checkAnswersOf('api', url));
  return {
    ...api,
    url,
    metricsUrl: `http://127.0.0.1:${api.metricsPort}`,
    stop: () => lifecycle.stop(),
  };
}

/** The jobs process in this process, on a free port. */
export async function runJobs(
  database: TestDatabase,
  options: { environment?: Record<string, string | undefined>; now?: Clock } = {},
): Promise<Jobs & Running & { metricsUrl: string }> {
  const config = readConfig('jobs', testEnvironment(database, options.environment));
  const log = createLogger({ service: 'jobs', level: config.LOG_LEVEL });
  const lifecycle = new Lifecycle(log);
  const jobs = await startJobs({ config, lifecycle, log, now: options.now ?? realClock });
  return { ...jobs, metricsUrl: `http://127.0.0.1:${jobs.metricsPort}`, stop: () => lifecycle.stop() };
}

/** A signed token; `claims` override the usual ones, undefined leaves a claim out. */
export async function signToken(claims: Record<string, unknown>, secret: string = testIdentity.jwtSecret): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  const all: Record<string, unknown> = {
    iss: testIdentity.issuer,
    aud: testIdentity.audience,
    sub: 'user-1',
    exp: seconds + 600,
    ...claims,
  };
  for (const [name, value] of Object.entries(all)) if (value === undefined) delete all[name];
  return new SignJWT(all).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

export function portalToken(orgKey: string, claims: Record<string, unknown> = {}): Promise<string> {
  return signToken({ org: orgKey, role: 'member', ...claims });
}

export function adminToken(claims: Record<string, unknown> = {}): Promise<string> {
  return signToken({ role: 'admin', sub: 'admin-1', ...claims });
}

/** The value of one series in a scrape; undefined when it is absent. `series` as the exposition writes it, labels in order. */
export async function scrape(
  metricsUrl: string,
  path: '/metrics' | '/metrics/orgs' = '/metrics',
): Promise<{ text: string; value: (series: string) => number | undefined }> {
  const text = await (await fetch(`${metricsUrl}${path}`)).text();
  return {
    text,
    value: (series) => {
      const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length + 1));
    },
  };
}

/** An organization as superuser, with columns that the command does not set. */
export async function insertOrganization(
  database: TestDatabase,
  organization: { key: string; name?: string; allowedDomains?: string[]; columns?: Record<string, unknown> },
): Promise<{ id: number; key: string; siteId: string }> {
  // In one transaction: an exporter that reads its directory just then would keep half an organization for a minute.
  return database.transaction(async (db) => {
    const created = await createOrganization(db, {
      key: organization.key,
      name: organization.name ?? organization.key,
      allowedDomains: organization.allowedDomains ?? [],
    });
    for (const [column, value] of Object.entries(organization.columns ?? {})) {
      await db.query(`update organizations set ${column} = $2 where id = $1`, [created.id, value]);
    }
    return created;
  });
}
