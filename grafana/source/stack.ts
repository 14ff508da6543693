import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { makeDashboard, type Row } from './dashboard.ts';
import { barGauge, gauge, heatmap, stat, states, table, timeseries, type UnplacedPanel } from './panels.ts';
import { quantile, query, scraped } from './queries.ts';
import { above, alertThresholds as alerts, at, below, noThresholds, stateWords } from './thresholds.ts';

/** The stack watching itself, in the order of runbooks/stack.md: processes, requests, ingest, database, jobs, metrics, alerting. */
export const stack = (): Dashboard =>
  makeDashboard({
    uid: 'stack',
    title: 'Stack',
    description: 'The stack watching itself: processes, requests, ingest, database, jobs, series, Prometheus and Alertmanager.',
    runbook: 'stack',
    alerts: 'feature="pipeline", alertname!="Watchdog"',
    rows: [isEverythingThere(), requests(), ingest(), counterFlush(), database(), jobs(), organizationSeries(), processes(), monitoring()],
  });

export function targetsDown(): UnplacedPanel {
  return stat({
    title: 'Targets down',
    description:
      'Targets that did not answer their last scrape. A job without any target is not among them: see ObservabilityTargetMissing.',
    unit: 'short',
    thresholds: above(at(1, alerts.targetUp)),
    colorBackground: true,
    noValue: 'no targets',
    width: 3,
    queries: [query(`count(up{${scraped}}) - sum(up{${scraped}})`, 'targets')],
  });
}

export const requestFailures = ({ width }: { width: number }): UnplacedPanel =>
  timeseries({
    title: 'Share of requests that fail',
    description:
      'Errors. Share of 5xx. 503 is refused on purpose (queue full, no database, shutdown), 500 is a bug. Absent without requests.',
    unit: 'percentunit',
    thresholds: above(alerts.httpErrorRatio),
    min: 0,
    width,
    queries: [
      query(
        `sum by (service) (rate(observability_http_requests_total{${scraped}, status=~"5.."}[$__rate_interval])) / (sum by (service) (rate(observability_http_requests_total{${scraped}}[$__rate_interval])) > 0)`,
        '{{service}}',
      ),
    ],
  });

export const queueUse = ({ width }: { width: number }): UnplacedPanel =>
  timeseries({
    title: 'Use of the ingest queue',
    description:
      'Saturation. Rows that wait for their transaction, and bodies of requests under way, as shares of the most that may. At 100 % ingest answers 503.',
    unit: 'percentunit',
    thresholds: above(alerts.queueUse),
    min: 0,
    width,
    queries: [
      query(`observability_ingest_queue_rows{${scraped}} / observability_ingest_queue_limit_rows{${scraped}}`, '{{endpoint}} {{instance}}'),
      query(`observability_ingest_body_bytes{${scraped}} / observability_ingest_body_limit_bytes{${scraped}}`, 'bodies {{instance}}'),
    ],
  });

/** As a share of the age at which the rule alerts, so that daily jobs and those of every minute share one scale. */
const jobAge = `
(time() - max by (task) (observability_job_last_success_timestamp_seconds{${scraped}}))
/ (2 * max by (task) (observability_job_interval_seconds{${scraped}}) + ${alerts.jobAge.value})`;

