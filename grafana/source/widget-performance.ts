import type { Dashboard, DashboardLink } from '@grafana/grafana-foundation-sdk/dashboard';
import { apiUrl } from './api-links.ts';
import { labelVariable, makeDashboard, type Row } from './dashboard.ts';
import { alertStates, barGauge, type Column, heatmap, link, stat, table, timeseries, type UnplacedPanel } from './panels.ts';
import { organization, organizations, orgQuery, quantile, type Query, query, scraped } from './queries.ts';
import {
  above,
  type AlertThreshold,
  alertThresholds as alerts,
  at,
  below,
  healthScoreBands,
  inBands,
  noThresholds,
  noneOf,
  referenceBands as bands,
} from './thresholds.ts';

/** How widgets feel in browsers: whether, for whom, and since when; then what is kept, what is drawn, what is used, and one organization. */
export const widgetPerformance = (): Dashboard =>
  makeDashboard({
    uid: 'widget-performance',
    title: 'Widget performance',
    description:
      'Do widgets feel right in browsers: for how many, since when? Then persistence; performance; memory and API; alerts; and one organization.',
    runbook: 'widget-performance',
    variables: [
      labelVariable('org', 'Organization', `label_values(widget_client_org_render_duration_seconds_count{${organizations}}, org)`, 'one'),
    ],
    alerts: 'feature="widget-performance", severity!="info"',
    rows: [doWidgetsFeelRight(), persistence(), performance(), memoryAndApi(), whichAlerts(), oneOrganization()],
  });

/** What the overview shows of this feature. */
export const widgetPerformanceAtAGlance = (): UnplacedPanel[] => [
  scoreNow(),
  organizationsUnhealthy(),
  dataLossNow(),
  rendersNow(),
  apiErrorsNow(),
  storedAlertsNow(),
  scoreByPart({ width: 12 }),
  organizationsByStatus({ width: 12 }),
];

const mebibyte = 2 ** 20;
const heapWarning = at(alerts.heapMbWarning.value * mebibyte, alerts.heapMbWarning);
const heapError = at(alerts.heapMbError.value * mebibyte, alerts.heapMbError);

/** Of the fleet, over the window that the alerts look at. */
const window = '5m';
const fleet = (metric: string, { labels = '', range = window, by = '' } = {}): string =>
  `sum${by === '' ? '' : ` by (${by}) `}(increase(widget_client_${metric}{${scraped}${labels === '' ? '' : `, ${labels}`}}[${range}]))`;
const rateBy = (metric: string, by: string, labels = ''): string =>
  `sum by (${by}) (rate(widget_client_${metric}{${scraped}${labels === '' ? '' : `, ${labels}`}}[$__rate_interval]))`;
const share = (part: string, whole: string): string => `${part} / (${whole} > 0)`;
/** Of what is counted, the share with these labels. */
const shareOf = (metric: string, labels: string, range?: string): string =>
  share(fleet(metric, { labels, range }), fleet(metric, { range }));
const average = (histogram: string, range?: string): string =>
  share(fleet(`${histogram}_sum`, { range }), fleet(`${histogram}_count`, { range }));
const percentiles = (histogram: string): Query[] =>
  [0.5, 0.95, 0.99].map((q) => query(quantile(q, `widget_client_${histogram}`), `p${q * 100}`));
const p95Of = (histogram: string, range = window): string => quantile(0.95, `widget_client_${histogram}`, { range });

/** Recorded of each organization: what its alerts judge. */
const recorded = (series: string): string => `org:widget_client_org_${series}{org!="__overflow__"}`;
const recordedOf = (series: string): string => `org:widget_client_org_${series}{org!="__overflow__", org="$org"}`;
/** Fewer samples than this say nothing. */
const enough = 10;

/** This hour and the same hour a week ago. An hour moves slowly: a point every five minutes shows it, and costs a twentieth. */
const againstLastWeek = (expression: (offset: string) => string): Query[] =>
  [query(expression(''), 'this hour'), query(expression(' offset 7d'), 'a week ago')].map((asked) => ({ ...asked, interval: '5m' }));
const lastWeekOfFleet =
  (histogram: string): ((offset: string) => string) =>
  (offset) =>
    `histogram_quantile(0.95, sum by (le) (increase(widget_client_${histogram}_bucket{${scraped}}[1h]${offset}))) >= 0`;
const averageOfFleet =
  (histogram: string): ((offset: string) => string) =>
  (offset) =>
    `sum(increase(widget_client_${histogram}_sum{${scraped}}[1h]${offset})) / (sum(increase(widget_client_${histogram}_count{${scraped}}[1h]${offset})) > 0)`;
const lastWeekOf =
  (series: string): ((offset: string) => string) =>
  (offset) =>
    `${recordedOf(series)}${offset}`;

const toOrganization = (field: string): DashboardLink =>
  link('Show this organization', `/d/widget-performance?\${__url_time_range}&\${datasource:queryparam}&var-org=\${${field}}`);
const organizationColumn: Column = { field: 'org', title: 'Organization', links: [toOrganization('__data.fields.Organization')] };

