import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { ConfigError, readConfig, variables } from './config.ts';
import { checkHealth, metricsAddress } from './health-check.ts';
import { readWebConfig, WebConfigError } from './http/web-config.ts';
import { runProcess, type Lifecycle } from './lifecycle.ts';
import { createLogger, type Logger } from './log.ts';
import type { Service } from './metrics/definitions.ts';
import { version } from './version.ts';

/** Entry of a service: reads the command line and the environment, then runs until it is told to stop. */
export async function main<Name extends Service>(
  service: Name,
  start: (context: { config: ReturnType<typeof readConfig<Name>>; lifecycle: Lifecycle; log: Logger }) => Promise<void>,
): Promise<void> {
  const values = readFlags();
  if (values instanceof Error) return refuse(service, `${values.message}\n--help lists the options`);
  if (values.help === true) return print(helpText(service));
  if (values.version === true) return print(version);
  let config: ReturnType<typeof readConfig<Name>>;
  try {
    config = readConfig(service);
    // Not for the health check: a file that broke later does not stop a process that runs.
    if (values['health-check'] !== true) checkWebConfig(config);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return refuse(service, error.message);
  }
  if (values['check-config'] === true) return print('the configuration is usable');
  if (values['health-check'] === true) return reportHealth(service, await checkHealth(metricsAddress(config)));
  const log = createLogger({ service, level: config.LOG_LEVEL });
  await runProcess(log, (lifecycle) => start({ config, lifecycle, log }));
}

const flags = {
  help: { type: 'boolean' },
  version: { type: 'boolean' },
  'check-config': { type: 'boolean' },
  'health-check': { type: 'boolean' },
} as const;

/** The flags, or what is wrong with the command line. */
function readFlags(): { [Name in keyof typeof flags]?: boolean } | Error {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return error;
  }
}

function refuse(service: Service, problem: string): void {
  process.stderr.write(`${service}: ${problem}\n`);
  process.exitCode = 1;
}

/** @throws ConfigError */
function checkWebConfig({ METRICS_WEB_CONFIG_FILE: file, METRICS_TOKEN }: ReturnType<typeof readConfig<Service>>): void {
  if (file === undefined) return;
  try {
    readWebConfig(file, { tokenIsSet: METRICS_TOKEN !== undefined });
  } catch (error) {
    if (!(error instanceof WebConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => `METRICS_WEB_CONFIG_FILE ${file}: ${problem}`));
  }
}

function reportHealth(service: Service, problem: string | undefined): void {
  if (problem === undefined) return print('the process answers');
  refuse(service, problem);
}

function helpText(service: Service): string {
  return [
    `usage: ${service} [--check-config] [--health-check] [--version] [--help]`,
    '',
    'Configured by environment variables, [defaults] in brackets (docs/operations.md explains them):',
    ...Object.entries<z.ZodType>(variables[service].shape).map(([name, schema]) => `  ${name}${noteOf(schema)}`),
  ].join('\n');
}

/** What happens when the variable is left out. */
function noteOf(schema: z.ZodType): string {
  const { success, data } = schema.safeParse(undefined);
  if (!success) return ' (required)';
  return typeof data === 'string' || typeof data === 'number' ? ` [${data}]` : '';
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
