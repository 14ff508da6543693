import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { jobsConfig } from '../test/support/services.ts';
import { freePort } from '../test/support/free-port.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import type { Job, JobContext, Schedule } from '../platform/jobs/job.ts';
import { createLogger } from '../platform/log.ts';
import { openPool, type Pool } from '../platform/postgres/pool.ts';
import { dueAttempt, runJob, type JobRunner, type RunOutcome } from './run-job.ts';
import { beginRun, fenceRun, readLastRun, type JobRun } from './runs.ts';

let database: TestDatabase;
let pool: Pool;
let now: Date;
let name: string;
let unique = 0;
const log = createLogger({ service: 'test', level: 'silent' });

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 4,
    applicationName: 'runs test',
    statementTimeoutMs: 5000,
    log,
  });
});
beforeEach(() => {
  unique += 1;
  name = `job-${unique}`;
  now = new Date('2026-03-01T10:20:30.000Z');
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const minute: Schedule = { every: 'minute' };
const hour: Schedule = { every: 'hour' };
const daily: Schedule = { every: 'day', at: '03:10' };

describe('which attempt is due', () => {
  const run = (status: JobRun['status'], attempt: number, startedAt: string, finishedAt: string | null = startedAt): JobRun => ({
    id: 1,
    attempt,
    status,
    startedAt: new Date(`2026-03-01T${startedAt}Z`),
    finishedAt: finishedAt === null ? null : new Date(`2026-03-01T${finishedAt}Z`),
  });
  test.each<[what: string, schedule: Schedule, last: JobRun | undefined, at: string, attempt: number | undefined]>([
    ['a job that never ran', daily, undefined, '01:00:00', 1],
    ['it succeeded since it was last due', hour, run('succeeded', 1, '10:00:05'), '10:59:59', undefined],
    ['it started in the very moment it was due', hour, run('succeeded', 1, '10:00:00'), '10:30:00', undefined],
    ['the next hour has begun', hour, run('succeeded', 1, '10:00:05'), '11:00:00', 1],
    ['it succeeded at the second attempt', hour, run('succeeded', 2, '10:01:05'), '10:59:59', undefined],
    ['before the time of the day', daily, run('succeeded', 1, '03:10:01'), '23:59:59', undefined],
    ['it failed less than 60 s ago', hour, run('failed', 1, '10:00:00', '10:10:00'), '10:10:59', undefined],
    ['it failed 60 s ago', hour, run('failed', 1, '10:00:00', '10:10:00'), '10:11:00', 2],
    ['the second attempt failed less than 120 s ago', hour, run('failed', 2, '10:12:00', '10:13:00'), '10:14:59', undefined],
    ['the second attempt failed 120 s ago', hour, run('failed', 2, '10:12:00', '10:13:00'), '10:15:00', 3],
    ['the third attempt failed', hour, run('failed', 3, '10:20:00', '10:21:00'), '10:59:59', undefined],
    ['the third attempt failed, and the next hour has begun', hour, run('failed', 3, '10:20:00', '10:21:00'), '11:00:00', 1],
    ['an attempt of the last hour failed just before this one', hour, run('failed', 1, '10:59:00', '10:59:59'), '11:00:00', 1],
    ['its process died', hour, run('running', 1, '10:00:05', null), '10:00:30', 2],
    ['its process died at the last attempt', hour, run('running', 3, '10:00:05', null), '10:00:30', undefined],
    ['its process died before it was due again', hour, run('running', 3, '10:00:05', null), '11:00:00', 1],
    ['the clock was set back over its last run', minute, run('succeeded', 1, '12:00:00'), '10:00:00', 1],
    ['the clock was set back by less than a minute', minute, run('succeeded', 1, '10:00:30'), '10:00:00', undefined],
  ])('%s', (_what, schedule, last, at, attempt) => {
    expect(dueAttempt({ schedule }, last, new Date(`2026-03-01T${at}Z`))).toBe(attempt);
  });

  test('however many runs were missed while everything was down, one makes up for them', async () => {
    const runner = runnerOf();
    const job = jobOf(() => ({}), hour);
    await runJob(job, runner, { force: false });
    now = new Date('2026-03-04T17:45:00.000Z');
    expect(await runJob(job, runner, { force: false })).toMatchObject({ ran: true });
    expect(await runJob(job, runner, { force: false })).toEqual({ ran: false, reason: 'not due' });
    expect(await runs()).toHaveLength(2);
  });
});

interface Finished {
  job: string;
  outcome: string;
}

function runnerOf(finished: Finished[] = []): JobRunner {
  return {
    config: jobsConfig(database),
    pool,
    databaseUrl: database.url('observability_jobs'),
    log,
    now: () => now,
    onFinished: (job, outcome, seconds) => {
      expect(seconds).toBeGreaterThanOrEqual(0);
      finished.push({ job, outcome });
    },
  };
}

function jobOf(work: (context: JobContext) => object | Promise<object>, schedule: Schedule = minute): Job {
  return { name, schedule, summary: 'a test', run: async (context) => ({ ...(await work(context)) }) };
}

interface Row extends Record<string, unknown> {
  id: number;
  attempt: number;
  status: string;
}

function runs(): Promise<Row[]> {
  return database.query<Row>('select * from job_runs where job = $1 order by id', [name]);
}

/** A job that tells when it has begun and goes on when it is told to. */
function pausedJob(): { job: Job; begun: Promise<JobContext>; goOn: () => void } {
  let begin: (context: JobContext) => void = () => undefined;
  let goOn: () => void = () => undefined;
  const begun = new Promise<JobContext>((resolve) => (begin = resolve));
  const told = new Promise<void>((resolve) => (goOn = resolve));
  const job = jobOf(async (context) => {
    begin(context);
    await told;
    return { by: 'the first' };
  });
  return { job, begun, goOn: () => goOn() };
}

describe('a run', () => {
  test('that succeeds leaves its result, its attempt and its times', async () => {
    const finished: Finished[] = [];
    const startedAt = now;
    const outcome = await runJob(
      jobOf(() => {
        now = new Date('2026-03-01T10:20:35.000Z');
        return { deleted: 3 };
      }),
      runnerOf(finished),
      { force: false },
    );
    expect(outcome).toEqual({ ran: true, succeeded: true, result: { deleted: 3 } });
    expect(await runs()).toEqual([
      {
        id: expect.any(Number) as number,
        job: name,
        attempt: 1,
        status: 'succeeded',
        started_at: startedAt,
        finished_at: now,
        result: { deleted: 3 },
        error: null,
      },
    ]);
    expect(finished).toEqual([{ job: name, outcome: 'succeeded' }]);
  });

  test('that fails leaves its error; it is tried three times, 60 and 120 s apart, and then left until it is due', async () => {
    const finished: Finished[] = [];
    const runner = runnerOf(finished);
    const failure = new Error(`the shop said ${'no '.repeat(2000)}`);
    const job = jobOf(() => Promise.reject(failure), hour);
    const attempts: [string, RunOutcome['ran']][] = [];
    for (const at of ['10:00:00', '10:00:59', '10:01:00', '10:02:59', '10:03:00', '10:05:00', '10:59:59', '11:00:00']) {
      now = new Date(`2026-03-01T${at}Z`);
      attempts.push([at, (await runJob(job, runner, { force: false })).ran]);
    }
    expect(attempts.filter(([, ran]) => ran).map(([at]) => at)).toEqual(['10:00:00', '10:01:00', '10:03:00', '11:00:00']);
    expect((await runs()).map(({ attempt, status }) => [attempt, status])).toEqual([1, 2, 3, 1].map((attempt) => [attempt, 'failed']));
    expect(await runs()).toMatchObject(Array.from({ length: 4 }, () => ({ error: failure.message.slice(0, 2000), result: null })));
    expect(finished).toEqual(Array.from({ length: 4 }, () => ({ job: name, outcome: 'failed' })));
  });

  test('that failed hands its error to the caller', async () => {
    const error = new Error('no');
    expect(
      await runJob(
        jobOf(() => Promise.reject(error)),
        runnerOf(),
        { force: false },
      ),
    ).toEqual({ ran: true, succeeded: false, error });
  });

  test('by hand does not ask whether it is due', async () => {
    const job = jobOf(() => ({}));
    await runJob(job, runnerOf(), { force: false });
    expect(await runJob(job, runnerOf(), { force: false })).toEqual({ ran: false, reason: 'not due' });
    expect(await runJob(job, runnerOf(), { force: true })).toMatchObject({ ran: true, succeeded: true });
    expect((await runs()).map(({ attempt }) => attempt)).toEqual([1, 1]);
  });

  test('gives its lock back, whether it succeeded or failed', async () => {
    await runJob(
      jobOf(() => Promise.reject(new Error('no'))),
      runnerOf(),
      { force: true },
    );
    expect(
      await runJob(
        jobOf(() => ({})),
        runnerOf(),
        { force: true },
      ),
    ).toMatchObject({ ran: true, succeeded: true });
    await waitUntil(
      async () => (await database.query('select from pg_stat_activity where application_name = $1', [`lock job:${name}`])).length === 0,
      { within: 5000, what: 'no session of the lock' },
    );
  });

  test('cannot start without the database: its caller hears of that and no row says anything else', async () => {
    const runner = { ...runnerOf(), databaseUrl: `postgresql://nobody@127.0.0.1:${await freePort()}/nothing` };
    await expect(
      runJob(
        jobOf(() => ({})),
        runner,
        { force: false },
      ),
    ).rejects.toThrow('ECONNREFUSED');
    expect(await runs()).toEqual([]);
  });
});

describe('two runners', () => {
  test('at once: one runs, however often both look', async () => {
    let ran = 0;
    const job = jobOf(() => ({ ran: (ran += 1) }));
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => runJob(job, runnerOf(), { force: false })));
    expect(outcomes.filter((outcome) => outcome.ran)).toHaveLength(1);
    expect(ran).toBe(1);
    expect(await runs()).toHaveLength(1);
  });

  test('while one runs the other is told so, even by hand', async () => {
    const { job, begun, goOn } = pausedJob();
    const first = runJob(job, runnerOf(), { force: false });
    await begun;
    expect(await runJob(job, runnerOf(), { force: true })).toEqual({ ran: false, reason: 'runs elsewhere' });
    goOn();
    expect(await first).toMatchObject({ succeeded: true });
  });

  test('of which the first lost its lock: it hears of it, the second takes over, and the first can no longer make anything count', async () => {
    const finished: Finished[] = [];
    const { job, begun, goOn } = pausedJob();
    const first = runJob(job, runnerOf(finished), { force: false });
    const context = await begun;
    await pool.transaction(context.fence);
    expect(context.signal.aborted).toBe(false);

    await database.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [`lock job:${name}`]);
    await waitUntil(() => context.signal.aborted, { within: 5000, what: 'the signal' });
    const second = await waitUntil(
      async () => {
        const outcome = await runJob(
          jobOf(() => ({ by: 'the second' })),
          runnerOf(),
          { force: false },
        );
        return outcome.ran ? outcome : undefined;
      },
      { within: 5000, what: 'the second run' },
    );
    expect(second).toMatchObject({ succeeded: true });

    await expect(pool.transaction(context.fence)).rejects.toThrow('lost its lease');
    goOn();
    expect(await first).toMatchObject({ ran: true, succeeded: false, error: { message: 'this run lost its lease before it ended' } });
    expect(finished).toEqual([{ job: name, outcome: 'failed' }]);
    expect(await runs()).toMatchObject([
      { attempt: 1, status: 'failed', error: 'the process that ran it stopped answering', result: null },
      { attempt: 2, status: 'succeeded', result: { by: 'the second' } },
    ]);
  });

  test('of which the first is in the transaction that counts: the second waits for its end', async () => {
    const runId = await beginRun(pool, name, 1, now);
    let takeover: Promise<number> | undefined;
    await pool.transaction(async (transaction) => {
      await fenceRun(transaction, runId);
      takeover = beginRun(pool, name, 2, now);
      await waitUntil(
        async () =>
          (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'runs test'`))
            .length === 1,
        { within: 20_000, what: 'the second waiting for the lease' },
      );
    });
    expect(await takeover).toBeGreaterThan(runId);
    await expect(pool.transaction((transaction) => fenceRun(transaction, runId))).rejects.toThrow('lost its lease');
  });
});

test('the newest run is the one that was recorded last, also after the clock was set back', async () => {
  const first = await beginRun(pool, name, 1, new Date('2026-03-01T12:00:00Z'));
  const second = await beginRun(pool, name, 1, new Date('2026-03-01T10:00:00Z'));
  expect(second).toBeGreaterThan(first);
  expect(await readLastRun(pool, name)).toEqual({
    id: second,
    attempt: 1,
    status: 'running',
    startedAt: new Date('2026-03-01T10:00:00Z'),
    finishedAt: null,
  });
  expect(await readLastRun(pool, 'never-ran')).toBeUndefined();
});
