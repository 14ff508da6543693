import { roundHalfAway } from '../../platform/rounding.ts';
import { percentileOf } from '../../platform/sketch/log-buckets.ts';
import type { MetricType } from './events.ts';
import type { ErrorCounts, MinuteSeries, Totals, TypeTotals } from './queries.ts';
import { bytesPerMb, healthScore, type HealthScore, type ScoreInputs } from './score.ts';

/** Pure rules: what is told of totals. Rounded once, here. Source: contracts/widget-performance.md, Read API. */
const twoDecimals = (value: number): number => roundHalfAway(value, 2);
const share = (part: number, whole: number): number => (whole === 0 ? 0 : twoDecimals((part / whole) * 100));
const average = ({ sum, count }: Pick<TypeTotals, 'sum' | 'count'>): number => (count === 0 ? 0 : twoDecimals(sum / count));
const percentile = (totals: Parameters<typeof percentileOf>[0], p: number): number => twoDecimals(percentileOf(totals, p));
/** Percent of what did not fail, not rounded; 100 of nothing. */
const successPercent = ({ count, errors }: Pick<TypeTotals, 'count' | 'errors'>): number =>
  count === 0 ? 100 : ((count - errors) / count) * 100;

type Percentiled = Pick<TypeTotals, 'count' | 'errors' | 'zeroCount' | 'buckets' | 'min' | 'max'>;

/** The totals that a score is made from; a type that nothing was measured of may be left out. */
export interface ScoreTotals {
  persistence?: Pick<TypeTotals, 'count' | 'errors'>;
  render?: Percentiled;
  memory?: Pick<TypeTotals, 'max' | 'last'>;
  api?: Percentiled;
}

export function scoreInputs({ persistence, render, memory, api }: ScoreTotals): ScoreInputs {
  return {
    persistenceSuccessRate: successPercent(persistence ?? { count: 0, errors: 0 }),
    renderP95: render === undefined || render.count === 0 ? undefined : percentileOf(render, 95),
    heapUsed: memory?.last ?? 0,
    api: api === undefined || api.count === 0 ? undefined : { p95: percentileOf(api, 95), errorRate: (api.errors / api.count) * 100 },
  };
}

export interface Aggregates {
  totals: Totals;
  errors: Record<'persistence' | 'restoration', ErrorCounts>;
}

export interface Statistics {
  health: HealthScore;
  persistence: unknown;
  performance: unknown;
}

/** The answer without its alerts. */
export function statisticsOf({ totals, errors }: Aggregates): Statistics {
  return {
    health: healthScore(scoreInputs(totals)),
    persistence: persistenceStatistics(totals, errors),
    performance: performanceStatistics(totals),
  };
}

function persistenceStatistics({ persistence, restoration, navigation }: Totals, errors: Aggregates['errors']): unknown {
  const lost = navigation.count - navigation.preserved;
  return {
    operations: {
      total: persistence.count,
      successful: persistence.count - persistence.errors,
      failed: persistence.errors,
      successRate: twoDecimals(successPercent(persistence)),
      avgDuration: average(persistence),
    },
    performance: {
      avgDuration: average(persistence),
      p50Duration: percentile(persistence, 50),
      p95Duration: percentile(persistence, 95),
      p99Duration: percentile(persistence, 99),
    },
    reliability: { dataLossIncidents: persistence.failedSaves + lost, errorsByType: errors.persistence },
    restoration: {
      total: restoration.count,
      successRate: twoDecimals(successPercent(restoration)),
      avgDuration: average(restoration),
      avgMessagesRestored: restoration.count === 0 ? 0 : twoDecimals(restoration.items / restoration.count),
      errorsByType: errors.restoration,
    },
    navigation: {
      total: navigation.count,
      successCount: navigation.count - navigation.errors,
      dataPreservedCount: navigation.preserved,
      dataLossCount: lost,
      avgDuration: average(navigation),
    },
  };
}

const inMb = (bytes: number): { bytes: number; mb: number } => ({ bytes: roundHalfAway(bytes), mb: twoDecimals(bytes / bytesPerMb) });

function performanceStatistics({ render, scroll, memory, tabSync, api, bundle }: Totals): unknown {
  return {
    renders: {
      count: render.count,
      avgTime: average(render),
      p95Time: percentile(render, 95),
      slowRenders: render.slow,
      slowRenderRate: share(render.slow, render.count),
    },
    scroll: { avgFps: average(scroll), minFps: twoDecimals(scroll.min), jankPercentage: share(scroll.jank, scroll.frames) },
    memory: {
      current: inMb(memory.last ?? 0),
      peak: inMb(memory.max),
      average: inMb(memory.count === 0 ? 0 : memory.sum / memory.count),
    },
    tabSync: {
      operations: tabSync.count,
      avgLatency: average(tabSync),
      p95Latency: percentile(tabSync, 95),
      failures: tabSync.errors,
      failureRate: share(tabSync.errors, tabSync.count),
    },
    api: {
      totalCalls: api.count,
      avgDuration: average(api),
      p95Duration: percentile(api, 95),
      errorRate: share(api.errors, api.count),
      cacheHitRate: share(api.cached, api.count),
    },
    bundles: {
      totalLoaded: bundle.count,
      totalSize: { bytes: bundle.size, kb: twoDecimals(bundle.size / 1024), mb: twoDecimals(bundle.size / bytesPerMb) },
      avgLoadTime: average(bundle),
      cacheHitRate: share(bundle.cached, bundle.count),
    },
  };
}

/** What an exported minute of a type has beyond what all have. */
const extrasOf: Record<MetricType, (minute: MinuteSeries) => Record<string, number>> = {
  persistence: () => ({}),
  restoration: ({ items }) => ({ messagesRestored: items }),
  navigation: ({ preserved }) => ({ preserved }),
  render: ({ slow }) => ({ slow }),
  scroll: ({ jank, frames }) => ({ jankFrames: jank, totalFrames: frames }),
  memory: () => ({}),
  tabSync: () => ({}),
  api: ({ cached }) => ({ cached }),
  bundle: ({ cached, size }) => ({ cached, size }),
};

/** One item of the exported series. Frame rates and heaps have no percentiles. */
export function exportedMinute(type: MetricType, minute: MinuteSeries): Record<string, unknown> {
  const hasOperation = type === 'persistence' || type === 'tabSync';
  const hasPercentiles = type !== 'scroll' && type !== 'memory';
  return {
    minute: minute.minute.toISOString(),
    chatbotId: minute.chatbotId,
    ...(hasOperation ? { operation: minute.operation } : {}),
    count: minute.count,
    errors: minute.errors,
    avg: average(minute),
    min: twoDecimals(minute.min),
    max: twoDecimals(minute.max),
    ...(hasPercentiles ? { p50: percentile(minute, 50), p95: percentile(minute, 95), p99: percentile(minute, 99) } : {}),
    ...extrasOf[type](minute),
  };
}

export function persistenceSummary({ persistence }: Totals): { total: number; successRate: number } {
  return { total: persistence.count, successRate: twoDecimals(successPercent(persistence)) };
}
