import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { ApiConfig, ExporterConfig, JobsConfig } from './config.ts';

export interface ListenerAddress {
  /** What the listener was bound to: an address, or `0.0.0.0` and `::` for all of them. */
  host: string;
  port: number;
  /** Whether it may speak TLS: a web configuration is set, whatever is in it. */
  tls: boolean;
}

const answerWithinMs = 3000;

export function metricsAddress(config: ExporterConfig | ApiConfig | JobsConfig): ListenerAddress {
  return { host: config.METRICS_HOST, port: metricsPort(config), tls: config.METRICS_WEB_CONFIG_FILE !== undefined };
}

function metricsPort(config: ExporterConfig | ApiConfig | JobsConfig): number {
  if ('EXPORTER_METRICS_PORT' in config) return config.EXPORTER_METRICS_PORT;
  return 'API_METRICS_PORT' in config ? config.API_METRICS_PORT : config.JOBS_METRICS_PORT;
}

/**
 * Asks the metrics listener of the same container whether it answers; resolves with what is wrong, or undefined. A refusal (401) is an
 * answer. So is a failure of TLS itself: a listener that wants a certificate of its callers can say so only while its process is alive.
 */
export function checkHealth({ host, port, tls }: ListenerAddress): Promise<string | undefined> {
  const hostname = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  const where = `${tls ? 'https' : 'http'}://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}/healthz`;
  return new Promise((resolve) => {
    // It is our own listener; its certificate is made for another name.
    const request = tls ? tlsRequest(where, { rejectUnauthorized: false }) : plainRequest(where);
    let isAnswered = false;
    request.once('socket', (socket) => socket.once('secureConnect', () => (isAnswered = true)));
    const timer = setTimeout(() => settle(`${where}: no answer within ${answerWithinMs} ms`), answerWithinMs);
    const settle = (problem?: string): void => {
      clearTimeout(timer);
      resolve(problem);
      request.destroy();
    };
    request.once('response', ({ statusCode = 0 }) => settle(statusCode < 500 ? undefined : `${where} answers ${statusCode}`));
    request.on('error', (error: NodeJS.ErrnoException) => {
      isAnswered ||= error.code === 'EPROTO' || error.code?.startsWith('ERR_SSL_') === true;
      settle(isAnswered ? undefined : `${where}: ${error.message}`);
    });
    request.end();
  });
}
