import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { makeDashboard, type Row } from './dashboard.ts';
import { alertStates, barGauge, type Column, stat, table, timeseries, type UnplacedPanel } from './panels.ts';
import { quantile, query, type Query, scraped } from './queries.ts';
import { above, alertThresholds as alerts, at, inVitalBands, noThresholds, type Thresholds } from './thresholds.ts';

/** Is what visitors do and leave stored; do they convert, and where from; what may be sent to them; are pages fast, and the figures right. */
export const marketing = (): Dashboard =>
  makeDashboard({
    uid: 'marketing',
    title: 'Marketing',
    description:
      'Are events and leads stored? Do visitors convert, where do they come from, what have they agreed to, are the pages fast? Then whether the daily rollups are fresh and right, and the summary that reads them.',
    runbook: 'marketing',
    alerts: 'feature="marketing"',
    rows: [
      isCaptureWorking(),
      doVisitorsConvert(),
      whereDoTheyComeFrom(),
      whatHaveTheyAgreedTo(),
      arePagesFast(),
      areRollupsRight(),
      isTheSummaryAnswered(),
    ],
  });

/** What the overview shows of this feature. */
export const marketingAtAGlance = (): UnplacedPanel[] => [
  eventsNow(),
  leadsNow(),
  refusedNow(),
  completionNow(),
  rollupAgeNow(),
  discrepanciesNow(),
  eventsByType({ width: 12 }),
  pageViewsBySource({ width: 12 }),
];

const endpoint = 'endpoint="marketing"';
const ofFeature = 'task=~"rollups-run|rollups-discrepancy|marketing-purge"';
const summaryRoute = 'service="api", route="/v1/metrics/summary"';

/** So many are enough for a judgement: events of an hour a week ago, requests of 15 minutes, form starts of 6 hours, vitals of an hour. */
const enough = { lastWeek: alerts.captureSilent.value, requests: 100, formStarts: 100, vitals: 100 } as const;

const recorded = {
  eventsThisHour: 'event_type:marketing_events_accepted:increase1h',
  refusedShare: 'fleet:marketing_ingest_rejected:ratio_increase15m',
  completion: 'fleet:marketing_form_completion:ratio_increase6h',
  vital: 'vital:marketing_web_vital:p75_1h',
  vitalSamples: 'vital:marketing_web_vital_samples:increase1h',
} as const;

/** The rate of a counter per second, over replicas. */
const rates = (metric: string, by: string): Query => query(`sum by (${by}) (rate(${metric}{${scraped}}[$__rate_interval]))`, `{{${by}}}`);
const inRange = (metric: string, matchers = ''): string => `sum(increase(${metric}{${scraped}${matchers}}[$__range]))`;
const ofType = (eventType: string): string => `, event_type="${eventType}"`;
const byProperty = (metric: string): string => `max by (property) (${metric}{${scraped}})`;
const rollupAge = `time() - ${byProperty('marketing_rollup_generated_timestamp_seconds')}`;

