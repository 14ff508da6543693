import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { labelVariable, makeDashboard, type Row } from './dashboard.ts';
import { alertStates, barGauge, type Column, heatmap, link, stat, table, timeseries, type UnplacedPanel } from './panels.ts';
import { organization, organizations, orgQuery, quantile, query, scraped } from './queries.ts';
import { above, alertThresholds as alerts, at, noThresholds } from './thresholds.ts';

/** Does telemetry of visitors arrive: from whom not, what is dropped, how late; then what visitors do, the statistics, and one organization. */
export const widgetAnalytics = (): Dashboard =>
  makeDashboard({
    uid: 'widget-analytics',
    title: 'Widget analytics',
    description:
      'Is anything arriving? Who has stopped sending, what is dropped, how late is it? Then what visitors do, whether their statistics are made, and one organization.',
    runbook: 'widget-analytics',
    variables: [labelVariable('org', 'Organization', `label_values(widget_org_events_total{${organizations}}, org)`, 'one')],
    alerts: 'feature="widget-analytics", severity!="info"',
    rows: [isAnythingArriving(), whoStopped(), whatIsDropped(), isItLate(), whatVisitorsDo(), areStatisticsMade(), oneOrganization()],
  });

/** What the overview shows of this feature. */
export const widgetAnalyticsAtAGlance = (): UnplacedPanel[] => [
  eventsNow(),
  organizationsSilent(),
  organizationsDropping(),
  errorShareNow(),
  lagNow(),
  activeNow(),
  eventsByCategory({ width: 12 }),
  dropsByReason({ width: 12 }),
];

const endpoint = 'endpoint="widget_analytics"';
const ofFeature = 'task=~"widget-analytics-cleanup|widget-sessions-sweep|widget-stats-dirty"';

/** Recorded, of each organization. */
const recorded = {
  eventsThisHour: 'org:widget_org_events:increase1h{org!="__overflow__"}',
  events: 'org:widget_org_events:increase15m{org!="__overflow__"}',
  dropped: 'org:widget_org_dropped_events:increase15m{org!="__overflow__"}',
  droppedShare: 'org:widget_org_dropped_events:ratio_increase15m{org!="__overflow__"}',
  received: 'org:widget_org_received_events:increase15m{org!="__overflow__"}',
} as const;

/** So many events are enough for a judgement: of an hour a week ago, and of 15 minutes. */
const enoughEvents = alerts.silentSinceLastWeek.value;

const lastWeek = `(${recorded.eventsThisHour} offset 7d)`;
const fallenSilent = `${recorded.eventsThisHour} == 0 and ${lastWeek} >= ${enoughEvents}`;
const dropping = `${recorded.droppedShare} > ${alerts.dropShare.value} and ${recorded.received} >= ${enoughEvents}`;

const toOrganization = (field: string): ReturnType<typeof link> =>
  link('Show this organization', `/d/widget-analytics?\${__url_time_range}&\${datasource:queryparam}&var-org=\${${field}}`);

