import { drawChart, nothingToShow } from './chart.ts';
import type { Drawing } from './drawing.ts';
import { colorOf, surface } from './palette.ts';
import { lastValue } from './panel-data.ts';
import { displayOf, fieldSettings, type FieldSettings } from './panel-settings.ts';
import { placed } from './svg.ts';

export const drawGauge: Drawing = ({ panel, data }, size) => {
  const settings = fieldSettings(panel);
  const dials = data.series.flatMap((series) => {
    const value = lastValue(series);
    return value === undefined ? [] : [{ name: series.name, value, ...displayOf(value, settings) }];
  });
  if (dials.length === 0) return nothingToShow(settings.noValue, size);
  const width = size.width / dials.length;
  return dials
    .map(({ name, value, text, color }, position) => {
      const title = { show: dials.length > 1, offsetCenter: [0, '62%'] };
      const scale = { min: settings.min ?? 0, max: settings.max ?? 100, startAngle: 205, endAngle: -25, center: ['50%', '60%'] };
      const quiet = { pointer: { show: false }, axisTick: { show: false }, splitLine: { show: false }, axisLabel: { show: false } };
      const dial = drawChart(
        {
          series: [
            // Where the thresholds are, and within it how far the value has come.
            {
              ...scale,
              ...quiet,
              type: 'gauge',
              radius: '95%',
              axisLine: { lineStyle: { width: 4, color: thresholdArcs(settings) } },
              detail: { show: false },
            },
            {
              ...scale,
              ...quiet,
              type: 'gauge',
              radius: '88%',
              axisLine: { lineStyle: { width: 16, color: [[1, surface.grid]] } },
              progress: { show: true, width: 16, itemStyle: { color } },
              title,
              detail: { formatter: () => text, color, fontSize: Math.min(24, size.height / 4), fontWeight: 600, offsetCenter: [0, '5%'] },
              data: [{ value, name }],
            },
          ],
        },
        { width, height: size.height },
      );
      return placed(position * width, 0, dial);
    })
    .join('');
};

/** Each colour with the share of the scale at which it ends. */
function thresholdArcs({ thresholds, min = 0, max = 100 }: FieldSettings): [number, string][] {
  return thresholds.steps.map(({ color }, position) => {
    const next = thresholds.steps[position + 1]?.value ?? max;
    return [Math.min(1, Math.max(0, (next - min) / (max - min))), colorOf(color)];
  });
}