const isCaptureWorking = (): Row => ({
  title: 'Is capture working?',
  panels: [
    eventsNow(),
    leadsNow(),
    refusedNow(),
    completionNow(),
    rollupAgeNow(),
    discrepanciesNow(),
    eventsByType({ width: 12 }),
    timeseries({
      title: 'Events of an hour against a week ago',
      description: `Of each type that has a meaning. It alerts when one has none for an hour, from ${enough.lastWeek} a week ago on.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.captureSilent],
      min: 0,
      width: 12,
      queries: [
        query(recorded.eventsThisHour, '{{event_type}}'),
        query(`${recorded.eventsThisHour} offset 7d`, '{{event_type}} a week ago'),
      ],
    }),
    timeseries({
      title: 'What became of events and leads',
      description:
        'Per second by fate. stored: new. duplicate: sent again, stored once. bot: the honeypot was filled. refused: the database would not take it.',
      unit: 'eps',
      thresholds: noThresholds,
      alerts: [alerts.rowsRefused],
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        query(`sum by (outcome) (rate(observability_ingest_rows_total{${scraped}, ${endpoint}}[$__rate_interval]))`, '{{outcome}}'),
        query(`sum(rate(marketing_events_duplicate_total{${scraped}}[$__rate_interval]))`, 'events sent again'),
      ],
    }),
    timeseries({
      title: 'Requests turned away',
      description:
        'Per second. overloaded, database, shutdown: ours. origin: a site that is not in CORS_ALLOWED_ORIGINS. validation, json, too_large: a page that is wrong.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.turnedAway, alerts.marketingRejectionShare],
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        query(`sum by (reason) (rate(observability_ingest_rejected_total{${scraped}, ${endpoint}}[$__rate_interval]))`, '{{reason}}'),
      ],
    }),
    timeseries({
      title: 'Failed validation and honeypot hits',
      description:
        'Per second, by what was called. A step up of the first after a release of a site: that release. The second are programs.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.marketingRejectionShare],
      min: 0,
      width: 8,
      queries: [
        query(`sum by (endpoint) (rate(marketing_ingest_rejected_total{${scraped}}[$__rate_interval]))`, '{{endpoint}} failed validation'),
        query(`sum by (endpoint) (rate(marketing_honeypot_hits_total{${scraped}}[$__rate_interval]))`, '{{endpoint}} honeypot'),
      ],
    }),
    timeseries({
      title: 'Requests that failed validation, 15 minutes',
      description: `Share of those and of what was stored, as the alert judges it from ${enough.requests} on.`,
      unit: 'percentunit',
      thresholds: above(alerts.marketingRejectionShare),
      min: 0,
      width: 12,
      queries: [query(recorded.refusedShare, 'failed validation')],
    }),
    timeseries({
      title: 'Time to commit',
      description: 'How long a transaction of events and leads takes. Pages have their answer after it.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [0.5, 0.99].map((q) =>
        query(
          `histogram_quantile(${q}, sum by (le) (increase(observability_ingest_commit_duration_seconds_bucket{${scraped}, ${endpoint}}[$__rate_interval]))) >= 0`,
          `p${q * 100}`,
        ),
      ),
    }),
  ],
});

const doVisitorsConvert = (): Row => ({
  title: 'Do visitors convert?',
  panels: [
    barGauge({
      title: 'Funnel in this time',
      description:
        'Events in the selected time, and the leads that came of them. The summary counts by the day on which an event happened.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      min: 0,
      width: 8,
      queries: [
        query(inRange('marketing_events_accepted_total', ofType('page_view')), 'page views'),
        query(inRange('marketing_events_accepted_total', ofType('form_start')), 'forms started'),
        query(inRange('marketing_events_accepted_total', ofType('form_submit')), 'forms submitted'),
        query(inRange('marketing_leads_captured_total', ', kind="new"'), 'new leads'),
      ],
    }),
    timeseries({
      title: 'Form completion against a week ago',
      description: `Forms submitted by forms started, over 6 hours. It alerts below half of a week ago, from ${enough.formStarts} started forms on. Forms without a script are submitted without being started.`,
      unit: 'percentunit',
      thresholds: noThresholds,
      alerts: [alerts.formCompletionDrop],
      min: 0,
      width: 8,
      queries: [query(recorded.completion, 'completed'), query(`${recorded.completion} offset 7d`, 'a week ago')],
    }),
    timeseries({
      title: 'Leads captured, an hour',
      description: 'new: the address was not known. known: it was. The same form sent again at once counts once.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.captureSilent],
      stacked: true,
      min: 0,
      width: 8,
      queries: [query(`sum by (kind) (increase(marketing_leads_captured_total{${scraped}}[1h]))`, '{{kind}}')],
    }),
  ],
});

const whereDoTheyComeFrom = (): Row => ({
  title: 'Where do visitors come from, and on what?',
  panels: [
    pageViewsBySource({ width: 8 }),
    barGauge({
      title: 'Page views by source in this time',
      description: 'A source that is gone: a campaign that ended, links that lost their utm values, or a rank that fell.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      min: 0,
      width: 8,
      queries: [
        query(`topk(9, sum by (traffic_source) (increase(marketing_page_views_total{${scraped}}[$__range])))`, '{{traffic_source}}'),
      ],
    }),
    timeseries({
      title: 'Page views by device',
      description:
        'Per second. bot: by its user agent; stored and counted like all others. One device that falls to zero: a release of a site.',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 8,
      queries: [rates('marketing_page_views_total', 'device_type')],
    }),
  ],
});

const whatHaveTheyAgreedTo = (): Row => ({
  title: 'What have people agreed to?',
  panels: [
    timeseries({
      title: 'Consent changes, an hour',
      description: 'Leads whose consent changed, by what it is now. Captures alone never lower it; withdrawn comes of unsubscribing.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [query(`sum by (status) (increase(marketing_consent_changes_total{${scraped}}[1h]))`, '{{status}}')],
    }),
    timeseries({
      title: 'Unsubscribe calls, an hour',
      description:
        'not_found: the address is no lead. Many of them: a link that sends something else than the address, or somebody who tries.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [query(`sum by (outcome) (increase(marketing_unsubscribes_total{${scraped}}[1h]))`, '{{outcome}}')],
    }),
  ],
});

function vitalNow(vital: string, spec: { title: string; unit: string; says: string; thresholds: Thresholds }): UnplacedPanel {
  return stat({
    title: spec.title,
    description: `${spec.says} Three of four values of the last hour were as good as this or better.`,
    unit: spec.unit,
    thresholds: spec.thresholds,
    decimals: 2,
    noValue: 'none reported',
    width: 4,
    queries: [query(`${recorded.vital}{vital="${vital}"}`, vital)],
  });
}

const arePagesFast = (): Row => ({
  title: 'Are the pages fast?',
  panels: [
    vitalNow('lcp', {
      title: 'LCP (p75)',
      unit: 's',
      says: 'Until the largest element is painted.',
      thresholds: inVitalBands(2.5, alerts.lcpPoor),
    }),
    vitalNow('inp', {
      title: 'INP (p75)',
      unit: 's',
      says: 'From an interaction to the next frame.',
      thresholds: inVitalBands(0.2, alerts.inpPoor),
    }),
    vitalNow('cls', {
      title: 'CLS (p75)',
      unit: 'none',
      says: 'How much the layout shifted.',
      thresholds: inVitalBands(0.1, alerts.clsPoor),
    }),
    vitalNow('fcp', {
      title: 'FCP (p75)',
      unit: 's',
      says: 'Until anything is painted.',
      thresholds: inVitalBands(1.8, alerts.fcpPoor),
    }),
    vitalNow('ttfb', {
      title: 'TTFB (p75)',
      unit: 's',
      says: 'Until the first byte of the page.',
      thresholds: inVitalBands(0.8, alerts.ttfbPoor),
    }),
    stat({
      title: 'Fewest samples',
      description: `Of one vital in the last hour; it alerts from ${enough.vitals} on.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.lcpPoor],
      decimals: 0,
      noValue: 'none reported',
      width: 4,
      queries: [query(`min(${recorded.vitalSamples})`, 'samples')],
    }),
    timeseries({
      title: 'Web vitals over time (p75)',
      description: 'Over 5 minutes or more. ttfb alone: the servers of the sites. lcp without ttfb: images or fonts. inp: scripts.',
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.lcpPoor],
      min: 0,
      width: 12,
      queries: [query(quantile(0.75, 'marketing_web_vital_duration_seconds', { by: 'vital, le' }), '{{vital}}')],
    }),
    timeseries({
      title: 'Layout shift over time (p75)',
      description: 'A step up: an image without its size, a banner that pushes the page down.',
      unit: 'none',
      thresholds: above(alerts.clsPoor),
      min: 0,
      width: 12,
      queries: [query(quantile(0.75, 'marketing_web_vital_layout_shift_score'), 'cls')],
    }),
  ],
});

