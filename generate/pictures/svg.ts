import { ink } from './palette.ts';

/** Pieces of SVG that are not charts: frames, labels, cells. */
export const fontFamily = '-apple-system, BlinkMacSystemFont, Segoe UI, Helvetica, Arial, sans-serif';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
export type Size = Pick<Box, 'width' | 'height'>;

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export function rectangle(
  { x, y, width, height }: Box,
  fill: string,
  { border, radius = 0 }: { border?: string; radius?: number } = {},
): string {
  const stroke = border === undefined ? '' : ` stroke="${border}"`;
  return `<rect x="${x}" y="${y}" width="${round(width)}" height="${round(height)}" rx="${radius}" fill="${fill}"${stroke}/>`;
}

export interface TextOptions {
  size?: number;
  color?: string;
  bold?: boolean;
  anchor?: 'start' | 'middle' | 'end';
}

/** `y` is the base line. */
export function textAt(
  x: number,
  y: number,
  text: string,
  { size = 12, color = ink.text, bold = false, anchor = 'start' }: TextOptions = {},
): string {
  const attributes = [
    `x="${round(x)}" y="${round(y)}" font-size="${round(size)}" fill="${color}"`,
    ...(bold ? ['font-weight="600"'] : []),
    ...(anchor === 'start' ? [] : [`text-anchor="${anchor}"`]),
  ];
  return `<text ${attributes.join(' ')}>${escapeXml(text)}</text>`;
}

/** Puts a piece, or a whole chart, where it belongs. */
export function placed(x: number, y: number, content: string): string {
  return `<g transform="translate(${round(x)} ${round(y)})">${content}</g>`;
}

/** Advance widths of DejaVu Sans, the widest of the common sans-serif fonts: there is no browser here that could measure. */
const advances: readonly [characters: RegExp, width: number][] = [
  [/[ijlI'|]/, 0.29],
  [/[ .,:;!()[\]{}/]/, 0.36],
  [/[frt-]/, 0.4],
  [/[csz_]/, 0.54],
  [/w/, 0.82],
  [/[mMW@%…]/, 1],
  [/[A-Z]/, 0.69],
];

export function textWidth(text: string, size: number, { bold = false } = {}): number {
  let width = 0;
  for (const character of text) width += advances.find(([characters]) => characters.test(character))?.[1] ?? 0.63;
  return width * size * (bold ? 1.12 : 1);
}

/** Cut with an ellipsis where it would be wider. */
export function fitted(text: string, width: number, size: number, weight?: { bold: boolean }): string {
  if (textWidth(text, size, weight) <= width) return text;
  let kept = text;
  while (kept.length > 1 && textWidth(`${kept}…`, size, weight) > width) kept = kept.slice(0, -1);
  return `${kept.trimEnd()}…`;
}

/** Broken between words; what does not fit into so many lines is cut. */
export function wrapped(text: string, width: number, size: number, lines: number, weight?: { bold: boolean }): string[] {
  const broken: string[] = [''];
  for (const word of text.split(' ')) {
    const last = broken.at(-1) ?? '';
    const longer = last === '' ? word : `${last} ${word}`;
    if (last === '' || textWidth(longer, size, weight) <= width || broken.length === lines) broken[broken.length - 1] = longer;
    else broken.push(word);
  }
  return broken.map((line) => fitted(line, width, size, weight));
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