/** Chatbots are in no label: the api answers with the minutes of each. Asks for a session of the portal or the admin console there. */
const byChatbot = link('Last hour by chatbot (JSON)', `${apiUrl}/api/monitoring/widget?window=3600000&format=export&orgKey=\${org}`, {
  targetBlank: true,
});
const statistics = link('Statistics (JSON)', `${apiUrl}/api/monitoring/widget?orgKey=\${org}`, { targetBlank: true });

const scores = `max by (org) (widget_client_org_health_score_ratio{${organizations}, part="overall"})`;
const parts = ['persistence', 'performance', 'memory', 'api'] as const;
const worstScores = `bottomk(20, ${scores} < 1)`;

const doWidgetsFeelRight = (): Row => ({
  title: 'Do widgets feel right?',
  panels: [
    scoreNow(),
    organizationsUnhealthy(),
    dataLossNow(),
    rendersNow(),
    apiErrorsNow(),
    storedAlertsNow(),
    scoreByPart({ width: 12 }),
    organizationsByStatus({ width: 12 }),
    table({
      title: 'Organizations that feel worst',
      description: `Health scores of the last 5 minutes, the worst 20. ${parts.join(', ')}: what the score is made of. Click one to see it below.`,
      unit: 'none',
      thresholds: noThresholds,
      decimals: 0,
      width: 12,
      noValue: 'all have 100',
      columns: [
        organizationColumn,
        ...['Score', 'Persistence', 'Performance', 'Memory', 'API'].map((title, index): Column => ({
          field: `Value #${'ABCDE'.charAt(index)}`,
          title,
          unit: 'none',
          decimals: 0,
          thresholds: healthScoreBands,
        })),
      ],
      sortBy: { title: 'Score', descending: false },
      queries: [
        orgQuery(`100 * ${worstScores}`, 'score'),
        ...parts.map((part) =>
          orgQuery(
            `100 * max by (org) (widget_client_org_health_score_ratio{${organizations}, part="${part}"}) and on (org) ${worstScores}`,
            part,
          ),
        ),
      ],
    }),
    timeseries({
      title: 'Measurements that arrive',
      description:
        'Per second, by fate. A score of 100 says nothing while nothing arrives. ignored: more than an hour old. bot: by its user agent. duplicate: sent again, counted once.',
      unit: 'eps',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 6,
      queries: [
        query(
          `sum by (outcome) (rate(observability_ingest_rows_total{${scraped}, endpoint="widget_performance"}[$__rate_interval]))`,
          '{{outcome}}',
        ),
      ],
    }),
    timeseries({
      title: 'Measurements turned away',
      description:
        'Whole requests per second. overloaded, database, shutdown: ours, senders repeat them. origin, unknown_chatbot: a page that is not set up. validation, json, too_large: a sender that is wrong.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.turnedAway],
      stacked: true,
      min: 0,
      width: 6,
      queries: [
        query(
          `sum by (reason) (rate(observability_ingest_rejected_total{${scraped}, endpoint="widget_performance"}[$__rate_interval]))`,
          '{{reason}}',
        ),
      ],
    }),
  ],
});

const worstPersistence = `topk(20, ${recorded('persistence_failures:increase5m')} > 0)`;

