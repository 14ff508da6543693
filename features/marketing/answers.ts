import { z } from 'zod';
import { timestamp } from '../../platform/http/validation.ts';
import { metricNames } from './summary.ts';
import { trafficSources } from './traffic-source.ts';

const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/)
  .meta({ format: 'date' });
const window = z.object({ from: day, to: day });
const count = z.int().min(0);
const fraction = z.number().min(0).max(1);

const descriptions: Partial<Record<(typeof metricNames)[number], string>> = {
  uniqueVisitors: 'Sum of the daily distinct visitors: who came on three days counts three.',
  windowUniqueVisitors: 'Distinct visitors of the whole window.',
  returningVisitorsPct: 'Share of the daily distinct visitors who had been seen before that day.',
  leadCaptureRate: 'New leads by daily distinct visitors.',
  formCompletionRate: 'Forms submitted by forms started.',
  landingPageConversionRate: 'Share of the sessions with an entrance that converted at or after it.',
  avgTimeToFirstCaptureHrs: 'From the first visit to the capture of a new lead, in hours.',
};

const metric = (name: (typeof metricNames)[number]) =>
  z
    .object({
      value: z.number().min(0),
      delta: z
        .number()
        .nullable()
        .meta({ description: '(current - previous) / previous; null when not asked for, or when previous is 0.' }),
    })
    .meta(descriptions[name] === undefined ? {} : { description: descriptions[name] });

/** Answer of GET /v1/metrics/summary. */
export const metricsSummary = z
  .object({
    ok: z.literal(true),
    window,
    compareTo: window.nullable().meta({ description: 'The window of the same length immediately before.' }),
    freshness: z
      .object({ rolledUpThrough: day.nullable(), lagDays: z.int().nullable(), generatedAt: timestamp.nullable() })
      .meta({ description: 'Of the newest day with a rollup.' }),
    metrics: z.object({
      ...(Object.fromEntries(metricNames.map((name) => [name, metric(name)])) as Record<
        (typeof metricNames)[number],
        ReturnType<typeof metric>
      >),
      trafficSourceMix: z
        .object(
          Object.fromEntries(trafficSources.map((source) => [source, fraction])) as Record<(typeof trafficSources)[number], z.ZodNumber>,
        )
        .meta({ description: 'Share of events by source.' }),
    }),
    ingest: z.object({
      successPct: fraction.meta({ description: 'Accepted events by accepted and refused ones.' }),
      p95TtfbMs: count.nullable().meta({ description: 'Time to first byte that browsers reported: daily percentiles weighted by events.' }),
      totalEventsAccepted: count,
      totalEventsRejected: count,
    }),
    trend: z.array(z.object({ day, uniqueVisitors: count, pageViews: count, newLeads: count })),
  })
  .meta({ id: 'MarketingSummary' });
