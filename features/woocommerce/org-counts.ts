import type { Admission } from '../../platform/metrics/org-series.ts';
import { createCountsByOrg } from '../../platform/metrics/counts-by-org.ts';
import { overflowOrg } from '../../platform/metrics/org-series.ts';
import { labelText, type HistogramSample, type Sample, type SeriesFamily } from '../../platform/metrics/exposition.ts';
import { errorTypes, type ErrorType } from './catalogue.ts';
import type { Operation } from './events.ts';
import { orgMetrics, outcomes } from './metrics.ts';

/** An organization that uses the slice, and its configured shops. */
export interface OrgWithStores {
  id: number;
  key: string;
  stores: readonly string[];
}

type Outcome = (typeof outcomes)[number];
type OutcomeCounts = Record<Outcome, number>;

interface Counts {
  byOutcome: OutcomeCounts;
  errors: Map<ErrorType, number>;
  durations: number[];
  durationSum: number;
  byStore: Map<string, OutcomeCounts>;
}

const otherStore = 'other';
const bounds = orgMetrics.duration.buckets;

/**
 * Operations counted in this process, by organization. What is kept grows with the organizations and their configured shops, never
 * with names from outside: a shop that is not configured counts as `other`.
 */
export interface OrgCounts {
  add(orgId: number, operation: Operation, configured: boolean): void;
  /** Series of the organizations given, which are admitted, zeros where nothing was counted yet. */
  families(organizations: readonly OrgWithStores[]): SeriesFamily[];
  /** Everyone beyond the cap as one organization. */
  overflow(admission: Admission): SeriesFamily[];
}

export function createOrgCounts(): OrgCounts {
  const byOrg = createCountsByOrg({ none: emptyCounts, add: addCounts });
  return {
    add: (orgId, operation, configured) => count(byOrg.of(orgId), operation, configured ? operation.domain : otherStore),
    families: (organizations) => familiesOf(organizations.map(({ id, key, stores }) => ({ org: key, stores, counts: byOrg.shown(id) }))),
    overflow: ({ lastId }) => familiesOf([{ org: overflowOrg, stores: [], counts: byOrg.beyond(lastId) }]),
  };
}

function emptyCounts(): Counts {
  return {
    byOutcome: { success: 0, failure: 0 },
    errors: new Map(),
    durations: Array<number>(bounds.length + 1).fill(0),
    durationSum: 0,
    byStore: new Map(),
  };
}

function count(counts: Counts, operation: Operation, store: string): void {
  const outcome: Outcome = operation.success ? 'success' : 'failure';
  const seconds = operation.durationMs / 1000;
  counts.byOutcome[outcome] += 1;
  if (operation.errorType !== null) counts.errors.set(operation.errorType, (counts.errors.get(operation.errorType) ?? 0) + 1);
  const bucket = bounds.findIndex((bound) => seconds <= bound);
  const index = bucket === -1 ? bounds.length : bucket;
  counts.durations[index] = (counts.durations[index] ?? 0) + 1;
  counts.durationSum += seconds;
  storeCounts(counts, store)[outcome] += 1;
}

function storeCounts(counts: Counts, store: string): OutcomeCounts {
  let ofStore = counts.byStore.get(store);
  if (ofStore === undefined) counts.byStore.set(store, (ofStore = { success: 0, failure: 0 }));
  return ofStore;
}

/** Shops of the overflow organization are one: a label for each would be what the cap is there to prevent. */
function addCounts(into: Counts, from: Counts): void {
  for (const outcome of outcomes) {
    into.byOutcome[outcome] += from.byOutcome[outcome];
    for (const ofStore of from.byStore.values()) storeCounts(into, otherStore)[outcome] += ofStore[outcome];
  }
  for (const [errorType, errors] of from.errors) into.errors.set(errorType, (into.errors.get(errorType) ?? 0) + errors);
  from.durations.forEach((durations, index) => (into.durations[index] = (into.durations[index] ?? 0) + durations));
  into.durationSum += from.durationSum;
}

interface LabelledCounts {
  org: string;
  stores: readonly string[];
  counts: Counts;
}

function familiesOf(organizations: readonly LabelledCounts[]): SeriesFamily[] {
  const operations: Sample[] = [];
  const errors: Sample[] = [];
  const durations: HistogramSample[] = [];
  const storeOperations: Sample[] = [];
  for (const { org, stores, counts } of organizations) {
    for (const outcome of outcomes) operations.push({ labels: labelText({ org, outcome }), value: counts.byOutcome[outcome] });
    for (const error_type of errorTypes) errors.push({ labels: labelText({ org, error_type }), value: counts.errors.get(error_type) ?? 0 });
    durations.push({ labels: labelText({ org }), counts: counts.durations, sum: counts.durationSum });
    // A shop that is no longer configured keeps what was counted for it until the process ends.
    for (const store of new Set([...stores, otherStore, ...counts.byStore.keys()])) {
      for (const outcome of outcomes) {
        storeOperations.push({ labels: labelText({ org, store, outcome }), value: counts.byStore.get(store)?.[outcome] ?? 0 });
      }
    }
  }
  return [
    { definition: orgMetrics.operations, series: operations },
    { definition: orgMetrics.errors, series: errors },
    { definition: orgMetrics.duration, series: durations },
    { definition: orgMetrics.storeOperations, series: storeOperations },
  ];
}
