import createClient, { type Client, type ClientOptions } from 'openapi-fetch';
import type { components, paths } from './schema.d.ts';

/** Bodies of requests and answers by their names in the document: `Schemas['WidgetHealth']`. */
export type Schemas = components['schemas'];

export interface ApiClientOptions extends ClientOptions {
  /** Public address of the service that answers the operations to be called: the API's, or the exporter's. */
  baseUrl: string;
  /** Bearer token: of an organization user or administrator, or an ingest key. As a function it is asked before each request. */
  token?: string | (() => string | Promise<string>);
}

export type ApiClient = Client<paths>;

/** A client of one service. Nothing is thrown for an answer with an error status: it is returned as `error`, typed as documented. */
export function createApiClient({ token, ...options }: ApiClientOptions): ApiClient {
  const client = createClient<paths>(options);
  if (token !== undefined) {
    client.use({
      onRequest: async ({ request }) => {
        request.headers.set('authorization', `Bearer ${typeof token === 'string' ? token : await token()}`);
      },
    });
  }
  return client;
}
