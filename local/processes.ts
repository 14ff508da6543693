import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { signalWhenOrphaned } from './orphan-guard.ts';

export const checkout = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

export interface RunningProgram {
  readonly name: string;
  readonly pid: number;
  /** Resolves with how it ended, however that came about. */
  readonly ended: Promise<string>;
  /** Asks it to end and resolves when it has; it is killed if it does not within its time. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  name: string;
  program: string;
  args: string[];
  /** Where it runs; in the checkout when left out. */
  cwd?: string | undefined;
  env?: Record<string, string | undefined>;
  /** Told each line it writes. */
  onLine?: (line: string) => void;
  /** Called when it ends without having been told to. */
  onUnexpectedExit?: (error: Error) => void;
}

/** The three services may take 15 s to flush what they hold; Prometheus and Alertmanager need less. */
const stopWithinMs = 20_000;

/**
 * Starts a program outside our terminal's process group: Ctrl-C must reach us alone, or everything would
 * end at once and the exporter could not write down its counters. It ends when we are killed.
 */
export function startProgram(options: ProgramOptions): RunningProgram {
  const { name } = options;
  const child = spawn(options.program, options.args, {
    cwd: options.cwd ?? checkout,
    env: options.env ?? process.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => options.onLine?.(line));
  }
  const releaseGuard = child.pid === undefined ? () => undefined : signalWhenOrphaned(child.pid, 'TERM');

  let stopping = false;
  const ended = new Promise<string>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(signal ? `signal ${signal}` : `exit code ${code}`));
  });
  void ended.then((outcome) => {
    releaseGuard();
    if (!stopping)
      options.onUnexpectedExit?.(new Error(`${name} ended on its own (${outcome}). See what it logged, put that right and start again.`));
  });

  return {
    name,
    pid: child.pid ?? 0,
    ended,
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      const deadline = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
      await ended;
      clearTimeout(deadline);
    },
  };
}

export type ServiceName = 'exporter' | 'api' | 'jobs';

/** Starts one of our processes from its source, which is in its working directory. */
export function startService(
  name: ServiceName,
  options: Pick<ProgramOptions, 'cwd' | 'env' | 'onLine' | 'onUnexpectedExit'>,
): RunningProgram {
  return startProgram({ ...options, name, program: process.execPath, args: ['--import', 'tsx', `${name}/main.ts`] });
}
