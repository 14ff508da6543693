/** Where a rule of Grafana's dashboard-linter does not hold, and why. `rule` is the linter's name; without `panel` the whole dashboard. */
export interface LintExclusion {
  rule: string;
  dashboard: string;
  panel?: string;
  reason: string;
}

const recorded = 'recorded series are of the fleet, of a class or of an organization: they have neither job nor instance';
const alerts = 'ALERTS has the labels of the alert: few have a job or an instance, and a filter would hide the others';

const withoutTarget: readonly Omit<LintExclusion, 'rule'>[] = [
  ...['Critical alerts', 'Error alerts', 'Warning alerts', 'Firing alerts', 'Alerts over time'].map((panel) => ({
    dashboard: 'overview',
    panel,
    reason: alerts,
  })),
  { dashboard: 'widget-health', panel: 'Alerts of $org over time', reason: alerts },
  ...['overview', 'widget-health'].flatMap((dashboard) =>
    ['Failures per load, 15 minutes', 'Burn rate of the load budget', 'Burn rate of the latency budget'].map((panel) => ({
      dashboard,
      panel,
      reason: recorded,
    })),
  ),
  ...[
    'Failures per load',
    'Organizations with failures or refusals in the last hour',
    'Most failures',
    'Most refusals',
    'Most loads',
    'Loads in this time',
    'Failures per load in this time',
    'Refusals in the last hour',
    'Loads, failures and refusals of $org',
  ].map((panel) => ({
    dashboard: 'widget-health',
    panel,
    reason: recorded,
  })),
  ...['Alerts over time', 'Alerts of $org over time'].map((panel) => ({ dashboard: 'widget-analytics', panel, reason: alerts })),
  ...['overview', 'widget-analytics'].flatMap((dashboard) =>
    ['Organizations that fell silent', 'Organizations with many drops', 'Error events, share', 'Event lag (p95)'].map((panel) => ({
      dashboard,
      panel,
      reason: recorded,
    })),
  ),
  ...[
    'Organizations that send less than a week ago',
    'Organizations that send',
    'Organizations with drops in the last 15 minutes',
    'Duplicates, 15 minutes',
    'Error events, 15 minutes',
    'Events in this hour',
    'Dropped now',
    'Events against a week ago',
  ].map((panel) => ({ dashboard: 'widget-analytics', panel, reason: recorded })),
  ...['Alerts over time', 'Organizations with alerts', 'Alerts of $org over time'].map((panel) => ({
    dashboard: 'widget-performance',
    panel,
    reason: alerts,
  })),
  ...[
    'Organizations whose persistence fails',
    'Organizations that render slowest',
    'Organizations with the largest heaps',
    'Organizations whose API calls fail or are slow',
    'Failing operations',
    'Data loss now',
    'Restoration (p95)',
    'Render time (p95)',
    'Frame rate (average)',
    'Heap of $org (average)',
    'API latency (p95)',
    'API calls that fail',
    'Tab synchronisation of $org (p95)',
    'Render time of $org against its baseline',
    'Heap of $org',
    'Render time of $org against a week ago (p95)',
    'API response time of $org against a week ago (p95)',
    'Persistence success of $org against a week ago',
    'Heap of $org against a week ago (average)',
  ].map((panel) => ({ dashboard: 'widget-performance', panel, reason: recorded })),
  { dashboard: 'marketing', panel: 'Alerts over time', reason: alerts },
  ...['overview', 'marketing'].flatMap((dashboard) =>
    ['Requests that fail validation', 'Form completion, 6 hours'].map((panel) => ({ dashboard, panel, reason: recorded })),
  ),
  ...[
    'Events of an hour against a week ago',
    'Requests that failed validation, 15 minutes',
    'Form completion against a week ago',
    'LCP (p75)',
    'INP (p75)',
    'CLS (p75)',
    'FCP (p75)',
    'TTFB (p75)',
    'Fewest samples',
  ].map((panel) => ({ dashboard: 'marketing', panel, reason: recorded })),
  ...['Alerts over time', 'Alerts of $org and $store over time'].map((panel) => ({ dashboard: 'woocommerce', panel, reason: alerts })),
  ...['overview', 'woocommerce'].flatMap((dashboard) =>
    ['Organizations whose shops fail', 'Least budget left, 30 days', 'Burn rate of the shop budgets, 1 h'].map((panel) => ({
      dashboard,
      panel,
      reason: recorded,
    })),
  ),
  ...[
    'How many at once',
    'Error budgets by class',
    'Organizations with failures in the last 15 minutes',
    'Failing now',
    'Duration now (p95)',
    'Duration against a week ago',
  ].map((panel) => ({ dashboard: 'woocommerce', panel, reason: recorded })),
];

export const lintExclusions: readonly LintExclusion[] = ['target-job-rule', 'target-instance-rule'].flatMap((rule) =>
  withoutTarget.map((exclusion) => ({ rule, ...exclusion })),
);
