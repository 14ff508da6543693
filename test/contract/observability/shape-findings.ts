import { type Dashboard, type DashboardFile, type Panel, panelsOf, variableQuery } from '../../support/dashboard-files.ts';
import { panelsWithoutQueries } from './lint-findings.ts';

/** What a dashboard must be to be found, linked to and read, whatever it shows. */
export function shapeFindings(files: readonly DashboardFile[], runbooks: Readonly<Record<string, readonly string[]>>): string[] {
  const uids = files.map(({ dashboard }) => dashboard.uid);
  return [
    ...repeated(uids).map((uid) => `the uid ${uid} is there twice`),
    ...repeated(files.map(({ dashboard }) => dashboard.title)).map((title) => `the title "${title}" is there twice`),
    ...files.flatMap(({ name, dashboard }) =>
      [
        ...(dashboard.uid === name ? [] : [`its uid is ${dashboard.uid}: links and alerts find it by its file's name`]),
        ...identityFindings(dashboard),
        ...annotationFindings(dashboard),
        ...rowFindings(dashboard),
        ...gridFindings(dashboard.panels),
        ...dashboard.panels.flatMap((row) => gridFindings(row.panels)),
        ...variableFindings(dashboard),
        ...linkFindings(dashboard, files, runbooks),
        ...panelsOf(dashboard).flatMap((panel) => thresholdFindings(panel).map((finding) => `${panel.title}: ${finding}`)),
      ].map((finding) => `${name}: ${finding}`),
    ),
  ];
}

function repeated<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

function identityFindings(dashboard: Dashboard): string[] {
  const panels = [...dashboard.panels, ...dashboard.panels.flatMap((row) => row.panels)];
  return [
    ...repeated(panels.map(({ id }) => id)).map((id) => `the panel id ${id} is there twice: links to a panel go by it`),
    ...repeated(panelsOf(dashboard).map(({ title }) => title)).map((title) => `two panels are called "${title}"`),
    ...panels.flatMap(({ title, targets }) =>
      repeated(targets.map(({ refId }) => refId)).map((refId) => `${title}: the query ${refId} is there twice`),
    ),
  ];
}

/** What every dashboard marks on its graphs. */
const marks = ['Firing alerts', 'Process starts'];

function annotationFindings({ annotations }: Dashboard): string[] {
  const names = annotations.list.map(({ name }) => name);
  return marks.filter((mark) => !names.includes(mark)).map((mark) => `it lacks the annotation "${mark}"`);
}

/** A row's panels are in it while it is closed, and after it while it is open. */
function rowFindings({ panels }: Dashboard): string[] {
  return panels
    .filter(({ type, panels: within }, index) => type === 'row' && within.length === 0 && (panels[index + 1]?.type ?? 'row') === 'row')
    .map(({ title }) => `the row "${title}" is empty`);
}

const columns = 24;

function gridFindings(panels: readonly Panel[]): string[] {
  const overlaps = ({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean =>
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  return panels.flatMap((panel, index) => [
    ...(panel.gridPos.x + panel.gridPos.w > columns ? [`${panel.title} is wider than the ${columns} columns leave room for`] : []),
    ...panels
      .slice(index + 1)
      .filter((other) => overlaps(panel, other))
      .map((other) => `${panel.title} lies over ${other.title}`),
  ]);
}

function variableFindings({ templating, ...dashboard }: Dashboard): string[] {
  const declared = templating.list.map(({ name }) => name);
  const texts = [
    ...textsIn(dashboard),
    ...templating.list.flatMap((variable) => [variableQuery(variable), variable.datasource?.uid ?? '']),
  ];
  const referenced = texts.flatMap((text) =>
    [...text.matchAll(/\$\{([a-z]\w*)[^}]*\}|\$([a-z]\w*)|\[\[([a-z]\w*)\]\]/gi)].map(
      ([, braced, plain, brackets]) => braced ?? plain ?? brackets ?? '',
    ),
  );
  const used = new Set([...referenced, ...dashboard.panels.map(({ repeat }) => repeat ?? '')].filter((name) => name !== ''));
  return [
    ...repeated(declared).map((name) => `the variable $${name} is there twice`),
    ...[...used].filter((name) => !declared.includes(name)).map((name) => `$${name} is no variable of the dashboard`),
    ...declared.filter((name) => !used.has(name)).map((name) => `nothing uses the variable $${name}`),
  ];
}

/** Every text in a JSON document. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function linkFindings(
  dashboard: Dashboard,
  files: readonly DashboardFile[],
  runbooks: Readonly<Record<string, readonly string[]>>,
): string[] {
  const texts = textsIn(dashboard);
  const toDashboards = texts.flatMap((text) => [...text.matchAll(/\/d\/([\w-]+)([^\s)"]*)/g)]);
  const toRunbooks = texts.flatMap((text) => [...text.matchAll(/runbooks\/([\w-]+)\.md(?:#([\w-]+))?/g)]);
  return [
    ...toDashboards.flatMap(([link, uid = '', query = '']) => {
      const target = files.find((file) => file.dashboard.uid === uid)?.dashboard;
      if (target === undefined) return [`${link} leads to no dashboard`];
      return forgotten(dashboard, target, { link, query });
    }),
    ...dashboard.links
      .filter(({ type }) => type === 'dashboards')
      .filter(({ tags }) => !files.some(({ dashboard: other }) => other !== dashboard && tags.every((tag) => other.tags.includes(tag))))
      .map(({ title }) => `the link "${title}" lists no other dashboard`),
    ...dashboard.links
      .filter(({ type, url, keepTime, includeVars }) => leadsToDashboards(type, url) && (keepTime !== true || includeVars !== true))
      .map(({ title }) => `the link "${title}" forgets the time range or the variables: keepTime, includeVars`),
    ...toRunbooks.flatMap(([link, name = '', anchor]) => {
      const anchors = runbooks[name];
      return anchors !== undefined && (anchor === undefined || anchors.includes(anchor))
        ? []
        : [`${link} leads to no heading of a runbook`];
    }),
  ];
}

/** What the reader has chosen and would have to choose again behind the link. */
function forgotten(from: Dashboard, to: Dashboard, { link, query }: { link: string; query: string }): string[] {
  // A link of the dashboard's head says by settings what it keeps.
  if (from.links.some(({ url }) => url.includes(link))) return [];
  const choosesOrg = [from, to].every(({ templating }) => templating.list.some(({ name }) => name === 'org'));
  return [
    ...(query.includes('${__url_time_range}') ? [] : [`${link} forgets the time range: add \${__url_time_range}`]),
    ...(query.includes('${datasource:queryparam}') ? [] : [`${link} forgets the data source: add \${datasource:queryparam}`]),
    ...(!choosesOrg || /\$\{org:queryparam\}|var-org=/.test(query) ? [] : [`${link} forgets the organization: add \${org:queryparam}`]),
  ];
}

const leadsToDashboards = (type: string | undefined, url: string): boolean => type === 'dashboards' || url.startsWith('/d/');

const showValues = ['stat', 'gauge', 'bargauge', 'table'];

function thresholdFindings({ type, fieldConfig: { defaults } }: Panel): string[] {
  if (panelsWithoutQueries.includes(type) || !showValues.includes(type)) return [];
  return (defaults.thresholds?.steps.length ?? 0) > 0 ? [] : ['shows values without thresholds: when are they bad?'];
}