const persistence = (): Row => ({
  title: 'Persistence: is what visitors wrote still there?',
  panels: [
    stat({
      title: 'Persistence success',
      description: `Of all operations of the last 5 minutes. One organization alerts below 95 %, from ${enough} operations on.`,
      unit: 'percentunit',
      thresholds: inBands(bands.persistenceSuccess, alerts.persistenceFailureError),
      noValue: 'no operations',
      width: 6,
      queries: [query(shareOf('persistence_operations_total', 'outcome="success"'), 'success')],
    }),
    stat({
      title: 'Session restoration (p95)',
      description: '19 of 20 sessions of the last 5 minutes were restored faster.',
      unit: 's',
      thresholds: inBands(bands.restoration, alerts.restorationSlowSeconds),
      noValue: 'none restored',
      width: 6,
      queries: [query(p95Of('restoration_duration_seconds'), 'p95')],
    }),
    stat({
      title: 'Restorations that fail',
      description: 'Share of the selected time. The visitor finds an empty chat.',
      unit: 'percentunit',
      thresholds: noThresholds,
      noValue: 'none restored',
      width: 6,
      queries: [query(shareOf('restorations_total', 'outcome="failure"', '$__range'), 'failures')],
    }),
    stat({
      title: 'Data loss in this time',
      description: 'Saves that failed, and navigations after which data was gone.',
      unit: 'none',
      thresholds: noneOf('critical'),
      alerts: [alerts.dataLoss],
      decimals: 0,
      width: 6,
      queries: [query(fleet('data_loss_incidents_total', { range: '$__range' }), 'incidents')],
    }),
    timeseries({
      title: 'Operations that fail',
      description: 'Per second, by operation. save alone: the storage is full or forbidden. All of them: a release of the widget.',
      unit: 'ops',
      thresholds: noThresholds,
      alerts: [alerts.persistenceFailureError],
      stacked: true,
      min: 0,
      width: 8,
      queries: [query(rateBy('persistence_operations_total', 'operation', 'outcome="failure"'), '{{operation}}')],
    }),
    timeseries({
      title: 'Data loss by cause',
      description: 'Incidents in each step. save_failed: a message was not kept. navigation: it was gone on the next page.',
      unit: 'none',
      thresholds: noThresholds,
      alerts: [alerts.dataLoss],
      stacked: true,
      decimals: 0,
      min: 0,
      width: 8,
      queries: [query(fleet('data_loss_incidents_total', { by: 'cause', range: '$__rate_interval' }), '{{cause}}')],
    }),
    timeseries({
      title: 'Navigations between pages',
      description: 'Per second, by outcome and whether data was preserved. One without its data is a data-loss incident.',
      unit: 'ops',
      thresholds: noThresholds,
      alerts: [alerts.dataLoss],
      stacked: true,
      min: 0,
      width: 8,
      queries: [query(rateBy('navigations_total', 'outcome, data_preserved'), '{{outcome}}, data preserved: {{data_preserved}}')],
    }),
    timeseries({
      title: 'Duration of persistence operations',
      description: 'Percentiles over all organizations. The line is where one of them alerts.',
      unit: 's',
      thresholds: above(alerts.persistenceSlowSeconds),
      min: 0,
      width: 8,
      queries: percentiles('persistence_duration_seconds'),
    }),
    timeseries({
      title: 'Duration of session restorations',
      description: 'Percentiles over all organizations. The line is where one of them alerts.',
      unit: 's',
      thresholds: above(alerts.restorationSlowSeconds),
      min: 0,
      width: 8,
      queries: percentiles('restoration_duration_seconds'),
    }),
    timeseries({
      title: 'Persistence success against a week ago',
      description: 'Over an hour, and over the same hour a week ago.',
      unit: 'percentunit',
      thresholds: noThresholds,
      alerts: [alerts.persistenceFailureError],
      max: 1,
      width: 8,
      queries: againstLastWeek(
        (offset) =>
          `sum(increase(widget_client_persistence_operations_total{${scraped}, outcome="success"}[1h]${offset})) / (sum(increase(widget_client_persistence_operations_total{${scraped}}[1h]${offset})) > 0)`,
      ),
    }),
    table({
      title: 'Organizations whose persistence fails',
      description: `Of the last 5 minutes, the worst 20, with the figures that the alerts judge from ${enough} operations on.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.persistenceFailureError, alerts.dataLoss],
      width: 24,
      noValue: 'none',
      columns: [
        organizationColumn,
        { field: 'Value #A', title: 'Failures', unit: 'none', decimals: 0 },
        { field: 'Value #B', title: 'Operations', unit: 'none', decimals: 0 },
        {
          field: 'Value #C',
          title: 'Failing',
          unit: 'percentunit',
          thresholds: above(alerts.persistenceFailureError, alerts.persistenceFailureCritical),
        },
        { field: 'Value #D', title: 'Data loss', unit: 'none', decimals: 0, thresholds: above(at(1, alerts.dataLoss)) },
        { field: 'Value #E', title: 'p95', unit: 's', thresholds: above(alerts.persistenceSlowSeconds) },
        { field: 'Value #F', title: 'Restoration p95', unit: 's', thresholds: above(alerts.restorationSlowSeconds) },
      ],
      sortBy: { title: 'Failures', descending: true },
      queries: joined(worstPersistence, [
        'persistence_failures:increase5m',
        'persistence_operations:increase5m',
        'persistence_failures:ratio_increase5m',
        'data_loss_incidents:increase5m',
        'persistence_duration_seconds:p95_5m',
        'restoration_duration_seconds:p95_5m',
      ]),
    }),
  ],
});

/** Of the organizations that `worst` picks, each recorded series as a column. */
function joined(worst: string, series: readonly string[]): Query[] {
  return series.map((name) => orgQuery(`${recorded(name)} and on (org) ${worst}`, name));
}

const worstRenders = `topk(20, ${recorded('render_duration_seconds:p95_5m')} and ${recorded('renders:increase5m')} >= ${enough})`;

const performance = (): Row => ({
  title: 'Performance: does it move smoothly?',
  panels: [
    stat({
      title: 'Renders over 16 ms',
      description: 'Share of the messages of the last 5 minutes that took longer than a frame.',
      unit: 'percentunit',
      thresholds: above(at(0.05, alerts.renderSlowSeconds)),
      noValue: 'no renders',
      width: 4,
      queries: [
        query(
          `1 - ${share(fleet('render_duration_seconds_bucket', { labels: 'le="0.016"' }), fleet('render_duration_seconds_count'))}`,
          'slow',
        ),
      ],
    }),
    stat({
      title: 'Frame rate',
      description: `Average while scrolling, over 5 minutes. One organization alerts below ${alerts.lowFrameRate.value}.`,
      unit: 'hertz',
      thresholds: inBands(bands.frameRate, alerts.lowFrameRate),
      decimals: 1,
      noValue: 'nobody scrolls',
      width: 4,
      queries: [query(average('scroll_frame_rate_hertz'), 'average')],
    }),
    stat({
      title: 'Jank',
      description: 'Share of the frames of the last 5 minutes that came late.',
      unit: 'percentunit',
      thresholds: above(alerts.scrollJank),
      noValue: 'nobody scrolls',
      width: 4,
      queries: [query(share(fleet('scroll_jank_frames_total'), fleet('scroll_frames_total')), 'jank')],
    }),
    stat({
      title: 'Tab synchronisation (p95)',
      description: '19 of 20 synchronisations between tabs of the last 5 minutes were faster.',
      unit: 's',
      thresholds: above(alerts.tabSyncSlowSeconds),
      noValue: 'none',
      width: 4,
      queries: [query(p95Of('tab_sync_latency_seconds'), 'p95')],
    }),
    stat({
      title: 'Tab synchronisations that fail',
      description: 'Share of the last 5 minutes.',
      unit: 'percentunit',
      thresholds: above(alerts.tabSyncFailures),
      noValue: 'none',
      width: 4,
      queries: [query(shareOf('tab_sync_operations_total', 'outcome="failure"'), 'failures')],
    }),
    stat({
      title: 'Bundles from a cache',
      description: 'Share of the selected time. It falls after a release and rises again.',
      unit: 'percentunit',
      thresholds: noThresholds,
      noValue: 'none loaded',
      width: 4,
      queries: [query(shareOf('bundle_loads_total', 'cached="true"', '$__range'), 'cached')],
    }),
    heatmap({
      title: 'Render time of messages',
      description: 'A second band far above the first is a second cause: long messages, code blocks, slow devices.',
      unit: 's',
      thresholds: noThresholds,
      width: 8,
      queries: [query(fleet('render_duration_seconds_bucket', { by: 'le', range: '$__rate_interval' }), '{{le}}')],
    }),
    timeseries({
      title: 'Percentiles of render times',
      description: 'Over all organizations. The line is where one of them alerts: a frame at 60 Hz.',
      unit: 's',
      thresholds: above(alerts.renderSlowSeconds),
      min: 0,
      width: 8,
      queries: percentiles('render_duration_seconds'),
    }),
    timeseries({
      title: 'Render time against a week ago (p95)',
      description: 'Over an hour, and over the same hour a week ago. A step: the last release of the widget.',
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.renderSlowSeconds, alerts.renderDegraded],
      min: 0,
      width: 8,
      queries: againstLastWeek(lastWeekOfFleet('render_duration_seconds')),
    }),
    timeseries({
      title: 'Frame rate while scrolling',
      description: 'Average over all organizations, and the rate that one sample in 20 does not reach.',
      unit: 'hertz',
      thresholds: below(alerts.lowFrameRate),
      min: 0,
      width: 8,
      queries: [
        query(average('scroll_frame_rate_hertz', '$__rate_interval'), 'average'),
        query(quantile(0.05, 'widget_client_scroll_frame_rate_hertz'), 'p5'),
      ],
    }),
    timeseries({
      title: 'Latency of tab synchronisations',
      description: 'Percentiles over all organizations. The line is where one of them alerts.',
      unit: 's',
      thresholds: above(alerts.tabSyncSlowSeconds),
      min: 0,
      width: 8,
      queries: percentiles('tab_sync_latency_seconds'),
    }),
    timeseries({
      title: 'Tab synchronisations by operation',
      description: 'Per second, and those of them that fail.',
      unit: 'ops',
      thresholds: noThresholds,
      alerts: [alerts.tabSyncFailures],
      min: 0,
      width: 8,
      queries: [query(rateBy('tab_sync_operations_total', 'operation, outcome'), '{{operation}} {{outcome}}')],
    }),
    timeseries({
      title: 'Load time of bundles',
      description: 'Percentiles, those from a cache included.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: percentiles('bundle_load_duration_seconds'),
    }),
    timeseries({
      title: 'Size of bundles',
      description: 'Average of what was loaded. A step up: a release that brought something large.',
      unit: 'bytes',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [
        query(average('bundle_size_bytes', '$__rate_interval'), 'average'),
        query(quantile(0.95, 'widget_client_bundle_size_bytes'), 'p95'),
      ],
    }),
    table({
      title: 'Organizations that render slowest',
      description: `Of the last 5 minutes, the 20 with the highest p95 of ${enough} or more renders. Baseline: the average when it was captured.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.renderSlowSeconds, alerts.renderDegraded, alerts.lowFrameRate, alerts.scrollJank, alerts.tabSyncSlowSeconds],
      width: 24,
      noValue: 'none',
      columns: [
        organizationColumn,
        { field: 'Value #A', title: 'Render p95', unit: 's', thresholds: above(alerts.renderSlowSeconds) },
        { field: 'Value #B', title: 'Average', unit: 's' },
        { field: 'Value #C', title: 'Baseline', unit: 's' },
        { field: 'Value #D', title: 'Renders', unit: 'none', decimals: 0 },
        { field: 'Value #E', title: 'Over 16 ms', unit: 'none', decimals: 0 },
        { field: 'Value #F', title: 'Frame rate', unit: 'hertz', decimals: 1, thresholds: below(alerts.lowFrameRate) },
        { field: 'Value #G', title: 'Lowest', unit: 'hertz', decimals: 1 },
        { field: 'Value #H', title: 'Jank', unit: 'percentunit', thresholds: above(alerts.scrollJank) },
        { field: 'Value #I', title: 'Tab sync p95', unit: 's', thresholds: above(alerts.tabSyncSlowSeconds) },
        { field: 'Value #J', title: 'Tab sync fails', unit: 'percentunit', thresholds: above(alerts.tabSyncFailures) },
      ],
      sortBy: { title: 'Render p95', descending: true },
      queries: joined(worstRenders, [
        'render_duration_seconds:p95_5m',
        'render_duration_seconds:avg_5m',
        'render_baseline_seconds:max',
        'renders:increase5m',
        'slow_renders:increase5m',
        'scroll_frame_rate_hertz:avg_5m',
        'scroll_min_frame_rate_hertz:max',
        'scroll_jank_frames:ratio_increase5m',
        'tab_sync_latency_seconds:p95_5m',
        'tab_sync_failures:ratio_increase5m',
      ]),
    }),
  ],
});

