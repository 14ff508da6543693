import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createLogger } from '../log.ts';
import { createCounterFlusher, type CounterFlusher, type CounterFlusherOptions, type FlushId } from './counter-flusher.ts';
import { openPool, type Pool, type Queryable } from './pool.ts';

interface Delta {
  loads: number;
  labels: string[];
}
type Entries = [orgId: number, delta: Delta][];

let database: TestDatabase;
let pool: Pool;
const log = createLogger({ service: 'test', level: 'silent' });

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query('create table totals (org_id bigint primary key, loads bigint not null check (loads < 1000000000))');
  await database.query('create table flushes (id uuid primary key, day date not null)');
});
beforeEach(async () => {
  pool = openPool({ connectionString: database.url('superuser'), max: 2, applicationName: 'flusher test', statementTimeoutMs: 3000, log });
  await database.query('truncate totals, flushes');
});
afterEach(() => pool.end());
afterAll(() => database.drop());

/** Adds the deltas unless the flush is on record, in one statement. */
async function addTotals(db: Queryable, flush: FlushId, entries: Entries): Promise<void> {
  await db.query(
    `with fresh as (insert into flushes (id, day) values ($1, $2) on conflict do nothing returning flushes.id)
     insert into totals as stored (org_id, loads)
     select delta.org_id, delta.loads from unnest($3::bigint[], $4::bigint[]) delta (org_id, loads) where exists (select from fresh)
     on conflict (org_id) do update set loads = stored.loads + excluded.loads`,
    [flush.id, flush.day, entries.map(([orgId]) => orgId), entries.map(([, { loads }]) => loads)],
  );
}

interface Watched {
  flusher: CounterFlusher<Delta>;
  /** What each statement was given, as it was at that moment. */
  writes: { flush: FlushId; entries: Entries }[];
  /** Whether each flush succeeded. */
  flushes: boolean[];
  load(orgId: number, times?: number): void;
}

function watch(options: Partial<CounterFlusherOptions<Delta>> = {}): Watched {
  const writes: Watched['writes'] = [];
  const flushes: boolean[] = [];
  const { write = addTotals, ...others } = options;
  const flusher = createCounterFlusher<Delta>({
    pool,
    log,
    now: () => new Date(),
    empty: () => ({ loads: 0, labels: [] }),
    merge: (into, from) => {
      into.loads += from.loads;
      into.labels.push(...from.labels);
    },
    write: (db, flush, entries) => {
      writes.push(structuredClone({ flush, entries }));
      return write(db, flush, entries);
    },
    onFlush: (succeeded) => flushes.push(succeeded),
    ...others,
  });
  const load = (orgId: number, times = 1): void =>
    flusher.count(orgId, (delta) => {
      delta.loads += times;
    });
  return { flusher, writes, flushes, load };
}

async function totals(): Promise<Record<string, number>> {
  const rows = await database.query<{ org_id: number; loads: number }>('select org_id, loads from totals order by org_id');
  return Object.fromEntries(rows.map(({ org_id, loads }) => [org_id, loads]));
}

const soon = (milliseconds = 5000): number => performance.now() + milliseconds;
const entriesOf = ({ writes }: Watched): [number, number][][] =>
  writes.map(({ entries }) => entries.map(([orgId, { loads }]) => [orgId, loads]));

describe('counting', () => {
  test('merges by organization and writes one statement within a second, its keys sorted', async () => {
    const watched = watch();
    const startedAt = performance.now();
    for (const orgId of [30, 4, 200, 4, 30, 4]) watched.load(orgId);
    expect(watched.flusher.pendingOrgs()).toBe(3);
    await waitUntil(() => watched.flushes.length > 0, { within: 20_000, what: 'the flush' });
    expect(performance.now() - startedAt).toBeLessThan(1500);
    // As numbers, not as text: 200 would come before 30.
    expect(entriesOf(watched)).toEqual([
      [
        [4, 3],
        [30, 2],
        [200, 1],
      ],
    ]);
    expect(await totals()).toEqual({ 4: 3, 30: 2, 200: 1 });
    expect(watched.flusher.pendingOrgs()).toBe(0);
  });

  test('the second flush carries only what is new, under an id of its own', async () => {
    const watched = watch();
    watched.load(1, 5);
    await watched.flusher.stop(soon());
    watched.load(1, 2);
    watched.load(2);
    await watched.flusher.stop(soon());
    expect(entriesOf(watched)).toEqual([
      [[1, 5]],
      [
        [1, 2],
        [2, 1],
      ],
    ]);
    expect(new Set(watched.writes.map(({ flush }) => flush.id)).size).toBe(2);
    expect(await totals()).toEqual({ 1: 7, 2: 1 });
  });

  test('a flush belongs to the UTC day on which it was first sent', async () => {
    const watched = watch({ now: () => new Date('2026-07-01T23:59:59.999Z') });
    watched.load(1);
    await watched.flusher.stop(soon());
    expect(await database.query('select day from flushes')).toEqual([{ day: '2026-07-01' }]);
  });
});

