import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../../local/processes.ts';

/** Inherited by every process of a run. */
const variable = 'TEST_BUILD_DIRECTORY';

/** What the build reads at run time, and where it looks for it. */
const besidesCode = {
  'package.json': 'package.json',
  migrations: 'migrations',
  'api/openapi.json': 'dist/api/openapi.json',
  'exporter/browser-sdk': 'dist/exporter/browser-sdk',
};

/**
 * Builds services and commands as the image has them, once for a run, and returns how to remove them: from its source every process would take
 * half a second of processor time more to start. Types are not checked, which `npm run check` does: a test must be able to run on what does not
 * compile yet.
 */
export async function buildServices(): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'observability-build-'));
  const args = ['-p', join(checkout, 'tsconfig.build.json'), '--noCheck', '--outDir', join(directory, 'dist')];
  await promisify(execFile)(join(checkout, 'node_modules/.bin/tsc'), args);
  for (const [source, target] of Object.entries(besidesCode)) {
    await cp(join(checkout, source), join(directory, target), { recursive: true });
  }
  await symlink(join(checkout, 'node_modules'), join(directory, 'node_modules'));
  process.env[variable] = directory;
  return () => rm(directory, { recursive: true, force: true });
}

/** The working directory of a built service; its program is `dist/<service>/main.js`. */
export function builtServices(): string {
  const directory = process.env[variable];
  if (directory === undefined) throw new Error('the services are not built: call buildServices() before the run');
  return directory;
}

/** The arguments of Node that run a command of jobs/cli from the build. */
export function builtCommand(command: string, args: readonly string[] = []): string[] {
  return [join(builtServices(), 'dist/jobs/cli', `${command}.js`), ...args];
}
