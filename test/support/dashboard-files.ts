import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

export const dashboardsFolder = join(import.meta.dirname, '..', '..', 'grafana', 'dashboards');

const datasourceSchema = z.looseObject({ type: z.string(), uid: z.string() });

const linkSchema = z.looseObject({
  title: z.string(),
  url: z.string().default(''),
  /** `dashboards` lists all with a tag, `link` is one address. */
  type: z.string().optional(),
  tags: z.array(z.string()).default([]),
  keepTime: z.boolean().optional(),
  includeVars: z.boolean().optional(),
});
export type Link = z.infer<typeof linkSchema>;

const targetSchema = z.looseObject({
  refId: z.string(),
  expr: z.string(),
  datasource: datasourceSchema.optional(),
  instant: z.boolean().default(false),
  range: z.boolean().default(false),
  format: z.string().optional(),
  legendFormat: z.string().optional(),
  /** The shortest step, which is also what `$__rate_interval` is made from. */
  interval: z.string().optional(),
  hide: z.boolean().optional(),
});
export type Target = z.infer<typeof targetSchema>;

const fieldSchema = z.looseObject({
  unit: z.string().optional(),
  thresholds: z
    .looseObject({ mode: z.string(), steps: z.array(z.looseObject({ value: z.number().nullable(), color: z.string() })) })
    .optional(),
  mappings: z.array(z.unknown()).default([]),
  links: z.array(linkSchema).default([]),
});
const overrideSchema = z.looseObject({ properties: z.array(z.looseObject({ id: z.string(), value: z.unknown() })) });

const panelSchema = z.looseObject({
  id: z.number(),
  type: z.string(),
  title: z.string().default(''),
  description: z.string().default(''),
  gridPos: z.looseObject({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  datasource: datasourceSchema.optional(),
  targets: z.array(targetSchema).default([]),
  fieldConfig: z
    .looseObject({ defaults: fieldSchema, overrides: z.array(overrideSchema).default([]) })
    .default({ defaults: { mappings: [], links: [] }, overrides: [] }),
  links: z.array(linkSchema).default([]),
  timeFrom: z.string().nullish(),
  interval: z.string().nullish(),
  repeat: z.string().nullish(),
  get panels() {
    return z.array(panelSchema).default([]);
  },
});
export type Panel = z.infer<typeof panelSchema>;

const variableSchema = z.looseObject({
  name: z.string(),
  type: z.string(),
  label: z.string().nullish(),
  query: z.union([z.string(), z.looseObject({ query: z.string() })]).optional(),
  datasource: datasourceSchema.nullish(),
  refresh: z.number().optional(),
  multi: z.boolean().optional(),
  includeAll: z.boolean().optional(),
  allValue: z.string().nullish(),
});
export type Variable = z.infer<typeof variableSchema>;

const dashboardSchema = z.looseObject({
  uid: z.string(),
  title: z.string(),
  description: z.string().optional(),
  tags: z.array(z.string()).default([]),
  editable: z.boolean(),
  schemaVersion: z.number(),
  time: z.looseObject({ from: z.string(), to: z.string() }),
  links: z.array(linkSchema).default([]),
  annotations: z
    .looseObject({ list: z.array(z.looseObject({ name: z.string(), target: z.looseObject({ expr: z.string().optional() }).optional() })) })
    .default({ list: [] }),
  templating: z.looseObject({ list: z.array(variableSchema) }).default({ list: [] }),
  panels: z.array(panelSchema),
});
/** A dashboard in Grafana's classic form, as far as the checks look at it. */
export type Dashboard = z.infer<typeof dashboardSchema>;

export interface DashboardFile {
  /** Without folder and ending. */
  name: string;
  dashboard: Dashboard;
}

/** Every file of grafana/dashboards. @throws when one is not of the classic form. */
export async function readDashboards(): Promise<DashboardFile[]> {
  const files = (await readdir(dashboardsFolder)).filter((file) => file.endsWith('.json')).toSorted();
  return Promise.all(
    files.map(async (file) => ({
      name: file.slice(0, -'.json'.length),
      dashboard: dashboardSchema.parse(JSON.parse(await readFile(join(dashboardsFolder, file), 'utf8'))),
    })),
  );
}

/** Every panel with a picture, those in collapsed rows too; not the rows. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  return dashboard.panels.flatMap((panel) => (panel.type === 'row' ? panel.panels : [panel]));
}

/** The text of a variable's query, whichever of the two ways it is written. */
export function variableQuery({ query }: Variable): string {
  return typeof query === 'object' ? query.query : (query ?? '');
}
