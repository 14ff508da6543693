import { metricTypes, persistenceOperations, tabSyncOperations } from '../features/widget-performance/events.ts';
import { addMeasurements, type MetricsUnit } from '../features/widget-performance/ingest.ts';
import { minuteWindow, readTotals } from '../features/widget-performance/queries.ts';
import { percentileOf } from '../platform/sketch/log-buckets.ts';
import type { Bench, BenchContext } from './support/bench.ts';
import type { BenchDatabase } from './support/cluster.ts';
import { signToken } from './support/environment.ts';
import { format, table, type Figure } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import { createOrganizations } from './support/organizations.ts';
import { startMeasuredApi, startMeasuredExporter } from './support/programs.ts';
import { quietTurns } from './support/quiet.ts';
import { serverCpuClock } from './support/server-cpu.ts';
import { median, percentile } from './support/statistics.ts';

/** What widgets measure: what ingest costs and writes, how fast it is answered, how exact percentiles are. */
export const widgetPerformanceBench: Bench = {
  name: 'widget-performance',
  summary: 'metrics: cost of ingest, statistics of one organization and of all, percentiles',
  run: async (context) => [...(await measureIngest(context)), ...(await measureReads(context)), ...(await measurePercentiles(context))],
};

const visitors = 500;
const metricsPerSecond = 2000;
const metricsPerBatch = 20;
const organizationsOfVisitors = 50;
/** Rows of minutes that a chatbot has per minute at most: one for each type, and for each operation of the two types that have some. */
const seriesPerChatbot = metricTypes.length - 2 + persistenceOperations.length + tabSyncOperations.length;

async function measureIngest({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('widget_performance_ingest');
  await createOrganizations(database.db, organizationsOfVisitors);
  const chatbotIds = await createChatbots(database, 1);
  const exporter = await startMeasuredExporter(database);
  const { url } = await exporter.call('start', undefined);
  const serverCpuMs = await serverCpuClock(database.db);
  const send = { kind: 'metrics' as const, chatbotIds, metricsPerBatch };
  const offered = { url, connections: 50, requestsPerSecond: metricsPerSecond / metricsPerBatch, send };
  await load.call('run', { ...offered, seconds: 3 });
  const quiet = quietTurns();
  await quiet.next();
  const [exporterBefore, serverBefore, rowsBefore] = [await exporter.call('cpuMs', undefined), serverCpuMs(), await storedRows(database)];
  const startedAt = performance.now();
  const result = await load.call('run', { ...offered, seconds: quick ? 5 : 30 });
  const elapsedMs = performance.now() - startedAt;
  const share = {
    exporter: (((await exporter.call('cpuMs', undefined)) - exporterBefore) / elapsedMs) * 100,
    database: ((serverCpuMs() - serverBefore) / elapsedMs) * 100,
  };
  const rows = await storedRows(database);
  await exporter.stop();
  const stored = result.answers * metricsPerBatch;
  const added = { minutes: rows.minutes - rowsBefore.minutes, buckets: rows.buckets - rowsBefore.buckets };
  if (rows.metrics - rowsBefore.metrics < stored) throw new Error(`${stored} metrics were acknowledged, and ${rows.metrics} are stored`);
  const perSecond = (count: number): number => count / (elapsedMs / 1000);
  const spread = added.buckets / Math.max(1, added.minutes);
  print(
    `widget-performance ingest: ${format(perSecond(stored))} metrics/s of ${visitors} visitors of ${chatbotIds.length} chatbots, ` +
      `${metricsPerBatch} per request, each of the ${metricTypes.length} types; ${quiet.summary(1)}`,
  );
  print(
    table([
      ['', 'exporter', 'database', 'p50 ms', 'p99 ms'],
      ['of a core', `${format(share.exporter)} %`, `${format(share.database)} %`, format(result.p50), format(result.p99)],
    ]),
  );
  const bound = (chatbotIds.length * seriesPerChatbot * (1 + spread)) / 60 + perSecond(stored);
  print(
    `  new rows/s: ${format(perSecond(added.minutes))} of minutes, ${format(perSecond(added.buckets))} of buckets; bound: ${chatbotIds.length} chatbots x ` +
      `${seriesPerChatbot} series x (1 + buckets) a minute, ${format(spread)} buckets in use per row of minutes`,
  );
  return [
    { name: 'widget-performance ingest: exporter at 2,000 metrics/s', value: share.exporter, unit: '%', target: { below: 40 } },
    { name: 'widget-performance ingest: database at 2,000 metrics/s', value: share.database, unit: '%', target: { below: 40 } },
    {
      name: 'widget-performance ingest: new rows',
      value: perSecond(added.minutes + added.buckets),
      unit: 'rows/s',
      target: { atMost: bound },
    },
    { name: 'widget-performance ingest: answers that were not 2xx', value: result.failed, unit: 'answers', target: { atMost: 0 } },
  ];
}

/** So many chatbots for each organization; their ids, in the order of organizations. */
async function createChatbots({ db }: BenchDatabase, each: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `insert into chatbots (id, org_id, name)
     select gen_random_uuid(), organizations.id, 'Shop ' || n from organizations cross join generate_series(1, $1::int) n
     order by organizations.id, n
     returning id`,
    [each],
  );
  await db.query('analyze chatbots');
  return rows.map(({ id }) => id);
}

