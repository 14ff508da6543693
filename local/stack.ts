import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { migrate } from '../platform/postgres/migrate.ts';
import { type DatabaseRole, giveRolesLogin } from './database-roles.ts';
import { demoProperties } from './demo-marketing.ts';
import { readLogLine } from './log-lines.ts';
import { assertPortsFree, type StackPorts } from './ports.ts';
import { type PostgresCluster, startPostgresCluster } from './postgres-cluster.ts';
import { type ProgramOptions, type RunningProgram, type ServiceName, startService } from './processes.ts';
import { deriveConfiguration, findMonitoringProgram, startAlertmanager, startPrometheus } from './prometheus.ts';
import { keptSecrets, type Secrets } from './secrets.ts';
import { audience, issuer } from './tokens.ts';

/** `kind` is the same for lines that say the same at another time. */
export type Write = (name: string, line: string, kind?: string) => void;

export interface StackOptions {
  /** Where data and secrets are kept from one start to the next. */
  directory: string;
  ports: StackPorts;
  /** Divides every duration of Prometheus and Alertmanager, see deriveConfiguration. */
  speedUp?: number;
  /** Variables for the three services, on top of this stack's own and the environment's. */
  env?: Record<string, string>;
  /** Told what happens, and each line a program writes; `name` is the program, or `local` for the stack itself. */
  write: Write;
  /** Called when a part ends without having been told to. The others keep running until stop(). */
  onUnexpectedExit: (error: Error) => void;
  /** Gives up starting. */
  signal?: AbortSignal;
}

export interface Stack {
  readonly ports: StackPorts;
  readonly secrets: Secrets;
  readonly secretsFile: string;
  /** One file for each program, begun anew at each start. */
  readonly logDirectory: string;
  readonly postgres: PostgresCluster;
  readonly services: Record<ServiceName, RunningProgram>;
  /** Where Prometheus and Alertmanager were found on PATH; they run if so. */
  readonly monitoring: { prometheus: string | undefined; alertmanager: string | undefined };
  databaseUrl(role: DatabaseRole): string;
  /** Stops everything, last started first. */
  stop(): Promise<void>;
}

const database = 'observability';
const readyWithinMs = 30_000;
const pollEveryMs = 50;

/**
 * Starts PostgreSQL, migrates, starts exporter, api and jobs, then Prometheus and Alertmanager if they are installed, and
 * resolves when the three services are ready.
 * @throws when a part does not come up; what had been started by then is stopped again.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { ports, directory, write, onUnexpectedExit } = options;
  const signal = options.signal ?? new AbortController().signal;
  const say = (line: string): void => write('local', line);
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const stopOne of stops.splice(0).toReversed()) await stopOne();
  };
  const run = (program: RunningProgram): RunningProgram => {
    stops.push(() => program.stop());
    return program;
  };
  const logDirectory = join(directory, 'logs');
  const outputOf = (name: string): Pick<ProgramOptions, 'onLine' | 'onUnexpectedExit'> => {
    const file = createWriteStream(join(logDirectory, `${name}.log`), { mode: 0o600 });
    file.on('error', (error) => say(`cannot write the log of ${name}: ${error.message}`));
    return {
      onLine: (line) => {
        file.write(`${line}\n`);
        const { text, kind } = readLogLine(line);
        write(name, text, kind);
      },
      onUnexpectedExit,
    };
  };

  try {
    await mkdir(logDirectory, { recursive: true });
    const secretsFile = join(directory, 'secrets.json');
    const secrets = await keptSecrets(secretsFile);
    const monitoring = {
      prometheus: await findMonitoringProgram('prometheus'),
      alertmanager: await findMonitoringProgram('alertmanager'),
    };
    await assertPortsFree(neededPorts(ports, monitoring));
    signal.throwIfAborted();

    const postgres = await startPostgresCluster({
      dataDirectory: join(directory, 'postgres'),
      port: ports.postgres,
      log: say,
      onUnexpectedExit,
    });
    stops.push(() => postgres.stop('fast'));
    say(`PostgreSQL ${postgres.version} on port ${ports.postgres}, data in ${postgres.dataDirectory}`);
    await createDatabaseOnce(postgres);
    const migrations = await migrate({ databaseUrl: postgres.superuserUrl(database) });
    if (migrations.length > 0) say(`ran ${migrations.length} migrations`);
    await giveRolesLogin(postgres.superuserUrl(), secrets.databaseRolePassword);
    const databaseUrl = (role: DatabaseRole): string =>
      `postgresql://${role}:${secrets.databaseRolePassword}@127.0.0.1:${ports.postgres}/${database}`;
    signal.throwIfAborted();

    const env = { ...process.env, ...serviceEnvironment({ ports, secrets, databaseUrl }), ...options.env };
    const services = {
      exporter: run(startService('exporter', { env, ...outputOf('exporter') })),
      api: run(startService('api', { env, ...outputOf('api') })),
      jobs: run(startService('jobs', { env, ...outputOf('jobs') })),
    };

    const configuration = await deriveConfiguration({
      ports,
      directory: join(directory, 'monitoring'),
      webhookToken: secrets.ALERTMANAGER_WEBHOOK_TOKEN,
      ...(options.speedUp === undefined ? {} : { speedUp: options.speedUp }),
    });
    // A test that hurries the rules must not wait a minute until a changed alert is sent again.
    const hurriedPrometheus = options.speedUp === undefined ? [] : ['--rules.alert.resend-delay=2s'];
    if (monitoring.alertmanager) {
      run(startAlertmanager(monitoring.alertmanager, configuration, { port: ports.alertmanager, ...outputOf('alertmanager') }));
    }
    if (monitoring.prometheus) {
      run(
        startPrometheus(monitoring.prometheus, configuration, {
          port: ports.prometheus,
          args: hurriedPrometheus,
          ...outputOf('prometheus'),
        }),
      );
    }

    await Promise.all([
      waitUntilReady('exporter', ports.exporterMetrics, signal),
      waitUntilReady('api', ports.apiMetrics, signal),
      waitUntilReady('jobs', ports.jobsMetrics, signal),
    ]);
    return { ports, secrets, secretsFile, logDirectory, postgres, services, monitoring, databaseUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What exporter, api and jobs need to know of each other and of the database. Contract: Configuration. */
