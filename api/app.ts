import { createAudit } from '../platform/audit.ts';
import { admin, adminKey, orgUser, orgUserOrAdmin, orgUserOrNobody, ownerOrAdmin } from '../platform/auth/identities.ts';
import { createJwtVerifier } from '../platform/auth/jwt.ts';
import type { ApiConfig } from '../platform/config.ts';
import { createDirectory } from '../platform/directory/directory.ts';
import type { ApiDeps } from '../platform/http/api-slice.ts';
import { createApp, type App } from '../platform/http/app.ts';
import { startMetricsListener } from '../platform/http/metrics-listener.ts';
import { listen } from '../platform/http/server.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/log.ts';
import { createMetricsRegistry, type MetricsRegistry } from '../platform/metrics/registry.ts';
import { exposeBuildInfo, slowQueryCounter, watchDatabase } from '../platform/metrics/stack.ts';
import { openPool } from '../platform/postgres/pool.ts';
import type { Clock } from '../platform/time/utc-day.ts';
import { documentRoutes } from './documents.ts';
import { apiSlices, auditActions } from './routes.ts';

export interface Api {
  app: App;
  metrics: MetricsRegistry;
  publicPort: number;
  metricsPort: number;
}

/** By contract: a read that takes longer answers 503. */
const statementTimeoutMs = 5000;
/** One step of an export, or of a removal. */
const longStatementTimeoutMs = 60_000;

/** Starts the read side: portal and admin JSON on the public port. */
export async function startApi(options: { config: ApiConfig; lifecycle: Lifecycle; log: Logger; now: Clock }): Promise<Api> {
  const { config, lifecycle, log, now } = options;
  const metrics = createMetricsRegistry({ defaultMetrics: true });
  exposeBuildInfo(metrics, 'api', config.BUILD_COMMIT);
  const poolOptions = { statementTimeoutMs, log, onSlowQuery: slowQueryCounter(metrics, 'api') };
  const longOptions = { ...poolOptions, connectionString: config.DATABASE_URL_API, statementTimeoutMs: longStatementTimeoutMs };
  const pools = {
    organization: openPool({ ...poolOptions, connectionString: config.DATABASE_URL_API, max: 8, applicationName: 'api organization' }),
    exports: openPool({ ...longOptions, max: 3, applicationName: 'api exports' }),
    removals: openPool({ ...longOptions, max: 2, applicationName: 'api removals' }),
    admin: openPool({ ...poolOptions, connectionString: config.DATABASE_URL_ADMIN, max: 6, applicationName: 'api admin' }),
    probe: openPool({ ...poolOptions, connectionString: config.DATABASE_URL_API, max: 1, applicationName: 'api probe' }),
  };
  lifecycle.onStop('database pools', async () => {
    await Promise.all(Object.values(pools).map((pool) => pool.end()));
  });
  const database = watchDatabase({
    metrics,
    service: 'api',
    pools,
    probe: pools.probe,
    others: [pools.admin],
    safety: { acceptsLoss: config.ALLOW_LOSSY_DATABASE },
    log,
  });
  lifecycle.onStop('database probe', database.stop);

  // Before a caller is known there is no organization to see rows of, so look-ups run as the administrators' role.
  const directory = createDirectory({ db: pools.admin, now, log });
  const tokens = { verify: createJwtVerifier(jwtOptions(config, { now, log })), directory, allowedOrigins: config.CORS_ALLOWED_ORIGINS };
  const deps: ApiDeps = {
    config,
    orgPool: pools.organization,
    exportPool: pools.exports,
    removalPool: pools.removals,
    adminPool: pools.admin,
    directory,
    auth: {
      orgUser: orgUser(tokens),
      orgUserOrNobody: orgUserOrNobody(tokens),
      orgUserOrAdmin: orgUserOrAdmin(tokens),
      ownerOrAdmin: ownerOrAdmin(tokens),
      admin: admin(tokens),
      adminKey: adminKey(config.ADMIN_API_KEY),
    },
    audit: createAudit({ metrics, log, actions: auditActions }),
    metrics,
    log,
    now,
  };

  const metricsPort = await startMetricsListener({
    page: { service: 'api', summary: 'Answers the portal and the admin console in JSON.', documentsPort: config.API_PORT },
    metrics,
    isReady: database.isUp,
    config,
    port: config.API_METRICS_PORT,
    lifecycle,
    log,
  });
  const app = createApp({
    service: 'api',
    routes: [...apiSlices.flatMap((slice) => slice(deps)), ...documentRoutes(config)],
    log,
    metrics,
    now,
    allowedOrigins: config.CORS_ALLOWED_ORIGINS,
    trustedProxyHops: config.TRUSTED_PROXY_HOPS,
    rateLimitMultiplier: config.RATE_LIMIT_MULTIPLIER,
    isStopping: () => lifecycle.stopping,
  });
  const publicListener = await listen(app.callback, { port: config.API_PORT });
  lifecycle.onStop('public listener', publicListener.close);
  lifecycle.onStop('requests under way', app.drain);
  log.info({ port: publicListener.port, metricsPort }, 'api is listening');
  return { app, metrics, publicPort: publicListener.port, metricsPort };
}

function jwtOptions(config: ApiConfig, context: { now: Clock; log: Logger }): Parameters<typeof createJwtVerifier>[0] {
  const { AUTH_JWT_SECRET, AUTH_JWKS_URL } = config;
  const names = { issuer: config.AUTH_ISSUER, audience: config.AUTH_AUDIENCE, ...context };
  if (AUTH_JWT_SECRET !== undefined) return { ...names, keys: { secret: AUTH_JWT_SECRET } };
  if (AUTH_JWKS_URL !== undefined) return { ...names, keys: { jwksUrl: AUTH_JWKS_URL } };
  throw new Error('neither AUTH_JWT_SECRET nor AUTH_JWKS_URL is set: set one of them');
}
