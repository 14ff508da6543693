import type { JobsConfig } from '../platform/config.ts';
import type { Logger } from '../platform/log.ts';
import { lastDueAt, type Job, type JobResult } from '../platform/jobs/job.ts';
import { tryAdvisoryLock } from '../platform/postgres/advisory-lock.ts';
import type { Pool } from '../platform/postgres/pool.ts';
import type { Clock } from '../platform/time/utc-day.ts';
import { beginRun, fenceRun, finishRun, readLastRun, type JobRun } from './runs.ts';

export interface JobRunner {
  config: JobsConfig;
  pool: Pool;
  /** The lock's session has a connection of its own. */
  databaseUrl: string;
  log: Logger;
  now: Clock;
  onFinished?: (job: string, outcome: 'succeeded' | 'failed', seconds: number, result?: JobResult) => void;
}

export type RunOutcome =
  | { ran: false; reason: 'not due' | 'runs elsewhere' }
  | { ran: true; succeeded: boolean; result?: JobResult; error?: unknown };

/** Waits before the second and the third attempt. */
const backoffSeconds = [60, 120];
const maxAttempts = backoffSeconds.length + 1;

/**
 * Which attempt is due now, if any. Decided from the runs in the database, not from timers: a run that was missed while everything was
 * down is made up once, and several replicas agree. Source: contracts, Jobs.
 */
export function dueAttempt(job: Pick<Job, 'schedule'>, last: JobRun | undefined, now: Date): number | undefined {
  if (last === undefined) return 1;
  // A start in the future means that the clock was set back since; waiting for it to catch up would skip hours.
  const clockWasSetBack = last.startedAt.getTime() > now.getTime() + 60_000;
  if (clockWasSetBack || last.startedAt < lastDueAt(job.schedule, now)) return 1;
  if (last.status === 'succeeded' || last.attempt >= maxAttempts) return undefined;
  // An open row under a free lock is a run whose process died.
  if (last.status === 'running' || last.finishedAt === null) return last.attempt + 1;
  const waitMs = (backoffSeconds[last.attempt - 1] ?? 0) * 1000;
  return now.getTime() - last.finishedAt.getTime() >= waitMs ? last.attempt + 1 : undefined;
}

/** Runs a job if it is due and nobody else runs it. `force`: by hand, due or not. */
export async function runJob(job: Job, runner: JobRunner, options: { force: boolean }): Promise<RunOutcome> {
  const { pool, now } = runner;
  if (!options.force && dueAttempt(job, await readLastRun(pool, job.name), now()) === undefined) return { ran: false, reason: 'not due' };
  const lock = await tryAdvisoryLock(runner.databaseUrl, `job:${job.name}`);
  if (lock === undefined) return { ran: false, reason: 'runs elsewhere' };
  try {
    // Asked again under the lock: another replica may just have finished it.
    const attempt = options.force ? 1 : dueAttempt(job, await readLastRun(pool, job.name), now());
    if (attempt === undefined) return { ran: false, reason: 'not due' };
    return await runLocked(job, runner, { attempt, forced: options.force }, lock.lost);
  } finally {
    await lock.release();
  }
}

async function runLocked(
  job: Job,
  runner: JobRunner,
  { attempt, forced }: { attempt: number; forced: boolean },
  lost: AbortSignal,
): Promise<RunOutcome> {
  const { config, pool, now } = runner;
  const startedAt = performance.now();
  const runId = await beginRun(pool, job.name, attempt, now());
  const log = runner.log.child({ job: job.name, attempt });
  const seconds = (): number => (performance.now() - startedAt) / 1000;
  try {
    const result = await job.run({ config, pool, now, forced, log, signal: lost, fence: (transaction) => fenceRun(transaction, runId) });
    if (!(await finishRun(pool, runId, { status: 'succeeded', result }, now()))) throw new Error('this run lost its lease before it ended');
    log.info({ result, seconds: seconds() }, 'job succeeded');
    runner.onFinished?.(job.name, 'succeeded', seconds(), result);
    return { ran: true, succeeded: true, result };
  } catch (error) {
    log.error(
      { error, seconds: seconds() },
      attempt < maxAttempts ? 'job failed; it will be tried again' : 'job failed for the last time until it is due again',
    );
    runner.onFinished?.(job.name, 'failed', seconds());
    await finishRun(pool, runId, { status: 'failed', error: error instanceof Error ? error.message : String(error) }, now());
    return { ran: true, succeeded: false, error };
  }
}
