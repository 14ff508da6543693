import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { bearerToken, isSameSecret } from '../auth/secrets.ts';
import type { Logger } from '../log.ts';
import { expositionContentType, type MetricsRegistry } from '../metrics/registry.ts';

export interface MetricsListenerOptions {
  metrics: MetricsRegistry;
  /** Pieces of /metrics/orgs; left out where there are none. */
  orgSeries?: () => readonly Buffer[];
  token: string | undefined;
  isReady: () => boolean;
  log: Logger;
}

/** Scrapes that may run at once; one is normal, a few are paired Prometheus servers, more is a mistake that must not hurt ingest. */
const maxScrapes = 8;

const stalledAfterMs = 30_000;

/** What Prometheus and probes see, on a port of its own: never reachable through the public one. */
export function metricsListener(options: MetricsListenerOptions): RequestListener {
  let scrapes = 0;

  async function scrape(response: ServerResponse, send: () => Promise<void>): Promise<void> {
    // A reader that does not read must not keep its place.
    response.setTimeout(stalledAfterMs, () => response.destroy());
    if (scrapes >= maxScrapes) return answerText(response, 503, 'too many scrapes at once\n');
    scrapes += 1;
    try {
      await send();
    } catch (error) {
      options.log.error({ error }, 'a scrape failed');
      if (response.headersSent) response.destroy();
      else answerText(response, 500, 'the scrape failed\n');
    } finally {
      scrapes -= 1;
    }
  }

  const isAllowed = (request: IncomingMessage): boolean =>
    options.token === undefined || isSameSecret(bearerToken(request.headers.authorization) ?? '', options.token);

  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return answerText(response, 405, 'only GET\n');
    const path = request.url?.split('?', 1)[0];
    if (path === '/healthz') return answerJson(response, 200, { status: 'ok' });
    if (path === '/readyz') {
      return options.isReady() ? answerJson(response, 200, { status: 'ok' }) : answerJson(response, 503, { status: 'unavailable' });
    }
    const { orgSeries } = options;
    const isScrape = path === '/metrics' || (path === '/metrics/orgs' && orgSeries !== undefined);
    if (!isScrape) return answerText(response, 404, 'not found; this port serves /metrics, /healthz and /readyz\n');
    if (!isAllowed(request)) return answerText(response, 401, 'the metrics token is missing or wrong\n');
    void scrape(response, () =>
      path === '/metrics' || orgSeries === undefined ? sendText(response, options.metrics) : sendChunks(response, orgSeries()),
    );
  };
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