const yesterdayColumns: Column[] = [
  { field: 'property', title: 'Property' },
  { field: 'Value #A', title: 'Visitors', unit: 'none', decimals: 0 },
  { field: 'Value #B', title: 'Page views', unit: 'none', decimals: 0 },
  { field: 'Value #C', title: 'New leads', unit: 'none', decimals: 0 },
  { field: 'Value #D', title: 'Leads by visitors', unit: 'percentunit', decimals: 2 },
  { field: 'Value #E', title: 'Events accepted', unit: 'percentunit', decimals: 2 },
];

const areRollupsRight = (): Row => ({
  title: 'Are the rollups fresh and right?',
  panels: [
    timeseries({
      title: 'Age of the newest rollup',
      description: 'Since it was made: a saw of one hour. A tooth that is higher is a run that failed.',
      unit: 's',
      thresholds: above(alerts.rollupAgeSeconds),
      alerts: [alerts.jobAge],
      min: 0,
      width: 8,
      queries: [query(rollupAge, '{{property}}')],
    }),
    timeseries({
      title: 'Lag of the newest day',
      description:
        'Since the end of the newest day that is rolled up; 0 while that is today. More after midnight: until the first run of the day.',
      unit: 's',
      thresholds: above(alerts.rollupLagSeconds),
      min: 0,
      width: 8,
      queries: [query(byProperty('marketing_rollup_lag_seconds'), '{{property}}')],
    }),
    timeseries({
      title: 'Discrepancies over time',
      description: 'Values of 7 closed days that differed from the raw rows in the daily run, at 05:20 UTC. It stays until the next run.',
      unit: 'short',
      thresholds: above(at(1, alerts.rollupDiscrepancies)),
      min: 0,
      decimals: 0,
      width: 8,
      queries: [query(byProperty('marketing_rollup_discrepancies'), '{{property}}')],
    }),
    table({
      title: 'Yesterday by property',
      description: 'The rollup of the last closed day, the same figures as the summary has for it. default is all properties.',
      unit: 'short',
      thresholds: noThresholds,
      width: 12,
      noValue: 'no rollup of yesterday',
      columns: yesterdayColumns,
      sortBy: { title: 'Visitors', descending: true },
      queries: [
        query(byProperty('marketing_daily_unique_visitors'), 'visitors'),
        query(byProperty('marketing_daily_page_views'), 'page views'),
        query(byProperty('marketing_daily_new_leads'), 'new leads'),
        query(byProperty('marketing_daily_lead_capture_ratio'), 'leads by visitors'),
        query(byProperty('marketing_daily_ingest_success_ratio'), 'events accepted'),
      ],
    }),
    timeseries({
      title: 'Runs of the jobs by outcome',
      description: 'Finished runs. Why one failed is in the table job_runs.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.rollupAgeSeconds, alerts.jobAge],
      min: 0,
      width: 6,
      queries: [
        query(
          `sum by (task, outcome) (increase(observability_job_runs_total{${scraped}, ${ofFeature}}[$__rate_interval]))`,
          '{{task}} {{outcome}}',
        ),
      ],
    }),
    timeseries({
      title: 'Age of the last success by job',
      description: 'rollups-run every hour, the two others once a day.',
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.rollupAgeSeconds, alerts.jobAge],
      min: 0,
      width: 6,
      queries: [query(`time() - max by (task) (observability_job_last_success_timestamp_seconds{${scraped}, ${ofFeature}})`, '{{task}}')],
    }),
  ],
});

