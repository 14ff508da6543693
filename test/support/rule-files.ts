import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const prometheusFolder = join(import.meta.dirname, '..', '..', 'prometheus');
export const rulesFolder = join(prometheusFolder, 'rules');
export const ruleTestsFolder = join(prometheusFolder, 'tests');
export const prometheusConfigPath = join(prometheusFolder, 'prometheus.yml');

export const severitySchema = z.enum(['info', 'warning', 'error', 'critical']);
export type Severity = z.infer<typeof severitySchema>;

const alertSchema = z.strictObject({
  alert: z.string(),
  expr: z.union([z.string(), z.number()]).transform(String),
  for: z.string(),
  keep_firing_for: z.string().optional(),
  labels: z.intersection(
    z.record(z.string(), z.string()),
    z.looseObject({ severity: severitySchema, feature: z.string(), category: z.string().min(1) }),
  ),
  annotations: z
    .object({ summary: z.string(), description: z.string(), runbook_url: z.string(), dashboard_url: z.string() })
    .catchall(z.string()),
});
export type AlertRule = z.infer<typeof alertSchema>;

const recordSchema = z.strictObject({
  record: z.string(),
  expr: z.string(),
  labels: z.record(z.string(), z.string()).optional(),
});
export type RecordingRule = z.infer<typeof recordSchema>;
export type Rule = AlertRule | RecordingRule;

const groupSchema = z.strictObject({
  name: z.string(),
  interval: z.string().optional(),
  rules: z.array(z.union([alertSchema, recordSchema])),
});
const rulesFileSchema = z.strictObject({ groups: z.array(groupSchema) });

export interface RulesFile {
  /** Of the slice, or `stack`. */
  name: string;
  path: string;
  groups: z.infer<typeof groupSchema>[];
  rules: Rule[];
  alerts: AlertRule[];
}

/** Every file of prometheus/rules. @throws when one does not have the form that all have. */
export async function readRulesFiles(): Promise<RulesFile[]> {
  const files = (await readdir(rulesFolder)).filter((file) => file.endsWith('.yml')).toSorted();
  return Promise.all(
    files.map(async (file) => {
      const path = join(rulesFolder, file);
      const { groups } = rulesFileSchema.parse(parse(await readFile(path, 'utf8')));
      const rules = groups.flatMap((group) => group.rules);
      return { name: basename(file, '.yml'), path, groups, rules, alerts: rules.filter((rule) => 'alert' in rule) };
    }),
  );
}

/** The queries that the texts of an alert make when it fires, with some value where they print a label into a matcher. */
export function annotationQueries({ annotations }: AlertRule): string[] {
  const actions = Object.values(annotations).flatMap((text) => text.match(/\{\{(?:`[^`]*`|[^`])*?\}\}/g) ?? []);
  return actions
    .filter((action) => /\bquery\b/.test(action.replaceAll(/`[^`]*`/g, '')))
    .flatMap((action) => [...action.matchAll(/`([^`]*)`/g)].map(([, query = '']) => query.replaceAll('%q', '"any"')));
}

/** The labels that the texts of an alert print. */
export function printedLabels({ annotations, labels }: AlertRule): string[] {
  const texts = [...Object.values(annotations), ...Object.values(labels)];
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/(?:\$labels|\.Labels)\.(\w+)/g)].map(([, label = '']) => label)))];
}

const prometheusConfigSchema = z.looseObject({
  global: z.looseObject({
    scrape_interval: z.string(),
    evaluation_interval: z.string(),
    external_labels: z.record(z.string(), z.string()),
  }),
  alerting: z.looseObject({
    alert_relabel_configs: z.array(z.looseObject({ action: z.string(), regex: z.string() })),
  }),
  scrape_configs: z.array(
    z.looseObject({
      job_name: z.string(),
      metrics_path: z.string().default('/metrics'),
      scrape_interval: z.string().optional(),
      static_configs: z.array(z.looseObject({ targets: z.array(z.string()) })),
    }),
  ),
});
export type PrometheusConfig = z.infer<typeof prometheusConfigSchema>;

export async function readPrometheusConfig(): Promise<PrometheusConfig> {
  return prometheusConfigSchema.parse(parse(await readFile(prometheusConfigPath, 'utf8')));
}

/** How often a job is scraped, as prometheus.yml says. @throws when there is no such job. */
export function scrapeIntervalOf(job: string, config: PrometheusConfig): string {
  const found = config.scrape_configs.find(({ job_name }) => job_name === job);
  if (found === undefined) throw new Error(`prometheus.yml has no job ${job}: add it or name one that it has`);
  return found.scrape_interval ?? config.global.scrape_interval;
}
