import { parseArgs } from 'node:util';
import { ConfigError, readConfig, variables } from './config.ts';
import { runProcess, type Lifecycle } from './lifecycle.ts';
import { createLogger, type Logger } from './log.ts';
import type { Service } from './metrics/stack.ts';
import { version } from './version.ts';

/** Entry of a service: reads the command line and the environment, then runs until it is told to stop. */
export async function main<Name extends Service>(
  service: Name,
  start: (context: { config: ReturnType<typeof readConfig<Name>>; lifecycle: Lifecycle; log: Logger }) => Promise<void>,
): Promise<void> {
  const { values } = parseArgs({
    options: { help: { type: 'boolean' }, version: { type: 'boolean' }, 'check-config': { type: 'boolean' } },
  });
  if (values.help === true) return print(helpText(service));
  if (values.version === true) return print(version);
  let config: ReturnType<typeof readConfig<Name>>;
  try {
    config = readConfig(service);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${service}: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  if (values['check-config'] === true) return print('the configuration is usable');
  const log = createLogger({ service, level: config.LOG_LEVEL });
  await runProcess(log, (lifecycle) => start({ config, lifecycle, log }));
}

function helpText(service: Service): string {
  return [
    `usage: ${service} [--check-config] [--version] [--help]`,
    '',
    'Configured by environment variables (docs/operations.md explains them):',
    ...Object.keys(variables[service].shape).map((name) => `  ${name}`),
  ].join('\n');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
