import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseDomain } from './domain.ts';

const label63 = 'a'.repeat(63);
const longest = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`;

test.each([
  ['shop.example', 'shop.example'],
  ['HTTPS://Shop.Example:443/x', 'shop.example'],
  ['http://shop.example', 'shop.example'],
  ['https://shop.example/', 'shop.example'],
  ['https://shop.example?utm=1', 'shop.example'],
  ['https://shop.example#top', 'shop.example'],
  ['shop.example/cart/2', 'shop.example'],
  ['shop.example\\cart', 'shop.example'],
  ['shop.example:8443', 'shop.example'],
  ['shop.example.', 'shop.example'],
  ['shop.example.:443', 'shop.example'],
  ['  shop.example\n', 'shop.example'],
  ['www.Shop.example', 'www.shop.example'],
  ['WWW.shop.example', 'www.shop.example'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['BÜCHER.example', 'xn--bcher-kva.example'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['ｓｈｏｐ.example', 'shop.example'],
  ['shop。example', 'shop.example'],
  ['shop%2eexample', 'shop.example'],
  ['my-shop.co.uk', 'my-shop.co.uk'],
  ['localhost', 'localhost'],
  ['127.0.0.1:9000', '127.0.0.1'],
  ['1.shop.example', '1.shop.example'],
  [longest, longest],
])('%j is %s', (text, domain) => {
  expect(normaliseDomain(text)).toBe(domain);
});

test.each(
  [
    '',
    ' ',
    '.',
    '..',
    'https://',
    'https:///path',
    'https:/path',
    'https:',
    'shop.example:',
    '/path',
    ':443',
    '.shop.example',
    'shop..example',
    'shop.example..',
    '-shop.example',
    'shop-.example',
    'my_shop.example',
    '*.shop.example',
    '*',
    'shop example',
    'shop.exa\tmple',
    'shop.example\0',
    'user@shop.example',
    'https://user:secret@shop.example',
    'shop.example:port',
    'shop.example:443:443',
    '[::1]',
    'http://[::1]:80/',
    '::1',
    'shop,example',
    "shop'example",
    'shop.example%00',
    'shop.example%2fpath',
    `${'a'.repeat(64)}.example`,
    `a${longest}`,
    `shop.example/${'x'.repeat(3000)}`,
  ].map((text) => [text.slice(0, 40), text]),
)('%j is no host name', (_shown, text) => {
  expect(normaliseDomain(text)).toBeUndefined();
});

test('what is normalised stays as it is, whatever came in', () => {
  fc.assert(
    fc.property(fc.oneof(fc.webUrl(), fc.domain(), fc.string(), fc.string({ unit: 'grapheme' })), (text) => {
      const domain = normaliseDomain(text);
      if (domain === undefined) return;
      expect(normaliseDomain(domain)).toBe(domain);
      expect(domain).toMatch(/^[a-z0-9.-]{1,253}$/);
    }),
  );
});
