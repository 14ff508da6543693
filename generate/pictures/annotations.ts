import { z } from 'zod';
import type { Dashboard } from '../../test/support/dashboard-files.ts';
import { withGrafanaValues } from '../../test/support/promql-rewrite.ts';
import { colorOf } from './palette.ts';
import type { Prometheus, TimeRange } from './prometheus.ts';
import { grafanaDurations } from './variables.ts';

/** A moment that is marked in every curve. */
export interface Annotation {
  /** Seconds since 1970. */
  time: number;
  color: string;
}

const annotationSchema = z.looseObject({
  enable: z.boolean(),
  iconColor: z.string(),
  useValueForTime: z.boolean().default(false),
  target: z.looseObject({ expr: z.string() }),
});

const stepSeconds = 60;

/** When alerts began to fire, when processes started: what the dashboard's own queries find, once for each moment and colour. */
export async function readAnnotations(
  dashboard: Dashboard,
  prometheus: Prometheus,
  range: TimeRange,
  variables: Readonly<Record<string, string>>,
): Promise<Annotation[]> {
  const found = new Map<string, Annotation>();
  for (const listed of dashboard.annotations.list) {
    const annotation = annotationSchema.safeParse(listed).data;
    if (annotation === undefined || !annotation.enable) continue;
    const expression = withGrafanaValues(annotation.target.expr, grafanaDurations(range, stepSeconds, 15, variables));
    const color = colorOf(annotation.iconColor);
    for (const { points } of await prometheus.range(expression, range, stepSeconds)) {
      const times = annotation.useValueForTime
        ? points.map(([, milliseconds]) => milliseconds / 1000)
        : beginnings(points.map(([time]) => time));
      for (const time of times) if (time > range.end - range.seconds) found.set(`${color} ${Math.round(time)}`, { time, color });
    }
  }
  return [...found.values()];
}

/** Times that do not follow the one before by one step. */
function beginnings(times: readonly number[]): number[] {
  return times.filter((time, position) => time - (times[position - 1] ?? 0) > stepSeconds);
}
