import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPublicAddress } from './public-address.ts';

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '93.184.216.34',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2001:4860:4860::8888',
  '2606:4700:4700::1111',
  '2A00:1450:4001:81B::200E',
  '2a00:1450:4001:0081:0000:0000:0000:200e',
])('%s is public', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

test.each([
  ['unspecified', ['0.0.0.0', '0.1.2.3', '::', '0:0:0:0:0:0:0:0']],
  ['loopback', ['127.0.0.1', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1']],
  ['private', ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255', 'fc00::1', 'fdff::1']],
  ['link-local', ['169.254.0.0', '169.254.169.254', 'fe80::1', 'febf::1', 'fe80::1%eth0', 'fe80::1%1', 'fec0::1']],
  ['carrier-grade NAT', ['100.64.0.0', '100.100.100.200', '100.127.255.255']],
  ['multicast and broadcast', ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1', '255.255.255.255']],
  ['documentation', ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1', '3fff:fff::1']],
  ['benchmarking', ['198.18.0.0', '198.19.255.255', '2001:2::1']],
  [
    'reserved',
    ['240.0.0.1', '254.1.1.1', '192.0.0.1', '192.0.0.170', '192.88.99.1', '2001:1::1', '100::1', '5f00::1', '4000::1', 'e000::1'],
  ],
  ['mapped IPv4', ['::ffff:10.0.0.1', '::ffff:a00:1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '0:0:0:0:0:ffff:7f00:1']],
  ['compatible IPv4', ['::10.0.0.1', '::7f00:1', '::127.0.0.1', '::8.8.8.8', '::2']],
  ['translated IPv4', ['::ffff:0:10.0.0.1', '::ffff:0:808:808']],
  ['NAT64', ['64:ff9b::10.0.0.1', '64:ff9b::a00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::1', '64:ff9b:1:ffff::8.8.8.8']],
  ['6to4', ['2002:a00:1::1', '2002:7f00:1::', '2002:808:808::1']],
  ['Teredo', ['2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2']],
  ['other spellings', ['127.1', '2130706433', '0x7f000001', '0177.0.0.1', '017700000001', '8.8.8.8.', '8.8.8.08', ' 8.8.8.8', '[::1]', '']],
  ['zones', ['2606:4700:4700::1111%eth0', '::1%lo']],
  ['no address', ['localhost', 'shop.example', '8.8.8', '8.8.8.8/32', '1.1.1.256']],
])('%s is not public', (_range, addresses) => {
  expect(addresses.filter(isPublicAddress)).toEqual([]);
});

test('no IPv6 address that embeds a private IPv4 address is public, nor any of 127.0.0.0/8', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const hex = (high: number, low: number): string => ((high << 8) | low).toString(16);
  fc.assert(
    fc.property(octet, octet, octet, (b, c, d) => {
      const embedded = `${hex(10, b)}:${hex(c, d)}`;
      const addresses = [
        `10.${b}.${c}.${d}`,
        `127.${b}.${c}.${d}`,
        ...['::', '::ffff:', '::ffff:0:', '64:ff9b::', '64:ff9b:1::'].map((prefix) => prefix + embedded),
        `2002:${embedded}::1`,
        `2001:0:${embedded}::1`,
      ];
      expect(addresses.filter(isPublicAddress)).toEqual([]);
    }),
  );
});
