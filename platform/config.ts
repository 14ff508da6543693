import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { longestText } from './http/validation.ts';

/**
 * The only reader of the environment. Each process names the variables it needs; `readConfig` reports every missing or
 * invalid one at once. Keys of a configuration are the names of the variables: one name, from the shell to the code.
 * Source: contracts, section Configuration.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: string[];

  constructor(problems: string[]) {
    super(
      `configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\n` +
        'Set these environment variables (a secret may also be read from the file that its _FILE twin names); docs/operations.md lists them all.',
    );
    this.problems = problems;
  }
}

const wholeNumber = (fallback: number, min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .default(fallback);
const port = (fallback: number) => wholeNumber(fallback, 0, 65_535);
const listenHost = z
  .string()
  .refine((text) => isIP(text) !== 0 || /^[A-Za-z0-9._-]+$/.test(text), 'must be an IP address or a host name, without a port');
const list = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
  .default([]);
const databaseUrl = z.string().regex(/^postgres(ql)?:\/\/.+/, 'must be a postgres:// URL');
const secret = (minBytes: number) =>
  z.string().refine((text) => Buffer.byteLength(text) >= minBytes, `must have at least ${minBytes} bytes`);
const httpsOrLoopback = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}, 'must be an https URL, or http on loopback');
const publicUrl = (fallback: string) =>
  z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL such as https://widgets.example.com' })
    .transform((url) => url.replace(/\/+$/, ''))
    .default(fallback);
const origins = list.refine(
  (items) => items.every((item) => URL.canParse(item) && new URL(item).origin === item),
  'must be a comma-separated list of origins such as https://portal.example.com',
);

const flag = (fallback: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(fallback)
    .transform((text) => text === 'true');

const everyProcess = {
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  ALLOW_LOSSY_DATABASE: flag('false'),
  METRICS_HOST: listenHost.default('127.0.0.1'),
  METRICS_TOKEN: secret(16).optional(),
  METRICS_WEB_CONFIG_FILE: z.string().optional(),
  BUILD_COMMIT: z
    .string()
    .regex(/^[0-9A-Za-z._-]{1,64}$/)
    .default('unknown'),
};

const everyHttpProcess = {
  CORS_ALLOWED_ORIGINS: origins,
  TRUSTED_PROXY_HOPS: wholeNumber(0, 0, 10),
  RATE_LIMIT_MULTIPLIER: z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'must be a number > 0')
    .transform(Number)
    .pipe(z.number().positive())
    .default(1),
};

/** Sealed credentials of shops, and what may be asked of them. */
const encryptionKey = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').length === 32, 'must be 32 bytes in base64: openssl rand -base64 32');
const storeAccess = {
  CONFIG_ENCRYPTION_KEY: encryptionKey.optional(),
  CONFIG_ENCRYPTION_KEY_PREVIOUS: encryptionKey.optional(),
  WOOCOMMERCE_ALLOW_PRIVATE_HOSTS: flag('false'),
};

/** Both listeners of a process cannot have one port, unless each is given a free one. */
const differ = (one: number, other: number): boolean => one !== other || one === 0;

/** A property of marketing sites, as a label of series takes it. */
const propertyId = z.string().regex(/^[A-Za-z0-9_:/.+-]{1,128}$/, 'must be 1 to 128 letters, digits or _ : / . + -');
/** Properties with rollups of their own, besides `default`, which is all of them. */
const rollupProperties = {
  ROLLUP_PROPERTY_IDS: list.pipe(z.array(propertyId)).transform((ids) => [...new Set(ids)].filter((id) => id !== 'default')),
};

/** A visitor who does nothing for so long comes back in a new session. */
const sessions = { SESSION_TIMEOUT_MS: wholeNumber(1_800_000, 1000, 86_400_000) };

