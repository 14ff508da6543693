import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer, type ServerOptions as TlsServerOptions } from 'node:https';
import type { Duplex } from 'node:stream';

export interface TlsListenOptions {
  options: TlsServerOptions;
  /** Gets the server before it listens, to judge its clients and to renew its certificate. */
  attach: (server: TlsServer) => void;
}

export interface ListenOptions {
  port: number;
  host?: string;
  tls?: TlsListenOptions | undefined;
}

/**
 * For clients that send slowly on purpose; keep-alive outlives the idle time of usual load balancers, so that they close first. Looked at
 * every five seconds: by default, every thirty, ten seconds would be forty.
 */
const timeouts = { requestTimeout: 15_000, headersTimeout: 10_000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 5000 };
/** Node would refuse a request without a host by itself, without a body and without a request id. */
const settings = { ...timeouts, requireHostHeader: false };

/** Starts listening; resolves with the port in use (for port 0: the one that was given). */
export async function listen(
  listener: RequestListener,
  { port, host, tls }: ListenOptions,
): Promise<{ port: number; close: () => Promise<void> }> {
  const answer: RequestListener = (request, response) => {
    if (lacksHost(request)) refuseWithoutHost(response);
    else listener(request, response);
  };
  const server = tls === undefined ? createServer(settings, answer) : serverWithTls(tls, answer);
  server.on('clientError', refuseMalformed);
  // Node would answer 417 by itself. An expectation that nobody knows may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', answer);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`port ${port} is in use: stop what listens there or set another port`, { cause: error })
          : error,
      );
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : port, close: () => close(server) };
}

function serverWithTls({ options, attach }: TlsListenOptions, listener: RequestListener): Server {
  const server = createTlsServer({ ...settings, handshakeTimeout: timeouts.headersTimeout, ...options }, listener);
  // First: there is no channel yet on which a failed handshake could be answered.
  server.prependListener('tlsClientError', (_error, socket) => socket.destroy());
  attach(server);
  return server;
}

const malformed: Readonly<Record<string, [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
};

/** What Node cannot parse never becomes a request; it is answered in the contracted shape all the same. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] = malformed[error.code ?? ''] ?? ['400 Bad Request', 'the request is not HTTP'];
  const { headers, body } = refusal(message);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`);
}

/** RFC 9112, 3.2: such a request must be refused. */
function lacksHost({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === '1.1' && headers.host === undefined;
}

function refuseWithoutHost(response: ServerResponse): void {
  const { headers, body } = refusal('the request has no Host header');
  response.writeHead(400, headers).end(body);
}

function refusal(message: string): { headers: Record<string, string>; body: string } {
  const requestId = randomUUID();
  const body = JSON.stringify({ error: { code: 'VALIDATION_ERROR', message, requestId, issues: [] } });
  return {
    headers: {
      Connection: 'close',
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
      'x-request-id': requestId,
      'Content-Length': String(Buffer.byteLength(body)),
    },
    body,
  };
}

/** Answers under way are finished by the caller first (App.drain); idle connections are closed here. */
function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
