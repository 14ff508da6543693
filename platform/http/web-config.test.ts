import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificate } from '../../test/support/certificates.ts';
import { getOverTls } from '../../test/support/tls-request.ts';
import { listen } from './server.ts';
import { cipherSuites, curves } from './tls-settings.ts';
import { readWebConfig, WebConfigError, type WebConfig } from './web-config.ts';

const hash = '$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'web-config-'));
  createCertificate(folder, 'server', { names: 'IP:127.0.0.1' });
  createCertificate(folder, 'rsa', { names: 'IP:127.0.0.1', algorithm: 'rsa' });
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string, tokenIsSet = false): Promise<WebConfig> {
  const file = join(folder, 'web.yml');
  await writeFile(file, text);
  return readWebConfig(file, { tokenIsSet });
}

async function problemsOf(text: string, tokenIsSet = false): Promise<readonly string[]> {
  const error = await read(text, tokenIsSet).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof WebConfigError) return error.problems;
  throw new Error('it was accepted', { cause: error });
}

describe('a web configuration', () => {
  test('that says nothing is plain HTTP for everyone', async () => {
    expect(await read('')).toEqual({ tls: undefined, headers: {}, users: new Map(), files: [join(folder, 'web.yml')] });
  });

  test('is TLS 1.2 and newer, and finds its files beside itself', async () => {
    const { tls, files } = await read('tls_server_config: {cert_file: server.crt, key_file: ./server.key}');
    expect(files).toEqual(['web.yml', 'server.crt', 'server.key'].map((name) => join(folder, name)));
    expect(tls).toMatchObject({
      clientAuthType: 'NoClientCert',
      context: {
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.3',
        honorCipherOrder: true,
        cert: await readFile(join(folder, 'server.crt'), 'utf8'),
      },
    });
  });

  test('keeps headers as they are written and leaves out empty ones', async () => {
    const { headers } = await read('http_server_config: {headers: {X-XSS-Protection: 0, Content-Security-Policy: }}');
    expect(headers).toEqual({ 'X-XSS-Protection': '0' });
  });

  test('has users of any name', async () => {
    const { users } = await read(`basic_auth_users: {__proto__: ${hash}, yes: ${hash}, 7: ${hash}}`);
    expect([...users.keys()].toSorted()).toEqual(['7', '__proto__', 'yes']);
  });

  test('with mistakes names every field at fault at once, each with the fix', async () => {
    const problems = await problemsOf(`
tls_server_config:
  cert_file: missing.crt
  min_version: TLS11
  client_ca_file: server.key
  cipher_suites: [TLS_AES_128_GCM_SHA256, RC4]
  passphrase: secret
http_server_config:
  http2: maybe
  headers: {X-Frame-Options: DENY, Server: x}
basic_auth_users: {alice: ${hash}, bob: plain text}
rate_limit: {burst: 1}
`);
    expect(problems.toSorted()).toEqual([
      expect.stringMatching(/^basic_auth_users\.bob: is not a bcrypt hash: make one with htpasswd/),
      'http_server_config.headers.Server: there is no such field',
      expect.stringMatching(/^http_server_config\.headers\.X-Frame-Options: .*"deny"\|"sameorigin"/),
      expect.stringMatching(/^http_server_config\.http2: .*boolean/),
      'rate_limit: there is no such field',
      expect.stringMatching(/^tls_server_config\.cert_file: cannot read it: ENOENT/),
      expect.stringMatching(/^tls_server_config\.cipher_suites\.1: /),
      expect.stringMatching(/^tls_server_config\.client_auth_type: not set: .*RequireAndVerifyClientCert/),
      `tls_server_config.client_ca_file: ${join(folder, 'server.key')} holds no certificate in PEM that can be used`,
      'tls_server_config.key_file: not set: name the private key of cert_file',
      expect.stringMatching(/^tls_server_config\.min_version: .*"TLS12"\|"TLS13"/),
      'tls_server_config.passphrase: there is no such field',
    ]);
  });

  test.each([
    ['{cert_file: server.crt, key_file: rsa.key}', 'tls_server_config.key_file: is not the key of cert_file'],
    [
      '{min_version: TLS13}',
      'tls_server_config.cert_file: not set: without it nothing would be encrypted; name the certificate, or leave the section out',
    ],
    ['[]', 'tls_server_config: Invalid input: expected object, received array'],
  ])('whose section of TLS is %s is refused', async (section, problem) => {
    expect(await problemsOf(`tls_server_config: ${section}`)).toContain(problem);
  });

  test.each([
    [
      'two users of one name',
      `basic_auth_users:\n  alice: ${hash}\n  alice: ${hash}`,
      /^is not valid YAML at line 3, column 3 \(DUPLICATE_KEY\)$/,
    ],
    ['a quote that is never closed', `basic_auth_users:\n  alice: "${hash}`, /^is not valid YAML at line 2, column \d+ \(MISSING_CHAR\)$/],
    ['an unknown alias', `basic_auth_users:\n  alice: *${hash.slice(-9)}`, /has no anchor/],
    ['a plain text', `basic_auth_users:\n  alice: hunter2`, /is not a bcrypt hash/],
    ['a cost beyond patience', `basic_auth_users:\n  alice: ${hash.replace('$10$', '$99$')}`, /is not a bcrypt hash/],
  ])('with %s is refused without a word of its secrets', async (_case, text, problem) => {
    const problems = await problemsOf(text);
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems.join()).not.toMatch(/mDwo|hunter2|UprsJPze/);
  });

  test('with users is refused beside METRICS_TOKEN: both need the Authorization header', async () => {
    expect(await problemsOf(`basic_auth_users: {alice: ${hash}}`, true)).toEqual([
      'basic_auth_users: METRICS_TOKEN is set, and both travel in the Authorization header: use one of them',
    ]);
    expect((await read('tls_server_config: {cert_file: server.crt, key_file: server.key}\nbasic_auth_users: {}', true)).tls).toBeDefined();
  });

  test('that cannot be read is refused', () => {
    expect(() => readWebConfig(join(folder, 'nowhere.yml'), { tokenIsSet: false })).toThrow(/^cannot be read: ENOENT/);
  });
});

