import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { DropContext, Partition } from '../../platform/postgres/partitions.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import { readOperationsBetween } from './queries.ts';

const unfinishedEnd = '.unfinished';

/**
 * Writes the operations of a partition to WOOCOMMERCE_ARCHIVE_DIR as gzip NDJSON, one operation a line, in the order of the primary key.
 * Resolves when the file is on disk under its name: then the partition may go. An earlier attempt that did not get so far is written anew.
 */
export async function archivePartition(
  db: Queryable,
  partition: Partition,
  { config: { WOOCOMMERCE_ARCHIVE_DIR: directory }, signal }: Pick<DropContext, 'config' | 'signal'>,
): Promise<void> {
  if (directory === undefined) return;
  try {
    await writeArchive(db, partition, { directory, signal });
  } catch (error) {
    // Another replica took over: nothing is wrong.
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${partition.partition} could not be archived and was not dropped (${reason}): WOOCOMMERCE_ARCHIVE_DIR must be a directory that can be written to and has room`,
      { cause: error },
    );
  }
}

async function writeArchive(
  db: Queryable,
  partition: Partition,
  { directory, signal }: { directory: string; signal: AbortSignal },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const name = `${partition.partition}.ndjson.gz`;
  await removeUnfinished(directory, name);
  // A name of its own: a run that lost its lock may still be writing.
  const unfinished = join(directory, `${name}.${randomUUID()}${unfinishedEnd}`);
  const file = createWriteStream(unfinished, { flags: 'wx', mode: 0o600, flush: true });
  await pipeline(Readable.from(linesOf(db, partition)), createGzip(), file, { signal });
  await rename(unfinished, join(directory, name));
  await syncDirectory(directory);
}

async function removeUnfinished(directory: string, name: string): Promise<void> {
  const files = await readdir(directory);
  for (const file of files.filter((found) => found.startsWith(`${name}.`) && found.endsWith(unfinishedEnd))) {
    await rm(join(directory, file), { force: true });
  }
}

async function* linesOf(db: Queryable, partition: Partition): AsyncGenerator<string> {
  for await (const rows of readOperationsBetween(db, partition.lower_bound, partition.upper_bound)) yield rows.join('\n').concat('\n');
}

/** Until the directory is on disk too, a power loss can take the name away. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
