import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generators } from '../../generate/generators.ts';

const root = join(import.meta.dirname, '../..');

test('the committed files are what npm run generate writes', async () => {
  for (const [name, generate] of Object.entries(generators)) {
    const files = await generate();
    expect(files.length, name).toBeGreaterThan(0);
    for (const { path, text } of files) {
      expect(await readFile(join(root, path), 'utf8'), `${path} is not fresh: npm run generate`).toBe(text);
    }
  }
});
