import type { Dashboard } from '../../test/support/dashboard-files.ts';
import { readAnnotations, type Annotation } from './annotations.ts';
import { drawBarGauge } from './bar-gauge.ts';
import type { Drawing } from './drawing.ts';
import { drawGauge } from './gauge.ts';
import { drawHeatmap } from './heatmap.ts';
import { layOut, margin, type PlacedPanel } from './layout.ts';
import { ink, surface } from './palette.ts';
import { readPanelData } from './panel-data.ts';
import type { Prometheus, TimeRange } from './prometheus.ts';
import { drawStat } from './stat.ts';
import { drawStateTimeline } from './state-timeline.ts';
import { fontFamily, placed, rectangle, round, textAt, wrapped, type Size } from './svg.ts';
import { drawTable } from './table.ts';
import { drawTimeseries } from './timeseries.ts';
import { readVariables } from './variables.ts';

const drawings: Readonly<Record<string, Drawing>> = {
  stat: drawStat,
  timeseries: drawTimeseries,
  table: drawTable,
  bargauge: drawBarGauge,
  gauge: drawGauge,
  heatmap: drawHeatmap,
  'state-timeline': drawStateTimeline,
};

export interface PictureOptions {
  prometheus: Prometheus;
  range: TimeRange;
  /** Values of variables that are to be taken instead of the first there is. */
  chosen: Readonly<Record<string, string>>;
  /** Rows that are closed when the dashboard opens are opened. */
  allRows: boolean;
}

/** A dashboard as one SVG, from what Prometheus answers now. */
export async function drawDashboard(dashboard: Dashboard, options: PictureOptions): Promise<string> {
  const { prometheus, range } = options;
  const variables = await readVariables(dashboard, prometheus, range, options.chosen);
  const annotations = await readAnnotations(dashboard, prometheus, range, variables);
  const { panels, rows, width, height } = layOut(dashboard, options.allRows);
  const pieces = [heading(dashboard, range, variables, width), ...rows.map((row) => drawRow(row.title, row, variables, row.closedPanels))];
  for (const placedPanel of panels) pieces.push(await drawPanel(placedPanel, options, variables, annotations));
  const page = rectangle({ x: 0, y: 0, width, height }, surface.page, { radius: 4 });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${fontFamily}">${page}${pieces.join('\n')}</svg>\n`;
}

function heading(dashboard: Dashboard, range: TimeRange, variables: Readonly<Record<string, string>>, width: number): string {
  const organization = variables['org'];
  const chosen = organization === undefined || organization === '.+' ? '' : `organization ${organization}, `;
  const time = new Date(range.end * 1000).toISOString().slice(0, 16).replace('T', ' ');
  return (
    textAt(margin, 27, dashboard.title, { size: 17, bold: true }) +
    textAt(width - margin, 27, `${chosen}the ${round(range.seconds / 60)} minutes before ${time} UTC`, { color: ink.quiet, anchor: 'end' })
  );
}

function drawRow(
  title: string,
  { x, y }: { x: number; y: number },
  variables: Readonly<Record<string, string>>,
  closedPanels: number,
): string {
  const text = closedPanels === 0 ? `▾ ${withVariables(title, variables)}` : `▸ ${title} (${closedPanels} panels)`;
  return textAt(x, y + 16, text, { size: 13, bold: true });
}

async function drawPanel(
  { panel, x, y, width, height }: PlacedPanel,
  { prometheus, range }: PictureOptions,
  variables: Readonly<Record<string, string>>,
  annotations: readonly Annotation[],
): Promise<string> {
  const draw = drawings[panel.type];
  if (draw === undefined)
    throw new Error(`a panel of type ${panel.type} cannot be drawn: add its drawing to generate/pictures/dashboard-picture.ts`);
  const title = wrapped(withVariables(panel.title, variables), width - 16, 12, ['stat', 'gauge'].includes(panel.type) ? 2 : 1, {
    bold: true,
  });
  const top = 8 + title.length * 15;
  const inside: Size = { width: width - 16, height: height - top - 8 };
  const data = await readPanelData(panel, { prometheus, range, width: inside.width, variables });
  const content = [
    rectangle({ x: 0.5, y: 0.5, width: width - 1, height: height - 1 }, surface.panel, { border: surface.border, radius: 3 }),
    ...title.map((line, position) => textAt(8, 17 + position * 15, line, { bold: true })),
    placed(8, top, draw({ panel, data, annotations }, inside)),
  ];
  return placed(x, y, content.join(''));
}

function withVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{?(\w+)\}?/g, (written, name: string) => variables[name] ?? written);
}
