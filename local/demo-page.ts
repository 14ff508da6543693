import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { checkout } from './processes.ts';

export interface DemoPage {
  /** For a browser: the page with the widget of an organization that allows localhost. */
  urlOf: (widget: { exporterUrl: string; siteId: string; chatbotId: string }) => string;
  stop: () => Promise<void>;
}

/** Serves sdk/browser/example.html as a customer's site would: on another origin than the exporter. */
export async function startDemoPage(port: number): Promise<DemoPage> {
  const page = await readFile(join(checkout, 'sdk/browser/example.html'));
  const server = createServer(({ url = '' }, response) => {
    if (/^\/(\?|$)/.test(url)) response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
    else response.writeHead(404).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    urlOf: ({ exporterUrl, siteId, chatbotId }) =>
      `${origin}/?${new URLSearchParams({ exporter: exporterUrl, site: siteId, chatbot: chatbotId }).toString()}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
