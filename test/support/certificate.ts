import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A certificate that vouches for itself, and its key, both PEM, made by openssl. `names` as openssl writes them: `DNS:shop.example`. */
export async function selfSignedCertificate(names: readonly string[]): Promise<{ key: string; cert: string }> {
  const options = 'req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 -subj /CN=test -keyout - -out -'.split(' ');
  const { stdout } = await promisify(execFile)('openssl', [...options, '-addext', `subjectAltName=${names.join(',')}`]);
  const [key] = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n/.exec(stdout) ?? [];
  const [cert] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/.exec(stdout) ?? [];
  if (key === undefined || cert === undefined) throw new Error('openssl made no certificate: install openssl 1.1.1 or newer');
  return { key, cert };
}
