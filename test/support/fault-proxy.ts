import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ProxiedRequest {
  method: string;
  path: string;
  contentType: string | undefined;
  body: string;
  /** Of the answer; undefined until there is one. */
  status?: number;
}

/** `lose the answer`: the request is performed and its sender never learns of it. */
export type Fault = 'lose the answer' | { status: number; headers?: Record<string, string> };

export interface FaultProxy {
  url: string;
  /** Everything that arrived, also what was not let through. */
  received: ProxiedRequest[];
  /** What goes wrong with a request; undefined lets it through. */
  faultOf: (request: ProxiedRequest) => Fault | undefined;
  close: () => Promise<void>;
}

/** Stands between browsers and an exporter, and breaks what it is told to break. */
export async function startFaultProxy(targetUrl: string): Promise<FaultProxy> {
  const server = createServer((incoming, outgoing) => {
    void readBody(incoming).then((body) => {
      const { method = '', url: path = '', headers } = incoming;
      const proxied: ProxiedRequest = { method, path, contentType: headers['content-type'], body };
      proxy.received.push(proxied);
      const fault = proxy.faultOf(proxied);
      if (fault === undefined || fault === 'lose the answer') forward(incoming, outgoing, proxied, fault !== undefined);
      else outgoing.writeHead(fault.status, { ...readable, ...fault.headers }).end();
    });
  });

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, proxied: ProxiedRequest, losesAnswer: boolean): void {
    const { method, url = '', headers } = incoming;
    const onward = send(new URL(url, targetUrl), { method, headers }, (answer) => {
      proxied.status = answer.statusCode;
      if (losesAnswer) {
        answer.resume().once('end', () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.once('error', () => outgoing.destroy());
    onward.end(proxied.body);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: [],
    faultOf: () => undefined,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

/** As the exporter does for widgets, so that a page may read the fault. */
const readable = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After' };

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
