import { parseArgs } from 'node:util';
import { mutants, type Mutant } from './mutants.ts';
import { copySources, patchedText, type SourceCopy } from './patched-copy.ts';
import { runTests, type RunOptions } from './test-run.ts';

const help = [
  'usage: npm run test:mutants -- [--only=<name>[,<name> ...]]',
  'Takes one guard away at a time, on a copy of the sources, and runs the tests that must notice. Exits 1 when none of them does.',
  ...mutants.map(({ name, guard }) => `  ${name.padEnd(26)}${guard}`),
].join('\n');

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const longestReason = 240;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, help: { type: 'boolean', default: false } } });
  if (values.help) return print(help);
  const names = values.only?.split(',');
  const unknown = names?.find((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`mutants: there is no ${unknown}\n${help}\n`);
    process.exitCode = 1;
    return;
  }
  const chosen = mutants.filter(({ name }) => names === undefined || names.includes(name));
  // All of them before the first minute is spent.
  await Promise.all(chosen.map((mutant) => patchedText(mutant)));
  const survivors = await tryAll(chosen);
  print(`\n${chosen.length - survivors.length} of ${chosen.length} mutants killed`);
  if (survivors.length === 0) return;
  print(`survived: ${survivors.join(', ')}. A guard that no test misses is no guard: write the test.`);
  process.exitCode = 1;
}

async function tryAll(chosen: readonly Mutant[]): Promise<string[]> {
  const copy = await copySources();
  try {
    await expectGreen(copy, chosen);
    print(`${'mutant'.padEnd(26)}${'took'.padStart(6)}  killed by`);
    const survivors: string[] = [];
    for (const mutant of chosen) {
      const startedAt = performance.now();
      const { failed } = await copy.without(mutant, () => runTests(copy.folder, mutant));
      const took = `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
      print(`${mutant.name.padEnd(26)}${took.padStart(6)}  ${failed[0]?.slice(0, longestReason) ?? 'NOTHING'}`);
      if (failed.length === 0) survivors.push(mutant.name);
    }
    return survivors;
  } finally {
    await copy.remove();
  }
}

/** A test that is red already would kill everything; so would one that needs those before it, which a name leaves out. */
async function expectGreen(copy: SourceCopy, chosen: readonly Mutant[]): Promise<void> {
  const named = chosen
    .filter(({ only }) => only !== undefined)
    .map(({ tests, only }): [string, RunOptions] => [`${tests.join()} ${only}`, { tests, only }]);
  const whole = [...new Set(chosen.filter(({ only }) => only === undefined).flatMap(({ tests }) => tests))];
  const runs = [...(whole.length === 0 ? [] : [{ tests: whole }]), ...new Map(named).values()];
  let passing = 0;
  for (const run of runs) {
    const { passed, failed } = await runTests(copy.folder, run);
    if (failed.length > 0) throw new Error(`with all guards in place this fails: ${failed.join('; ')}. Put that right first.`);
    passing += passed;
  }
  print(`with all guards in place: ${passing} tests pass`);
}

await main();
