import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CustomerSite {
  url: string;
  /** Of every page. */
  html: string;
  headers: Record<string, string>;
  /** The status of a path that is no page. */
  statusOf: (path: string) => number | undefined;
  close: () => Promise<void>;
}

/** A customer's site, on another origin than the exporter. Every path is the same page, but for those that have a status. */
export async function startCustomerSite(): Promise<CustomerSite> {
  const server = createServer(({ url = '' }, response) => {
    const status = site.statusOf(url);
    if (status === undefined) response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...site.headers }).end(site.html);
    else response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const site: CustomerSite = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    html: '',
    headers: {},
    statusOf: () => undefined,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return site;
}