describe('while the database is down', () => {
  test('1,000,000 counts of 3 organizations are 3 entries, and one statement when it is back', async () => {
    const watched = watch();
    await database.refuseConnections();
    try {
      for (let count = 0; count < 1_000_000; count += 1) {
        watched.flusher.count((count % 3) + 1, (delta) => {
          delta.loads += 1;
        });
      }
      await waitUntil(() => watched.flushes.length > 0, { within: 20_000, what: 'the failed flush' });
      expect(watched.flushes).toEqual([false]);
      expect(watched.flusher.pendingOrgs()).toBe(3);
    } finally {
      await database.acceptConnections();
    }
    await watched.flusher.stop(soon());
    expect(watched.writes).toHaveLength(1);
    expect(await totals()).toEqual({ 1: 333_334, 2: 333_333, 3: 333_333 });
  });

  test('what is counted meanwhile is merged with what could not be written, oldest first', async () => {
    const watched = watch();
    await database.refuseConnections();
    try {
      watched.flusher.count(1, ({ labels }) => labels.push('first'));
      await expect(watched.flusher.stop(performance.now())).rejects.toThrow('1 organizations');
      watched.flusher.count(1, ({ labels }) => labels.push('second'));
    } finally {
      await database.acceptConnections();
    }
    await watched.flusher.stop(soon());
    expect(watched.writes.map(({ entries }) => entries)).toEqual([[[1, { loads: 0, labels: ['first', 'second'] }]]]);
  });

  test('tries are 0.9, 1.8, 3.6 … seconds apart, 30 at most, and 0.9 again after a success', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let isDown = true;
      const watched = watch({
        write: (db, flush, entries) =>
          isDown ? db.query('select pg_terminate_backend(pg_backend_pid())').then(() => undefined) : addTotals(db, flush, entries),
      });
      const next = async (afterMs: number, tries: number): Promise<void> => {
        vi.advanceTimersByTime(afterMs - 1);
        expect(watched.writes).toHaveLength(tries - 1);
        vi.advanceTimersByTime(1);
        await waitUntil(() => watched.flushes.length === tries && vi.getTimerCount() > 0, { within: 20_000, what: `try ${tries}` });
      };
      watched.load(1);
      for (const [index, afterMs] of [900, 1800, 3600, 7200, 14_400, 28_800, 30_000].entries()) await next(afterMs, index + 1);
      isDown = false;
      vi.advanceTimersByTime(30_000);
      await waitUntil(() => watched.flushes.at(-1) === true, { within: 20_000, what: 'the flush' });
      watched.load(1);
      vi.advanceTimersByTime(900);
      await waitUntil(() => watched.flushes.length === 9, { within: 20_000, what: 'the next flush' });
      expect(watched.flushes.slice(-2)).toEqual([true, true]);
      expect(await totals()).toEqual({ 1: 2 });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('exactly once', () => {
  test('a connection that breaks after the commit does not count twice, and what came meanwhile is not lost', async () => {
    const watched: Watched = watch({
      write: async (db, flush, entries) => {
        await addTotals(db, flush, entries);
        if (watched.writes.length === 1) {
          watched.load(1, 10);
          watched.load(3, 10);
          await db.query('select pg_terminate_backend(pg_backend_pid())');
        }
      },
    });
    watched.load(1, 1);
    watched.load(2, 1);
    await waitUntil(() => watched.flushes.length > 0, { within: 20_000, what: 'the flush' });
    expect(watched.flushes).toEqual([false]);
    // 1 is in both: an organization is pending once.
    expect(watched.flusher.pendingOrgs()).toBe(3);
    await watched.flusher.stop(soon());
    expect(await totals()).toEqual({ 1: 11, 2: 1, 3: 10 });
    expect(entriesOf(watched)).toEqual([
      [
        [1, 1],
        [2, 1],
      ],
      [
        [1, 1],
        [2, 1],
      ],
      [
        [1, 10],
        [3, 10],
      ],
    ]);
    const [sent, again, newer] = watched.writes.map(({ flush }) => flush);
    expect(again).toEqual(sent);
    expect(newer?.id).not.toBe(sent?.id);
  });

  test('one that breaks before the commit does not lose anything, even over midnight', async () => {
    let now = new Date('2026-07-01T23:59:59.999Z');
    const watched: Watched = watch({
      now: () => now,
      write: async (db, flush, entries) => {
        if (watched.writes.length === 1) await db.query('select pg_terminate_backend(pg_backend_pid())');
        await addTotals(db, flush, entries);
      },
    });
    watched.load(1, 7);
    await expect(watched.flusher.stop(performance.now())).rejects.toThrow('could not be written');
    now = new Date('2026-07-02T00:00:01.000Z');
    await watched.flusher.stop(soon());
    expect(await totals()).toEqual({ 1: 7 });
    // A repeat is recognized by its day and its id.
    expect(watched.writes[1]).toEqual(watched.writes[0]);
  });

  test('what was counted while a flush was on its way to failing is merged with it, behind it', async () => {
    let fail: () => void = () => undefined;
    const failing = new Promise<void>((resolve) => (fail = resolve));
    let arrive: () => void = () => undefined;
    const sent = new Promise<void>((resolve) => (arrive = resolve));
    const running: Watched = watch({
      write: async (db, flush, entries) => {
        if (running.writes.length > 1) return addTotals(db, flush, entries);
        arrive();
        await failing;
        await db.query('select 1/0');
      },
    });
    running.flusher.count(1, (delta) => {
      delta.loads += 1;
      delta.labels.push('before');
    });
    const stopped = running.flusher.stop(performance.now());
    await sent;
    running.flusher.count(1, (delta) => {
      delta.loads += 10;
      delta.labels.push('meanwhile');
    });
    running.load(2, 100);
    expect(running.flusher.pendingOrgs()).toBe(2);
    fail();
    await expect(stopped).rejects.toThrow('2 organizations');
    await running.flusher.stop(soon());
    expect(await totals()).toEqual({ 1: 11, 2: 100 });
    expect(running.writes[1]?.entries[0]).toEqual([1, { loads: 11, labels: ['before', 'meanwhile'] }]);
    expect(running.writes[1]?.flush.id).not.toBe(running.writes[0]?.flush.id);
  });

  test('a flush that certainly failed is merged with the next, under a new id', async () => {
    const watched: Watched = watch({
      write: async (db, flush, entries) => {
        await db.query(watched.writes.length === 1 ? 'select 1/0' : 'select 1');
        await addTotals(db, flush, entries);
      },
    });
    watched.load(1, 7);
    await expect(watched.flusher.stop(performance.now())).rejects.toThrow('could not be written');
    watched.load(1, 3);
    await watched.flusher.stop(soon());
    expect(entriesOf(watched)).toEqual([[[1, 7]], [[1, 10]]]);
    expect(watched.writes[1]?.flush.id).not.toBe(watched.writes[0]?.flush.id);
    expect(await totals()).toEqual({ 1: 10 });
  });
});

describe('stop', () => {
  test('writes at once what is pending, and nothing when nothing is', async () => {
    const watched = watch();
    await watched.flusher.stop(soon());
    expect(watched.writes).toEqual([]);
    watched.load(1);
    await watched.flusher.stop(soon());
    expect(await totals()).toEqual({ 1: 1 });
  });

  test('waits for the flush in flight, and writes what was counted behind it', async () => {
    await database.query('insert into totals values (1, 0)');
    const blocker = new pg.Client({ connectionString: database.url('superuser') });
    await blocker.connect();
    await blocker.query('begin; select from totals where org_id = 1 for update');
    const watched = watch();
    watched.load(1, 1);
    await waitUntil(
      async () =>
        (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)).length === 1,
      { within: 20_000, what: 'the flush waiting for the row' },
    );
    watched.load(1, 2);
    const stopped = watched.flusher.stop(soon());
    await blocker.query('rollback');
    await blocker.end();
    await stopped;
    expect(entriesOf(watched)).toEqual([[[1, 1]], [[1, 2]]]);
    expect(await totals()).toEqual({ 1: 3 });
  });

  test('tries again until its deadline, then tells how many organizations are lost', async () => {
    const watched = watch();
    watched.load(1);
    watched.load(2);
    await database.refuseConnections();
    const startedAt = performance.now();
    try {
      await expect(watched.flusher.stop(performance.now() + 1500)).rejects.toThrow('counters of 2 organizations could not be written');
    } finally {
      await database.acceptConnections();
    }
    expect(watched.flushes.length).toBeGreaterThan(1);
    expect(watched.flushes).not.toContain(true);
    expect(performance.now() - startedAt).toBeLessThan(2500);
  });
});
