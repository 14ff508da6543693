import type { UtcDay } from '../../platform/time/utc-day.ts';
import { addDays, startOfUtcDay } from '../../platform/time/utc-day.ts';
import type { DayTotals, DayWindow, TrendDay } from './queries.ts';
import { trafficSources, type TrafficSource } from './traffic-source.ts';

// What GET /v1/metrics/summary answers, from sums over days. Source: contracts/marketing.md, Read API.

export interface Metric {
  value: number;
  /** Relative change; null when nothing was compared, or with nothing. */
  delta: number | null;
}

export interface WindowFigures {
  totals: DayTotals;
  windowVisitors: number;
}

export interface Summary {
  window: DayWindow;
  compareTo: DayWindow | null;
  freshness: { rolledUpThrough: UtcDay | null; lagDays: number | null; generatedAt: string | null };
  metrics: Record<keyof typeof formulas, Metric> & { trafficSourceMix: Record<TrafficSource, number> };
  ingest: { successPct: number; p95TtfbMs: number | null; totalEventsAccepted: number; totalEventsRejected: number };
  trend: readonly TrendDay[];
}

const hourMs = 3_600_000;

const formulas = {
  uniqueVisitors: ({ totals }: WindowFigures) => totals.uniqueVisitors,
  windowUniqueVisitors: ({ windowVisitors }: WindowFigures) => windowVisitors,
  returningVisitorsPct: ({ totals }: WindowFigures) => ratio(totals.returningVisitors, totals.uniqueVisitors),
  totalPageViews: ({ totals }: WindowFigures) => totals.pageViews,
  leadCaptureRate: ({ totals }: WindowFigures) => ratio(totals.newLeads, totals.uniqueVisitors),
  formCompletionRate: ({ totals }: WindowFigures) => ratio(totals.formSubmits, totals.formStarts),
  landingPageConversionRate: ({ totals }: WindowFigures) => ratio(totals.convertedSessions, totals.entranceSessions),
  avgTimeToFirstCaptureHrs: ({ totals }: WindowFigures) => ratio(totals.captureSumMs, totals.captureCount) / hourMs,
} as const;

export const metricNames = Object.keys(formulas) as (keyof typeof formulas)[];

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** The same length, immediately before. */
export function windowBefore({ from, to }: DayWindow): DayWindow {
  return { from: addDays(from, -lengthOf({ from, to })), to: addDays(from, -1) };
}

/** Days, both ends included. */
export function lengthOf({ from, to }: DayWindow): number {
  return daysBetween(from, to) + 1;
}

function daysBetween(earlier: UtcDay, later: UtcDay): number {
  return Math.round((startOfUtcDay(later).getTime() - startOfUtcDay(earlier).getTime()) / 86_400_000);
}

export interface SummaryInput {
  window: DayWindow;
  current: WindowFigures;
  compared: { window: DayWindow; figures: WindowFigures } | undefined;
  freshness: { day: UtcDay; generatedAt: Date } | undefined;
  trend: readonly TrendDay[];
  today: UtcDay;
}

export function summaryOf({ window, current, compared, freshness, trend, today }: SummaryInput): Summary {
  const { totals } = current;
  const metrics = Object.fromEntries(
    metricNames.map((name) => [name, metricOf(formulas[name](current), compared && formulas[name](compared.figures))]),
  ) as Record<keyof typeof formulas, Metric>;
  return {
    window,
    compareTo: compared?.window ?? null,
    freshness: {
      rolledUpThrough: freshness?.day ?? null,
      lagDays: freshness === undefined ? null : daysBetween(freshness.day, today),
      generatedAt: freshness?.generatedAt.toISOString() ?? null,
    },
    metrics: { ...metrics, trafficSourceMix: sourceMix(totals.sources) },
    ingest: {
      successPct: ratio(totals.accepted, totals.accepted + totals.rejected),
      p95TtfbMs: totals.ttfbEvents === 0 ? null : Math.round(totals.ttfbWeighted / totals.ttfbEvents),
      totalEventsAccepted: totals.accepted,
      totalEventsRejected: totals.rejected,
    },
    trend,
  };
}

function metricOf(value: number, previous: number | undefined): Metric {
  return { value, delta: previous === undefined || previous === 0 ? null : (value - previous) / previous };
}

function sourceMix(events: Readonly<Record<string, number>>): Record<TrafficSource, number> {
  const total = trafficSources.reduce((sum, source) => sum + (events[source] ?? 0), 0);
  return Object.fromEntries(trafficSources.map((source) => [source, ratio(events[source] ?? 0, total)])) as Record<TrafficSource, number>;
}
