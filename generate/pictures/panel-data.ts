import type { Panel, Target } from '../../test/support/dashboard-files.ts';
import { durationSeconds } from '../../test/support/promql.ts';
import { withGrafanaValues } from '../../test/support/promql-rewrite.ts';
import type { Prometheus, Series, TimeRange } from './prometheus.ts';
import { grafanaDurations } from './variables.ts';

/** A series with the name that the panel shows. */
export interface NamedSeries extends Series {
  name: string;
  refId: string;
}

export interface PanelData {
  series: readonly NamedSeries[];
  range: TimeRange;
  stepSeconds: number;
}

/** `timeInterval` of the data source: how often it scrapes. */
const scrapeSeconds = 15;

/** What Grafana's steps are rounded to. */
const niceSteps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/** Asks everything that the panel asks, as Grafana would for a panel of this width. */
export async function readPanelData(
  panel: Panel,
  options: { prometheus: Prometheus; range: TimeRange; width: number; variables: Readonly<Record<string, string>> },
): Promise<PanelData> {
  const { prometheus, range, width, variables } = options;
  const shortest = intervalSeconds(panel.interval);
  const stepSeconds = niceSteps.find((step) => step >= Math.max(shortest, range.seconds / width)) ?? 86_400;
  const series = await Promise.all(
    panel.targets
      .filter(({ hide }) => hide !== true)
      .map(async (target) => {
        const durations = grafanaDurations(range, stepSeconds, intervalSeconds(target.interval ?? panel.interval), variables);
        const expression = withGrafanaValues(target.expr, durations);
        const found = target.instant
          ? await prometheus.instant(expression, range.end)
          : await prometheus.range(expression, range, stepSeconds);
        return found.map((one) => ({ ...one, refId: target.refId, name: seriesName(one, target) }));
      }),
  );
  return { series: series.flat(), range, stepSeconds };
}

function intervalSeconds(interval: string | null | undefined): number {
  return durationSeconds(interval ?? '') ?? scrapeSeconds;
}

function seriesName({ labels }: Series, { legendFormat }: Target): string {
  if (legendFormat === undefined || legendFormat === '__auto') {
    return Object.entries(labels)
      .map(([label, value]) => `${label}="${value}"`)
      .join(', ');
  }
  return legendFormat.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => labels[label] ?? '').trim();
}

/** The series on every step of the range, undefined where there is no value. */
export function onEveryStep({ points }: Series, { range, stepSeconds }: PanelData): [seconds: number, value: number | undefined][] {
  const values = new Map(points.filter(([, value]) => Number.isFinite(value)));
  const first = Math.floor((range.end - range.seconds) / stepSeconds) * stepSeconds;
  const steps = Math.floor(range.end / stepSeconds) - first / stepSeconds + 1;
  return Array.from({ length: steps }, (_, step) => {
    const time = first + step * stepSeconds;
    return [time, values.get(time)];
  });
}

/** The newest value, which panels without a time axis show. */
export function lastValue({ points }: Series): number | undefined {
  return points.findLast(([, value]) => !Number.isNaN(value))?.[1];
}
