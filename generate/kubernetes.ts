import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { GeneratedFile, Generator } from './generated-file.ts';
import { exporterJobs, prometheusConfiguration, type ScrapeJob } from './prometheus-configuration.ts';

const checkout = join(import.meta.dirname, '..');
const directory = 'deploy/kubernetes/base/generated';

/** What Prometheus' operator and Grafana's sidecar read, made from what Prometheus and Grafana read elsewhere. */
export const kubernetes: Generator = async () => [
  manifest('service-monitors', 'prometheus/prometheus.yml', await serviceMonitors()),
  manifest('prometheus-rules', 'prometheus/rules', await prometheusRules()),
  manifest('dashboards', 'grafana/dashboards', await dashboardConfigMaps()),
];

function manifest(name: string, source: string, objects: readonly unknown[]): GeneratedFile {
  const heading = `# Made from ${source} by npm run generate: change that, not this file.\n`;
  const documents = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }));
  return { path: `${directory}/${name}.yaml`, text: heading + documents.join('---\n') };
}

const ourLabels = { 'app.kubernetes.io/name': 'widget-observability' };

async function serviceMonitors(): Promise<unknown[]> {
  const { global, scrape_configs: jobs } = await prometheusConfiguration();
  return jobs.filter((job) => exporterJobs.includes(job.job_name)).map((job) => serviceMonitor(job, global.scrape_interval));
}

function serviceMonitor(job: ScrapeJob, usualInterval: string): unknown {
  // exporter and exporter-orgs are two paths of one process.
  const component = job.job_name.replace(/-orgs$/, '');
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: { name: `observability-${job.job_name}`, labels: { ...ourLabels, 'app.kubernetes.io/component': component } },
    spec: {
      selector: { matchLabels: { ...ourLabels, 'app.kubernetes.io/component': component } },
      ...(job.sample_limit === undefined ? {} : { sampleLimit: job.sample_limit }),
      endpoints: [
        {
          port: 'metrics',
          path: job.metrics_path ?? '/metrics',
          // Ranges in the rules are at least four of these: a longer default of the operator would empty them.
          interval: job.scrape_interval ?? usualInterval,
          ...(job.scrape_timeout === undefined ? {} : { scrapeTimeout: job.scrape_timeout }),
          authorization: { credentials: { name: 'observability', key: 'metrics-token' } },
          relabelings: [
            { action: 'replace', targetLabel: 'job', replacement: job.job_name },
            // The operator's labels of these names would push our own to exported_service and exported_endpoint.
            { action: 'labeldrop', regex: 'container|endpoint|service' },
          ],
        },
      ],
    },
  };
}

async function prometheusRules(): Promise<unknown[]> {
  return Promise.all(
    (await filesIn('prometheus/rules', '.yml')).map(async ({ name, text }) => ({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: `observability-${name}`, labels: ourLabels },
      spec: parse(await text) as unknown,
    })),
  );
}

async function dashboardConfigMaps(): Promise<unknown[]> {
  return Promise.all(
    (await filesIn('grafana/dashboards', '.json')).map(async ({ name, text }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `observability-dashboard-${name}`, labels: { ...ourLabels, grafana_dashboard: '1' } },
      data: { [`${name}.json`]: await text },
    })),
  );
}

async function filesIn(folder: string, extension: string): Promise<{ name: string; text: Promise<string> }[]> {
  const names = (await readdir(join(checkout, folder))).filter((name) => name.endsWith(extension)).toSorted();
  return names.map((name) => ({ name: basename(name, extension), text: readFile(join(checkout, folder, name), 'utf8') }));
}
