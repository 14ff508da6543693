import { expect, test } from 'vitest';
import { addDays, startOfUtcDay, utcDayOf, windowOfUtcDay, type UtcDay } from './utc-day.ts';

const day = (text: string): UtcDay => utcDayOf(new Date(`${text}T12:00:00Z`));

test('a moment belongs to its UTC day whatever the zone of the machine', () => {
  expect(process.env['TZ']).toBe('America/St_Johns');
  expect(utcDayOf(new Date('2026-02-06T23:59:59.999Z'))).toBe('2026-02-06');
  expect(utcDayOf(new Date('2026-02-07T00:00:00.000Z'))).toBe('2026-02-07');
  expect(startOfUtcDay(day('2026-02-06')).toISOString()).toBe('2026-02-06T00:00:00.000Z');
});

test('days are added across months, leap days and changes of summer time', () => {
  expect(addDays(day('2028-02-28'), 1)).toBe('2028-02-29');
  expect(addDays(day('2026-12-31'), 1)).toBe('2027-01-01');
  expect(addDays(day('2026-03-08'), 1)).toBe('2026-03-09');
  expect(addDays(day('2026-03-01'), -1)).toBe('2026-02-28');
});

test('the window of a day is half-open and 24 hours long', () => {
  const { fromInclusive, toExclusive } = windowOfUtcDay(day('2026-03-08'));
  expect(fromInclusive.toISOString()).toBe('2026-03-08T00:00:00.000Z');
  expect(toExclusive.toISOString()).toBe('2026-03-09T00:00:00.000Z');
});
