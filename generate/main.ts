import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { generators } from './generators.ts';

const help = `Makes the committed files that come from the code: ${Object.keys(generators).join(', ')}.
Run it after a change of what they are made from, and commit both together.

npm run generate [-- options]
  --check   writes nothing; names the files that are not fresh and exits with 1
  --help    this text
`;

const checkout = join(import.meta.dirname, '..');

/** Undefined for a file that is not there yet. */
async function readCommitted(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    console.log(help);
    return 0;
  }
  let stale = 0;
  for (const [name, generate] of Object.entries(generators)) {
    for (const { path, text } of await generate()) {
      const committed = await readCommitted(join(checkout, path));
      if (committed === text) continue;
      stale += 1;
      console.log(`${values.check ? 'not fresh' : 'written'}: ${path} (${name})`);
      if (values.check) continue;
      await mkdir(dirname(join(checkout, path)), { recursive: true });
      await writeFile(join(checkout, path), text);
    }
  }
  if (stale === 0) console.log('every generated file is fresh');
  if (values.check && stale > 0) console.log('Run npm run generate and commit what it writes.');
  return values.check && stale > 0 ? 1 : 0;
}

process.exitCode = await main();
