import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cipherSuites, curves } from '../../platform/http/tls-settings.ts';
import { readWebConfig, WebConfigError } from '../../platform/http/web-config.ts';
import { createCertificate } from '../support/certificates.ts';
import { requireTool } from '../support/tools.ts';

/** The web configuration file is the one that every exporter has: `promtool check web-config` and we say the same of it. */

const rest = 'mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze';
const hash = `$2y$10$${rest}`;
const pair = 'cert_file: server.crt, key_file: server.key';
const tls = (fields: string): string => `tls_server_config: {${pair}${fields === '' ? '' : `, ${fields}`}}`;
const headers = (fields: string): string => `http_server_config: {headers: {${fields}}}`;
const users = (fields: string): string => `basic_auth_users: {${fields}}`;
const clients = 'client_ca_file: other.crt';

const accepted = [
  '',
  '# nothing',
  'tls_server_config:',
  'tls_server_config: {}',
  tls(''),
  'tls_server_config: {cert_file: combined.pem, key_file: combined.pem}',
  'tls_server_config: {cert_file: ./server.crt, key_file: nested/../server.key}',
  ...['TLS12', 'TLS13'].flatMap((version) => [tls(`min_version: ${version}`), tls(`max_version: ${version}`)]),
  ...Object.keys(cipherSuites).map((suite) => tls(`cipher_suites: [${suite}]`)),
  tls('cipher_suites: []'),
  tls('cipher_suites: '),
  ...Object.keys(curves).map((curve) => tls(`curve_preferences: [${curve}]`)),
  ...['true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n', 'True'].map((value) => tls(`prefer_server_cipher_suites: ${value}`)),
  ...['NoClientCert', 'RequestClientCert', 'RequireAnyClientCert', 'RequireClientCert', '""'].map((type) =>
    tls(`client_auth_type: ${type}`),
  ),
  ...['RequestClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'RequireAndVerifyClientCert'].map((type) =>
    tls(`client_auth_type: ${type}, ${clients}`),
  ),
  'http_server_config: {http2: false}',
  'http_server_config: {http2: true}',
  'http_server_config: {headers: }',
  ...['deny', 'sameorigin'].map((value) => headers(`X-Frame-Options: ${value}`)),
  headers('X-Content-Type-Options: nosniff'),
  headers('X-XSS-Protection: 0'),
  headers('X-XSS-Protection: "1; mode=block"'),
  headers('X-XSS-Protection: '),
  headers('Strict-Transport-Security: max-age=31536000'),
  headers(`Content-Security-Policy: "default-src 'none'"`),
  'basic_auth_users:',
  users(''),
  ...['2a', '2b', '2y'].map((prefix) => users(`alice: $${prefix}$10$${rest}`)),
  users(`alice: $2y$04$${rest}, bob: $2y$31$${rest}`),
  users(`123: ${hash}, yes: ${hash}, "": ${hash}, __proto__: ${hash}`),
  `basic_auth_users:\n  alice: &same ${hash}\n  bob: *same`,
];

const refused = [
  'text',
  '[]',
  'x: [',
  'nope: 1',
  '__proto__: {a: 1}',
  tls('__proto__: x'),
  headers('__proto__: x'),
  'rate_limit: {interval: 1s, burst: 20}',
  'tls_server_config: ""',
  'tls_server_config: {cert_file: server.crt}',
  'tls_server_config: {key_file: server.key}',
  'tls_server_config: {cert_file: server.crt, key_file: ""}',
  'tls_server_config: {client_auth_type: NoClientCert}',
  'tls_server_config: {cert_file: missing.crt, key_file: server.key}',
  'tls_server_config: {cert_file: server.crt, key_file: other.key}',
  'tls_server_config: {cert_file: junk.pem, key_file: server.key}',
  'tls_server_config: {cert_file: server.crt, key_file: junk.pem}',
  tls('cert_file: server.crt'),
  tls('nope: x'),
  tls('cert: x'),
  ...['TLS14', 'tls12', 'TLSv1.2', '12', '""'].map((version) => tls(`min_version: ${version}`)),
  ...['TLS_RSA_WITH_RC4_128_SHA', 'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'NOPE'].map((suite) =>
    tls(`cipher_suites: [${suite}]`),
  ),
  tls('cipher_suites: TLS_AES_128_GCM_SHA256'),
  ...['X448', 'P-256'].map((curve) => tls(`curve_preferences: [${curve}]`)),
  ...['"true"', '1', 'maybe'].map((value) => tls(`prefer_server_cipher_suites: ${value}`)),
  tls(clients),
  tls(`client_auth_type: NoClientCert, ${clients}`),
  tls('client_auth_type: requireAndVerifyClientCert'),
  tls('client_auth_type: RequireAndVerifyClientCert, client_ca_file: missing.crt'),
  'http_server_config: {http2: maybe}',
  'http_server_config: {nope: 1}',
  ...['DENY', '""', ''].map((value) => headers(`X-Frame-Options: ${value}`)),
  ...['sniff', '""', ''].map((value) => headers(`X-Content-Type-Options: ${value}`)),
  headers('x-frame-options: deny'),
  headers('Server: x'),
  headers('Content-Security-Policy: [a]'),
  'basic_auth_users: [alice]',
  ...['secret', '', '""', `$3a$10$${rest}`, `$2y$03$${rest}`, `$2y$32$${rest}`, `$2y$5$${rest}`].map((value) => users(`alice: ${value}`)),
  users(`alice: ${hash}, alice: ${hash}`),
];

