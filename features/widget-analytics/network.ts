import ipaddr from 'ipaddr.js';

/**
 * The network of a caller, which is all that is stored of an address: its /24, or the /48 of an IPv6 address. Null for what is no
 * address. Source: contracts/widget-analytics.md, Ingest.
 */
export function networkOf(address: string): string | null {
  if (!ipaddr.isValid(address)) return null;
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return `${parsed.octets.slice(0, 3).join('.')}.0/24`;
  return `${parsed.parts
    .slice(0, 3)
    .map((part) => part.toString(16))
    .join(':')}::/48`;
}
