import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestOptions } from 'node:https';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCertificate } from '../../test/support/certificates.ts';
import { getOverTls, type TlsAnswer } from '../../test/support/tls-request.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { checkHealth } from '../health-check.ts';
import { clientAuthTypes } from './client-certificate.ts';
import { listen } from './server.ts';
import { openWebConfigFile, type WebConfigFile } from './web-config-file.ts';

const hash = '$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze';
const pair = 'cert_file: server.crt, key_file: server.key';

let certificates: string;
let folder: string;
let file: string;
const releases: (() => Promise<void> | void)[] = [];
const logged: string[] = [];
const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) });

beforeAll(async () => {
  certificates = await mkdtemp(join(tmpdir(), 'certificates-'));
  const authority = createCertificate(certificates, 'authority');
  for (const name of ['server', 'next']) createCertificate(certificates, name, { names: 'IP:127.0.0.1', signedBy: authority });
  createCertificate(certificates, 'prometheus', { names: 'DNS:prometheus.example,IP:192.0.2.7', signedBy: authority });
  createCertificate(certificates, 'nameless', { signedBy: authority });
  createCertificate(certificates, 'stranger', { names: 'DNS:prometheus.example' });
});
afterAll(() => rm(certificates, { recursive: true }));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'web-config-'));
  await cp(certificates, folder, { recursive: true });
  file = join(folder, 'web.yml');
  logged.length = 0;
});
afterEach(async () => {
  for (const release of releases.splice(0).toReversed()) await release();
  await rm(folder, { recursive: true });
});

/** A listener that answers with the users it knows. */
async function open(text: string): Promise<{ port: number; web: WebConfigFile; get: (options?: RequestOptions) => Promise<TlsAnswer> }> {
  await writeFile(file, text);
  const web = await openWebConfigFile(file, { tokenIsSet: false, log });
  const { port, close } = await listen((_request, response) => void response.end([...web.current().users.keys()].join()), {
    port: 0,
    host: '127.0.0.1',
    tls: web.tls,
  });
  releases.push(web.stop, close);
  const ca = readFileSync(join(folder, 'authority.crt'));
  return { port, web, get: (options = {}) => getOverTls(`https://127.0.0.1:${port}/`, { ca, ...options }) };
}

const identity = (name: string): RequestOptions => ({
  cert: readFileSync(join(certificates, `${name}.crt`)),
  key: readFileSync(join(certificates, `${name}.key`)),
});

const within = { within: 20_000 };

/** Replaces a file as a deployment does: at once. */
async function replace(name: string, content: string | Buffer): Promise<void> {
  await writeFile(join(folder, 'new'), content);
  await rename(join(folder, 'new'), join(folder, name));
}

