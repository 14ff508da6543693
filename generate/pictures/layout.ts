import type { Dashboard, Panel } from '../../test/support/dashboard-files.ts';
import type { Box } from './svg.ts';

export interface PlacedPanel extends Box {
  panel: Panel;
}
export interface PlacedRow {
  title: string;
  x: number;
  y: number;
  /** How many panels are hidden in it. */
  closedPanels: number;
}
export interface Layout {
  panels: PlacedPanel[];
  rows: PlacedRow[];
  width: number;
  height: number;
}

export const margin = 12;
const gap = 8;
const columns = 24;
const width = 1000;
const columnWidth = (width - 2 * margin + gap) / columns;
const unitHeight = 30;
const headingHeight = 44;
const rowHeight = 26;

/** A row and what is under it; panels before the first row have none. */
interface Section {
  row?: Panel;
  /** Where its panels begin on Grafana's grid. */
  top: number;
  panels: Panel[];
}

/** Grafana's grid in pixels. What a closed row hides takes no room. */
export function layOut(dashboard: Dashboard, allRows: boolean): Layout {
  const layout: Layout = { panels: [], rows: [], width, height: 0 };
  let y = headingHeight;
  for (const { row, top, panels } of sectionsOf(dashboard)) {
    const isClosed = row?.['collapsed'] === true && !allRows;
    if (row !== undefined) {
      layout.rows.push({ title: row.title, x: margin, y, closedPanels: isClosed ? panels.length : 0 });
      y += rowHeight;
    }
    if (isClosed) continue;
    for (const panel of panels) layout.panels.push({ panel, ...boxOf(panel, top, y) });
    y += Math.max(0, ...panels.map(({ gridPos }) => gridPos.y + gridPos.h - top)) * unitHeight;
  }
  return { ...layout, height: Math.round(y + margin) };
}

function sectionsOf(dashboard: Dashboard): Section[] {
  const sections: Section[] = [{ top: 0, panels: [] }];
  for (const panel of dashboard.panels) {
    if (panel.type === 'row') sections.push({ row: panel, top: panel.gridPos.y + panel.gridPos.h, panels: [...panel.panels] });
    else sections.at(-1)?.panels.push(panel);
  }
  return sections;
}

function boxOf({ gridPos }: Panel, top: number, y: number): Box {
  return {
    x: Math.round(margin + gridPos.x * columnWidth),
    y: Math.round(y + (gridPos.y - top) * unitHeight),
    width: Math.round(gridPos.w * columnWidth - gap),
    height: gridPos.h * unitHeight - gap,
  };
}
