import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { widgetSnippet } from '../local/widget-snippet.ts';
import type { GeneratedFile } from './generated-file.ts';

const checkout = join(import.meta.dirname, '..');
const readmePath = 'sdk/browser/README.md';

/** The scripts that pages load, each from its source in sdk/browser/src. */
export const browserScripts = ['widget'] as const;

/** What the exporter serves: without dependencies, comments or module syntax, for browsers since 2019. */
export async function buildBrowserScript(name: (typeof browserScripts)[number]): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(checkout, `sdk/browser/src/${name}.ts`)],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2019',
    legalComments: 'none',
    // Its own settings would add "use strict" and nothing else that is wanted.
    tsconfigRaw: {},
    write: false,
  });
  const [script] = outputFiles;
  if (script === undefined) throw new Error(`esbuild made nothing of ${name}.ts`);
  return script.text;
}

/** The scripts, where the exporter serves them from, and the snippet with their address and integrity in the README. */
export async function browserSdk(): Promise<readonly GeneratedFile[]> {
  const scripts = await Promise.all(
    browserScripts.map(async (name) => ({ path: `exporter/browser-sdk/${name}.js`, text: await buildBrowserScript(name) })),
  );
  return [...scripts, { path: readmePath, text: await readme(scripts[0]?.text ?? '') }];
}

const snippetInReadme = /(?<=<!-- snippet -->\n```html\n)[^]*?(?=\n```)/;

async function readme(script: string): Promise<string> {
  const text = await readFile(join(checkout, readmePath), 'utf8');
  if (!snippetInReadme.test(text)) throw new Error(`${readmePath} has no <!-- snippet --> before a block of html`);
  const exporterUrl = 'https://widgets.example.com';
  const ids = { siteId: 'site_0123456789abcdef', chatbotId: '3f0c1b52-8d54-4f0e-9a6e-2f6d5f3c7a10' };
  return text.replace(snippetInReadme, () => widgetSnippet({ script: Buffer.from(script), exporterUrl, ...ids }));
}
