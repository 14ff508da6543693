import { setTimeout as delay } from 'node:timers/promises';

const pollEveryMs = 50;

/**
 * Polls until `check` answers something truthy and returns that answer.
 * A `check` that throws counts as "not yet": servers refuse connections while they start.
 * @param options.within deadline in milliseconds
 * @throws when the deadline passes; the error's cause is the last error of `check`.
 */
export async function waitUntil<Answer>(
  check: () => Answer | Promise<Answer>,
  options: { within: number; what?: string },
): Promise<NonNullable<Awaited<Answer>>> {
  const deadline = performance.now() + options.within;
  let lastError: unknown;
  for (;;) {
    try {
      const answer = await check();
      if (answer) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`${options.what ?? 'The condition'} did not come true within ${options.within} ms`, {
        cause: lastError,
      });
    }
    await delay(pollEveryMs);
  }
}
