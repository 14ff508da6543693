import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesPerMb, healthOfParts, healthScore, type ScoreInputs } from './score.ts';

const inputs = (success: number, renderP95: number, mb: number, p95: number, errorRate: number): ScoreInputs => ({
  persistenceSuccessRate: success,
  renderP95,
  heapUsed: mb * bytesPerMb,
  api: { p95, errorRate },
});

describe('the health score', () => {
  test.each([
    ['a degraded one', inputs(95, 24, 45, 750, 2), [95, 50, 50, 78], 72, 'degraded'],
    ['an unhealthy one', inputs(98, 32, 60, 1500, 10), [98, 0, 0, 0], 39, 'unhealthy'],
    ['a healthy one with API errors', inputs(100, 10, 20, 100, 4), [100, 100, 100, 80], 97, 'healthy'],
    [
      'one of nothing',
      { persistenceSuccessRate: 100, renderP95: undefined, heapUsed: 0, api: undefined },
      [100, 100, 100, 100],
      100,
      'healthy',
    ],
  ] as const)('of the contract: %s', (_case, given, parts, overall, status) => {
    const [persistence, performance, memory, api] = parts;
    expect(healthScore(given)).toEqual({ overall, scores: { persistence, performance, memory, api }, status });
  });

  test('of parts 99, 92, 88, 97 is 95', () => {
    expect(healthOfParts({ persistence: 99, performance: 92, memory: 88, api: 97 })).toMatchObject({ overall: 95, status: 'healthy' });
  });

  test.each([
    [16, 100],
    [24, 50],
    [32, 0],
    [8, 100],
    [1000, 0],
  ])('renders of %s ms are worth %s', (p95, score) => {
    expect(healthScore(inputs(100, p95, 0, 0, 0)).scores.performance).toBe(score);
  });

  test.each([
    [30, 100],
    [45, 50],
    [60, 0],
    [0, 100],
    [2000, 0],
  ])('a heap of %s MB is worth %s', (mb, score) => {
    expect(healthScore(inputs(100, 0, mb, 0, 0)).scores.memory).toBe(score);
  });

  test.each([
    [90, 'healthy'],
    [89, 'degraded'],
    [70, 'degraded'],
    [69, 'unhealthy'],
  ])('%s is %s', (overall, status) => {
    expect(healthOfParts({ persistence: overall, performance: overall, memory: overall, api: overall })).toMatchObject({ overall, status });
  });

  test('is made from unrounded parts', () => {
    // Rounded parts would be 98.85, and so 99.
    expect(healthOfParts({ persistence: 98.5, performance: 98.5, memory: 98.4, api: 98.4 }).overall).toBe(98);
  });

  test('stays between 0 and 100 and never rises when something gets worse', () => {
    const amount = fc.double({ min: 0, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 100, noNaN: true }),
        amount,
        amount,
        amount,
        amount,
        amount,
        (success, p95, mb, api, errors, more) => {
          const { overall, scores } = healthScore(inputs(success, p95, mb, api, errors));
          for (const score of [overall, ...Object.values(scores)]) expect(score >= 0 && score <= 100).toBe(true);
          expect(healthScore(inputs(success, p95 + more, mb + more, api + more, errors + more)).overall).toBeLessThanOrEqual(overall);
        },
      ),
    );
  });
});
