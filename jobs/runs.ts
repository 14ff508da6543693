import type { Queryable } from '../platform/postgres/pool.ts';

/** The newest run of a job. */
export interface JobRun {
  id: number;
  attempt: number;
  status: 'running' | 'succeeded' | 'failed';
  startedAt: Date;
  finishedAt: Date | null;
}

/** By id and not by time: a clock that was set back must not hide the newest run. */
export async function readLastRun(db: Queryable, job: string): Promise<JobRun | undefined> {
  const { rows } = await db.query<JobRun & Record<string, unknown>>(
    `select job_runs.id, job_runs.attempt, job_runs.status, job_runs.started_at as "startedAt", job_runs.finished_at as "finishedAt"
     from job_runs where job_runs.job = $1 order by job_runs.id desc limit 1`,
    [job],
  );
  return rows[0];
}

/** The row of a run is its lease. Whoever holds the job's lock closes rows that a dead holder left open, which fences that holder off. */
export async function beginRun(db: Queryable, job: string, attempt: number, startedAt: Date): Promise<number> {
  await db.query(
    `update job_runs set status = 'failed', finished_at = $2, error = 'the process that ran it stopped answering'
     where job_runs.job = $1 and job_runs.status = 'running'`,
    [job, startedAt],
  );
  const { rows } = await db.query<{ id: number }>(
    `insert into job_runs (job, attempt, status, started_at) values ($1, $2, 'running', $3) returning job_runs.id`,
    [job, attempt, startedAt],
  );
  return rows[0]?.id ?? 0;
}

/** Throws when the run was taken over; else keeps it from being taken over until the transaction ends. */
export async function fenceRun(transaction: Queryable, runId: number): Promise<void> {
  const { rowCount } = await transaction.query(`select from job_runs where job_runs.id = $1 and job_runs.status = 'running' for share`, [
    runId,
  ]);
  if (rowCount !== 1) throw new Error('this run lost its lease: another replica has taken the job over');
}

export async function finishRun(
  db: Queryable,
  runId: number,
  outcome: { status: 'succeeded'; result: Readonly<Record<string, unknown>> } | { status: 'failed'; error: string },
  finishedAt: Date,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update job_runs set status = $2, finished_at = $3, result = $4, error = $5 where job_runs.id = $1 and job_runs.status = 'running'`,
    [
      runId,
      outcome.status,
      finishedAt,
      outcome.status === 'succeeded' ? JSON.stringify(outcome.result) : null,
      outcome.status === 'failed' ? outcome.error.slice(0, 2000) : null,
    ],
  );
  return rowCount === 1;
}

export interface JobFreshness {
  job: string;
  lastSuccess: Date | null;
  firstStart: Date | null;
}

/** Per job: its last success, and when it was first started. */
export async function readJobFreshness(db: Queryable, jobs: readonly string[]): Promise<JobFreshness[]> {
  const { rows } = await db.query<JobFreshness & Record<string, unknown>>(
    `select known.job,
       (select max(job_runs.finished_at) from job_runs where job_runs.job = known.job and job_runs.status = 'succeeded') as "lastSuccess",
       (select min(job_runs.started_at) from job_runs where job_runs.job = known.job) as "firstStart"
     from unnest($1::text[]) known (job)`,
    [jobs],
  );
  return rows;
}

/** Deletes finished runs that started before `before`; answers how many. */
export async function deleteOldRuns(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query(`delete from job_runs where job_runs.started_at < $1 and job_runs.status <> 'running'`, [before]);
  return rowCount ?? 0;
}
