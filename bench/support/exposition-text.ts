/** One line of the text format. */
export interface SeriesLine {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Parses what we and prom-client write: no timestamps, and no escapes in values of labels. */
export function parseSeries(text: string): SeriesLine[] {
  const lines: SeriesLine[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', list = '', value = ''] = /^([a-zA-Z0-9_:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === '') throw new Error(`not a series: ${line}`);
    const labels = Object.fromEntries([...list.matchAll(/([a-zA-Z0-9_]+)="([^"]*)"/g)].map(([, label = '', inner = '']) => [label, inner]));
    lines.push({ name, labels, value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) });
  }
  return lines;
}

/** Name and labels in an order of their own, to compare what two programs show. */
export function seriesKey({ name, labels }: SeriesLine): string {
  return `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .toSorted()
    .join(',')}}`;
}

export function countSeries(text: string): number {
  let series = 0;
  for (const line of text.split('\n')) if (line !== '' && !line.startsWith('#')) series += 1;
  return series;
}
