import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { featureNames, type FeatureName } from '../../features/names.ts';
import { labelVariable, makeDashboard, type Row } from './dashboard.ts';
import { featureDashboards } from './features.ts';
import { alertStates, link, stat, states, table, timeseries, type UnplacedPanel } from './panels.ts';
import { organizations, quantile, query, scraped } from './queries.ts';
import { runbooksUrl } from './runbooks.ts';
import { queueUse, requestFailures, targetsDown } from './stack.ts';
import { above, alertThresholds as alerts, at, type AlertThreshold, below, noneOf, noThresholds, stateWords } from './thresholds.ts';

/** Where an SRE who was called begins: is anything wrong, and where. */
export const overview = (): Dashboard =>
  makeDashboard({
    uid: 'overview',
    title: 'Overview',
    description: 'Is anything wrong, and where? Every figure leads on to the dashboard that explains it.',
    variables: [
      labelVariable(
        'org',
        'Organization',
        `label_values({__name__=~"(widget|woocommerce)_org_.+_total", ${organizations}}, org)`,
        'one or all',
      ),
    ],
    alerts: 'alertname!="Watchdog", severity!="info"',
    rows: [isAnythingWrong(), ...featureNames.map(feature), services()],
  });

/** Alerts that somebody is meant to look at: when one organization is selected, its own and those of nobody in particular. */
const forPeople = 'alertname!="Watchdog", severity!="info", org=~"|$org"';

/** Since when, with the dashboard that explains it (`pipeline` is the stack) and what it is about. */
const firingAlerts = `
label_join(
  label_replace(
    label_replace(
      time() - ALERTS_FOR_STATE{${forPeople}} and ignoring (alertstate) ALERTS{alertstate="firing", ${forPeople}},
      "dashboard", "$1", "feature", "(.+)"
    ),
    "dashboard", "stack", "feature", "pipeline"
  ),
  "subject", " ", "service", "job", "instance", "task", "endpoint", "table", "collector", "integration", "rule_group", "class", "store", "property", "event_type", "vital"
)`;

/** Keeps data source, time and organization. */
const toDashboard = (uid: string): ReturnType<typeof link> =>
  link('Open the dashboard', `/d/${uid}?\${__url_time_range}&\${datasource:queryparam}&\${org:queryparam}`);

const leadingTo = (uid: string, { panel, ...place }: UnplacedPanel): UnplacedPanel => ({
  ...place,
  panel: { ...panel, links: [toDashboard(uid), ...(panel.links ?? [])] },
});

const isAnythingWrong = (): Row => ({
  title: 'Is anything wrong?',
  panels: [
    firingNow('Critical alerts', 'critical'),
    firingNow('Error alerts', 'error'),
    firingNow('Warning alerts', 'warning'),
    ...[targetsDown(), databaseUp(), turnedAway(), requestsFailed(), undelivered()].map((panel) => leadingTo('stack', panel)),
    table({
      title: 'Firing alerts',
      description:
        'What is true now, silenced and inhibited alerts included; Watchdog and severity info are left out. A click on an alert opens its runbook, on its dashboard or organization the dashboard.',
      unit: 'short',
      thresholds: noThresholds,
      width: 14,
      noValue: 'nothing fires',
      sortBy: { title: 'Severity', descending: false },
      columns: [
        { field: 'severity', title: 'Severity', width: 90 },
        {
          field: 'alertname',
          title: 'Alert',
          links: [link('Open the runbook', `${runbooksUrl}/\${__data.fields.Dashboard}.md`, { targetBlank: true })],
        },
        { field: 'org', title: 'Organization', width: 130, links: [toOrganization] },
        { field: 'subject', title: 'About' },
        { field: 'dashboard', title: 'Dashboard', width: 130, links: [toDashboard('${__data.fields.Dashboard}')] },
        { field: 'Value', title: 'Since', unit: 's', width: 100 },
      ],
      queries: [query(firingAlerts, 'since')],
    }),
    alertStates({
      title: 'Alerts over time',
      description: 'Which came first? Often the cause.',
      width: 10,
      queries: [query(`max by (alertname) (ALERTS{alertstate="firing", ${forPeople}})`, '{{alertname}}')],
    }),
  ],
});

const toOrganization = link(
  'Show this organization',
  '/d/${__data.fields.Dashboard}?${__url_time_range}&${datasource:queryparam}&var-org=${__data.fields.Organization}',
);

