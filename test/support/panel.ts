import type { Panel } from './dashboard-files.ts';

/** A panel with nothing but what a test is about. */
export function panelWith(parts: Partial<Panel> & { defaults?: Record<string, unknown> }): Panel {
  const { defaults, ...rest } = parts;
  return {
    id: 1,
    type: 'timeseries',
    title: 'Panel',
    description: '',
    gridPos: { x: 0, y: 0, w: 12, h: 8 },
    targets: [],
    fieldConfig: { defaults: { mappings: [], links: [], ...defaults }, overrides: [] },
    links: [],
    panels: [],
    ...rest,
  };
}
