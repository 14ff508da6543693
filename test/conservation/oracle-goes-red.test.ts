import { afterEach, expect, test } from 'vitest';
import { breakBuild, type Patch } from './broken-build.ts';
import { processKilled } from './faults/process-killed.ts';
import type { RouteName } from './ledger.ts';
import { startRun, type ConservationRun } from './run.ts';

/** The oracle against builds that are broken as such programs are broken. It is worth something only if it says so. */
const releases: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const release of releases.splice(0).toReversed()) await release();
});

async function runBroken(patch: Patch, routes: readonly RouteName[]): Promise<ConservationRun> {
  const build = await breakBuild([patch]);
  releases.push(build.remove);
  const run = await startRun({ seed: 1, dose: 'short', sources: build.directory, routes });
  releases.push(run.stop);
  return run;
}

const batchWriter = 'platform/postgres/batch-writer.ts';

test('it goes red when requests are acknowledged before they are stored', { timeout: 120_000 }, async () => {
  const run = await runBroken(
    {
      file: batchWriter,
      replace: 'return new Promise((resolve, reject) => {\n      const request',
      by: `return new Promise((resolve, reject) => {
        resolve(units.map(() => ({ refused: false, outcome: 'stored' as Outcome })));
        const request`,
    },
    ['messages', 'visitor events', 'metrics'],
  );
  await run.inflict({ ...processKilled, dose: { short: 1, nightly: 1 } });
  const { verdict, problems } = await run.conclude({ acknowledgedAtLeast: 1 });
  expect(verdict.lost).toBeGreaterThan(0);
  expect(problems.join('\n')).toContain('acknowledged and not stored');
});

test('it goes red when what is sent again is counted again', { timeout: 120_000 }, async () => {
  const run = await runBroken(
    {
      file: 'platform/postgres/seen-batches.ts',
      replace: 'return batches.map((_batch, index) => fresh.has(index));',
      by: 'return batches.map((_batch, index) => fresh.has(index) || true);',
    },
    ['metrics'],
  );
  await run.stack.load.acknowledgedAfter(500);
  const { verdict, problems } = await run.conclude({ acknowledgedAtLeast: 1 });
  expect(verdict).toMatchObject({ lost: 0, invented: 0 });
  expect(verdict.miscounted).toBeGreaterThan(0);
  expect(problems.join('\n')).toMatch(/not a recount of what is stored: render/);
});

test('it goes red when innocent rows are refused together with a poisonous one', { timeout: 120_000 }, async () => {
  const run = await runBroken(
    {
      file: batchWriter,
      replace: 'const middle = Math.ceil(placed.length / 2);',
      by: `for (const { request, index } of placed) request.fates[index] = { refused: true };
      if (placed.length > 0) return;
      const middle = Math.ceil(placed.length / 2);`,
    },
    ['operations', 'visitor events'],
  );
  run.stack.load.poison(0.05);
  await run.stack.load.acknowledgedAfter(500);
  run.stack.load.poison(0);
  await run.stack.load.recovered();
  const { verdict, problems } = await run.conclude({ acknowledgedAtLeast: 1 });
  expect(verdict).toMatchObject({ lost: 0, duplicates: 0, invented: 0 });
  expect(verdict.refusedInnocents).toBeGreaterThan(0);
  expect(problems.join('\n')).toContain('refused although nothing is wrong with it');
});
