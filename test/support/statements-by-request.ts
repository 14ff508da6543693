import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import pg from 'pg';

/** The header by which a test tells its requests apart, whatever request id they share. */
export const markHeader = 'x-test-request';

/**
 * Records the SQL that requests to services in this process cause, by the mark that each request carries. What the services do on their own
 * belongs to no request, and is not recorded. Stop it at the end of the file: it wraps the driver.
 */
export function recordStatements(): { of: (mark: string) => readonly string[]; stop: () => void } {
  const current = new AsyncLocalStorage<string | undefined>();
  const statements = new Map<string, string[]>();
  const onRequest = (message: unknown): void => {
    const mark = (message as { request: IncomingMessage }).request.headers[markHeader];
    current.enterWith(typeof mark === 'string' ? mark : undefined);
  };
  subscribe('http.server.request.start', onRequest);

  const client = pg.Client.prototype as { query: (...given: unknown[]) => unknown };
  const { query } = client;
  client.query = function record(this: unknown, ...given: unknown[]): unknown {
    const mark = current.getStore();
    if (mark !== undefined) statements.set(mark, [...(statements.get(mark) ?? []), textOf(given[0])]);
    return query.apply(this, given);
  };

  return {
    of: (mark) => statements.get(mark) ?? [],
    stop: () => {
      client.query = query;
      unsubscribe('http.server.request.start', onRequest);
    },
  };
}

function textOf(statement: unknown): string {
  return typeof statement === 'string' ? statement : String((statement as { text?: unknown }).text);
}
