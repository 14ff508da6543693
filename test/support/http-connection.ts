import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { checkedListenerAt } from './checked-listeners.ts';
import { checkAnswer } from './documented-answers.ts';

export interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: unknown;
}

/** The request certainly did not arrive: nobody listened. */
export class NoConnectionError extends Error {
  override readonly name = 'NoConnectionError';
}

/** The request was under way when the connection broke: it may have been carried out. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

export interface HttpConnection {
  /** @throws NoConnectionError or NoAnswerError, and UndocumentedAnswerError for an answer that is not as api/openapi.json says */
  send(method: 'GET' | 'POST', path: string, options?: { headers?: Record<string, string>; body?: string }): Promise<HttpAnswer>;
  close(): void;
}

const answerWithinMs = 15_000;

/**
 * One keep-alive connection, one request at a time. Not `fetch`: that repeats a GET by itself when a connection breaks, and a ledger of
 * what was sent must not be wrong by one.
 */
export function openConnection(url: string): HttpConnection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    send: (method, path, { headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const outgoing = request(`${url}${path}`, {
          agent,
          method,
          timeout: answerWithinMs,
          headers:
            body === undefined ? headers : { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        });
        const fail = (error: NodeJS.ErrnoException): void => {
          const isRefused = error.code === 'ECONNREFUSED';
          reject(isRefused ? new NoConnectionError(error.message) : new NoAnswerError(error.message, { cause: error }));
        };
        outgoing.on('error', fail);
        outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerWithinMs} ms`)));
        outgoing.on('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', fail);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            try {
              check(response, { method, url: `${url}${path}`, text });
            } catch (error) {
              reject(error);
              return;
            }
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) });
          });
        });
        outgoing.end(body);
      }),
    close: () => agent.destroy(),
  };
}

function check(response: IncomingMessage, { method, url, text }: { method: string; url: string; text: string }): void {
  const service = checkedListenerAt(url);
  if (service === undefined) return;
  const header = (name: string): string | undefined => {
    const value = response.headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  checkAnswer({ service, method, url, status: response.statusCode ?? 0, header, text });
}

/** How an answer is entered in a ledger: `202`, or `503 DATABASE_UNAVAILABLE, retry after 5`. */
export function outcomeOf({ status, headers, body }: HttpAnswer): string {
  const code = (body as { error?: { code?: string } } | undefined)?.error?.code;
  const retryAfter = headers['retry-after'];
  return `${status}${code === undefined ? '' : ` ${code}`}${retryAfter === undefined ? '' : `, retry after ${retryAfter}`}`;
}
