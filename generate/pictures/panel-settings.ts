import { z } from 'zod';
import type { Panel } from '../../test/support/dashboard-files.ts';
import { colorOf, ink } from './palette.ts';
import { formatValue } from './units.ts';

const thresholdsSchema = z.object({
  mode: z.literal('absolute'),
  steps: z.array(z.object({ value: z.number().nullable(), color: z.string() })),
});
const mappingSchema = z.object({
  type: z.literal('value'),
  options: z.record(z.string(), z.object({ text: z.string(), color: z.string().optional() })),
});
const fieldSchema = z.object({
  unit: z.string().default('short'),
  decimals: z.number().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  noValue: z.string().default('no data'),
  thresholds: thresholdsSchema.default({ mode: 'absolute', steps: [] }),
  mappings: z.array(mappingSchema).default([]),
  custom: z
    .object({
      fillOpacity: z.number().default(0),
      lineWidth: z.number().default(1),
      stacking: z.object({ mode: z.enum(['none', 'normal']) }).default({ mode: 'none' }),
      thresholdsStyle: z.object({ mode: z.enum(['off', 'dashed', 'line', 'area']) }).default({ mode: 'off' }),
      cellOptions: z.object({ type: z.enum(['auto', 'color-text', 'color-background']) }).default({ type: 'auto' }),
    })
    .prefault({}),
});
/** How the values of a field are shown: the panel's defaults with what is overridden for the field. */
export type FieldSettings = z.infer<typeof fieldSchema>;

const overrideSchema = z.object({
  matcher: z.object({ id: z.literal('byName'), options: z.string() }),
  properties: z.array(z.object({ id: z.string(), value: z.unknown() })),
});

/** @throws when the panel uses something that the pictures do not know. */
export function fieldSettings(panel: Panel, field?: string): FieldSettings {
  const { defaults, overrides } = panel.fieldConfig;
  let settings: Record<string, unknown> = defaults;
  for (const { matcher, properties } of z.array(overrideSchema).parse(overrides)) {
    if (matcher.options !== field) continue;
    for (const { id, value } of properties) settings = withProperty(settings, id.split('.'), value);
  }
  return fieldSchema.parse(settings);
}

function withProperty(settings: Record<string, unknown>, [name = '', ...rest]: string[], value: unknown): Record<string, unknown> {
  if (rest.length === 0) return { ...settings, [name]: value };
  const inner = settings[name];
  return { ...settings, [name]: withProperty(typeof inner === 'object' && inner !== null ? { ...inner } : {}, rest, value) };
}

/** A value in words, and the colour that thresholds or mappings give it. */
export function displayOf(value: number, settings: FieldSettings): { text: string; color: string } {
  const mapped = settings.mappings.map(({ options }) => options[String(value)]).find((option) => option !== undefined);
  const reached = settings.thresholds.steps.findLast((step) => step.value === null || value >= step.value);
  const color = mapped?.color ?? reached?.color;
  return {
    text: mapped?.text ?? formatValue(value, settings.unit, settings.decimals),
    color: color === undefined ? ink.text : colorOf(color),
  };
}

const optionsSchema = z.object({
  colorMode: z.enum(['none', 'value', 'background', 'background_solid']).default('value'),
  textMode: z.enum(['auto', 'value', 'value_and_name', 'name', 'none']).default('auto'),
  showUnfilled: z.boolean().default(true),
  legend: z.looseObject({ showLegend: z.boolean().optional() }).default({}),
  sortBy: z.array(z.object({ displayName: z.string(), desc: z.boolean().default(false) })).default([]),
});

/** What panels may be told beside their fields. */
export function panelOptions(panel: Panel): z.infer<typeof optionsSchema> {
  return optionsSchema.parse(panel['options'] ?? {});
}
