/** Colours for a light page. Grafana's names for what a colour says, dark enough for text on white. */
const named: Readonly<Record<string, string>> = {
  'dark-green': '#19730e',
  green: '#37872d',
  yellow: '#c99700',
  orange: '#e36209',
  red: '#c4162a',
  blue: '#1f60c4',
  purple: '#8f3bb8',
};

export function colorOf(name: string): string {
  const color = name.startsWith('#') ? name : named[name];
  if (color === undefined) throw new Error(`the colour ${name} is not known here: add it to generate/pictures/palette.ts`);
  return color;
}

/** For series without a colour of their own, in this order. */
const series = ['#56a64b', '#e0a800', '#3274d9', '#ff780a', '#e02f44', '#a352cc', '#0a9c9c', '#8b5a2b', '#6e7681', '#d6448a'];

export function seriesColor(position: number): string {
  return series[position % series.length] ?? '#56a64b';
}

export const surface = { page: '#f4f5f5', panel: '#ffffff', border: '#dcdfe3', grid: '#eceef0' } as const;
export const ink = { text: '#24292e', quiet: '#6a737d', onColor: '#ffffff' } as const;
/** From few to many. */
export const heat = ['#fff5eb', '#fdd0a2', '#fd8d3c', '#d94801', '#7f2704'];