const isEverythingThere = (): Row => ({
  title: 'Is everything there?',
  panels: [
    targetsDown(),
    stat({
      title: 'Database',
      description: 'Whether each process reached PostgreSQL at its last probe, every 5 s.',
      unit: 'short',
      thresholds: below(at(1, alerts.databaseUp)),
      words: stateWords,
      colorBackground: true,
      noValue: 'unknown',
      width: 6,
      queries: [query(`min by (service) (observability_db_up{${scraped}})`, '{{service}}')],
    }),
    stat({
      title: 'Jobs overdue',
      description: 'Jobs whose last success is longer ago than two intervals and five minutes.',
      unit: 'short',
      thresholds: above(at(1, alerts.jobAge)),
      colorBackground: true,
      noValue: 'unknown',
      width: 3,
      queries: [query(`count((${jobAge.trim()}) > 1) or 0 * count(observability_job_interval_seconds{${scraped}})`, 'jobs')],
    }),
    stat({
      title: 'Partitions end in',
      description: 'Until the newest partition of the first table ends. After that its inserts fail.',
      unit: 's',
      thresholds: below(alerts.partitionsAheadSeconds),
      colorBackground: true,
      noValue: 'unknown',
      width: 3,
      queries: [query(`min(max by (table) (observability_partitions_ahead_seconds{${scraped}}))`, 'time')],
    }),
    gauge({
      title: 'Organizations with series',
      description: 'As a share of ORG_SERIES_MAX_ORGS. Those beyond the limit have no alerts.',
      unit: 'percentunit',
      thresholds: above(alerts.orgSeriesUse),
      min: 0,
      max: 1,
      width: 4,
      queries: [query(`max(observability_org_series_orgs{${scraped}} / observability_org_series_limit_orgs{${scraped}})`, 'use')],
    }),
    stat({
      title: 'Rules that cannot be evaluated',
      description: 'Evaluations that failed in the last 5 minutes. Those rules do not fire.',
      unit: 'short',
      thresholds: above(at(1, alerts.ruleFailures)),
      decimals: 0,
      colorBackground: true,
      noValue: 'unknown',
      width: 5,
      queries: [query(`sum(increase(prometheus_rule_evaluation_failures_total{${scraped}}[5m]))`, 'evaluations')],
    }),
    table({
      title: 'Targets',
      description: 'What Prometheus scrapes, how long it takes and how much it brings.',
      unit: 'short',
      thresholds: noThresholds,
      width: 12,
      sortBy: { title: 'Job', descending: false },
      columns: [
        { field: 'job', title: 'Job' },
        { field: 'instance', title: 'Instance' },
        { field: 'Value #A', title: 'State', words: stateWords, thresholds: below(at(1, alerts.targetUp)) },
        { field: 'Value #B', title: 'Scrape takes', unit: 's' },
        { field: 'Value #C', title: 'Samples' },
      ],
      queries: [
        query(`up{${scraped}}`, 'state'),
        query(`scrape_duration_seconds{${scraped}}`, 'scrape takes'),
        query(`scrape_samples_post_metric_relabeling{${scraped}}`, 'samples'),
      ],
    }),
    table({
      title: 'Processes',
      description: 'What runs where, in which version, since when. Several versions: a deployment is under way, or was forgotten.',
      unit: 'short',
      thresholds: noThresholds,
      width: 12,
      sortBy: { title: 'Service', descending: false },
      columns: [
        { field: 'service', title: 'Service' },
        { field: 'instance', title: 'Instance' },
        { field: 'version', title: 'Version' },
        { field: 'commit', title: 'Commit' },
        { field: 'node_version', title: 'Node.js' },
        { field: 'Value #A', title: 'Runs for', unit: 's' },
        { field: 'Value #B', title: 'Restarts in this time' },
      ],
      queries: [
        query(
          `(time() - process_start_time_seconds{${scraped}}) * on (job, instance) group_right observability_build_info{${scraped}}`,
          'runs for',
        ),
        query(
          `changes(process_start_time_seconds{${scraped}}[$__range]) * on (job, instance) group_right observability_build_info{${scraped}}`,
          'restarts',
        ),
      ],
    }),
  ],
});

