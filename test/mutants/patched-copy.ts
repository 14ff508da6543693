import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));
const leftOut = new Set(['node_modules', '.git', '.data', 'dist', 'coverage']);

/** The sources of a mutant's file with its guard taken away. @throws when the guard is not there exactly once */
export async function patchedText({ name, file, find, replace }: Mutant, folder = checkout): Promise<string> {
  const text = await readFile(join(folder, file), 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) {
    throw new Error(
      `${name}: ${file} has ${JSON.stringify(find)} ${count} times, not once: put the mutant right in test/mutants/mutants.ts`,
    );
  }
  // A function: in a text, `$1` would mean something.
  return text.replace(find, () => replace);
}

export interface SourceCopy {
  folder: string;
  /** Runs `work` while the guard is away. */
  without<T>(mutant: Mutant, work: () => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

/** The sources in a folder of their own, with the packages of the checkout: nothing here changes a file that somebody works on. */
export async function copySources(): Promise<SourceCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'observability-mutants-'));
  await cp(checkout, folder, {
    recursive: true,
    filter: (source) =>
      !relative(checkout, source)
        .split('/')
        .some((part) => leftOut.has(part)),
  });
  await symlink(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  return {
    folder,
    without: async (mutant, work) => {
      const path = join(folder, mutant.file);
      const original = await readFile(path, 'utf8');
      await writeFile(path, await patchedText(mutant, folder));
      try {
        return await work();
      } finally {
        await writeFile(path, original);
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
