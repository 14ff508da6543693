import { init, setPlatformAPI, type EChartsOption } from 'echarts';
import type { TimeRange } from './prometheus.ts';
import { ink, surface } from './palette.ts';
import { fontFamily, textAt, textWidth, fitted, placed, rectangle, type Size } from './svg.ts';

setPlatformAPI({ measureText: (text, font) => ({ width: textWidth(text, Number(/([\d.]+)px/.exec(font ?? '')?.[1] ?? 12)) }) });

/** A chart as SVG, to be put into another one. */
export function drawChart(option: EChartsOption, { width, height }: Size): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({ animation: false, textStyle: { fontFamily }, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return withoutBehaviour(svg);
}

/** What only a page with scripts would use, and what the picture around it says once for all. */
function withoutBehaviour(svg: string): string {
  return svg
    .replace(/<svg [^>]*>\s*<rect [^>]*fill="none"><\/rect>/, '<g>')
    .replace(/<\/svg>\s*$/, '</g>')
    .replaceAll(/<style[^>]*>.*?<\/style>/gs, '')
    .replaceAll(/ (?:ecmeta_\w+|class)="[^"]*"/g, '')
    .replaceAll(/font-family:[^;"]*;?/g, '')
    .replaceAll(/<(path|rect|line|polyline)([^>]*)><\/\1>/g, '<$1$2/>')
    .replaceAll(/\n+/g, '');
}

export const axisText = { fontSize: 11, color: ink.quiet };

export function timeAxis({ end, seconds }: TimeRange, { width }: Size): NonNullable<EChartsOption['xAxis']> {
  return {
    type: 'time',
    min: (end - seconds) * 1000,
    max: end * 1000,
    splitNumber: Math.max(2, Math.round(width / 130)),
    axisLabel: { ...axisText, formatter: '{HH}:{mm}', hideOverlap: true },
    axisLine: { lineStyle: { color: surface.border } },
    axisTick: { show: false },
    splitLine: { show: true, lineStyle: { color: surface.grid } },
  };
}

/** Room for the labels of the axes, whatever they are. */
export const chartGrid = { left: 2, right: 10, top: 8, bottom: 2, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' } as const;

const lineHeight = 17;
const mostLines = 3;

/** Names with their colours, on as many lines as they need, at most three; `height` is how much they take at the bottom. */
export function legend(entries: readonly { name: string; color: string }[], { width, height }: Size): { height: number; svg: string } {
  const placedEntries: { x: number; line: number; name: string; color: string }[] = [];
  let [x, line] = [0, 0];
  for (const { name, color } of entries) {
    const shown = fitted(name, width - 24, 11);
    const needed = 16 + textWidth(shown, 11) + 14;
    if (x > 0 && x + needed > width) [x, line] = [0, line + 1];
    placedEntries.push({ x, line, name: shown, color });
    x += needed;
  }
  const kept = placedEntries.filter((entry) => entry.line < mostLines);
  const hidden = placedEntries.length - kept.length;
  const last = kept.at(-1);
  // The last name makes room for how many are missing.
  if (hidden > 0 && last !== undefined) last.name = `and ${hidden + 1} more`;
  const used = (Math.min(line, mostLines - 1) + 1) * lineHeight;
  const svg = kept
    .map((entry) => {
      const y = entry.line * lineHeight;
      return (
        rectangle({ x: entry.x, y: y + 7, width: 11, height: 3 }, entry.color) +
        textAt(entry.x + 15, y + 12, entry.name, { size: 11, color: ink.quiet })
      );
    })
    .join('');
  return { height: used, svg: placed(4, height - used, svg) };
}

/** A panel that has nothing to show says so in its own words. */
export function nothingToShow(text: string, { width, height }: Size): string {
  return textAt(width / 2, height / 2, text, { size: 13, color: ink.quiet, anchor: 'middle' });
}
