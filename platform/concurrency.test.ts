import { expect, test } from 'vitest';
import { mapAtMost } from './concurrency.ts';

test('works on so many items at a time, and answers in their order', async () => {
  let running = 0;
  let most = 0;
  const doubled = await mapAtMost(3, [5, 1, 4, 2, 3], async (turns) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    running -= 1;
    return turns * 2;
  });
  expect(doubled).toEqual([10, 2, 8, 4, 6]);
  expect(most).toBe(3);
});

test('a failure begins nothing more, and is told when what had begun has ended', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const failing = mapAtMost(2, [1, 2, 3, 4], async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('no');
    await new Promise(setImmediate);
    ended.push(item);
  });
  await expect(failing).rejects.toThrow('no');
  expect(begun).toEqual([1, 2]);
  expect(ended).toEqual([2]);
});

test('nothing of nothing', async () => {
  expect(await mapAtMost(5, [], () => Promise.reject(new Error('never called')))).toEqual([]);
});