const requests = (): Row => ({
  title: 'Are requests answered?',
  panels: [
    timeseries({
      title: 'Requests by route',
      description: 'Finished requests per second. unmatched: no such route.',
      unit: 'reqps',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 12,
      queries: [
        query(`sum by (service, route) (rate(observability_http_requests_total{${scraped}}[$__rate_interval]))`, '{{service}} {{route}}'),
      ],
    }),
    requestFailures({ width: 12 }),
    timeseries({
      title: 'Requests that were not answered with success',
      description: '4xx are the callers (401: a key, 403: an allowlist, 429: too fast), 5xx are ours.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.httpErrorRatio],
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        query(
          `sum by (service, status) (rate(observability_http_requests_total{${scraped}, status=~"[45].."}[$__rate_interval]))`,
          '{{service}} {{status}}',
        ),
      ],
    }),
    timeseries({
      title: 'Duration of requests by route (p95)',
      description: 'From the request headers to the last byte of the answer. Absent without requests.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [
        query(quantile(0.95, 'observability_http_request_duration_seconds', { by: 'service, route, le' }), '{{service}} {{route}}'),
      ],
    }),
    timeseries({
      title: 'Rate-limited requests by policy',
      description: 'Answered 429. One caller who is too fast, or all of them as one: is TRUSTED_PROXY_HOPS right?',
      unit: 'reqps',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`sum by (policy) (rate(observability_rate_limited_total{${scraped}}[$__rate_interval]))`, '{{policy}}')],
    }),
  ],
});

const ingest = (): Row => ({
  title: 'Is telemetry taken in?',
  panels: [
    timeseries({
      title: 'Rows by fate',
      description: 'stored, duplicate (a repeat, not counted again), refused (by PostgreSQL after validation), ignored, bot.',
      unit: 'wps',
      thresholds: noThresholds,
      alerts: [alerts.rowsRefused],
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        query(
          `sum by (endpoint, outcome) (rate(observability_ingest_rows_total{${scraped}}[$__rate_interval]))`,
          '{{endpoint}} {{outcome}}',
        ),
      ],
    }),
    timeseries({
      title: 'Requests that were not stored, by reason',
      description: 'overloaded and database are ours and alert from 10 in 5 minutes; the others are the senders.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.turnedAway],
      min: 0,
      width: 8,
      queries: [
        query(
          `sum by (endpoint, reason) (rate(observability_ingest_rejected_total{${scraped}}[$__rate_interval]))`,
          '{{endpoint}} {{reason}}',
        ),
      ],
    }),
    queueUse({ width: 8 }),
    timeseries({
      title: 'Duration of commits (p50, p99)',
      description: 'One ingest transaction, from asking for a connection to the commit. Healthy is below 0.05 s.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [0.5, 0.99].map((q) =>
        query(quantile(q, 'observability_ingest_commit_duration_seconds', { by: 'endpoint, le' }), `{{endpoint}} p${q * 100}`),
      ),
    }),
    timeseries({
      title: 'Rows per transaction',
      description:
        'Group commit: the more requests arrive during a transaction, the more share the next one. Near 1 is idle, near INGEST_MAX_TX_ROWS is full.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [
        query(
          `sum by (endpoint) (rate(observability_ingest_transaction_rows_sum{${scraped}}[$__rate_interval])) / (sum by (endpoint) (rate(observability_ingest_transaction_rows_count{${scraped}}[$__rate_interval])) > 0)`,
          '{{endpoint}} mean',
        ),
        query(quantile(0.95, 'observability_ingest_transaction_rows', { by: 'endpoint, le' }), '{{endpoint}} p95'),
      ],
    }),
    heatmap({
      title: 'Commits by duration',
      description: 'A second band above the first: some transactions wait, most likely for a lock or the disk.',
      unit: 's',
      thresholds: noThresholds,
      width: 8,
      queries: [
        query(`sum by (le) (increase(observability_ingest_commit_duration_seconds_bucket{${scraped}}[$__rate_interval]))`, '{{le}}'),
      ],
    }),
  ],
});