const isTheSummaryAnswered = (): Row => ({
  title: 'Is the summary answered?',
  panels: [
    timeseries({
      title: 'Summary requests by status',
      description: 'Per second. 401: somebody has the wrong key. 503: no key is set, or no database.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.httpErrorRatio],
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        query(`sum by (status) (rate(observability_http_requests_total{${scraped}, ${summaryRoute}}[$__rate_interval]))`, '{{status}}'),
      ],
    }),
    timeseries({
      title: 'Duration of the summary',
      description: 'It reads rollups only, so it does not grow with the number of events.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [0.5, 0.95].map((q) =>
        query(
          `histogram_quantile(${q}, sum by (le) (increase(observability_http_request_duration_seconds_bucket{${scraped}, ${summaryRoute}}[$__rate_interval]))) >= 0`,
          `p${q * 100}`,
        ),
      ),
    }),
    timeseries({
      title: 'Summaries from the cache',
      description: 'Per second. Each API has its own, for 15 seconds unless METRICS_SUMMARY_CACHE_TTL_MS says otherwise.',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 8,
      queries: [rates('marketing_cache_requests_total', 'outcome')],
    }),
    alertStates({
      title: 'Alerts over time',
      description: 'Which came first?',
      width: 24,
      queries: [query('max by (alertname) (ALERTS{alertstate="firing", feature="marketing"})', '{{alertname}}')],
    }),
  ],
});

