import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { featureNames } from '../../features/names.ts';
import { jobs } from '../../jobs/jobs.ts';
import { variables } from '../../platform/config.ts';
import { createLogger } from '../../platform/log.ts';
import type { MetricDefinition } from '../../platform/metrics/definitions.ts';
import { startOrgSeries } from '../../platform/metrics/org-series.ts';
import { createMetricsRegistry } from '../../platform/metrics/registry.ts';
import { stackMetrics } from '../../platform/metrics/stack.ts';

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

const isDefinition = (value: unknown): value is MetricDefinition =>
  typeof value === 'object' && value !== null && 'help' in value && 'name' in value && 'type' in value;

/** Every metric that a process declares: the slices', the stack's, and those of the cap on organizations. */
async function exportedDefinitions(): Promise<MetricDefinition[]> {
  const slices = await Promise.all(
    featureNames.map(async (name) => (await import(`../../features/${name}/metrics.ts`)) as Record<string, unknown>),
  );
  const declared = [stackMetrics, ...slices.flatMap((slice) => Object.values(slice))].flatMap((group) =>
    Object.values(group as Record<string, unknown>).filter(isDefinition),
  );
  const registry = createMetricsRegistry({ defaultMetrics: false });
  startOrgSeries({
    db: { query: () => Promise.reject(new Error('nothing is read here')) },
    limit: 0,
    sources: [],
    metrics: registry,
    log: createLogger({ service: 'cli', level: 'silent' }),
    errors: { inc: () => undefined },
  }).stop();
  return [...declared, ...registry.definitions()];
}

const ruleFile = z.object({
  groups: z.array(
    z.object({ rules: z.array(z.object({ alert: z.string().optional(), record: z.string().optional(), expr: z.string() })) }),
  ),
});
type Rule = z.infer<typeof ruleFile>['groups'][number]['rules'][number];

async function readRules(): Promise<Rule[]> {
  const files = (await readdir(join(root, 'prometheus/rules'))).filter((name) => name.endsWith('.yml'));
  const texts = await Promise.all(files.map((name) => read(`prometheus/rules/${name}`)));
  return texts.flatMap((text) => ruleFile.parse(parse(text)).groups.flatMap(({ rules }) => rules));
}

/** Alerts whose expression names the metric, or names a recorded series that comes from it. */
function alertsUsing(metric: string, rules: readonly Rule[]): string[] {
  const names = new Set([metric, ...['_bucket', '_sum', '_count'].map((suffix) => metric + suffix)]);
  const uses = ({ expr }: Rule): boolean => (expr.match(/[a-zA-Z_:][\w:]*/g) ?? []).some((word) => names.has(word));
  for (let known = 0; known < names.size;) {
    known = names.size;
    for (const rule of rules) if (rule.record !== undefined && uses(rule)) names.add(rule.record);
  }
  const alerts = rules.filter((rule) => rule.alert !== undefined && uses(rule)).map(({ alert }) => alert ?? '');
  return [...new Set(alerts)].toSorted();
}

describe('docs/metrics.md', () => {
  let definitions: MetricDefinition[];
  let text: string;
  let rules: Rule[];

  beforeAll(async () => {
    [definitions, text, rules] = await Promise.all([exportedDefinitions(), read('docs/metrics.md'), readRules()]);
  });

  test('has a row for every exported metric: type, labels, and the alerts that use it', () => {
    const rows = new Map(tableRows(text).map(([name = '', type = '', labels = '', , , alerts = '']) => [name, { type, labels, alerts }]));
    const expected = definitions.map((definition) => ({
      name: definition.name,
      type: definition.type,
      labels: Object.keys(definition.labels).join(', ') || '—',
      alerts: alertsUsing(definition.name, rules).join(', ') || '—',
    }));
    expect(expected.map(({ name }) => ({ name, ...rows.get(name) }))).toEqual(expected);
    expect(expected.length).toBeGreaterThan(35);
  });

  test('names no metric that does not exist', () => {
    const known = new Set(
      definitions.flatMap(({ name, type }) => [
        name,
        ...(type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : []),
      ]),
    );
    // Label values stand in quotes.
    const named = text.match(/(?<!["\w])(?:widget|observability)_[a-z0-9_]+/g) ?? [];
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test('lists the buckets of every histogram', () => {
    const wrong = definitions.filter(
      (definition) =>
        definition.type === 'histogram' &&
        !tableRows(text).some(
          ([name = '', , , , meaning = '']) => name === definition.name && meaning.includes(definition.buckets.join(' ')),
        ),
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });
});

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

const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** The anchor that a heading gets: lower case, no punctuation, hyphens for spaces. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

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
        if (text === undefined || (anchor !== undefined && !anchorsOf(text).has(anchor))) wrong.push(`${relative(root, file)}: ${link}`);
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