const feature = (name: FeatureName): Row => ({
  title: `Feature ${name}`,
  panels: featureDashboards[name].atAGlance().map((panel) => leadingTo(name, panel)),
});

const services = (): Row => ({
  title: 'Where: the services',
  panels: [
    timeseries({
      title: 'Requests',
      description: 'Traffic. Finished requests per second.',
      unit: 'reqps',
      thresholds: noThresholds,
      min: 0,
      width: 6,
      queries: [query(`sum by (service) (rate(observability_http_requests_total{${scraped}}[$__rate_interval]))`, '{{service}}')],
    }),
    requestFailures({ width: 6 }),
    timeseries({
      title: 'Duration of requests (p95)',
      description: 'Latency. From the request headers to the last byte of the answer.',
      unit: 's',
      thresholds: noThresholds,
      min: 0,
      width: 6,
      queries: [query(quantile(0.95, 'observability_http_request_duration_seconds', { by: 'service, le' }), '{{service}}')],
    }),
    queueUse({ width: 6 }),
    states({
      title: 'Targets over time',
      description: 'Which process was away, and when.',
      unit: 'short',
      thresholds: noThresholds,
      words: stateWords,
      width: 24,
      height: 6,
      queries: [query(`min by (job) (up{${scraped}})`, '{{job}}')],
    }),
  ].map((panel) => leadingTo('stack', panel)),
});

/** Zero is only said while Watchdog fires: without it no rule is evaluated and nothing would fire. */
function firingNow(title: string, severity: AlertThreshold['severity']): UnplacedPanel {
  return stat({
    title,
    description: `Firing alerts of severity ${severity}. "no rules": Prometheus evaluates none, so nothing can fire.`,
    unit: 'short',
    thresholds: noneOf(severity),
    colorBackground: true,
    noValue: 'no rules',
    width: 3,
    queries: [
      query(
        `count(ALERTS{alertstate="firing", severity="${severity}", org=~"|$org"}) or 0 * max(ALERTS{alertname="Watchdog", alertstate="firing"})`,
        severity,
      ),
    ],
  });
}

function databaseUp(): UnplacedPanel {
  return stat({
    title: 'Database',
    description: 'Whether every process reached PostgreSQL at its last probe, every 5 s.',
    unit: 'short',
    thresholds: below(at(1, alerts.databaseUp)),
    words: stateWords,
    colorBackground: true,
    noValue: 'unknown',
    width: 3,
    queries: [query(`min(observability_db_up{${scraped}})`, 'database')],
  });
}

function turnedAway(): UnplacedPanel {
  return stat({
    title: 'Ingest turned away',
    description:
      'Requests of the last 5 minutes that were not stored: queue full, or no database. Senders that do not try again lose telemetry.',
    unit: 'short',
    thresholds: above(alerts.turnedAway),
    decimals: 0,
    colorBackground: true,
    noValue: 'unknown',
    width: 3,
    queries: [query(`sum(increase(observability_ingest_rejected_total{${scraped}, reason=~"overloaded|database"}[5m]))`, 'requests')],
  });
}

function requestsFailed(): UnplacedPanel {
  return stat({
    title: 'Requests that fail',
    description: 'Share of 5xx over 5 minutes, of the service that has most. It alerts from 100 requests on.',
    unit: 'percentunit',
    thresholds: above(alerts.httpErrorRatio),
    colorBackground: true,
    noValue: 'no requests',
    width: 3,
    queries: [
      query(
        `max(sum by (service) (increase(observability_http_requests_total{${scraped}, status=~"5.."}[5m])) / (sum by (service) (increase(observability_http_requests_total{${scraped}}[5m])) > 0))`,
        'share of 5xx',
      ),
    ],
  });
}

function undelivered(): UnplacedPanel {
  return stat({
    title: 'Undelivered alerts',
    description: 'Notifications of the last 15 minutes that Alertmanager could not deliver.',
    unit: 'short',
    thresholds: above(at(1, alerts.notificationsFailed)),
    decimals: 0,
    colorBackground: true,
    noValue: 'unknown',
    width: 3,
    queries: [query(`sum(increase(alertmanager_notifications_failed_total{${scraped}}[15m]))`, 'notifications')],
  });
}
