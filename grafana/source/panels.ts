import * as barGauges from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as gauges from '@grafana/grafana-foundation-sdk/gauge';
import * as heatmaps from '@grafana/grafana-foundation-sdk/heatmap';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stateTimelines from '@grafana/grafana-foundation-sdk/statetimeline';
import * as stats from '@grafana/grafana-foundation-sdk/stat';
import * as tables from '@grafana/grafana-foundation-sdk/table';
import * as series from '@grafana/grafana-foundation-sdk/timeseries';
import type { Query } from './queries.ts';
import { runbookUrl } from './runbooks.ts';
import { noThresholds, type AlertThreshold, type Thresholds } from './thresholds.ts';

/**
 * Panels as this repository wants them, on the Foundation SDK. Its defaults leave out what a panel needs to be stable and readable
 * (refIds, data source, legend, reducer, tooltip), so they are set here, once.
 */
export interface PanelSpec {
  title: string;
  /** What the panel answers, and what to conclude from it. */
  description: string;
  /** From Grafana's list of units. */
  unit: string;
  thresholds: Thresholds;
  queries: readonly Query[];
  /** Of 24 columns. */
  width: number;
  height?: number;
  /** Further alerts that are about this panel; those of the thresholds are linked anyway. */
  alerts?: readonly AlertThreshold[];
  links?: readonly dashboard.DashboardLink[];
  /** Where a click on a value leads. */
  dataLinks?: readonly dashboard.DashboardLink[];
  /** Words for values. */
  words?: Readonly<Record<number, { text: string; color: string }>>;
  /** What is shown when there is nothing to show. */
  noValue?: string;
  decimals?: number;
  min?: number;
  max?: number;
}

/** A panel that has no place and no id yet: the dashboard gives both. */
export interface UnplacedPanel {
  panel: dashboard.Panel;
  width: number;
  height: number;
}

export const datasource = { type: 'prometheus', uid: '${datasource}' } as const;

export const link = (title: string, url: string, options: Partial<dashboard.DashboardLink> = {}): dashboard.DashboardLink => ({
  type: dashboard.DashboardLinkType.Link,
  title,
  url,
  tooltip: '',
  icon: 'external link',
  tags: [],
  asDropdown: false,
  targetBlank: false,
  includeVars: false,
  keepTime: false,
  ...options,
});

/** Of an instant query: over a range it would show the last value that there was, long after the series is gone. */
const newest = new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false);

const tooltip = {
  build: (): common.VizTooltipOptions => ({ mode: common.TooltipDisplayMode.Multi, sort: common.SortOrder.Descending }),
};

const legend = new common.VizLegendOptionsBuilder()
  .showLegend(true)
  .displayMode(common.LegendDisplayMode.List)
  .placement(common.LegendPlacement.Bottom);

export function stat(spec: PanelSpec & { colorBackground?: boolean }): UnplacedPanel {
  const builder = new stats.PanelBuilder()
    .reduceOptions(newest)
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(spec.colorBackground === true ? common.BigValueColorMode.Background : common.BigValueColorMode.Value)
    .textMode(spec.queries.length > 1 || hasLabels(spec) ? common.BigValueTextMode.ValueAndName : common.BigValueTextMode.Value);
  return complete(builder, { height: 4, ...spec }, 'instant');
}

export function timeseries(spec: PanelSpec & { stacked?: boolean }): UnplacedPanel {
  const builder = new series.PanelBuilder()
    .legend(legend)
    .tooltip(tooltip)
    .lineWidth(1)
    .fillOpacity(spec.stacked === true ? 40 : 8)
    .showPoints(common.VisibilityMode.Auto)
    .spanNulls(false)
    .stacking(new common.StackingConfigBuilder().mode(spec.stacked === true ? common.StackingMode.Normal : common.StackingMode.None))
    .thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(
        spec.thresholds.alerts.length === 0 ? common.GraphThresholdsStyleMode.Off : common.GraphThresholdsStyleMode.Dashed,
      ),
    )
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.PaletteClassic));
  return complete(builder, spec, 'range');
}

export function barGauge(spec: PanelSpec): UnplacedPanel {
  const builder = new barGauges.PanelBuilder()
    .reduceOptions(newest)
    .legend(new common.VizLegendOptionsBuilder().showLegend(false))
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic);
  return complete(builder, spec, 'instant');
}

export function gauge(spec: PanelSpec): UnplacedPanel {
  return complete(new gauges.PanelBuilder().reduceOptions(newest), { height: 4, ...spec }, 'instant');
}

/** Buckets of a histogram over time; the query is `sum by (le) (…)` and its legend `{{le}}`. */
export function heatmap(spec: PanelSpec): UnplacedPanel {
  const builder = new heatmaps.PanelBuilder()
    .calculate(false)
    .yAxis(new heatmaps.YAxisConfigBuilder().unit(spec.unit))
    .color(new heatmaps.HeatmapColorOptionsBuilder().mode(heatmaps.HeatmapColorMode.Scheme))
    .tooltip(new heatmaps.HeatmapTooltipBuilder().mode(common.TooltipDisplayMode.Single).yHistogram(true));
  return complete(builder, spec, 'heatmap');
}

export function states(spec: PanelSpec): UnplacedPanel {
  const builder = new stateTimelines.PanelBuilder()
    .legend(legend)
    .tooltip(tooltip)
    .showValue(common.VisibilityMode.Never)
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds));
  return complete(builder, spec, 'range');
}

/** Alerts that fire, one line each, as long as they do. */
export function alertStates(spec: Omit<PanelSpec, 'unit' | 'thresholds' | 'words' | 'noValue'>): UnplacedPanel {
  return states({
    ...spec,
    unit: 'short',
    thresholds: noThresholds,
    words: { 1: { text: 'firing', color: 'red' } },
    noValue: 'nothing fired',
  });
}

