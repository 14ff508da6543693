import type { Context } from 'koa';
import type { z } from 'zod';
import type { Authenticator } from '../auth/identities.ts';
import type { EndpointInstruments } from '../metrics/stack.ts';
import type { StreamedBody } from './answer-stream.ts';
import type { BodyRule } from './body.ts';
import { readBody } from './body.ts';
import type { ByteBudget, ByteShare } from './byte-budget.ts';
import { clientAddress, rateLimitAddress } from './client-address.ts';
import { HttpError, type ErrorCode } from './errors.ts';
import type { RateLimiter, RateLimitKey } from './rate-limit.ts';
import { parseQuery, validate } from './validation.ts';

/** What an authenticator may look at. */
export interface IncomingRequest {
  method: string;
  header(name: string): string | undefined;
  cookie(name: string): string | undefined;
}

/** What a handler gets: everything checked and typed before it runs. */
export interface RouteRequest<Identity, Query, Body, Params> extends IncomingRequest {
  identity: Identity;
  /** The query string as it came, for routes that take a value from header or query. */
  searchParams: URLSearchParams;
  query: Query;
  body: Body;
  params: Params;
  requestId: string;
  /** performance.now() when the request headers had arrived. */
  startedAt: number;
  clientAddress: string;
}

export type Answer = AnswerHead & ({ body: unknown } | { stream: StreamedBody });

export interface AnswerHead {
  status: number;
  headers?: Readonly<Record<string, string>>;
  /** Runs after the answer was sent; a stopping process waits for it. It must not throw: there is nobody left to tell. */
  afterwards?: () => Promise<void>;
}

export type Method = 'GET' | 'POST' | 'DELETE';

export interface RateLimitCaller<Identity> {
  identity: Identity;
  address: string;
  header: (name: string) => string | undefined;
  query: URLSearchParams;
}

export interface RateLimitPolicy<Identity, Body = undefined> {
  policy: string;
  /** Of callers that are limited by another one. */
  policyOf?: (caller: RateLimitCaller<Identity>) => string;
  /** What is counted, and how much of it a minute allows. */
  keys: (caller: RateLimitCaller<Identity>) => readonly RateLimitKey[];
  /** Counted besides, once the body is known. */
  keysOfBody?: (caller: RateLimitCaller<Identity>, body: Body) => readonly RateLimitKey[];
}

/** `widget`: every page. `portal`, `site`: pages on the configured origins, with and without credentials. `none`: no page. */
export type CorsKind = 'widget' | 'portal' | 'site' | 'none';
type Shape = z.ZodType | undefined;
type OutputOf<S extends Shape> = S extends z.ZodType ? z.output<S> : undefined;

/** A successful answer that a schema of JSON alone does not describe: another content type, no body, headers of its own. */
export interface AnswerDefinition {
  description: string;
  /** Of a JSON body. */
  schema?: z.ZodType;
  /** Of a body that is not JSON. With neither a schema nor these the answer has no body. */
  contentTypes?: readonly string[];
  /** What each header says that only this answer carries. */
  headers?: Readonly<Record<string, string>>;
}

/**
 * One route, declared once: validation, the authorization matrix, the documents and the tests all read this. Checks run in the order: room in
 * the queue of an ingest route, identity, rate limit, query, body, handler.
 */
export interface RouteDefinition<Identity, Query extends Shape, Body extends Shape, Params extends Shape> {
  method: Method;
  path: string;
  /** What generated clients call it: a verb and its subject. Stable, even when the path changes. */
  operationId: string;
  /** Groups routes in the document: the name of the feature. */
  tag: string;
  summary: string;
  /** Markdown: what a caller has to know and the schemas do not say. */
  description?: string;
  identity: Authenticator<Identity>;
  cors: CorsKind;
  rateLimit?: RateLimitPolicy<Identity, OutputOf<Body>>;
  query?: Query;
  params?: Params;
  /** Headers and query parameters that the handler reads and checks by itself, for the document. */
  reads?: { headers?: z.ZodObject; query?: z.ZodObject };
  /** `onRefusal` is told of JSON that is answered by 400 or 429, for routes that account for what they lose. It must not throw. */
  body?: { rule: BodyRule; schema: Body; onRefusal?: (code: ErrorCode, sent: unknown) => Promise<void> };
  /** Successful answers by status; a schema stands for its JSON. */
  responses: Readonly<Record<number, z.ZodType | AnswerDefinition>>;
  /** Codes that the handler itself may throw; what its checks may throw is added. */
  errors: readonly ErrorCode[];
  /** Set on ingest routes, whose path has no parameters: counts requests that were not stored, and knows whether there is room for more. */
  ingest?: EndpointInstruments;
  handler: (request: RouteRequest<Identity, OutputOf<Query>, OutputOf<Body>, OutputOf<Params>>) => Promise<Answer>;
}

/** What is said of a route: all that the document needs. */
export interface DescribedRoute extends Omit<
  RouteDefinition<unknown, Shape, Shape, Shape>,
  'handler' | 'identity' | 'rateLimit' | 'body' | 'ingest'
> {
  identity: Authenticator<unknown>['identity'];
  body?: { rule: BodyRule; schema: Shape };
  /** Every code that it may answer. */
  errors: readonly ErrorCode[];
  rateLimitPolicy: string | undefined;
}

