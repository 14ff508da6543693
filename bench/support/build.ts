import { execFile } from 'node:child_process';
import { cp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const checkout = new URL('../../', import.meta.url);

/** Inside the checkout, so that packages are found; ignored by git. */
export const buildDirectory = new URL('.data/bench-build/', checkout);

/** Compiles what is measured. */
export async function build(): Promise<void> {
  await rm(buildDirectory, { recursive: true, force: true });
  await promisify(execFile)(fileURLToPath(new URL('node_modules/.bin/tsc', checkout)), [
    '-p',
    fileURLToPath(new URL('bench/tsconfig.build.json', checkout)),
  ]);
  await cp(new URL('exporter/browser-sdk/', checkout), new URL('exporter/browser-sdk/', buildDirectory), { recursive: true });
}
