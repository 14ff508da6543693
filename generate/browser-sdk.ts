import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { performanceSnippet, widgetSnippet } from '../local/widget-snippet.ts';
import type { GeneratedFile } from './generated-file.ts';

const checkout = join(import.meta.dirname, '..');
const readmePath = 'sdk/browser/README.md';

/** The scripts that pages load, each from its source in sdk/browser/src. */
export const browserScripts = ['widget', 'performance'] as const;

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

/** The scripts, where the exporter serves them from, and the snippets with their addresses and integrity in the README. */
export async function browserSdk(): Promise<readonly GeneratedFile[]> {
  const [widget, performance] = await Promise.all(browserScripts.map((name) => buildBrowserScript(name)));
  if (widget === undefined || performance === undefined) throw new Error('browserScripts names fewer scripts than the README has snippets');
  return [
    { path: 'exporter/browser-sdk/widget.js', text: widget },
    { path: 'exporter/browser-sdk/performance.js', text: performance },
    { path: readmePath, text: await readme({ widget, performance }) },
  ];
}

async function readme(scripts: Record<(typeof browserScripts)[number], string>): Promise<string> {
  const exporterUrl = 'https://widgets.example.com';
  const ids = { siteId: 'site_0123456789abcdef', chatbotId: '3f0c1b52-8d54-4f0e-9a6e-2f6d5f3c7a10' };
  const snippets = {
    widget: widgetSnippet({ script: Buffer.from(scripts.widget), exporterUrl, ...ids }),
    performance: performanceSnippet({ script: Buffer.from(scripts.performance), exporterUrl }),
  };
  let text = await readFile(join(checkout, readmePath), 'utf8');
  for (const name of browserScripts) {
    const place = new RegExp(`(?<=<!-- snippet ${name} -->\\n\`\`\`html\\n)[^]*?(?=\\n\`\`\`)`);
    if (!place.test(text)) throw new Error(`${readmePath} has no <!-- snippet ${name} --> before a block of html`);
    text = text.replace(place, () => snippets[name]);
  }
  return text;
}
