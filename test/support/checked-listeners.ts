import type { HttpService } from '../../platform/http/openapi.ts';

/** The public listeners whose answers are checked against the document, by origin. */
const listeners = new Map<string, HttpService>();

/** What the checks found in this test file. */
export const failuresOfChecks: unknown[] = [];

/** From now on every answer of this listener must be as api/openapi.json says. Returns how to end it: the port may become another's. */
export function checkAnswersOf(service: HttpService, url: string): () => void {
  const { origin } = new URL(url);
  listeners.set(origin, service);
  return () => listeners.delete(origin);
}

export function checkedListenerAt(url: string): HttpService | undefined {
  return listeners.get(new URL(url).origin);
}