const heapPeaks = `max by (org) (widget_client_org_memory_heap_peak_bytes{${organizations}})`;
const worstHeaps = `topk(20, ${heapPeaks})`;
const worstCalls = `topk(20, ${recorded('api_errors:increase5m')} > 0 or ${recorded('api_request_duration_seconds:p95_5m')} > ${alerts.apiSlowSeconds.value})`;

const memoryAndApi = (): Row => ({
  title: 'Memory and API: what does it take, and does it get answers?',
  panels: [
    stat({
      title: 'Heap (average)',
      description: 'Of the pages that embed widgets, over 5 minutes. Whatever else the page holds is in it.',
      unit: 'bytes',
      thresholds: inBands(bands.heap, heapWarning),
      decimals: 1,
      noValue: 'no snapshots',
      width: 6,
      queries: [query(average('memory_heap_used_bytes'), 'average')],
    }),
    stat({
      title: 'Largest heap',
      description: 'Of the last 5 minutes, of all organizations.',
      unit: 'bytes',
      thresholds: above(heapWarning, heapError),
      decimals: 1,
      noValue: 'no snapshots',
      width: 6,
      queries: [orgQuery(`max(${heapPeaks})`, 'peak')],
    }),
    stat({
      title: 'API response time (p95)',
      description: '19 of 20 calls of the last 5 minutes were answered faster, the network and caches included.',
      unit: 's',
      thresholds: inBands(bands.apiLatency, alerts.apiSlowSeconds),
      noValue: 'no calls',
      width: 6,
      queries: [query(p95Of('api_request_duration_seconds'), 'p95')],
    }),
    stat({
      title: 'API calls from a cache',
      description: 'Share of the last 5 minutes.',
      unit: 'percentunit',
      thresholds: noThresholds,
      noValue: 'no calls',
      width: 6,
      queries: [query(shareOf('api_requests_total', 'cached="true"'), 'cached')],
    }),
    heatmap({
      title: 'Heap of pages',
      description: 'By snapshot. A band that climbs for hours is a leak: look at when visitors reload.',
      unit: 'bytes',
      thresholds: noThresholds,
      width: 8,
      queries: [query(fleet('memory_heap_used_bytes_bucket', { by: 'le', range: '$__rate_interval' }), '{{le}}')],
    }),
    timeseries({
      title: 'Percentiles of the heap',
      description: 'Over all organizations. The lines are where the peak of one of them alerts.',
      unit: 'bytes',
      thresholds: above(heapWarning, heapError),
      min: 0,
      width: 8,
      queries: percentiles('memory_heap_used_bytes'),
    }),
    timeseries({
      title: 'Heap against a week ago (average)',
      description: 'Over an hour, and over the same hour a week ago.',
      unit: 'bytes',
      thresholds: noThresholds,
      alerts: [alerts.heapMbWarning],
      min: 0,
      width: 8,
      queries: againstLastWeek(averageOfFleet('memory_heap_used_bytes')),
    }),
    timeseries({
      title: 'API errors',
      description: 'Share of the calls that were answered with 400 or more, or not at all. The lines are where one organization alerts.',
      unit: 'percentunit',
      thresholds: above(alerts.apiErrorWarning, alerts.apiErrorError),
      min: 0,
      width: 8,
      queries: [
        query(
          share(
            fleet('api_requests_total', { labels: 'outcome="error"', range: '$__rate_interval' }),
            fleet('api_requests_total', { range: '$__rate_interval' }),
          ),
          'errors',
        ),
      ],
    }),
    timeseries({
      title: 'Percentiles of API response times',
      description: 'As browsers see them. Compare with the services of your own: what is slow here only is the network.',
      unit: 's',
      thresholds: above(alerts.apiSlowSeconds),
      min: 0,
      width: 8,
      queries: percentiles('api_request_duration_seconds'),
    }),
    timeseries({
      title: 'API response time against a week ago (p95)',
      description: 'Over an hour, and over the same hour a week ago.',
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.apiSlowSeconds],
      min: 0,
      width: 8,
      queries: againstLastWeek(lastWeekOfFleet('api_request_duration_seconds')),
    }),
    table({
      title: 'Organizations with the largest heaps',
      description: `Of the last 5 minutes, the worst 20. It alerts from ${enough} snapshots on.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.heapMbWarning],
      width: 12,
      noValue: 'no snapshots',
      columns: [
        organizationColumn,
        { field: 'Value #A', title: 'Peak', unit: 'bytes', decimals: 1, thresholds: above(heapWarning, heapError) },
        { field: 'Value #B', title: 'Average', unit: 'bytes', decimals: 1, thresholds: inBands(bands.heap) },
        { field: 'Value #C', title: 'Snapshots', unit: 'none', decimals: 0 },
      ],
      sortBy: { title: 'Peak', descending: true },
      queries: [orgQuery(worstHeaps, 'peak'), ...joined(worstHeaps, ['memory_heap_used_bytes:avg_5m', 'memory_snapshots:increase5m'])],
    }),
    table({
      title: 'Organizations whose API calls fail or are slow',
      description: `Of the last 5 minutes, at most 20. It alerts from ${enough} calls on.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.apiErrorWarning, alerts.apiSlowSeconds],
      width: 12,
      noValue: 'none',
      columns: [
        organizationColumn,
        { field: 'Value #A', title: 'Errors', unit: 'none', decimals: 0 },
        { field: 'Value #B', title: 'Calls', unit: 'none', decimals: 0 },
        { field: 'Value #C', title: 'Failing', unit: 'percentunit', thresholds: above(alerts.apiErrorWarning, alerts.apiErrorError) },
        { field: 'Value #D', title: 'p95', unit: 's', thresholds: above(alerts.apiSlowSeconds) },
      ],
      sortBy: { title: 'Errors', descending: true },
      queries: joined(worstCalls, [
        'api_errors:increase5m',
        'api_requests:increase5m',
        'api_errors:ratio_increase5m',
        'api_request_duration_seconds:p95_5m',
      ]),
    }),
  ],
});