const isAnythingArriving = (): Row => ({
  title: 'Is anything arriving?',
  panels: [
    eventsNow(),
    organizationsSilent(),
    organizationsDropping(),
    errorShareNow(),
    lagNow(),
    activeNow(),
    eventsByCategory({ width: 12 }),
    timeseries({
      title: 'What became of events',
      description:
        'Events per second by fate. stored: new. duplicate: sent again, counted once. bot: by its user agent. refused: the database would not take it.',
      unit: 'eps',
      thresholds: noThresholds,
      alerts: [alerts.duplicateShare, alerts.rowsRefused],
      stacked: true,
      min: 0,
      width: 12,
      queries: [
        query(`sum by (outcome) (rate(observability_ingest_rows_total{${scraped}, ${endpoint}}[$__rate_interval]))`, '{{outcome}}'),
      ],
    }),
    timeseries({
      title: 'Requests turned away',
      description:
        'Whole requests per second. overloaded, database, shutdown: ours, senders repeat them. origin, unknown_chatbot: a page that is not set up. validation, json, too_large: a sender that is wrong.',
      unit: 'reqps',
      thresholds: noThresholds,
      alerts: [alerts.turnedAway],
      stacked: true,
      min: 0,
      width: 12,
      queries: [
        query(`sum by (reason) (rate(observability_ingest_rejected_total{${scraped}, ${endpoint}}[$__rate_interval]))`, '{{reason}}'),
      ],
    }),
    timeseries({
      title: 'Time to commit',
      description: 'How long a transaction of events takes. Senders have their answer after it.',
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

const lossColumns: Column[] = [
  { field: 'org', title: 'Organization', links: [toOrganization('__data.fields.Organization')] },
  { field: 'Value #A', title: 'This hour', unit: 'none', decimals: 0 },
  { field: 'Value #B', title: 'A week ago', unit: 'none', decimals: 0 },
  { field: 'Value #C', title: 'Change', unit: 'percentunit', decimals: 0 },
];

/** Those that lost most: what the table asks its other columns about. */
const lostMost = `topk(20, ${lastWeek} - ${recorded.eventsThisHour} > 0)`;

const whoStopped = (): Row => ({
  title: 'Who has stopped sending?',
  panels: [
    table({
      title: 'Organizations that send less than a week ago',
      description: `Events of the last hour and of the same hour a week ago, the greatest losses first. It alerts at nothing at all, from ${enoughEvents} events a week ago on.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.silentSinceLastWeek],
      width: 12,
      noValue: 'none, or no last week',
      columns: lossColumns,
      sortBy: { title: 'Change', descending: false },
      queries: [
        orgQuery(`${recorded.eventsThisHour} and on (org) ${lostMost}`, 'this hour'),
        orgQuery(`${lastWeek} and on (org) ${lostMost}`, 'a week ago'),
        orgQuery(`${recorded.eventsThisHour} / (${lastWeek} > 0) - 1 and on (org) ${lostMost}`, 'change'),
      ],
    }),
    timeseries({
      title: 'Organizations that send',
      description: 'With an event in the last hour, of all that have a chatbot. Many fewer at one minute: us, or the way to us.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.silentSinceLastWeek],
      min: 0,
      decimals: 0,
      width: 6,
      queries: [
        orgQuery(`count(${recorded.eventsThisHour} > 0) or 0 * count(${recorded.eventsThisHour})`, 'send'),
        orgQuery(`count(${recorded.eventsThisHour})`, 'have a chatbot'),
      ],
    }),
    barGauge({
      title: 'Most events',
      description: 'Who brings the traffic, in the selected time; click one to see it below.',
      unit: 'none',
      thresholds: noThresholds,
      decimals: 0,
      min: 0,
      width: 6,
      dataLinks: [toOrganization('__field.labels.org')],
      queries: [orgQuery(`topk(10, sum by (org) (increase(widget_org_events_total{${organizations}}[$__range])))`, '{{org}}')],
    }),
  ],
});

const worstDrops = `topk(20, ${recorded.dropped} > 0)`;

const dropColumns: Column[] = [
  { field: 'org', title: 'Organization', links: [toOrganization('__data.fields.Organization')] },
  { field: 'Value #A', title: 'Dropped', unit: 'none', decimals: 0 },
  { field: 'Value #B', title: 'Stored', unit: 'none', decimals: 0 },
  { field: 'Value #C', title: 'Share', unit: 'percentunit', thresholds: above(alerts.dropShare) },
];

const whatIsDropped = (): Row => ({
  title: 'What is dropped, and of whom?',
  panels: [
    dropsByReason({ width: 12 }),
    table({
      title: 'Organizations with drops in the last 15 minutes',
      description: `The worst 20, with the figures that the alert judges, from ${enoughEvents} events on. Click one for its reasons.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.dropShare],
      width: 12,
      noValue: 'none',
      columns: dropColumns,
      sortBy: { title: 'Dropped', descending: true },
      queries: [
        orgQuery(worstDrops, 'dropped'),
        orgQuery(`${recorded.events} and on (org) ${worstDrops}`, 'stored'),
        orgQuery(`${recorded.droppedShare} and on (org) ${worstDrops}`, 'share'),
      ],
    }),
    timeseries({
      title: 'Bots and duplicates',
      description:
        'Per second, of all organizations, those beyond the cap included. Bots come and go; duplicates grow when senders did not hear our answer.',
      unit: 'eps',
      thresholds: noThresholds,
      alerts: [alerts.duplicateShare],
      min: 0,
      width: 12,
      queries: [
        query(`sum(rate(widget_analytics_bot_events_total{${scraped}}[$__rate_interval]))`, 'of bots'),
        query(`sum(rate(widget_analytics_duplicate_events_total{${scraped}}[$__rate_interval]))`, 'duplicates'),
      ],
    }),
    timeseries({
      title: 'Duplicates, 15 minutes',
      description: `Share of events that had been stored before, as the alert judges it from ${enoughEvents} events on.`,
      unit: 'percentunit',
      thresholds: above(alerts.duplicateShare),
      min: 0,
      width: 12,
      queries: [query('fleet:widget_analytics_duplicate_events:ratio_increase15m', 'duplicates')],
    }),
  ],
});

const isItLate = (): Row => ({
  title: 'How late does it arrive?',
  panels: [
    heatmap({
      title: 'Lag of events',
      description:
        'Receipt minus event time. Browsers send within seconds; older events are what pages kept while they were offline or we were away. Older than a day: dated by their receipt.',
      unit: 's',
      thresholds: noThresholds,
      width: 12,
      queries: [query(`sum by (le) (increase(widget_analytics_event_lag_seconds_bucket{${scraped}}[$__rate_interval]))`, '{{le}}')],
    }),
    timeseries({
      title: 'Percentiles of the lag of events',
      description: 'The line is where it alerts: a p95 of an hour over 15 minutes.',
      unit: 's',
      thresholds: above(alerts.eventLagSeconds),
      min: 0,
      width: 12,
      queries: [0.5, 0.95, 0.99].map((q) => query(quantile(q, 'widget_analytics_event_lag_seconds'), `p${q * 100}`)),
    }),
  ],
});

const sessionsIn = (range: string): string => `sum(increase(widget_analytics_sessions_started_total{${scraped}}[${range}]))`;
const conversationsIn = (range: string): string => `sum(increase(widget_analytics_conversations_total{${scraped}}[${range}]))`;

const whatVisitorsDo = (): Row => ({
  title: 'What do visitors do?',
  panels: [
    stat({
      title: 'Sessions in this time',
      description: 'Started, of all organizations.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      width: 6,
      queries: [query(sessionsIn('$__range'), 'sessions')],
    }),
    stat({
      title: 'Conversion in this time',
      description: 'Sessions that got their first message, of those that started. The portal counts by the day a session began.',
      unit: 'percentunit',
      thresholds: noThresholds,
      noValue: 'no sessions',
      width: 6,
      queries: [query(`${conversationsIn('$__range')} / (${sessionsIn('$__range')} > 0)`, 'conversion')],
    }),
    stat({
      title: 'Messages in this time',
      description: 'Sent by visitors and received by them.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      width: 6,
      queries: [query(`sum(increase(widget_analytics_messages_total{${scraped}}[$__range]))`, 'messages')],
    }),
    stat({
      title: 'Response time (p95)',
      description: '19 of 20 answers came faster, as widgets report it, in the selected time.',
      unit: 's',
      thresholds: noThresholds,
      noValue: 'none reported',
      width: 6,
      queries: [query(quantile(0.95, 'widget_analytics_response_duration_seconds', { range: '$__range' }), 'p95')],
    }),
    timeseries({
      title: 'Active sessions over time',
      description: 'Not ended, and active within the session timeout.',
      unit: 'short',
      thresholds: noThresholds,
      min: 0,
      decimals: 0,
      width: 8,
      queries: [query(`max(widget_analytics_active_sessions{${scraped}})`, 'active')],
    }),
    timeseries({
      title: 'Sessions started by device',
      description: 'Per second. One kind of device that falls to zero: a release of the widget that does not work there.',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 8,
      queries: [
        query(`sum by (device_type) (rate(widget_analytics_sessions_started_total{${scraped}}[$__rate_interval]))`, '{{device_type}}'),
      ],
    }),
    timeseries({
      title: 'Sessions ended by reason',
      description:
        'Per second. client: the visitor closed the widget. timeout: nothing for half an hour. max_age: a session that went on for a day, often a robot.',
      unit: 'ops',
      thresholds: noThresholds,
      stacked: true,
      min: 0,
      width: 8,
      queries: [query(`sum by (reason) (rate(widget_analytics_sessions_ended_total{${scraped}}[$__rate_interval]))`, '{{reason}}')],
    }),
    timeseries({
      title: 'Conversion over an hour',
      description:
        'Sessions that got their first message, of those that started in the hour. A step down: look at errors, at response times, and at the last release.',
      unit: 'percentunit',
      thresholds: noThresholds,
      alerts: [alerts.errorEventShare],
      min: 0,
      width: 8,
      queries: [query(`${conversationsIn('1h')} / (${sessionsIn('1h')} > 0)`, 'conversion')],
    }),
    timeseries({
      title: 'Messages by direction',
      description: 'Per second. Sent without received: the chat does not answer.',
      unit: 'ops',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [query(`sum by (direction) (rate(widget_analytics_messages_total{${scraped}}[$__rate_interval]))`, '{{direction}}')],
    }),
    timeseries({
      title: 'Percentiles of response times',
      description: 'From a message to its answer, as widgets report it: what visitors wait, the network included.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [0.5, 0.95, 0.99].map((q) => query(quantile(q, 'widget_analytics_response_duration_seconds'), `p${q * 100}`)),
    }),
    timeseries({
      title: 'Error events, 15 minutes',
      description: `Share of events with category error, as the alert judges it from ${enoughEvents} events on.`,
      unit: 'percentunit',
      thresholds: above(alerts.errorEventShare),
      min: 0,
      width: 12,
      queries: [query('fleet:widget_analytics_error_events:ratio_increase15m', 'errors')],
    }),
    barGauge({
      title: 'Most error events',
      description: 'In the selected time. One organization: its page. All of them: a release of the widget. Click one to see it below.',
      unit: 'none',
      thresholds: noThresholds,
      decimals: 0,
      min: 0,
      width: 12,
      dataLinks: [toOrganization('__field.labels.org')],
      queries: [orgQuery(`topk(10, sum by (org) (increase(widget_org_error_events_total{${organizations}}[$__range])))`, '{{org}}')],
    }),
  ],
});

const areStatisticsMade = (): Row => ({
  title: 'Are statistics made, and old data dropped?',
  panels: [
    stat({
      title: 'Daily statistics made',
      description: 'Time since the daily run last succeeded, at 02:00 UTC. Until it does, closed days are answered from raw events.',
      unit: 's',
      thresholds: above(alerts.cleanupAgeSeconds),
      noValue: 'unknown',
      width: 4,
      height: 8,
      queries: [
        query(
          `time() - max(observability_job_last_success_timestamp_seconds{${scraped}, task="widget-analytics-cleanup"})`,
          'last success',
        ),
      ],
    }),
    timeseries({
      title: 'Runs of the jobs by outcome',
      description: 'Finished runs. Why one failed is in the table job_runs.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.cleanupAgeSeconds, alerts.jobAge],
      min: 0,
      width: 8,
      queries: [
        query(
          `sum by (task, outcome) (increase(observability_job_runs_total{${scraped}, ${ofFeature}}[$__rate_interval]))`,
          '{{task}} {{outcome}}',
        ),
      ],
    }),
    timeseries({
      title: 'Age of the last success by job',
      description: 'A saw. A tooth that is higher than the others is a run that failed.',
      unit: 's',
      thresholds: noThresholds,
      alerts: [alerts.cleanupAgeSeconds, alerts.jobAge],
      min: 0,
      width: 6,
      queries: [query(`time() - max by (task) (observability_job_last_success_timestamp_seconds{${scraped}, ${ofFeature}})`, '{{task}}')],
    }),
    barGauge({
      title: 'Run time of the jobs (p95)',
      description: 'In the selected time. A day of a million events takes the daily run some 20 s.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 6,
      noValue: 'no run',
      queries: [
        query(
          `histogram_quantile(0.95, sum by (task, le) (increase(observability_job_duration_seconds_bucket{${scraped}, ${ofFeature}}[$__range]))) >= 0`,
          '{{task}}',
        ),
      ],
    }),
    alertStates({
      title: 'Alerts over time',
      description: 'Which came first? Info included: duplicates, and events that come late.',
      width: 24,
      queries: [query('max by (alertname, org) (ALERTS{alertstate="firing", feature="widget-analytics"})', '{{alertname}} {{org}}')],
    }),
  ],
});

const ofOrganization = (metric: string, range: string): string => `sum by (org) (increase(${metric}{${organization}}[${range}]))`;
const rateOf = (metric: string, by = 'org'): string => `sum by (${by}) (rate(${metric}{${organization}}[$__rate_interval]))`;
const recordedOf = (series: string): string => series.replace('}', ', org="$org"}');

const oneOrganization = (): Row => ({
  title: 'One organization: $org',
  panels: [
    stat({
      title: 'Active sessions of $org',
      description: 'Not ended, and active within the session timeout.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      noValue: 'unknown',
      width: 4,
      queries: [orgQuery(`max by (org) (widget_org_active_sessions{${organization}})`, 'active')],
    }),
    stat({
      title: 'Events in this hour',
      description: 'Stored in the last 60 minutes.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.silentSinceLastWeek],
      decimals: 0,
      noValue: 'unknown',
      width: 4,
      queries: [orgQuery(recordedOf(recorded.eventsThisHour), 'events')],
    }),
    stat({
      title: 'Dropped now',
      description: `Share of its events of the last 15 minutes, as the alert judges it from ${enoughEvents} events on.`,
      unit: 'percentunit',
      thresholds: above(alerts.dropShare),
      noValue: 'no events',
      width: 4,
      queries: [orgQuery(recordedOf(recorded.droppedShare), 'dropped')],
    }),
    stat({
      title: 'Sessions of $org in this time',
      description: 'Started.',
      unit: 'short',
      thresholds: noThresholds,
      decimals: 0,
      width: 4,
      queries: [orgQuery(ofOrganization('widget_org_sessions_started_total', '$__range'), 'sessions')],
    }),
    stat({
      title: 'Conversion of $org in this time',
      description: 'Sessions that got their first message, of those that started.',
      unit: 'percentunit',
      thresholds: noThresholds,
      noValue: 'no sessions',
      width: 4,
      queries: [
        orgQuery(
          `${ofOrganization('widget_org_conversations_total', '$__range')} / (${ofOrganization('widget_org_sessions_started_total', '$__range')} > 0)`,
          'conversion',
        ),
      ],
    }),
    stat({
      title: 'Error events in this time',
      description: 'Events with category error.',
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.errorEventShare],
      decimals: 0,
      width: 4,
      queries: [orgQuery(ofOrganization('widget_org_error_events_total', '$__range'), 'errors')],
    }),
    timeseries({
      title: 'Events of $org',
      description: 'Stored per second, and those of them that are errors.',
      unit: 'eps',
      thresholds: noThresholds,
      min: 0,
      width: 8,
      queries: [orgQuery(rateOf('widget_org_events_total'), 'events'), orgQuery(rateOf('widget_org_error_events_total'), 'errors')],
    }),
    timeseries({
      title: 'Events against a week ago',
      description: `Of $org over an hour, and over the same hour a week ago. It alerts when this hour has none, from ${enoughEvents} a week ago on.`,
      unit: 'short',
      thresholds: noThresholds,
      alerts: [alerts.silentSinceLastWeek],
      min: 0,
      width: 8,
      queries: [
        orgQuery(recordedOf(recorded.eventsThisHour), 'this hour'),
        orgQuery(`${recordedOf(recorded.eventsThisHour)} offset 7d`, 'a week ago'),
      ],
    }),
    timeseries({
      title: 'Drops of $org by reason',
      description:
        'Per second. origin: the page is not on its allowlist. validation, refused: a sender that is wrong. rate_limited: one address sends too much. bot, duplicate: rightly dropped.',
      unit: 'eps',
      thresholds: noThresholds,
      alerts: [alerts.dropShare],
      stacked: true,
      min: 0,
      width: 8,
      queries: [orgQuery(rateOf('widget_org_dropped_events_total', 'reason'), '{{reason}}')],
    }),
    timeseries({
      title: 'Sessions and conversations of $org',
      description: 'Started per second; conversations are sessions that got their first message.',
      unit: 'ops',
      thresholds: noThresholds,
      min: 0,
      width: 12,
      queries: [
        orgQuery(rateOf('widget_org_sessions_started_total'), 'sessions'),
        orgQuery(rateOf('widget_org_conversations_total'), 'conversations'),
      ],
    }),
    alertStates({
      title: 'Alerts of $org over time',
      description: 'Those of this organization. Empty is good.',
      width: 12,
      queries: [query('max by (alertname) (ALERTS{alertstate="firing", feature="widget-analytics", org="$org"})', '{{alertname}}')],
    }),
  ],
});

function eventsNow(): UnplacedPanel {
  return stat({
    title: 'Widget events',
    description: 'Stored per second, of all organizations.',
    unit: 'eps',
    thresholds: noThresholds,
    width: 4,
    queries: [query(`sum(rate(widget_analytics_events_total{${scraped}}[$__rate_interval]))`, 'events')],
  });
}

function organizationsSilent(): UnplacedPanel {
  return stat({
    title: 'Organizations that fell silent',
    description: `No event for an hour, and ${enoughEvents} or more in the same hour a week ago. One: their page. Many: us.`,
    unit: 'short',
    thresholds: above(at(1, alerts.silentSinceLastWeek)),
    decimals: 0,
    noValue: 'unknown',
    width: 4,
    queries: [orgQuery(`count(${fallenSilent}) or 0 * count(${recorded.eventsThisHour})`, 'organizations')],
  });
}

function organizationsDropping(): UnplacedPanel {
  return stat({
    title: 'Organizations with many drops',
    description: `More than ${alerts.dropShare.value * 100} % of ${enoughEvents} or more events in 15 minutes were not stored.`,
    unit: 'short',
    thresholds: above(at(1, alerts.dropShare)),
    decimals: 0,
    noValue: 'unknown',
    width: 4,
    queries: [orgQuery(`count(${dropping}) or 0 * count(${recorded.received})`, 'organizations')],
  });
}

function errorShareNow(): UnplacedPanel {
  return stat({
    title: 'Error events, share',
    description: `Of the events of the last 15 minutes, as the alert judges it from ${enoughEvents} events on.`,
    unit: 'percentunit',
    thresholds: above(alerts.errorEventShare),
    noValue: 'no events',
    width: 4,
    queries: [query('fleet:widget_analytics_error_events:ratio_increase15m', 'errors')],
  });
}

function lagNow(): UnplacedPanel {
  return stat({
    title: 'Event lag (p95)',
    description: '19 of 20 events of the last 15 minutes arrived sooner after they had happened.',
    unit: 's',
    thresholds: above(alerts.eventLagSeconds),
    noValue: 'no events',
    width: 4,
    queries: [query('fleet:widget_analytics_event_lag_seconds:p95_15m', 'p95')],
  });
}

function activeNow(): UnplacedPanel {
  return stat({
    title: 'Active sessions',
    description: 'Not ended, and active within the session timeout. Of all organizations.',
    unit: 'short',
    thresholds: noThresholds,
    decimals: 0,
    noValue: 'unknown',
    width: 4,
    queries: [query(`max(widget_analytics_active_sessions{${scraped}})`, 'active')],
  });
}

function eventsByCategory({ width }: { width: number }): UnplacedPanel {
  return timeseries({
    title: 'Events by category',
    description: 'Stored per second. other: categories that senders made up, and none.',
    unit: 'eps',
    thresholds: noThresholds,
    alerts: [alerts.errorEventShare],
    stacked: true,
    min: 0,
    width,
    queries: [query(`sum by (category) (rate(widget_analytics_events_total{${scraped}}[$__rate_interval]))`, '{{category}}')],
  });
}

function dropsByReason({ width }: { width: number }): UnplacedPanel {
  return timeseries({
    title: 'Drops by reason',
    description:
      'Events per second that were not stored, by why. origin: a page that is not allowed. validation, refused: a sender that is wrong. rate_limited: one address sends too much. bot, duplicate: rightly dropped.',
    unit: 'eps',
    thresholds: noThresholds,
    alerts: [alerts.dropShare],
    stacked: true,
    min: 0,
    width,
    queries: [orgQuery(`sum by (reason) (rate(widget_org_dropped_events_total{${organizations}}[$__rate_interval]))`, '{{reason}}')],
  });
}
