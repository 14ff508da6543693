import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { consentAfterCapture, consentStatuses, type ConsentStatus, type RequestedConsent } from './consent.ts';
import { deviceType } from './device.ts';
import { redirectPath } from './redirect.ts';

const iPadSafari = 'Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 Version/16.6 Mobile/15E148 Safari/604.1';

describe('the device', () => {
  test.each([
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 'bot'],
    ['Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0', 'bot'],
    ['Baiduspider/2.0', 'bot'],
    ['Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) Mobile (compatible; Googlebot/2.1)', 'bot'],
    [iPadSafari, 'tablet'],
    ['Mozilla/5.0 (Android 13; Tablet; rv:109.0) Gecko/115.0 Firefox/115.0', 'tablet'],
    ['Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 Chrome/120 Safari/537.36', 'mobile'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)', 'mobile'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120 Safari/537.36', 'desktop'],
    ['curl/8.5.0', 'desktop'],
    ['', 'desktop'],
    [undefined, 'desktop'],
  ] as const)('of %s is %s', (userAgent, expected) => expect(deviceType(undefined, userAgent)).toBe(expected));

  test('is what the sender says, if it says it', () => {
    expect(deviceType('unknown', iPadSafari)).toBe('unknown');
    expect(deviceType('tablet', 'Googlebot')).toBe('tablet');
  });
});

describe('consent', () => {
  test.each<[ConsentStatus, RequestedConsent | undefined, ConsentStatus | undefined]>([
    ['pending', 'pending', 'pending'],
    ['pending', 'implied', 'implied'],
    ['pending', 'express', 'express'],
    ['implied', 'express', 'express'],
    ['implied', 'pending', 'implied'],
    ['express', 'implied', 'express'],
    ['express', 'pending', 'express'],
    ['withdrawn', 'express', 'express'],
    ['withdrawn', 'implied', 'implied'],
    ['withdrawn', 'pending', undefined],
    ['withdrawn', undefined, 'withdrawn'],
    ['express', undefined, 'express'],
  ])('%s, asked for %s, becomes %s', (current, requested, expected) => {
    expect(consentAfterCapture(current, requested)).toBe(expected);
  });

  test('never falls by a capture', () => {
    const rank = { withdrawn: -1, pending: 0, implied: 1, express: 2 };
    fc.assert(
      fc.property(
        fc.constantFrom(...consentStatuses),
        fc.option(fc.constantFrom('pending', 'implied', 'express'), { nil: undefined }),
        (current, requested) => rank[consentAfterCapture(current, requested) ?? current] >= rank[current],
      ),
    );
  });
});

describe('the way back from a form', () => {
  test.each([
    ['/thanks', '/thanks'],
    ['/thanks?x=1#done', '/thanks?x=1#done'],
    ['/a//b', '/a//b'],
    ['/..//evil.example', '/..//evil.example'],
    ['/danke schön', '/danke%20sch%C3%B6n'],
    ['/a%20b', '/a%20b'],
    ['/😀', '/%F0%9F%98%80'],
    ['//evil.example', '/'],
    ['/\\evil', '/'],
    ['\\\\evil', '/'],
    ['https://evil', '/'],
    ['javascript:alert(1)', '/'],
    ['thanks', '/'],
    ['/a\r\nSet-Cookie: x=1', '/'],
    ['/\t/evil.example', '/'],
    ['/a\u0085b', '/'],
    ['', '/'],
    [undefined, '/'],
    [['/a'], '/'],
  ])('of %j is %s', (path, expected) => expect(redirectPath(path)).toBe(expected));

  test('stays on the host whatever was posted', () => {
    const base = 'https://site.example/form';
    const paths = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((text) => `/${text}`),
      fc.string({ unit: fc.constantFrom('/', '\\', '.', '\t', 'e', ':', '@') }),
    );
    fc.assert(
      fc.property(paths, (path) => {
        const location = redirectPath(path.toWellFormed());
        expect(location).toMatch(/^\/[\x21-\x7e]*$/);
        expect(new URL(location, base).host).toBe('site.example');
      }),
      { numRuns: 2000 },
    );
  });
});
