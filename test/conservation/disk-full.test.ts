import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { postgresAccount } from '../../local/postgres-binaries.ts';
import { sqlStateOf } from '../../platform/postgres/errors.ts';
import { startDurableDatabase, type DurableDatabase } from '../support/durable-database.ts';
import { compareEvents, createTenantChatbots, startEventLoad } from '../support/event-load.ts';
import { createTenants, startMessageLoad, sumsOf } from '../support/message-load.ts';
import type { RetryingLoad, SentBatch } from '../support/retrying-load.ts';
import { servicePorts, startServiceProcess, waitUntilReady } from '../support/service-process.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { waitUntil } from '../support/wait-until.ts';

const stops: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const diskFull = '53100';
const unavailable = '503 DATABASE_UNAVAILABLE, retry after 5';
const connections = 16;
const within = 60_000;

/** Tables and indexes move to the small disk; the log of PostgreSQL stays where it is. */
async function moveTables(disk: SmallDisk, database: DurableDatabase): Promise<void> {
  const postgres = new URL(database.url('superuser'));
  postgres.pathname = '/postgres';
  const admin = new pg.Client({ connectionString: postgres.href });
  await admin.connect();
  try {
    await admin.query(`create tablespace small_disk location '${disk.directory}'`);
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database.name]);
    await admin.query(`alter database ${database.name} set tablespace small_disk`);
  } finally {
    await admin.end();
  }
}

/** The write-ahead log moves to the small disk; tables and indexes stay where they are. */
async function moveLog(disk: SmallDisk, database: DurableDatabase): Promise<void> {
  await database.stop('fast');
  await disk.takeIn(join(database.dataDirectory, 'pg_wal'));
  await database.start();
}

interface LoadedStack {
  disk: SmallDisk;
  database: DurableDatabase;
  everyLoad: (what: string, isSo: (load: RetryingLoad<SentBatch>) => boolean) => Promise<void>;
  /** Waits until it works by itself again, ends the loads and compares what is stored with what was acknowledged. */
  conclude: (what: string) => Promise<void>;
}

/** An exporter under load whose database has one of its parts on a disk of 128 MB. */
async function startStack(move: (disk: SmallDisk, database: DurableDatabase) => Promise<void>): Promise<LoadedStack> {
  const disk = await mountSmallDisk({ megabytes: 128, owner: await postgresAccount(() => undefined) });
  stops.push(disk.unmount);
  const database = await startDurableDatabase();
  stops.push(database.drop);
  await move(disk, database);
  const tenants = await createTenants(database.db, ['full-1', 'full-2']);
  const chatbots = await createTenantChatbots(database, ['full-3', 'full-4']);
  const exporter = startServiceProcess('exporter', { database, ports: await servicePorts() });
  stops.push(() => exporter.stop());
  await waitUntilReady(exporter);
  const messages = startMessageLoad({ url: exporter.url, tenants, connections });
  const events = startEventLoad({ url: exporter.url, chatbots, connections });
  const loads: readonly RetryingLoad<SentBatch>[] = [messages, events];
  for (const load of loads) stops.push(load.abandon);
  const everyLoad: LoadedStack['everyLoad'] = (what, isSo) => waitUntil(() => loads.every(isSo), { within, what }).then(() => undefined);
  await everyLoad('acknowledged batches', ({ batches }) => batches.filter(({ acknowledged }) => acknowledged).length >= 200);

  const conclude = async (what: string): Promise<void> => {
    await Promise.all(loads.map((load) => load.nextAcknowledgement()));
    await Promise.all(loads.map((load) => load.finish({ within })));
    const rows = await database.query<{ org_id: number; messages: number; sum_ms: number }>(
      `select org_id, widget_rt_total_count as messages, widget_rt_sum_ms as sum_ms from widget_health_totals where org_id = any($1)`,
      [tenants.map(({ id }) => id)],
    );
    const stored = new Map(rows.map(({ org_id, messages: count, sum_ms: sumMs }) => [org_id, { messages: count, sumMs }]));
    expect(stored).toEqual(sumsOf(messages.batches));
    const comparison = await compareEvents(database, events.batches);
    console.log(
      `${what}: acknowledged ${comparison.acknowledged} · stored ${comparison.stored} · lost ${comparison.lost} · duplicates ${comparison.duplicates}`,
    );
    expect(comparison).toMatchObject({ lost: 0, duplicates: 0, invented: 0, miscountedSessions: 0 });
    expect(comparison.stored).toBe(comparison.acknowledged);
    expect([...messages.answers.keys()].filter((answer) => !['202', unavailable].includes(answer))).toEqual([]);
    expect([...events.answers.keys()].filter((answer) => !['204', unavailable].includes(answer))).toEqual([]);
    expect(exporter.isRunning()).toBe(true);
  };
  return { disk, database, everyLoad, conclude };
}

async function canMount(): Promise<boolean> {
  try {
    const disk = await mountSmallDisk({ megabytes: 1, owner: {} });
    await disk.unmount();
    return true;
  } catch (error) {
    console.log(
      `a full disk is not tried: it needs a file system of its own, which only root may mount (${(error as Error).message.trim()})`,
    );
    return false;
  }
}

const isRefused = ({ answers }: RetryingLoad<SentBatch>): boolean => (answers.get(unavailable) ?? 0) >= 20;
const isMountable = await canMount();

test.skipIf(!isMountable)(
  'F9: while the disk is full senders are told to come again; nothing is lost or doubled, and it goes on by itself when there is room',
  { timeout: 180_000 },
  async () => {
    const { disk, database, everyLoad, conclude } = await startStack(moveTables);
    await disk.fill();
    await everyLoad('answers 503', isRefused);
    const noRoom = await database
      .query('create table too_large as select repeat(md5(n::text), 50) from generate_series(1, 10000) n')
      .then(() => undefined, sqlStateOf);
    expect(noRoom).toBe(diskFull);
    await disk.free();
    await conclude('disk full');
  },
);

test.skipIf(!isMountable)(
  'F9: a full disk under the write-ahead log ends PostgreSQL; nothing is lost or doubled, and the exporter goes on by itself once it is started again',
  { timeout: 180_000 },
  async () => {
    const { disk, database, everyLoad, conclude } = await startStack(moveLog);
    await disk.fill();
    // Each begins another file of the log, which there is no room for, instead of first writing the last one full.
    await waitUntil(async () => database.crash() !== undefined || (await database.query('select pg_switch_wal()').then(() => false)), {
      within,
      what: 'the end of PostgreSQL',
    });
    // It panicked, began anew, and could not finish that either.
    expect(database.crash()?.message).toMatch(/could not write to file "pg_wal\/.*": No space left on device/);
    await everyLoad('answers 503', isRefused);
    await disk.free();
    await database.start();
    await conclude('disk of the write-ahead log full');
  },
);
