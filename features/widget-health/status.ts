/** The lifetime counters that status and spikes are judged by. */
export interface HealthCounters {
  firstEmbedAt: Date | null;
  lastSeenAt: Date | null;
  loads: number;
  failures: number;
  mismatches: number;
}

export const healthStatuses = ['NOT_CONNECTED', 'NEEDS_ATTENTION', 'OK'] as const;
export type HealthStatus = (typeof healthStatuses)[number];

export const healthReasons = ['NEVER_EMBEDDED', 'NEVER_SEEN', 'STALE', 'DOMAIN_MISMATCH', 'FAILURE_RATIO'] as const;
export type HealthReason = (typeof healthReasons)[number];

const staleAfterMs = 24 * 3_600_000;
const failureRatioLimit = 0.05;

/**
 * Status of one organization's widget and why. Deterministic, first match. readHealthSummary (queries.ts) states the same rule in SQL;
 * a test holds the two together. Source: contracts/widget-health.md, Read API.
 */
export function healthStatus(counters: HealthCounters, now: Date): { status: HealthStatus; reasons: HealthReason[] } {
  if (counters.firstEmbedAt === null) return { status: 'NOT_CONNECTED', reasons: ['NEVER_EMBEDDED'] };
  if (counters.lastSeenAt === null) return { status: 'NOT_CONNECTED', reasons: ['NEVER_SEEN'] };
  const reasons: HealthReason[] = [];
  if (now.getTime() - counters.lastSeenAt.getTime() > staleAfterMs) reasons.push('STALE');
  if (counters.mismatches > 0) reasons.push('DOMAIN_MISMATCH');
  if (counters.loads > 0 && counters.failures / counters.loads >= failureRatioLimit) reasons.push('FAILURE_RATIO');
  return { status: reasons.length === 0 ? 'OK' : 'NEEDS_ATTENTION', reasons };
}

/** Whether an organization's failures or refusals are worth an audit row. recordHealthSpikes (rollup.ts) states the same rule in SQL. */
export function isHealthSpike({ loads, failures, mismatches }: Pick<HealthCounters, 'loads' | 'failures' | 'mismatches'>): boolean {
  return (failures >= 50 && loads > 0 && failures / loads >= 0.2) || mismatches >= 20;
}
