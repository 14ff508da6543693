import type { Logger } from './log.ts';

type Release = () => Promise<void> | void;

/** Contracted time from the signal to the exit, with a margin for the exit itself. */
const stopDeadlineMs = 14_000;

/**
 * What a process has acquired, released last-acquired first. `stopping` flips the moment a stop begins, before anything is
 * released, so that probes and ingest can refuse while queued work is still being written.
 */
export class Lifecycle {
  private readonly releases: { what: string; release: Release }[] = [];
  private released: Promise<void> | undefined;
  private readonly log: Logger;
  stopping = false;

  constructor(log: Logger) {
    this.log = log;
  }

  /** Registers how to undo what was just acquired. */
  onStop(what: string, release: Release): void {
    this.releases.push({ what, release });
  }

  /** Releases everything, once; a second caller gets the same promise. A failing release never keeps the others from running. */
  stop(): Promise<void> {
    this.stopping = true;
    this.released ??= this.releaseAll();
    return this.released;
  }

  private async releaseAll(): Promise<void> {
    let firstError: unknown;
    for (const { what, release } of this.releases.toReversed()) {
      try {
        await release();
      } catch (error) {
        firstError ??= error;
        this.log.error({ error, what }, 'could not release');
      }
    }
    if (firstError !== undefined) throw new Error('the process did not stop cleanly', { cause: firstError });
  }
}

/**
 * Runs a process: start, then wait for SIGTERM or SIGINT, then stop within 15 s. A second signal exits at once.
 * A crash exits non-zero without a graceful stop: nothing unwritten was acknowledged, so crashing is safe.
 */
export async function runProcess(log: Logger, start: (lifecycle: Lifecycle) => Promise<void>): Promise<void> {
  const lifecycle = new Lifecycle(log);

  const stop = (signal: string): void => {
    if (lifecycle.stopping) {
      log.warn({ signal }, 'second signal: leaving at once');
      process.exit(1);
    }
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error('still busy after 14 s: leaving; what was not acknowledged will be retried by its sender');
      process.exit(1);
    }, stopDeadlineMs).unref();
    lifecycle.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ error, event }, 'crashed');
      process.exit(1);
    });
  }

  try {
    await start(lifecycle);
  } catch (error) {
    log.fatal({ error }, 'could not start');
    await lifecycle.stop().catch(() => process.exit(1));
    process.exit(1);
  }
}
