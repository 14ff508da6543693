import { roundHalfAway } from '../../platform/rounding.ts';

/** Pure rules. Source: contracts/widget-performance.md, Score. */
export const scoreParts = ['overall', 'persistence', 'performance', 'memory', 'api'] as const;
export type ScorePart = (typeof scoreParts)[number];
export const healthStatuses = ['healthy', 'degraded', 'unhealthy'] as const;

/** What the score is made from, over one window. */
export interface ScoreInputs {
  /** Percent; 100 without operations. */
  persistenceSuccessRate: number;
  /** Milliseconds; undefined without renders. */
  renderP95: number | undefined;
  /** Bytes of the latest snapshot; 0 without one. */
  heapUsed: number;
  /** Milliseconds and percent; undefined without calls. */
  api: { p95: number; errorRate: number } | undefined;
}

export interface HealthScore {
  overall: number;
  /** Rounded to whole numbers. */
  scores: Record<Exclude<ScorePart, 'overall'>, number>;
  status: (typeof healthStatuses)[number];
}

/** Where a part begins to lose: a frame of 60 Hz, a lean page, a call that feels immediate. */
const renderTargetMs = 16;
const heapTargetMb = 30;
const apiTargetMs = 500;
export const bytesPerMb = 1024 ** 2;

const clamp = (score: number): number => Math.min(100, Math.max(0, score));

export function healthScore({ persistenceSuccessRate, renderP95, heapUsed, api }: ScoreInputs): HealthScore {
  const parts = {
    persistence: Math.min(100, persistenceSuccessRate),
    performance: renderP95 === undefined ? 100 : clamp(100 - (renderP95 / renderTargetMs - 1) * 100),
    memory: clamp(100 - Math.max(0, (heapUsed / bytesPerMb - heapTargetMb) / heapTargetMb) * 100),
    api: api === undefined ? 100 : (clamp(100 - (api.p95 / apiTargetMs - 1) * 50) + Math.max(0, 100 - api.errorRate * 10)) / 2,
  };
  return healthOfParts(parts);
}

/** From unrounded parts. */
export function healthOfParts(parts: HealthScore['scores']): HealthScore {
  const overall = roundHalfAway(0.4 * parts.persistence + 0.3 * parts.performance + 0.15 * parts.memory + 0.15 * parts.api);
  return {
    overall,
    scores: {
      persistence: roundHalfAway(parts.persistence),
      performance: roundHalfAway(parts.performance),
      memory: roundHalfAway(parts.memory),
      api: roundHalfAway(parts.api),
    },
    status: overall >= 90 ? 'healthy' : overall >= 70 ? 'degraded' : 'unhealthy',
  };
}
