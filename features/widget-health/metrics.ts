import { counter, fromCode, gauge, histogram } from '../../platform/metrics/definitions.ts';

/** Every series of widget-health. Source: contracts/widget-health.md, Prometheus metrics. */
const responseBounds = [0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;

export const refusalReasons = ['invalid', 'unknown_org', 'origin_missing', 'domain'] as const;
export const messageRoles = ['user', 'assistant', 'unknown'] as const;
export const statusLabels = ['ok', 'needs_attention', 'not_connected'] as const;
export const lastSeenBands = ['never', 'lt1h', 'lt24h', 'lt7d', 'gte7d'] as const;

/** Fleet-wide, on /metrics. */
export const fleetMetrics = {
  loads: counter({
    name: 'widget_loads_total',
    help: 'Widget loads: bootloader calls that were answered with a configuration.',
    source: 'process',
  }),
  loadFailures: counter({
    name: 'widget_load_failures_total',
    help: 'Widget loads that failed with an internal error after the organization was resolved.',
    source: 'process',
  }),
  domainMismatch: counter({
    name: 'widget_domain_mismatch_total',
    help: 'Bootloader calls that the domain allowlist refused; the same calls are reason domain of widget_bootloader_refused_total.',
    source: 'process',
  }),
  refused: counter({
    name: 'widget_bootloader_refused_total',
    help: 'Bootloader calls that were refused, by reason.',
    source: 'process',
    labels: { reason: refusalReasons },
  }),
  bootloaderDuration: histogram({
    name: 'widget_bootloader_duration_seconds',
    help: 'Duration of successful bootloader calls.',
    source: 'process',
    buckets: responseBounds,
  }),
  messageDuration: histogram({
    name: 'widget_message_response_duration_seconds',
    help: 'Message response durations as reported by the chat backend.',
    source: 'process',
    labels: { role: messageRoles },
    buckets: responseBounds,
  }),
  orgs: gauge({
    name: 'widget_orgs',
    help: 'Organizations by widget status, inactive ones included.',
    source: 'database',
    labels: { status: statusLabels },
  }),
  orgsByLastSeen: gauge({
    name: 'widget_orgs_by_last_seen',
    help: 'Organizations by the age of their last widget load, inactive ones included.',
    source: 'database',
    labels: { band: lastSeenBands },
  }),
} as const;

const org = { org: fromCode } as const;

/** Per organization, on /metrics/orgs: the label `org` holds the organization key. */
export const orgMetrics = {
  loads: counter({
    name: 'widget_org_loads_total',
    help: 'Stored lifetime widget loads of an organization.',
    source: 'database',
    labels: org,
  }),
  loadFailures: counter({
    name: 'widget_org_load_failures_total',
    help: 'Stored lifetime widget load failures of an organization.',
    source: 'database',
    labels: org,
  }),
  domainMismatch: counter({
    name: 'widget_org_domain_mismatch_total',
    help: 'Stored lifetime bootloader calls of an organization that its domain allowlist refused.',
    source: 'database',
    labels: org,
  }),
  lastSeen: gauge({
    name: 'widget_org_last_seen_timestamp_seconds',
    help: 'Last successful widget load of an organization; absent if there never was one.',
    source: 'database',
    labels: org,
  }),
  status: gauge({
    name: 'widget_org_status',
    help: '1 for the current widget status of an organization, 0 for the others.',
    source: 'database',
    labels: { org: fromCode, status: statusLabels },
  }),
  responseDuration: histogram({
    name: 'widget_org_response_duration_seconds',
    help: 'Stored rolling histogram of bootloader and message response times of an organization.',
    source: 'database',
    labels: org,
    buckets: [0.05, 0.1, 0.2, 0.5, 1, 2],
  }),
} as const;
