import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DashboardFile, panelsOf, readDashboards } from '../../test/support/dashboard-files.ts';
import { drawDashboard } from './dashboard-picture.ts';
import { fieldSettings } from './panel-settings.ts';
import { connectPrometheus } from './prometheus.ts';
import { escapeXml } from './svg.ts';

/** Stands for a Prometheus that has one series, with every label that a panel may ask for, or none at all. */
let server: Server;
let hasData = true;
const labels = { le: '0.5', org: 'acme & sons', job: 'api', instance: '127.0.0.1:9465', service: 'api', task: 'prune', alertname: 'Down' };

function answer(path: string, query: URLSearchParams): unknown {
  if (path.startsWith('/api/v1/label/')) return ['acme & sons', 'other'];
  if (!hasData) return { result: [] };
  if (path === '/api/v1/query') return { result: [{ metric: labels, value: [Number(query.get('time')), '1.5'] }] };
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(query.get(name)));
  const values: [number, string][] = [];
  for (let time = start ?? 0; time <= (end ?? 0); time += step ?? 1) values.push([time, String(time % 7)]);
  return { result: [{ metric: labels, values }] };
}

let dashboards: DashboardFile[];
beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    response.end(JSON.stringify({ status: 'success', data: answer(pathname, searchParams) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  dashboards = await readDashboards();
});
afterAll(() => server.close());

async function draw({ dashboard }: DashboardFile): Promise<string> {
  const prometheus = connectPrometheus(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return drawDashboard(dashboard, { prometheus, range: { end: 1_800_000_000, seconds: 1800 }, chosen: {}, allRows: true });
}

describe('the picture of a dashboard', () => {
  test('knows every type, unit, colour and transformation of the committed dashboards, and shows every panel', async () => {
    hasData = true;
    for (const file of dashboards) {
      const svg = await draw(file);
      const frames = svg.match(/rx="3" fill="#ffffff" stroke=/g) ?? [];
      expect(frames.length, file.name).toBe(panelsOf(file.dashboard).length);
      expect(svg, file.name).not.toMatch(/NaN|undefined|\[object/);
    }
    expect(dashboards.length).toBeGreaterThan(0);
  });

  test('says in the words of the panels that there is nothing to show', async () => {
    hasData = false;
    for (const file of dashboards) {
      const svg = await draw(file);
      for (const panel of panelsOf(file.dashboard)) {
        expect(svg, `${file.name}: ${panel.title}`).toContain(`>${escapeXml(fieldSettings(panel).noValue)}</text>`);
      }
    }
  });

  test('is one document without scripts, styles or addresses of other places', async () => {
    hasData = true;
    for (const file of dashboards) {
      const svg = await draw(file);
      expect(svg.match(/<svg/g), file.name).toHaveLength(1);
      expect(svg.replace('http://www.w3.org/2000/svg', ''), file.name).not.toMatch(/<script|<style|https?:|url\(["']?[^#)]/);
      expect(svg, file.name).not.toContain('acme & sons');
    }
  });
});