const firing = 'ALERTS{alertstate="firing", feature="widget-performance"}';

const whichAlerts = (): Row => ({
  title: 'Alerts: which, and of whom?',
  panels: [
    alertStates({
      title: 'Alerts over time',
      description: 'Which came first? Silenced and inhibited ones included.',
      width: 12,
      queries: [query(`max by (alertname, severity) (${firing})`, '{{alertname}} {{severity}}')],
    }),
    timeseries({
      title: 'Organizations with alerts',
      description: 'By alert. One organization: its page. Many at the same minute: a release of the widget, or the way to the API.',
      unit: 'none',
      thresholds: noThresholds,
      decimals: 0,
      min: 0,
      width: 6,
      queries: [query(`count by (alertname) (max by (alertname, org) (${firing}))`, '{{alertname}}')],
    }),
    timeseries({
      title: 'Stored alerts by severity',
      description: 'Unresolved in the table alerts, as the portal shows them. An inhibited alert is not there.',
      unit: 'none',
      thresholds: noThresholds,
      stacked: true,
      decimals: 0,
      min: 0,
      width: 6,
      queries: [query(`sum by (severity) (max by (severity, category) (widget_client_alerts_active{${scraped}}))`, '{{severity}}')],
    }),
  ],
});

const scoreOf = (part: string): string => `100 * max by (org) (widget_client_org_health_score_ratio{${organization}, part="${part}"})`;

