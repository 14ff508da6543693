import Router from '@koa/router';
import Koa, { type Context, type Middleware, type Next } from 'koa';
import type { RequestListener } from 'node:http';
import type { Logger } from '../log.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { Service } from '../metrics/definitions.ts';
import { stackMetrics, type RejectionReason } from '../metrics/stack.ts';
import type { Clock } from '../time/utc-day.ts';
import { AnswerAbandonedError, createAnswerStreams, streamLimits, type StreamLimits } from './answer-stream.ts';
import { type ByteBudget, createByteBudget } from './byte-budget.ts';
import { corsByRoute } from './cors.ts';
import { exactly, methodAndPath } from './exact-paths.ts';
import { HttpError, presentError, toHttpError, type ErrorCode } from './errors.ts';
import { requestInstruments } from './finished-requests.ts';
import { probes } from './probes.ts';
import { createRateLimiter } from './rate-limit.ts';
import { requestIdFrom } from './request-id.ts';
import { createShedding } from './overload-shedding.ts';
import type { Answer, RequestState, Route } from './route.ts';
import { securityHeaders } from './security-headers.ts';

export interface AppOptions {
  service: Service;
  routes: readonly Route[];
  log: Logger;
  metrics: MetricsRegistry;
  now: Clock;
  allowedOrigins: readonly string[];
  trustedProxyHops: number;
  rateLimitMultiplier: number;
  /** True from the signal on: every new request is refused while queued work is still written. */
  isStopping: () => boolean;
  /** Most bytes of bodies that are read or wait for their answer; beyond it 503. Left out: any number. */
  maxBodyBytes?: number;
  /** Of answers that are sent while they are made. */
  streams?: StreamLimits;
}

export interface App {
  callback: RequestListener;
  routes: readonly Route[];
  /** Resolves when no request is being answered and no work after an answer is running. */
  drain(): Promise<void>;
}

/** What each error code of an ingest route counts as. */
const rejectionReasons: Partial<Record<ErrorCode, RejectionReason>> = {
  VALIDATION_ERROR: 'validation',
  UNSUPPORTED_MEDIA_TYPE: 'validation',
  INVALID_JSON: 'json',
  ORIGIN_MISSING: 'origin',
  DOMAIN_NOT_ALLOWED: 'origin',
  ORIGIN_NOT_ALLOWED: 'origin',
  UNAUTHENTICATED: 'auth',
  INVALID_INGEST_KEY: 'auth',
  WEBHOOK_NOT_CONFIGURED: 'auth',
  CHATBOT_NOT_FOUND: 'unknown_chatbot',
  PAYLOAD_TOO_LARGE: 'too_large',
  INGEST_OVERLOADED: 'overloaded',
  DATABASE_UNAVAILABLE: 'database',
  SHUTTING_DOWN: 'shutdown',
};

function bodyBudget({ maxBodyBytes, metrics }: AppOptions): ByteBudget | undefined {
  if (maxBodyBytes === undefined) return undefined;
  const budget = createByteBudget(maxBodyBytes);
  metrics.gaugeFrom(stackMetrics.bodyBytes, budget.takenBytes);
  metrics.gaugeFrom(stackMetrics.bodyLimitBytes, () => maxBodyBytes);
  return budget;
}

