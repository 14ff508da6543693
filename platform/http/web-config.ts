import { readFileSync } from 'node:fs';
import { validateHeaderValue } from 'node:http';
import { dirname } from 'node:path';
import { parseDocument, type ScalarTag } from 'yaml';
import { z } from 'zod';
import { tlsSection, unsetWhenNull, type TlsSettings } from './tls-settings.ts';

/**
 * The web configuration file that exporters share: TLS, security headers and users. Source: docs/web-configuration.md of Prometheus'
 * exporter-toolkit; docs/metrics-listener.md says what differs and why.
 */
export interface WebConfig {
  /** Undefined: plain HTTP. */
  tls: TlsSettings | undefined;
  headers: Readonly<Record<string, string>>;
  /** bcrypt hashes by user; empty: nobody is asked. */
  users: ReadonlyMap<string, string>;
  /** Every file that it was read from. */
  files: readonly string[];
}

/** Names every field at fault, and repeats no line of a file: hashes stay where they are. */
export class WebConfigError extends Error {
  override readonly name = 'WebConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

export interface WebConfigContext {
  /** METRICS_TOKEN is set: scrapers send it in the header that users would need as well. */
  tokenIsSet: boolean;
}

const headerText = z.preprocess(
  (value) => value ?? '',
  z.string().refine((text) => {
    try {
      validateHeaderValue('x', text);
      return true;
    } catch {
      return false;
    }
  }, 'has a character that no header may hold'),
);

/** The fixed list of the format: nobody can make a scrape unreadable, or set a cookie, from here. */
const headers = z.strictObject({
  'Content-Security-Policy': headerText.optional(),
  'Strict-Transport-Security': headerText.optional(),
  'X-Content-Type-Options': z.enum(['nosniff']).optional(),
  'X-Frame-Options': z.enum(['deny', 'sameorigin']).optional(),
  'X-XSS-Protection': headerText.optional(),
});

const bcryptHash = z
  .string()
  .regex(/^\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./0-9A-Za-z]{53}$/, 'is not a bcrypt hash: make one with htpasswd -nBC 10 ""');

/** A map: a record leaves the name `__proto__` out, and a file with nobody in it lets everybody in. */
const users = z.preprocess(
  (value) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? new Map(Object.entries(value)) : value),
  z.map(z.string(), bcryptHash),
);

const webConfig = (folder: string, { tokenIsSet }: WebConfigContext) =>
  z.strictObject({
    tls_server_config: unsetWhenNull(tlsSection(folder)),
    http_server_config: unsetWhenNull(
      z.strictObject({
        // For the sake of the format: the listener speaks HTTP/1.1, whatever this says.
        http2: unsetWhenNull(z.boolean()),
        headers: unsetWhenNull(headers),
      }),
    ),
    basic_auth_users: unsetWhenNull(
      users.refine(({ size }) => !tokenIsSet || size === 0, {
        message: 'METRICS_TOKEN is set, and both travel in the Authorization header: use one of them',
        when: ({ value }) => value instanceof Map,
      }),
    ),
  });

/**
 * Reads and checks the file and every file it names.
 * @throws WebConfigError
 */
export function readWebConfig(path: string, context: WebConfigContext): WebConfig {
  const { data, error } = webConfig(dirname(path), context).safeParse(parseYaml(readText(path)) ?? {});
  if (error !== undefined) throw new WebConfigError(error.issues.flatMap(presentIssue));
  const tls = data.tls_server_config;
  const given = Object.entries(data.http_server_config?.headers ?? {});
  return {
    tls,
    headers: Object.fromEntries(given.filter(([, value]) => value !== '')),
    users: data.basic_auth_users ?? new Map(),
    files: [path, ...(tls?.files ?? [])],
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new WebConfigError([`cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/** As YAML 1.1 has it, and Go with it. */
const yamlBoolean: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:y|n|yes|no|on|off|true|false)$/i,
  resolve: (text) => /^(?:y|yes|on|true)$/i.test(text),
};

/** Only null and booleans have a type of their own: `X-XSS-Protection: 0` is a text, as the format wants it. */
function parseYaml(text: string): unknown {
  const document = parseDocument(text, {
    schema: 'failsafe',
    customTags: ['null', yamlBoolean],
    stringKeys: true,
    merge: true,
  });
  const [error] = document.errors;
  if (error !== undefined) {
    // Its message quotes the line, and that may hold a hash.
    const [{ line, col } = { line: 1, col: 1 }] = error.linePos ?? [];
    throw new WebConfigError([`is not valid YAML at line ${line}, column ${col} (${error.code})`]);
  }
  try {
    return document.toJS();
  } catch {
    throw new WebConfigError(['is not valid YAML: an alias (*name) has no anchor (&name) before it']);
  }
}

function presentIssue(issue: z.core.$ZodIssue): string[] {
  const at = (path: readonly PropertyKey[]): string => path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => `${at([...issue.path, key])}: there is no such field`);
  return [issue.path.length === 0 ? `the file: ${issue.message}` : `${at(issue.path)}: ${issue.message}`];
}
