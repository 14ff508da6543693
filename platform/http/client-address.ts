import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/**
 * The caller's address: the socket's, or behind `trustedHops` proxies the entry so many places from the right of X-Forwarded-For.
 * Entries further left are the caller's own words. A header with fewer entries did not come through the proxies: the socket counts.
 */
export function clientAddress(request: IncomingMessage, trustedHops: number): string {
  const socketAddress = normalize(request.socket.remoteAddress ?? '') ?? 'unknown';
  if (trustedHops === 0) return socketAddress;
  const header = request.headers['x-forwarded-for'];
  const entries = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',');
  const entry = entries.at(-trustedHops);
  return (entry === undefined ? undefined : normalize(entry.trim())) ?? socketAddress;
}

/** Canonical text of an address; IPv4 inside IPv6 becomes IPv4. Undefined for anything that is no address. */
function normalize(text: string): string | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text).toString() : undefined;
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
