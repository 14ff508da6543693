import { afterAll, beforeAll, expect, test } from 'vitest';
import { metricTypes } from '../features/widget-performance/events.ts';
import { createTestDatabase, type TestDatabase } from '../test/support/database.ts';
import { runExporter, scrape } from '../test/support/services.ts';
import { waitUntil } from '../test/support/wait-until.ts';
import { createDemoData } from './demo-data.ts';
import { startDemoPages } from './demo-pages.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test(
  'pages of every demo organization measure everything; those of one render slowly and their calls fail, those of another wait',
  { timeout: 90_000 },
  async () => {
    const organizations = await createDemoData({ databaseUrl: database.url('observability_jobs'), ingestKeys: {} });
    const exporter = await runExporter(database);
    const said: string[] = [];
    const pages = startDemoPages(organizations, { exporterUrl: exporter.url, write: (_name, line) => said.push(line) });
    const typesOf = async (key: string): Promise<string[]> =>
      (
        await database.query<{ type: string }>(
          `select distinct minutes.type from widget_performance_minutes minutes join organizations on organizations.id = minutes.org_id
           where organizations.key = $1 order by 1`,
          [key],
        )
      ).map(({ type }) => type);
    const partsOf = async (): Promise<(key: string, part: string) => number | undefined> => {
      await exporter.refresh();
      const { value } = await scrape(exporter.metricsUrl, '/metrics/orgs');
      return (key, part) => value(`widget_client_org_health_score_ratio{org="${key}",part="${part}"}`);
    };
    try {
      for (const { key } of organizations) {
        await waitUntil(async () => (await typesOf(key)).length === metricTypes.length || undefined, {
          within: 60_000,
          what: `every type of ${key}`,
        });
      }
      await waitUntil(
        async () => {
          const part = await partsOf();
          expect(part('misconfigured', 'performance')).toBeGreaterThan(0.9);
          return (part('flaky', 'performance') ?? 1) < 0.3 && (part('flaky', 'api') ?? 1) < 0.8;
        },
        { within: 60_000, what: 'a bad score of flaky' },
      );
      const part = await partsOf();
      expect(part('misconfigured', 'performance')).toBeGreaterThan(0.9);
      expect(part('demo', 'performance')).toBeGreaterThan(0.9);
      expect(part('demo', 'overall')).toBeGreaterThan(0.9);
    } finally {
      await pages.stop();
      await exporter.stop();
    }
    expect(said).toEqual([]);
  },
);
