import { describe, expect, test } from 'vitest';
import { hostOf, trafficSource, type TrafficSource } from './traffic-source.ts';

const page = 'www.example.com';
const from = (referrer: string): TrafficSource => trafficSource({ referrer, pageHost: page });

/** Referrers as browsers send them. */
const referrers: Record<Exclude<TrafficSource, 'paid_search' | 'email' | 'campaign' | 'unknown'>, readonly string[]> = {
  organic_search: [
    'https://www.google.com/',
    'https://www.google.com/search?q=widgets',
    'https://google.com',
    'http://google.com:80/',
    'https://google.com./',
    'https://www.google.co.uk/',
    'https://www.google.com.au/url?q=https://example.com',
    'https://google.de',
    'https://google.com.br/',
    'https://google.co.jp/',
    'https://news.google.com/articles/x',
    'https://images.google.fr/imgres',
    'https://scholar.google.com/',
    'https://mail.google.com/mail/u/0/',
    'https://lens.google.com/',
    'HTTPS://WWW.GOOGLE.COM/',
    '  https://www.google.ca/  ',
    'https://yandex.ru/',
    'https://yandex.com.tr/search/',
    'https://ya.yandex.kz/',
    'https://yandex.com/',
    'https://www.bing.com/',
    'https://cn.bing.com/search?q=x',
    'https://duckduckgo.com/',
    'https://html.duckduckgo.com/html',
    'https://search.yahoo.com/',
    'https://r.search.yahoo.com/_ylt=A0',
    'https://fr.search.yahoo.com/search',
    'https://www.baidu.com/link?url=x',
    'https://m.baidu.com/',
    'https://www.ecosia.org/search?q=trees',
    'https://www.startpage.com/',
    'https://eu-browse.startpage.com/av/proxy',
  ],
  social: [
    'https://www.facebook.com/',
    'https://m.facebook.com/',
    'https://l.facebook.com/l.php?u=x',
    'https://lm.facebook.com/',
    'http://facebook.com',
    'https://l.instagram.com/',
    'https://www.instagram.com/',
    'https://www.linkedin.com/feed/',
    'https://de.linkedin.com/',
    'https://twitter.com/',
    'https://mobile.twitter.com/',
    'https://t.co/',
    'https://t.co/AbCdEf',
    'https://x.com/',
    'https://mobile.x.com/home',
    'https://www.reddit.com/r/webdev',
    'https://old.reddit.com/',
    'https://out.reddit.com/',
    'https://www.youtube.com/watch?v=1',
    'https://m.youtube.com/',
    'https://www.tiktok.com/@x',
    'https://www.pinterest.com/pin/1',
    'https://pinterest.com/',
  ],
  referral: [
    // Look-alikes and neighbours of the hosts that are meant.
    'https://google.evil.com/',
    'https://notgoogle.com/',
    'https://google.com.evil.example/',
    'https://googleusercontent.com/',
    'https://translate.googleusercontent.com/',
    'https://google.info/',
    'https://google.net.au/',
    'https://www-google.com/',
    'https://mygoogle.co.uk/',
    'https://yandex.evil.org/',
    'https://notyandex.ru/',
    'https://notbing.com/',
    'https://bing.com.evil.net/',
    'https://bing.org/',
    'https://duckduckgo.co/',
    'https://baidu.co/',
    'https://netflix.com/',
    'https://www.dropbox.com/s/x',
    'https://walmart.com/',
    'https://target.com/',
    'https://xbox.com/',
    'https://fax.com/',
    'https://notreddit.com/',
    'https://facebook.com.phish.example/',
    'https://facebook.co/',
    'https://pinterest.de/',
    'https://youtu.be/x',
    'https://redd.it/x',
    'https://lnkd.in/x',
    'https://fb.me/x',
    // Mail, which has no referrer of its own kind.
    'https://mail.yahoo.com/',
    'https://yahoo.com/',
    'https://outlook.live.com/',
    'https://mail.proton.me/',
    // Aggregators, forums, assistants and shops.
    'https://news.ycombinator.com/',
    'https://lobste.rs/',
    'https://www.producthunt.com/',
    'https://stackoverflow.com/questions/1',
    'https://github.com/x/y',
    'https://medium.com/@x',
    'https://en.wikipedia.org/wiki/X',
    'https://chatgpt.com/',
    'https://www.perplexity.ai/',
    'https://search.brave.com/',
    'https://www.qwant.com/',
    'https://threads.net/',
    'https://bsky.app/',
    'https://mastodon.social/@x',
    'https://www.amazon.com/',
    // Other hosts of the own company.
    'https://blog.example.com/post',
    'https://example.org/',
    'https://notexample.com/',
    'https://example.com.evil.example/',
    // Ways to write a host that are no way around the rule.
    'https://google.com@evil.example/',
    'https://evil.example/https://google.com/',
    'https://evil.example?x=google.com',
    'http://192.0.2.1/',
    'http://[2001:db8::1]/',
    'http://localhost:3000/',
  ],
  internal: [
    'https://www.example.com/a',
    'https://example.com/',
    'http://example.com:8080/x',
    'https://EXAMPLE.com/pricing?utm_source=google',
    'https://example.com./',
  ],
  direct: [
    '',
    '   ',
    'android-app://com.google.android.googlequicksearchbox/',
    'android-app://com.slack/',
    'ios-app://544007664/',
    'about:blank',
    'about:srcdoc',
    'file:///C:/mail.html',
    'chrome-extension://abc/page.html',
    'ftp://google.com/',
    'javascript:alert(1)',
    'data:text/html,x',
    'google.com',
    'www.google.com/search',
    '//google.com/',
    'https://',
    'https:///',
    'https://exa mple.com/',
    'not a url',
    '/pricing',
  ],
};

