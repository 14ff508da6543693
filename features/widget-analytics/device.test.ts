import { describe, expect, test } from 'vitest';
import { createAgentReader, describeAgent } from './device.ts';
import { networkOf } from './network.ts';

const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const ipad =
  'Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const androidTablet = 'Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const smartTv =
  'Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/4.0 Chrome/76.0.3809.146 TV Safari/537.36';

describe('a user agent', () => {
  test.each([
    [iphone, 'mobile', 'Mobile Safari', 'iOS'],
    [chrome, 'desktop', 'Chrome', 'Windows'],
    [ipad, 'tablet', 'Mobile Safari', 'iOS'],
    [androidTablet, 'tablet', 'Chrome', 'Android'],
    [smartTv, 'desktop', 'Samsung Internet', 'Tizen'],
    ['', 'desktop', null, null],
  ])('%s is a %s', (userAgent, deviceType, browserName, osName) => {
    expect(describeAgent(userAgent)).toMatchObject({ isBot: false, deviceType, browserName, osName });
  });

  test.each([
    'curl/8.5.0',
    'undici',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36',
  ])('%s is a bot', (userAgent) => {
    expect(describeAgent(userAgent).isBot).toBe(true);
  });

  test('is parsed once while it is remembered, cut for storing, and never remembered when it is long', () => {
    const agentOf = createAgentReader();
    expect(agentOf(chrome)).toBe(agentOf(chrome));
    expect(agentOf(undefined)).toMatchObject({ userAgent: null, isBot: false });
    const long = `${chrome} ${'x'.repeat(1000)}`;
    expect(agentOf(long)).not.toBe(agentOf(long));
    expect(agentOf(long).userAgent).toHaveLength(512);
    for (let number = 0; number < 3000; number += 1) agentOf(`Browser/${number}`);
    expect(agentOf('Browser/2999')).toBe(agentOf('Browser/2999'));
  });
});

test.each([
  ['203.0.113.77', '203.0.113.0/24'],
  ['2001:db8:1:2::5', '2001:db8:1::/48'],
  ['::ffff:203.0.113.77', '203.0.113.0/24'],
  ['::1', '0:0:0::/48'],
  ['unknown', null],
  ['', null],
])('of the address %s the network %s is kept', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