export interface Column {
  /** A label, or `Value` (`Value #A`, `Value #B` where the panel has several queries). */
  field: string;
  title: string;
  unit?: string;
  decimals?: number;
  thresholds?: Thresholds;
  width?: number;
  links?: readonly dashboard.DashboardLink[];
  words?: PanelSpec['words'];
}

/** One row per set of labels; columns that are not named are left out. Several queries are joined by their labels. */
export function table(spec: PanelSpec & { columns: readonly Column[]; sortBy: { title: string; descending: boolean } }): UnplacedPanel {
  const { columns, sortBy } = spec;
  const builder = new tables.PanelBuilder().sortBy([
    new common.TableSortByFieldStateBuilder().displayName(sortBy.title).desc(sortBy.descending),
  ]);
  // Before rows are joined: the name of a metric is a label, and would keep those of different metrics apart.
  builder.withTransformation({ id: 'filterFieldsByName', options: { include: { names: columns.map(({ field }) => field) } } });
  if (spec.queries.length > 1) builder.withTransformation({ id: 'merge', options: {} });
  builder.withTransformation({
    id: 'organize',
    options: {
      indexByName: Object.fromEntries(columns.map(({ field }, index) => [field, index])),
      renameByName: Object.fromEntries(columns.map(({ field, title }) => [field, title])),
      excludeByName: {},
    },
  });
  for (const column of columns) {
    const properties = columnProperties(column);
    if (properties.length > 0) builder.overrideByName(column.title, properties);
  }
  return complete(builder, spec, 'table');
}

function columnProperties({ unit, decimals, thresholds, width, links, words }: Column): dashboard.DynamicConfigValue[] {
  return [
    ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
    ...(decimals === undefined ? [] : [{ id: 'decimals', value: decimals }]),
    ...(width === undefined ? [] : [{ id: 'custom.width', value: width }]),
    ...(links === undefined ? [] : [{ id: 'links', value: links }]),
    ...(words === undefined ? [] : [{ id: 'mappings', value: mappings(words) }]),
    ...(thresholds === undefined && words === undefined ? [] : [{ id: 'custom.cellOptions', value: { type: 'color-text' } }]),
    ...(thresholds === undefined ? [] : [{ id: 'thresholds', value: { mode: 'absolute', steps: thresholds.steps } }]),
  ];
}

/** What transformations and overrides call a query: `Value #A`. */
const refIds = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const hasLabels = ({ queries }: PanelSpec): boolean => queries.some(({ legend: text }) => text.includes('{{'));

const mappings = (words: NonNullable<PanelSpec['words']>): dashboard.ValueMapping[] => [
  {
    type: dashboard.MappingType.ValueToText,
    options: Object.fromEntries(Object.entries(words).map(([value, { text, color }], index) => [value, { text, color, index }])),
  },
];

/** Everything that all panels share. */
function complete(builder: Builder<dashboard.Panel>, spec: PanelSpec, kind: 'instant' | 'range' | 'table' | 'heatmap'): UnplacedPanel {
  const built = builder.build();
  const interval = spec.queries.find((asked) => asked.interval !== undefined)?.interval;
  const { defaults, overrides } = built.fieldConfig ?? { defaults: {}, overrides: [] };
  return {
    width: spec.width,
    height: spec.height ?? 8,
    panel: {
      ...built,
      title: spec.title,
      description: spec.description,
      datasource,
      targets: spec.queries.map((asked, index) => target(asked, refIds.charAt(index), kind)),
      ...(interval === undefined ? {} : { interval }),
      links: [...runbookLinks([...spec.thresholds.alerts, ...(spec.alerts ?? [])]), ...(spec.links ?? [])],
      fieldConfig: {
        defaults: {
          ...defaults,
          unit: spec.unit,
          thresholds: { mode: dashboard.ThresholdsMode.Absolute, steps: spec.thresholds.steps },
          ...(spec.decimals === undefined ? {} : { decimals: spec.decimals }),
          ...(spec.min === undefined ? {} : { min: spec.min }),
          ...(spec.max === undefined ? {} : { max: spec.max }),
          ...(spec.noValue === undefined ? {} : { noValue: spec.noValue }),
          ...(spec.words === undefined ? {} : { mappings: mappings(spec.words) }),
          ...(spec.dataLinks === undefined ? {} : { links: [...spec.dataLinks] }),
        },
        overrides,
      },
    },
  };
}

function target(
  { expr, legend: text, interval }: Query,
  refId: string,
  kind: 'instant' | 'range' | 'table' | 'heatmap',
): ReturnType<prometheus.DataqueryBuilder['build']> {
  const builder = new prometheus.DataqueryBuilder()
    .refId(refId)
    .datasource(datasource)
    .expr(expr)
    .legendFormat(text)
    .editorMode(prometheus.QueryEditorMode.Code);
  if (interval !== undefined) builder.interval(interval);
  if (kind === 'table') builder.format(prometheus.PromQueryFormat.Table);
  if (kind === 'heatmap') builder.format(prometheus.PromQueryFormat.Heatmap);
  return (kind === 'instant' || kind === 'table' ? builder.instant() : builder.range()).build();
}

function runbookLinks(alerts: readonly AlertThreshold[]): dashboard.DashboardLink[] {
  const urls = new Map(alerts.map(({ alert, runbook }) => [alert, runbookUrl(runbook, alert)]));
  return [...urls].map(([alert, url]) => link(`Runbook: ${alert}`, url, { targetBlank: true }));
}
