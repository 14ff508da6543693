import type { IncomingMessage, ServerResponse } from 'node:http';
import { OverloadedError } from '../postgres/batch-writer.ts';
import { corsHeaders } from './cors.ts';
import { presentError, toHttpError } from './errors.ts';
import { exactly, methodAndPath } from './exact-paths.ts';
import type { FinishedRequest } from './finished-requests.ts';
import { requestIdFrom } from './request-id.ts';
import type { Route } from './route.ts';

/**
 * Refuses what an ingest route could not take anyway, with 503, as the first thing that is done for a request: neither its sender nor its body is
 * looked at. Under more load than the process bears refusing must cost next to nothing, or it takes the time of what could be stored.
 * Returns whether the request was answered.
 * @throws at an ingest route whose path has parameters: it is found by its path alone.
 */
export function createShedding(options: {
  routes: readonly Route[];
  headers: Readonly<Record<string, string>>;
  allowedOrigins: readonly string[];
  isStopping: () => boolean;
  observe: (finished: FinishedRequest) => void;
}): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { isStopping, observe, allowedOrigins } = options;
  const all = options.routes.filter(({ ingest }) => ingest !== undefined);
  const ingestRoutes = exactly(all, methodAndPath, (route) => route);
  const missed = all.find((route) => !ingestRoutes.has(methodAndPath(route)));
  if (missed !== undefined)
    throw new Error(`${methodAndPath(missed)}: an ingest route has no parameters in its path; take them from the body`);
  const overloaded = toHttpError(new OverloadedError('the queue is nearly full'));
  const headers = Object.entries({
    ...options.headers,
    ...overloaded.headers,
    'Cache-Control': 'no-store',
    'Content-Type': 'application/json; charset=utf-8',
  }).flat();

  return (request, response) => {
    const { method = '', url = '', headers: sent } = request;
    const route = ingestRoutes.get(`${method} ${pathOf(url)}`);
    if (route?.ingest?.isFull() !== true || isStopping()) return false;
    const finished = { method, route: route.path, status: overloaded.status, startedAt: performance.now() };
    const requestId = requestIdFrom(sent['x-request-id']);
    const body = JSON.stringify(presentError(overloaded, { requestId, path: route.path }));
    const cors = Object.entries(corsHeaders(route.cors, sent.origin ?? '', allowedOrigins)).flat();
    route.ingest.rejected('overloaded');
    response.once('close', () => observe({ ...finished, requestId }));
    response.writeHead(overloaded.status, [
      ...headers,
      ...cors,
      'x-request-id',
      requestId,
      'Content-Length',
      String(Buffer.byteLength(body)),
    ]);
    response.end(body);
    return true;
  };
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query === -1 ? url : url.slice(0, query);
}
