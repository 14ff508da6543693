import { featureNames, type FeatureName } from '../features/names.ts';
import type { MetricDefinition } from '../platform/metrics/definitions.ts';
import { orgSeriesMetrics } from '../platform/metrics/org-series.ts';
import { stackMetrics } from '../platform/metrics/stack.ts';

/** What the stack exports about itself. */
export const stackDefinitions: readonly MetricDefinition[] = [...Object.values(stackMetrics), ...Object.values(orgSeriesMetrics)];

/** What a slice exports: every definition in the groups of its metrics.ts, which come in the order of their names. */
export async function featureDefinitions(feature: FeatureName): Promise<MetricDefinition[]> {
  const groups = (await import(`../features/${feature}/metrics.ts`)) as Record<string, unknown>;
  // Node.js sorts the names of a module's exports, other loaders do not.
  return Object.keys(groups)
    .toSorted()
    .map((name) => groups[name])
    .flatMap((group) => (typeof group === 'object' && group !== null ? Object.values(group).filter(isDefinition) : []));
}

/** Every metric that a process exports, apart from the client library's own `process_*` and `nodejs_*`. */
export async function exportedDefinitions(): Promise<MetricDefinition[]> {
  return [...(await Promise.all(featureNames.map(featureDefinitions))).flat(), ...stackDefinitions];
}

function isDefinition(value: unknown): value is MetricDefinition {
  return typeof value === 'object' && value !== null && 'source' in value && 'help' in value;
}
