import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { freePort } from '../../test/support/free-port.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { tryAdvisoryLock, type AdvisoryLock } from './advisory-lock.ts';

let database: TestDatabase;
let url: string;

beforeAll(async () => {
  database = await createTestDatabase();
  url = database.url('observability_jobs');
});
afterAll(() => database.drop());

async function take(name: string): Promise<AdvisoryLock> {
  const lock = await tryAdvisoryLock(url, name);
  if (lock === undefined) throw new Error(`the lock ${name} is taken`);
  return lock;
}

async function sessions(name: string): Promise<{ pid: number }[]> {
  return database.query<{ pid: number }>('select pid from pg_stat_activity where application_name = $1', [`lock ${name}`]);
}

test('of many who try at once, one gets the lock, and no session of the others stays', async () => {
  const locks = await Promise.all(Array.from({ length: 10 }, () => tryAdvisoryLock(url, 'contested')));
  const held = locks.filter((lock) => lock !== undefined);
  expect(held).toHaveLength(1);
  await waitUntil(async () => (await sessions('contested')).length === 1, { within: 5000, what: 'one session' });
  await Promise.all(held.map((lock) => lock.release()));
});

test('another name is another lock', async () => {
  const [one, two] = [await take('one'), await take('two')];
  await Promise.all([one.release(), two.release()]);
});

test('a lock that was released can be taken again', async () => {
  const first = await take('again');
  expect(await tryAdvisoryLock(url, 'again')).toBeUndefined();
  expect(first.lost.aborted).toBe(false);
  await first.release();
  await (await take('again')).release();
});

test('a holder whose session ends hears of it, the lock is free, and releasing it is harmless', async () => {
  const lock = await take('fragile');
  const lost = once(lock.lost, 'abort');
  const [session] = await sessions('fragile');
  await database.query('select pg_terminate_backend($1)', [session?.pid]);
  await lost;
  expect(lock.lost.aborted).toBe(true);
  expect(lock.lost.reason).toBeInstanceOf(Error);
  const next = await waitUntil(() => tryAdvisoryLock(url, 'fragile'), { within: 5000, what: 'the lock of the holder that was lost' });
  await lock.release();
  // It did not release what is now another's.
  expect(await tryAdvisoryLock(url, 'fragile')).toBeUndefined();
  await next.release();
});

test('a database that cannot be reached is an error, not a lock that somebody has', async () => {
  await expect(tryAdvisoryLock(`postgresql://nobody@127.0.0.1:${await freePort()}/nothing`, 'any')).rejects.toThrow('ECONNREFUSED');
});
