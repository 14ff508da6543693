import { featureNames } from '../features/names.ts';
import { fromCode, type MetricDefinition } from '../platform/metrics/definitions.ts';
import type { Generator } from './generated-file.ts';
import { featureDefinitions, stackDefinitions } from './metric-definitions.ts';
import { readMetricUse, type MetricUse } from './metric-use.ts';

const introduction = `# Metrics

Every series that the processes export, with the dashboard panels and the alerts whose expressions use it, also by way of recorded series.
Made from \`features/*/metrics.ts\`, \`platform/metrics/stack.ts\`, \`platform/metrics/org-series.ts\`, \`grafana/dashboards/\` and
\`prometheus/rules/\` by \`npm run generate\`: change those, not this page. Adding a metric:
[CONTRIBUTING.md](../CONTRIBUTING.md#add-a-metric).

How to read a series depends on its source:

| Source | Counted | Ask with |
|---|---|---|
| process | in each process, from its start | \`sum\` over replicas; for gauges per \`instance\` |
| database | read from the database every 15 s; the same on every replica | \`max by (…)\`, never \`sum\` over replicas |
| constant | a constant or a setting of the process | \`max\` |

If the database cannot be read, series of source database are absent: not zero and not stale. Series with known labels start at 0.
Fleet-wide series never carry \`org\`; a label value that was not expected becomes \`other\`. Units are base units, and the name ends with
them: \`_seconds\` is a duration, \`_timestamp_seconds\` a moment as Unix time; a name without a unit is a plain number. Every process also
exports the default series \`process_*\` and \`nodejs_*\`.
`;

const fleetIntroduction = 'On `/metrics` of the exporter, or of the service that is named.';

const organizationIntroduction = `On \`/metrics/orgs\` of the exporter. \`org\` is the organization's key. At most \`ORG_SERIES_MAX_ORGS\` active organizations have series, those
with the smallest ids; all others are folded into \`org="__overflow__"\`, which has counters and histograms only. Its sum runs over a
changing set and is not monotonic: select \`org!="__overflow__"\` in every expression.`;

const stackIntroduction = `On \`/metrics\` of the services that are named. \`service\` is one of them, \`endpoint\` what takes rows in, \`route\` the path pattern or
\`unmatched\`, \`policy\` a rate limit, \`pool\` a set of connections, \`collector\` a background refresh, \`action\` an audited action, \`task\` a
job, \`table\` a partitioned table.`;

/** docs/metrics.md */
export const metricsPage: Generator = async () => {
  const use = await readMetricUse();
  const sections = [introduction];
  for (const feature of featureNames) {
    const definitions = await featureDefinitions(feature);
    const ofOrganizations = definitions.filter(({ labels }) => 'org' in labels);
    const ofFleet = definitions.filter((definition) => !ofOrganizations.includes(definition));
    sections.push(section(`${feature}, fleet-wide`, fleetIntroduction, ofFleet, use));
    if (ofOrganizations.length > 0) {
      sections.push(section(`${feature}, per organization`, organizationIntroduction, ofOrganizations, use));
    }
  }
  sections.push(section('The stack itself', stackIntroduction, stackDefinitions, use, { withServices: true }));
  return [{ path: 'docs/metrics.md', text: sections.join('\n') }];
};

function section(
  title: string,
  text: string,
  definitions: readonly MetricDefinition[],
  use: (definition: MetricDefinition) => MetricUse,
  { withServices = false } = {},
): string {
  const rows = definitions.map((definition) => [
    `\`${definition.name}\``,
    [definition.type, definition.source, ...(withServices || !isOfExporter(definition) ? [definition.services.join(', ')] : [])].join(
      '<br>',
    ),
    labelsCell(definition),
    meaningCell(definition),
    useCell(use(definition)),
  ]);
  const heading = ['Name', withServices ? 'Type, source, services' : 'Type, source', 'Labels', 'Meaning', 'Used by'];
  return `## ${title}\n\n${text}\n\n${[heading, heading.map(() => '---'), ...rows].map(tableRow).join('\n')}\n`;
}

const isOfExporter = ({ services }: MetricDefinition): boolean => services.every((service) => service === 'exporter');

function labelsCell({ labels }: MetricDefinition): string {
  const lines = Object.entries(labels).map(([label, values]) =>
    values === fromCode ? `\`${label}\`` : `\`${label}\`: ${values.map((value) => `\`${value}\``).join(', ')}`,
  );
  return lines.join('<br>') || '—';
}

function meaningCell(definition: MetricDefinition): string {
  return definition.type === 'histogram' ? `${definition.help}<br>Buckets: ${definition.buckets.join(' ')}` : definition.help;
}

function useCell({ alerts, dashboards }: MetricUse): string {
  const lines = dashboards.map(({ title, panels }) => `${title}: ${panels.join(' · ')}`);
  if (alerts.length > 0) lines.push(`Alerts: ${alerts.join(', ')}`);
  return lines.join('<br>') || '—';
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
