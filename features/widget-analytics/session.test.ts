import { describe, expect, test } from 'vitest';
import { describeAgent } from './device.ts';
import { contextOf } from './events.ts';
import { endedBefore, foldRequest, microsOf, receiptOf, type Session, type SessionEvent, type SessionRequest } from './session.ts';

const second = 1_000_000;
const minute = 60 * second;
const hour = 60 * minute;
const start = microsOf(new Date('2026-02-13T10:00:00Z'));
const rules = { timeoutMs: 30 * 60_000, newId: () => 'id' };

function aRequest(changes: Partial<SessionRequest> = {}): SessionRequest {
  const { isBot: _isBot, ...agent } = describeAgent('');
  return {
    orgId: 1,
    chatbotId: 'c',
    sessionId: 's',
    receivedAt: start,
    anonymousId: null,
    user: null,
    context: contextOf(),
    agent,
    network: null,
    ...changes,
  };
}

const event = (name: string, changes: Partial<SessionEvent> = {}): SessionEvent => ({
  name,
  pageUrl: null,
  triggeredBy: null,
  responseTimeMs: null,
  ...changes,
});

function foldAll(requests: readonly (readonly [Partial<SessionRequest>, ...SessionEvent[]])[]): Session {
  let current: Session | undefined;
  for (const [changes, ...events] of requests) current = foldRequest(current, aRequest(changes), events, rules).session;
  if (current === undefined) throw new Error('nothing was folded');
  return current;
}

describe('the end of a session', () => {
  test.each([
    [30 * minute, 'timeout'],
    [30 * minute - 1, undefined],
    [25 * hour, 'timeout'],
  ])('%i microseconds after its last activity is %s', (idle, reason) => {
    expect(endedBefore({ started_at: start, last_activity_at: start }, start + idle, rules.timeoutMs)).toBe(reason);
  });

  test('comes after a day, however busy it is', () => {
    const busy = { started_at: start, last_activity_at: start + 24 * hour - minute };
    expect(endedBefore(busy, start + 24 * hour - 1, rules.timeoutMs)).toBeUndefined();
    expect(endedBefore(busy, start + 24 * hour, rules.timeoutMs)).toBe('max_age');
  });

  test('is its last activity, with whole seconds of duration', () => {
    const first = foldAll([
      [{}, event('e')],
      [{ receivedAt: start + 12 * minute - 1 }, event('e')],
    ]);
    const { ended, session, started } = foldRequest(first, aRequest({ receivedAt: start + 2 * hour }), [event('e')], rules);
    expect(ended).toMatchObject({ ended_at: start + 12 * minute - 1, end_reason: 'timeout', duration_seconds: 719 });
    expect(started).toBe(true);
    expect(session).toMatchObject({ started_at: start + 2 * hour, ended_at: null });
  });

  test('by the page is the receipt of its request, and is not given twice', () => {
    const closed = foldAll([[{}, event('widget_closed'), event('message_sent')]]);
    expect(closed).toMatchObject({ end_reason: 'client', ended_at: start, duration_seconds: 0, messages_sent: 1 });
    const { ended, session } = foldRequest(closed, aRequest(), [event('e')], rules);
    expect(ended).toBeUndefined();
    expect(session.started_at).toBe(start + 1);
  });
});

test('requests of one session are received at times of their own, also when a clock was set back', () => {
  expect(receiptOf(start, undefined)).toBe(start);
  expect(receiptOf(start - hour, { last_activity_at: start, ended_at: null })).toBe(start + 1);
  expect(receiptOf(start, { last_activity_at: start - minute, ended_at: start + 5 })).toBe(start + 6);
  expect(receiptOf(start + 1, { last_activity_at: start, ended_at: null })).toBe(start + 1);
});

describe('response times', () => {
  test('join the average where they are given', () => {
    const session = foldAll([
      [{}, event('message_received', { responseTimeMs: 100.5 }), event('message_received')],
      [{ receivedAt: start + minute }, event('message_received', { responseTimeMs: 0 })],
    ]);
    expect(session).toMatchObject({
      messages_received: 3,
      response_time_sum_ms: 101,
      response_time_count: 2,
      avg_response_time_ms: 51,
      had_conversation: false,
    });
  });
});

describe('the source of a session', () => {
  test('is its context, then the query of its landing page, in bounds that the columns have', () => {
    const long = 'x'.repeat(300);
    const session = foldAll([
      [
        { context: contextOf({ utm_source: 'context' }) },
        event('e'),
        event('e', {
          pageUrl: `https://shop.example/?utm_source=query&utm_medium=${long}&utm_term=&utm_content=%F0%9F%98%80#?utm_campaign=no`,
        }),
        event('e', { pageUrl: '/second?utm_campaign=no' }),
      ],
    ]);
    expect(session).toMatchObject({
      utm_source: 'context',
      utm_medium: 'x'.repeat(255),
      utm_campaign: null,
      utm_term: null,
      utm_content: '😀',
    });
  });

  test('is learnt later where it was unknown', () => {
    const session = foldAll([
      [{}, event('e')],
      [{ context: contextOf({ landing_page: '/l?utm_term=t', utm_source: 's' }) }, event('e', { pageUrl: '/p' })],
      [{ context: contextOf({ landing_page: '/other', utm_source: 'other', utm_term: 'other' }) }, event('e')],
    ]);
    expect(session).toMatchObject({ landing_page: '/l?utm_term=t', utm_source: 's', utm_term: 't' });
  });
});
