import type { LineSeriesOption } from 'echarts';
import { axisText, chartGrid, drawChart, legend, nothingToShow, timeAxis } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { onEveryStep, type PanelData } from './panel-data.ts';
import { colorOf, seriesColor, surface } from './palette.ts';
import { fieldSettings, panelOptions, type FieldSettings } from './panel-settings.ts';
import { formatValue } from './units.ts';

export const drawTimeseries: Drawing = ({ panel, data, annotations }, size) => {
  const settings = fieldSettings(panel);
  if (data.series.length === 0) return nothingToShow(settings.noValue, size);
  const { custom } = settings;
  const names = legend(legendEntries(data), size);
  const withLegend = panelOptions(panel).legend.showLegend !== false;
  const height = size.height - (withLegend ? names.height : 0);
  const isStacked = custom.stacking.mode === 'normal';
  const lines = data.series.map((series, position): LineSeriesOption => {
    const values = onEveryStep(series, data);
    return {
      type: 'line',
      data: (isStacked ? values : withoutRuns(values)).map(([time, value]) => [time * 1000, value ?? null]),
      // A value between two gaps would not be seen without its point.
      showSymbol: values.filter(([, value]) => value !== undefined).length <= 2,
      symbolSize: 4,
      color: seriesColor(position),
      lineStyle: { width: custom.lineWidth + 0.3 },
      areaStyle: { opacity: custom.fillOpacity / 100 },
      emphasis: { disabled: true },
      ...(isStacked ? { stack: 'all' } : {}),
    };
  });
  const chart = drawChart(
    {
      useUTC: true,
      grid: chartGrid,
      xAxis: timeAxis(data.range, size),
      yAxis: {
        type: 'value',
        splitNumber: 3,
        ...(settings.unit === 'bytes' ? { interval: binaryInterval(data) } : {}),
        ...(settings.min === undefined ? {} : { min: settings.min }),
        ...(settings.max === undefined ? {} : { max: settings.max }),
        axisLabel: { ...axisText, formatter: (value: number) => formatValue(value, settings.unit) },
        splitLine: { lineStyle: { color: surface.grid } },
      },
      series: [
        ...lines,
        {
          type: 'line',
          data: [],
          markLine: marks([...thresholdLines(settings), ...annotations.map(({ time, color }) => ({ at: { xAxis: time * 1000 }, color }))]),
        },
      ],
    },
    { width: size.width, height },
  );
  return withLegend ? chart + names.svg : chart;
};

/** Those that are more than 0 first: what does not fit must not be what there is to see. */
function legendEntries({ series }: PanelData): { name: string; color: string }[] {
  const entries = series.map(({ name, points }, position) => ({
    name,
    color: seriesColor(position),
    isZero: points.every(([, value]) => value === 0),
  }));
  return [...entries.filter(({ isZero }) => !isZero), ...entries.filter(({ isZero }) => isZero)];
}

/** Without points between two of the same value: the line is the same, the picture smaller. Stacks need them all. */
function withoutRuns<Value>(values: readonly (readonly [number, Value])[]): (readonly [number, Value])[] {
  return values.filter(([, value], position) => values[position - 1]?.[1] !== value || values[position + 1]?.[1] !== value);
}

/** Whole steps of KiB and MiB, where the chart's own would be of thousands. */
function binaryInterval({ series }: PanelData): number {
  const most = Math.max(1, ...series.flatMap(({ points }) => points.map(([, value]) => value)));
  return 2 ** Math.ceil(Math.log2(most / 4));
}

interface Mark {
  at: { xAxis: number } | { yAxis: number };
  color: string;
}

function thresholdLines({ thresholds, custom }: FieldSettings): Mark[] {
  if (custom.thresholdsStyle.mode === 'off') return [];
  return thresholds.steps.flatMap(({ value, color }) => (value === null ? [] : [{ at: { yAxis: value }, color: colorOf(color) }]));
}

function marks(lines: readonly Mark[]): NonNullable<LineSeriesOption['markLine']> {
  return {
    symbol: 'none',
    label: { show: false },
    data: lines.map(({ at, color }) => ({ ...at, lineStyle: { color, type: 'dashed', width: 1 } })),
  };
}
