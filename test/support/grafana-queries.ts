import type { Dashboard, Panel } from './dashboard-files.ts';
import { durationSeconds } from './promql.ts';
import { withGrafanaValues } from './promql-rewrite.ts';

/** What Grafana asks Prometheus when somebody opens a dashboard. */
export interface SentQuery {
  refId: string;
  expression: string;
  /** One point, now; otherwise points over the range. */
  instant: boolean;
  rangeSeconds: number;
  stepSeconds: number;
}

export interface Viewer {
  /** The datasource's scrape interval. */
  scrapeSeconds: number;
  /** What is chosen, by variable, where one has no value for all. */
  chosen: Readonly<Record<string, string>>;
}

/** Of a panel half as wide as a screen: Grafana asks for no more points than that. */
const points = 700;

export function sentQueries({ targets, timeFrom }: Panel, dashboard: Dashboard, viewer: Viewer): SentQuery[] {
  const rangeSeconds = secondsOf(timeFrom ?? dashboard.time.from.replace(/^now-/, ''));
  return targets.map(({ refId, expr, instant, interval }) => ({
    refId,
    instant,
    rangeSeconds,
    stepSeconds: stepSeconds(rangeSeconds, interval, viewer),
    expression: filledIn(expr, dashboard, viewer, { rangeSeconds, minStep: interval }),
  }));
}

/** With Grafana's own variables as it computes them, and the dashboard's set to all, or to what is chosen. */
export function filledIn(
  expression: string,
  { templating }: Dashboard,
  viewer: Viewer,
  { rangeSeconds = 3600, minStep }: { rangeSeconds?: number; minStep?: string | undefined } = {},
): string {
  const step = stepSeconds(rangeSeconds, minStep, viewer);
  const scraped = minStep === undefined ? viewer.scrapeSeconds : secondsOf(minStep);
  return withGrafanaValues(expression, {
    interval: `${step}s`,
    rateInterval: `${Math.max(step + scraped, 4 * scraped)}s`,
    range: `${rangeSeconds}s`,
    variables: Object.fromEntries(
      templating.list.flatMap(({ name, allValue }) => {
        const value = allValue ?? viewer.chosen[name];
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  });
}

function stepSeconds(rangeSeconds: number, minStep: string | undefined, { scrapeSeconds }: Viewer): number {
  return Math.max(minStep === undefined ? scrapeSeconds : secondsOf(minStep), Math.ceil(rangeSeconds / points));
}

function secondsOf(duration: string): number {
  const seconds = durationSeconds(duration);
  if (seconds === undefined) throw new Error(`${duration} is no duration here: write it like 30s, and a dashboard's range like now-3h`);
  return seconds;
}