const exporterVariables = z
  .object({
    ...everyProcess,
    ...everyHttpProcess,
    DATABASE_URL_EXPORTER: databaseUrl,
    EXPORTER_PORT: port(8081),
    EXPORTER_METRICS_PORT: port(9464),
    ORG_TOKEN_SECRET: secret(32),
    ALERTMANAGER_WEBHOOK_TOKEN: secret(16).optional(),
    PUBLIC_ENV: z.string().min(1).check(longestText(64)).default('production'),
    INGEST_MAX_TX_ROWS: wholeNumber(1000, 1, 100_000),
    INGEST_QUEUE_MAX_ROWS: wholeNumber(10_000, 1, 10_000_000),
    // At least one body of the largest kind (platform/http/body.ts), or there would be requests that never fit.
    INGEST_QUEUE_MAX_BYTES: wholeNumber(16 * 1024 * 1024, 4 * 1024 * 1024, 8 * 1024 ** 3),
    INGEST_MAX_WAIT_MS: wholeNumber(5000, 10, 60_000),
    ORG_SERIES_MAX_ORGS: wholeNumber(1000, 0, 1_000_000),
    WIDGET_EXTRA_ALLOWED_ORIGINS: origins,
    ...sessions,
    IP_HASH_PEPPER: secret(16),
    SESSION_INACTIVITY_MINUTES: wholeNumber(30, 1, 1440),
    ENABLE_HEURISTIC_LINKING: flag('true'),
    ...rollupProperties,
  })
  .refine((config) => differ(config.EXPORTER_PORT, config.EXPORTER_METRICS_PORT), {
    path: ['EXPORTER_METRICS_PORT'],
    message: 'is EXPORTER_PORT as well: metrics have a port of their own',
    when: () => true,
  });

const apiVariables = z
  .object({
    ...everyProcess,
    ...everyHttpProcess,
    DATABASE_URL_API: databaseUrl,
    DATABASE_URL_ADMIN: databaseUrl,
    API_PORT: port(8080),
    EXPORTER_PUBLIC_URL: publicUrl('http://localhost:8081'),
    API_METRICS_PORT: port(9465),
    AUTH_JWT_SECRET: secret(32).optional(),
    AUTH_JWKS_URL: httpsOrLoopback.optional(),
    AUTH_ISSUER: z.string().min(1),
    AUTH_AUDIENCE: z.string().min(1),
    ADMIN_API_KEY: secret(24).optional(),
    // 0: nothing is kept.
    MONITORING_CACHE_TTL_MS: wholeNumber(30_000, 0, 3_600_000),
    ROLLUP_DEFAULT_PROPERTY_ID: propertyId.default('default'),
    METRICS_SUMMARY_SOURCE: z.enum(['table', 'materialized_view']).default('table'),
    METRICS_SUMMARY_CACHE_TTL_MS: wholeNumber(15_000, 0, 3_600_000),
    METRICS_SUMMARY_CACHE_MAX_ENTRIES: wholeNumber(128, 1, 100_000),
    ...sessions,
    ...storeAccess,
  })
  .refine((config) => (config.AUTH_JWT_SECRET === undefined) !== (config.AUTH_JWKS_URL === undefined), {
    path: ['AUTH_JWT_SECRET'],
    message: 'exactly one of AUTH_JWT_SECRET and AUTH_JWKS_URL must be set',
    when: () => true,
  })
  .refine((config) => differ(config.API_PORT, config.API_METRICS_PORT), {
    path: ['API_METRICS_PORT'],
    message: 'is API_PORT as well: metrics have a port of their own',
    when: () => true,
  });

const jobsVariables = z.object({
  ...everyProcess,
  DATABASE_URL_JOBS: databaseUrl,
  JOBS_METRICS_PORT: port(9466),
  ...sessions,
  // Events arrive up to a day late.
  WIDGET_EVENTS_RETENTION_DAYS: wholeNumber(90, 2, 3650),
  WIDGET_SESSIONS_RETENTION_DAYS: wholeNumber(365, 2, 3650),
  WIDGET_PERFORMANCE_RETENTION_DAYS: wholeNumber(30, 2, 3650),
  ...storeAccess,
  // Rows arrive up to seven days late.
  WOOCOMMERCE_RETENTION_DAYS: wholeNumber(90, 8, 3650),
  WOOCOMMERCE_ARCHIVE_DIR: z.string().min(1).optional(),
  WOOCOMMERCE_LOW_STOCK_THRESHOLD: wholeNumber(5, 1, 1_000_000),
  // Events arrive up to seven days late.
  MARKETING_EVENTS_RETENTION_DAYS: wholeNumber(90, 8, 3650),
  ROLLUP_BATCH_DAYS: wholeNumber(7, 1, 60),
  ROLLUP_RETENTION_MONTHS: wholeNumber(24, 4, 240),
  ...rollupProperties,
});

