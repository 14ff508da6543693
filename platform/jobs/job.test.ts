import { describe, expect, test } from 'vitest';
import { intervalSeconds, lastDueAt, type Schedule } from './job.ts';

const minute: Schedule = { every: 'minute' };
const hour: Schedule = { every: 'hour' };
const at = (time: `${number}:${number}`): Schedule => ({ every: 'day', at: time });

test.each<[Schedule, number]>([
  [minute, 60],
  [hour, 3600],
  [at('03:10'), 86_400],
])('the planned time between two runs of %j is %i s', (schedule, seconds) => {
  expect(intervalSeconds(schedule)).toBe(seconds);
});

describe('the last moment at which a job was due, in UTC', () => {
  test.each<[Schedule, string, string]>([
    [minute, '2026-03-01T10:20:30.500Z', '2026-03-01T10:20:00.000Z'],
    [minute, '2026-03-01T10:20:00.000Z', '2026-03-01T10:20:00.000Z'],
    [minute, '2026-03-01T10:19:59.999Z', '2026-03-01T10:19:00.000Z'],
    [hour, '2026-03-01T10:20:30.500Z', '2026-03-01T10:00:00.000Z'],
    [hour, '2026-03-01T11:00:00.000Z', '2026-03-01T11:00:00.000Z'],
    // The zone of the tests is half an hour off the hour, and changes its clocks on this day.
    [hour, '2026-03-08T05:30:00.000Z', '2026-03-08T05:00:00.000Z'],
    [at('03:10'), '2026-03-01T03:10:00.000Z', '2026-03-01T03:10:00.000Z'],
    [at('03:10'), '2026-03-01T03:09:59.999Z', '2026-02-28T03:10:00.000Z'],
    [at('03:10'), '2026-03-01T23:59:59.999Z', '2026-03-01T03:10:00.000Z'],
    [at('03:10'), '2028-03-01T00:00:00.000Z', '2028-02-29T03:10:00.000Z'],
    [at('03:10'), '2026-01-01T01:00:00.000Z', '2025-12-31T03:10:00.000Z'],
    [at('00:00'), '2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z'],
    [at('23:59'), '2026-03-09T12:00:00.000Z', '2026-03-08T23:59:00.000Z'],
  ])('%j at %s: %s', (schedule, now, due) => {
    expect(lastDueAt(schedule, new Date(now)).toISOString()).toBe(due);
  });
});
