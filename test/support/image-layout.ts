import { execFile } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../../local/processes.ts';
import { buildContext, parseCopy, parseDockerfile } from './dockerfile.ts';

export interface ImageLayout {
  /** The working directory of the last stage: what a container starts in. */
  directory: string;
  /** Commands of the Dockerfile that were left out: they change the image around the working directory. */
  notRun: string[];
}

/**
 * Does what the Dockerfile says, without Docker: one folder for each stage, the context as .dockerignore leaves it, and the commands of
 * npm run for real. The base image is this machine.
 */
export async function buildImageLayout(directory: string): Promise<ImageLayout> {
  const context = await buildContext(checkout);
  const stages = new Map<string, { root: string; workdir: string }>();
  const notRun: string[] = [];
  let workdir = '/';
  for (const { name, from, instructions } of parseDockerfile(await readFile(join(checkout, 'Dockerfile'), 'utf8'))) {
    const root = join(directory, name);
    const parent = stages.get(from);
    await mkdir(root, { recursive: true });
    if (parent !== undefined) await cp(parent.root, root, { recursive: true, verbatimSymlinks: true });
    workdir = parent?.workdir ?? '/';
    for (const { name: instruction, text } of instructions) {
      if (instruction === 'WORKDIR') workdir = text;
      const folder = join(root, workdir);
      if (instruction === 'COPY') await copy(text, folder, context, (stage) => stages.get(stage)?.root);
      if (instruction !== 'RUN') continue;
      if (/^npm [^;&|]+$/.test(text)) await runNpm(text, folder);
      else notRun.push(text);
    }
    stages.set(name, { root, workdir });
  }
  const last = [...stages.values()].at(-1);
  return { directory: join(last?.root ?? directory, workdir), notRun };
}

async function copy(
  text: string,
  workdir: string,
  context: readonly string[],
  rootOf: (stage: string) => string | undefined,
): Promise<void> {
  const { from, sources, target } = parseCopy(text);
  await mkdir(workdir, { recursive: true });
  for (const source of sources) {
    if (from !== undefined) {
      // Of a folder Docker copies what is in it.
      await cp(join(rootOf(from) ?? '', source), join(workdir, target), { recursive: true, verbatimSymlinks: true });
      continue;
    }
    const isFolder = source.endsWith('/');
    const prefix = isFolder ? source : `${dirname(source)}/`.replace(/^\.\//, '');
    for (const path of context.filter((known) => (isFolder ? known.startsWith(source) : known === source))) {
      await cp(join(checkout, path), join(workdir, target, target.endsWith('/') ? path.slice(prefix.length) : ''));
    }
  }
}

async function runNpm(command: string, cwd: string): Promise<void> {
  const { PATH, HOME } = process.env;
  // Nothing of the checkout's own npm run may reach this one. What npm has downloaded before, it need not download again.
  const env = { PATH, HOME, npm_config_prefer_offline: 'true' };
  await promisify(execFile)('/bin/sh', ['-c', command], { cwd, env, maxBuffer: 1e8 });
}
