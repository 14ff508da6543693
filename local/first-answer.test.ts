import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CheckoutCopy, copyCheckout } from '../test/support/npm-start.ts';
import { waitUntil } from '../test/support/wait-until.ts';

// A figure, and not a bound on failure: vitest.config.ts runs this file alone, before the others.
const withinMs = 15_000;

let copy: CheckoutCopy;

beforeAll(async () => {
  copy = await copyCheckout();
});
afterAll(() => copy.remove());

test('npm start answers within 15 s, with everything still to be created', async () => {
  const startedAt = performance.now();
  const stack = copy.start();
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${copy.ports.exporter}/healthz`)).ok, {
    within: 20_000 * withinMs,
    what: 'the first answer',
  });
  expect(performance.now() - startedAt, stack.output()).toBeLessThan(withinMs);
});
