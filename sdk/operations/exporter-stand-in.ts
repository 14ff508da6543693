import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SentOperation {
  id: string;
  operation: string;
  domain: string;
  duration_ms: number;
  success: boolean;
  error_type?: string;
  error_message?: string;
  user_agent?: string;
  created_at: string;
}

export interface ReceivedRequest {
  atMs: number;
  method: string | undefined;
  path: string | undefined;
  headers: IncomingHttpHeaders;
  bytes: number;
  operations: SentOperation[];
}

/**
 * `hang` never answers; `stop` sends the head of a 202 and no body; `reset` breaks the connection; `store and reset` commits before; `after`
 * answers 202 when the promise is fulfilled and breaks the connection when it is rejected.
 */
export type NextAnswer =
  | 'hang'
  | 'stop'
  | 'reset'
  | 'store and reset'
  | { status: number; headers?: Record<string, string>; body?: string }
  | { after: Promise<unknown> }
  | { rejected: { index: number; code: string; message: string }[] };

/** What the exporter's ingest route looks like to a client: stores each id once, or answers what the test says. */
export interface ExporterStandIn {
  url: string;
  requests: ReceivedRequest[];
  /** Once each, by id. */
  stored: Map<string, SentOperation>;
  /** For the next requests, one each; after them 202 again. */
  next: NextAnswer[];
  /** For all requests from now on, while it is set. */
  always: NextAnswer | undefined;
  mostAtOnce: () => number;
  close: () => Promise<void>;
}

export async function startExporterStandIn(port = 0): Promise<ExporterStandIn> {
  const stored = new Map<string, SentOperation>();
  const requests: ReceivedRequest[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const server = createServer((request, response) => {
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    response.once('close', () => (atOnce -= 1));
    void receive(request).then((received) => {
      requests.push(received);
      return answer(received, response).catch(() => response.socket?.resetAndDestroy());
    });
  });

  async function answer({ operations }: ReceivedRequest, response: ServerResponse): Promise<void> {
    const how = standIn.next.shift() ?? standIn.always ?? { rejected: [] };
    if (how === 'hang') return;
    if (typeof how === 'object' && 'status' in how) {
      response.writeHead(how.status, how.headers).end(how.body ?? '');
      return;
    }
    if (how === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    if (typeof how === 'object' && 'after' in how) await how.after;
    const rejected = typeof how === 'object' && 'rejected' in how ? how.rejected : [];
    const taken = operations.filter((_operation, index) => !rejected.some((rejection) => rejection.index === index));
    const duplicates = taken.filter(({ id }) => stored.has(id)).length;
    for (const operation of taken) stored.set(operation.id, operation);
    if (how === 'store and reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    response.writeHead(202, { 'content-type': 'application/json' });
    if (how === 'stop') response.flushHeaders();
    else response.end(JSON.stringify({ success: true, data: { accepted: taken.length - duplicates, duplicates, rejected } }));
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const standIn: ExporterStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stored,
    next: [],
    always: undefined,
    mostAtOnce: () => mostAtOnce,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return standIn;
}

async function receive(request: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const { operations } = JSON.parse(body.toString('utf8')) as { operations: SentOperation[] };
  return { atMs: performance.now(), method: request.method, path: request.url, headers: request.headers, bytes: body.length, operations };
}
