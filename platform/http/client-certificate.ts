import ipaddr from 'ipaddr.js';
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** What is asked of a client, in the words of Go's crypto/tls, which the web configuration uses. */
export const clientAuthTypes = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuthType = (typeof clientAuthTypes)[number];

export interface ClientPolicy {
  clientAuthType: ClientAuthType;
  /** Names of which the certificate must carry one, as they stand in it. */
  allowedSans: readonly string[] | undefined;
}

export const verifiesCertificate = (type: ClientAuthType): boolean =>
  type === 'VerifyClientCertIfGiven' || type === 'RequireAndVerifyClientCert';

export const requiresCertificate = (type: ClientAuthType): boolean =>
  type === 'RequireAnyClientCert' || type === 'RequireAndVerifyClientCert';

/** Whether a client whose handshake is done may go on. */
export function isClientAllowed(socket: TLSSocket, { clientAuthType, allowedSans }: ClientPolicy): boolean {
  if (clientAuthType === 'NoClientCert') return true;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return !requiresCertificate(clientAuthType);
  if (verifiesCertificate(clientAuthType) && !socket.authorized) return false;
  if (allowedSans === undefined) return true;
  const names = alternativeNames(certificate);
  return allowedSans.some((allowed) => names.has(canonicalName(allowed)));
}

/** One entry of Node's text: what has a comma or a quote in it is written as a JSON string. */
const entry = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/y;
const comparedKinds = new Set(['DNS', 'IP Address', 'email', 'URI']);

/** The names in the certificate's extension; none at all when there is anything in it that is not understood. */
export function alternativeNames({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): ReadonlySet<string> {
  const names = new Set<string>();
  const text = subjectAltName ?? '';
  for (entry.lastIndex = 0; entry.lastIndex < text.length;) {
    const [, kind, name] = entry.exec(text) ?? [];
    if (kind === undefined || name === undefined) return new Set();
    if (comparedKinds.has(kind)) names.add(canonicalName(name.startsWith('"') ? (JSON.parse(name) as string) : name));
  }
  return names;
}

/** An address may be written in more than one way. */
function canonicalName(name: string): string {
  return ipaddr.isValid(name) ? ipaddr.parse(name).toString() : name;
}
