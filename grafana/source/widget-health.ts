import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { labelVariable, makeDashboard, type Row } from './dashboard.ts';
import { alertStates, barGauge, type Column, heatmap, link, stat, states, table, timeseries, type UnplacedPanel } from './panels.ts';
import { organization, organizations, orgQuery, quantile, type Query, query, scraped } from './queries.ts';
import {
  above,
  type AlertThreshold,
  alertThresholds as alerts,
  at,
  budgetLeft,
  errorBudgets,
  latencyObjectiveSeconds,
  noThresholds,
} from './thresholds.ts';

/** Does the widget load on customers' pages, and fast enough: the fleet, then the worst organizations, then one of them. */
export const widgetHealth = (): Dashboard =>
  makeDashboard({
    uid: 'widget-health',
    title: 'Widget health',
    description: "Does the widget load on customers' pages, and fast enough? The fleet, then the worst organizations, then one of them.",
    runbook: 'widget-health',
    variables: [labelVariable('org', 'Organization', `label_values(widget_org_loads_total{${organizations}}, org)`, 'one')],
    alerts: 'feature="widget-health", severity!="info"',
    rows: [fleet(), speed(), allOrganizations(), worstOrganizations(), oneOrganization()],
  });

/** What the overview shows of this feature. */
export const widgetHealthAtAGlance = (): UnplacedPanel[] => [
  loadsNow(),
  failureRatioNow(),
  loadBudgetLeft(),
  latencyBudgetLeft(),
  slowestLoads(),
  needingAttention(),
  loadBurn({ width: 12 }),
  latencyBurn({ width: 12 }),
];

const fleet = (): Row => ({
  title: 'Does the widget load?',
  panels: [
    loadsNow(),
    failureRatioNow(),
    loadBudgetLeft(),
    latencyBudgetLeft(),
    slowestLoads(),
    needingAttention(),
    timeseries({
      title: 'Loads, failures and refusals',
      description:
        'Calls of the bootloader by fate. Fewer loads without more failures: pages lost the snippet, or calls do not reach the exporter.',
      unit: 'reqps',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [
        query(`sum(rate(widget_loads_total{${scraped}}[$__rate_interval]))`, 'loads'),
        query(`sum(rate(widget_load_failures_total{${scraped}}[$__rate_interval]))`, 'failures'),
        query(`sum(rate(widget_domain_mismatch_total{${scraped}}[$__rate_interval]))`, 'refused by the domain allowlist'),
      ],
    }),
    timeseries({
      title: 'Failures per load',
      description: 'Failures per successful load over 15 minutes, as the alert sees it. Absent while nothing loads.',
      unit: 'percentunit',
      thresholds: above(alerts.loadFailureRatioWarning, alerts.loadFailureRatioCritical),
      min: 0,
      width: 12,
      queries: [query('fleet:widget_load_failures:increase15m / (fleet:widget_loads:increase15m > 0)', 'failures per load')],
    }),
    loadBurn({ width: 12 }),
    timeseries({
      title: 'Failures by replica',
      description: 'Is it one replica or all of them? One: take it out of the load balancer and restart it.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.loadFailureRatioWarning],
      min: 0,
      width: 6,
      queries: [query(`sum by (instance) (rate(widget_load_failures_total{${scraped}}[$__rate_interval]))`, '{{instance}}')],
    }),
    timeseries({
      title: 'Refusals by reason',
      description:
        'Calls that were refused: domain (not on the allowlist), origin_missing, unknown_org (wrong key or inactive), invalid (malformed). They are neither loads nor failures.',
      unit: 'reqps',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 6,
      queries: [query(`sum by (reason) (rate(widget_bootloader_refused_total{${scraped}}[$__rate_interval]))`, '{{reason}}')],
    }),
  ],
});