/** The Koa application of a service: request ids, metrics, errors, CORS, security headers and the routes. */
export function createApp(options: AppOptions): App {
  const { service, log, now } = options;
  const koa = new Koa();
  const inFlight = new Set<Promise<unknown>>();
  const limits = options.streams ?? streamLimits;
  const streams = createAnswerStreams(limits);
  const observe = requestInstruments(options);
  const security = securityHeaders(service);
  const shed = createShedding({ ...options, headers: security, observe });
  const limiter = createRateLimiter({ now, multiplier: options.rateLimitMultiplier });
  const rateLimited = options.metrics.counter(stackMetrics.rateLimited);
  for (const { rateLimitPolicy } of options.routes) if (rateLimitPolicy !== undefined) rateLimited.inc({ policy: rateLimitPolicy }, 0);
  const deps = {
    limiter,
    trustedProxyHops: options.trustedProxyHops,
    onRateLimited: (policy: string) => rateLimited.inc({ policy }),
    bodies: bodyBudget(options),
  };

  koa.use(track);
  koa.use(secure);
  koa.use(answerErrors);
  koa.use(corsByRoute(options));
  koa.use(answerProbes);
  koa.use(routerOf(options.routes, answerRoute));
  koa.use(refuseUnrouted(options.routes));

  /** First and last: the id, the time, the count of requests in flight. */
  async function track(ctx: Context, next: Next): Promise<void> {
    const state: RequestState = { requestId: requestIdFrom(ctx.headers['x-request-id']), startedAt: performance.now() };
    Object.assign(ctx.state, state);
    ctx.set('x-request-id', state.requestId);
    const finished = new Promise<void>((resolve) => ctx.res.once('close', resolve));
    keepUntilDone(finished);
    await next();
    if (options.isStopping()) ctx.set('Connection', 'close');
    void finished.then(() => {
      observe({
        ...state,
        method: ctx.method,
        route: (ctx.state['route'] as Route | undefined)?.path,
        // An answer that was cut short began as a success.
        status: (ctx.state['failedStatus'] as number | undefined) ?? ctx.res.statusCode,
      });
    });
  }

  function secure(ctx: Context, next: Next): Promise<void> {
    ctx.set(security);
    return next();
  }

  function keepUntilDone(work: Promise<unknown>): void {
    inFlight.add(work);
    void work.finally(() => inFlight.delete(work));
  }

  async function answerErrors(ctx: Context, next: Next): Promise<void> {
    try {
      await next();
    } catch (thrown) {
      if (ctx.res.headersSent || thrown instanceof AnswerAbandonedError) return cutShort(ctx, thrown);
      const error = toHttpError(thrown);
      if (error.status === 500)
        log.error({ error: error.cause, requestId: ctx.state['requestId'] as string, path: ctx.path }, 'a request failed');
      const reason = rejectionReasons[error.code];
      if (reason !== undefined) (ctx.state['route'] as Route | undefined)?.ingest?.rejected(reason);
      ctx.status = error.status;
      ctx.set({ 'Cache-Control': 'no-store', ...error.headers });
      ctx.body = presentError(error, { requestId: ctx.state['requestId'] as string, path: ctx.path });
    }
  }

  /** What was sent so far looks whole until the connection breaks: HTTP has no other way to say that it is not. */
  function cutShort(ctx: Context, thrown: unknown): void {
    ctx.respond = false;
    ctx.res.destroy();
    const about = { requestId: ctx.state['requestId'] as string, path: ctx.path };
    if (thrown instanceof AnswerAbandonedError) {
      log.info({ ...about, reason: thrown.message }, 'an answer was not taken to its end');
      return;
    }
    const error = toHttpError(thrown);
    ctx.state['failedStatus'] = error.status;
    log.error({ ...about, error: error.cause ?? error }, 'an answer was cut short');
  }

  async function answerRoute(route: Route, ctx: Context): Promise<void> {
    ctx.state['route'] = route;
    if (options.isStopping())
      throw new HttpError('SHUTTING_DOWN', 'the service is shutting down; send it again', { headers: { Connection: 'close' } });
    const answer: Answer = await route.run(ctx, deps);
    await send(ctx, answer);
    const { afterwards } = answer;
    if (afterwards === undefined) return;
    // The caller may have left before there was an answer.
    if (ctx.res.closed) keepUntilDone(afterwards());
    else ctx.res.once('close', () => keepUntilDone(afterwards()));
  }

  async function send(ctx: Context, answer: Answer): Promise<void> {
    const begin = (): void => {
      ctx.status = answer.status;
      ctx.set({ 'Cache-Control': 'no-store', ...answer.headers });
    };
    if (!('stream' in answer)) {
      begin();
      ctx.body = answer.body;
      return;
    }
    const sending = streams.send(ctx.res, answer.stream, () => {
      begin();
      ctx.respond = false;
    });
    // The client may be gone long before what makes the answer has stopped.
    keepUntilDone(sending.catch(() => undefined));
    await sending;
  }

  async function answerProbes(ctx: Context, next: Next): Promise<void> {
    const probe = probes.get(ctx.path);
    if (probe === undefined) return next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') throw methodNotAllowed('GET, HEAD');
    ctx.set('Cache-Control', 'no-store');
    ctx.body = probe.answer({ service, at: now() });
  }

  koa.on('error', (error: unknown) => {
    if (isBrokenConnection(error)) log.debug({ error }, 'a client broke its connection');
    else log.error({ error }, 'a request failed outside of its route');
  });
  const handle = koa.callback();
  return {
    callback: (request, response) => {
      if (!shed(request, response)) void handle(request, response);
    },
    routes: options.routes,
    drain: async () => {
      const stopped = new HttpError('SHUTTING_DOWN', 'the service is shutting down; ask again');
      const grace = setTimeout(() => streams.abortAll(stopped), limits.graceMs);
      // Twice: work after an answer begins when the answer ends. Requests that come now are refused at once and not waited for.
      await Promise.allSettled(inFlight);
      await Promise.allSettled(inFlight);
      clearTimeout(grace);
    },
  };
}

/** Outside of routes there is no other connection than the client's. Anybody can break that, as often as they like: nobody has to act on it. */
function isBrokenConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ECONNRESET', 'EPIPE', 'ECONNABORTED'].includes(String(error.code));
}

function routerOf(routes: readonly Route[], answer: (route: Route, ctx: Context) => Promise<void>): Middleware {
  const exact = exactly(routes, methodAndPath, (route) => route);
  const router = new Router();
  for (const route of routes) {
    const handle = (ctx: Context): Promise<void> => answer(route, ctx);
    router.register(route.path, [route.method], handle);
  }
  const byPattern = router.routes() as Middleware;
  return (ctx, next) => {
    // Left to the router, HEAD would run a GET: a probe of the bootloader would count as a widget load.
    if (ctx.method === 'HEAD') return next();
    const route = exact.get(`${ctx.method} ${ctx.path}`);
    return route === undefined ? byPattern(ctx, next) : answer(route, ctx);
  };
}

/** A known path with another method is 405, everything else 404. */
function refuseUnrouted(routes: readonly Route[]): Middleware {
  const router = new Router();
  for (const { method, path } of routes) router.register(path, [method], () => undefined);
  return (ctx) => {
    const methods = new Set(router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods));
    methods.delete('HEAD');
    if (methods.size > 0) throw methodNotAllowed([...methods].join(', '));
    throw new HttpError('NOT_FOUND', `there is no ${ctx.path.slice(0, 200)} here`);
  };
}

function methodNotAllowed(allow: string): HttpError {
  return new HttpError('METHOD_NOT_ALLOWED', `this path takes ${allow}`, { headers: { Allow: allow } });
}