function eventsNow(): UnplacedPanel {
  return stat({
    title: 'Marketing events',
    description: 'Stored per second; a captured lead is one of them.',
    unit: 'eps',
    thresholds: noThresholds,
    alerts: [alerts.captureSilent],
    width: 4,
    queries: [query(`sum(rate(marketing_events_accepted_total{${scraped}}[$__rate_interval]))`, 'events')],
  });
}

function leadsNow(): UnplacedPanel {
  return stat({
    title: 'Leads in an hour',
    description: 'Captured in the last 60 minutes, new ones and known ones.',
    unit: 'short',
    thresholds: noThresholds,
    decimals: 0,
    width: 4,
    queries: [query(`sum(increase(marketing_leads_captured_total{${scraped}}[1h]))`, 'leads')],
  });
}

function refusedNow(): UnplacedPanel {
  return stat({
    title: 'Requests that fail validation',
    description: `Share of the last 15 minutes, as the alert judges it from ${enough.requests} requests on.`,
    unit: 'percentunit',
    thresholds: above(alerts.marketingRejectionShare),
    noValue: 'no requests',
    width: 4,
    queries: [query(recorded.refusedShare, 'failed')],
  });
}

function completionNow(): UnplacedPanel {
  return stat({
    title: 'Form completion, 6 hours',
    description: `Forms submitted by forms started. It alerts below half of a week ago, from ${enough.formStarts} started forms on.`,
    unit: 'percentunit',
    thresholds: noThresholds,
    alerts: [alerts.formCompletionDrop],
    noValue: 'none started',
    width: 4,
    queries: [query(recorded.completion, 'completed')],
  });
}

function rollupAgeNow(): UnplacedPanel {
  return stat({
    title: 'Oldest rollup',
    description: 'Since the newest rollup was made, of the property that has waited longest. It is made anew every hour.',
    unit: 's',
    thresholds: above(alerts.rollupAgeSeconds),
    noValue: 'no rollup',
    width: 4,
    queries: [query(`max(${rollupAge})`, 'age')],
  });
}

function discrepanciesNow(): UnplacedPanel {
  return stat({
    title: 'Rollup discrepancies',
    description: 'Values of 7 closed days that differed from the raw rows in the last daily run, of the property that has most.',
    unit: 'short',
    thresholds: above(at(1, alerts.rollupDiscrepancies)),
    decimals: 0,
    noValue: 'not compared yet',
    width: 4,
    queries: [query(`max(marketing_rollup_discrepancies{${scraped}})`, 'values')],
  });
}

function eventsByType({ width }: { width: number }): UnplacedPanel {
  return timeseries({
    title: 'Marketing events by type',
    description: 'Stored per second. other: every type without a meaning of its own. form_submit counts captured leads too.',
    unit: 'eps',
    thresholds: noThresholds,
    alerts: [alerts.captureSilent],
    stacked: true,
    min: 0,
    width,
    queries: [rates('marketing_events_accepted_total', 'event_type')],
  });
}

function pageViewsBySource({ width }: { width: number }): UnplacedPanel {
  return timeseries({
    title: 'Page views by source',
    description: 'Stored per second, by where the visitor came from: utm values first, then the referrer.',
    unit: 'ops',
    thresholds: noThresholds,
    stacked: true,
    min: 0,
    width,
    queries: [rates('marketing_page_views_total', 'traffic_source')],
  });
}
