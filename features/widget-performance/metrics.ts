import { counter, fromCode, gauge, histogram } from '../../platform/metrics/definitions.ts';
import { incidentCauses, persistenceOperations, tabSyncOperations } from './events.ts';
import { scoreParts } from './score.ts';

/** Every series of widget-performance. Source: contracts/widget-performance.md, Prometheus metrics. */
export const outcomes = ['success', 'failure'] as const;
export const apiOutcomes = ['ok', 'error'] as const;
const booleans = ['true', 'false'] as const;
export const alertSeverities = ['info', 'warning', 'error', 'critical'] as const;
export const alertCategories = ['persistence', 'performance', 'memory', 'api', 'error_rate', 'scroll', 'tab_sync'] as const;

const mebibytes = (...sizes: number[]): number[] => sizes.map((size) => size * 1024 ** 2);
const kibibytes = (...sizes: number[]): number[] => sizes.map((size) => size * 1024);

const process = 'process';
const org = { org: fromCode } as const;

/** What both a fleet-wide series and one per organization have in common. */
const buckets = {
  persistence: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10],
  restoration: [0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5],
  render: [0.002, 0.004, 0.008, 0.01, 0.016, 0.025, 0.033, 0.05, 0.1, 0.25, 1],
  scroll: [15, 24, 30, 45, 55, 58, 60, 90, 120],
  memory: mebibytes(10, 20, 25, 30, 40, 50, 60, 75, 100, 150, 200),
  tabSync: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
  api: [0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1, 2, 5, 10],
} as const;

/** Fleet-wide, on /metrics: counted in the process, but for the last two, which are read from the database. */
export const fleetMetrics = {
  persistence: counter({
    name: 'widget_client_persistence_operations_total',
    help: 'Persistence operations that widgets reported, by outcome.',
    source: process,
    labels: { operation: persistenceOperations, outcome: outcomes },
  }),
  persistenceDuration: histogram({
    name: 'widget_client_persistence_duration_seconds',
    help: 'Duration of persistence operations.',
    source: process,
    buckets: buckets.persistence,
  }),
  dataLoss: counter({
    name: 'widget_client_data_loss_incidents_total',
    help: 'Data-loss incidents: saves that failed, navigations that did not preserve data.',
    source: process,
    labels: { cause: incidentCauses },
  }),
  restorations: counter({
    name: 'widget_client_restorations_total',
    help: 'Session restorations, by outcome.',
    source: process,
    labels: { outcome: outcomes },
  }),
  restorationDuration: histogram({
    name: 'widget_client_restoration_duration_seconds',
    help: 'Duration of session restorations.',
    source: process,
    buckets: buckets.restoration,
  }),
  navigations: counter({
    name: 'widget_client_navigations_total',
    help: 'Navigations between pages, by outcome and whether data was preserved.',
    source: process,
    labels: { outcome: outcomes, data_preserved: booleans },
  }),
  renderDuration: histogram({
    name: 'widget_client_render_duration_seconds',
    help: 'Time in which widgets rendered a message.',
    source: process,
    buckets: buckets.render,
  }),
  scrollFrameRate: histogram({
    name: 'widget_client_scroll_frame_rate_hertz',
    help: 'Frames per second while scrolling.',
    source: process,
    buckets: buckets.scroll,
  }),
  scrollFrames: counter({ name: 'widget_client_scroll_frames_total', help: 'Frames while scrolling.', source: process }),
  scrollJankFrames: counter({
    name: 'widget_client_scroll_jank_frames_total',
    help: 'Frames that came late while scrolling.',
    source: process,
  }),
  memoryHeapUsed: histogram({
    name: 'widget_client_memory_heap_used_bytes',
    help: 'Used heap of the pages that embed widgets, by snapshot.',
    source: process,
    buckets: buckets.memory,
  }),
  tabSync: counter({
    name: 'widget_client_tab_sync_operations_total',
    help: 'Synchronisations between tabs, by outcome.',
    source: process,
    labels: { operation: tabSyncOperations, outcome: outcomes },
  }),
  tabSyncLatency: histogram({
    name: 'widget_client_tab_sync_latency_seconds',
    help: 'Latency of synchronisations between tabs.',
    source: process,
    buckets: buckets.tabSync,
  }),
  apiRequests: counter({
    name: 'widget_client_api_requests_total',
    help: 'API calls of widgets, by outcome and whether they were answered from a cache.',
    source: process,
    labels: { outcome: apiOutcomes, cached: booleans },
  }),
  apiDuration: histogram({
    name: 'widget_client_api_request_duration_seconds',
    help: 'Duration of API calls of widgets.',
    source: process,
    buckets: buckets.api,
  }),
  bundleLoads: counter({
    name: 'widget_client_bundle_loads_total',
    help: 'Bundles loaded, by whether they came from a cache.',
    source: process,
    labels: { cached: booleans },
  }),
  bundleLoadDuration: histogram({
    name: 'widget_client_bundle_load_duration_seconds',
    help: 'Load time of bundles.',
    source: process,
    buckets: [0.1, 0.25, 0.5, 1, 2, 5, 10],
  }),
  bundleSize: histogram({
    name: 'widget_client_bundle_size_bytes',
    help: 'Size of the bundles loaded.',
    source: process,
    buckets: kibibytes(50, 100, 250, 500, 1000, 2000),
  }),
  healthScore: gauge({
    name: 'widget_client_health_score_ratio',
    help: 'Health score of the last five minutes over all organizations, 1 at best.',
    source: 'database',
    labels: { part: scoreParts },
  }),
  alertsActive: gauge({
    name: 'widget_client_alerts_active',
    help: 'Unresolved stored alerts of widget-performance.',
    source: 'database',
    labels: { severity: alertSeverities, category: [...alertCategories, 'other'] },
  }),
} as const;

