import { access, constants, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { checkout, type ProgramOptions, type RunningProgram, startProgram } from './processes.ts';

export interface MonitoringPorts {
  /** Public listener, for the webhook that Alertmanager posts to. */
  exporter: number;
  exporterMetrics: number;
  apiMetrics: number;
  jobsMetrics: number;
  prometheus: number;
  alertmanager: number;
}

export interface DerivedConfiguration {
  directory: string;
  prometheusFile: string;
  alertmanagerFile: string;
}

/** The ports that the configuration in the repository is written with. */
const writtenPorts: MonitoringPorts = {
  exporter: 8081,
  exporterMetrics: 9464,
  apiMetrics: 9465,
  jobsMetrics: 9466,
  prometheus: 9090,
  alertmanager: 9093,
};

// Debian renames the daemon; the upstream archive does not.
const programNames = { prometheus: ['prometheus'], alertmanager: ['alertmanager', 'prometheus-alertmanager'] } as const;

/** Absolute path of Prometheus or Alertmanager on PATH; undefined when it is not installed. */
export async function findMonitoringProgram(name: keyof typeof programNames): Promise<string | undefined> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const programName of programNames[name]) {
      const path = join(directory, programName);
      try {
        await access(path, constants.X_OK);
        return path;
      } catch {
        // Not here: the next one.
      }
    }
  }
  return undefined;
}

/**
 * Writes copies of the repository's Prometheus and Alertmanager configuration and rules that fit this machine: our
 * ports, absolute paths, and the webhook's token from a file beside them.
 * @param options.speedUp divides every duration (intervals, `for`, ranges of expressions, grouping and repetition), so
 * that a test sees in seconds what takes minutes. Plain numbers of seconds inside expressions stay as they are.
 */
export async function deriveConfiguration(options: {
  ports: MonitoringPorts;
  directory: string;
  webhookToken: string;
  speedUp?: number;
}): Promise<DerivedConfiguration> {
  const { ports, directory, speedUp = 1 } = options;
  const rulesDirectory = join(directory, 'rules');
  // Without the rules of a file that is no longer in the repository.
  await rm(rulesDirectory, { recursive: true, force: true });
  await mkdir(rulesDirectory, { recursive: true });
  const tokenFile = join(directory, 'alertmanager-webhook-token');
  await writeFile(tokenFile, options.webhookToken, { mode: 0o600 });

  const withPorts = (text: string): string => rewriteAddress(text, (listener) => `127.0.0.1:${ports[listener]}`);
  const written: DerivedConfiguration = {
    directory,
    prometheusFile: join(directory, 'prometheus.yml'),
    alertmanagerFile: join(directory, 'alertmanager.yml'),
  };
  await derive('prometheus/prometheus.yml', written.prometheusFile, (key, value) => {
    if (key === 'targets') return withPorts(value);
    return scaleSetting(key, value, speedUp);
  });
  for (const name of await readdir(join(checkout, 'prometheus', 'rules'))) {
    if (!name.endsWith('.yml')) continue;
    await derive(join('prometheus', 'rules', name), join(rulesDirectory, name), (key, value) =>
      scaleRanges(scaleSetting(key, value, speedUp), speedUp),
    );
  }
  await derive('alertmanager/alertmanager.yml', written.alertmanagerFile, (key, value) => {
    if (key === 'credentials_file') return tokenFile;
    if (key === 'templates') return join(checkout, 'alertmanager', value);
    if (key === 'url') return withPorts(value);
    return scaleSetting(key, value, speedUp);
  });
  return written;
}

/** Starts Prometheus on a derived configuration; its data is kept beside that. */
export function startPrometheus(
  program: string,
  configuration: DerivedConfiguration,
  options: { port: number; args?: string[] } & Pick<ProgramOptions, 'onLine' | 'onUnexpectedExit'>,
): RunningProgram {
  const { port, args = [], ...handlers } = options;
  return startProgram({
    ...handlers,
    name: 'prometheus',
    program,
    args: [
      `--config.file=${configuration.prometheusFile}`,
      `--storage.tsdb.path=${join(configuration.directory, 'prometheus-data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
      ...args,
    ],
  });
}

/** Starts Alertmanager on a derived configuration, alone: without its cluster port. */
export function startAlertmanager(
  program: string,
  configuration: DerivedConfiguration,
  options: { port: number; args?: string[] } & Pick<ProgramOptions, 'onLine' | 'onUnexpectedExit'>,
): RunningProgram {
  const { port, args = [], ...handlers } = options;
  return startProgram({
    ...handlers,
    name: 'alertmanager',
    program,
    args: [
      `--config.file=${configuration.alertmanagerFile}`,
      `--storage.path=${join(configuration.directory, 'alertmanager-data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=warn',
      ...args,
    ],
  });
}

export type Rewrite = (key: string, value: string) => string;

async function derive(from: string, to: string, rewrite: Rewrite): Promise<void> {
  const source: unknown = parse(await readFile(join(checkout, from), 'utf8'));
  const heading = `# Made from ${from} at each start: change that file, not this one.\n`;
  await writeFile(to, heading + stringify(rewriteStrings('', source, rewrite), { lineWidth: 0 }));
}

/** Applies `rewrite` to every text in a YAML document, with the key it stands under (an item of a list: the list's). */
export function rewriteStrings(key: string, value: unknown, rewrite: Rewrite): unknown {
  if (typeof value === 'string') return rewrite(key, value);
  if (Array.isArray(value)) return value.map((item) => rewriteStrings(key, item, rewrite));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, rewriteStrings(name, item, rewrite)]));
}

/** `host:9464` becomes the address of that listener, inside a URL too. Other addresses stay. */
export function rewriteAddress(text: string, addressOf: (listener: keyof MonitoringPorts) => string): string {
  return text.replace(/[\w.-]+:(\d+)/, (whole, port: string) => {
    const listener = (Object.keys(writtenPorts) as (keyof MonitoringPorts)[]).find((name) => writtenPorts[name] === Number(port));
    return listener ? addressOf(listener) : whole;
  });
}

const duration = String.raw`(?:\d+(?:ms|[smhdwy]))+`;
const durationSettings =
  /^(?:scrape_interval|scrape_timeout|evaluation_interval|interval|for|keep_firing_for|query_offset|group_wait|group_interval|repeat_interval|resolve_timeout)$/;

function scaleSetting(key: string, value: string, speedUp: number): string {
  return durationSettings.test(key) && new RegExp(`^${duration}$`).test(value) ? scale(value, speedUp) : value;
}

/** Ranges `[5m]`, subqueries `[1h:1m]` and offsets, in expressions and in the queries that annotations make. */
export function scaleRanges(text: string, speedUp: number): string {
  return text.replace(new RegExp(String.raw`\[\s*${duration}\s*(?::[^\]]*)?\]|\boffset\s+-?${duration}`, 'g'), (range) =>
    range.replace(new RegExp(duration, 'g'), (part) => scale(part, speedUp)),
  );
}

const millisecondsOf: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

function scale(text: string, speedUp: number): string {
  if (speedUp === 1) return text;
  let milliseconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    milliseconds += Number(count) * (millisecondsOf[unit ?? ''] ?? 0);
  }
  const scaled = Math.round(milliseconds / speedUp);
  return scaled % 1000 === 0 ? `${scaled / 1000}s` : `${scaled}ms`;
}