describe('a listener with TLS', () => {
  test('speaks TLS 1.2 and 1.3 and nothing older', async () => {
    const { get } = await open(`tls_server_config: {${pair}}`);
    expect((await get()).cipher.version).toBe('TLSv1.3');
    expect((await get({ maxVersion: 'TLSv1.2' })).cipher.version).toBe('TLSv1.2');
    // Security level 0, or the client would not even try.
    await expect(get({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow(/alert/i);
  });

  test('shuts the door to plain HTTP, and goes on', async () => {
    const { port, get } = await open(`tls_server_config: {${pair}}`);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket
        .on('data', (data) => (text += data.toString('latin1')))
        .on('error', reject)
        .on('close', () => resolve(text));
    });
    expect(answer).not.toContain('HTTP');
    expect((await get()).status).toBe(200);
  });

  test('gives up on who connects and says nothing', async () => {
    await writeFile(file, `tls_server_config: {${pair}}`);
    const { tls, stop } = await openWebConfigFile(file, { tokenIsSet: false, log });
    const impatient = tls && { ...tls, options: { ...tls.options, handshakeTimeout: 100 } };
    const { port, close } = await listen(() => undefined, { port: 0, host: '127.0.0.1', tls: impatient });
    releases.push(stop, close);
    const socket = connect(port, '127.0.0.1');
    let isClosed = false;
    socket
      .on('error', () => undefined)
      .on('close', () => (isClosed = true))
      .resume();
    releases.push(() => void socket.destroy());
    await waitUntil(() => isClosed, { within: 5000, what: 'the listener to hang up' });
  });

  const clients = ['nobody', 'prometheus', 'nameless', 'stranger'];
  const allowed: Record<(typeof clientAuthTypes)[number], string[]> = {
    NoClientCert: clients,
    RequestClientCert: clients,
    RequireAnyClientCert: ['prometheus', 'nameless', 'stranger'],
    VerifyClientCertIfGiven: ['nobody', 'prometheus', 'nameless'],
    RequireAndVerifyClientCert: ['prometheus', 'nameless'],
  };

  async function whoMay(fields: string, options: RequestOptions = {}): Promise<string[]> {
    const { get } = await open(`tls_server_config: {${pair}, ${fields}}`);
    const answers = clients.map(async (name) => {
      const answered = await get({ ...options, ...(name === 'nobody' ? {} : identity(name)) }).then(
        ({ status }) => status === 200,
        () => false,
      );
      return answered ? [name] : [];
    });
    return (await Promise.all(answers)).flat();
  }

  test.each(clientAuthTypes.flatMap((type) => [[type, 'TLSv1.2'] as const, [type, 'TLSv1.3'] as const]))(
    'that asks for %s lets in whom it should, in %s',
    async (type, version) => {
      const ca = type === 'NoClientCert' ? '' : ', client_ca_file: authority.crt';
      expect(await whoMay(`client_auth_type: ${type}${ca}`, { maxVersion: version })).toEqual(allowed[type]);
    },
  );

  test.each(clientAuthTypes)('that asks for %s passes the health check of its container, which has no certificate', async (type) => {
    const ca = type === 'NoClientCert' ? '' : ', client_ca_file: authority.crt';
    const { port } = await open(`tls_server_config: {${pair}, client_auth_type: ${type}${ca}}`);
    expect(await checkHealth({ host: '127.0.0.1', port, tls: true })).toBeUndefined();
  });

  test.each([
    ['RequireAndVerifyClientCert', 'prometheus.example', ['prometheus']],
    ['RequireAndVerifyClientCert', '192.0.2.7', ['prometheus']],
    ['RequireAndVerifyClientCert', 'Prometheus.example', []],
    ['RequireAndVerifyClientCert', 'example', []],
    ['RequireAnyClientCert', 'prometheus.example', ['prometheus', 'stranger']],
  ])('that asks for %s with the name %s lets in %s', async (type, name, who) => {
    expect(
      await whoMay(`client_auth_type: ${type}, client_ca_file: authority.crt, client_allowed_sans: [nobody.example, "${name}"]`),
    ).toEqual(who);
  });
});

describe('a web configuration that changes', () => {
  test('shows the new certificate to new connections, also when its files come one after the other', async () => {
    const { get } = await open(`tls_server_config: {${pair}}`);
    const before = (await get()).serialNumber;
    await replace('server.crt', readFileSync(join(certificates, 'next.crt')));
    await waitUntil(() => logged.some((line) => line.includes('key_file: is not the key of cert_file')), within);
    expect((await get()).serialNumber).toBe(before);
    await replace('server.key', readFileSync(join(certificates, 'next.key')));
    await waitUntil(async () => (await get()).serialNumber !== before, within);
  });

  test('lets new users in and others out', async () => {
    const { get } = await open(`tls_server_config: {${pair}}\nbasic_auth_users: {alice: ${hash}}`);
    expect((await get()).text).toBe('alice');
    await replace('web.yml', `tls_server_config: {${pair}}\nbasic_auth_users: {bob: ${hash}}`);
    await waitUntil(async () => (await get()).text === 'bob', within);
    expect(logged.join()).not.toMatch(/mDwo|UprsJPze/);
  });

  test('stops trusting an authority that is not in it any more', async () => {
    const { get } = await open(`tls_server_config: {${pair}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.crt}`);
    expect((await get(identity('prometheus'))).status).toBe(200);
    await replace('web.yml', `tls_server_config: {${pair}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: stranger.crt}`);
    await waitUntil(async () => (await get(identity('stranger'))).status === 200, within);
    await expect(get(identity('prometheus'))).rejects.toThrow(/alert|hang up|ECONNRESET/);
  });

  test('to something broken stays as it was, says so once, and takes the repaired one, even if only a missing file came', async () => {
    const { get } = await open(`tls_server_config: {${pair}}\nbasic_auth_users: {alice: ${hash}}`);
    await replace('web.yml', `tls_server_config: {cert_file: late.crt, key_file: next.key}\nbasic_auth_users: {bob: ${hash}}`);
    const errors = (): string[] => logged.filter((line) => line.includes('"level":50'));
    await waitUntil(() => errors().length > 0, within);
    expect(errors()[0]).toContain('late.crt');
    expect((await get()).text).toBe('alice');
    await cp(join(certificates, 'next.crt'), join(folder, 'late.crt'));
    await waitUntil(async () => (await get()).text === 'bob', within);
    expect(errors()).toHaveLength(1);
  });

  test.each([
    ['TLS', 'basic_auth_users: {}', 'tls_server_config: to switch TLS on or off, restart the process'],
    [
      'what is asked of clients',
      `tls_server_config: {${pair}, client_auth_type: RequestClientCert}`,
      'client_auth_type: to change it, restart the process',
    ],
  ])('in %s needs a restart, and says so', async (_case, text, message) => {
    const { get } = await open(`tls_server_config: {${pair}}`);
    await replace('web.yml', text);
    await waitUntil(() => logged.some((line) => line.includes(message)), within);
    expect((await get()).status).toBe(200);
  });
});
