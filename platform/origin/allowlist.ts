import { domainToASCII } from 'node:url';

/**
 * Which web origins may load a widget. Entries are host names, `*.` before a host name for the host and all below it, with an optional
 * port; everything else is ignored, so that a typing error closes rather than opens. Source: contracts/widget-health.md, Matching.
 */
export interface Allowlist {
  allows(origin: WebOrigin): boolean;
}

/** Scheme, host and port that a browser reported; the host in lower case and punycode without a trailing dot. */
export interface WebOrigin {
  host: string;
  port: number;
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** The origin in an Origin or Referer header; undefined for `null`, other schemes and garbage. */
export function parseWebOrigin(header: string): WebOrigin | undefined {
  if (!URL.canParse(header)) return undefined;
  const url = new URL(header);
  const defaultPort = defaultPorts[url.protocol];
  if (defaultPort === undefined || url.hostname === '') return undefined;
  return { host: withoutTrailingDot(url.hostname), port: url.port === '' ? defaultPort : Number(url.port) };
}

/** localhost, 127.0.0.0/8 or ::1, on any port. */
export function isLocalhost({ host }: WebOrigin): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

interface Entry {
  host: string;
  withSubdomains: boolean;
  port: number | undefined;
}

export function compileAllowlist(texts: readonly string[]): Allowlist {
  const entries = texts.map(parseEntry).filter((entry) => entry !== undefined);
  return { allows: (origin) => entries.some((entry) => matches(entry, origin)) };
}

/** Whether an entry can ever match; for whoever writes one, since matching ignores it silently. */
export function isAllowlistEntry(text: string): boolean {
  return parseEntry(text) !== undefined;
}

const entryFormat = /^(\*\.)?([^*:/\s@?#\\]+)(?::(\d{1,5}))?$/;
const hostFormat = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

function parseEntry(text: string): Entry | undefined {
  const [matched, wildcard, name, port] = entryFormat.exec(text.trim()) ?? [];
  if (matched === undefined || name === undefined) return undefined;
  const host = withoutTrailingDot(domainToASCII(name));
  if (!hostFormat.test(host) || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535) return undefined;
  return { host, withSubdomains: wildcard !== undefined, port: port === undefined ? undefined : Number(port) };
}

function matches(entry: Entry, { host, port }: WebOrigin): boolean {
  if (entry.port !== undefined && entry.port !== port) return false;
  return host === entry.host || (entry.withSubdomains && host.endsWith(`.${entry.host}`));
}

function withoutTrailingDot(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}
