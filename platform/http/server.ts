import { createServer, type RequestListener, type Server } from 'node:http';

/**
 * Starts listening; resolves with the port in use (for port 0: the one that was given). Timeouts are for clients that send slowly on
 * purpose; keep-alive outlives the idle time of usual load balancers, so that they close first.
 */
export async function listen(
  listener: RequestListener,
  { port, host }: { port: number; host?: string },
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer({ requestTimeout: 15_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 }, listener);
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

/** Answers under way are finished by the caller first (App.drain); idle connections are closed here. */
function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
