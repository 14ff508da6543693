import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { featureNames } from '../../features/names.ts';

const root = join(import.meta.dirname, '../..');
const codeFolders = ['features', 'platform', 'exporter', 'api', 'jobs', 'local', 'sdk', 'bench', 'generate', 'grafana', 'test'];
/** Run by developers: they may print, and nothing of the product imports them. */
const toolFolders = ['bench', 'generate', 'grafana'];

interface SourceFile {
  path: string;
  text: string;
  /** Own files that it imports, as paths from the root. */
  imports: string[];
}

let files: SourceFile[];

beforeAll(async () => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => codeFolders.includes(path.split('/')[0] ?? ''));
  files = await Promise.all(paths.map(readSource));
});

async function readSource(path: string): Promise<SourceFile> {
  const text = await readFile(join(root, path), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, specifier]) => specifier ?? '');
  return { path, text, imports: specifiers.map((specifier) => normalize(join(dirname(path), specifier))) };
}

const isTest = ({ path }: SourceFile): boolean => path.endsWith('.test.ts') || path.startsWith('test/');
const topOf = (path: string): string => path.split('/')[0] ?? '';
const product = (): SourceFile[] => files.filter((file) => !isTest(file));

/** What a top-level folder may import. Imports point down only. */
const allowed: Record<string, string[]> = {
  platform: ['platform'],
  features: ['features', 'platform'],
  exporter: ['exporter', 'features', 'platform'],
  api: ['api', 'features', 'platform'],
  jobs: ['jobs', 'features', 'platform'],
  // The demo records operations as users do.
  local: ['local', 'jobs', 'features', 'platform', 'sdk'],
  sdk: ['sdk'],
  grafana: ['grafana', 'features'],
};

describe('imports', () => {
  test('point down only: exporter | api | jobs | local -> features -> platform', () => {
    const wrong = product().flatMap(({ path, imports }) =>
      imports
        .filter((imported) => allowed[topOf(path)]?.includes(topOf(imported)) === false)
        .map((imported) => `${path} imports ${imported}`),
    );
    expect(wrong).toEqual([]);
    expect(product().length).toBeGreaterThan(50);
  });

  test('slices never import each other', () => {
    const sliceOf = (path: string): string | undefined =>
      topOf(path) === 'features' && path.split('/').length > 2 ? path.split('/')[1] : undefined;
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .filter((imported) => sliceOf(path) !== undefined && sliceOf(imported) !== undefined && sliceOf(path) !== sliceOf(imported))
        .map((imported) => `${path} imports ${imported}`),
    );
    expect(wrong).toEqual([]);
  });

  test('of tests, bench and generate stay out of the product', () => {
    const wrong = product()
      .filter(({ path }) => !toolFolders.includes(topOf(path)))
      .flatMap(({ path, imports }) =>
        imports.filter((imported) => ['test', ...toolFolders].includes(topOf(imported))).map((imported) => `${path} imports ${imported}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe('slices', () => {
  const everySlice = ['events.ts', 'ingest.ts', 'ingest-routes.ts', 'metrics.ts', 'queries.ts', 'read-routes.ts', 'tables.ts'];

  test('have the same file names, and names.ts knows exactly the folders there are', async () => {
    const folders = (await readdir(join(root, 'features'), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(folders.toSorted()).toEqual([...featureNames].toSorted());
    for (const name of featureNames) expect(await readdir(join(root, 'features', name)), name).toEqual(expect.arrayContaining(everySlice));
  });

  test('are mounted in one line of each list, and nothing else central knows a slice', () => {
    // A command of one slice is a program of its own, which nothing imports.
    const mayName = new Set([
      'features/names.ts',
      'exporter/routes.ts',
      'api/routes.ts',
      'jobs/jobs.ts',
      'jobs/cli/widget-stats-backfill.ts',
      'jobs/cli/rollups-run.ts',
      'jobs/cli/rollups-backfill.ts',
      'jobs/cli/rollups-status.ts',
      'jobs/cli/rollups-discrepancy.ts',
      'jobs/cli/marketing-purge.ts',
    ]);
    const wrong = product()
      .filter(({ path }) => ['platform', 'exporter', 'api', 'jobs'].includes(topOf(path)) && !mayName.has(path))
      .flatMap(({ path, imports }) =>
        imports.filter((imported) => topOf(imported) === 'features').map((imported) => `${path} imports ${imported}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe('code', () => {
  test('reads the environment in platform/config.ts only', () => {
    const wrong = product()
      .filter(({ path }) => !['local', ...toolFolders].includes(topOf(path)) && path !== 'platform/config.ts')
      .filter(({ text }) => text.includes('process.env'));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('of a service writes to the log, not to the console', () => {
    // A browser has nothing else.
    const isElsewhere = (path: string): boolean => ['local', ...toolFolders].includes(topOf(path)) || path.startsWith('sdk/browser/');
    const wrong = product().filter(({ path, text }) => !isElsewhere(path) && /\bconsole\./.test(text));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('holds SQL of slices in queries.ts, ingest.ts and rollup.ts only', () => {
    const statement = /`\s*(select|insert into|update|delete from|with)\s/i;
    const wrong = product().filter(
      ({ path, text }) => topOf(path) === 'features' && !/[/-](queries|ingest|rollup)\.ts$/.test(path) && statement.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('has no folder or file with a name that says nothing', () => {
    const wrong = files.filter(({ path }) =>
      /(^|\/)(utils?|helpers?|lib|common|shared|types|misc)(\.ts|\/)|-(service|manager)\.ts$/.test(path),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('of tests neither sleeps nor skips nor focuses', () => {
    const wrong = files.filter(
      ({ path, text }) =>
        path.endsWith('.test.ts') && path !== 'test/contract/architecture.test.ts' && /\.(only|todo)\(|await (sleep|delay)\(/.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });
});
