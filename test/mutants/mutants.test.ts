import { stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { mutants } from './mutants.ts';
import { patchedText } from './patched-copy.ts';

test('every mutant finds its guard where it was, once, and names tests that exist', async () => {
  for (const mutant of mutants) {
    expect(await patchedText(mutant)).not.toContain(mutant.find);
    for (const file of mutant.tests) expect((await stat(file)).isFile(), file).toBe(true);
  }
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  expect(mutants.length).toBeGreaterThanOrEqual(12);
});

test('a guard that is not where it was is told by name', async () => {
  const [mutant] = mutants;
  if (mutant === undefined) throw new Error('there is no mutant');
  await expect(patchedText({ ...mutant, name: 'moved', find: 'what nobody wrote' })).rejects.toThrow(/moved: .* 0 times, not once/);
});