const counterFlush = (): Row => ({
  title: 'Are counters written?',
  collapsed: true,
  panels: [
    timeseries({
      title: 'Age of the last flush',
      description: 'Since counters were last written, while any wait: without traffic there is nothing to write, and it is 0.',
      unit: 's',
      thresholds: above(alerts.flushAgeSeconds),
      min: 0,
      width: 8,
      queries: [
        query(
          `(time() - observability_flush_last_success_timestamp_seconds{${scraped}}) * on (instance) clamp_max(observability_flush_pending_orgs{${scraped}}, 1)`,
          '{{instance}}',
        ),
      ],
    }),
    timeseries({
      title: 'Organizations with unwritten counters',
      description: 'In the memory of a process. It drops to zero within a second when the database is well.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.flushAgeSeconds],
      min: 0,
      width: 8,
      queries: [query(`observability_flush_pending_orgs{${scraped}}`, '{{instance}}')],
    }),
    timeseries({
      title: 'Failed flushes',
      description: 'Their counters are kept and written later. Zero while the age grows: it hangs, most likely on a lock.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.flushAgeSeconds],
      min: 0,
      width: 8,
      queries: [query(`sum by (instance) (increase(observability_flush_failures_total{${scraped}}[$__rate_interval]))`, '{{instance}}')],
    }),
  ],
});

const database = (): Row => ({
  title: 'Is the database the cause?',
  collapsed: true,
  panels: [
    states({
      title: 'Database over time',
      description: 'Whether each process reached PostgreSQL. One only: its password, its network, or its pool.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.databaseUp],
      words: stateWords,
      width: 8,
      queries: [query(`min by (service) (observability_db_up{${scraped}})`, '{{service}}')],
    }),
    timeseries({
      title: 'Callers that wait for a connection',
      description: 'More than a moment above zero: the pool is too small, or the database is slow.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`sum by (service, pool) (observability_db_pool_connections{${scraped}, state="waiting"})`, '{{service}} {{pool}}')],
    }),
    timeseries({
      title: 'Open connections',
      description: 'By service and state, over replicas. Their sum has to stay below max_connections.',
      unit: 'short',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        query(`sum by (service, state) (observability_db_pool_connections{${scraped}, state=~"busy|idle"})`, '{{service}} {{state}}'),
      ],
    }),
    timeseries({
      title: 'Slow statements',
      description: 'Statements that took more than one second.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [query(`sum by (service) (increase(observability_db_slow_queries_total{${scraped}}[$__rate_interval]))`, '{{service}}')],
    }),
    timeseries({
      title: 'Audit rows that could not be written',
      description: 'By action. The request that caused them was answered all the same.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [query(`sum by (action) (increase(observability_audit_write_failures_total{${scraped}}[$__rate_interval]))`, '{{action}}')],
    }),
  ],
});

const jobs = (): Row => ({
  title: 'Do the jobs run?',
  collapsed: true,
  panels: [
    table({
      title: 'Jobs',
      description: 'Age of the last success beside the planned interval. Overdue from 100 %: two intervals and five minutes.',
      unit: 's',
      thresholds: noThresholds,
      width: 12,
      sortBy: { title: 'Of the allowed age', descending: true },
      columns: [
        { field: 'task', title: 'Job' },
        { field: 'Value #A', title: 'Last success', unit: 's' },
        { field: 'Value #B', title: 'Interval', unit: 's' },
        { field: 'Value #C', title: 'Of the allowed age', unit: 'percentunit', thresholds: above(at(1, alerts.jobAge)) },
      ],
      queries: [
        query(`time() - max by (task) (observability_job_last_success_timestamp_seconds{${scraped}})`, 'last success'),
        query(`max by (task) (observability_job_interval_seconds{${scraped}})`, 'interval'),
        query(jobAge, 'of the allowed age'),
      ],
    }),
    barGauge({
      title: 'Partitions ahead',
      description: 'How long the partitions last that exist, by table. The job partitions-maintain keeps them two weeks ahead.',
      unit: 's',
      thresholds: below(alerts.partitionsAheadSeconds),
      min: 0,
      width: 12,
      queries: [query(`max by (table) (observability_partitions_ahead_seconds{${scraped}})`, '{{table}}')],
    }),
    timeseries({
      title: 'Runs by outcome',
      description: 'Finished runs. Why a run failed is in the table job_runs.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.jobAge],
      min: 0,
      width: 12,
      queries: [
        query(`sum by (task, outcome) (increase(observability_job_runs_total{${scraped}}[$__rate_interval]))`, '{{task}} {{outcome}}'),
      ],
    }),
    barGauge({
      title: 'Duration of jobs (p95)',
      description: 'In the selected time. Absent for jobs that did not run in it.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [query(quantile(0.95, 'observability_job_duration_seconds', { by: 'task, le', range: '$__range' }), '{{task}}')],
    }),
  ],
});

