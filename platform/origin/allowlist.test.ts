import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAllowlist, isLocalhost, parseWebOrigin } from './allowlist.ts';

function allows(entries: string[], header: string): boolean {
  const origin = parseWebOrigin(header);
  return origin !== undefined && compileAllowlist(entries).allows(origin);
}

describe('parseWebOrigin', () => {
  test.each([
    'null',
    'file:///etc/passwd',
    'garbage',
    '',
    'chrome-extension://abc',
    'https://',
    'javascript:alert(1)',
    'about:blank',
    '//example.com',
  ])('%s is no web origin', (header) => {
    expect(parseWebOrigin(header)).toBeUndefined();
  });

  test.each([
    ['https://EXAMPLE.com.', 'example.com', 443],
    ['http://example.com/path?q#f', 'example.com', 80],
    ['https://example.com:8443', 'example.com', 8443],
    ['https://example.com@evil.org', 'evil.org', 443],
    ['https://bücher.example', 'xn--bcher-kva.example', 443],
    ['http://127.1:3000', '127.0.0.1', 3000],
    ['http://2130706433', '127.0.0.1', 80],
    ['http://[::1]:80', '[::1]', 80],
  ])('%s is %s, port %d', (header, host, port) => {
    expect(parseWebOrigin(header)).toEqual({ host, port });
  });
});

test.each([
  ['http://localhost', true],
  ['https://localhost.:9000', true],
  ['http://127.255.0.1', true],
  ['http://127.1', true],
  ['http://[::1]', true],
  ['http://[0:0::1]', true],
  ['http://localhost.example.com', false],
  ['http://notlocalhost', false],
  ['http://128.0.0.1', false],
  ['http://127.0.0.1.example.com', false],
  ['http://[::2]', false],
])('%s is localhost: %s', (header, expected) => {
  const origin = parseWebOrigin(header);
  expect(origin !== undefined && isLocalhost(origin)).toBe(expected);
});

describe('an allowlist', () => {
  test.each<[string[], string, boolean]>([
    [['example.com'], 'https://example.com', true],
    [['EXAMPLE.COM.'], 'https://example.com', true],
    [[' example.com '], 'https://example.com', true],
    [['example.com'], 'https://example.com@evil.org', false],
    [['example.com'], 'https://exаmple.com', false],
    [['example.com'], 'https://sub.example.com', false],
    [['*.example.com'], 'https://example.com', true],
    [['*.example.com'], 'https://a.b.c.example.com:9000', true],
    [['*.example.com'], 'https://example.com.evil.org', false],
    [['*.example.com:8443'], 'https://a.example.com:8443', true],
    [['*.example.com:8443'], 'https://a.example.com', false],
    [['example.com:443'], 'https://example.com', true],
    [['example.com:443'], 'http://example.com', false],
    [['example.com:80'], 'http://example.com', true],
    [['https://example.com'], 'https://example.com', false],
    [['example.com/'], 'https://example.com', false],
    [['example.com/shop'], 'https://example.com', false],
    [['*'], 'https://example.com', false],
    [['*.'], 'https://example.com', false],
    [['*example.com'], 'https://badexample.com', false],
    [['example.*'], 'https://example.com', false],
    [['*.*.com'], 'https://a.example.com', false],
    [['a.*.com'], 'https://a.example.com', false],
    [['example.com:'], 'https://example.com', false],
    [['example.com:0'], 'https://example.com', false],
    [['example.com:99999'], 'https://example.com', false],
    [['exa mple.com'], 'https://example.com', false],
    [['user@example.com'], 'https://example.com', false],
    [['.example.com'], 'https://example.com', false],
    [[''], 'https://example.com', false],
    [['münchen.de', 'example.com'], 'https://xn--mnchen-3ya.de', true],
    [['192.0.2.7'], 'http://192.0.2.7:8080', true],
  ])('%j and %s: %s', (entries, header, expected) => {
    expect(allows(entries, header)).toBe(expected);
  });

  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  const host = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'));

  test('with an exact entry allows that host and no other', () => {
    fc.assert(
      fc.property(host, host, (entry, other) => {
        expect(allows([entry], `https://${entry}`)).toBe(true);
        expect(allows([entry], `https://${other}`)).toBe(other === entry);
        expect(allows([entry], `https://${other}.${entry}`)).toBe(false);
        expect(allows([entry], `https://${entry}.${other}`)).toBe(false);
        expect(allows([entry], `https://x${entry}`)).toBe(false);
      }),
    );
  });

  test('with a wildcard allows the base and what ends in a dot and the base, nothing else', () => {
    fc.assert(
      fc.property(host, host, (base, other) => {
        expect(allows([`*.${base}`], `https://${other}.${base}`)).toBe(true);
        expect(allows([`*.${base}`], `https://${other}`)).toBe(other === base || other.endsWith(`.${base}`));
        expect(allows([`*.${base}`], `https://x${base}`)).toBe(false);
      }),
    );
  });
});
