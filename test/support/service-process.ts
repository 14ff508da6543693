import { startProgram, startService, type ProgramOptions, type RunningProgram, type ServiceName } from '../../local/processes.ts';
import { builtServices } from './built-services.ts';
import { checkAnswersOf } from './checked-listeners.ts';
import type { TestDatabase } from './database.ts';
import { restartPort } from './restart-port.ts';
import { testEnvironment } from './services.ts';
import { waitUntil } from './wait-until.ts';

/** The ports of exporter, api and jobs; a process that is started again gets the same ones. */
export interface ServicePorts {
  exporter: number;
  exporterMetrics: number;
  api: number;
  apiMetrics: number;
  jobsMetrics: number;
}

export async function servicePorts(): Promise<ServicePorts> {
  return {
    exporter: await restartPort(),
    exporterMetrics: await restartPort(),
    api: await restartPort(),
    apiMetrics: await restartPort(),
    jobsMetrics: await restartPort(),
  };
}

/** A service as a process of its own, the way it runs in production. */
export interface ServiceProcess {
  readonly pid: number;
  /** Public listener; jobs has none. */
  readonly url: string;
  readonly metricsUrl: string;
  /** Resolves with how it ended, `exit code 0` or `signal SIGKILL`. */
  readonly ended: Promise<string>;
  /** The last lines that it wrote. */
  written(): string;
  isRunning(): boolean;
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Asks it to end, and kills it when it does not; harmless when it has ended. */
  stop(): Promise<void>;
}

export interface ServiceProcessOptions {
  database: TestDatabase;
  ports: ServicePorts;
  environment?: Record<string, string | undefined>;
  /** Told each line that it writes. */
  onLine?: (line: string) => void;
  /** Where its sources are, when it does not come from the build of the checkout. */
  sources?: string | undefined;
  /** That it ends by itself is what the test is about: what it wrote is not shown. */
  mayEnd?: boolean;
}

const shownLines = 20;
const readyWithinMs = 20_000;

export function startServiceProcess(name: ServiceName, options: ServiceProcessOptions): ServiceProcess {
  const { database, ports, environment, onLine, sources, mayEnd = false } = options;
  const lines: string[] = [];
  const program = start(name, sources, {
    env: {
      ...process.env,
      ...testEnvironment(database, {
        EXPORTER_PORT: String(ports.exporter),
        EXPORTER_METRICS_PORT: String(ports.exporterMetrics),
        API_PORT: String(ports.api),
        API_METRICS_PORT: String(ports.apiMetrics),
        JOBS_METRICS_PORT: String(ports.jobsMetrics),
        // Load comes from one address.
        RATE_LIMIT_MULTIPLIER: '1000000',
        ...environment,
      }),
    },
    // At LOG_LEVEL fatal, where nothing else is asked for, only what ends it is written.
    onLine: (line) => {
      onLine?.(line);
      lines.push(line);
      lines.splice(0, lines.length - shownLines);
    },
    onUnexpectedExit: () => {
      if (lines.length > 0 && !mayEnd) process.stderr.write(`${name} ended and wrote:\n  ${lines.join('\n  ')}\n`);
    },
  });
  let running = true;
  void program.ended.then(() => (running = false));
  const url = `http://127.0.0.1:${name === 'api' ? ports.api : ports.exporter}`;
  if (name !== 'jobs') checkAnswersOf(name, url);
  return {
    pid: program.pid,
    url,
    metricsUrl: `http://127.0.0.1:${{ exporter: ports.exporterMetrics, api: ports.apiMetrics, jobs: ports.jobsMetrics }[name]}`,
    ended: program.ended,
    written: () => lines.join('\n'),
    isRunning: () => running,
    signal: (signal) => {
      if (running) process.kill(program.pid, signal);
    },
    stop: () => program.stop(),
  };
}

function start(
  name: ServiceName,
  sources: string | undefined,
  options: Pick<ProgramOptions, 'env' | 'onLine' | 'onUnexpectedExit'>,
): RunningProgram {
  if (sources !== undefined) return startService(name, { ...options, cwd: sources });
  return startProgram({ ...options, name, program: process.execPath, args: [`dist/${name}/main.js`], cwd: builtServices() });
}

/** @throws when the process is not ready in time, or ends before it is. */
export async function waitUntilReady(service: ServiceProcess, within = readyWithinMs): Promise<void> {
  await waitUntil(async () => !service.isRunning() || (await readiness(service)) === 200, {
    within,
    what: `readiness of ${service.metricsUrl}`,
  });
  if (!service.isRunning()) throw new Error(`the process ended before it was ready (${await service.ended})`);
}

/** The status of /readyz. */
export async function readiness(service: ServiceProcess): Promise<number> {
  const response = await fetch(`${service.metricsUrl}/readyz`);
  await response.body?.cancel();
  return response.status;
}
