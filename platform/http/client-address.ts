import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * The caller's address: the socket's, or behind `trustedHops` proxies the entry so many places from the right of X-Forwarded-For.
 * Entries further left are the caller's own words. A header with fewer entries did not come through the proxies: the socket counts. An entry
 * that is no address is `unknown` and never the socket's: a proxy on this machine must not make its callers look local.
 */
export function clientAddress(request: IncomingMessage, trustedHops: number): string {
  const socketAddress = normalize(request.socket.remoteAddress ?? '') ?? 'unknown';
  if (trustedHops === 0) return socketAddress;
  const header = request.headers['x-forwarded-for'];
  if (header === undefined) return socketAddress;
  const entry = (Array.isArray(header) ? header.join(',') : header).split(',').at(-trustedHops);
  return entry === undefined ? socketAddress : (normalize(withoutPort(entry.trim())) ?? 'unknown');
}

/** Some proxies add the caller's port: 203.0.113.9:51000, [2001:db8::1]:443. */
function withoutPort(entry: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
}

/**
 * Canonical text of an address; IPv4 inside IPv6 becomes IPv4. Undefined for anything that is no address: no proxy writes 0177.0.0.1 or
 * 2130706433, which ipaddr.js takes for 127.0.0.1.
 */
function normalize(text: string): string | undefined {
  return isIP(text) !== 0 && ipaddr.isValid(text) ? ipaddr.process(text).toString() : undefined;
}

/** What a rate limit counts as one caller: the address, or the /64 network of an IPv6 address, which is what one household gets. */
export function rateLimitAddress(address: string): string {
  if (!ipaddr.IPv6.isValid(address)) return address;
  return `${ipaddr.IPv6.parse(address)
    .parts.slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}

export function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}
