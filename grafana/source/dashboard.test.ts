import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { describe, expect, test } from 'vitest';
import { dashboards } from '../../generate/dashboards.ts';
import { makeDashboard, type Row } from './dashboard.ts';
import { stat, type UnplacedPanel } from './panels.ts';
import { query } from './queries.ts';
import { rightlyEmpty } from './rightly-empty.ts';
import { noThresholds } from './thresholds.ts';

const panel = (title: string, width = 8): UnplacedPanel =>
  stat({ title, description: 'd', unit: 'short', thresholds: noThresholds, width, queries: [query('up', 'up')] });

const made = (...rows: Row[]): Dashboard => makeDashboard({ uid: 'u', title: 't', description: 'd', alerts: 'severity="critical"', rows });

const panelsIn = (dashboard: Dashboard): (Panel | RowPanel)[] =>
  (dashboard.panels ?? []).flatMap((each) => ('panels' in each ? [each, ...each.panels] : [each]));

const idOf = (dashboard: Dashboard, title: string): number | undefined => panelsIn(dashboard).find((each) => each.title === title)?.id;

describe('a dashboard', () => {
  test('is the same bytes each time', async () => {
    expect(await dashboards()).toEqual(await dashboards());
  });

  test('gives a panel an id that stays when another comes before it', () => {
    const before = made({ title: 'row', panels: [panel('kept')] });
    const after = made({ title: 'row', panels: [panel('new'), panel('kept')] });
    expect(idOf(after, 'kept')).toBe(idOf(before, 'kept'));
    expect(idOf(after, 'kept')).toBeGreaterThan(0);
  });

  test('refuses two panels with one title', () => {
    expect(() => made({ title: 'row', panels: [panel('twice'), panel('twice')] })).toThrow('two panels are called "twice"');
  });

  test('goes on in a new line when a panel does not fit, and a collapsed row takes one line', () => {
    const dashboard = made(
      { title: 'first', panels: [panel('a', 16), panel('b', 12), panel('c', 12)] },
      { title: 'closed', collapsed: true, panels: [panel('d')] },
      { title: 'last', panels: [] },
    );
    expect(panelsIn(dashboard).map(({ title, gridPos }) => [title, gridPos])).toEqual([
      ['first', { x: 0, y: 0, w: 24, h: 1 }],
      ['a', { x: 0, y: 1, w: 16, h: 4 }],
      ['b', { x: 0, y: 5, w: 12, h: 4 }],
      ['c', { x: 12, y: 5, w: 12, h: 4 }],
      ['closed', { x: 0, y: 9, w: 24, h: 1 }],
      ['d', { x: 0, y: 10, w: 8, h: 4 }],
      ['last', { x: 0, y: 10, w: 24, h: 1 }],
    ]);
  });
});

test('panels that may be empty exist, and say why', async () => {
  const files = await dashboards();
  const titles = files.flatMap(({ text }) => {
    const dashboard = JSON.parse(text) as Dashboard;
    return panelsIn(dashboard).map(({ title }) => `${dashboard.uid}: ${title}`);
  });
  expect(rightlyEmpty.filter(({ dashboard, panel: title, reason }) => !titles.includes(`${dashboard}: ${title}`) || reason === '')).toEqual(
    [],
  );
});