/** A route whose types have been checked where it was written. */
export interface Route extends DescribedRoute {
  ingest?: EndpointInstruments;
  run: (ctx: Context, deps: RouteDeps) => Promise<Answer>;
}

export interface RouteDeps {
  limiter: RateLimiter;
  trustedProxyHops: number;
  onRateLimited: (policy: string) => void;
  /** Left out: bodies may take any amount of memory together. */
  bodies: ByteBudget | undefined;
}

/** Set by the app before any route runs. */
export interface RequestState {
  requestId: string;
  startedAt: number;
}

export function route<Identity, Query extends Shape = undefined, Body extends Shape = undefined, Params extends Shape = undefined>(
  definition: RouteDefinition<Identity, Query, Body, Params>,
): Route {
  const { handler, identity, rateLimit, ...described } = definition;
  return {
    ...described,
    identity: identity.identity,
    errors: [...new Set([...identity.errors.filter(isThrownFor(definition.method)), ...definition.errors, ...errorsOfChecks(definition)])],
    rateLimitPolicy: rateLimit?.policy,
    run: async (ctx, deps) => {
      const incoming: IncomingRequest = {
        method: ctx.method,
        header: (name) => headerOf(ctx, name),
        cookie: (name) => ctx.cookies.get(name),
      };
      const caller = await identity.authenticate(incoming);
      const address = clientAddress(ctx.req, deps.trustedProxyHops);
      const searchParams = new URLSearchParams(ctx.querystring);
      const counted = { identity: caller, address: rateLimitAddress(address), header: incoming.header, query: searchParams };
      if (rateLimit !== undefined) limit(ctx, rateLimit.policyOf?.(counted) ?? rateLimit.policy, rateLimit.keys(counted), deps);
      const state = ctx.state as RequestState;
      const share = definition.body === undefined ? undefined : deps.bodies?.open();
      try {
        return await handler({
          // Not spread: V8 takes 7 µs to add the rest to a copy.
          method: incoming.method,
          header: incoming.header,
          cookie: incoming.cookie,
          searchParams,
          identity: caller,
          clientAddress: address,
          requestId: state.requestId,
          startedAt: state.startedAt,
          params: checked(definition.params as Params, ctx['params'] as unknown),
          query:
            definition.query === undefined ? (undefined as OutputOf<Query>) : checked<Query>(definition.query, parseQuery(searchParams)),
          body: await takeBody(ctx, definition, { counted, share }, deps),
        });
      } finally {
        share?.release();
      }
    },
  };
}

/** A cookie may be used for a safe method from anywhere. */
function isThrownFor(method: Method): (code: ErrorCode) => boolean {
  return (code) => method !== 'GET' || code !== 'CSRF_REJECTED';
}

/** What may be answered without the handler: by its checks, and by the application for every route. */
function errorsOfChecks({
  query,
  params,
  body,
  rateLimit,
}: {
  query?: unknown;
  params?: unknown;
  body?: unknown;
  rateLimit?: unknown;
}): ErrorCode[] {
  const codes: ErrorCode[] = ['INTERNAL_ERROR', 'SHUTTING_DOWN'];
  if (query !== undefined || params !== undefined || body !== undefined) codes.push('VALIDATION_ERROR');
  if (body !== undefined) codes.push('INVALID_JSON', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (rateLimit !== undefined) codes.push('RATE_LIMITED');
  return codes;
}

function checked<S extends Shape>(schema: S, value: unknown): OutputOf<S> {
  return (schema === undefined ? undefined : validate(schema, value)) as OutputOf<S>;
}

/** A header that was sent once; repeated ones arrive joined, except cookies and the few that Node keeps the first of. */
function headerOf(ctx: Context, name: string): string | undefined {
  const value = ctx.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

async function takeBody<Identity, Body extends Shape>(
  ctx: Context,
  { body, rateLimit }: Pick<RouteDefinition<Identity, Shape, Body, Shape>, 'body' | 'rateLimit'>,
  { counted, share }: { counted: RateLimitCaller<Identity>; share: ByteShare | undefined },
  deps: RouteDeps,
): Promise<OutputOf<Body>> {
  if (body === undefined) return undefined as OutputOf<Body>;
  const sent = await readBody(ctx.req, body.rule, share);
  try {
    const taken = checked(body.schema, sent);
    if (rateLimit?.keysOfBody !== undefined) limit(ctx, rateLimit.policy, rateLimit.keysOfBody(counted, taken), deps);
    return taken;
  } catch (error) {
    if (error instanceof HttpError) await body.onRefusal?.(error.code, sent);
    throw error;
  }
}

/** Counts against one or several limits; the headers tell of the one that is nearest. */
function limit(ctx: Context, policy: string, keys: readonly RateLimitKey[], deps: RouteDeps): void {
  const state = deps.limiter.count(policy, keys);
  const told = Number(ctx.response.get('RateLimit-Remaining') || Number.POSITIVE_INFINITY);
  if (!state.allowed || state.remaining < told) {
    ctx.set({
      'RateLimit-Limit': String(state.limit),
      'RateLimit-Remaining': String(state.remaining),
      'RateLimit-Reset': String(state.resetSeconds),
    });
  }
  if (state.allowed) return;
  deps.onRateLimited(policy);
  throw new HttpError('RATE_LIMITED', `more than ${state.limit} requests in a minute; try again in ${state.resetSeconds} s`, {
    headers: { 'Retry-After': String(state.resetSeconds) },
  });
}
