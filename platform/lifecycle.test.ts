import { expect, test } from 'vitest';
import { Lifecycle } from './lifecycle.ts';
import { createLogger } from './log.ts';

const log = createLogger({ service: 'exporter', level: 'silent' });

test('what was acquired last is released first, and stopping shows before anything is released', async () => {
  const lifecycle = new Lifecycle(log);
  const released: string[] = [];
  lifecycle.onStop('pool', () => void released.push('pool'));
  lifecycle.onStop('listener', () => void released.push(`listener, stopping ${lifecycle.stopping}`));
  expect(lifecycle.stopping).toBe(false);
  await lifecycle.stop();
  expect(released).toEqual(['listener, stopping true', 'pool']);
});

test('a release that fails does not keep the others from running, and is told at the end', async () => {
  const lifecycle = new Lifecycle(log);
  let poolReleased = false;
  lifecycle.onStop('pool', () => {
    poolReleased = true;
  });
  lifecycle.onStop('listener', () => Promise.reject(new Error('stuck')));
  await expect(lifecycle.stop()).rejects.toThrow('did not stop cleanly');
  expect(poolReleased).toBe(true);
});

test('stopping twice releases once', async () => {
  const lifecycle = new Lifecycle(log);
  let releases = 0;
  lifecycle.onStop('pool', () => {
    releases += 1;
  });
  await Promise.all([lifecycle.stop(), lifecycle.stop()]);
  expect(releases).toBe(1);
});
