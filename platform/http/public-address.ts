import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** All that IANA has given out as global unicast (RFC 4291, 2.4). Outside of it are, among others, the IPv4-compatible addresses `::a.b.c.d`. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an address belongs to a host on the public internet: globally routable unicast, not loopback, private, link-local, carrier-grade
 * NAT, multicast, unspecified, documentation, benchmarking or reserved, and no IPv6 address that embeds an IPv4 address (mapped, compatible,
 * NAT64, 6to4, Teredo): a gateway would carry it to an address that nobody has looked at. Source: contracts/woocommerce.md, health.
 * @param address as a resolver answers it; any other spelling is not public.
 */
export function isPublicAddress(address: string): boolean {
  // ipaddr.js also takes octal, hexadecimal and short forms, and others read those differently.
  if (isIP(address) === 0 || address.includes('%')) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' || (parsed as ipaddr.IPv6).match(globalUnicast);
}
