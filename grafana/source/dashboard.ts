import { createHash } from 'node:crypto';
import {
  type AnnotationQuery,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkType,
  type GridPos,
  type Panel,
  type RowPanel,
  VariableHide,
  type VariableModel,
  VariableRefresh,
  VariableSort,
  VariableType,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { datasource, link, type UnplacedPanel } from './panels.ts';
import { scraped } from './queries.ts';
import { runbookUrl, type Runbook } from './runbooks.ts';

export interface Row {
  title: string;
  panels: readonly UnplacedPanel[];
  /** Its queries run when somebody opens it. */
  collapsed?: boolean;
}

export interface DashboardSpec {
  /** Also the file's name and the path after /d/ that alerts link to: never change it. */
  uid: string;
  title: string;
  description: string;
  runbook?: Runbook;
  variables?: readonly VariableModel[];
  /** Matchers of ALERTS: which alerts are marked on the graphs. */
  alerts: string;
  rows: readonly Row[];
}

/** Every dashboard carries it, and links to all others that do. */
const tag = 'widget-observability';
const columns = 24;

export function makeDashboard(spec: DashboardSpec): Dashboard {
  const built = new DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags([tag])
    .timezone('utc')
    .time({ from: 'now-3h', to: 'now' })
    .refresh('1m')
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .build();
  return {
    ...built,
    templating: { list: [datasourceVariable, jobVariable, instanceVariable, ...(spec.variables ?? [])] },
    annotations: { list: [ownAnnotations, alertAnnotations(spec.alerts), startAnnotations] },
    links: [
      link('Dashboards', '', { type: DashboardLinkType.Dashboards, tags: [tag], includeVars: true, keepTime: true }),
      ...(spec.runbook === undefined ? [] : [link('Runbook', runbookUrl(spec.runbook), { targetBlank: true, icon: 'doc' })]),
    ],
    panels: layOut(spec),
  };
}

/** Left to right, a new line when the next panel does not fit. */
function layOut({ uid, rows }: DashboardSpec): (Panel | RowPanel)[] {
  const placed: (Panel | RowPanel)[] = [];
  const ids = new Set<number>();
  const idFor = (title: string): number => {
    const id = stableId(title);
    if (ids.has(id)) throw new Error(`dashboard ${uid}: two panels are called "${title}", or share its id; give one another title`);
    ids.add(id);
    return id;
  };
  let y = 0;
  for (const { title, panels, collapsed = false } of rows) {
    const row: RowPanel & { gridPos: GridPos } = {
      type: 'row',
      id: idFor(title),
      title,
      collapsed,
      panels: [],
      gridPos: { x: 0, y, w: columns, h: 1 },
    };
    placed.push(row);
    y += 1;
    let x = 0;
    let lineHeight = 0;
    for (const { panel, width, height } of panels) {
      if (x + width > columns) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      (collapsed ? row.panels : placed).push({ ...panel, id: idFor(panel.title ?? ''), gridPos: { x, y, w: width, h: height } });
      x += width;
      lineHeight = Math.max(lineHeight, height);
    }
    // The panels of a collapsed row take no room until it is opened; Grafana moves what is below it then.
    if (collapsed) y = row.gridPos.y + 1;
    else y += lineHeight;
  }
  return placed;
}

/** From the title, so that a link to a panel survives panels that are added before it. */
const stableId = (title: string): number => createHash('sha256').update(title).digest().readUIntBE(0, 3) + 1;

const datasourceVariable: VariableModel = {
  type: VariableType.Datasource,
  name: 'datasource',
  label: 'Data source',
  query: 'prometheus',
  hide: VariableHide.DontHide,
  multi: false,
  includeAll: false,
};

/** A list of label values, asked again when the time range changes. */
export function labelVariable(name: string, label: string, query: string, choice: 'several' | 'one or all' | 'one'): VariableModel {
  const includeAll = choice !== 'one';
  const multi = choice === 'several';
  return {
    type: VariableType.Query,
    name,
    label,
    datasource,
    query,
    definition: query,
    hide: VariableHide.DontHide,
    refresh: VariableRefresh.OnTimeRangeChanged,
    sort: VariableSort.AlphabeticalAsc,
    multi,
    includeAll,
    ...(includeAll
      ? { allValue: '.+', current: { selected: true, text: multi ? ['All'] : 'All', value: multi ? ['$__all'] : '$__all' } }
      : {}),
  };
}

const jobVariable = labelVariable('job', 'Job', 'label_values(up, job)', 'several');
const instanceVariable = labelVariable('instance', 'Instance', 'label_values(up{job=~"$job"}, instance)', 'several');

/** What people write on the graphs by hand; Grafana expects the entry. */
const ownAnnotations: AnnotationQuery = {
  builtIn: 1,
  datasource: { type: 'grafana', uid: '-- Grafana --' },
  enable: true,
  hide: true,
  iconColor: 'rgba(0, 211, 255, 1)',
  name: 'Annotations & Alerts',
  type: 'dashboard',
};

const alertAnnotations = (matchers: string): AnnotationQuery => ({
  name: 'Firing alerts',
  datasource,
  enable: true,
  iconColor: 'red',
  target: annotationTarget(`ALERTS{alertstate="firing", ${matchers}}`),
  titleFormat: '{{alertname}}',
  textFormat: '{{severity}} {{org}} {{instance}}',
  tagKeys: 'severity,feature',
});

/** Deployments and crashes. The value is the time of the event, in milliseconds. */
const startAnnotations: AnnotationQuery = {
  name: 'Process starts',
  datasource,
  enable: true,
  iconColor: 'blue',
  target: annotationTarget(`process_start_time_seconds{${scraped}} * 1000`),
  useValueForTime: true,
  titleFormat: 'Start of {{job}}',
  textFormat: '{{instance}}',
  tagKeys: 'job',
};

function annotationTarget(expr: string): ReturnType<DataqueryBuilder['build']> {
  return new DataqueryBuilder().refId('Anno').datasource(datasource).expr(expr).interval('1m').range().build();
}