/** Campaign parameters: source, medium, what they mean. */
const campaigns: readonly (readonly [source: string, medium: string, expected: TrafficSource])[] = [
  ['google', 'cpc', 'paid_search'],
  ['bing', 'ppc', 'paid_search'],
  ['facebook', 'paid_social', 'paid_search'],
  ['facebook', 'paid-social', 'paid_search'],
  ['linkedin', 'Paid', 'paid_search'],
  ['gdn', 'display', 'paid_search'],
  ['criteo', 'retargeting', 'paid_search'],
  ['adroll', 'RETARGET', 'paid_search'],
  ['', ' CPC ', 'paid_search'],
  ['newsletter', 'email', 'email'],
  ['google', 'Email', 'email'],
  ['hubspot', 'hs_email', 'email'],
  ['', 'email', 'email'],
  ['newsletter', 'e-mail', 'campaign'],
  ['facebook', 'social', 'social'],
  ['mastodon', 'Social-Media', 'social'],
  ['bing', 'organic_social', 'social'],
  ['google', 'organic', 'organic_search'],
  ['kagi', 'organic', 'organic_search'],
  ['google', '', 'organic_search'],
  ['Google', '', 'organic_search'],
  ['www.google.com', '', 'organic_search'],
  ['google.co.uk', '', 'organic_search'],
  ['https://google.com/', '', 'organic_search'],
  ['duckduckgo', 'referral', 'organic_search'],
  ['yahoo', '', 'organic_search'],
  ['search.yahoo.com', '', 'organic_search'],
  ['yandex', 'link', 'organic_search'],
  ['bing.com', '', 'organic_search'],
  ['ecosia', '', 'organic_search'],
  ['fb', '', 'social'],
  ['ig', 'bio', 'social'],
  ['t.co', '', 'social'],
  ['x', '', 'social'],
  ['X.com', '', 'social'],
  ['l.instagram.com', '', 'social'],
  ['youtube', 'video', 'social'],
  ['reddit', 'post', 'social'],
  ['newsletter', '', 'campaign'],
  ['partner', 'affiliate', 'campaign'],
  ['googleads', '', 'campaign'],
  ['notgoogle.com', '', 'campaign'],
  ['yahoo.com', '', 'campaign'],
  ['fbook', '', 'campaign'],
  ['chatgpt.com', '', 'campaign'],
  ['black friday', '', 'campaign'],
  ['', 'affiliate', 'direct'],
  ['  ', 'banner', 'direct'],
  ['', '', 'direct'],
];

describe('the traffic source', () => {
  test.each(Object.entries(referrers).flatMap(([expected, list]) => list.map((referrer) => [referrer, expected])))(
    'of the referrer "%s" is %s',
    (referrer, expected) => expect(from(referrer)).toBe(expected),
  );

  test.each(campaigns)('of source "%s" and medium "%s" is %s', (utmSource, utmMedium, expected) => {
    expect(trafficSource({ utmSource, utmMedium })).toBe(expected);
  });

  test('is decided by the medium before the source, and by the source before the referrer', () => {
    const referrer = 'https://www.facebook.com/';
    expect(trafficSource({ utmMedium: 'cpc', utmSource: 'facebook', referrer })).toBe('paid_search');
    expect(trafficSource({ utmSource: 'newsletter', referrer })).toBe('campaign');
    expect(trafficSource({ utmMedium: 'affiliate', referrer })).toBe('social');
    expect(trafficSource({ utmSource: 'google', referrer: 'https://example.com/', pageHost: page })).toBe('organic_search');
  });

  test('of the own page is internal even when it is a search engine, and without a known page it is a referral', () => {
    expect(trafficSource({ referrer: 'https://www.google.com/', pageHost: 'google.com' })).toBe('internal');
    expect(trafficSource({ referrer: 'https://example.com/' })).toBe('referral');
    expect(trafficSource({ referrer: 'https://example.com/', pageHost: 'exa mple' })).toBe('referral');
    expect(trafficSource({ referrer: 'https://xn--mnchen-3ya.example/', pageHost: 'münchen.example:8443' })).toBe('internal');
    expect(trafficSource({ referrer: null, utmSource: null, utmMedium: null, pageHost: null })).toBe('direct');
  });

  test('is asked about at least 120 real cases', () => {
    expect(Object.values(referrers).flat().length + campaigns.length).toBeGreaterThanOrEqual(120);
  });
});

test.each([
  ['https://www.example.com:8080/a?b#c', 'example.com'],
  ['user@example.com', 'example.com'],
  ['[2001:db8::1]:80', '[2001:db8::1]'],
  ['www.www.example.com', 'www.example.com'],
  ['', undefined],
])('the host of %s is %s', (text, expected) => expect(hostOf(text)).toBe(expected));
