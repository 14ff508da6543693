import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { exportedDefinitions } from '../../generate/metric-definitions.ts';
import { seriesNames } from '../../generate/metric-use.ts';
import { jobs } from '../../jobs/jobs.ts';
import { variables } from '../../platform/config.ts';
import { anchorsOf } from '../support/markdown.ts';
import { readRulesFiles } from '../support/rule-files.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

/** A row of a Markdown table, cell by cell, without the code marks. */
function tableRows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') || line.startsWith('|`'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
}

async function markdownFiles(folder = root): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter(({ name }) => !['node_modules', 'dist', '.git', '.data', 'coverage'].includes(name))
      .map(async (entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return markdownFiles(path);
        return entry.name.endsWith('.md') ? [path] : [];
      }),
  );
  return found.flat();
}

describe('names of series in Markdown', () => {
  let texts: { file: string; text: string }[];
  beforeAll(async () => {
    const files = (await markdownFiles()).map((path) => relative(root, path));
    texts = await Promise.all(
      files.filter((file) => !file.startsWith('CHANGELOG')).map(async (file) => ({ file, text: await read(file) })),
    );
  });

  const unknownNames = (pattern: RegExp, known: ReadonlySet<string>): string[] =>
    texts.flatMap(({ file, text }) => (text.match(pattern) ?? []).filter((name) => !known.has(name)).map((name) => `${file}: ${name}`));

  test('are those of metrics, if they are not those of something in the database', async () => {
    const migrations = await readdir(join(root, 'migrations'));
    const schema = (await Promise.all(migrations.map((file) => read(`migrations/${file}`)))).join('\n');
    const metrics = (await exportedDefinitions()).flatMap((definition) => [definition.name, ...seriesNames(definition)]);
    const known = new Set([...metrics, ...(schema.match(/\w+/g) ?? [])]);
    // Label values stand in quotes, actions of the audit trail after a dot, names of several series end with `_`.
    expect(unknownNames(/(?<![":.\w])(?:widget|observability)_[a-z0-9_]*[a-z0-9](?![:\w])/g, known)).toEqual([]);
    expect(metrics.length).toBeGreaterThan(35);
  });

  test('are those of recording rules, where they have colons', async () => {
    const recorded = (await readRulesFiles()).flatMap(({ rules }) => rules.map((rule) => ('record' in rule ? rule.record : '')));
    expect(unknownNames(/(?<![":\w])[a-z_]+:(?:widget|observability)_[a-z0-9_]+:[a-z0-9_]+/g, new Set(recorded))).toEqual([]);
  });
});

const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');

describe('Markdown', () => {
  test('links to files and headings that exist', async () => {
    const files = await markdownFiles();
    const wrong: string[] = [];
    for (const file of files) {
      const links = withoutCode(await readFile(file, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g);
      for (const [, link = ''] of links) {
        if (/^[a-z]+:/.test(link)) continue;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? file : resolve(dirname(file), path);
        const text = await readFile(target, 'utf8').catch(async () => ((await readdir(target).catch(() => undefined)) ? '' : undefined));
        if (text === undefined || (anchor !== undefined && !anchorsOf(text).includes(anchor)))
          wrong.push(`${relative(root, file)}: ${link}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(files.length).toBeGreaterThan(10);
  });

  test('names npm scripts that exist', async () => {
    const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(await read('package.json')));
    for (const file of ['README.md', 'CONTRIBUTING.md', 'docs/operations.md']) {
      const text = await read(file);
      const named = [...text.matchAll(/npm run ([a-z][\w:-]*)/g), ...text.matchAll(/npm (start|test)\b/g)].map(([, name = '']) => name);
      expect(
        named.filter((name) => scripts[name] === undefined),
        file,
      ).toEqual([]);
      expect(named.length, file).toBeGreaterThan(0);
    }
  });
});

describe('docs/operations.md', () => {
  let rows: string[][];

  beforeAll(async () => {
    rows = tableRows(await read('docs/operations.md'));
  });

  test('lists every environment variable with its default', () => {
    const shapes = Object.values(variables).map(({ shape }) => shape as Record<string, z.ZodType>);
    const expected = new Map(shapes.flatMap(Object.entries).map(([name, schema]) => [name, defaultOf(schema as z.ZodType)]));
    const listed = new Map(rows.filter(([name = '']) => /^[A-Z][A-Z_]+$/.test(name)).map(([name = '', value = '']) => [name, value]));
    expect([...listed.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
    for (const [name, value] of expected) if (value !== undefined) expect(listed.get(name), name).toBe(value);
  });

  test('lists every job and every command', async () => {
    const commands = (await readdir(join(root, 'jobs/cli'))).map((file) => file.replace(/\.ts$/, '')).filter((name) => name !== 'connect');
    const listed = rows.map(([name]) => name);
    expect([...jobs.map(({ name }) => name), ...commands].filter((name) => !listed.includes(name))).toEqual([]);
  });
});

/** What a variable is when it is left out; undefined for one that must be set or may be missing. */
function defaultOf(schema: z.ZodType): string | undefined {
  const { success, data } = schema.safeParse(undefined);
  if (!success || data === undefined) return undefined;
  if (Array.isArray(data) && data.length === 0) return 'none';
  return typeof data === 'string' ? data : JSON.stringify(data);
}
