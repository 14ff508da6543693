import type { Threshold } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Runbook } from './runbooks.ts';

/** A figure from which a rule alerts, as panels draw it. `written` is how the rule writes it; thresholds.test.ts finds it there. */
export interface AlertThreshold {
  runbook: Runbook;
  alert: string;
  severity: keyof typeof colors;
  written: string;
  value: number;
}

const colors = { info: 'blue', warning: 'yellow', error: 'orange', critical: 'red' } as const;

const threshold = (
  runbook: Runbook,
  alert: string,
  severity: AlertThreshold['severity'],
  written: string,
  value: number,
): AlertThreshold => ({ runbook, alert, severity, written, value });

/** Share of the month's events that may miss an objective. */
export const errorBudgets = { loads: 0.005, latency: 0.01, operations: 0.05 } as const;
/** Slower than this misses the latency objective. */
export const latencyObjectiveSeconds = 0.2;

export const alertThresholds = {
  loadFailureRatioWarning: threshold('widget-health', 'WidgetLoadFailureRatioHigh', 'warning', '>= 0.05', 0.05),
  loadFailureRatioCritical: threshold('widget-health', 'WidgetLoadFailureRatioHigh', 'critical', '>= 0.2', 0.2),
  loadBurnOver3Days: threshold('widget-health', 'WidgetLoadSloBurn', 'warning', '> 1 * 0.005', 1),
  loadBurnOver1Day: threshold('widget-health', 'WidgetLoadSloBurn', 'warning', '> 3 * 0.005', 3),
  loadBurnOver6Hours: threshold('widget-health', 'WidgetLoadSloBurn', 'critical', '> 6 * 0.005', 6),
  loadBurnOver1Hour: threshold('widget-health', 'WidgetLoadSloBurn', 'critical', '> 14.4 * 0.005', 14.4),
  latencyBurnOver3Days: threshold('widget-health', 'WidgetLatencySloBurn', 'warning', '> 1 * 0.01', 1),
  latencyBurnOver1Day: threshold('widget-health', 'WidgetLatencySloBurn', 'warning', '> 3 * 0.01', 3),
  latencyBurnOver6Hours: threshold('widget-health', 'WidgetLatencySloBurn', 'critical', '> 6 * 0.01', 6),
  latencyBurnOver1Hour: threshold('widget-health', 'WidgetLatencySloBurn', 'critical', '> 14.4 * 0.01', 14.4),
  orgFailures: threshold('widget-health', 'WidgetOrgHealthSpike', 'error', '>= 50', 50),
  orgFailureRatio: threshold('widget-health', 'WidgetOrgHealthSpike', 'error', '>= 0.2', 0.2),
  orgMismatches: threshold('widget-health', 'WidgetOrgHealthSpike', 'error', '>= 20', 20),
  orgSilentSeconds: threshold('widget-health', 'WidgetOrgSilent', 'info', '> 86400', 86_400),

  errorEventShare: threshold('widget-analytics', 'WidgetErrorEventsHigh', 'warning', '> 0.1', 0.1),
  duplicateShare: threshold('widget-analytics', 'WidgetAnalyticsDuplicatesHigh', 'info', '> 0.2', 0.2),
  eventLagSeconds: threshold('widget-analytics', 'WidgetAnalyticsEventLagHigh', 'info', '> 3600', 3600),
  dropShare: threshold('widget-analytics', 'WidgetAnalyticsDropsHigh', 'warning', '> 0.2', 0.2),
  silentSinceLastWeek: threshold('widget-analytics', 'WidgetAnalyticsSilent', 'warning', '>= 100', 100),
  cleanupAgeSeconds: threshold('widget-analytics', 'WidgetAnalyticsCleanupFailed', 'warning', '> 93600', 93_600),

  persistenceFailureError: threshold('widget-performance', 'WidgetLowPersistenceSuccess', 'error', '> 0.05', 0.05),
  persistenceFailureCritical: threshold('widget-performance', 'WidgetLowPersistenceSuccess', 'critical', '> 0.1', 0.1),
  persistenceSlowSeconds: threshold('widget-performance', 'WidgetSlowPersistence', 'warning', '> 0.2', 0.2),
  restorationSlowSeconds: threshold('widget-performance', 'WidgetSlowRestoration', 'warning', '> 0.2', 0.2),
  dataLoss: threshold('widget-performance', 'WidgetDataLossDetected', 'critical', '> 0', 0),
  renderSlowSeconds: threshold('widget-performance', 'WidgetSlowRenders', 'warning', '> 0.016', 0.016),
  renderDegraded: threshold('widget-performance', 'WidgetPerformanceDegraded', 'warning', '> 1.2 *', 1.2),
  heapMbWarning: threshold('widget-performance', 'WidgetHighMemory', 'warning', '> 50 * 2 ^ 20', 50),
  heapMbError: threshold('widget-performance', 'WidgetHighMemory', 'error', '> 60 * 2 ^ 20', 60),
  apiSlowSeconds: threshold('widget-performance', 'WidgetHighApiLatency', 'warning', '> 0.5', 0.5),
  apiErrorWarning: threshold('widget-performance', 'WidgetHighApiErrors', 'warning', '> 0.01', 0.01),
  apiErrorError: threshold('widget-performance', 'WidgetHighApiErrors', 'error', '> 0.05', 0.05),
  lowFrameRate: threshold('widget-performance', 'WidgetPoorScroll', 'warning', '< 55', 55),
  scrollJank: threshold('widget-performance', 'WidgetHighScrollJank', 'warning', '> 0.1', 0.1),
  tabSyncSlowSeconds: threshold('widget-performance', 'WidgetSlowTabSync', 'warning', '> 0.05', 0.05),
  tabSyncFailures: threshold('widget-performance', 'WidgetTabSyncFailures', 'error', '> 0.01', 0.01),

  marketingRejectionShare: threshold('marketing', 'MarketingIngestRejectionsHigh', 'warning', '> 0.05', 0.05),
  captureSilent: threshold('marketing', 'MarketingCaptureSilent', 'warning', '>= 20', 20),
  formCompletionDrop: threshold('marketing', 'MarketingFormCompletionDropped', 'warning', '< 0.5 *', 0.5),
  lcpPoor: threshold('marketing', 'MarketingWebVitalPoor', 'warning', '> 4', 4),
  inpPoor: threshold('marketing', 'MarketingWebVitalPoor', 'warning', '> 0.5', 0.5),
  fcpPoor: threshold('marketing', 'MarketingWebVitalPoor', 'warning', '> 3', 3),
  ttfbPoor: threshold('marketing', 'MarketingWebVitalPoor', 'warning', '> 1.8', 1.8),
  clsPoor: threshold('marketing', 'MarketingWebVitalPoor', 'warning', '> 0.25', 0.25),
  rollupLagSeconds: threshold('marketing', 'MarketingRollupStale', 'error', '> 86400', 86_400),
  rollupAgeSeconds: threshold('marketing', 'MarketingRollupStale', 'error', '> 10800', 10_800),
  rollupDiscrepancies: threshold('marketing', 'MarketingRollupDiscrepancy', 'warning', '> 0', 0),

  shopFailureRatioWarning: threshold('woocommerce', 'WooCommerceFailureRateHigh', 'warning', '> 0.2', 0.2),
  shopFailureRatioError: threshold('woocommerce', 'WooCommerceFailureRateHigh', 'error', '> 0.5', 0.5),
  shopSlowSeconds: threshold('woocommerce', 'WooCommerceSlow', 'warning', '> 5', 5),
  shopSlowerThanLastWeek: threshold('woocommerce', 'WooCommerceSlowerThanLastWeek', 'warning', '> 2 *', 2),
  configurationErrors: threshold('woocommerce', 'WooCommerceConfigurationErrors', 'error', '> 0', 0),
  storeDown: threshold('woocommerce', 'WooCommerceStoreDown', 'error', '== 0', 0),
  storeSlowSeconds: threshold('woocommerce', 'WooCommerceStoreSlow', 'info', '> 2', 2),
  figuresAgeSeconds: threshold('woocommerce', 'WooCommerceKpisStale', 'warning', '> 7200', 7200),
  lowStock: threshold('woocommerce', 'WooCommerceLowStock', 'info', '> 0', 0),
  shopBurnOver3Days: threshold('woocommerce', 'WooCommerceSloBurn', 'warning', '> 1 * 0.05', 1),
  shopBurnOver1Day: threshold('woocommerce', 'WooCommerceSloBurn', 'warning', '> 3 * 0.05', 3),
  shopBurnOver6Hours: threshold('woocommerce', 'WooCommerceSloBurn', 'critical', '> 6 * 0.05', 6),
  shopBurnOver1Hour: threshold('woocommerce', 'WooCommerceSloBurn', 'critical', '> 14.4 * 0.05', 14.4),

  targetUp: threshold('stack', 'ObservabilityTargetDown', 'critical', '== 0', 0),
  databaseUp: threshold('stack', 'ObservabilityDatabaseDown', 'critical', '== 0', 0),
  httpErrorRatio: threshold('stack', 'ObservabilityHttpErrors', 'error', '> 0.01', 0.01),
  queueUse: threshold('stack', 'ObservabilityIngestQueueFilling', 'error', '> 0.8', 0.8),
  turnedAway: threshold('stack', 'ObservabilityIngestUnavailable', 'error', '> 10', 10),
  rowsRefused: threshold('stack', 'ObservabilityIngestRowsRefused', 'warning', '> 0', 0),
  flushAgeSeconds: threshold('stack', 'ObservabilityCounterFlushStalled', 'error', '> 60', 60),
  jobAge: threshold('stack', 'ObservabilityJobStale', 'error', '> 2 * max by (task) (observability_job_interval_seconds) + 300', 300),
  partitionsAheadSeconds: threshold('stack', 'ObservabilityPartitionsMissing', 'critical', '< 172800', 172_800),
  collectorErrors: threshold('stack', 'ObservabilityCollectorFailing', 'warning', '>= 5', 5),
  orgSeriesUse: threshold('stack', 'ObservabilityOrgSeriesNearLimit', 'warning', '> 0.8', 0.8),
  sampleLimitHits: threshold('stack', 'ObservabilitySampleLimitHit', 'warning', '> 0', 0),
  ruleFailures: threshold('stack', 'ObservabilityRuleFailures', 'error', '> 0', 0),
  configReloaded: threshold('stack', 'ObservabilityConfigReloadFailed', 'warning', '== 0', 0),
  notificationsFailed: threshold('stack', 'ObservabilityNotificationsFailing', 'error', '> 0', 0),
} as const satisfies Record<string, AlertThreshold>;

