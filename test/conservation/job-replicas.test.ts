import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findDiscrepancies } from '../../features/marketing/jobs.ts';
import { everyProperty } from '../../features/marketing/queries.ts';
import { jobs as allJobs } from '../../jobs/jobs.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { poster } from '../support/marketing.ts';
import { servicePorts, startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { runExporter, runJobs, scrape } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';
import { realClock, runJobsNow } from './jobs-now.ts';

/** Three replicas: a process that comes to harm in the middle of a job, and two that are woken up here instead of once a minute. */
let database: TestDatabase;
let holder: ServiceProcess;
let others: Awaited<ReturnType<typeof runJobs>>[] = [];
/** How often every run writes, if nothing happens to it. */
let writes = 0;
let overcome = 0;
const job = 'rollups-run';
const within = 30_000;
const daysOfEvents = 3;
const today = utcDayOf(new Date());
/** How many holders are killed, one after the other, spread over everything that a run writes: JOB_KILLS=50 is the long dose. */
const kills = Number(process.env['JOB_KILLS'] ?? 1);
/** The job rolls days up side by side, and writes once more for a day with visitors of one that comes after it. */
const mostRepeatedWrites = (daysOfEvents * (daysOfEvents - 1)) / 2;
/** What the job writes. */
const tables = ['daily_metric_rollups', 'daily_ingest_rollups', 'daily_visitors', 'daily_visitor_gaps'];

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(
    `create sequence writes;
     create table gate (lets_through bigint);
     insert into gate values (null);
     create function wait_at_gate() returns trigger language plpgsql security definer as $$
     declare write bigint := nextval('public.writes');
     begin
       while write > (select gate.lets_through from public.gate) loop perform pg_sleep(0.02); end loop;
       return null;
     end $$`,
  );
  for (const table of tables) {
    await database.query(
      `create trigger wait_at_gate before insert on marketing.${table} for each statement execute function public.wait_at_gate()`,
    );
  }
  await storeEvents();
  await runJobsNow(database, [{ job, now: realClock }]);
  const [counted] = await database.query<{ writes: number }>('select last_value as writes from writes');
  writes = (counted?.writes ?? 0) - mostRepeatedWrites;
});
afterAll(async () => {
  console.log(
    `job replicas: holders killed ${kills}, at ${Math.min(kills, writes)} of the first ${writes} writes of a run · paused 1 · ` +
      `runs with one success and rollups that equal a recount ${overcome}`,
  );
  await database.drop();
});

/** The replicas, of which one is about to write for the so-many-th time in its run, and cannot. */
async function startReplicas(write: number): Promise<void> {
  await database.query(`truncate job_runs, ${tables.map((table) => `marketing.${table}`).join(', ')}`);
  // Only one job is due.
  await database.query(
    `insert into job_runs (job, attempt, status, started_at, finished_at) select name, 1, 'succeeded', now(), now() from unnest($1::text[]) name`,
    [allJobs.map(({ name }) => name).filter((name) => name !== job)],
  );
  await database.query('alter sequence writes restart');
  await database.query('update gate set lets_through = $1', [write - 1]);
  holder = startServiceProcess('jobs', { database, ports: await servicePorts() });
  await waitUntil(isAtGate, { within, what: 'the first replica in the middle of its job' });
  others = await Promise.all([runJobs(database), runJobs(database)]);
}
afterEach(async () => {
  await openGate();
  await holder.stop();
  await Promise.all(others.map((replica) => replica.stop()));
});

/** Visitors of several days. */
async function storeEvents(): Promise<void> {
  const exporter = await runExporter(database);
  const post = poster(exporter.url);
  const statuses = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const timestamp = new Date(Date.now() - (index % daysOfEvents) * 86_400_000).toISOString();
      return (
        await post('/v1/events', { anonId: `visitor-${index % 7}`, eventType: 'page_view', path: '/', eventId: randomUUID(), timestamp })
      ).status;
    }),
  );
  await exporter.stop();
  expect(new Set(statuses)).toEqual(new Set([202]));
}

async function openGate(): Promise<void> {
  await database.query('update gate set lets_through = null');
}

async function isAtGate(): Promise<boolean> {
  const sessions = await database.query(`select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`);
  return sessions.length > 0;
}

function runs(): Promise<{ attempt: number; status: string; error: string | null }[]> {
  return database.query('select attempt, status, error from job_runs where job = $1 order by id', [job]);
}

async function isTakenOver(): Promise<boolean> {
  return (await runs()).length === 2;
}

function tickOthers(): Promise<unknown> {
  return Promise.all(others.map((replica) => replica.tick()));
}

/** Wakes the others up until one of them runs the job; `ended` resolves when that run is over. */
async function takeOver(): Promise<{ ended: Promise<unknown> }> {
  const ended = waitUntil(
    async () => {
      await tickOthers();
      return isTakenOver();
    },
    { within, what: 'another replica' },
  );
  await waitUntil(isTakenOver, { within, what: 'the run of another replica' });
  return { ended };
}

async function expectOneSuccess(): Promise<void> {
  expect(await runs()).toEqual([
    { attempt: 1, status: 'failed', error: 'the process that ran it stopped answering' },
    { attempt: 2, status: 'succeeded', error: null },
  ]);
  const days = { from: addDays(today, 1 - daysOfEvents), to: today };
  expect(await findDiscrepancies(database.db, { properties: [everyProperty], ...days })).toEqual([]);
  const [rolledUp] = await database.query('select sum(total_page_views)::integer as page_views from marketing.daily_metric_rollups');
  expect(rolledUp).toEqual({ page_views: 60 });
  overcome += 1;
}

test.each(Array.from({ length: kills }, (_, index) => index))(
  'F13: of a holder that is killed in the middle, one of the other replicas takes over while its last statement still runs (%i)',
  async (kill) => {
    await startReplicas(1 + Math.floor((kill * writes) / kills));
    await tickOthers();
    expect(await runs()).toMatchObject([{ attempt: 1, status: 'running' }]);

    holder.signal('SIGKILL');
    expect(await holder.ended).toBe('signal SIGKILL');
    const run = await takeOver();
    expect(await isAtGate()).toBe(true);
    await openGate();
    await run.ended;
    await expectOneSuccess();
  },
);

test('F13: a holder that was paused until its lock was gone can make nothing count when it goes on', async () => {
  await startReplicas(1);
  process.kill(holder.pid, 'SIGSTOP');
  try {
    // What the server does to a session that has been silent for a minute.
    await database.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [`lock job:${job}`]);
    const run = await takeOver();
    await openGate();
    process.kill(holder.pid, 'SIGCONT');
    await run.ended;
  } finally {
    process.kill(holder.pid, 'SIGCONT');
  }
  const failed = `observability_job_runs_total{task="${job}",outcome="failed"}`;
  await waitUntil(async () => (await scrape(holder.metricsUrl)).value(failed) === 1, { within, what: 'the failure of the paused run' });
  await expectOneSuccess();
});
