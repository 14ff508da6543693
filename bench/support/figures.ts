/** One thing that is promised, as it was measured. */
export interface Figure {
  name: string;
  value: number;
  unit:
    | 'x'
    | 'ms'
    | '%'
    | 'series'
    | 'answers'
    | 'operations/s'
    | 'requests/s'
    | 'events/s'
    | 'rows/s'
    | 'days/s'
    | 's'
    | 'bytes'
    | 'MB'
    | 'connections'
    | 'descriptors';
  target: { atLeast: number } | { below: number } | { atMost: number };
}

export function isReached({ value, target }: Figure): boolean {
  if ('atLeast' in target) return value >= target.atLeast;
  if ('below' in target) return value < target.below;
  return value <= target.atMost;
}

export function figureLine(figure: Figure): string {
  const { name, value, unit, target } = figure;
  const bound = 'atLeast' in target ? `>= ${target.atLeast}` : 'below' in target ? `< ${target.below}` : `<= ${target.atMost}`;
  return `figure ${name.padEnd(66)} value ${`${format(value)} ${unit}`.padStart(12)}  target ${`${bound} ${unit}`.padStart(12)}  ${isReached(figure) ? 'ok' : 'MISSED'}`;
}

export function format(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Rows of what was measured, in columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)), []);
  return rows
    .map((row) =>
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`.trimEnd(),
    )
    .join('\n');
}
