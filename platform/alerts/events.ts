import { z } from 'zod';
import { cleanText } from '../clean-text.ts';
import { longestText } from '../http/validation.ts';

/** Alertmanager's webhook body, version 4. Items are checked one by one: a malformed one must not cost the others. */
export const alertmanagerWebhook = z
  .object({
    version: z.literal('4'),
    alerts: z
      .array(z.unknown())
      .meta({ description: "Alertmanager's alerts: `status`, `labels`, `annotations`, `startsAt`, `endsAt`, `fingerprint`." }),
  })
  .meta({
    id: 'AlertmanagerWebhook',
    examples: [
      {
        version: '4',
        alerts: [
          {
            status: 'firing',
            labels: { alertname: 'WidgetOrgHealthSpike', severity: 'error', feature: 'widget-health', org: 'acme' },
            annotations: { summary: 'Widget of an organization fails', description: 'acme: 60 failures in an hour' },
            startsAt: '2026-02-13T09:58:00.000Z',
            endsAt: '0001-01-01T00:00:00Z',
            fingerprint: 'c1f3a9b2d4e5f607',
          },
        ],
      },
    ],
  });

/** Longer texts are cut: an alert with a long description is still an alert. */
const maxText = 10_000;
const text = z.string().transform((value) => cleanText(value.slice(0, maxText)));
const texts = z
  .record(z.string().check(longestText(200)), text)
  .transform((entries) => Object.fromEntries(Object.entries(entries).map(([name, value]) => [cleanText(name), value])));
const moment = z.iso
  .datetime({ offset: true })
  .transform((value) => new Date(value))
  .refine((date) => !Number.isNaN(date.getTime()), 'must be a moment');

const webhookAlert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: texts.refine((labels) => (labels['alertname'] ?? '') !== '', 'must have an alertname'),
  annotations: texts.default({}),
  startsAt: moment,
  endsAt: moment,
  fingerprint: z.string().check(longestText(128)).transform(cleanText).pipe(z.string().min(1)),
});

export const severities = ['info', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof severities)[number];

/** One delivered alert as it is stored. Source: contracts/widget-performance.md, POST /ingest/alertmanager. */
export interface DeliveredAlert {
  status: 'firing' | 'resolved';
  orgKey: string | undefined;
  fingerprint: string;
  alertname: string;
  feature: string;
  severity: Severity;
  category: string;
  title: string;
  message: string;
  metadata: Record<string, unknown>;
  labels: Record<string, string>;
  startsAt: Date;
  endsAt: Date;
}

/** Undefined for an item that is no alert. */
export function parseDeliveredAlert(item: unknown): DeliveredAlert | undefined {
  const result = webhookAlert.safeParse(item);
  if (!result.success) return undefined;
  const { labels, annotations, ...rest } = result.data;
  const alertname = labels['alertname'] ?? '';
  return {
    ...rest,
    labels,
    alertname,
    orgKey: labels['org'],
    feature: labels['feature'] ?? 'pipeline',
    severity: severities.find((known) => known === labels['severity']) ?? 'warning',
    category: labels['category'] ?? 'error_rate',
    title: annotations['summary'] ?? alertname,
    message: annotations['description'] ?? '',
    metadata: metadataOf(annotations),
  };
}

const metadataPrefix = 'meta_';

/** Annotations `meta_*` without their prefix: numbers and JSON objects parsed, anything else as text. A template without a sample leaves an empty one. */
function metadataOf(annotations: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(annotations)
      .filter(([name, value]) => name.startsWith(metadataPrefix) && value.trim() !== '')
      .map(([name, value]) => [name.slice(metadataPrefix.length), metadataValue(value)]),
  );
}

function metadataValue(value: string): unknown {
  if (/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value.trim())) {
    // 1e999 looks like a number and becomes Infinity, which JSON cannot hold.
    return Number.isFinite(Number(value)) ? Number(value) : value;
  }
  if (!value.trimStart().startsWith('{')) return value;
  try {
    const parsed = cleanJson(JSON.parse(value));
    JSON.stringify(parsed);
    return parsed;
  } catch {
    // Text that merely starts with a brace, or is nested so deeply that it could not be written again.
    return value;
  }
}

/** PostgreSQL refuses U+0000 anywhere in a jsonb, in keys too. */
function cleanJson(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [cleanText(name), cleanJson(item)]));
}
