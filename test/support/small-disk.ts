import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, rmdir, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system in memory that can be filled to its last byte. */
export interface SmallDisk {
  directory: string;
  /** Moves a folder here, with its owner, and leaves a link in its place. */
  takeIn(folder: string): Promise<void>;
  /** Takes what is left. */
  fill(): Promise<void>;
  /** Gives it back. */
  free(): Promise<void>;
  unmount(): Promise<void>;
}

/** Only root may mount, and not in every container. @throws when it cannot be mounted, with the reason */
export async function mountSmallDisk(options: { megabytes: number; owner: { uid?: number; gid?: number } }): Promise<SmallDisk> {
  const { megabytes, owner } = options;
  const { uid = 0, gid = 0 } = owner;
  const directory = await mkdtemp(join(tmpdir(), 'observability-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,uid=${uid},gid=${gid},mode=0700`, 'tmpfs', directory]);
  } catch (error) {
    await rmdir(directory);
    throw error;
  }
  const ballast = join(directory, 'ballast');
  return {
    directory,
    takeIn: async (folder) => {
      await run('mv', [folder, directory]);
      await symlink(join(directory, basename(folder)), folder);
    },
    fill: () => writeUntilFull(ballast),
    free: () => rm(ballast),
    unmount: async () => {
      await run('umount', [directory]);
      await rmdir(directory);
    },
  };
}

/** In ever smaller pieces: the last page counts. */
async function writeUntilFull(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    for (let bytes = 1_048_576; bytes >= 4096;) {
      try {
        await file.write(Buffer.alloc(bytes, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        bytes /= 4;
      }
    }
  } finally {
    await file.close();
  }
}
