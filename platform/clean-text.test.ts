import { expect, test } from 'vitest';
import { cleanText } from './clean-text.ts';

test('U+0000 is removed, a lone surrogate becomes U+FFFD, everything else stays', () => {
  expect(cleanText('a\u0000b\ud800c')).toBe('ab\ufffdc');
  expect(cleanText('Grüße 👋 \u0001')).toBe('Grüße 👋 \u0001');
});
