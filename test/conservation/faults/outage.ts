import { scrape } from '../../support/services.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { recoveryWithinMs, type FaultStack } from '../fault.ts';

const refusalsThatBite = 20;
const calmItems = 300;

/** Waits for something that the fault does. @throws when it does not come: then the fault did not bite. */
export async function waitFor({ signal }: FaultStack, what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  await waitUntil(async () => signal.aborted || (await check()), { within: recoveryWithinMs, what });
  signal.throwIfAborted();
}

/** So many requests are told from now on to come again. */
export function waitForRefusals(stack: FaultStack): Promise<void> {
  const { load } = stack;
  const before = load.unavailable();
  return waitFor(stack, `${refusalsThatBite} answers 503`, () => load.unavailable() >= before + refusalsThatBite);
}

/** The exporter has noticed by itself: it gave up a statement that nobody answered. */
export function waitForDatabaseDown(stack: FaultStack): Promise<void> {
  const series = 'observability_db_up{service="exporter"}';
  return waitFor(stack, `${series} 0`, async () => (await scrape(stack.exporter.process().metricsUrl)).value(series) === 0);
}

/** Every route acknowledges again, and nobody is told any more to come again: no part of the exporter still stumbles. */
export async function waitForCalm(stack: FaultStack): Promise<void> {
  const { load } = stack;
  await load.recovered();
  let since = { acknowledged: load.acknowledged(), unavailable: load.unavailable() };
  await waitFor(stack, `${calmItems} acknowledged items without a 503 among them`, () => {
    if (load.unavailable() !== since.unavailable) since = { acknowledged: load.acknowledged(), unavailable: load.unavailable() };
    return load.acknowledged() >= since.acknowledged + calmItems;
  });
}

/** Lasts until it is felt, and is healed whatever happens; over when the load is calm again. */
export async function sufferOutage(
  stack: FaultStack,
  { begin, felt }: { begin: () => Promise<() => Promise<void> | void>; felt: () => Promise<void> },
): Promise<void> {
  const heal = await begin();
  try {
    await felt();
  } finally {
    await heal();
  }
  await waitForCalm(stack);
}
