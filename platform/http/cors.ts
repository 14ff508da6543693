import cors from '@koa/cors';
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { exactly } from './exact-paths.ts';
import type { CorsKind, Route } from './route.ts';

interface CorsPolicy {
  credentials: boolean;
  allowMethods: string[];
  allowHeaders: string[];
  /** A page could not honour Retry-After otherwise. */
  exposeHeaders: string[];
  maxAge: number;
}

const exposed = ['Retry-After', 'x-request-id'];

/**
 * Widget routes are called from any customer's page and carry no credentials; portal routes answer the configured origins only. A request
 * without an Origin passes: CORS protects browsers' users, it is no authentication.
 */
const policies: Record<Exclude<CorsKind, 'none'>, CorsPolicy> = {
  widget: {
    credentials: false,
    allowMethods: ['GET', 'POST'],
    allowHeaders: ['content-type', 'x-site-id', 'x-org-key', 'x-request-id'],
    exposeHeaders: exposed,
    maxAge: 86_400,
  },
  portal: {
    credentials: true,
    allowMethods: ['GET', 'POST', 'DELETE'],
    allowHeaders: ['authorization', 'content-type', 'x-admin-key', 'x-request-id'],
    exposeHeaders: [...exposed, 'Content-Disposition', 'X-Widget-Health', 'RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'],
    maxAge: 600,
  },
  site: {
    credentials: false,
    allowMethods: ['POST'],
    allowHeaders: ['content-type', 'x-request-id'],
    exposeHeaders: exposed,
    maxAge: 600,
  },
};

/** What Access-Control-Allow-Origin says; empty when the page may not read the answer. */
function allowedOrigin(kind: CorsKind, origin: string, allowedOrigins: readonly string[]): string {
  if (kind === 'none') return '';
  if (kind === 'widget') return '*';
  return allowedOrigins.includes(origin) ? origin : '';
}

/** The headers of an answer, other than to a preflight, to a page of this origin (empty without one). */
export function corsHeaders(kind: CorsKind, origin: string, allowedOrigins: readonly string[]): Record<string, string> {
  if (kind === 'none') return {};
  const allowed = allowedOrigin(kind, origin, allowedOrigins);
  if (allowed === '') return { Vary: 'Origin' };
  const { credentials, exposeHeaders } = policies[kind];
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': allowed,
    ...(credentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}),
    'Access-Control-Expose-Headers': exposeHeaders.join(','),
  };
}

/** Answers preflights and lets pages read answers, as the kind of the route says. */
export function corsByRoute(options: { routes: readonly Route[]; allowedOrigins: readonly string[] }): Middleware {
  const kinds = new Map<string, CorsKind>();
  const exact = exactly(
    options.routes,
    ({ path }) => path,
    (route) => route.cors,
  );
  const router = new Router();
  for (const route of options.routes) {
    kinds.set(route.path, route.cors);
    router.all(route.path, () => undefined);
  }
  const originFor = (kind: CorsKind, ctx: Context): string => allowedOrigin(kind, ctx.get('Origin'), options.allowedOrigins);
  const middlewareOf = (kind: keyof typeof policies): Middleware => cors({ ...policies[kind], origin: (ctx) => originFor(kind, ctx) });
  const byKind: Record<CorsKind, Middleware> = {
    widget: middlewareOf('widget'),
    portal: middlewareOf('portal'),
    site: middlewareOf('site'),
    none: (_ctx, next) => next(),
  };
  return (ctx, next) => {
    const kind = exact.get(ctx.path) ?? kindByPattern(ctx);
    if (ctx.method === 'OPTIONS' && ctx.get('Access-Control-Request-Method') === '') allowReading(ctx, kind);
    return byKind[kind](ctx, next);
  };

  /** An OPTIONS that is no preflight, which the middleware leaves alone: its page may still read why it is refused. */
  function allowReading(ctx: Context, kind: CorsKind): void {
    const origin = originFor(kind, ctx);
    if (origin === '') return;
    ctx.set('Access-Control-Allow-Origin', origin);
    if (kind === 'portal') ctx.set('Access-Control-Allow-Credentials', 'true');
  }

  function kindByPattern(ctx: Context): CorsKind {
    const path = router.match(ctx.path, ctx.method).path[0]?.path;
    return (typeof path === 'string' ? kinds.get(path) : undefined) ?? 'none';
  }
}
