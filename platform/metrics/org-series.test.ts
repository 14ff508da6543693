import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { createLogger } from '../log.ts';
import type { Queryable } from '../postgres/pool.ts';
import { counter, gauge, histogram } from './definitions.ts';
import type { SeriesFamily } from './exposition.ts';
import { overflowOrg, startOrgSeries, type Admission, type OrgSeries, type OrgSeriesSource } from './org-series.ts';
import { createMetricsRegistry, type MetricsRegistry } from './registry.ts';
import { stackMetrics } from './stack.ts';

const log = createLogger({ service: 'exporter', level: 'silent' });
const visits = counter({ name: 'test_org_visits_total', help: 'Visits.', source: 'process' });
const seen = gauge({ name: 'test_org_seen', help: 'Seen.', source: 'process' });
const took = histogram({ name: 'test_org_duration_seconds', help: 'Time.', source: 'process', buckets: [0.5] });

let database: TestDatabase;
let metrics: MetricsRegistry;
let running: OrgSeries | undefined;
let admissions: Admission[];

beforeAll(async () => {
  database = await createTestDatabase();
  for (const key of ['zenith', 'acme', 'middle', 'latest']) await insertOrganization(database, { key });
});
beforeEach(async () => {
  running?.stop();
  admissions = [];
  await database.query('update organizations set is_active = true');
});
afterAll(async () => {
  running?.stop();
  await database.drop();
});

/** One unit per active organization, in many small pieces whose families are mixed up, as a source may yield them. */
async function* readThings(db: Queryable, admission: Admission): AsyncGenerator<readonly SeriesFamily[]> {
  admissions.push(admission);
  const { rows } = await db.query<{ id: number; key: string }>('select id, key from organizations where is_active order by id');
  let folded = 0;
  for (const { id, key } of rows) {
    if (id > admission.lastId) {
      folded += 1;
      continue;
    }
    yield [{ definition: seen, series: [{ labels: { org: key }, value: id }] }];
    yield [
      { definition: took, series: [{ labels: { org: key }, counts: [1, 1], sum: 2 }] },
      { definition: visits, series: [{ labels: { org: key }, value: 1 }] },
    ];
  }
  if (folded === 0) return;
  yield [
    { definition: visits, series: [{ labels: { org: overflowOrg }, value: folded }] },
    { definition: took, series: [{ labels: { org: overflowOrg }, counts: [folded, folded], sum: 2 * folded }] },
  ];
}

const things: OrgSeriesSource = { name: 'things', families: [visits, seen, took], read: readThings };

function start(limit: number, sources: readonly OrgSeriesSource[] = [things], db: Queryable = database.db): OrgSeries {
  metrics = createMetricsRegistry({ defaultMetrics: false });
  running = startOrgSeries({ db, limit, sources, metrics, log, errors: metrics.counter(stackMetrics.collectorErrors) });
  return running;
}

const textOf = (series: OrgSeries): string => Buffer.concat([...series.chunks()]).toString('utf8');
const orgsOf = (series: OrgSeries, name: string): string[] =>
  [...textOf(series).matchAll(new RegExp(`^${name}\\{org="([^"]+)"`, 'gm'))].map(([, org]) => org ?? '');
const published = async (): Promise<(string | undefined)[]> => {
  const text = await metrics.render();
  return ['orgs', 'limit_orgs', 'overflow_orgs'].map((name) => new RegExp(`^observability_org_series_${name} (.*)$`, 'm').exec(text)?.[1]);
};

