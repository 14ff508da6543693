import helmet from 'helmet';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Service } from '../metrics/definitions.ts';

/** Headers that every answer carries. They depend on nothing in the request, so that helmet is asked once. */
export function securityHeaders(service: Service): Readonly<Record<string, string>> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  const crossOriginResourcePolicy = { policy: service === 'exporter' ? 'cross-origin' : 'same-origin' } as const;
  helmet({ crossOriginResourcePolicy })(request, response, (error) => {
    if (error !== undefined) throw error;
  });
  return Object.fromEntries(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]));
}
