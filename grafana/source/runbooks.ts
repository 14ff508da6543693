import type { FeatureName } from '../../features/names.ts';

/**
 * Where links to runbooks lead: the same as the external label `runbooks_url` of prometheus/prometheus.yml, a path of this repository.
 * Put in front of it whatever makes it a link for you, then npm run generate. See docs/dashboards.md.
 */
export const runbooksUrl = 'docs/runbooks';

export type Runbook = FeatureName | 'stack';

/** The link that the alert's annotation `runbook_url` also has. */
export const runbookUrl = (runbook: Runbook, alert?: string): string =>
  `${runbooksUrl}/${runbook}.md${alert === undefined ? '' : `#${alert.toLowerCase()}`}`;
