import { labelText, type HistogramSample, type LabelText, type Sample, type SeriesFamily } from '../../platform/metrics/exposition.ts';
import { createCountsByOrg } from '../../platform/metrics/counts-by-org.ts';
import { overflowOrg } from '../../platform/metrics/org-series.ts';
import { dataLossOf, incidentCauses, type Measurement } from './events.ts';
import { apiOutcomes, orgMetrics, outcomes } from './metrics.ts';

const countedHistograms = {
  persistenceDuration: orgMetrics.persistenceDuration,
  restorationDuration: orgMetrics.restorationDuration,
  renderDuration: orgMetrics.renderDuration,
  scrollFrameRate: orgMetrics.scrollFrameRate,
  memoryHeapUsed: orgMetrics.memoryHeapUsed,
  tabSyncLatency: orgMetrics.tabSyncLatency,
  apiDuration: orgMetrics.apiDuration,
} as const;
type HistogramName = keyof typeof countedHistograms;
const histogramNames = Object.keys(countedHistograms) as HistogramName[];

interface HistogramCounts {
  /** Per bucket, the last for values above the highest bound. */
  counts: number[];
  sum: number;
}

type ByOutcome = Record<(typeof outcomes)[number], number>;
const cachedValues = ['true', 'false'] as const;

interface Counts {
  persistence: ByOutcome;
  dataLoss: Record<(typeof incidentCauses)[number], number>;
  restorations: ByOutcome;
  tabSync: ByOutcome;
  /** By outcome and cached, as `ok true`. */
  apiRequests: Map<string, number>;
  scrollFrames: number;
  scrollJankFrames: number;
  histograms: Record<HistogramName, HistogramCounts>;
}

/** What this process counted of organizations with a chatbot. */
export interface OrgCounts {
  add(orgId: number, measurement: Measurement): void;
  /** Series of the organizations given, which are admitted, zeros where nothing was counted yet. */
  families(organizations: readonly { id: number; key: string }[]): SeriesFamily[];
  /** Everyone beyond the cap as one organization. */
  overflow(lastAdmittedId: number): SeriesFamily[];
}

export function createOrgCounts(): OrgCounts {
  const byOrg = createCountsByOrg({ none: noCounts, add: addCounts });
  return {
    add: (orgId, measurement) => count(byOrg.of(orgId), measurement),
    families: (organizations) => familiesOf(organizations.map(({ id, key }) => [labelText({ org: key }), byOrg.shown(id)])),
    overflow: (lastAdmittedId) => familiesOf([[labelText({ org: overflowOrg }), byOrg.beyond(lastAdmittedId)]]),
  };
}

function noCounts(): Counts {
  const empty = (name: HistogramName): HistogramCounts => ({
    counts: Array<number>(countedHistograms[name].buckets.length + 1).fill(0),
    sum: 0,
  });
  return {
    persistence: { success: 0, failure: 0 },
    dataLoss: { save_failed: 0, navigation: 0 },
    restorations: { success: 0, failure: 0 },
    tabSync: { success: 0, failure: 0 },
    apiRequests: new Map(),
    scrollFrames: 0,
    scrollJankFrames: 0,
    histograms: Object.fromEntries(histogramNames.map((name) => [name, empty(name)])) as Counts['histograms'],
  };
}

function count(counts: Counts, measurement: Measurement): void {
  const { type, value, failed } = measurement;
  const outcome = failed ? 'failure' : 'success';
  const lost = dataLossOf(measurement);
  if (lost !== undefined) counts.dataLoss[lost] += 1;
  switch (type) {
    case 'persistence':
      counts.persistence[outcome] += 1;
      return observe(counts, 'persistenceDuration', value / 1000);
    case 'restoration':
      counts.restorations[outcome] += 1;
      return observe(counts, 'restorationDuration', value / 1000);
    case 'render':
      return observe(counts, 'renderDuration', value / 1000);
    case 'scroll':
      counts.scrollFrames += measurement.totalFrames;
      counts.scrollJankFrames += measurement.jankFrames;
      return observe(counts, 'scrollFrameRate', value);
    case 'memory':
      return observe(counts, 'memoryHeapUsed', value);
    case 'tabSync':
      counts.tabSync[outcome] += 1;
      return observe(counts, 'tabSyncLatency', value / 1000);
    case 'api':
      addTo(counts.apiRequests, `${failed ? 'error' : 'ok'} ${measurement.cached}`, 1);
      return observe(counts, 'apiDuration', value / 1000);
    case 'navigation':
    case 'bundle':
  }
}