const speed = (): Row => ({
  title: 'Does it load fast enough?',
  panels: [
    heatmap({
      title: 'Duration of loads',
      description: `Successful loads by duration, measured in the exporter. A second band far above the first is a second cause: look who it is below. The objective is ${latencyObjectiveSeconds} s.`,
      unit: 's',
      thresholds: noThresholds,
      width: 12,
      queries: [query(`sum by (le) (increase(widget_bootloader_duration_seconds_bucket{${scraped}}[$__rate_interval]))`, '{{le}}')],
    }),
    timeseries({
      title: 'Percentiles of load duration',
      description: `99 of 100 loads have to be at ${latencyObjectiveSeconds} s or below: the line is the objective.`,
      unit: 's',
      thresholds: above(at(latencyObjectiveSeconds, alerts.latencyBurnOver3Days)),
      min: 0,
      width: 12,
      queries: [0.5, 0.95, 0.99].map((q) => query(quantile(q, 'widget_bootloader_duration_seconds'), `p${q * 100}`)),
    }),
    latencyBurn({ width: 8 }),
    timeseries({
      title: 'Slowest loads by replica (p99)',
      description: 'Is it one replica or all of them? Then look at its event loop and CPU in the dashboard of the stack.',
      unit: 's',
      thresholds: above(at(latencyObjectiveSeconds, alerts.latencyBurnOver3Days)),
      min: 0,
      width: 8,
      queries: [query(quantile(0.99, 'widget_bootloader_duration_seconds', { by: 'instance, le' }), '{{instance}}')],
    }),
    timeseries({
      title: 'Message response time by role (p95)',
      description: 'As the chat backend reports it, not measured here. unknown: the backend sends no role.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(quantile(0.95, 'widget_message_response_duration_seconds', { by: 'role, le' }), '{{role}}')],
    }),
  ],
});

const statusWords = {
  1: { text: 'ok', color: 'green' },
  2: { text: 'needs attention', color: 'orange' },
  3: { text: 'not connected', color: 'blue' },
};

const allOrganizations = (): Row => ({
  title: 'How are the organizations?',
  panels: [
    timeseries({
      title: 'Organizations by status',
      description:
        'ok, needs_attention (not seen for a day, refusals, or failures of 5 % and more over its lifetime), not_connected (never loaded). Inactive ones included.',
      unit: 'short',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 12,
      queries: [query(`max by (status) (widget_orgs{${scraped}})`, '{{status}}')],
    }),
    barGauge({
      title: 'Organizations by last load',
      description: 'How long ago the widget of each organization was last loaded. Many that move to lt24h at the same minute: that is us.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 6,
      queries: [query(`max by (band) (widget_orgs_by_last_seen{${scraped}})`, '{{band}}')],
    }),
    timeseries({
      title: 'Organizations that are silent',
      description: 'Admitted organizations whose widget was not loaded for a day. Nobody is called for one; many together are an incident.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.orgSilentSeconds],
      min: 0,
      width: 6,
      queries: [
        orgQuery(
          `count(time() - max by (org) (widget_org_last_seen_timestamp_seconds{${organizations}}) > ${alerts.orgSilentSeconds.value}) or 0 * count(max by (org) (widget_org_last_seen_timestamp_seconds{${organizations}}))`,
          'silent',
        ),
      ],
    }),
  ],
});

const toOrganization = (field: string): ReturnType<typeof link> =>
  link('Show this organization', `/d/widget-health?\${__url_time_range}&\${datasource:queryparam}&var-org=\${${field}}`);

const topOrganizations = (title: string, description: string, metric: string, threshold = noThresholds): UnplacedPanel =>
  barGauge({
    title,
    description: `${description} In the selected time; click one to see it below.`,
    unit: 'short',
    thresholds: threshold,
    decimals: 0,
    min: 0,
    width: 8,
    dataLinks: [toOrganization('__field.labels.org')],
    queries: [orgQuery(`topk(10, increase(${recordedTotal(metric)}{org!="__overflow__"}[$__range]))`, '{{org}}')],
  });

const lastHourColumns: Column[] = [
  { field: 'org', title: 'Organization', links: [toOrganization('__data.fields.Organization')] },
  { field: 'Value #A', title: 'Failures', thresholds: above(alerts.orgFailures) },
  { field: 'Value #B', title: 'Refusals', thresholds: above(alerts.orgMismatches) },
  { field: 'Value #C', title: 'Loads' },
  { field: 'Value #D', title: 'Failures per load', unit: 'percentunit', thresholds: above(alerts.orgFailureRatio) },
  { field: 'Value #E', title: 'Last load', unit: 's', thresholds: above(alerts.orgSilentSeconds) },
];

