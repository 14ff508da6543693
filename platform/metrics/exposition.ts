import type { CounterDefinition, GaugeDefinition, HistogramDefinition } from './definitions.ts';

/**
 * Rendering of the classic text format for series that are not counted in this process. prom-client cannot expose a histogram
 * from stored counts, and blocks the event loop for as long as it renders.
 */
export interface Sample {
  labels: SampleLabels;
  value: number;
}

/** Labels of a sample: names and values, or their text when many samples share it. */
export type SampleLabels = Readonly<Record<string, string>> | LabelText;

/** Escaped labels as the exposition writes them between the braces. */
export type LabelText = string & { readonly format: 'label text' };

/** `counts` per bucket, the last for values above the highest bound; not cumulative. `sum` in the unit of the metric. */
export interface HistogramSample {
  labels: SampleLabels;
  counts: readonly number[];
  sum: number;
}

export type SeriesFamily =
  | { definition: CounterDefinition | GaugeDefinition; series: readonly Sample[] }
  | { definition: HistogramDefinition; series: readonly HistogramSample[] };

export function renderFamily(family: SeriesFamily): string {
  return renderHeader(family.definition) + renderSeries(family);
}

export function renderHeader(definition: { name: string; help: string; type: string }): string {
  return `# HELP ${definition.name} ${escapeHelp(definition.help)}\n# TYPE ${definition.name} ${definition.type}\n`;
}

export function renderSeries(family: SeriesFamily): string {
  let text = '';
  if (isHistogramFamily(family)) {
    const { name, buckets } = family.definition;
    const bounds = [...buckets.map(formatNumber), '+Inf'].map((bound) => `le="${bound}"} `);
    for (const sample of family.series) text += renderHistogramSample(name, bounds, sample);
    return text;
  }
  for (const { labels, value } of family.series) text += `${family.definition.name}${renderLabels(labels)} ${formatNumber(value)}\n`;
  return text;
}

function isHistogramFamily(family: SeriesFamily): family is Extract<SeriesFamily, { definition: HistogramDefinition }> {
  return family.definition.type === 'histogram';
}

function renderHistogramSample(name: string, bounds: readonly string[], sample: HistogramSample): string {
  const labels = labelText(sample.labels);
  const bucket = labels === '' ? `${name}_bucket{` : `${name}_bucket{${labels},`;
  const suffix = labels === '' ? '' : `{${labels}}`;
  let text = '';
  let cumulative = 0;
  for (let index = 0; index < bounds.length; index += 1) {
    cumulative += sample.counts[index] ?? 0;
    text += `${bucket}${bounds[index]}${cumulative}\n`;
  }
  return `${text}${name}_sum${suffix} ${formatNumber(sample.sum)}\n${name}_count${suffix} ${cumulative}\n`;
}

function renderLabels(labels: SampleLabels): string {
  const text = labelText(labels);
  return text === '' ? '' : `{${text}}`;
}

/** Rendered once by whoever gives the same labels to many samples; rendering them is most of the cost of a sample. */
export function labelText(labels: SampleLabels): LabelText {
  if (typeof labels === 'string') return labels;
  let text = '';
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escapeLabelValue(labels[name] ?? '')}"`;
  return text as LabelText;
}

const mustEscape = /[\\"\n]/;

/** Backslash, quote and newline, as the text format asks. */
export function escapeLabelValue(value: string): string {
  if (!mustEscape.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

export function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