const customerConfigVariables = z.object({
  DATABASE_URL_JOBS: databaseUrl,
  CONFIG_ENCRYPTION_KEY: encryptionKey,
  WOO_CONSUMER_KEY: z.string().min(1).optional(),
  WOO_CONSUMER_SECRET: z.string().min(1).optional(),
});

const keyRotationVariables = z.object({
  DATABASE_URL_JOBS: databaseUrl,
  CONFIG_ENCRYPTION_KEY: encryptionKey,
  CONFIG_ENCRYPTION_KEY_PREVIOUS: encryptionKey.optional(),
});

const cliVariables = z.object({ DATABASE_URL_JOBS: databaseUrl });
const migrateVariables = z.object({ DATABASE_URL_OWNER: databaseUrl });
const roleLoginVariables = z.object({
  DATABASE_URL_OWNER: databaseUrl,
  DATABASE_URL_EXPORTER: databaseUrl,
  DATABASE_URL_API: databaseUrl,
  DATABASE_URL_ADMIN: databaseUrl,
  DATABASE_URL_JOBS: databaseUrl,
});

export const variables = {
  exporter: exporterVariables,
  api: apiVariables,
  jobs: jobsVariables,
  cli: cliVariables,
  customerConfig: customerConfigVariables,
  keyRotation: keyRotationVariables,
  migrate: migrateVariables,
  roleLogins: roleLoginVariables,
} as const;

export type ExporterConfig = z.infer<typeof exporterVariables>;
export type ApiConfig = z.infer<typeof apiVariables>;
export type JobsConfig = z.infer<typeof jobsVariables>;

/** Values that travel by file: whatever grants access. */
const secretVariables = new Set([
  'DATABASE_URL_EXPORTER',
  'DATABASE_URL_API',
  'DATABASE_URL_ADMIN',
  'DATABASE_URL_JOBS',
  'DATABASE_URL_OWNER',
  'AUTH_JWT_SECRET',
  'ADMIN_API_KEY',
  'ALERTMANAGER_WEBHOOK_TOKEN',
  'METRICS_TOKEN',
  'ORG_TOKEN_SECRET',
  'IP_HASH_PEPPER',
  'CONFIG_ENCRYPTION_KEY',
  'CONFIG_ENCRYPTION_KEY_PREVIOUS',
  'WOO_CONSUMER_KEY',
  'WOO_CONSUMER_SECRET',
]);

type Environment = Record<string, string | undefined>;

/** Reads and checks the variables of one process or command. An empty value counts as not set. Throws ConfigError. */
export function readConfig<Name extends keyof typeof variables>(
  name: Name,
  environment: Environment = process.env,
): z.infer<(typeof variables)[Name]> {
  const schema = variables[name];
  const problems: string[] = [];
  const values: Environment = {};
  for (const variable of Object.keys(schema.shape)) {
    const value = readVariable(variable, environment, problems);
    if (value !== undefined && value !== '') values[variable] = value;
  }
  const result = schema.safeParse(values);
  for (const issue of result.error?.issues ?? []) {
    const variable = String(issue.path[0]);
    const missing = issue.code === 'invalid_type' && values[variable] === undefined;
    problems.push(`${variable}: ${missing ? 'not set' : issue.message}`);
  }
  if (problems.length > 0 || !result.success) throw new ConfigError([...new Set(problems)]);
  return result.data as z.infer<(typeof variables)[Name]>;
}

function readVariable(variable: string, environment: Environment, problems: string[]): string | undefined {
  const file = secretVariables.has(variable) ? environment[`${variable}_FILE`] : undefined;
  if (file === undefined || file === '') return environment[variable];
  if (environment[variable] !== undefined && environment[variable] !== '') {
    problems.push(`${variable}: set either it or ${variable}_FILE, not both`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    problems.push(`${variable}_FILE: cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