/** Organizations with failures or refusals in the last hour, the worst 20: what the table asks its other columns about. */
const worstOfLastHour =
  'topk(20, org:widget_org_load_failures:increase1h{org!="__overflow__"} + org:widget_org_domain_mismatch:increase1h{org!="__overflow__"} > 0)';

const worstOrganizations = (): Row => ({
  title: 'Which organizations?',
  panels: [
    table({
      title: 'Organizations with failures or refusals in the last hour',
      description:
        'The worst 20, with the figures that the alert judges. Failures and a high ratio: the exporter. Refusals only: the allowlist, or a copied snippet.',
      unit: 'short',
      thresholds: noThresholds,
      width: 24,
      alerts: [alerts.orgFailures],
      columns: lastHourColumns,
      sortBy: { title: 'Failures', descending: true },
      noValue: 'none',
      decimals: 0,
      queries: [
        orgQuery(`org:widget_org_load_failures:increase1h{org!="__overflow__"} and on (org) ${worstOfLastHour}`, 'failures'),
        orgQuery(`org:widget_org_domain_mismatch:increase1h{org!="__overflow__"} and on (org) ${worstOfLastHour}`, 'refusals'),
        orgQuery(`org:widget_org_loads:increase1h{org!="__overflow__"} and on (org) ${worstOfLastHour}`, 'loads'),
        orgQuery(
          `org:widget_org_load_failures:increase1h{org!="__overflow__"} / (org:widget_org_loads:increase1h{org!="__overflow__"} > 0) and on (org) ${worstOfLastHour}`,
          'failures per load',
        ),
        orgQuery(
          `time() - max by (org) (widget_org_last_seen_timestamp_seconds{${organizations}}) and on (org) ${worstOfLastHour}`,
          'last load',
        ),
      ],
    }),
    topOrganizations('Most failures', 'Whose widget fails most.', 'widget_org_load_failures_total'),
    topOrganizations('Most refusals', 'Whose pages the domain allowlist refuses most.', 'widget_org_domain_mismatch_total'),
    topOrganizations('Most loads', 'Who brings the traffic.', 'widget_org_loads_total'),
  ],
});

const hasStatus = (status: string): string => `max(widget_org_status{${organization}, status="${status}"})`;
/** 1 ok, 2 needs attention, 3 not connected. While a status changes, replicas differ for a few seconds: the worse one is shown. */
const statusNumber = `2 * (${hasStatus('needs_attention')} == 1) or 3 * (${hasStatus('not_connected')} == 1) or ${hasStatus('ok')}`;

/** A recorded total that outlives replicas: see prometheus/rules/widget-health.yml. */
const recordedTotal = (metric: string): string => `org:${metric}:max2m`;
const increaseInRange = (metric: string): string => `increase(${recordedTotal(metric)}{org!="__overflow__", org="$org"}[$__range])`;
const orgRate = (metric: string): string => `rate(${recordedTotal(metric)}{org!="__overflow__", org="$org"}[$__rate_interval])`;

/** The histogram of an organization is the same on every replica: max by its buckets, where `quantile` would add replicas up. */
const orgQuantile = (q: number, range: string): string =>
  `histogram_quantile(${q}, max by (le) (increase(widget_org_response_duration_seconds_bucket{${organization}}[${range}]))) >= 0`;

