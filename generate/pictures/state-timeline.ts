import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemReturn } from 'echarts';
import { chartGrid, drawChart, legend, nothingToShow, timeAxis } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { ink } from './palette.ts';
import { onEveryStep, type PanelData, type NamedSeries } from './panel-data.ts';
import { displayOf, fieldSettings, type FieldSettings } from './panel-settings.ts';

/** A time in which a series had one value, in milliseconds. */
interface Span {
  row: number;
  from: number;
  to: number;
  text: string;
  color: string;
}

export const drawStateTimeline: Drawing = ({ panel, data }, size) => {
  const settings = fieldSettings(panel);
  const spans = data.series.flatMap((series, row) => spansOf(series, row, data, settings));
  if (spans.length === 0) return nothingToShow(settings.noValue, size);
  const states = [...new Map(spans.map(({ text, color }) => [text, color]))].map(([name, color]) => ({ name, color }));
  const names = legend(states, size);
  const chart = drawChart(
    {
      useUTC: true,
      grid: chartGrid,
      xAxis: timeAxis(data.range, size),
      yAxis: {
        type: 'category',
        inverse: true,
        data: data.series.map(({ name }) => name),
        axisTick: { show: false },
        axisLine: { show: false },
        axisLabel: { color: ink.text, fontSize: 12, interval: 0 },
      },
      series: [
        {
          type: 'custom',
          renderItem: (_, api) => spanShape(api),
          encode: { x: [1, 2], y: 0 },
          data: spans.map(({ row, from, to, color }) => ({
            value: [row, from, to],
            itemStyle: { color, opacity: settings.custom.fillOpacity / 100 },
          })),
        },
      ],
    },
    { width: size.width, height: size.height - names.height },
  );
  return chart + names.svg;
};

function spanShape(api: CustomSeriesRenderItemAPI): CustomSeriesRenderItemReturn {
  const [row, from, to] = [0, 1, 2].map((dimension) => api.value(dimension));
  const [left = 0, middle = 0] = api.coord([from ?? 0, row ?? 0]);
  const [right = 0] = api.coord([to ?? 0, row ?? 0]);
  const [, rowHeight = 0] = [api.size?.([0, 1])].flat().map(Number);
  const height = Math.min(rowHeight * 0.8, 26);
  return {
    type: 'rect',
    shape: { x: left, y: middle - height / 2, width: Math.max(1, right - left), height },
    style: { fill: api.visual('color') },
  };
}

/** Steps in a row with the same value are one span; a step without a value ends it. */
export function spansOf(series: NamedSeries, row: number, data: PanelData, settings: FieldSettings): Span[] {
  const spans: (Span & { value: number })[] = [];
  const firstMs = (data.range.end - data.range.seconds) * 1000;
  const endMs = data.range.end * 1000;
  let open: (Span & { value: number }) | undefined;
  for (const [time, value] of onEveryStep(series, data)) {
    const from = Math.max(firstMs, time * 1000);
    const to = Math.min(endMs, (time + data.stepSeconds) * 1000);
    if (value === undefined) open = undefined;
    else if (open !== undefined && open.value === value) open.to = to;
    else spans.push((open = { row, from, to, value, ...displayOf(value, settings) }));
  }
  return spans;
}
