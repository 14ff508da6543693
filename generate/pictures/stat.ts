import { nothingToShow } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { ink } from './palette.ts';
import { lastValue } from './panel-data.ts';
import { displayOf, fieldSettings, panelOptions } from './panel-settings.ts';
import { fitted, rectangle, textAt, textWidth, type Box } from './svg.ts';

export const drawStat: Drawing = ({ panel, data }, size) => {
  const settings = fieldSettings(panel);
  const { colorMode, textMode } = panelOptions(panel);
  const tiles = data.series.flatMap((series) => {
    const value = lastValue(series);
    return value === undefined ? [] : [{ name: series.name, ...displayOf(value, settings) }];
  });
  if (tiles.length === 0) return nothingToShow(settings.noValue, size);
  const gap = 4;
  const width = (size.width - gap * (tiles.length - 1)) / tiles.length;
  const withName = textMode === 'value_and_name' || (textMode === 'auto' && tiles.length > 1);
  return tiles
    .map((tile, position) =>
      drawTile(
        withName ? tile : { ...tile, name: undefined },
        { x: position * (width + gap), y: 0, width, height: size.height },
        colorMode.startsWith('background'),
      ),
    )
    .join('');
};

function drawTile(tile: { name: string | undefined; text: string; color: string }, box: Box, filled: boolean): string {
  const middle = box.x + box.width / 2;
  const room = box.height - (tile.name === undefined ? 0 : 18);
  const size = Math.min(room * 0.5, 40, (box.width - 14) / textWidth(tile.text, 1, { bold: true }));
  const color = filled ? ink.onColor : tile.color;
  return [
    filled ? rectangle(box, tile.color, { radius: 2 }) : '',
    tile.name === undefined ? '' : textAt(middle, 16, fitted(tile.name, box.width - 8, 12), { color, anchor: 'middle' }),
    textAt(middle, box.height - room / 2 + size * 0.36, tile.text, { size, color, bold: true, anchor: 'middle' }),
  ].join('');
}
