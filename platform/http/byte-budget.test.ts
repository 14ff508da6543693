import { expect, test } from 'vitest';
import { createByteBudget, type ByteShare } from './byte-budget.ts';

test('requests take from one budget, and what does not fit takes nothing', () => {
  const budget = createByteBudget(100);
  const [one, other] = [budget.open(), budget.open()];
  expect(one.take(60)).toBe(true);
  expect(other.hasRoomFor(41)).toBe(false);
  expect(other.take(41)).toBe(false);
  expect(other.take(40)).toBe(true);
  expect(one.take(1)).toBe(false);
});

test('a request that is answered gives back what it took, once', () => {
  const budget = createByteBudget(100);
  const [one, other] = [budget.open(), budget.open()];
  one.take(30);
  one.take(30);
  other.take(40);
  one.release();
  one.release();
  expect(other.take(60)).toBe(true);
  expect(other.hasRoomFor(1)).toBe(false);
});

test('for others a body is given up that has been arriving for a second, the oldest first and no more than needed', () => {
  let now = 0;
  const budget = createByteBudget(100, () => now);
  const givenUp: string[] = [];
  const arriving = (name: string): ByteShare => {
    const share = budget.open();
    share.arriving(() => givenUp.push(name));
    expect(share.take(30)).toBe(true);
    return share;
  };
  const [first, second] = [arriving('first'), arriving('second')];
  now = 500;
  arriving('third');
  expect(budget.open().take(20)).toBe(false);
  now = 1000;
  expect(budget.open().hasRoomFor(20)).toBe(true);
  expect(givenUp).toEqual(['first']);
  // Not for itself.
  expect(second.take(60)).toBe(false);
  expect(givenUp).toEqual(['first']);
  first.release();
  expect(budget.open().take(40)).toBe(true);
  expect(budget.open().take(31)).toBe(false);
  expect(givenUp).toEqual(['first', 'second']);
});

test('a body that has arrived is never given up', () => {
  let now = 0;
  const budget = createByteBudget(100, () => now);
  const share = budget.open();
  share.arriving(() => expect.unreachable());
  share.take(100);
  share.arrived();
  now = 10_000;
  expect(budget.open().take(1)).toBe(false);
});
