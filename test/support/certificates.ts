import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of two files in PEM. */
export interface Certificate {
  certificate: string;
  key: string;
}

export interface CertificateOptions {
  /** As openssl writes them, such as `DNS:localhost,IP:127.0.0.1`. */
  names?: string;
  /** Left out: it signs itself, and may sign others. */
  signedBy?: Certificate;
  /** `rsa` for cipher suites that elliptic curves cannot have. */
  algorithm?: 'ec' | 'rsa';
}

/** Makes `<name>.crt` and `<name>.key` in `folder` with openssl, valid for two days; replaces what had the name. */
export function createCertificate(folder: string, name: string, options: CertificateOptions = {}): Certificate {
  const { names, signedBy, algorithm = 'ec' } = options;
  const base = join(folder, name);
  const files = { certificate: `${base}.crt`, key: `${base}.key` };
  // The machine's own configuration would add extensions of its own.
  writeFileSync(`${base}.cnf`, '[req]\ndistinguished_name = dn\n[dn]\n');
  const args = [
    ['req', '-x509', '-nodes', '-days', '2', '-config', `${base}.cnf`, '-subj', `/CN=${name}`],
    algorithm === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'] : ['-newkey', 'rsa:2048'],
    ['-keyout', files.key, '-out', files.certificate],
    ['-addext', `basicConstraints=critical,CA:${signedBy === undefined ? 'TRUE' : 'FALSE'}`],
    names === undefined ? [] : ['-addext', `subjectAltName=${names}`],
    signedBy === undefined ? [] : ['-CA', signedBy.certificate, '-CAkey', signedBy.key],
  ];
  execFileSync('openssl', args.flat(), { stdio: ['ignore', 'ignore', 'pipe'] });
  return files;
}