/** Per organization, on /metrics/orgs: counted in the process, but for the last four, which are read from the database. */
export const orgMetrics = {
  persistence: counter({
    name: 'widget_client_org_persistence_operations_total',
    help: 'Persistence operations of an organization, by outcome.',
    source: process,
    labels: { ...org, outcome: outcomes },
  }),
  persistenceDuration: histogram({
    name: 'widget_client_org_persistence_duration_seconds',
    help: 'Duration of the persistence operations of an organization.',
    source: process,
    labels: org,
    buckets: buckets.persistence,
  }),
  dataLoss: counter({
    name: 'widget_client_org_data_loss_incidents_total',
    help: 'Data-loss incidents of an organization.',
    source: process,
    labels: { ...org, cause: incidentCauses },
  }),
  restorations: counter({
    name: 'widget_client_org_restorations_total',
    help: 'Session restorations of an organization, by outcome.',
    source: process,
    labels: { ...org, outcome: outcomes },
  }),
  restorationDuration: histogram({
    name: 'widget_client_org_restoration_duration_seconds',
    help: 'Duration of the session restorations of an organization.',
    source: process,
    labels: org,
    buckets: buckets.restoration,
  }),
  renderDuration: histogram({
    name: 'widget_client_org_render_duration_seconds',
    help: 'Time in which the widgets of an organization rendered a message.',
    source: process,
    labels: org,
    buckets: buckets.render,
  }),
  scrollFrameRate: histogram({
    name: 'widget_client_org_scroll_frame_rate_hertz',
    help: 'Frames per second while scrolling, of an organization.',
    source: process,
    labels: org,
    buckets: buckets.scroll,
  }),
  scrollFrames: counter({
    name: 'widget_client_org_scroll_frames_total',
    help: 'Frames while scrolling, of an organization.',
    source: process,
    labels: org,
  }),
  scrollJankFrames: counter({
    name: 'widget_client_org_scroll_jank_frames_total',
    help: 'Frames that came late while scrolling, of an organization.',
    source: process,
    labels: org,
  }),
  memoryHeapUsed: histogram({
    name: 'widget_client_org_memory_heap_used_bytes',
    help: 'Used heap of the pages that embed widgets of an organization, by snapshot.',
    source: process,
    labels: org,
    buckets: buckets.memory,
  }),
  tabSync: counter({
    name: 'widget_client_org_tab_sync_operations_total',
    help: 'Synchronisations between tabs of an organization, by outcome.',
    source: process,
    labels: { ...org, outcome: outcomes },
  }),
  tabSyncLatency: histogram({
    name: 'widget_client_org_tab_sync_latency_seconds',
    help: 'Latency of synchronisations between tabs of an organization.',
    source: process,
    labels: org,
    buckets: buckets.tabSync,
  }),
  apiRequests: counter({
    name: 'widget_client_org_api_requests_total',
    help: 'API calls of the widgets of an organization, by outcome and whether they were answered from a cache.',
    source: process,
    labels: { ...org, outcome: apiOutcomes, cached: booleans },
  }),
  apiDuration: histogram({
    name: 'widget_client_org_api_request_duration_seconds',
    help: 'Duration of API calls of the widgets of an organization.',
    source: process,
    labels: org,
    buckets: buckets.api,
  }),
  memoryHeapPeak: gauge({
    name: 'widget_client_org_memory_heap_peak_bytes',
    help: 'Largest used heap of an organization in the last five minutes.',
    source: 'database',
    labels: org,
  }),
  scrollMinFrameRate: gauge({
    name: 'widget_client_org_scroll_min_frame_rate_hertz',
    help: 'Fewest frames per second of an organization in the last five minutes.',
    source: 'database',
    labels: org,
  }),
  renderBaseline: gauge({
    name: 'widget_client_org_render_baseline_seconds',
    help: 'Average render time of an organization when its baseline was captured.',
    source: 'database',
    labels: org,
  }),
  healthScore: gauge({
    name: 'widget_client_org_health_score_ratio',
    help: 'Health score of an organization in the last five minutes, 1 at best.',
    source: 'database',
    labels: { ...org, part: scoreParts },
  }),
} as const;
