import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type MonitoringPorts, rewriteAddress, rewriteStrings } from '../local/prometheus.ts';
import type { GeneratedFile, Generator } from './generated-file.ts';
import { exporterJobs, prometheusConfiguration, type PrometheusConfiguration, type ScrapeJob } from './prometheus-configuration.ts';

const checkout = join(import.meta.dirname, '..');

/** Where the services of docker-compose.yml listen. */
const addresses: Readonly<Record<keyof MonitoringPorts, string>> = {
  exporter: 'exporter:8081',
  exporterMetrics: 'exporter:9464',
  apiMetrics: 'api:9465',
  jobsMetrics: 'jobs:9466',
  prometheus: 'prometheus:9090',
  alertmanager: 'alertmanager:9093',
};
const secondServers: Readonly<Record<string, string>> = {
  [addresses.prometheus]: 'prometheus-2:9090',
  [addresses.alertmanager]: 'alertmanager-2:9093',
};

/** The configurations of Prometheus and Alertmanager with the addresses of docker-compose.yml, its tokens, and its profile scale. */
export const compose: Generator = async () => {
  const prometheus = inContainers(await prometheusConfiguration());
  const alertmanager: unknown = parse(await readFile(join(checkout, 'alertmanager/alertmanager.yml'), 'utf8'));
  return [
    file('prometheus.yml', 'prometheus/prometheus.yml', prometheus),
    file('prometheus.scale.yml', 'prometheus/prometheus.yml', scaledOut(prometheus)),
    file('alertmanager.yml', 'alertmanager/alertmanager.yml', rewriteStrings('', alertmanager, rewriteAlertmanager)),
  ];
};

function file(name: string, source: string, content: unknown): GeneratedFile {
  const heading = `# Made from ${source} by npm run generate: change that file, not this one. What is in it is explained there.\n`;
  return { path: `deploy/compose/${name}`, text: heading + stringify(content, { lineWidth: 0, aliasDuplicateObjects: false }) };
}

const inCompose = (text: string): string => rewriteAddress(text, (listener) => addresses[listener]);

function rewriteAlertmanager(key: string, value: string): string {
  if (key === 'credentials_file') return '/run/secrets/alertmanager-webhook-token';
  return key === 'url' ? inCompose(value) : value;
}

function inContainers(configuration: PrometheusConfiguration): PrometheusConfiguration {
  const rewritten = rewriteStrings('', configuration, (key, value) =>
    key === 'targets' ? inCompose(value) : value,
  ) as PrometheusConfiguration;
  const withToken = (job: ScrapeJob): ScrapeJob =>
    exporterJobs.includes(job.job_name) ? { ...job, authorization: { credentials_file: '/run/secrets/metrics-token' } } : job;
  return { ...rewritten, scrape_configs: rewritten.scrape_configs.map(withToken) };
}

/** Two servers of each kind, and every sample to VictoriaMetrics as well. */
function scaledOut(configuration: PrometheusConfiguration): PrometheusConfiguration {
  const { global, alerting, ...rest } = addSecondServers(configuration) as PrometheusConfiguration;
  return {
    // Each server reads its letter from its own environment.
    global: { ...global, external_labels: { ...global.external_labels, replica: '${REPLICA}' } },
    alerting,
    remote_write: [
      {
        url: 'http://victoria-metrics:8428/api/v1/write',
        // What would start every series anew when a link changes, and what would keep the two servers' samples apart.
        write_relabel_configs: alerting.alert_relabel_configs,
      },
    ],
    ...rest,
  };
}

/** In every list of targets. */
function addSecondServers(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      const second = typeof item === 'string' ? secondServers[item] : undefined;
      return second === undefined ? [addSecondServers(item)] : [item, second];
    });
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, addSecondServers(item)]));
}
