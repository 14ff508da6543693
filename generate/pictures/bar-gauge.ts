import { chartGrid, drawChart, nothingToShow } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { ink, surface } from './palette.ts';
import { lastValue } from './panel-data.ts';
import { displayOf, fieldSettings, panelOptions } from './panel-settings.ts';
import { textWidth } from './svg.ts';

export const drawBarGauge: Drawing = ({ panel, data }, size) => {
  const settings = fieldSettings(panel);
  const bars = data.series.flatMap((series) => {
    const value = lastValue(series);
    return value === undefined ? [] : [{ name: series.name, value, ...displayOf(value, settings) }];
  });
  if (bars.length === 0) return nothingToShow(settings.noValue, size);
  const max = settings.max ?? Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  return drawChart(
    {
      grid: { ...chartGrid, right: 14 + Math.max(...bars.map(({ text }) => textWidth(text, 13, { bold: true }))) },
      xAxis: { type: 'value', show: false, min: settings.min ?? 0, max },
      yAxis: {
        type: 'category',
        inverse: true,
        data: bars.map(({ name }) => name),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: ink.text, fontSize: 12, interval: 0 },
      },
      series: [
        {
          type: 'bar',
          barMaxWidth: 26,
          showBackground: panelOptions(panel).showUnfilled,
          backgroundStyle: { color: surface.grid },
          data: bars.map(({ value, color }) => ({ value, itemStyle: { color } })),
        },
        // Values stand in a column of their own at the end of the bars, whatever their length.
        {
          type: 'bar',
          barGap: '-100%',
          barMaxWidth: 26,
          itemStyle: { color: 'transparent' },
          data: bars.map(({ text, color }) => ({
            value: max,
            label: { show: true, position: 'right', formatter: text, color, fontSize: 13, fontWeight: 600 },
          })),
        },
      ],
    },
    size,
  );
};