/** What a panel colours and draws, and whose runbooks it links to. */
export interface Thresholds {
  steps: Threshold[];
  alerts: readonly AlertThreshold[];
}

/** Said where no figure is too high or too low in itself. */
export const noThresholds: Thresholds = { steps: [{ value: null, color: 'green' }], alerts: [] };

/** Good below the first of them. A rule that alerts above zero colours from the smallest value that is not: see `at`. */
export const above = (...alerts: AlertThreshold[]): Thresholds => ({
  steps: [{ value: null, color: 'green' }, ...alerts.map(({ severity, value }) => ({ value, color: colors[severity] }))],
  alerts,
});

/** Good from the figure upwards. */
export const below = (alert: AlertThreshold): Thresholds => ({
  steps: [
    { value: null, color: colors[alert.severity] },
    { value: alert.value, color: 'green' },
  ],
  alerts: [alert],
});

/** Good at zero, and from one on as bad as that severity. */
export const noneOf = (severity: AlertThreshold['severity']): Thresholds => ({
  steps: [
    { value: null, color: 'green' },
    { value: 1, color: colors[severity] },
  ],
  alerts: [],
});

/** With less than a quarter left the runbook stops risky deployments. */
export const budgetLeft: Thresholds = {
  steps: [
    { value: null, color: 'red' },
    { value: 0, color: 'yellow' },
    { value: 0.25, color: 'green' },
  ],
  alerts: [],
};

