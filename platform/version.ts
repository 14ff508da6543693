import { existsSync, readFileSync } from 'node:fs';

// package.json is one level up in a checkout (platform/) and two in a build (dist/platform/).
const packageFile = ['../package.json', '../../package.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));

/** The version in package.json. */
export const version: string =
  packageFile === undefined ? 'unknown' : (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