function observe({ histograms }: Counts, name: HistogramName, value: number): void {
  const { buckets } = countedHistograms[name];
  const found = buckets.findIndex((bound) => value <= bound);
  const index = found === -1 ? buckets.length : found;
  const observed = histograms[name];
  observed.counts[index] = (observed.counts[index] ?? 0) + 1;
  observed.sum += value;
}

function addTo(map: Map<string, number>, key: string, by: number): void {
  map.set(key, (map.get(key) ?? 0) + by);
}

function addCounts(into: Counts, from: Counts): void {
  for (const outcome of outcomes) {
    into.persistence[outcome] += from.persistence[outcome];
    into.restorations[outcome] += from.restorations[outcome];
    into.tabSync[outcome] += from.tabSync[outcome];
  }
  for (const cause of incidentCauses) into.dataLoss[cause] += from.dataLoss[cause];
  for (const [key, requests] of from.apiRequests) addTo(into.apiRequests, key, requests);
  into.scrollFrames += from.scrollFrames;
  into.scrollJankFrames += from.scrollJankFrames;
  for (const name of histogramNames) {
    const [sum, added] = [into.histograms[name], from.histograms[name]];
    added.counts.forEach((observed, index) => (sum.counts[index] = (sum.counts[index] ?? 0) + observed));
    sum.sum += added.sum;
  }
}

function familiesOf(organizations: readonly (readonly [LabelText, Counts])[]): SeriesFamily[] {
  const each = (samplesOf: (counts: Counts) => readonly (readonly [labels: Record<string, string>, value: number])[]): Sample[] =>
    organizations.flatMap(([org, counts]) => samplesOf(counts).map(([labels, value]) => ({ labels: joined(org, labels), value })));
  const byOutcome = (counted: ByOutcome): [Record<string, string>, number][] => outcomes.map((outcome) => [{ outcome }, counted[outcome]]);
  const histogram = (name: HistogramName): SeriesFamily => ({
    definition: countedHistograms[name],
    series: organizations.map(([org, { histograms }]): HistogramSample => ({ labels: org, ...histograms[name] })),
  });
  return [
    { definition: orgMetrics.persistence, series: each(({ persistence }) => byOutcome(persistence)) },
    { definition: orgMetrics.dataLoss, series: each(({ dataLoss }) => incidentCauses.map((cause) => [{ cause }, dataLoss[cause]])) },
    { definition: orgMetrics.restorations, series: each(({ restorations }) => byOutcome(restorations)) },
    { definition: orgMetrics.tabSync, series: each(({ tabSync }) => byOutcome(tabSync)) },
    {
      definition: orgMetrics.apiRequests,
      series: each(({ apiRequests }) =>
        apiOutcomes.flatMap((outcome) =>
          cachedValues.map((cached): [Record<string, string>, number] => [
            { outcome, cached },
            apiRequests.get(`${outcome} ${cached}`) ?? 0,
          ]),
        ),
      ),
    },
    { definition: orgMetrics.scrollFrames, series: each(({ scrollFrames }) => [[{}, scrollFrames]]) },
    { definition: orgMetrics.scrollJankFrames, series: each(({ scrollJankFrames }) => [[{}, scrollJankFrames]]) },
    ...histogramNames.map(histogram),
  ];
}

/** The organization's labels are rendered once; what is added are constants of ours. */
function joined(org: LabelText, labels: Readonly<Record<string, string>>): LabelText {
  const more = labelText(labels);
  return (more === '' ? org : `${org},${more}`) as LabelText;
}
