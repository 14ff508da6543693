import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { bearerToken, isSameSecret } from '../auth/secrets.ts';
import type { Lifecycle } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import { expositionContentType, type MetricsRegistry } from '../metrics/registry.ts';
import { createBasicAuth } from './basic-auth.ts';
import { landingPage, landingPageHeaders, type LandingPage } from './landing-page.ts';
import { listen } from './server.ts';
import { openWebConfigFile } from './web-config-file.ts';
import type { WebConfig } from './web-config.ts';

export interface MetricsListenerOptions {
  page: LandingPage;
  metrics: MetricsRegistry;
  /** Pieces of /metrics/orgs; left out where there are none. */
  orgSeries?: (() => readonly Buffer[]) | undefined;
  token: string | undefined;
  /** Users and headers of the web configuration as it is now. */
  web?: (() => WebConfig) | undefined;
  isReady: () => boolean;
  log: Logger;
}

/** Scrapes that may run at once; one is normal, a few are paired Prometheus servers, more is a mistake that must not hurt ingest. */
const maxScrapes = 8;

const stalledAfterMs = 30_000;

/**
 * What Prometheus and probes see, on a port of its own: never reachable through the public one. A token or users guard everything but the
 * two probes: who restarts and routes has no secrets.
 */
export function metricsListener(options: MetricsListenerOptions): RequestListener {
  const { page, metrics, orgSeries, isReady, log } = options;
  const guard = createGuard(options);
  const paths = ['/metrics', ...(orgSeries === undefined ? [] : ['/metrics/orgs']), '/healthz', '/readyz'];
  let scrapes = 0;

  async function scrape(response: ServerResponse, send: () => Promise<void>): Promise<void> {
    // A reader that does not read must not keep its place.
    response.setTimeout(stalledAfterMs, () => response.destroy());
    if (scrapes >= maxScrapes) return answerText(response, 503, 'too many scrapes at once\n');
    scrapes += 1;
    try {
      await send();
    } finally {
      scrapes -= 1;
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(options.web?.().headers ?? {})) response.setHeader(name, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return answerText(response, 405, 'only GET and HEAD\n');
    }
    const path = request.url?.split('?', 1)[0];
    if (path === '/healthz') return answerJson(response, 200, { status: 'ok' });
    if (path === '/readyz') {
      return isReady() ? answerJson(response, 200, { status: 'ok' }) : answerJson(response, 503, { status: 'unavailable' });
    }
    const refusal = await guard(request);
    if (refusal !== undefined) return refusal(response);
    if (path === '/metrics') return scrape(response, () => sendText(response, metrics));
    if (path === '/metrics/orgs' && orgSeries !== undefined) return scrape(response, () => sendChunks(response, orgSeries()));
    if (path === '/') return answerPage(response, landingPage(page, paths, request.headers.host));
    answerText(response, 404, `not found; this port serves /, ${paths.join(', ')}\n`);
  }

  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.error({ error }, 'a scrape failed');
      if (response.headersSent) response.destroy();
      else answerText(response, 500, 'the scrape failed\n');
    });
  };
}

type Guard = (request: IncomingMessage) => Promise<((response: ServerResponse) => void) | undefined>;

/** Resolves with how to refuse, or undefined. */
function createGuard({ token, web }: Pick<MetricsListenerOptions, 'token' | 'web'>): Guard {
  const basicAuth = createBasicAuth();
  return async ({ headers: { authorization } }) => {
    if (token !== undefined && !isSameSecret(bearerToken(authorization) ?? '', token)) {
      return (response) => answerText(response, 401, 'the metrics token is missing or wrong\n');
    }
    const users = web?.().users;
    if (users === undefined || users.size === 0) return undefined;
    const result = await basicAuth.check(authorization, users);
    if (result === 'allowed') return undefined;
    return (response) => {
      if (result === 'busy') return answerText(response, 503, 'too many passwords are being checked; try again\n');
      response.setHeader('WWW-Authenticate', 'Basic realm="metrics", charset="UTF-8"');
      answerText(response, 401, 'the user or the password is missing or wrong\n');
    };
  };
}

export interface MetricsServerOptions extends Omit<MetricsListenerOptions, 'page' | 'token' | 'web'> {
  page: Omit<LandingPage, 'commit'>;
  config: {
    METRICS_HOST: string;
    METRICS_TOKEN?: string | undefined;
    METRICS_WEB_CONFIG_FILE?: string | undefined;
    BUILD_COMMIT: string;
  };
  port: number;
  lifecycle: Lifecycle;
}

/**
 * Starts the metrics listener of a process, which ends with the process; resolves with its port. It is not ready while the process stops.
 * @throws WebConfigError
 */
export async function startMetricsListener(options: MetricsServerOptions): Promise<number> {
  const { config, lifecycle, log } = options;
  const token = config.METRICS_TOKEN;
  const file = config.METRICS_WEB_CONFIG_FILE;
  const web = file === undefined ? undefined : await openWebConfigFile(file, { tokenIsSet: token !== undefined, log });
  if (web !== undefined) lifecycle.onStop('web configuration', web.stop);
  const listener = metricsListener({
    ...options,
    page: { ...options.page, commit: config.BUILD_COMMIT },
    token,
    web: web?.current,
    isReady: () => options.isReady() && !lifecycle.stopping,
  });
  const { port, close } = await listen(listener, { port: options.port, host: config.METRICS_HOST, tls: web?.tls });
  lifecycle.onStop('metrics listener', close);
  return port;
}

function answerPage(response: ServerResponse, html: string): void {
  // What the web configuration sets is somebody's explicit wish.
  for (const [name, value] of Object.entries(landingPageHeaders)) if (!response.hasHeader(name)) response.setHeader(name, value);
  response.writeHead(200).end(html);
}

async function sendText(response: ServerResponse, metrics: MetricsRegistry): Promise<void> {
  const text = await metrics.render();
  response.writeHead(200, { 'Content-Type': expositionContentType }).end(text);
}

/** Sends ready pieces one by one, as fast as the reader takes them, so that no piece of other work waits for a whole body. */
async function sendChunks(response: ServerResponse, chunks: readonly Buffer[]): Promise<void> {
  response.writeHead(200, { 'Content-Type': expositionContentType, 'Content-Length': chunks.reduce((sum, { length }) => sum + length, 0) });
  for (const chunk of chunks) {
    if (response.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const proceed = (): void => {
        response.off('drain', proceed).off('close', proceed);
        resolve();
      };
      response.on('drain', proceed).on('close', proceed);
    });
    if (response.destroyed) return;
  }
  response.end();
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' }).end(JSON.stringify(body));
}

function answerText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(text);
}
