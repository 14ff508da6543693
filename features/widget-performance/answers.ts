import { z } from 'zod';
import { timestamp } from '../../platform/http/validation.ts';
import { alertCategories, alertSeverities } from './metrics.ts';
import { healthStatuses } from './score.ts';

/** What the read routes answer. Source: contracts/widget-performance.md, Read API. */
const count = z.int().min(0);
const score = z.int().min(0).max(100);
const percent = z.number().min(0).max(100).meta({ description: 'In percent, two decimals.' });
const ms = z.number().min(0).meta({ description: 'In ms, two decimals; 0 of nothing. A percentile is within 1 % of the exact one.' });
const mb = z.number().min(0);
const bytesAndMb = z.object({ bytes: count, mb });
const errorsByType = z.record(z.string(), count).meta({ description: 'Failures that carried an error type, by type.' });

const alert = z.object({
  id: z.guid(),
  orgKey: z.string().nullable().meta({ description: 'Null for an alert of no organization.' }),
  severity: z.enum(alertSeverities),
  category: z.string(),
  title: z.string(),
  message: z.string(),
  timestamp: timestamp.meta({ description: 'When it began.' }),
  metadata: z.record(z.string(), z.unknown()).meta({ description: 'Values of the alert, by name.' }),
  resolved: z.boolean(),
  resolvedAt: timestamp.nullable(),
});

const exampleAlert = {
  id: 'b1f2c3d4-3c1e-4c5b-9a55-0d6c7a3f2b10',
  orgKey: 'acme',
  severity: 'warning',
  category: 'performance',
  title: 'Slow Message Renders',
  message: 'P95 render time is 18.52ms, above threshold of 16ms',
  timestamp: '2026-02-13T09:58:00.000Z',
  metadata: { p95Time: 18.52, threshold: 16, slowRenders: 45, totalRenders: 320 },
  resolved: false,
  resolvedAt: null,
} as const;

export const mostActiveAlerts = 50;
export const alertStatsDays = 30;

const alerts = z.object({
  active: z.array(alert).max(mostActiveAlerts).meta({ description: 'Unresolved, newest first.' }),
  stats: z
    .object({
      total: count,
      unresolved: count,
      bySeverity: z.object({ info: count, warning: count, error: count, critical: count }),
      byCategory: z.object(Object.fromEntries(alertCategories.map((category) => [category, count]))).catchall(count),
    })
    .meta({ description: `Alerts that began in the last ${alertStatsDays} days.` }),
});

const of = { timestamp: timestamp.meta({ description: 'When the figures were read; they may be from a cache.' }), timeWindow: count };

const statistics = z
  .object({
    ...of,
    health: z.object({
      overall: score,
      scores: z.object({ persistence: score, performance: score, memory: score, api: score }),
      status: z.enum(healthStatuses),
    }),
    persistence: z.object({
      operations: z.object({ total: count, successful: count, failed: count, successRate: percent, avgDuration: ms }),
      performance: z.object({ avgDuration: ms, p50Duration: ms, p95Duration: ms, p99Duration: ms }),
      reliability: z.object({ dataLossIncidents: count, errorsByType }),
      restoration: z.object({ total: count, successRate: percent, avgDuration: ms, avgMessagesRestored: z.number().min(0), errorsByType }),
      navigation: z.object({ total: count, successCount: count, dataPreservedCount: count, dataLossCount: count, avgDuration: ms }),
    }),
    performance: z.object({
      renders: z.object({ count, avgTime: ms, p95Time: ms, slowRenders: count, slowRenderRate: percent }),
      scroll: z.object({ avgFps: z.number().min(0), minFps: z.number().min(0), jankPercentage: percent }),
      memory: z.object({ current: bytesAndMb, peak: bytesAndMb, average: bytesAndMb }),
      tabSync: z.object({ operations: count, avgLatency: ms, p95Latency: ms, failures: count, failureRate: percent }),
      api: z.object({ totalCalls: count, avgDuration: ms, p95Duration: ms, errorRate: percent, cacheHitRate: percent }),
      bundles: z.object({
        totalLoaded: count,
        totalSize: z.object({ bytes: count, kb: z.number().min(0), mb }),
        avgLoadTime: ms,
        cacheHitRate: percent,
      }),
    }),
    alerts: alerts.optional(),
  })
  .meta({
    id: 'WidgetPerformance',
    examples: [
      {
        timestamp: '2026-02-13T10:00:00.000Z',
        timeWindow: 300_000,
        health: { overall: 95, scores: { persistence: 99, performance: 92, memory: 88, api: 97 }, status: 'healthy' },
        persistence: {
          operations: { total: 1250, successful: 1238, failed: 12, successRate: 99.04, avgDuration: 45.2 },
          performance: { avgDuration: 45.2, p50Duration: 38.1, p95Duration: 120.4, p99Duration: 180.9 },
          reliability: { dataLossIncidents: 0, errorsByType: { SecurityError: 12 } },
          restoration: { total: 80, successRate: 100, avgDuration: 152.3, avgMessagesRestored: 12.5, errorsByType: {} },
          navigation: { total: 40, successCount: 40, dataPreservedCount: 40, dataLossCount: 0, avgDuration: 30.1 },
        },
        performance: {
          renders: { count: 320, avgTime: 8.3, p95Time: 17.28, slowRenders: 20, slowRenderRate: 6.25 },
          scroll: { avgFps: 58.2, minFps: 49, jankPercentage: 3.2 },
          memory: {
            current: { bytes: 35_232_153, mb: 33.6 },
            peak: { bytes: 41_943_040, mb: 40 },
            average: { bytes: 33_554_432, mb: 32 },
          },
          tabSync: { operations: 60, avgLatency: 12.4, p95Latency: 31.2, failures: 0, failureRate: 0 },
          api: { totalCalls: 500, avgDuration: 210.5, p95Duration: 480.2, errorRate: 0.6, cacheHitRate: 62 },
          bundles: { totalLoaded: 20, totalSize: { bytes: 4_096_000, kb: 4000, mb: 3.91 }, avgLoadTime: 310.2, cacheHitRate: 75 },
        },
        alerts: {
          active: [exampleAlert],
          stats: {
            total: 4,
            unresolved: 1,
            bySeverity: { info: 0, warning: 3, error: 0, critical: 1 },
            byCategory: { persistence: 1, performance: 3, memory: 0, api: 0, error_rate: 0, scroll: 0, tab_sync: 0 },
          },
        },
      },
    ],
  });

