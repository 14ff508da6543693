import type { Logger } from '../log.ts';
import type { Service } from '../metrics/definitions.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import { stackMetrics } from '../metrics/stack.ts';
import { statusOf } from './errors.ts';
import type { RequestState, Route } from './route.ts';

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']);

/** A request whose answer has left, or whose client has. */
export interface FinishedRequest extends RequestState {
  method: string;
  /** Its pattern. */
  route: string | undefined;
  status: number;
}

/** Counts finished requests by route pattern; every status that a route declares exists as 0 from the start. */
export function requestInstruments(options: {
  service: Service;
  routes: readonly Route[];
  metrics: MetricsRegistry;
  log: Logger;
}): (finished: FinishedRequest) => void {
  const { service, routes, metrics, log } = options;
  const requests = metrics.counter(stackMetrics.httpRequests);
  const duration = metrics.histogram(stackMetrics.httpDuration);
  for (const { path, method, responses, errors } of routes) {
    duration.zero({ service, route: path, method });
    for (const status of [...Object.keys(responses), ...errors.map(statusOf)])
      requests.inc({ service, route: path, method, status: String(status) }, 0);
  }
  return ({ route = 'unmatched', method: sentMethod, status, requestId, startedAt }) => {
    const elapsedMs = performance.now() - startedAt;
    const method = knownMethods.has(sentMethod) ? sentMethod : 'other';
    requests.inc({ service, route, method, status: String(status) });
    duration.observe({ service, route, method }, elapsedMs / 1000);
    log.debug({ requestId, route, method, status, ms: Math.round(elapsedMs) }, 'request');
  };
}