/** The alert's colour and runbook at a figure of another scale: a number of down targets where the rule asks of one whether it is up. */
export const at = (value: number, alert: AlertThreshold): AlertThreshold => ({ ...alert, value });

/** What is excellent, good, degraded and critical in browsers. Source: contracts/widget-performance.md, reference bands. */
export const referenceBands = {
  persistenceSuccess: { excellent: 0.995, good: 0.98, degraded: 0.95 },
  restoration: { excellent: 0.1, good: 0.2, degraded: 0.3 },
  render: { excellent: 0.01, good: 0.016, degraded: 0.025 },
  frameRate: { excellent: 58, good: 55, degraded: 45 },
  heap: { excellent: 25 * 2 ** 20, good: 40 * 2 ** 20, degraded: 60 * 2 ** 20 },
  apiLatency: { excellent: 0.3, good: 0.5, degraded: 0.8 },
} as const;

/** The colours of a band, whose bounds rise where less is better and fall where more is; links to the runbooks of the alerts. */
export function inBands(
  { excellent, good, degraded }: (typeof referenceBands)[keyof typeof referenceBands],
  ...alerts: AlertThreshold[]
): Thresholds {
  const steps =
    excellent < degraded
      ? [
          { value: null, color: 'dark-green' },
          { value: excellent, color: 'green' },
          { value: good, color: 'yellow' },
          { value: degraded, color: 'red' },
        ]
      : [
          { value: null, color: 'red' },
          { value: degraded, color: 'yellow' },
          { value: good, color: 'green' },
          { value: excellent, color: 'dark-green' },
        ];
  return { steps, alerts };
}

/** Of a web vital: good, to be improved, poor. */
export const inVitalBands = (good: number, poor: AlertThreshold): Thresholds => ({
  steps: [
    { value: null, color: 'green' },
    { value: good, color: 'yellow' },
    { value: poor.value, color: 'red' },
  ],
  alerts: [poor],
});

/** Of a health score, 0 to 100: healthy, degraded, unhealthy. Source: contracts/widget-performance.md, Score. */
export const healthScoreBands: Thresholds = {
  steps: [
    { value: null, color: 'red' },
    { value: 70, color: 'yellow' },
    { value: 90, color: 'green' },
  ],
  alerts: [],
};

/** Words for series that are 1 or 0. */
export const stateWords = { 1: { text: 'up', color: 'green' }, 0: { text: 'down', color: 'red' } };
