import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createLogger } from '../log.ts';
import { createBatchWriter, NotWrittenError, OverloadedError, type BatchWriter, type BatchWriterOptions } from './batch-writer.ts';
import { openPool, type Pool, type Queryable } from './pool.ts';

interface Item {
  id: number;
  /** The table takes none below 0. */
  value: number;
  rows?: number;
}
type Options = BatchWriterOptions<Item, string>;

let database: TestDatabase;
let pool: Pool;
let lastId = 0;
const log = createLogger({ service: 'test', level: 'silent' });

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(
    'create table items (id int primary key, value int not null check (value >= 0), tx bigint not null default txid_current())',
  );
  await database.query('create sequence tries');
  // A sequence is not rolled back: the row of value 40001 fails with that SQLSTATE as many times as its id says.
  await database.query(
    `create function fail_for_a_while() returns trigger language plpgsql as $$
     begin
       if nextval('tries') <= new.id then raise exception 'cannot serialize' using errcode = '40001'; end if;
       return new;
     end $$;
     create trigger fail_for_a_while before insert on items for each row when (new.value = 40001) execute function fail_for_a_while()`,
  );
  await database.query('create table dated (day date not null, id int) partition by range (day)');
  await database.query(`create table dated_one partition of dated for values from ('2026-01-01') to ('2026-01-02')`);
});
beforeEach(async () => {
  pool = openPool({ connectionString: database.url('superuser'), max: 2, applicationName: 'writer test', statementTimeoutMs: 5000, log });
  await database.query('truncate items');
});
afterEach(() => pool.end());
afterAll(() => database.drop());

async function insertItems(db: Queryable, units: readonly Item[]): Promise<string[]> {
  await db.query('insert into items (id, value) select * from unnest($1::int[], $2::int[])', [
    units.map(({ id }) => id),
    units.map(({ value }) => value),
  ]);
  return units.map(({ id }) => `stored ${id}`);
}

function writerOf(options: Partial<Options> = {}): BatchWriter<Item, string> {
  return createBatchWriter<Item, string>({
    pool,
    log,
    endpoint: 'test',
    write: insertItems,
    rowsOf: ({ rows }) => rows ?? 1,
    maxTransactionRows: 1000,
    maxQueueRows: 10_000,
    maxWaitMs: 5000,
    ...options,
  });
}

function items(count: number, value = 1): Item[] {
  return Array.from({ length: count }, () => ({ id: (lastId += 1), value }));
}

async function storedIds(): Promise<number[]> {
  return (await database.query<{ id: number }>('select id from items order by id')).map(({ id }) => id);
}

async function transactions(): Promise<number[]> {
  const rows = await database.query<{ rows: number }>('select count(*) as rows from items group by tx order by tx');
  return rows.map((row) => row.rows);
}

/** Locks the table, so that the write that is sent next stays in flight until `release`. */
async function holdWrites(): Promise<{ inFlight: () => Promise<unknown>; release: () => Promise<void> }> {
  const blocker = new pg.Client({ connectionString: database.url('superuser') });
  await blocker.connect();
  await blocker.query('begin; lock table items in share mode');
  return {
    inFlight: () =>
      waitUntil(
        async () =>
          (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)).length ===
          1,
        { within: 20_000, what: 'the write waiting for the lock' },
      ),
    release: async () => {
      await blocker.query('rollback');
      await blocker.end();
    },
  };
}

