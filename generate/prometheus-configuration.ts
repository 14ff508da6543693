import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const scrapeJob = z.looseObject({
  job_name: z.string(),
  metrics_path: z.string().optional(),
  scrape_interval: z.string().optional(),
  scrape_timeout: z.string().optional(),
  sample_limit: z.number().optional(),
  static_configs: z.array(z.looseObject({ targets: z.array(z.string()) })),
});

const configuration = z.looseObject({
  global: z.looseObject({ scrape_interval: z.string(), external_labels: z.record(z.string(), z.string()) }),
  alerting: z.looseObject({ alert_relabel_configs: z.array(z.looseObject({ action: z.string(), regex: z.string() })) }),
  scrape_configs: z.array(scrapeJob),
});

export type PrometheusConfiguration = z.infer<typeof configuration>;
export type ScrapeJob = z.infer<typeof scrapeJob>;

/** Those of our processes, which a METRICS_TOKEN guards. */
export const exporterJobs: readonly string[] = ['exporter', 'exporter-orgs', 'api', 'jobs'];

/** prometheus/prometheus.yml, from which every other configuration of Prometheus is made. */
export async function prometheusConfiguration(): Promise<PrometheusConfiguration> {
  return configuration.parse(parse(await readFile(join(import.meta.dirname, '../prometheus/prometheus.yml'), 'utf8')));
}
