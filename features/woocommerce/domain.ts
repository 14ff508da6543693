import { domainToASCII } from 'node:url';

/** More than a URL of a shop ever needs; bounds the work on what anybody may send. */
const longestInput = 2048;
const longestName = 253;

/** RFC 1123: labels of letters, digits and inner hyphens, at most 63 each. */
const hostName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * The host name in what a shop was called: lower case, punycode, without scheme, path, port and trailing dot; `www.` is kept. Undefined
 * when there is none. Source: contracts/woocommerce.md, Domain normalisation.
 */
export function normaliseDomain(text: string): string | undefined {
  if (text.length > longestInput) return undefined;
  const withoutScheme = text.trim().replace(/^[a-z][a-z0-9+.-]*:\/\//i, '');
  const [, host] = /^([^\s/?#\\@:]+)(?::\d{1,5})?(?:[/?#\\].*)?$/s.exec(withoutScheme) ?? [];
  if (host === undefined) return undefined;
  // Before the check: domainToASCII decodes percent signs, maps full-width letters and answers '' for what is no name at all.
  const name = domainToASCII(host).toLowerCase().replace(/\.$/, '');
  return name.length <= longestName && hostName.test(name) ? name : undefined;
}
