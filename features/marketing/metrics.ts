import { counter, fromCode, gauge, histogram } from '../../platform/metrics/definitions.ts';
import { consentStatuses } from './consent.ts';
import { deviceTypes } from './device.ts';
import { trafficSources } from './traffic-source.ts';

/** Every series of marketing. Source: contracts/marketing.md, Prometheus metrics. */
export const eventTypes = ['page_view', 'form_start', 'form_submit', 'other'] as const;
export const endpoints = ['events', 'capture'] as const;
export type CaptureEndpoint = (typeof endpoints)[number];
export const vitals = ['fcp', 'lcp', 'inp', 'ttfb'] as const;

const property = { property: fromCode } as const;
/** The visitors of a site are counted for `default`, which is all properties, and for ROLLUP_PROPERTY_IDS. */
const ofYesterday = { source: 'database', labels: property } as const;

/** Fleet-wide, on /metrics. */
export const fleetMetrics = {
  eventsAccepted: counter({
    name: 'marketing_events_accepted_total',
    help: 'Marketing events stored; other is every type without a meaning of its own.',
    source: 'process',
    labels: { event_type: eventTypes },
  }),
  eventsDuplicate: counter({
    name: 'marketing_events_duplicate_total',
    help: 'Marketing events that were already stored.',
    source: 'process',
  }),
  rejected: counter({
    name: 'marketing_ingest_rejected_total',
    help: 'Marketing requests that failed validation.',
    source: 'process',
    labels: { endpoint: endpoints },
  }),
  honeypotHits: counter({
    name: 'marketing_honeypot_hits_total',
    help: 'Marketing requests with a filled honeypot; nothing of them is stored.',
    source: 'process',
    labels: { endpoint: endpoints },
  }),
  pageViews: counter({
    name: 'marketing_page_views_total',
    help: 'Page views stored, by where the visitor came from and on what.',
    source: 'process',
    labels: { traffic_source: trafficSources, device_type: deviceTypes },
  }),
  leadsCaptured: counter({
    name: 'marketing_leads_captured_total',
    help: 'Captured leads: new, or known by their e-mail address.',
    source: 'process',
    labels: { kind: ['new', 'known'] },
  }),
  consentChanges: counter({
    name: 'marketing_consent_changes_total',
    help: 'Rows of the consent log that changed the status of a lead, by the new status.',
    source: 'process',
    labels: { status: consentStatuses },
  }),
  unsubscribes: counter({
    name: 'marketing_unsubscribes_total',
    help: 'Unsubscribe calls, by whether the address is a lead.',
    source: 'process',
    labels: { outcome: ['found', 'not_found'] },
  }),
  vitalDuration: histogram({
    name: 'marketing_web_vital_duration_seconds',
    help: 'Web vitals that browsers reported.',
    source: 'process',
    labels: { vital: vitals },
    buckets: [0.1, 0.2, 0.5, 0.8, 1, 1.8, 2.5, 3, 4, 6, 10],
  }),
  layoutShift: histogram({
    name: 'marketing_web_vital_layout_shift_score',
    help: 'Cumulative layout shift that browsers reported.',
    source: 'process',
    buckets: [0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 1],
  }),
} as const;

/** Of rollups, by property: the same on every replica. */
export const rollupMetrics = {
  uniqueVisitors: gauge({ name: 'marketing_daily_unique_visitors', help: 'Distinct visitors of yesterday.', ...ofYesterday }),
  pageViews: gauge({ name: 'marketing_daily_page_views', help: 'Page views of yesterday.', ...ofYesterday }),
  newLeads: gauge({ name: 'marketing_daily_new_leads', help: 'Leads first captured yesterday.', ...ofYesterday }),
  leadCapture: gauge({
    name: 'marketing_daily_lead_capture_ratio',
    help: 'New leads by distinct visitors, of yesterday; 0 without visitors.',
    ...ofYesterday,
  }),
  ingestSuccess: gauge({
    name: 'marketing_daily_ingest_success_ratio',
    help: 'Accepted events by accepted and refused ones, of yesterday; 0 without any.',
    ...ofYesterday,
  }),
  lag: gauge({
    name: 'marketing_rollup_lag_seconds',
    help: 'Time since the end of the newest day with a rollup; 0 while that is today.',
    ...ofYesterday,
  }),
  generated: gauge({
    name: 'marketing_rollup_generated_timestamp_seconds',
    help: 'When the newest rollup was made.',
    ...ofYesterday,
  }),
  discrepancies: gauge({
    name: 'marketing_rollup_discrepancies',
    help: 'Values of rollups that differed from the raw rows in the last run of rollups-discrepancy.',
    ...ofYesterday,
  }),
} as const;

/** Of the API process. */
export const apiMetrics = {
  cacheRequests: counter({
    name: 'marketing_cache_requests_total',
    help: 'Requests for the marketing summary, by whether it was in the cache.',
    source: 'process',
    services: ['api'],
    labels: { outcome: ['hit', 'miss'] },
  }),
} as const;