export function serviceEnvironment(options: {
  ports: StackPorts;
  secrets: Secrets;
  databaseUrl: (role: DatabaseRole) => string;
}): Record<string, string | undefined> {
  const { ports, secrets, databaseUrl } = options;
  const variables: Record<string, string> = {
    DATABASE_URL_EXPORTER: databaseUrl('observability_exporter'),
    DATABASE_URL_API: databaseUrl('observability_api'),
    DATABASE_URL_ADMIN: databaseUrl('observability_admin'),
    DATABASE_URL_JOBS: databaseUrl('observability_jobs'),
    EXPORTER_PORT: String(ports.exporter),
    API_PORT: String(ports.api),
    EXPORTER_PUBLIC_URL: `http://127.0.0.1:${ports.exporter}`,
    EXPORTER_METRICS_PORT: String(ports.exporterMetrics),
    API_METRICS_PORT: String(ports.apiMetrics),
    JOBS_METRICS_PORT: String(ports.jobsMetrics),
    AUTH_JWT_SECRET: secrets.AUTH_JWT_SECRET,
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: audience,
    ADMIN_API_KEY: secrets.ADMIN_API_KEY,
    ALERTMANAGER_WEBHOOK_TOKEN: secrets.ALERTMANAGER_WEBHOOK_TOKEN,
    ORG_TOKEN_SECRET: secrets.ORG_TOKEN_SECRET,
    CONFIG_ENCRYPTION_KEY: secrets.CONFIG_ENCRYPTION_KEY,
    IP_HASH_PEPPER: secrets.IP_HASH_PEPPER,
    // The shops of the demo are on this machine.
    WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: 'true',
    PUBLIC_ENV: 'local',
    ROLLUP_PROPERTY_IDS: demoProperties.join(),
  };
  // A variable and its _FILE twin exclude each other, as do a secret and a JWKS URL; and Prometheus here has no METRICS_TOKEN.
  const taken = [...Object.keys(variables).map((name) => `${name}_FILE`), 'AUTH_JWKS_URL', 'METRICS_TOKEN', 'METRICS_TOKEN_FILE'];
  return { ...Object.fromEntries(taken.map((name) => [name, undefined])), ...variables };
}

function neededPorts(ports: StackPorts, monitoring: Stack['monitoring']): Partial<StackPorts> {
  const { prometheus, alertmanager, ...needed } = ports;
  return {
    ...needed,
    ...(monitoring.prometheus ? { prometheus } : {}),
    ...(monitoring.alertmanager ? { alertmanager } : {}),
  };
}

async function createDatabaseOnce(postgres: PostgresCluster): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.superuserUrl() });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${database}`);
  } finally {
    await client.end();
  }
}

async function waitUntilReady(name: ServiceName, metricsPort: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  const url = `http://127.0.0.1:${metricsPort}/readyz`;
  for (;;) {
    const ready = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]) }).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    signal.throwIfAborted();
    if (performance.now() > deadline) {
      throw new Error(`${name} was not ready within ${readyWithinMs / 1000} s (${url}). See what it logged.`);
    }
    await delay(pollEveryMs, undefined, { signal });
  }
}
