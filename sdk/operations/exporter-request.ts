import { read } from './outcome.ts';

/** What became of a batch. */
export type Fate =
  | { kind: 'stored'; rejections: Rejections }
  | { kind: 'refused'; reason: string }
  | { kind: 'failed'; reason: string; retryAfter?: string | undefined; cause?: unknown };

/** Of one operation in a batch whose others are stored. */
export interface Rejection {
  code: string;
  message: string;
}

/** By the place of the operation in its batch. */
export type Rejections = ReadonlyMap<unknown, Rejection>;

const longestReason = 300;

/** Sends a batch and reads what became of it. @throws what fetch throws, when there is no answer or none in time */
export async function postBatch(
  endpoint: URL,
  { timeoutMs, request, ...init }: { headers: Headers; body: string; timeoutMs: number; request: AbortController },
): Promise<Fate> {
  // On the caller's controller, which has other reasons to end the request too; a signal of its own could not.
  const timeout = setTimeout(() => request.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs).unref();
  try {
    // Followed, a redirect would become a GET.
    const response = await fetch(endpoint, { ...init, method: 'POST', signal: request.signal, redirect: 'manual' });
    return fateOf(response, await response.text());
  } finally {
    clearTimeout(timeout);
  }
}

/** Only 202 says that a batch is stored. Another try helps where the exporter is not well; a redirect, as any 4xx, will be there again. */
function fateOf({ status, headers }: Response, text: string): Fate {
  const answer = parseJson(text);
  if (status === 202) return { kind: 'stored', rejections: rejectionsIn(answer) };
  const error = read(answer, 'error');
  const reason = [`answered ${status}`, read(error, 'code'), read(error, 'message')]
    .filter((part) => typeof part === 'string')
    .join(' ')
    .slice(0, longestReason);
  if (status !== 429 && status < 500) return { kind: 'refused', reason };
  return { kind: 'failed', reason, retryAfter: headers.get('retry-after') ?? undefined };
}

/** Undefined for what is no JSON: the status has said what matters, and a proxy in between answers in HTML. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function rejectionsIn(answer: unknown): Rejections {
  const rejected = read(read(answer, 'data'), 'rejected');
  const items: readonly unknown[] = Array.isArray(rejected) ? rejected : [];
  return new Map(items.map((item) => [read(item, 'index'), { code: String(read(item, 'code')), message: String(read(item, 'message')) }]));
}

/** What fetch says of itself is only that it failed; the reason is in the cause. */
export function reasonOf(error: unknown): string {
  const messages = [read(error, 'message'), read(read(error, 'cause'), 'message')].filter((message) => typeof message === 'string');
  return (messages.join(': ') || 'no answer').slice(0, longestReason);
}