const oneOrganization = (): Row => ({
  title: 'One organization: $org',
  panels: [
    stat({
      title: 'Status',
      description: 'The status that the portal shows to the organization.',
      unit: 'short',
      thresholds: noThresholds,
      words: statusWords,
      noValue: 'no series',
      width: 4,
      queries: [orgQuery(statusNumber, 'status')],
    }),
    stat({
      title: 'Last load',
      description: 'Time since the last successful load.',
      unit: 's',
      thresholds: above(alerts.orgSilentSeconds),
      noValue: 'never',
      width: 4,
      queries: [orgQuery(`time() - max by (org) (widget_org_last_seen_timestamp_seconds{${organization}})`, 'last load')],
    }),
    stat({
      title: 'Loads in this time',
      description: 'Successful loads in the selected time.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      width: 4,
      queries: [orgQuery(increaseInRange('widget_org_loads_total'), 'loads')],
    }),
    stat({
      title: 'Failures per load in this time',
      description: 'Absent when nothing loaded in the selected time.',
      unit: 'percentunit',
      thresholds: above(alerts.orgFailureRatio),
      noValue: 'no loads',
      width: 4,
      queries: [
        orgQuery(
          `${increaseInRange('widget_org_load_failures_total')} / (${increaseInRange('widget_org_loads_total')} > 0)`,
          'failures per load',
        ),
      ],
    }),
    stat({
      title: 'Refusals in the last hour',
      description: 'Calls that the domain allowlist refused in the last hour, as the alert counts them.',
      unit: 'short',
      thresholds: above(alerts.orgMismatches),
      decimals: 0,
      width: 4,
      queries: [orgQuery('org:widget_org_domain_mismatch:increase1h{org!="__overflow__", org="$org"}', 'refusals')],
    }),
    stat({
      title: 'Response time in this time (p95)',
      description: 'Loads and reported messages together, as in the portal.',
      unit: 's',
      thresholds: noThresholds,
      noValue: 'no samples',
      width: 4,
      queries: [orgQuery(orgQuantile(0.95, '$__range'), 'p95')],
    }),
    timeseries({
      title: 'Loads, failures and refusals of $org',
      description: 'Since when? Compare with config_updated_at of the organization and with the starts of processes.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.orgFailures],
      min: 0,
      width: 12,
      queries: [
        orgQuery(orgRate('widget_org_loads_total'), 'loads'),
        orgQuery(orgRate('widget_org_load_failures_total'), 'failures'),
        orgQuery(orgRate('widget_org_domain_mismatch_total'), 'refused by the domain allowlist'),
      ],
    }),
    timeseries({
      title: 'Response time of $org',
      description: 'Percentiles of loads and reported messages together, as the portal shows them.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [0.5, 0.95].map((q) => orgQuery(orgQuantile(q, '$__rate_interval'), `p${q * 100}`)),
    }),
    states({
      title: 'Status of $org over time',
      description: 'When did it change?',
      unit: 'short',
      thresholds: noThresholds,
      words: statusWords,
      width: 12,
      height: 5,
      queries: [orgQuery(statusNumber, 'status')],
    }),
    alertStates({
      title: 'Alerts of $org over time',
      description: 'Alerts that name this organization. Empty is good.',
      width: 12,
      height: 5,
      queries: [query('max by (alertname) (ALERTS{alertstate="firing", org="$org"})', '{{alertname}}')],
    }),
  ],
});

function loadsNow(): UnplacedPanel {
  return stat({
    title: 'Loads',
    description: 'Successful loads per second, all replicas.',
    unit: 'reqps',
    thresholds: noThresholds,
    width: 4,
    queries: [query(`sum(rate(widget_loads_total{${scraped}}[$__rate_interval]))`, 'loads')],
  });
}

function failureRatioNow(): UnplacedPanel {
  return stat({
    title: 'Failures per load, 15 minutes',
    description: 'What WidgetLoadFailureRatioHigh judges, from 50 calls on. Absent when nothing loads.',
    unit: 'percentunit',
    thresholds: above(alerts.loadFailureRatioWarning, alerts.loadFailureRatioCritical),
    noValue: 'no loads',
    width: 4,
    queries: [query('fleet:widget_load_failures:increase15m / (fleet:widget_loads:increase15m > 0)', 'failures per load')],
  });
}

function loadBudgetLeft(): UnplacedPanel {
  const failures = `sum(increase(widget_load_failures_total{${scraped}}[30d]))`;
  const loads = `sum(increase(widget_loads_total{${scraped}}[30d]))`;
  return stat({
    title: 'Load budget left, 30 days',
    description: `The objective: ${100 - errorBudgets.loads * 100} % of calls load. 100 % is untouched, 0 % is used up, below is missed. Over 30 days, or what Prometheus has kept of them.`,
    unit: 'percentunit',
    thresholds: budgetLeft,
    alerts: [alerts.loadBurnOver1Hour],
    noValue: 'no loads',
    width: 4,
    queries: [query(`1 - ${failures} / (${failures} + ${loads} > 0) / ${errorBudgets.loads}`, 'left')],
  });
}