/** Where we differ from promtool 2.42, and why. */
const promtoolAlone: [text: string, reason: string][] = [
  ['tls_server_config: {min_version: TLS13}', 'it would serve plain HTTP, and nobody who wrote this wants that'],
  [tls('min_version: TLS10'), 'TLS 1.0 and 1.1 are obsolete, and OpenSSL 3 does not negotiate them'],
  [tls('max_version: TLS11'), 'as above'],
  [tls('min_version: TLS13, max_version: TLS12'), 'no client could connect'],
  [tls('cipher_suites: [~]'), 'a suite without a name'],
  [tls('client_auth_type: RequireAndVerifyClientCert'), 'every certificate of a public authority would do'],
  [tls('client_auth_type: VerifyClientCertIfGiven'), 'as above'],
  [
    tls('client_auth_type: RequireAndVerifyClientCert, client_ca_file: junk.pem'),
    'no authority is in the file, so no client could connect',
  ],
  [headers('Content-Security-Policy: "a\\nb"'), 'no header can hold a line break'],
  ...['2x', '2z', '1y'].map((prefix): [string, string] => [users(`alice: $${prefix}$10$${rest}`), 'no such bcrypt: never right']),
  [users(`alice: $2$10$${rest}`), 'bcrypt before 2a: nothing writes it any more'],
  [users(`alice: ${hash}xx`), 'too long to be a hash: never right'],
  [users(`alice: ${hash.slice(0, -1)}`), 'too short to be a hash: never right'],
  [users(`alice: ${hash.slice(0, -2)}!!`), 'no hash has these characters: never right'],
  [`${users(`alice: ${hash}`)}\n---\nnope: 1`, 'a second document would be ignored'],
];
const oursAlone: [text: string, reason: string][] = [
  [tls(`client_auth_type: RequireAndVerifyClientCert, ${clients}, client_allowed_sans: [prometheus.example]`), 'newer than 2.42'],
  [tls(`client_auth_type: RequireAnyClientCert, client_allowed_sans: [prometheus.example]`), 'newer than 2.42'],
];

let folder: string;
/** Those that promtool accepts. */
const accepting = new Set<string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'web-config-'));
  const server = createCertificate(folder, 'server', { names: 'IP:127.0.0.1' });
  createCertificate(folder, 'other');
  await writeFile(join(folder, 'combined.pem'), (await readFile(server.certificate, 'utf8')) + (await readFile(server.key, 'utf8')));
  await writeFile(join(folder, 'junk.pem'), 'junk\n');
  const all = [...accepted, ...refused, ...promtoolAlone.map(([text]) => text), ...oursAlone.map(([text]) => text)];
  const files = await Promise.all(all.map(async (text, index) => [await write(text, `${index}.yml`), text] as const));
  const { stderr } = spawnSync(requireTool('promtool'), ['check', 'web-config', ...files.map(([file]) => file)], { encoding: 'utf8' });
  for (const [file, text] of files) if (stderr.includes(`${file} SUCCESS`)) accepting.add(text);
});
afterAll(() => rm(folder, { recursive: true }));

async function write(text: string, name = 'web.yml'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

/** What is wrong with it in our eyes. */
async function problemsOf(text: string): Promise<readonly string[]> {
  try {
    readWebConfig(await write(text), { tokenIsSet: false });
    return [];
  } catch (error) {
    if (error instanceof WebConfigError) return error.problems;
    throw error;
  }
}

describe('docs/metrics-listener.md', () => {
  test('shows a web configuration and a scrape configuration that promtool accepts, and we the first', async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/metrics-listener.md'), 'utf8');
    const [web = '', scrape = '', ...others] = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, block]) => block);
    expect(others).toEqual([]);
    createCertificate(folder, 'exporter', { names: 'DNS:exporter.example' });
    await mkdir(join(folder, 'secrets'));
    await writeFile(join(folder, 'secrets/exporter-password'), 'secret');
    expect(await problemsOf(web)).toEqual([]);
    const check = (kind: string, file: string): { status: number | null; stderr: string } =>
      spawnSync(requireTool('promtool'), ['check', kind, file], { encoding: 'utf8' });
    expect(check('web-config', await write(web))).toMatchObject({ status: 0 });
    expect(check('config', await write(scrape))).toMatchObject({ status: 0 });
  });
});

describe('a web configuration', () => {
  test.each(accepted)('that promtool accepts is accepted: %s', async (text) => {
    expect(await problemsOf(text)).toEqual([]);
    expect(accepting.has(text)).toBe(true);
  });

  test.each(refused)('that promtool refuses is refused: %s', async (text) => {
    expect(await problemsOf(text)).not.toEqual([]);
    expect(accepting.has(text)).toBe(false);
  });

  test.each(promtoolAlone)('%s is refused, although promtool accepts it: %s', async (text) => {
    expect(await problemsOf(text)).not.toEqual([]);
    expect(accepting.has(text)).toBe(true);
  });

  test.each(oursAlone)('%s is accepted, although promtool 2.42 refuses it: %s', async (text) => {
    expect(await problemsOf(text)).toEqual([]);
    expect(accepting.has(text)).toBe(false);
  });
});