const organizationSeries = (): Row => ({
  title: 'Are the series of organizations complete?',
  collapsed: true,
  panels: [
    timeseries({
      title: 'Organizations with series and their limit',
      description: 'Active organizations on /metrics/orgs, the most that may be there, and those beyond it, which have no alerts.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.orgSeriesUse],
      min: 0,
      width: 8,
      queries: [
        query(`max(observability_org_series_orgs{${scraped}})`, 'with series'),
        query(`max(observability_org_series_limit_orgs{${scraped}})`, 'limit'),
        query(`max(observability_org_series_overflow_orgs{${scraped}})`, 'beyond the limit'),
      ],
    }),
    timeseries({
      title: 'Failed refreshes by collector',
      description: 'In 10 minutes, as the alert counts. Meanwhile their series are absent, and alerts on them cannot fire.',
      unit: 'short',
      thresholds: above(alerts.collectorErrors),
      min: 0,
      width: 8,
      queries: [
        query(`sum by (job, collector) (increase(observability_collector_errors_total{${scraped}}[10m]))`, '{{job}} {{collector}}'),
      ],
    }),
    timeseries({
      title: 'Scrapes over the sample limit',
      description: 'Whole scrapes that Prometheus threw away in 5 minutes: every alert of a single organization is blind.',
      unit: 'short',
      thresholds: above(at(1, alerts.sampleLimitHits)),
      min: 0,
      width: 8,
      queries: [
        query(`sum by (instance) (increase(prometheus_target_scrapes_exceeded_sample_limit_total{${scraped}}[5m]))`, '{{instance}}'),
      ],
    }),
  ],
});

const processes = (): Row => ({
  title: 'Are the processes well?',
  collapsed: true,
  panels: [
    timeseries({
      title: 'Event loop lag (p99)',
      description: 'How late the process gets round to things. Above a tenth of a second every answer is late.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`nodejs_eventloop_lag_p99_seconds{${scraped}}`, '{{job}} {{instance}}')],
    }),
    timeseries({
      title: 'CPU',
      description: 'Cores in use. JavaScript runs on one: near 1 add a replica.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`rate(process_cpu_seconds_total{${scraped}}[$__rate_interval])`, '{{job}} {{instance}}')],
    }),
    timeseries({
      title: 'Memory',
      description: 'Resident memory. It grows with organizations, not with traffic: a slope that never ends is a leak.',
      unit: 'bytes',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`process_resident_memory_bytes{${scraped}}`, '{{job}} {{instance}}')],
    }),
    timeseries({
      title: 'Heap in use',
      description: 'JavaScript heap. Compare with memory: the difference is buffers and the runtime.',
      unit: 'bytes',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`nodejs_heap_size_used_bytes{${scraped}}`, '{{job}} {{instance}}')],
    }),
    timeseries({
      title: 'Time in garbage collection',
      description: 'Share of time. Above a twentieth the heap is too small for the load.',
      unit: 'percentunit',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [
        query(`sum by (job, instance) (rate(nodejs_gc_duration_seconds_sum{${scraped}}[$__rate_interval]))`, '{{job}} {{instance}}'),
      ],
    }),
    timeseries({
      title: 'Open file descriptors',
      description: 'As a share of the most that may be open: connections, mostly.',
      unit: 'percentunit',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`process_open_fds{${scraped}} / process_max_fds{${scraped}}`, '{{job}} {{instance}}')],
    }),
  ],
});

