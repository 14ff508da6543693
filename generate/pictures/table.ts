import { nothingToShow } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { ink, surface } from './palette.ts';
import { displayOf, fieldSettings, panelOptions, type FieldSettings } from './panel-settings.ts';
import { fitted, rectangle, textAt, textWidth, type Size } from './svg.ts';
import { tableRows, type Cell, type Rows } from './table-rows.ts';

const rowHeight = 24;
const fontSize = 11;
const padding = 4;

export const drawTable: Drawing = ({ panel, data }, size) => {
  const table = tableRows(panel, data);
  if (table.rows.length === 0) return nothingToShow(fieldSettings(panel).noValue, size);
  const rows = sorted(table, panelOptions(panel).sortBy);
  const columns = columnsOf({ fields: table.fields, rows }, size, (field) => fieldSettings(panel, field));
  const heading = columns
    .map(({ field, x, width }) =>
      textAt(x + padding, 16, fitted(field, width - 2 * padding, fontSize, { bold: true }), {
        size: fontSize,
        color: ink.quiet,
        bold: true,
      }),
    )
    .join('');
  // The last line is left free for what does not fit.
  const room = Math.floor(size.height / rowHeight) - 1;
  const shown = rows.length > room ? rows.slice(0, room - 1) : rows;
  const hidden = rows.length - shown.length;
  const lines = shown.map((row, position) => {
    const y = (position + 1) * rowHeight;
    const cells = columns.map(({ field, x, width, settings }) => {
      const { text, color } = cellDisplay(row[field], settings);
      return textAt(x + padding, y + 16, fitted(text, width - 2 * padding, fontSize), { size: fontSize, color });
    });
    return rectangle({ x: 0, y, width: size.width, height: 1 }, surface.grid) + cells.join('');
  });
  const rest =
    hidden === 0 ? '' : textAt(padding, (shown.length + 1) * rowHeight + 16, `and ${hidden} more`, { size: fontSize, color: ink.quiet });
  return heading + lines.join('') + rest;
};

interface Column {
  field: string;
  x: number;
  width: number;
  settings: FieldSettings;
}

function columnsOf({ fields, rows }: Rows, { width }: Size, settingsOf: (field: string) => FieldSettings): Column[] {
  const settings = fields.map(settingsOf);
  const wanted = fields.map((field, column) => {
    const own = settings[column] ?? settingsOf(field);
    const texts = rows.map((row) => textWidth(cellDisplay(row[field], own).text, fontSize));
    return 2 * padding + 1 + Math.max(textWidth(field, fontSize, { bold: true }), ...texts);
  });
  const widths = sharedWidths(wanted, width);
  return fields.map((field, column) => ({
    field,
    settings: settings[column] ?? settingsOf(field),
    x: widths.slice(0, column).reduce((sum, before) => sum + before, 0),
    width: widths[column] ?? 0,
  }));
}

/** Too much room is shared out alike; too little is taken from the widest columns. */
export function sharedWidths(wanted: readonly number[], room: number): number[] {
  const total = wanted.reduce((sum, width) => sum + width, 0);
  if (total <= room) return wanted.map((width) => (width * room) / total);
  let [left, most] = [room, 0];
  for (const [position, width] of wanted.toSorted((one, other) => one - other).entries()) {
    most = left / (wanted.length - position);
    if (width > most) break;
    left -= width;
  }
  return wanted.map((width) => Math.min(width, most));
}

function cellDisplay(cell: Cell, settings: FieldSettings): { text: string; color: string } {
  if (typeof cell !== 'number') return { text: cell?.trim() ?? '', color: ink.text };
  const { text, color } = displayOf(cell, settings);
  return { text, color: settings.custom.cellOptions.type === 'color-text' ? color : ink.text };
}

function sorted({ rows }: Rows, sortBy: readonly { displayName: string; desc: boolean }[]): Rows['rows'] {
  return rows.toSorted((left, right) => {
    for (const { displayName, desc } of sortBy) {
      const order = compareCells(left[displayName], right[displayName]);
      if (order !== 0) return desc ? -order : order;
    }
    return 0;
  });
}

function compareCells(left: Cell, right: Cell): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left ?? '').localeCompare(String(right ?? ''), 'en');
}
