import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { cleanText } from './clean-text.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('U+0000 is removed, a lone surrogate becomes U+FFFD, everything else stays', () => {
  expect(cleanText('a\u0000b\ud800c')).toBe('ab\ufffdc');
  expect(cleanText('Grüße 👋 \u0001')).toBe('Grüße 👋 \u0001');
});

test('whatever comes in is stored as it was cleaned', async () => {
  const anything = fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('\u0000', '\ud83d', '\udc00', '\ufeff')));
  await fc.assert(
    fc.asyncProperty(anything, async (parts) => {
      const cleaned = cleanText(parts.join(''));
      const [row] = await database.query<{ stored: string }>('select $1::text as stored', [cleaned]);
      expect(row?.stored).toBe(cleaned);
    }),
    { numRuns: 50 },
  );
});