test('nothing is shown before the first refresh, then everything, each family in one place', async () => {
  const series = start(10);
  expect(textOf(series)).toBe('');
  await series.refresh();
  expect(
    textOf(series)
      .split('\n')
      .filter((line) => line.startsWith('#') || line.includes('acme')),
  ).toEqual([
    '# HELP test_org_visits_total Visits.',
    '# TYPE test_org_visits_total counter',
    'test_org_visits_total{org="acme"} 1',
    '# HELP test_org_seen Seen.',
    '# TYPE test_org_seen gauge',
    expect.stringMatching(/^test_org_seen\{org="acme"\} \d+$/) as string,
    '# HELP test_org_duration_seconds Time.',
    '# TYPE test_org_duration_seconds histogram',
    'test_org_duration_seconds_bucket{org="acme",le="0.5"} 1',
    'test_org_duration_seconds_bucket{org="acme",le="+Inf"} 2',
    'test_org_duration_seconds_sum{org="acme"} 2',
    'test_org_duration_seconds_count{org="acme"} 2',
  ]);
  expect(await published()).toEqual(['4', '10', '0']);
});

describe('the cap', () => {
  test('admits the smallest ids and not the first names, and the rest is one number', async () => {
    const series = start(2);
    await series.refresh();
    expect(orgsOf(series, 'test_org_visits_total')).toEqual(['zenith', 'acme', overflowOrg]);
    expect(orgsOf(series, 'test_org_seen')).toEqual(['zenith', 'acme']);
    expect(textOf(series)).toContain(`test_org_visits_total{org="${overflowOrg}"} 2\n`);
    expect(textOf(series)).toContain(`test_org_duration_seconds_count{org="${overflowOrg}"} 4\n`);
    expect(await published()).toEqual(['2', '2', '2']);
  });

  test.each([
    [0, [overflowOrg], ['0', '0', '4']],
    [4, ['zenith', 'acme', 'middle', 'latest'], ['4', '4', '0']],
  ])('of %d is one like any other', async (limit, orgs, numbers) => {
    const series = start(limit);
    await series.refresh();
    expect(orgsOf(series, 'test_org_visits_total')).toEqual(orgs);
    expect(await published()).toEqual(numbers);
  });

  test('counts active organizations only: one that is deactivated leaves and makes room, and comes back to its place', async () => {
    const series = start(2);
    await series.refresh();
    await database.query(`update organizations set is_active = false where key = 'zenith'`);
    await series.refresh();
    expect(orgsOf(series, 'test_org_seen')).toEqual(['acme', 'middle']);
    expect(textOf(series)).not.toContain('zenith');
    expect(await published()).toEqual(['2', '2', '1']);
    await database.query(`update organizations set is_active = true where key = 'zenith'`);
    await series.refresh();
    expect(orgsOf(series, 'test_org_seen')).toEqual(['zenith', 'acme']);
  });

  test('without any organization is no division by anything', async () => {
    await database.query('update organizations set is_active = false');
    const series = start(2);
    await series.refresh();
    expect(orgsOf(series, 'test_org_visits_total')).toEqual([]);
    expect(admissions).toEqual([{ lastId: 0, admitted: 0, overflow: 0 }]);
    expect(await published()).toEqual(['0', '2', '0']);
  });
});

