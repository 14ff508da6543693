import { describe, expect, test } from 'vitest';
import type { Panel } from '../../test/support/dashboard-files.ts';
import { panelWith } from '../../test/support/panel.ts';
import type { NamedSeries, PanelData } from './panel-data.ts';
import { tableRows } from './table-rows.ts';
import { sharedWidths } from './table.ts';

const range = { end: 1000, seconds: 60 };

function answered(refId: string, labels: Record<string, string>, value: number): NamedSeries {
  return { refId, name: '', labels, points: [[range.end, value]] };
}

function tableOf(refIds: string[], transformations: unknown[]): Panel {
  return panelWith({
    type: 'table',
    targets: refIds.map((refId) => ({ refId, expr: 'up', instant: true, range: false })),
    transformations,
  });
}

const series = [
  answered('A', { __name__: 'up', job: 'api' }, 1),
  answered('A', { __name__: 'up', job: 'jobs' }, 0),
  answered('B', { __name__: 'scrape_duration_seconds', job: 'api' }, 0.2),
];
const data: PanelData = { series, range, stepSeconds: 15 };
const filter = { id: 'filterFieldsByName', options: { include: { names: ['job', 'Value #A', 'Value #B'] } } };
const merge = { id: 'merge', options: {} };

describe('tableRows', () => {
  test('joins the queries of a table by the labels that both have', () => {
    const organize = { id: 'organize', options: { indexByName: { job: 1, 'Value #A': 0, 'Value #B': 2 }, renameByName: { job: 'Job' } } };
    expect(tableRows(tableOf(['A', 'B'], [filter, merge, organize]), data)).toEqual({
      fields: ['Value #A', 'Job', 'Value #B'],
      rows: [
        { Job: 'api', 'Value #A': 1, 'Value #B': 0.2 },
        { Job: 'jobs', 'Value #A': 0, 'Value #B': undefined },
      ],
    });
  });

  test('keeps rows apart whose names differ, as Grafana does', () => {
    expect(tableRows(tableOf(['A', 'B'], [merge, filter]), data).rows).toHaveLength(3);
  });

  test('calls the value of a single query Value', () => {
    const { fields, rows } = tableRows(tableOf(['A'], []), { ...data, series: series.slice(0, 1) });
    expect(fields).toEqual(['__name__', 'job', 'Value']);
    expect(rows).toEqual([{ __name__: 'up', job: 'api', Value: 1 }]);
  });

  test('refuses a transformation that it does not know', () => {
    expect(() => tableRows(tableOf(['A'], [{ id: 'reduce', options: {} }]), data)).toThrow('No matching discriminator');
  });
});

describe('sharedWidths', () => {
  test('shares room that is left, and takes what is missing from the widest', () => {
    expect(sharedWidths([10, 30], 80)).toEqual([20, 60]);
    expect(sharedWidths([10, 30, 60], 60)).toEqual([10, 25, 25]);
  });
});
