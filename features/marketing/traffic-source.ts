/** Where an event's visitor came from. Source: contracts/marketing.md, Traffic source. */
export const trafficSources = [
  'direct',
  'organic_search',
  'paid_search',
  'social',
  'email',
  'referral',
  'campaign',
  'internal',
  'unknown',
] as const;
export type TrafficSource = (typeof trafficSources)[number];

export interface SourceSigns {
  utmSource?: string | null;
  utmMedium?: string | null;
  referrer?: string | null;
  /** Host of the page itself. */
  pageHost?: string | null;
}

const paidMedia = ['cpc', 'ppc', 'paid', 'display', 'retarget'];
const searchNames = new Set(['google', 'bing', 'duckduckgo', 'yahoo', 'baidu', 'yandex', 'ecosia', 'startpage']);
const searchHosts = ['bing.com', 'duckduckgo.com', 'search.yahoo.com', 'baidu.com', 'ecosia.org', 'startpage.com'];
/** Engines with a host in every country: a top-level domain of 2 or 3 letters, or co or com below one of 2. */
const countrySearchHost = /(^|\.)(google|yandex)\.([a-z]{2,3}|(co|com)\.[a-z]{2})$/;
const socialNames = new Set(['facebook', 'fb', 'instagram', 'ig', 'linkedin', 'twitter', 'x', 'reddit', 'youtube', 'tiktok', 'pinterest']);
const socialHosts = [
  'facebook.com',
  'instagram.com',
  'linkedin.com',
  'twitter.com',
  'x.com',
  't.co',
  'reddit.com',
  'youtube.com',
  'tiktok.com',
  'pinterest.com',
];

/** The first rule that fits decides: medium, source, no referrer, own page, kind of referrer. */
export function trafficSource({ utmSource, utmMedium, referrer, pageHost }: SourceSigns): TrafficSource {
  const byMedium = sourceOfMedium(plain(utmMedium));
  if (byMedium !== undefined) return byMedium;
  const source = plain(utmSource);
  if (source !== '') return kindOfHost(hostOf(source), source) ?? 'campaign';
  const from = webHostOf(plain(referrer));
  if (from === undefined) return 'direct';
  if (from === hostOf(plain(pageHost))) return 'internal';
  return kindOfHost(from) ?? 'referral';
}

function sourceOfMedium(medium: string): TrafficSource | undefined {
  if (paidMedia.some((word) => medium.includes(word))) return 'paid_search';
  if (medium.includes('email')) return 'email';
  if (medium.includes('social')) return 'social';
  return medium.includes('organic') ? 'organic_search' : undefined;
}

function kindOfHost(host: string | undefined, name = ''): TrafficSource | undefined {
  if (searchNames.has(name) || (host !== undefined && (isOf(host, searchHosts) || countrySearchHost.test(host)))) return 'organic_search';
  return socialNames.has(name) || (host !== undefined && isOf(host, socialHosts)) ? 'social' : undefined;
}

/** The host itself or one below it: `notgoogle.com` and `netflix.com` only end like a host that is meant. */
function isOf(host: string, hosts: readonly string[]): boolean {
  return hosts.some((known) => host === known || host.endsWith(`.${known}`));
}

function plain(text: string | null | undefined): string {
  return text?.trim().toLowerCase() ?? '';
}

const scheme = /^[a-z][a-z0-9+.-]*:\/\//;

function webHostOf(referrer: string): string | undefined {
  return /^https?:\/\//.test(referrer) ? hostOf(referrer) : undefined;
}

/** A host as it is compared: without scheme, user, port, path, leading `www.` and trailing dot. */
export function hostOf(text: string): string | undefined {
  const url = `http://${text.replace(scheme, '')}`;
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/\.$/, '').replace(/^www\./, '');
}
