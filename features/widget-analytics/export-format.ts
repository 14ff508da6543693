export type ExportFormat = 'csv' | 'ndjson';

export const exportContentTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
};

type Row = Readonly<Record<string, unknown>>;

/** One JSON object a line, as it is stored. */
export function ndjsonLines(rows: readonly Row[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** RFC 4180. */
export function csvLine(cells: readonly unknown[]): string {
  return `${cells.map((cell) => quoted(withoutFormula(cellText(cell)))).join(',')}\r\n`;
}

export function csvLines(columns: readonly string[], rows: readonly Row[]): string {
  return rows.map((row) => csvLine(columns.map((column) => row[column]))).join('');
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  if (cell instanceof Date) return cell.toISOString();
  return typeof cell === 'string' ? cell : JSON.stringify(cell);
}

/** A spreadsheet would run what a visitor sent. Source: OWASP, CSV injection. */
function withoutFormula(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
