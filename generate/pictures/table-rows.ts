import { z } from 'zod';
import type { Panel } from '../../test/support/dashboard-files.ts';
import { lastValue, type PanelData } from './panel-data.ts';

export type Cell = string | number | undefined;

/** Rows by the names of their fields, and those names in the order of the columns. */
export interface Rows {
  fields: readonly string[];
  rows: readonly Readonly<Record<string, Cell>>[];
}

const transformationSchema = z.discriminatedUnion('id', [
  z.object({ id: z.literal('merge') }),
  z.object({
    id: z.literal('filterFieldsByName'),
    options: z.object({ include: z.object({ names: z.array(z.string()) }) }),
  }),
  z.object({
    id: z.literal('organize'),
    options: z.object({
      indexByName: z.record(z.string(), z.number()).default({}),
      renameByName: z.record(z.string(), z.string()).default({}),
      excludeByName: z.record(z.string(), z.boolean()).default({}),
    }),
  }),
]);
type Transformation = z.infer<typeof transformationSchema>;

/** What a table shows: one frame for each query, through the panel's transformations. @throws for one that is not known here. */
export function tableRows(panel: Panel, data: PanelData): Rows {
  const transformations = z.array(transformationSchema).parse(panel['transformations'] ?? []);
  const [first] = transformations.reduce<readonly Rows[]>(transformed, framesOf(panel, data));
  return first ?? { fields: [], rows: [] };
}

function framesOf({ targets }: Panel, { series }: PanelData): Rows[] {
  return targets.map(({ refId }) => {
    const valueField = targets.length === 1 ? 'Value' : `Value #${refId}`;
    const rows = series.filter((one) => one.refId === refId).map((one) => ({ ...one.labels, [valueField]: lastValue(one) }));
    return { fields: [...new Set(rows.flatMap((row) => Object.keys(row)))], rows };
  });
}

function transformed(frames: readonly Rows[], transformation: Transformation): readonly Rows[] {
  if (transformation.id === 'merge') return [merged(frames)];
  if (transformation.id === 'organize') return frames.map((frame) => organized(frame, transformation.options));
  const { names } = transformation.options.include;
  return frames.map(({ fields, rows }) => ({ fields: fields.filter((field) => names.includes(field)), rows }));
}

/** Rows of different queries become one when all fields that both queries have are the same. */
function merged(frames: readonly Rows[]): Rows {
  const fields = [...new Set(frames.flatMap((frame) => frame.fields))];
  const rows: Record<string, Cell>[] = [];
  for (const frame of frames) {
    for (const row of frame.rows) {
      const shown = Object.fromEntries(frame.fields.map((field) => [field, row[field]]));
      const same = rows.find(
        (other) =>
          frame.fields.some((field) => field in other) && frame.fields.every((field) => !(field in other) || other[field] === row[field]),
      );
      if (same === undefined) rows.push(shown);
      else Object.assign(same, shown);
    }
  }
  return { fields, rows };
}

function organized(
  { fields, rows }: Rows,
  { indexByName, renameByName, excludeByName }: Extract<Transformation, { id: 'organize' }>['options'],
): Rows {
  const kept = fields
    .filter((field) => excludeByName[field] !== true)
    .toSorted((left, right) => (indexByName[left] ?? 0) - (indexByName[right] ?? 0));
  const nameOf = (field: string): string => renameByName[field] ?? field;
  return {
    fields: kept.map(nameOf),
    rows: rows.map((row) => Object.fromEntries(kept.map((field) => [nameOf(field), row[field]]))),
  };
}
