import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { faults } from './faults.ts';
import { startRun, type ConservationRun } from './run.ts';

/** The short dose of every fault on one exporter, while clients send to every ingest route; the oracle at the end. */
const seed = randomInt(2 ** 31);
let run: ConservationRun;

beforeAll(async () => {
  run = await startRun({ seed, dose: 'short' });
});
afterAll(() => run.stop());

for (const fault of faults) {
  test(`${fault.id}: ${fault.title}`, { timeout: 300_000 }, () => run.inflict(fault));
}

test('after all of it: nothing acknowledged is lost, nothing is stored twice, nothing is invented', { timeout: 300_000 }, async () => {
  const { line, problems, verdict } = await run.conclude({ acknowledgedAtLeast: 10_000 });
  console.log(`${line} (seed ${seed})`);
  expect(problems).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicates: 0, invented: 0, misplaced: 0, miscounted: 0, stored: verdict.acknowledged });
});
