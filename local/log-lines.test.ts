import { expect, test } from 'vitest';
import { readLogLine } from './log-lines.ts';

test('a JSON line becomes time, level, message, causes and details, without stacks', () => {
  const line = JSON.stringify({
    level: 'error',
    time: '2026-02-06T12:34:56.789Z',
    service: 'exporter',
    error: { type: 'Error', message: 'it broke', stack: 'Error: it broke\n at x', cause: { message: 'two\n  lines' } },
    requestId: 'abc',
    msg: 'a request failed',
  });
  expect(readLogLine(line)).toEqual({
    text: '12:34:56 error a request failed: it broke: two lines {"requestId":"abc"}',
    kind: 'error a request failed: it broke: two lines',
  });
});

test('lines that differ in time and details are of one kind, others are not', () => {
  const kindOf = (line: object): string => readLogLine(JSON.stringify({ level: 'info', ...line })).kind;
  expect(kindOf({ msg: 'job succeeded', time: '2026-02-06T12:34:56.789Z', seconds: 1 })).toBe(kindOf({ msg: 'job succeeded', seconds: 2 }));
  expect(kindOf({ msg: 'job succeeded' })).not.toBe(kindOf({ msg: 'job failed' }));
});

test.each(['plain text', '{"not": "a log entry"}', '{broken', '42', 'null'])('%s stays as it is', (line) => {
  expect(readLogLine(line).text).toBe(line);
});
