import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { z } from 'zod';
import { clientAuthTypes, requiresCertificate, verifiesCertificate, type ClientPolicy } from './client-certificate.ts';

/** The section `tls_server_config` of a web configuration, ready for Node. */
export interface TlsSettings extends ClientPolicy {
  context: SecureContextOptions;
  /** The files it was read from. */
  files: readonly string[];
}

/** IANA's names, which the format uses, and OpenSSL's. The order of a listener without `cipher_suites` is Node's. */
export const cipherSuites = {
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
} as const;

export const curves = { CurveP256: 'P-256', CurveP384: 'P-384', CurveP521: 'P-521', X25519: 'X25519' } as const;

/** Not TLS 1.0 and 1.1: RFC 8996 ended them, and OpenSSL 3 does not negotiate them as it is usually set up. */
const versions = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

const keysOf = <Name extends string>(table: Readonly<Record<Name, string>>): Name[] => Object.keys(table) as Name[];

/** A field of which only the name is written is as good as one that is left out. */
export const unsetWhenNull = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => value ?? undefined, schema.optional());

interface PemFile {
  path: string;
  text: string;
}

/** A file by its name, relative to `folder`; `check` throws when it does not hold what it should. */
const pemFile = (folder: string, what: string, check: (text: string) => unknown) =>
  unsetWhenNull(
    z.string().transform((name, context): PemFile | undefined => {
      if (name === '') return undefined;
      const path = resolve(folder, name);
      try {
        const text = readFileSync(path, 'utf8');
        check(text);
        return { path, text };
      } catch (error) {
        const isUnreadable = error instanceof Error && 'syscall' in error;
        const message = isUnreadable ? `cannot read it: ${error.message}` : `${path} holds no ${what} in PEM that can be used`;
        context.issues.push({ code: 'custom', message, input: name });
        return z.NEVER;
      }
    }),
  );

function checkCertificates(text: string): void {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  if (blocks === null) throw new Error('no certificate');
  for (const block of blocks) void new X509Certificate(block);
}

const version = unsetWhenNull(z.enum(keysOf(versions)));
const clientAuthType = unsetWhenNull(
  z.enum(['', 'RequireClientCert', ...clientAuthTypes]).transform((type) => {
    if (type === '') return undefined;
    // An old name that exporters still take.
    return type === 'RequireClientCert' ? 'RequireAnyClientCert' : type;
  }),
);

const fields = (folder: string) =>
  z.strictObject({
    cert_file: pemFile(folder, 'certificate', checkCertificates),
    key_file: pemFile(folder, 'private key without a passphrase', createPrivateKey),
    client_ca_file: pemFile(folder, 'certificate', checkCertificates),
    client_auth_type: clientAuthType,
    client_allowed_sans: unsetWhenNull(z.array(z.string().min(1)).min(1, 'must name somebody, or be left out')),
    min_version: version,
    max_version: version,
    cipher_suites: unsetWhenNull(z.array(z.enum(keysOf(cipherSuites)))),
    prefer_server_cipher_suites: unsetWhenNull(z.boolean()),
    curve_preferences: unsetWhenNull(z.array(z.enum(keysOf(curves)))),
  });
type Fields = z.output<ReturnType<typeof fields>>;

/** What must be true of several fields together. */
const rules: readonly { path: keyof Fields; isKept: (section: Fields) => boolean; message: string }[] = [
  {
    path: 'cert_file',
    isKept: (section) => section.cert_file !== undefined || isEmpty(section),
    message: 'not set: without it nothing would be encrypted; name the certificate, or leave the section out',
  },
  {
    path: 'key_file',
    isKept: (section) => section.key_file !== undefined || isEmpty(section),
    message: 'not set: name the private key of cert_file',
  },
  {
    path: 'client_auth_type',
    isKept: ({ client_ca_file: ca, client_auth_type: type = 'NoClientCert' }) => ca === undefined || type !== 'NoClientCert',
    message: 'not set: client_ca_file says whom to trust, but nobody is asked for a certificate; set RequireAndVerifyClientCert',
  },
  {
    path: 'client_ca_file',
    isKept: ({ client_ca_file: ca, client_auth_type: type = 'NoClientCert' }) => ca !== undefined || !verifiesCertificate(type),
    message: 'not set: without it every certificate of a public authority would do; name the authority of your clients',
  },
  {
    path: 'client_allowed_sans',
    isKept: ({ client_allowed_sans: sans, client_auth_type: type = 'NoClientCert' }) => sans === undefined || requiresCertificate(type),
    message: 'needs certificates that carry names: set client_auth_type to RequireAndVerifyClientCert',
  },
  {
    path: 'max_version',
    isKept: ({ min_version: min, max_version: max }) => min !== 'TLS13' || max !== 'TLS12',
    message: 'is below min_version: no client could connect',
  },
];

/** Reads and checks the section and the files it names; relative names are relative to `folder`. An empty section is undefined. */
export const tlsSection = (folder: string) =>
  rules
    // Also when a field is wrong by itself: everything that is wrong is said at once.
    .reduce((section, { path, isKept, message }) => section.refine(isKept, { path: [path], message, when: isSection }), fields(folder))
    .transform((section, context): TlsSettings | undefined => {
      const { cert_file: cert, key_file: key } = section;
      if (cert === undefined || key === undefined) return undefined;
      const settings = settingsOf(section, cert, key);
      if (!new X509Certificate(cert.text).checkPrivateKey(createPrivateKey(key.text)))
        context.issues.push({ code: 'custom', path: ['key_file'], message: 'is not the key of cert_file', input: key.path });
      else checkContext(settings.context, (message) => context.issues.push({ code: 'custom', message, input: cert.path }));
      return settings;
    });

function settingsOf(section: Fields, cert: PemFile, key: PemFile): TlsSettings {
  const ca = section.client_ca_file;
  return {
    clientAuthType: section.client_auth_type ?? 'NoClientCert',
    allowedSans: section.client_allowed_sans,
    files: [cert, key, ca].flatMap((file) => file?.path ?? []),
    context: {
      cert: cert.text,
      key: key.text,
      minVersion: versions[section.min_version ?? 'TLS12'],
      maxVersion: versions[section.max_version ?? 'TLS13'],
      honorCipherOrder: section.prefer_server_cipher_suites ?? true,
      ...(ca === undefined ? {} : { ca: ca.text }),
      ...listed('ciphers', section.cipher_suites, cipherSuites),
      ...listed('ecdhCurve', section.curve_preferences, curves),
    },
  };
}

const isSection = ({ value }: { value: unknown }): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const isEmpty = (section: object): boolean => Object.values(section).every((value) => value === undefined);

/** An option of OpenSSL from names of the format; an empty list leaves it at its default. */
function listed<Option extends string, Name extends string>(
  option: Option,
  names: readonly Name[] | undefined,
  table: Readonly<Record<Name, string>>,
): Partial<Record<Option, string>> {
  if (names === undefined || names.length === 0) return {};
  return { [option]: names.map((name) => table[name]).join(':') } as Record<Option, string>;
}

/** What only OpenSSL knows: a key that is too short, a chain that is broken. */
function checkContext(options: SecureContextOptions, refuse: (message: string) => void): void {
  try {
    createSecureContext(options);
  } catch (error) {
    refuse(`OpenSSL refuses it: ${error instanceof Error ? error.message : String(error)}`);
  }
}
