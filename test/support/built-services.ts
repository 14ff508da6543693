import { execFile } from 'node:child_process';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../../local/processes.ts';

/** Where a run of tests finds services and commands as the image has them. Inside the checkout, so that packages are found; ignored by git. */
export const builtServices = join(checkout, '.data/test-build');

/** What the build reads at run time, and where it looks for it. */
const besidesCode = {
  'package.json': 'package.json',
  migrations: 'migrations',
  'api/openapi.json': 'dist/api/openapi.json',
  'exporter/browser-sdk': 'dist/exporter/browser-sdk',
};

/**
 * Builds services and commands, once for a run: from its source every process would take half a second of processor time more to start.
 * Types are not checked, which `npm run check` does: a test must be able to run on what does not compile yet.
 */
export async function buildServices(): Promise<void> {
  const fresh = `${builtServices}-${process.pid}`;
  const args = ['-p', join(checkout, 'tsconfig.build.json'), '--noCheck', '--outDir', join(fresh, 'dist')];
  await promisify(execFile)(join(checkout, 'node_modules/.bin/tsc'), args);
  for (const [source, target] of Object.entries(besidesCode)) {
    await cp(join(checkout, source), join(fresh, target), { recursive: true });
  }
  // Processes of another run may be starting from there now.
  const stale = `${fresh}-stale`;
  await rename(builtServices, stale).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(fresh, builtServices);
  await rm(stale, { recursive: true, force: true });
}

/** The arguments of Node that run a command of jobs/cli from the build. */
export function builtCommand(command: string, args: readonly string[] = []): string[] {
  return [join(builtServices, 'dist/jobs/cli', `${command}.js`), ...args];
}