const settled = async (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe('group commit', () => {
  test('an idle writer writes at once, and answers only when others can see the rows', async () => {
    const writer = writerOf();
    const request = items(3);
    const fates = await writer.submit(request);
    expect(fates).toEqual(request.map(({ id }) => ({ refused: false, outcome: `stored ${id}` })));
    expect(await storedIds()).toEqual(request.map(({ id }) => id));
    expect(writer.queuedRows()).toBe(0);
  });

  test('50 requests that arrive while a write is in flight share exactly one further transaction', async () => {
    const commits: { rows: number; units: number; durationSeconds: number }[] = [];
    const writer = writerOf({ onCommit: (commit) => commits.push(commit) });
    const hold = await holdWrites();
    const first = writer.submit(items(1));
    await hold.inFlight();
    const others = Array.from({ length: 50 }, () => writer.submit(items(2)));
    expect(writer.queuedRows()).toBe(100);
    await hold.release();
    await Promise.all([first, ...others]);
    expect(await transactions()).toEqual([1, 100]);
    expect(commits.map(({ rows, units }) => [rows, units])).toEqual([
      [1, 1],
      [100, 100],
    ]);
    expect(commits[0]?.durationSeconds).toBeGreaterThan(0);
  });

  test('requests of the same turn of the event loop go together', async () => {
    const writer = writerOf();
    await Promise.all([writer.submit(items(1)), writer.submit(items(1)), writer.submit(items(1))]);
    expect(await transactions()).toEqual([3]);
  });

  test('a transaction takes whole requests, in order of arrival, up to its limit', async () => {
    const writer = writerOf({ maxTransactionRows: 10 });
    await Promise.all([4, 4, 4, 10, 1].map((rows) => writer.submit(items(rows))));
    expect(await transactions()).toEqual([8, 4, 10, 1]);
  });

  test('a request larger than a transaction is split and answered as one', async () => {
    const writer = writerOf({ maxTransactionRows: 10 });
    const request = items(25);
    expect(await writer.submit(request)).toHaveLength(25);
    expect(await transactions()).toEqual([10, 10, 5]);
  });

  test('a unit larger than a transaction is never split: it goes alone', async () => {
    const groups: number[][] = [];
    const writer = writerOf({
      maxTransactionRows: 10,
      write: (db, units) => {
        groups.push(units.map(({ rows }) => rows ?? 1));
        return insertItems(db, units);
      },
    });
    const [one, large, two] = [items(1), items(1).map((item) => ({ ...item, rows: 25 })), items(2)];
    await Promise.all([writer.submit(one), writer.submit(large), writer.submit(two)]);
    expect(groups).toEqual([[1], [25], [1, 1]]);
    groups.length = 0;
    await writer.submit([...items(1), ...items(1).map((item) => ({ ...item, rows: 25 })), ...items(1)]);
    expect(groups).toEqual([[1], [25], [1]]);
  });

  test('a request of nothing is answered without a transaction', async () => {
    let writes = 0;
    const writer = writerOf({ write: (db, units) => ((writes += 1), insertItems(db, units)) });
    expect(await writer.submit([])).toEqual([]);
    await writer.drain();
    expect(writes).toBe(0);
  });
});

describe('a row that the database refuses', () => {
  test.each([1, 2, 3, 4, 5, 8])('fails alone at every position of a request of %i', async (size) => {
    for (let position = 0; position < size; position += 1) {
      const request = items(size).map((item, index) => (index === position ? { ...item, value: -1 } : item));
      const fates = await writerOf().submit(request);
      expect(fates.map(({ refused }) => refused)).toEqual(request.map(({ value }) => value < 0));
    }
    expect(await storedIds()).toHaveLength(size * (size - 1));
  });

  test('is told to the request that held it, while the others of the group never notice', async () => {
    const writer = writerOf();
    const requests = [items(2), [...items(1), ...items(1, -1), ...items(1)], items(1)];
    const [before, poisoned, after] = await Promise.all(requests.map((request) => writer.submit(request)));
    expect(before?.map(({ refused }) => refused)).toEqual([false, false]);
    expect(poisoned).toEqual([
      { refused: false, outcome: `stored ${requests[1]?.[0]?.id}` },
      { refused: true },
      { refused: false, outcome: `stored ${requests[1]?.[2]?.id}` },
    ]);
    expect(after?.map(({ refused }) => refused)).toEqual([false]);
  });

  test('wherever and however many they are, exactly the others are stored (property)', async () => {
    const groups = fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(groups, fc.integer({ min: 1, max: 12 }), async (group, maxTransactionRows) => {
        await database.query('truncate items');
        const writer = writerOf({ maxTransactionRows });
        const requests = group.map((poisons) => poisons.map((isPoison) => ({ id: (lastId += 1), value: isPoison ? -1 : 1 })));
        const fates = await Promise.all(requests.map((request) => writer.submit(request)));
        expect(fates.map((fatesOfOne) => fatesOfOne.map(({ refused }) => refused))).toEqual(group);
        const innocents = requests.flat().filter(({ value }) => value > 0);
        expect(await storedIds()).toEqual(innocents.map(({ id }) => id));
      }),
      { numRuns: 40 },
    );
  });

  test('costs logarithmically many statements, not one per row', async () => {
    let writes = 0;
    const writer = writerOf({ write: (db, units) => ((writes += 1), insertItems(db, units)) });
    await writer.submit([...items(700), ...items(1, -1), ...items(323)]);
    expect(writes).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(1024)) + 3);
    expect(await storedIds()).toHaveLength(1023);
  });
});