describe('a refresh that fails', () => {
  test('takes away the series of its source alone, is counted, and is made good by the next one', async () => {
    let broken = false;
    const fragile: OrgSeriesSource = {
      name: 'fragile',
      families: [gauge({ name: 'test_org_fragile', help: 'Fragile.', source: 'process' })],
      // Fails in the middle: half of a refresh must not be shown.
      read: async function* (_db, _admission) {
        yield [
          {
            definition: gauge({ name: 'test_org_fragile', help: 'Fragile.', source: 'process' }),
            series: [{ labels: { org: 'acme' }, value: 1 }],
          },
        ];
        if (broken) await Promise.reject(new Error('lost connection'));
      },
    };
    const series = start(10, [things, fragile]);
    await series.refresh();
    expect(textOf(series)).toContain('test_org_fragile{org="acme"} 1');
    broken = true;
    await series.refresh();
    expect(textOf(series)).not.toContain('test_org_fragile');
    expect(orgsOf(series, 'test_org_seen')).toHaveLength(4);
    expect(await metrics.render()).toContain('observability_collector_errors_total{collector="org_series_fragile"} 1\n');
    expect(await metrics.render()).toContain('observability_collector_errors_total{collector="org_series_things"} 0\n');
    broken = false;
    await series.refresh();
    expect(textOf(series)).toContain('test_org_fragile{org="acme"} 1');
  });

  describe('of what is counted here too', () => {
    const counted = counter({ name: 'test_org_counted_total', help: 'Counted.', source: 'process' });
    const stored = gauge({ name: 'test_org_stored', help: 'Stored.', source: 'database' });
    let count: number;
    let failing: { admission: boolean; read: boolean };
    const mixed: OrgSeriesSource = {
      name: 'mixed',
      families: [counted, stored],
      read: async function* () {
        yield [{ definition: counted, series: [{ labels: { org: 'acme' }, value: count }] }];
        if (failing.read) await Promise.reject(new Error('lost connection'));
        yield [{ definition: stored, series: [{ labels: { org: 'acme' }, value: 7 }] }];
      },
      counted: function* (admission) {
        yield [{ definition: counted, series: [{ labels: { org: 'acme' }, value: count }] }];
        if (admission.overflow > 0) yield [{ definition: counted, series: [{ labels: { org: overflowOrg }, value: 5 }] }];
      },
    };
    const db: Queryable = {
      query: (statement, values) => (failing.admission ? Promise.reject(new Error('down')) : database.db.query(statement, values)),
    };

    test.each(['read', 'admission'] as const)('(%s) takes away what is stored, and goes on counting', async (what) => {
      count = 1;
      failing = { admission: false, read: false };
      const series = start(3, [mixed], db);
      failing[what] = true;
      await series.refresh();
      failing[what] = false;
      await series.refresh();
      expect(textOf(series)).toContain('test_org_stored{org="acme"} 7');
      failing[what] = true;
      for (count of [2, 3]) {
        await series.refresh();
        expect(textOf(series)).toBe(
          '# HELP test_org_counted_total Counted.\n# TYPE test_org_counted_total counter\n' +
            `test_org_counted_total{org="acme"} ${count}\ntest_org_counted_total{org="${overflowOrg}"} 5\n`,
        );
      }
      failing[what] = false;
      await series.refresh();
      expect(textOf(series)).toContain('test_org_stored{org="acme"} 7');
    });

    test('before any refresh came true shows nothing: nobody knows of which organizations', async () => {
      failing = { admission: true, read: false };
      const series = start(3, [mixed], db);
      await series.refresh();
      expect(textOf(series)).toBe('');
    });
  });

  test('of the admission takes away the numbers of organizations, and not the limit', async () => {
    let down = false;
    const db: Queryable = {
      query: (statement, values) => (down ? Promise.reject(new Error('down')) : database.db.query(statement, values)),
    };
    const series = start(3, [things], db);
    await series.refresh();
    expect(await published()).toEqual(['3', '3', '1']);
    down = true;
    await series.refresh();
    expect(await published()).toEqual([undefined, '3', undefined]);
    expect(textOf(series)).toBe('');
    expect(await metrics.render()).toContain('observability_collector_errors_total{collector="org_series"} 1\n');
  });
});

test('a source with very many series lets other work in between its pieces', async () => {
  let turns = 0;
  const turnsAtPiece: number[] = [];
  const wide: OrgSeriesSource = {
    name: 'wide',
    families: [visits],
    // Everything is at hand: nothing but the rendering itself could give way.
    read: async function* () {
      for (let piece = 0; piece < 300; piece += 1) {
        turnsAtPiece.push(turns);
        yield [
          {
            definition: visits,
            series: Array.from({ length: 300 }, (_, number) => ({ labels: { org: `org-${piece}-${number}` }, value: number })),
          },
        ];
      }
    },
  };
  const series = start(10, [wide]);
  let immediate = setImmediate(function count() {
    turns += 1;
    immediate = setImmediate(count);
  });
  await series.refresh();
  clearImmediate(immediate);
  expect(turnsAtPiece).toHaveLength(300);
  expect((turnsAtPiece.at(-1) ?? 0) - (turnsAtPiece[0] ?? 0)).toBeGreaterThan(3);
  expect(textOf(series).split('\n')).toHaveLength(300 * 300 + 3);
});
