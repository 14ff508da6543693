import { expect, test } from 'vitest';
import type { Dashboard, Panel, Target } from './dashboard-files.ts';
import { sentQueries } from './grafana-queries.ts';
import { panelWith } from './panel.ts';

const dashboard: Dashboard = {
  uid: 'd',
  title: 'd',
  tags: [],
  editable: false,
  schemaVersion: 42,
  time: { from: 'now-3h', to: 'now' },
  links: [],
  annotations: { list: [] },
  templating: {
    list: [
      { name: 'job', type: 'query', allValue: '.+' },
      { name: 'org', type: 'query' },
    ],
  },
  panels: [],
};
const viewer = { scrapeSeconds: 15, chosen: { org: 'acme' } };

test.each<[string, Partial<Target>, Partial<Panel>, string, number, number]>([
  ['rate(a{job=~"$job", org="$org"}[$__rate_interval])', {}, {}, 'rate(a{job=~".+", org="acme"}[60s])', 10_800, 16],
  ['rate(a[$__rate_interval])', { interval: '30s' }, {}, 'rate(a[120s])', 10_800, 30],
  ['rate(a[$__rate_interval])', {}, { timeFrom: '7d' }, 'rate(a[879s])', 604_800, 864],
  ['increase(a[$__range])', { instant: true }, {}, 'increase(a[10800s])', 10_800, 16],
])('%s is sent as Grafana sends it', (expr, target, panel, expression, rangeSeconds, stepSeconds) => {
  const sent = sentQueries(
    panelWith({ ...panel, targets: [{ refId: 'A', expr, instant: false, range: true, ...target }] }),
    dashboard,
    viewer,
  );
  expect(sent).toEqual([{ refId: 'A', expression, instant: target.instant ?? false, rangeSeconds, stepSeconds }]);
});
