import { parseArgs } from 'node:util';
import { ConfigError } from '../platform/config.ts';
import { DatabaseUnavailableError, sqlStateOf } from '../platform/postgres/errors.ts';
import { ProvisioningError } from './provisioning.ts';

/** One flag of a command, always `--name=value`. */
export interface Flag {
  summary: string;
  required: boolean;
  /** Undefined when the value is usable, else what it must be. */
  check?: (value: string) => string | undefined;
}

export interface Command<Flags extends Record<string, Flag>> {
  name: string;
  summary: string;
  flags: Flags;
  /** Lines for standard output; throws ProvisioningError for what the caller can put right. */
  run: (values: FlagValues<Flags>) => Promise<string[]>;
}

type FlagValues<Flags extends Record<string, Flag>> = {
  [Name in keyof Flags]: Flags[Name]['required'] extends true ? string : string | undefined;
};

/** What describes a command, without what it does. */
type Usage = Omit<Command<Record<string, Flag>>, 'run'>;

class UsageError extends Error {}

/** Runs a command and sets the exit code: 0, or 1 with a message that ends with the fix. */
export async function runCommand<const Flags extends Record<string, Flag>>(
  command: Command<Flags>,
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText(command)}\n`);
    return;
  }
  try {
    const lines = await command.run(readFlags(command, args));
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  } catch (error) {
    process.exitCode = 1;
    const isExpected = error instanceof UsageError || error instanceof ProvisioningError || error instanceof ConfigError;
    process.stderr.write(`${command.name}: ${isExpected ? error.message : describe(error)}\n`);
  }
}

/** An unexpected error with all its reasons; one of a connection ends with where to look. */
function describe(error: unknown): string {
  if (isConnectionError(error)) {
    const reason = reasonsOf(error instanceof DatabaseUnavailableError ? error.cause : error);
    return `the database is not available: ${reason}: check that it runs and that the DATABASE_URL_ variable of this command names it`;
  }
  return reasonsOf(error);
}

const connectionErrors = ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'ETIMEDOUT'];

function isConnectionError(error: unknown): boolean {
  if (error instanceof DatabaseUnavailableError) return sqlStateOf(error) === undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && connectionErrors.includes(code);
}

/** A host name with several addresses fails with an error that has no message of its own, only those of its addresses. */
function reasonsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reasons: unknown[] = error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause];
  return [error.message, reasons.map(reasonsOf).join('; ')].filter((text) => text !== '').join(': ');
}

function readFlags<Flags extends Record<string, Flag>>(command: Command<Flags>, args: readonly string[]): FlagValues<Flags> {
  const badShape = args.find((arg) => !/^--[a-z][a-z-]*=/.test(arg));
  if (badShape !== undefined) throw new UsageError(`${badShape}: flags are written --name=value\n${helpText(command)}`);
  const names = args.map((arg) => arg.slice(0, arg.indexOf('=')));
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new UsageError(`${repeated}= is given twice: give it once\n${helpText(command)}`);
  const { values } = parseFlags(command, args);
  for (const [name, flag] of Object.entries<Flag>(command.flags)) {
    const value = values[name];
    if ((value === undefined || value === '') && flag.required) throw new UsageError(`--${name}= is required\n${helpText(command)}`);
    const problem = typeof value === 'string' ? flag.check?.(value) : undefined;
    if (problem !== undefined) throw new UsageError(`--${name}=${String(value)}: ${problem}`);
  }
  return values as FlagValues<Flags>;
}

function parseFlags(command: Usage, args: readonly string[]): { values: Record<string, string | boolean | undefined> } {
  const options = Object.fromEntries(Object.keys(command.flags).map((name) => [name, { type: 'string' as const }]));
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${helpText(command)}`, { cause: error });
  }
}

function helpText(command: Usage): string {
  const usage = Object.entries(command.flags).map(([name, { required }]) => (required ? `--${name}=…` : `[--${name}=…]`));
  return [
    `usage: ${[command.name, ...usage].join(' ')}`,
    command.summary,
    ...Object.entries(command.flags).map(([name, { summary }]) => `  --${name}=  ${summary}`),
  ].join('\n');
}
