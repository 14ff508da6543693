import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { browserScripts, buildBrowserScript } from '../../generate/browser-sdk.ts';

/** Gzipped, in bytes. A page pays for every one of them: a new feature has to make room, or go into a script of its own. */
const mostBytes = { widget: 2500, performance: 2750 };

test.each(browserScripts)('%s.js is small', async (name) => {
  expect(gzipSync(await buildBrowserScript(name), { level: 9 }).length).toBeLessThanOrEqual(mostBytes[name]);
});

test.each(browserScripts)('%s.js is one script of ES2019', async (name) => {
  const script = await buildBrowserScript(name);
  expect(script).toMatch(/^\(\(\)=>\{/);
  expect(script).not.toMatch(/\?\.[a-z]|\?\?|\b(?:import|export|require)\b/);
});

test('the scripts have no dependencies', async () => {
  const folder = join(import.meta.dirname, 'src');
  const sources = (await readdir(folder)).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(sources.map((file) => readFile(join(folder, file), 'utf8')));
  const imported = texts.flatMap((text) => [...text.matchAll(/ from '([^']+)'/g)].map(([, specifier = '']) => specifier));
  expect(imported.filter((specifier) => !/^\.\/[\w-]+\.ts$/.test(specifier))).toEqual([]);
  expect(imported.length).toBeGreaterThan(5);
});