/** A figure of the organization that is recorded. */
function figure(
  title: string,
  series: string,
  spec: { unit: string; description: string; alerts: readonly AlertThreshold[]; colours: ReturnType<typeof above>; decimals?: number },
): UnplacedPanel {
  return stat({
    title,
    description: spec.description,
    unit: spec.unit,
    thresholds: spec.colours,
    alerts: spec.alerts,
    ...(spec.decimals === undefined ? {} : { decimals: spec.decimals }),
    noValue: 'no samples',
    width: 4,
    queries: [orgQuery(recordedOf(series), series)],
  });
}

const oneOrganization = (): Row => ({
  title: 'One organization: $org',
  panels: [
    stat({
      title: 'Health score of $org',
      description:
        'Of the last 5 minutes, as GET /api/monitoring/widget answers it. The links lead to its JSON, and to the minutes of each chatbot.',
      unit: 'none',
      thresholds: healthScoreBands,
      colorBackground: true,
      decimals: 0,
      noValue: 'unknown',
      width: 4,
      links: [statistics, byChatbot],
      queries: [orgQuery(scoreOf('overall'), 'score')],
    }),
    barGauge({
      title: 'What the score of $org is made of',
      description: '40 % persistence, 30 % performance, 15 % memory, 15 % API. 100 without measurements.',
      unit: 'none',
      thresholds: healthScoreBands,
      decimals: 0,
      min: 0,
      max: 100,
      height: 4,
      width: 8,
      links: [statistics],
      queries: [orgQuery(`100 * max by (part) (widget_client_org_health_score_ratio{${organization}, part!="overall"})`, '{{part}}')],
    }),
    figure('Failing operations', 'persistence_failures:ratio_increase5m', {
      unit: 'percentunit',
      description: `Of its persistence operations of the last 5 minutes, as the alert judges it from ${enough} on.`,
      colours: above(alerts.persistenceFailureError, alerts.persistenceFailureCritical),
      alerts: [],
    }),
    figure('Data loss now', 'data_loss_incidents:increase5m', {
      unit: 'none',
      description: 'Incidents of the last 5 minutes. It alerts at the first.',
      colours: above(at(1, alerts.dataLoss)),
      alerts: [],
      decimals: 0,
    }),
    figure('Restoration (p95)', 'restoration_duration_seconds:p95_5m', {
      unit: 's',
      description: `Of the last 5 minutes. It alerts from ${enough} restorations on.`,
      colours: inBands(bands.restoration, alerts.restorationSlowSeconds),
      alerts: [],
    }),
    figure('Render time (p95)', 'render_duration_seconds:p95_5m', {
      unit: 's',
      description: `Of the last 5 minutes. It alerts from ${enough} renders on.`,
      colours: inBands(bands.render, alerts.renderSlowSeconds),
      alerts: [],
    }),
    figure('Frame rate (average)', 'scroll_frame_rate_hertz:avg_5m', {
      unit: 'hertz',
      description: `Of the last 5 minutes. It alerts from ${enough} samples on.`,
      colours: inBands(bands.frameRate, alerts.lowFrameRate),
      alerts: [],
      decimals: 1,
    }),
    figure('Heap of $org (average)', 'memory_heap_used_bytes:avg_5m', {
      unit: 'bytes',
      description: 'Of the last 5 minutes. What alerts is the peak.',
      colours: inBands(bands.heap),
      alerts: [alerts.heapMbWarning],
      decimals: 1,
    }),
    figure('API latency (p95)', 'api_request_duration_seconds:p95_5m', {
      unit: 's',
      description: `Of the last 5 minutes. It alerts from ${enough} calls on.`,
      colours: inBands(bands.apiLatency, alerts.apiSlowSeconds),
      alerts: [],
    }),
    figure('API calls that fail', 'api_errors:ratio_increase5m', {
      unit: 'percentunit',
      description: `Of the last 5 minutes. It alerts from ${enough} calls on.`,
      colours: above(alerts.apiErrorWarning, alerts.apiErrorError),
      alerts: [],
    }),
    figure('Tab synchronisation of $org (p95)', 'tab_sync_latency_seconds:p95_5m', {
      unit: 's',
      description: `Of the last 5 minutes. It alerts from ${enough} synchronisations on.`,
      colours: above(alerts.tabSyncSlowSeconds),
      alerts: [alerts.tabSyncFailures],
    }),
    timeseries({
      title: 'Health score of $org over time',
      description: 'By part, and over all. The part that fell first is where to look.',
      unit: 'none',
      thresholds: noThresholds,
      min: 0,
      max: 100,
      width: 8,
      links: [byChatbot],
      queries: [orgQuery(`100 * max by (part) (widget_client_org_health_score_ratio{${organization}})`, '{{part}}')],
    }),
    timeseries({
      title: 'Render time of $org against its baseline',
      description: `Average over 5 minutes. It alerts at ${alerts.renderDegraded.value} times the baseline. A new baseline: POST /api/monitoring/widget/baseline.`,
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.renderDegraded],
      min: 0,
      width: 8,
      queries: [
        orgQuery(recordedOf('render_duration_seconds:avg_5m'), 'average'),
        orgQuery(recordedOf('render_baseline_seconds:max'), 'baseline'),
      ],
    }),
    timeseries({
      title: 'Heap of $org',
      description: 'Peak and average of 5 minutes.',
      unit: 'bytes',
      thresholds: above(heapWarning, heapError),
      min: 0,
      width: 8,
      queries: [
        orgQuery(`max by (org) (widget_client_org_memory_heap_peak_bytes{${organization}})`, 'peak'),
        orgQuery(recordedOf('memory_heap_used_bytes:avg_5m'), 'average'),
      ],
    }),
    timeseries({
      title: 'Render time of $org against a week ago (p95)',
      description: 'Over an hour, and over the same hour a week ago.',
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.renderSlowSeconds],
      min: 0,
      width: 6,
      queries: againstLastWeek(lastWeekOf('render_duration_seconds:p95_1h')),
    }),
    timeseries({
      title: 'API response time of $org against a week ago (p95)',
      description: 'Over an hour, and over the same hour a week ago.',
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.apiSlowSeconds],
      min: 0,
      width: 6,
      queries: againstLastWeek(lastWeekOf('api_request_duration_seconds:p95_1h')),
    }),
    timeseries({
      title: 'Persistence success of $org against a week ago',
      description: 'Over an hour, and over the same hour a week ago.',
      unit: 'percentunit',
      thresholds: noThresholds,
      alerts: [alerts.persistenceFailureError],
      max: 1,
      width: 6,
      queries: againstLastWeek(lastWeekOf('persistence_success:ratio_increase1h')),
    }),
    timeseries({
      title: 'Heap of $org against a week ago (average)',
      description: 'Over an hour, and over the same hour a week ago.',
      unit: 'bytes',
      thresholds: noThresholds,
      alerts: [alerts.heapMbWarning],
      min: 0,
      width: 6,
      queries: againstLastWeek(lastWeekOf('memory_heap_used_bytes:avg_1h')),
    }),
    alertStates({
      title: 'Alerts of $org over time',
      description: 'Those of this organization. Empty is good.',
      width: 24,
      height: 6,
      queries: [query('max by (alertname) (ALERTS{alertstate="firing", feature="widget-performance", org="$org"})', '{{alertname}}')],
    }),
  ],
});

