import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

export interface Instruction {
  name: string;
  /** What follows it, on one line. */
  text: string;
}

export interface Stage {
  name: string;
  /** An image, or an earlier stage. */
  from: string;
  instructions: Instruction[];
}

/** The stages of a Dockerfile, in order. Knows no heredocs and no ARG before the first FROM. */
export function parseDockerfile(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, name = '', rest = ''] = /^\s*(\w+)\s+(.*)$/.exec(line) ?? [];
    const [, from, as] = name === 'FROM' ? (/^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? []) : [];
    if (from !== undefined) stages.push({ name: as ?? String(stages.length), from, instructions: [] });
    else stages.at(-1)?.instructions.push({ name, text: rest });
  }
  return stages;
}

export interface Copy {
  /** A stage; undefined for the build context. */
  from: string | undefined;
  sources: string[];
  target: string;
}

export function copiesOf(stage: Stage): Copy[] {
  return stage.instructions.filter(({ name }) => name === 'COPY').map(({ text }) => parseCopy(text));
}

export function parseCopy(text: string): Copy {
  const words = text.split(/\s+/);
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  const paths = words.filter((word) => !word.startsWith('--'));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? '' };
}

/** Whether a path of the context is left out, as Docker decides it: the last pattern that matches the path or a folder above it. */
export function ignoreRule(dockerignore: string): (path: string) => boolean {
  const patterns = dockerignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), expression: expressionOf(line.replace(/^!/, '')) }));
  return (path) => {
    const names = path.split('/');
    const paths = names.map((_, index) => names.slice(0, index + 1).join('/'));
    const last = patterns.findLast(({ expression }) => paths.some((candidate) => expression.test(candidate)));
    return last !== undefined && !last.keeps;
  };
}

function expressionOf(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('**/', '\0')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
    .replaceAll('\0', '(?:.*/)?');
  return new RegExp(`^${source}$`);
}

/** The files that `docker build` would send, relative to `root`. */
export async function buildContext(root: string): Promise<string[]> {
  const ignored = ignoreRule(await readFile(join(root, '.dockerignore'), 'utf8'));
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      // Not needed for the answer, and slow to look through.
      if (['.git', '.data', 'node_modules'].includes(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await visit(path);
      else if (!ignored(relative(root, path))) found.push(relative(root, path));
    }
  };
  await visit(root);
  return found;
}
