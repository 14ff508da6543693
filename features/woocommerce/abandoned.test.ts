import { expect, test } from 'vitest';
import { abandonedPriority, sumAbandoned } from './abandoned.ts';

const now = new Date('2026-02-13T10:00:00Z');
const hours = 3_600_000;
const second = 1000;
const order = (value: number, ageMs: number): { value: number; createdAt: Date } => ({
  value,
  createdAt: new Date(now.getTime() - ageMs),
});

test.each([
  ['150, 2 h old', 150, 2 * hours, 'high'],
  ['150, 30 h old', 150, 30 * hours, 'medium'],
  ['40, 30 h old', 40, 30 * hours, 'medium'],
  ['40, 50 h old', 40, 50 * hours, 'low'],
  ['exactly 1 h old', 150, hours, undefined],
  ['a second more than 1 h old', 150, hours + second, 'high'],
  ['exactly 100', 100, 2 * hours, 'medium'],
  ['a cent more than 100', 100.01, 2 * hours, 'high'],
  ['a second less than 24 h old', 150, 24 * hours - second, 'high'],
  ['exactly 24 h old', 150, 24 * hours, 'medium'],
  ['exactly 50, a second less than 48 h old', 50, 48 * hours - second, 'medium'],
  ['exactly 50, exactly 48 h old', 50, 48 * hours, 'low'],
  ['a cent more than 50, 48 h old', 50.01, 48 * hours, 'medium'],
  ['worth nothing, 2 h old', 0, 2 * hours, 'medium'],
  ['worth nothing, 3 d old', 0, 72 * hours, 'low'],
  ['exactly 30 d old', 1000, 720 * hours, 'medium'],
  ['a second more than 30 d old', 1000, 720 * hours + second, undefined],
  ['from the future', 1000, -hours, undefined],
])('an unpaid order %s: %s', (_what, value, ageMs, priority) => {
  expect(abandonedPriority(order(value, ageMs), now)).toBe(priority);
});

test('orders are counted and their values added by priority, each priority present', () => {
  expect(sumAbandoned([], now)).toEqual({ high: { count: 0, value: 0 }, medium: { count: 0, value: 0 }, low: { count: 0, value: 0 } });
  const orders = [order(150, 2 * hours), order(0.1, 2 * hours), order(0.2, 3 * hours), order(40, 50 * hours), order(500, 60_000)];
  expect(sumAbandoned(orders, now)).toEqual({
    high: { count: 1, value: 150 },
    medium: { count: 2, value: 0.3 },
    low: { count: 1, value: 40 },
  });
});