function scoreNow(): UnplacedPanel {
  return stat({
    title: 'Health score',
    description: 'Of all organizations over the last 5 minutes: 90 and more is healthy, below 70 unhealthy. 100 without measurements.',
    unit: 'none',
    thresholds: healthScoreBands,
    colorBackground: true,
    decimals: 0,
    noValue: 'unknown',
    width: 4,
    queries: [query(`100 * max(widget_client_health_score_ratio{${scraped}, part="overall"})`, 'score')],
  });
}

function organizationsUnhealthy(): UnplacedPanel {
  return stat({
    title: 'Unhealthy organizations',
    description: 'With a score below 70. One: their page, most of the time. Many: the widget, or us.',
    unit: 'none',
    thresholds: noneOf('error'),
    decimals: 0,
    noValue: 'unknown',
    width: 4,
    queries: [orgQuery(`count(${scores} < 0.7) or 0 * count(${scores})`, 'organizations')],
  });
}

function dataLossNow(): UnplacedPanel {
  return stat({
    title: 'Data loss, 5 minutes',
    description: 'Saves that failed, and navigations after which data was gone, of all organizations.',
    unit: 'none',
    thresholds: above(at(1, alerts.dataLoss)),
    decimals: 0,
    noValue: 'unknown',
    width: 4,
    queries: [query(fleet('data_loss_incidents_total'), 'incidents')],
  });
}

