import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildDirectory } from './build.ts';

/** Names of the calls a child answers, each with what it takes and gives. */
export type Calls<C> = { [Name in keyof C]: { argument: unknown; result: unknown } };

export interface Child<C extends Calls<C>> {
  call<Name extends keyof C & string>(name: Name, argument: C[Name]['argument']): Promise<C[Name]['result']>;
  stop(): Promise<void>;
}

interface Question {
  id: number;
  name: string;
  argument: unknown;
}
type Reply = { id: number; result: unknown } | { id: number; error: string };

/**
 * Starts a program of bench/support as a process of its own and waits until it answers. It runs the compiled form, as production does: tsx
 * keeps the names of functions by work at every closure, which would be measured too.
 */
export async function startChild<C extends Calls<C>>(
  program: 'load' | 'exporter' | 'comparison' | 'prom-client' | 'api' | 'jobs',
  environment: Record<string, string> = {},
): Promise<Child<C>> {
  const profile = process.env['BENCH_CPU_PROF_DIR'];
  const child = fork(fileURLToPath(new URL(`bench/support/${program}-process.js`, buildDirectory)), [], {
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'error', ...environment },
    execArgv:
      profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${program}-${Date.now()}.cpuprofile`],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let stopping = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`${program} ended (${signal ?? `exit code ${code}`})`));
      waiting.clear();
      if (!stopping) process.stderr.write(`bench: ${program} ended on its own; what it wrote stands above\n`);
      resolve();
    });
  });
  child.on('message', (reply: Reply) => {
    const caller = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply) caller?.reject(new Error(`${program}: ${reply.error}`));
    else caller?.resolve(reply.result);
  });
  const ask = (name: string, argument: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      child.send({ id: lastId, name, argument } satisfies Question, (error) => {
        if (error !== null) reject(error);
      });
    });
  await ask('', undefined);
  return {
    call: ask,
    async stop() {
      stopping = true;
      if (child.connected) child.disconnect();
      const kill = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** The other side: answers calls until the starter goes away. */
export function answerCalls<C extends Calls<C>>(handlers: {
  [Name in keyof C]: (argument: C[Name]['argument']) => Promise<C[Name]['result']>;
}): void {
  const byName = new Map(Object.entries(handlers)) as Map<string, (argument: unknown) => Promise<unknown>>;
  const reply = (answer: Reply): void => void process.send?.(answer);
  process.on('message', ({ id, name, argument }: Question) => {
    const answer = byName.get(name)?.(argument) ?? Promise.resolve();
    answer.then(
      (result) => reply({ id, result }),
      (error: unknown) => reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
}
