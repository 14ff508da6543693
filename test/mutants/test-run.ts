import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

export interface TestRun {
  passed: number;
  /** Tests that failed, each with the first line of why. */
  failed: readonly string[];
}

export interface RunOptions {
  tests: readonly string[];
  /** Only tests whose name matches. */
  only?: string | undefined;
}

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).default([]) })),
    }),
  ),
});

/** Runs test files, up to the first test that fails. @throws when they could not be run: that says nothing about a guard */
export async function runTests(folder: string, { tests, only }: RunOptions): Promise<TestRun> {
  const reports = await mkdtemp(join(tmpdir(), 'observability-mutants-report-'));
  const file = join(reports, 'report.json');
  try {
    const output = await runVitest(folder, [
      ...tests,
      ...(only === undefined ? [] : ['-t', only]),
      '--bail=1',
      '--no-cache',
      '--reporter=json',
      `--outputFile=${file}`,
    ]);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new Error(`vitest wrote no report:\n${output}`, { cause: error });
    });
    return judge(report.parse(JSON.parse(text)));
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
}

function judge({ testResults }: z.output<typeof report>): TestRun {
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = all
    .filter(({ status }) => status === 'failed')
    .map(
      ({ fullName, failureMessages: [message = ''] }) =>
        `${fullName}: ${message.split('\n', 1)[0]?.replace(/^AssertionError: /, '') ?? ''}`,
    );
  const broken = testResults.find(({ status }) => status === 'failed');
  if (broken !== undefined && failed.length === 0) throw new Error(`${broken.name} could not be run:\n${broken.message}`);
  const passed = all.filter(({ status }) => status === 'passed').length;
  if (passed + failed.length === 0) throw new Error('no test has this name: put the mutant right in test/mutants/mutants.ts');
  return { passed, failed };
}

function runVitest(folder: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}