function latencyBudgetLeft(): UnplacedPanel {
  const all = `sum(increase(widget_bootloader_duration_seconds_count{${scraped}}[30d]))`;
  const fast = `sum(increase(widget_bootloader_duration_seconds_bucket{${scraped}, le="${latencyObjectiveSeconds}"}[30d]))`;
  return stat({
    title: 'Latency budget left, 30 days',
    description: `The objective: ${100 - errorBudgets.latency * 100} % of loads take at most ${latencyObjectiveSeconds} s. Over 30 days, or what Prometheus has kept of them.`,
    unit: 'percentunit',
    thresholds: budgetLeft,
    alerts: [alerts.latencyBurnOver1Hour],
    noValue: 'no loads',
    width: 4,
    queries: [query(`1 - (${all} - ${fast}) / (${all} > 0) / ${errorBudgets.latency}`, 'left')],
  });
}

function slowestLoads(): UnplacedPanel {
  return stat({
    title: 'Load duration (p99)',
    description: `99 of 100 successful loads are faster. The objective is ${latencyObjectiveSeconds} s.`,
    unit: 's',
    thresholds: above(at(latencyObjectiveSeconds, alerts.latencyBurnOver3Days)),
    noValue: 'no loads',
    width: 4,
    queries: [query(quantile(0.99, 'widget_bootloader_duration_seconds'), 'p99')],
  });
}

function needingAttention(): UnplacedPanel {
  return stat({
    title: 'Organizations that need attention',
    description: 'By the rule that the portal shows: not seen for a day, refusals, or failures of 5 % and more over its lifetime.',
    unit: 'short',
    thresholds: noThresholds,
    width: 4,
    queries: [query(`max(widget_orgs{${scraped}, status="needs_attention"})`, 'organizations')],
  });
}

function loadBurn({ width }: { width: number }): UnplacedPanel {
  return burn({
    title: 'Burn rate of the load budget',
    description:
      'How fast failures use up the budget of 30 days (0.5 % of calls), per window, as a share of the rate from which that window alerts. It alerts when a window and its short companion are both above 100 %. The factor in the legend: 1 is just used up after 30 days, at 14.4 it is gone in two.',
    width,
    queries: burnQueries('fleet:widget_load_failures:ratio_increase', errorBudgets.loads, {
      '1h': alerts.loadBurnOver1Hour,
      '6h': alerts.loadBurnOver6Hours,
      '1d': alerts.loadBurnOver1Day,
      '3d': alerts.loadBurnOver3Days,
    }),
    limit: alerts.loadBurnOver3Days,
  });
}

function latencyBurn({ width }: { width: number }): UnplacedPanel {
  return burn({
    title: 'Burn rate of the latency budget',
    description:
      'How fast slow loads use up the budget of 30 days (1 % of loads may be slower than 0.2 s), per window, as a share of the rate from which that window alerts.',
    width,
    queries: burnQueries('fleet:widget_slow_loads:ratio_increase', errorBudgets.latency, {
      '1h': alerts.latencyBurnOver1Hour,
      '6h': alerts.latencyBurnOver6Hours,
      '1d': alerts.latencyBurnOver1Day,
      '3d': alerts.latencyBurnOver3Days,
    }),
    limit: alerts.latencyBurnOver3Days,
  });
}

/** Every window has a limit of its own: drawn as shares of them, one line is the limit of all. */
function burn({ limit, ...panel }: Pick<UnplacedPanel, 'width'> & BurnPanel): UnplacedPanel {
  return timeseries({ ...panel, unit: 'percentunit', thresholds: above(at(1, limit)), min: 0 });
}

interface BurnPanel {
  title: string;
  description: string;
  queries: Query[];
  limit: AlertThreshold;
}

/** The windows of the rules, each divided by the factor from which it alerts when its short window agrees. */
function burnQueries(ratio: string, budget: number, windows: Readonly<Record<string, AlertThreshold>>): Query[] {
  return Object.entries(windows).map(([window, { severity, value }]) =>
    query(`${ratio}${window} / ${budget} / ${value}`, `${window} (${severity} from ${value})`),
  );
}
