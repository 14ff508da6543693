import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startExporterStandIn, type ExporterStandIn } from './exporter-stand-in.ts';

const here = import.meta.dirname;
const root = join(here, '../..');
const run = promisify(execFile);

let exporter: ExporterStandIn;
let directory: string;

beforeEach(async () => {
  exporter = await startExporterStandIn();
  directory = await mkdtemp(join(tmpdir(), 'operations-'));
});

afterEach(async () => {
  await exporter.close();
  await rm(directory, { recursive: true });
});

/** A host: a process that uses the package and then has nothing more to do. How long it lived once it had started is on standard error. */
async function runHost(code: string): Promise<{ stdout: string; elapsedMs: number }> {
  const program = `
    import { writeSync } from 'node:fs';
    import { createTracker, trackOperation } from ${JSON.stringify(join(here, 'index.ts'))};
    const startedAt = performance.now();
    process.on('exit', () => writeSync(2, String(performance.now() - startedAt)));
    const url = ${JSON.stringify(exporter.url)};
    const operation = { operation: 'get_cart', domain: 'shop.example' };
    ${code}`;
  const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], { cwd: root });
  return { stdout, elapsedMs: Number(stderr) };
}

describe('a process that ends by itself', () => {
  test('sends what is left first', async () => {
    await runHost(`
      const trackers = [1, 2].map(() => createTracker({ url, ingestKey: 'ik_test', flushMs: 60_000 }));
      for (const tracker of trackers) await trackOperation(tracker, operation, async () => 1);`);
    expect(exporter.stored.size).toBe(2);
  });

  test('is not kept by the timers of a tracker, and when the exporter is away ends after 5 s at most', async () => {
    exporter.always = { status: 503, headers: { 'retry-after': '60' } };
    const { stdout, elapsedMs } = await runHost(`
      const tracker = createTracker({ url, ingestKey: 'ik_test', maxBatch: 1, timeoutMs: 60_000, flushMs: 60_000 });
      await trackOperation(tracker, operation, async () => 1);
      process.on('exit', () => console.log(JSON.stringify(tracker.stats())));`);
    expect(JSON.parse(stdout)).toMatchObject({ recorded: 1, sent: 0, dropped: { closed: 1 } });
    expect(elapsedMs).toBeLessThan(9000);
  });

  test('ends at once when there is nothing to send', async () => {
    const { elapsedMs } = await runHost(`createTracker({ url, ingestKey: 'ik_test', flushMs: 60_000 });`);
    expect(elapsedMs).toBeLessThan(4500);
  });

  test('has close come back, whatever the exporter does', async () => {
    exporter.always = 'hang';
    const { stdout } = await runHost(`
      const tracker = createTracker({ url, ingestKey: 'ik_test', timeoutMs: 60_000 });
      await trackOperation(tracker, operation, async () => 1);
      await tracker.close(100);
      console.log('closed');`);
    expect(stdout).toBe('closed\n');
  });
});

describe('the package', () => {
  test('has no dependencies', async () => {
    const manifest = JSON.parse(await readFile(join(here, 'package.json'), 'utf8')) as Record<string, unknown>;
    expect(Object.keys(manifest).filter((key) => key.toLowerCase().includes('dependencies'))).toEqual([]);
    const sources = (await readdir(here)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    const imported = await Promise.all(
      sources.map(async (name) =>
        [...(await readFile(join(here, name), 'utf8')).matchAll(/ from '([^']+)'/g)].map(([, specifier]) => specifier),
      ),
    );
    expect(imported.flat().filter((specifier) => !/^(node:|\.\/[\w-]+\.ts$)/.test(specifier ?? ''))).toEqual([]);
  });

  test('compiles to JavaScript that runs as the README shows it', async () => {
    const scope = join(directory, 'node_modules/@widget-observability/operations');
    await run('npx', ['tsc', '-p', join(here, 'tsconfig.build.json'), '--outDir', join(scope, 'dist')], { cwd: root });
    await symlink(join(here, 'package.json'), join(scope, 'package.json'));
    const readme = await readFile(join(here, 'README.md'), 'utf8');
    const [, example = ''] = /```ts\n(import .*?)```/s.exec(readme) ?? [];
    expect(example.replace('@widget-observability/operations', './index.ts')).toBe(await readFile(join(here, 'example.ts'), 'utf8'));
    const program = example.replaceAll(/: (string|number)\)/g, ')');
    await writeFile(join(directory, 'example.mjs'), program);
    const { stdout } = await run(process.execPath, ['example.mjs', exporter.url, 'ik_test'], { cwd: directory });
    expect(stdout).toBe('price 19.90; 3 operations sent, 0 dropped\n');
    expect([...exporter.stored.values()].map(({ operation, success }) => [operation, success])).toEqual([
      ['check_price', true],
      ['search_products', true],
      ['add_to_cart', false],
    ]);
  });

  test('has an example that runs in the repository', async () => {
    const { stdout } = await run('npx', ['tsx', 'sdk/operations/example.ts', exporter.url, 'ik_test'], { cwd: root });
    expect(stdout).toBe('price 19.90; 3 operations sent, 0 dropped\n');
  });
});
