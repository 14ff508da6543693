import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type CheckoutCopy, copyCheckout, descendantsOf, type StartedStack } from '../test/support/npm-start.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { assertPortsFree, type StackPorts } from './ports.ts';
import { checkout } from './processes.ts';

const isRoot = process.getuid?.() === 0;

let copy: CheckoutCopy;
let ports: StackPorts;

beforeAll(async () => {
  copy = await copyCheckout();
  ({ ports } = copy);
});
afterEach(() => copy.stopAll());
afterAll(() => copy.remove());

test('the curl lines of npm start work, everything is measured, and Ctrl-C leaves nothing behind', { timeout: 180_000 }, async () => {
  const stack = copy.start();
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
  await waitUntil(() => processes.every((pid) => !isAlive(pid)), { within: 20_000, what: 'the end of every process' });
  await assertPortsFree({ ...ports });
});

test.skipIf(!isRoot)(
  'root (skipped for others: they run PostgreSQL as themselves): programs and data go where the postgres user can reach them, and it says so',
  { timeout: 120_000 },
  async () => {
    const stack = copy.start('--no-demo');
    const output = await stack.summary();
    expect(output).toMatch(/running PostgreSQL from \/var\/lib\/widget-observability\/postgres-18[.\d]*\n/);
    expect(output).toMatch(/the data is kept in \/var\/lib\/widget-observability\/data-[0-9a-f]{12}\n/);
    expect((await stat(copy.home)).mode & 0o777).toBe(0o700);
    await pressCtrlC(stack);
  },
);

test('data and secrets survive a restart; a process that dies is reported and ends everything', { timeout: 180_000 }, async () => {
  const first = copy.start();
  const before = identities(await first.summary());
  await pressCtrlC(first);

  const second = copy.start();
  expect(identities(await second.summary())).toEqual(before);
  const processes = await descendantsOf(second.pid);
  process.kill(await pidOf('exporter/main.ts', processes), 'SIGKILL');
  expect(await second.exitCode).toBe(1);
  expect(second.output()).toContain('exporter ended on its own (signal SIGKILL)');
  await waitUntil(() => processes.every((pid) => !isAlive(pid)), { within: 20_000, what: 'the end of every process' });
});

test('names every port that is taken before it starts anything', { timeout: 60_000 }, async () => {
  const holder = createServer().listen(ports.api, '127.0.0.1');
  await once(holder, 'listening');
  const stack = copy.start('--no-demo');
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

async function pressCtrlC(stack: StartedStack): Promise<void> {
  await stack.pressCtrlC();
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