const monitoring = (): Row => ({
  title: 'Does the watching work?',
  collapsed: true,
  panels: [
    timeseries({
      title: 'Duration of scrapes',
      description: 'The time-out is 20 s for exporter-orgs and 10 s for all others.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`max by (job) (scrape_duration_seconds{${scraped}})`, '{{job}}')],
    }),
    timeseries({
      title: 'Samples per scrape',
      description: 'exporter-orgs grows with organizations; sample_limit has to stay above it.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.sampleLimitHits],
      min: 0,
      width: 8,
      queries: [query(`max by (job) (scrape_samples_scraped{${scraped}})`, '{{job}}')],
    }),
    timeseries({
      title: 'Series in Prometheus',
      description: 'In the head block, what its memory goes by.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`prometheus_tsdb_head_series{${scraped}}`, '{{instance}}')],
    }),
    timeseries({
      title: 'Duration of rule groups',
      description: 'Last evaluation of each group. It has to stay far below the evaluation interval of 15 s.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [
        query(
          `max by (group) (label_replace(prometheus_rule_group_last_duration_seconds{${scraped}}, "group", "$1", "rule_group", ".*;(.+)"))`,
          '{{group}}',
        ),
      ],
    }),
    timeseries({
      title: 'Rule evaluations that fail',
      description: 'In 5 minutes, by group. Those rules do not fire.',
      unit: 'short',
      thresholds: above(at(1, alerts.ruleFailures)),
      min: 0,
      width: 8,
      queries: [
        query(
          `sum by (group) (label_replace(increase(prometheus_rule_evaluation_failures_total{${scraped}}[5m]), "group", "$1", "rule_group", ".*;(.+)"))`,
          '{{group}}',
        ),
      ],
    }),
    states({
      title: 'Last reload of the configuration',
      description: 'Down: it refused its new configuration and runs the old one; the next restart will fail.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.configReloaded],
      words: { 1: { text: 'taken', color: 'green' }, 0: { text: 'refused', color: 'red' } },
      width: 8,
      queries: [
        query(`min by (job) (prometheus_config_last_reload_successful{${scraped}})`, '{{job}}'),
        query(`min by (job) (alertmanager_config_last_reload_successful{${scraped}})`, '{{job}}'),
      ],
    }),
    timeseries({
      title: 'Notifications by integration',
      description: 'Attempts of Alertmanager, successful or not. webhook is the way into the table alerts, and to whoever you added.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [
        query(
          `sum by (integration) (increase(alertmanager_notifications_total{${scraped}}[$__rate_interval])) and on (integration) sum by (integration) (increase(alertmanager_notifications_total{${scraped}}[$__range])) > 0`,
          '{{integration}}',
        ),
      ],
    }),
    timeseries({
      title: 'Notifications that fail',
      description: 'In 15 minutes, by integration. Somebody does not hear of alerts.',
      unit: 'short',
      thresholds: above(at(1, alerts.notificationsFailed)),
      min: 0,
      width: 8,
      queries: [query(`sum by (integration) (increase(alertmanager_notifications_failed_total{${scraped}}[15m]))`, '{{integration}}')],
    }),
    timeseries({
      title: 'Alerts in Alertmanager',
      description: 'active reach somebody; suppressed are silenced or inhibited and reach nobody, the table alerts included.',
      unit: 'short',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 8,
      queries: [query(`max by (state) (alertmanager_alerts{${scraped}})`, '{{state}}')],
    }),
  ],
});