describe('the queue is bounded', () => {
  test('in rows: past the bound a request is refused at once, and welcome again when there is room', async () => {
    const writer = writerOf({ maxQueueRows: 10 });
    const hold = await holdWrites();
    const inFlight = writer.submit(items(9));
    await hold.inFlight();
    const queued = [writer.submit(items(6)), writer.submit(items(4))];
    expect(writer.queuedRows()).toBe(10);
    const refused = items(1);
    await expect(writer.submit(refused)).rejects.toThrow(OverloadedError);
    expect(writer.queuedRows()).toBe(10);
    await hold.release();
    await Promise.all([inFlight, ...queued]);
    await writer.submit(items(10));
    expect(await storedIds()).toHaveLength(29);
    expect(await storedIds()).not.toContain(refused[0]?.id);
  });

  test('a unit counts with all its rows', async () => {
    const writer = writerOf({ maxQueueRows: 10 });
    await expect(writer.submit([{ id: 1, value: 1, rows: 11 }])).rejects.toThrow(OverloadedError);
    expect(await writer.submit([{ id: 1, value: 1, rows: 10 }])).toHaveLength(1);
  });

  test('in time: who waited too long is sent away and not written later; who is in flight is not', async () => {
    const writer = writerOf({ maxWaitMs: 60 });
    const hold = await holdWrites();
    const [first, late, next] = [items(1), items(2), items(1)];
    const inFlight = writer.submit(first);
    await hold.inFlight();
    await expect(writer.submit(late)).rejects.toThrow(OverloadedError);
    expect(writer.queuedRows()).toBe(0);
    await hold.release();
    await inFlight;
    await writer.submit(next);
    await writer.drain();
    expect(await storedIds()).toEqual([...first, ...next].map(({ id }) => id));
  });
});

