import { expect, test } from 'vitest';
import { formatValue } from './units.ts';

test.each([
  [0, 'short', undefined, '0'],
  [1234, 'short', undefined, '1.23 K'],
  [1234, 'short', 0, '1 K'],
  [-0.0456, 'short', undefined, '-0.0456'],
  [0.1234, 'percentunit', undefined, '12.3%'],
  [1, 'percentunit', undefined, '100%'],
  [0.0495, 's', undefined, '49.5 ms'],
  [0.2, 's', undefined, '200 ms'],
  [3600, 's', undefined, '1 hour'],
  [86_400 * 2.5, 's', undefined, '2.5 days'],
  [1536, 'bytes', undefined, '1.5 KiB'],
  [2.467, 'reqps', undefined, '2.47 req/s'],
  [2.467, 'ops', undefined, '2.47 ops/s'],
])('%d in %s with %s decimals is %4$s', (value, unit, decimals, text) => {
  expect(formatValue(value, unit, decimals)).toBe(text);
});

test('a unit that is not known is refused, not written as a number', () => {
  expect(() => formatValue(1, 'furlongs')).toThrow('add it to formats');
});