const minute = {
  minute: timestamp,
  chatbotId: z.guid(),
  count,
  errors: count,
  avg: z.number().min(0),
  min: z.number().min(0),
  max: z.number().min(0),
};
const percentiles = { p50: ms, p95: ms, p99: ms };
const withOperation = { ...minute, operation: z.string(), ...percentiles };

const exported = z
  .object({
    ...of,
    metrics: z
      .object({
        persistence: z.object({
          persistence: z.array(z.object(withOperation)),
          restorations: z.array(z.object({ ...minute, ...percentiles, messagesRestored: count })),
          navigations: z.array(z.object({ ...minute, ...percentiles, preserved: count })),
          stats: z.object({ total: count, successRate: percent }),
        }),
        performance: z.object({
          renders: z.array(z.object({ ...minute, ...percentiles, slow: count })),
          scrolls: z.array(z.object({ ...minute, jankFrames: count, totalFrames: count })),
          memory: z.array(z.object(minute)),
          tabSync: z.array(z.object(withOperation)),
          api: z.array(z.object({ ...minute, ...percentiles, cached: count })),
          bundles: z.array(z.object({ ...minute, ...percentiles, cached: count, size: count })),
        }),
      })
      .meta({ description: 'Per minute, ascending by minute, chatbot and operation.' }),
    alerts: z.array(alert).optional().meta({ description: 'The newest 1000, resolved ones too.' }),
  })
  .meta({
    id: 'WidgetPerformanceExport',
    examples: [
      {
        timestamp: '2026-02-13T10:00:00.000Z',
        timeWindow: 300_000,
        metrics: {
          persistence: {
            persistence: [
              {
                minute: '2026-02-13T09:59:00.000Z',
                chatbotId: '3f0c1b52-3c1e-4c5b-9a55-0d6c7a3f2b10',
                operation: 'save',
                count: 12,
                errors: 0,
                avg: 44.1,
                min: 20.5,
                max: 90,
                p50: 40.2,
                p95: 88.1,
                p99: 90,
              },
            ],
            restorations: [],
            navigations: [],
            stats: { total: 12, successRate: 100 },
          },
          performance: { renders: [], scrolls: [], memory: [], tabSync: [], api: [], bundles: [] },
        },
        alerts: [],
      },
    ],
  });

/** Statistics, or with `format=export` what they are made from. */
export const monitoring = z.union([statistics, exported]);

export const resolvedAlert = z.object({ success: z.literal(true), alert }).meta({
  id: 'ResolvedAlert',
  examples: [{ success: true, alert: { ...exampleAlert, resolved: true, resolvedAt: '2026-02-13T10:05:00.000Z' } }],
});

export const capturedBaseline = z
  .object({
    success: z.literal(true),
    baseline: z.object({ orgKey: z.string(), renderAvgMs: ms, sampleCount: count, capturedAt: timestamp }),
  })
  .meta({
    id: 'WidgetPerformanceBaseline',
    examples: [{ success: true, baseline: { orgKey: 'acme', renderAvgMs: 8.3, sampleCount: 320, capturedAt: '2026-02-13T10:05:00.000Z' } }],
  });
