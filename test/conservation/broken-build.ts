import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../../local/processes.ts';

/** A change of one source text. */
export interface Patch {
  file: string;
  replace: string;
  by: string;
}

/** What the exporter is made of. */
const sources = ['exporter', 'features', 'platform', 'api', 'package.json', 'tsconfig.json'];

/**
 * A copy of the sources with a defect that the product must never have, for an exporter to be started from.
 * @throws when the text to replace does not stand in its file exactly once
 */
export async function breakBuild(patches: readonly Patch[]): Promise<{ directory: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'observability-broken-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    for (const source of sources) await cp(join(checkout, source), join(directory, source), { recursive: true });
    await symlink(join(checkout, 'node_modules'), join(directory, 'node_modules'));
    for (const patch of patches) await apply(directory, patch);
    return { directory, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function apply(directory: string, { file, replace, by }: Patch): Promise<void> {
  const path = join(directory, file);
  const text = await readFile(path, 'utf8');
  const parts = text.split(replace);
  if (parts.length !== 2) {
    throw new Error(`${file} holds this ${parts.length - 1} times instead of once: change the patch with the code\n${replace}`);
  }
  await writeFile(path, parts.join(by));
}