async function storedRows({ db }: BenchDatabase): Promise<{ minutes: number; buckets: number; metrics: number }> {
  const { rows } = await db.query<{ minutes: number; buckets: number; metrics: number }>(
    `select (select count(*) from widget_performance_minutes) as minutes, (select count(*) from widget_performance_buckets) as buckets,
       (select coalesce(sum(stored.count), 0)::bigint from widget_performance_minutes stored) as metrics`,
  );
  return rows[0] ?? { minutes: 0, buckets: 0, metrics: 0 };
}

const chatbotsOfAll = { full: 1000, quick: 1000 };
const bucketsPerRow = 8;
const busyChatbots = 10;

async function measureReads({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('widget_performance_reads');
  const [busy] = await createOrganizations(database.db, quick ? chatbotsOfAll.quick / busyChatbots : chatbotsOfAll.full / busyChatbots);
  if (busy === undefined) throw new Error('there is no organization to read of');
  await createChatbots(database, busyChatbots);
  const seededAt = performance.now();
  await seedMinutes(database);
  const rows = await storedRows(database);
  print(
    `widget-performance reads: ${rows.minutes.toLocaleString('en')} rows of minutes, ${rows.buckets.toLocaleString('en')} of buckets, stored in ${format((performance.now() - seededAt) / 1000)} s`,
  );
  const apis = { fresh: await startMeasuredApi(database, { MONITORING_CACHE_TTL_MS: '0' }), cached: await startMeasuredApi(database) };
  const urls = { fresh: (await apis.fresh.call('start', undefined)).url, cached: (await apis.cached.call('start', undefined)).url };
  const user = [await signToken({ sub: 'reader', org: busy.key, role: 'member' })];
  const admin = [await signToken({ sub: 'admin', role: 'admin' })];
  const path = '/api/monitoring/widget';
  const asked = [
    { what: `an organization of ${busyChatbots} chatbots, 5 minutes`, api: 'fresh', path, tokens: user, belowMs: 30, readers: 1 },
    { what: 'the same, 1 hour', api: 'fresh', path: `${path}?window=3600000`, tokens: user, belowMs: 150, readers: 1 },
    { what: 'all, 5 minutes', api: 'fresh', path, tokens: admin, belowMs: 500, readers: 1 },
    { what: 'all, 5 minutes, cached', api: 'cached', path, tokens: admin, belowMs: 5, readers: 1 },
  ] as const;
  const quiet = quietTurns();
  const rounds = quick ? 2 : 5;
  const results = new Map<string, LoadResult[]>(asked.map(({ what }) => [what, []]));
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    for (const { what, api, path: of, tokens, readers } of asked) {
      const read = { kind: 'read' as const, path: of, tokens: [...tokens] };
      const result = await load.call('run', { url: urls[api], connections: readers, seconds: 2, send: read });
      if (round >= 0) results.get(what)?.push(result);
    }
  }
  await Promise.all(Object.values(apis).map((api) => api.stop()));
  const of = (what: string, value: keyof LoadResult): number => median((results.get(what) ?? []).map((result) => result[value]));
  print(
    table([
      [`statistics, ${quiet.summary(rounds)}`, 'reads/s', 'p50 ms', 'p95 ms'],
      ...asked.map(({ what }) => [what, ...(['perSecond', 'p50', 'p95'] as const).map((value) => format(of(what, value)))]),
    ]),
  );
  return [
    ...asked.map(({ what, belowMs }): Figure => ({
      name: `widget-performance statistics: p95, ${what}`,
      value: of(what, 'p95'),
      unit: 'ms',
      target: { below: belowMs },
    })),
    {
      name: 'widget-performance statistics: answers that were not 2xx',
      value: asked.reduce((sum, { what }) => sum + of(what, 'failed'), 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
  ];
}

/** Every chatbot in the last 10 minutes, those of the first organization in the last 70, in the order in which ingest would have written them. */
async function seedMinutes({ db }: BenchDatabase): Promise<void> {
  const series = `
    select type, operation from unnest(array['restoration', 'navigation', 'render', 'scroll', 'memory', 'api', 'bundle']) type, (select '' as operation) none
    union all select 'persistence', unnest(array['save', 'restore', 'sync', 'delete', 'navigation'])
    union all select 'tabSync', unnest(array['broadcast', 'receive', 'reconcile'])`;
  const written = `
    from generate_series(date_trunc('minute', now()) - interval '70 minutes', date_trunc('minute', now()), interval '1 minute') minute
    cross join chatbots
    cross join (${series}) series
    where minute > now() - interval '10 minutes' or chatbots.org_id = (select min(org_id) from chatbots)`;
  await db.query(
    `insert into widget_performance_minutes (org_id, chatbot_id, minute, type, operation, count, error_count, value_sum, value_min, value_max,
       value_last, value_last_at, zero_count, slow_count, cached_count, preserved_count, items_sum, size_sum, jank_sum, frames_sum)
     select chatbots.org_id, chatbots.id, minute, series.type, series.operation, ${bucketsPerRow}, 0, 100, 1, 100,
       case when series.type = 'memory' then 30000000 end, case when series.type = 'memory' then minute end, 0, 0, 0, 0, 0, 0, 0, 60
     ${written}
     order by minute, chatbots.org_id, chatbots.id, series.type, series.operation`,
  );
  await db.query(
    `insert into widget_performance_buckets (org_id, chatbot_id, minute, type, operation, bucket, count)
     select chatbots.org_id, chatbots.id, minute, series.type, series.operation,
       100 + bucket * 7 + (hashtext(chatbots.id::text || minute) & 7), 1
     ${written.replace('where', `cross join generate_series(1, ${bucketsPerRow}) bucket where (`)}) and series.type not in ('scroll', 'memory')
     order by minute, chatbots.org_id, chatbots.id, series.type, series.operation, bucket`,
  );
  await db.query('vacuum analyze widget_performance_minutes, widget_performance_buckets');
}

const told = [50, 95, 99] as const;

/** The same values stored by one replica and by three, a third each; and how far the percentiles of both are from the exact ones. */
async function measurePercentiles({ cluster, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('widget_performance_percentiles');
  await createOrganizations(database.db, 1);
  const [whole = '', thirds = ''] = await createChatbots(database, 2);
  const values = Array.from({ length: quick ? 30_000 : 300_000 }, () =>
    Math.exp(2 + (Math.random() + Math.random() + Math.random() - 1.5) * 3),
  );
  const now = new Date();
  const unit = (chatbotId: string, stored: readonly number[]): MetricsUnit => ({
    orgId: 1,
    chatbotId,
    batch: undefined,
    measurements: stored.map((value) => ({ ...render, at: now.getTime(), value })),
  });
  const write = (units: readonly MetricsUnit[]): Promise<unknown> =>
    database.db.connect((connection) => addMeasurements(connection, units));
  await write([unit(whole, values)]);
  await Promise.all(
    [0, 1, 2].map((replica) =>
      write([
        unit(
          thirds,
          values.filter((_value, index) => index % 3 === replica),
        ),
      ]),
    ),
  );
  const read = async (chatbotId: string): Promise<number[]> => {
    const { render: totals } = await readTotals(database.db, { orgId: 1, chatbotIds: [chatbotId] }, minuteWindow(now, 60_000), ['render']);
    return told.map((p) => percentileOf(totals, p));
  };
  const [one, three] = [await read(whole), await read(thirds)];
  const sorted = values.toSorted((left, right) => left - right);
  const errors = told.map((p, index) => Math.abs((one[index] ?? Number.NaN) / percentile(sorted, p) - 1) * 100);
  print(
    `widget-performance percentiles of ${values.length.toLocaleString('en')} renders: error in % at ${told.map((p, index) => `p${p} ${(errors[index] ?? Number.NaN).toFixed(2)}`).join(', ')}`,
  );
  return [
    { name: 'widget-performance percentiles: largest relative error', value: Math.max(...errors), unit: '%', target: { atMost: 1 } },
    {
      name: 'widget-performance percentiles: that differ between one replica and three',
      value: three.filter((value, index) => value !== one[index]).length,
      unit: 'answers',
      target: { atMost: 0 },
    },
  ];
}

const render = {
  type: 'render',
  operation: '',
  failed: false,
  errorType: undefined,
  cached: false,
  dataPreserved: false,
  messagesRestored: 0,
  size: 0,
  jankFrames: 0,
  totalFrames: 0,
} as const;