function rendersNow(): UnplacedPanel {
  return stat({
    title: 'Message render time (p95)',
    description: '19 of 20 messages of the last 5 minutes were rendered faster, of all organizations.',
    unit: 's',
    thresholds: inBands(bands.render, alerts.renderSlowSeconds),
    noValue: 'no renders',
    width: 4,
    queries: [query(p95Of('render_duration_seconds'), 'p95')],
  });
}

function apiErrorsNow(): UnplacedPanel {
  return stat({
    title: 'Widget API errors, 5 minutes',
    description: 'Share of the API calls of widgets that were answered with 400 or more, or not at all.',
    unit: 'percentunit',
    thresholds: above(alerts.apiErrorWarning, alerts.apiErrorError),
    noValue: 'no calls',
    width: 4,
    queries: [query(shareOf('api_requests_total', 'outcome="error"'), 'errors')],
  });
}

function storedAlertsNow(): UnplacedPanel {
  return stat({
    title: 'Unresolved stored alerts',
    description: 'Of widget performance, in the table alerts: what the portal shows.',
    unit: 'none',
    thresholds: noneOf('warning'),
    decimals: 0,
    noValue: 'unknown',
    width: 4,
    queries: [query(`sum(max by (severity, category) (widget_client_alerts_active{${scraped}}))`, 'alerts')],
  });
}

function scoreByPart({ width }: { width: number }): UnplacedPanel {
  return timeseries({
    title: 'Health score by part',
    description:
      'Of all organizations. Overall is 40 % persistence, 30 % performance, 15 % memory, 15 % API; the part that fell first is where to look.',
    unit: 'none',
    thresholds: noThresholds,
    min: 0,
    max: 100,
    width,
    queries: [query(`100 * max by (part) (widget_client_health_score_ratio{${scraped}})`, '{{part}}')],
  });
}

function organizationsByStatus({ width }: { width: number }): UnplacedPanel {
  const counted = (condition: string): string => `count(${scores} ${condition}) or 0 * count(${scores})`;
  return timeseries({
    title: 'Organizations by health score',
    description: 'How many at once? One: their page. Many at the same minute: a release of the widget, or the way to the API.',
    unit: 'none',
    thresholds: noThresholds,
    stacked: true,
    decimals: 0,
    min: 0,
    width,
    queries: [
      orgQuery(counted('>= 0.9'), 'healthy'),
      orgQuery(counted('>= 0.7 < 0.9'), 'degraded'),
      orgQuery(counted('< 0.7'), 'unhealthy'),
    ],
  });
}