describe('names of the format', () => {
  /** What a client gets that offers everything. */
  async function negotiated(fields: string, key: string, options: object = {}): Promise<{ suite: string; group: string }> {
    const { tls } = await read(`tls_server_config: {cert_file: ${key}.crt, key_file: ${key}.key, ${fields}}`);
    const { port, close } = await listen((_request, response) => void response.end(), {
      port: 0,
      host: '127.0.0.1',
      tls: { options: { ...tls?.context }, attach: () => undefined },
    });
    try {
      const { cipher, group } = await getOverTls(`https://127.0.0.1:${port}/`, {
        rejectUnauthorized: false,
        ciphers: 'ALL:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
        ...options,
      });
      return { suite: cipher.standardName, group };
    } finally {
      await close();
    }
  }

  test.each(Object.keys(cipherSuites))('%s is that suite', async (suite) => {
    const key = suite.includes('_RSA_') ? 'rsa' : 'server';
    // Those of TLS 1.3 are not chosen by what is listed for 1.2.
    const version = suite.includes('_WITH_') ? 'TLS12' : 'TLS13';
    expect((await negotiated(`cipher_suites: [${suite}], max_version: ${version}`, key)).suite).toBe(suite);
  });

  test('suites of one version leave the other one as it is, or alone', async () => {
    const bothOffered = await negotiated('cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]', 'server');
    expect(bothOffered.suite).toBe('TLS_AES_256_GCM_SHA384');
    const olderOnly = negotiated('cipher_suites: [TLS_AES_128_GCM_SHA256]', 'server', { maxVersion: 'TLSv1.2' });
    await expect(olderOnly).rejects.toThrow(/alert protocol version/);
  });

  test.each(Object.entries(curves))('%s is the curve %s', async (curve, name) => {
    const { group } = await negotiated(`curve_preferences: [${curve}]`, 'server', { ecdhCurve: 'X25519:P-256:P-384:P-521' });
    expect({ 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1', X25519: 'X25519' }[name]).toBe(group);
  });
});
