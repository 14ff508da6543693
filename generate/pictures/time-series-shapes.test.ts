import { expect, test } from 'vitest';
import { panelWith } from '../../test/support/panel.ts';
import { bucketCounts } from './heatmap.ts';
import type { NamedSeries, PanelData } from './panel-data.ts';
import { fieldSettings } from './panel-settings.ts';
import { spansOf } from './state-timeline.ts';

const range = { end: 160, seconds: 60 };

function dataOf(...series: NamedSeries[]): PanelData {
  return { series, range, stepSeconds: 20 };
}
function seriesOf(labels: Record<string, string>, values: (number | undefined)[]): NamedSeries {
  const points = values.flatMap((value, step) => (value === undefined ? [] : [[100 + step * 20, value] as const]));
  return { refId: 'A', name: '', labels, points };
}

test('a bucket of a heatmap counts what is in it, not what is in the ones below', () => {
  const data = dataOf(seriesOf({ le: '+Inf' }, [9, 9, 9, 9]), seriesOf({ le: '0.5' }, [2, 0, 2, 4]), seriesOf({ le: '1' }, [5, 0, 2, 9]));
  expect(bucketCounts(data)).toEqual([
    { bound: 0.5, counts: [2, 0, 2, 4] },
    { bound: 1, counts: [3, 0, 0, 5] },
    { bound: Number.POSITIVE_INFINITY, counts: [4, 9, 7, 0] },
  ]);
});

test('a state lasts until another one or until nothing is known', () => {
  const series = seriesOf({}, [1, 1, undefined, 0]);
  const options = { '1': { text: 'up', color: 'green' }, '0': { text: 'down', color: 'red' } };
  const settings = fieldSettings(panelWith({ defaults: { mappings: [{ type: 'value', options }] } }));
  expect(spansOf(series, 0, dataOf(series), settings)).toMatchObject([
    { from: 100_000, to: 140_000, text: 'up' },
    { from: 160_000, to: 160_000, text: 'down' },
  ]);
});