describe('a write that fails for no fault of its rows', () => {
  test('after a conflict it is tried again', async () => {
    await database.query('alter sequence tries restart');
    expect(await writerOf().submit([{ id: 2, value: 40_001 }])).toEqual([{ refused: false, outcome: 'stored 2' }]);
    expect(await database.query('select last_value from tries')).toEqual([{ last_value: 3 }]);
  });

  test('after the third conflict its callers are sent away, and nothing is bisected', async () => {
    await database.query('alter sequence tries restart');
    const failure = await settled(writerOf().submit([{ id: 3, value: 40_001 }, ...items(2)]));
    expect(failure).toBeInstanceOf(NotWrittenError);
    expect(await database.query('select last_value from tries')).toEqual([{ last_value: 3 }]);
    expect(await storedIds()).toEqual([]);
  });

  test('a missing partition is not the row: everybody of the transaction is sent away after one try', async () => {
    let writes = 0;
    const writer = writerOf({
      write: async (db, units) => {
        writes += 1;
        await db.query('insert into dated (day, id) select $1::date + value, id from unnest($2::int[], $3::int[]) item (id, value)', [
          '2026-01-01',
          units.map(({ id }) => id),
          units.map(({ value }) => value),
        ]);
        return units.map(() => 'stored');
      },
    });
    const failures = await Promise.all([settled(writer.submit(items(2, 0))), settled(writer.submit(items(1, 1)))]);
    for (const failure of failures) expect(failure).toBeInstanceOf(NotWrittenError);
    expect(writes).toBe(1);
    expect(await database.query('select from dated')).toEqual([]);
  });

  test('a statement that does not fit the schema is neither retried nor bisected', async () => {
    let writes = 0;
    const writer = writerOf({
      write: async (db) => {
        writes += 1;
        await db.query('select no_such_column from items');
        return [];
      },
    });
    expect(await settled(writer.submit(items(8)))).toMatchObject({ name: 'NotWrittenError', cause: { code: '42703' } });
    expect(writes).toBe(1);
  });

  test('a mistake in the program is told to its callers too, and the writer goes on', async () => {
    let broken = true;
    const writer = writerOf({
      write: (db, units) => {
        if (broken) throw new TypeError('undefined is not a function');
        return insertItems(db, units);
      },
    });
    const failures = await Promise.all([settled(writer.submit(items(1))), settled(writer.submit(items(1)))]);
    for (const failure of failures) expect(failure).toBeInstanceOf(NotWrittenError);
    broken = false;
    expect(await writer.submit(items(1))).toHaveLength(1);
  });

  test('a connection that breaks after the statement was sent is not tried again: it may be stored', async () => {
    let writes = 0;
    const writer = writerOf({
      write: async (db, units) => {
        writes += 1;
        await insertItems(db, units);
        await db.query('select pg_terminate_backend(pg_backend_pid())');
        return [];
      },
    });
    const request = items(2);
    expect(await settled(writer.submit(request))).toBeInstanceOf(NotWrittenError);
    expect(writes).toBe(1);
    expect(await storedIds()).toEqual(request.map(({ id }) => id));
    expect(await writerOf().submit(items(1))).toHaveLength(1);
  });

  test('of a request that was split, the parts before the failure stay, and its caller is sent away', async () => {
    await database.query('alter sequence tries restart');
    const writer = writerOf({ maxTransactionRows: 2 });
    const request = [...items(2), { id: 1_000_000, value: 40_001 }, ...items(1)];
    expect(await settled(writer.submit(request))).toBeInstanceOf(NotWrittenError);
    expect(await storedIds()).toEqual(request.slice(0, 2).map(({ id }) => id));
  });
});

describe('while the database is down', () => {
  async function refuseConnections(): Promise<void> {
    await database.refuseConnections();
    await waitUntil(() => pool.counts().idle === 0, { within: 5000, what: 'the loss of the idle connections' });
  }

  test('callers are sent away within about a second, and it recovers by itself', async () => {
    const writer = writerOf();
    await writer.submit(items(1));
    await refuseConnections();
    const startedAt = performance.now();
    const failure = await settled(writer.submit(items(1)));
    const elapsedMs = performance.now() - startedAt;
    await database.acceptConnections();
    expect(failure).toBeInstanceOf(NotWrittenError);
    expect(elapsedMs).toBeGreaterThan(500);
    expect(elapsedMs).toBeLessThan(2000);
    expect(await writer.submit(items(1))).toHaveLength(1);
    expect(await storedIds()).toHaveLength(2);
  });

  test('an outage shorter than that is not noticed at all', async () => {
    const writer = writerOf();
    await writer.submit(items(1));
    await refuseConnections();
    const request = writer.submit(items(1));
    await database.acceptConnections();
    expect(await request).toEqual([expect.objectContaining({ refused: false })]);
  });
});

describe('drain', () => {
  test('waits for what is in flight and for what is queued', async () => {
    const writer = writerOf({ maxTransactionRows: 1 });
    const hold = await holdWrites();
    const requests = [writer.submit(items(1)), writer.submit(items(1)), writer.submit(items(1))];
    await hold.inFlight();
    let isDrained = false;
    const drained = writer.drain().then(() => (isDrained = true));
    expect(await storedIds()).toEqual([]);
    expect(isDrained).toBe(false);
    await hold.release();
    await drained;
    expect(await storedIds()).toHaveLength(3);
    await Promise.all(requests);
  });

  test('of an idle writer is immediate, and it may be used again', async () => {
    const writer = writerOf();
    await writer.drain();
    await writer.submit(items(1));
    await writer.drain();
    expect(await storedIds()).toHaveLength(1);
  });
});
