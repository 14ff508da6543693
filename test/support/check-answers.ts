import { afterAll } from 'vitest';
import { checkedListenerAt, failuresOfChecks } from './checked-listeners.ts';

/**
 * Set up for every test file: what our public listeners answer to fetch is checked against api/openapi.json. A wrong answer fails the call;
 * and the file as well, for a call whose failure nobody looks at.
 */
const fetchUnchecked = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const response = await fetchUnchecked(input, init);
  const url = input instanceof Request ? input.url : String(input);
  const service = checkedListenerAt(url);
  if (service === undefined) return response;
  // Here and not above: most test files never need it, and it compiles schemas.
  const { checkAnswer, longestCheckedBytes, mediaTypeOf } = await import('./documented-answers.ts');
  const header = (name: string): string | undefined => response.headers.get(name) ?? undefined;
  const isRead = mediaTypeOf({ header }) === 'application/json' && Number(header('content-length') ?? 0) <= longestCheckedBytes;
  try {
    checkAnswer({
      service,
      method: (init?.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase(),
      url,
      status: response.status,
      header,
      text: isRead ? await response.clone().text() : undefined,
    });
  } catch (error) {
    failuresOfChecks.push(error);
    throw error;
  }
  return response;
};

afterAll(() => {
  const count = failuresOfChecks.length;
  if (count > 0) throw new AggregateError(failuresOfChecks, `${count} answers were not as api/openapi.json says`);
});
