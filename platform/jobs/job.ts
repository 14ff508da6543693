import type { JobsConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { CounterDefinition, Labels, LabelsOf } from '../metrics/definitions.ts';
import type { Pool, Queryable } from '../postgres/pool.ts';
import type { Clock } from '../time/utc-day.ts';

/** When a job is due, in UTC. */
export type Schedule =
  | { every: 'minute' | '5 minutes' | '10 minutes' | '15 minutes' }
  /** At so many minutes past the hour, 0 when left out. */
  | { every: 'hour'; minute?: number }
  | { every: 'day'; at: `${number}:${number}` };

export interface JobContext {
  config: JobsConfig;
  pool: Pool;
  log: Logger;
  now: Clock;
  /** By hand: what a run on the clock would put off is done now. */
  forced: boolean;
  /** Aborted when another replica may take over: stop, nothing more may be written. */
  signal: AbortSignal;
  /** Throws when this run lost its lease. A job whose steps are not repeatable calls it in the transaction that makes them count. */
  fence: (transaction: Queryable) => Promise<void>;
}

/** Something that runs on a clock, once at a time over all replicas, or by hand: `npm run jobs-run -- --job=<name>`. */
export interface Job {
  name: string;
  schedule: Schedule;
  summary: string;
  /** Repeatable: a run that was cut short is simply run again. The result is kept in job_runs. */
  run: (context: JobContext) => Promise<JobResult>;
  /** Counters of its slice that its runs add to; the process shows them. */
  counters?: readonly JobCounter[];
}

export type JobResult = Readonly<Record<string, unknown>>;

export interface JobCounter {
  definition: CounterDefinition;
  /** What a run that succeeded adds. */
  increments: (result: JobResult) => readonly { labels: Readonly<Record<string, string>>; by: number }[];
}

/** A counter whose labels have been checked where it was written. */
export function jobCounter<L extends Labels>(
  definition: CounterDefinition<L>,
  increments: (result: JobResult) => readonly { labels: LabelsOf<CounterDefinition<L>>; by: number }[],
): JobCounter {
  return { definition, increments };
}

const secondsOf = { minute: 60, '5 minutes': 300, '10 minutes': 600, '15 minutes': 900, hour: 3600, day: 86_400 } as const;

/** Planned time between two runs. */
export function intervalSeconds({ every }: Schedule): number {
  return secondsOf[every];
}

/** The latest moment, up to and including now, at which the job should have started. */
export function lastDueAt(schedule: Schedule, now: Date): Date {
  const intervalMs = intervalSeconds(schedule) * 1000;
  const offsetMs = offsetMinutes(schedule) * 60_000;
  return new Date(Math.floor((now.getTime() - offsetMs) / intervalMs) * intervalMs + offsetMs);
}

function offsetMinutes(schedule: Schedule): number {
  if (schedule.every === 'hour') return schedule.minute ?? 0;
  if (schedule.every !== 'day') return 0;
  const [hours = 0, minutes = 0] = schedule.at.split(':').map(Number);
  return hours * 60 + minutes;
}
