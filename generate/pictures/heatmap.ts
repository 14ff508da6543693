import { axisText, chartGrid, drawChart, nothingToShow } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { heat, surface } from './palette.ts';
import { onEveryStep, type PanelData } from './panel-data.ts';
import { fieldSettings } from './panel-settings.ts';
import { formatValue } from './units.ts';

export const drawHeatmap: Drawing = ({ panel, data }, size) => {
  const settings = fieldSettings(panel);
  const buckets = bucketCounts(data);
  const most = Math.max(0, ...buckets.flatMap(({ counts }) => counts));
  if (most === 0) return nothingToShow(settings.noValue, size);
  const [first] = data.series;
  const times = first === undefined ? [] : onEveryStep(first, data).map(([time]) => time);
  return drawChart(
    {
      grid: chartGrid,
      xAxis: {
        type: 'category',
        data: times.map((time) => new Date(time * 1000).toISOString().slice(11, 16)),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: surface.border } },
        axisLabel: { ...axisText, interval: Math.ceil(times.length / 5) },
      },
      yAxis: {
        type: 'category',
        data: buckets.map(({ bound }) => (bound === Number.POSITIVE_INFINITY ? 'more' : formatValue(bound, settings.unit))),
        axisTick: { show: false },
        axisLine: { show: false },
        axisLabel: axisText,
      },
      visualMap: { show: false, min: 0, max: most, inRange: { color: heat } },
      series: [
        {
          type: 'heatmap',
          data: buckets.flatMap(({ counts }, row) => counts.flatMap((count, column) => (count > 0 ? [[column, row, count]] : []))),
          itemStyle: { borderWidth: 0.5, borderColor: surface.panel },
        },
      ],
    },
    size,
  );
};

/** Counts of each bucket alone: Prometheus counts in a bucket whatever is in the ones below it too. */
export function bucketCounts(data: PanelData): { bound: number; counts: number[] }[] {
  const buckets = data.series
    .map((series) => ({ bound: Number(series.labels['le']?.replace('+Inf', 'Infinity')), values: onEveryStep(series, data) }))
    .toSorted((left, right) => left.bound - right.bound);
  return buckets.map(({ bound, values }, position) => ({
    bound,
    counts: values.map(([, value], step) => (value ?? 0) - (buckets[position - 1]?.values[step]?.[1] ?? 0)),
  }));
}
