import { setTimeout as delay } from 'node:timers/promises';
import { operationNames } from '../features/woocommerce/catalogue.ts';
import { bucketOf, percentileOf } from '../platform/sketch/log-buckets.ts';
import type { Bench, BenchContext } from './support/bench.ts';
import type { BenchDatabase } from './support/cluster.ts';
import { signToken } from './support/environment.ts';
import { format, table, type Figure } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import { createIngestKeys, createOrganizations } from './support/organizations.ts';
import { startComparison, startMeasuredApi, startMeasuredExporter } from './support/programs.ts';
import { quietTurns } from './support/quiet.ts';
import { median, medianRatio } from './support/statistics.ts';

/** Operations of shops: how fast they are taken in, how fast they are answered from, what they weigh, how exact percentiles are. */
export const woocommerceBench: Bench = {
  name: 'woocommerce',
  summary: 'operations: ingest against one insert per operation, analytics over millions, storage, percentiles',
  run: async (context) => [...(await measureIngest(context)), ...(await measureReads(context)), ...measurePercentiles(context)],
};

const connections = 32;
const operationsPerBatch = 100;
const shops = 16;
const sides = ['exporter', 'insert per operation'] as const;
type Side = (typeof sides)[number];
/** A request of a hundred inserts takes seconds, and only what was answered is counted. */
const secondsOf: Record<Side, number> = { exporter: 2, 'insert per operation': 12 };

async function measureIngest(context: BenchContext): Promise<Figure[]> {
  const { load, quick, print } = context;
  const exporter = await startSide(context, 'exporter');
  const inserting = await startSide(context, 'insert per operation');
  const running = { exporter, 'insert per operation': inserting };
  const results: Record<Side, LoadResult[]> = { exporter: [], 'insert per operation': [] };
  const rounds = quick ? 3 : 7;
  const quiet = quietTurns();
  let acknowledged = 0;
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    for (const side of sides) {
      const result = await load.call('run', {
        url: running[side].url,
        connections,
        seconds: secondsOf[side] * (quick ? 1 : 2),
        send: { kind: 'operations', ingestKeys: running[side].ingestKeys, operationsPerBatch },
      });
      if (side === 'exporter') acknowledged += result.answers * operationsPerBatch;
      // The first round warms up.
      if (round >= 0) results[side].push(result);
      // What was under way when the load ended is still being written.
      await delay(500);
    }
  }
  await Promise.all([exporter.stop(), inserting.stop()]);
  await checkStored(exporter.database, acknowledged);
  const of = (side: Side, value: keyof LoadResult): number[] => results[side].map((result) => result[value]);
  const perSecond = (side: Side): number[] => of(side, 'perSecond').map((requests) => requests * operationsPerBatch);
  print(
    `woocommerce ingest: ${connections} connections, ${operationsPerBatch} operations per request, ${shops} shops, ${quiet.summary(rounds)}`,
  );
  print(
    table([
      ['', 'operations/s', 'p50 ms', 'p99 ms', 'exporter / this'],
      ...sides.map((side) => [
        side,
        format(median(perSecond(side))),
        format(median(of(side, 'p50'))),
        format(median(of(side, 'p99'))),
        medianRatio(perSecond('exporter'), perSecond(side)).toFixed(2),
      ]),
    ]),
  );
  const bytes = await bytesPerOperation(exporter.database);
  print(
    table([
      ['bytes per operation', 'table', 'indexes', 'totals'],
      ...bytes.map(({ state, ...bytesOf }) => [state, ...Object.values(bytesOf).map(format)]),
    ]),
  );
  return [
    {
      name: `woocommerce ingest: operations acknowledged after commit`,
      value: median(perSecond('exporter')),
      unit: 'operations/s',
      target: { atLeast: 8000 },
    },
    {
      name: 'woocommerce ingest: throughput / one insert per operation',
      value: medianRatio(perSecond('exporter'), perSecond('insert per operation')),
      unit: 'x',
      target: { atLeast: 10 },
    },
    {
      name: 'woocommerce ingest: answers that were not 2xx',
      value: sides.flatMap((side) => of(side, 'failed')).reduce((sum, failed) => sum + failed, 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
    ...bytes.map(({ state, table: heap, indexes }): Figure => ({
      name: `woocommerce storage: an operation in ${state}, table and indexes (the document says 100)`,
      value: heap + indexes,
      unit: 'bytes',
      target: { atMost: 400 },
    })),
  ];
}

interface RunningSide {
  url: string;
  database: BenchDatabase;
  ingestKeys: string[];
  stop: () => Promise<void>;
}

async function startSide({ cluster }: BenchContext, side: Side): Promise<RunningSide> {
  const database = await cluster.createDatabase(`woocommerce_${side.replaceAll(' ', '_')}`);
  const ingestKeys = await createIngestKeys(database.db, await createOrganizations(database.db, shops));
  if (side === 'exporter') {
    const child = await startMeasuredExporter(database);
    const { url } = await child.call('start', undefined);
    return { url, database, ingestKeys, stop: child.stop };
  }
  const child = await startComparison(database);
  const { url } = await child.call('start', side);
  return { url, database, ingestKeys, stop: child.stop };
}

/** @throws when something was acknowledged and is not in the database, or the totals are not what a recount says. */
async function checkStored({ db }: BenchDatabase, acknowledged: number): Promise<void> {
  const { rows } = await db.query<{ stored: number; counted: number }>(
    `select (select count(*) from woocommerce_usage_metrics) as stored,
       (select sum(daily.count)::bigint from woocommerce_usage_daily daily where daily.domain = '*' and daily.operation = '*') as counted`,
  );
  const { stored = 0, counted = 0 } = rows[0] ?? {};
  if (stored < acknowledged) throw new Error(`${acknowledged} operations were acknowledged, and only ${stored} are stored`);
  if (stored !== counted) throw new Error(`${stored} operations are stored, and the totals count ${counted}`);
}

interface Weight {
  state: string;
  table: number;
  indexes: number;
  totals: number;
}

/** As the open partition is, and as it is once it was closed: with the indexes that are built then. */
async function bytesPerOperation({ db }: BenchDatabase): Promise<Weight[]> {
  const weigh = async (state: string): Promise<Weight> => {
    const { rows } = await db.query<{ heap: number; indexes: number; totals: number }>(
      `with stored as (select count(*)::float8 as operations from woocommerce_usage_metrics)
       select sum(pg_table_size(part.oid)) filter (where part.relname like '%metrics_p%') / max(stored.operations) as heap,
         sum(pg_indexes_size(part.oid)) filter (where part.relname like '%metrics_p%') / max(stored.operations) as indexes,
         sum(pg_total_relation_size(part.oid)) filter (where part.relname not like '%metrics_p%') / max(stored.operations) as totals
       from pg_class part cross join stored
       where part.relkind = 'r' and part.relname ~ '^woocommerce_usage_[a-z]+_p[0-9]+$'`,
    );
    const { heap = 0, indexes = 0, totals = 0 } = rows[0] ?? {};
    return { state, table: heap, indexes, totals };
  };
  const open = await weigh('an open partition');
  const { rows } = await db.query<{ partition: string; definition: string }>(
    `select part.relname as partition, definition
     from partitioned_tables registered
     cross join lateral unnest(registered.closed_indexes) definition
     join pg_inherits on inhparent = registered.table_name::regclass
     join pg_class part on part.oid = pg_inherits.inhrelid
     where registered.table_name = 'woocommerce_usage_metrics' and pg_relation_size(part.oid) > 0`,
  );
  for (const { partition, definition } of rows) await db.query(`create index on ${partition} ${definition}`);
  return [open, await weigh('a closed partition')];
}

/** One big organization; the second shop is as big as the first, all others are small. */
const readers = 2;
const stored = { full: 3_000_000, quick: 300_000 };
const daysStored = 90;
const shopDays = 30;

async function measureReads({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('woocommerce_reads');
  const [organization] = await createOrganizations(database.db, 20);
  if (organization === undefined) throw new Error('there is no organization to read of');
  const operations = quick ? stored.quick : stored.full;
  const seededAt = performance.now();
  await seedOperations(database, operations);
  print(
    `woocommerce reads: ${operations.toLocaleString('en')} operations of one shop in ${shopDays} days, as many of others in ${daysStored}, stored in ${format((performance.now() - seededAt) / 1000)} s`,
  );
  const child = await startMeasuredApi(database);
  const { url } = await child.call('start', undefined);
  const tokens = [await signToken({ sub: 'reader', org: organization.key, role: 'member' })];
  const asked = [
    { what: 'one shop, 30 days', path: '/api/woocommerce/analytics?domain=shop-1.example&days=30', belowMs: 20 },
    {
      what: 'one shop and operation, 30 days',
      path: '/api/woocommerce/analytics?domain=shop-1.example&operation=get_cart&days=30',
      belowMs: 20,
    },
    { what: 'a whole organization, 90 days', path: '/api/woocommerce/analytics?days=90', belowMs: 100 },
    { what: 'trends of an organization, 12 weeks', path: '/api/woocommerce/trends?weeks=12', belowMs: 100 },
  ];
  const quiet = quietTurns();
  const rounds = quick ? 3 : 7;
  const results = new Map<string, LoadResult[]>(asked.map(({ what }) => [what, []]));
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    for (const { what, path } of asked) {
      const result = await load.call('run', { url, connections: readers, seconds: quick ? 1 : 2, send: { kind: 'read', path, tokens } });
      if (round >= 0) results.get(what)?.push(result);
    }
  }
  await child.stop();
  const of = (what: string, value: keyof LoadResult): number[] => (results.get(what) ?? []).map((result) => result[value]);
  print(
    table([
      [`analytics, ${readers} readers`, 'reads/s', 'p50 ms', 'p95 ms', 'p99 ms'],
      ...asked.map(({ what }) => [what, ...(['perSecond', 'p50', 'p95', 'p99'] as const).map((value) => format(median(of(what, value))))]),
    ]),
  );
  return [
    ...asked.map(({ what, belowMs }): Figure => ({
      name: `woocommerce analytics: p95, ${what}`,
      value: median(of(what, 'p95')),
      unit: 'ms',
      target: { below: belowMs },
    })),
    {
      name: 'woocommerce analytics: answers that were not 2xx',
      value: asked.flatMap(({ what }) => of(what, 'failed')).reduce((sum, failed) => sum + failed, 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
  ];
}

/** A day at a time, raw rows first, then the totals that ingest would have added, from them. */
async function seedOperations({ db }: BenchDatabase, operations: number): Promise<void> {
  await db.query(`update partitioned_tables set back_days = 100 where table_name like 'woocommerce%'`);
  for (const name of ['metrics', 'daily', 'buckets']) {
    await db.query(
      `do $$ declare month date; begin
         for month in select generate_series(date_trunc('month', current_date - 100), date_trunc('month', current_date), '1 month')::date loop
           if to_regclass('woocommerce_usage_${name}_p' || to_char(month, 'YYYYMM')) is null then
             execute format('create table %I partition of woocommerce_usage_${name} for values from (%L) to (%L)',
               'woocommerce_usage_${name}_p' || to_char(month, 'YYYYMM'), month, (month + interval '1 month')::date);
           end if;
         end loop;
       end $$`,
    );
  }
  for (let daysAgo = 0; daysAgo < daysStored; daysAgo += 1) {
    if (daysAgo < shopDays) await seedDay(db, { daysAgo, count: Math.round(operations / shopDays), shops: 1 });
    await seedDay(db, { daysAgo, count: Math.round(operations / daysStored), shops: 50 });
    await seedTotals(db, daysAgo);
  }
  await db.query('vacuum analyze woocommerce_usage_metrics, woocommerce_usage_daily, woocommerce_usage_buckets');
}

/** Shop 1 alone, or the shops from 2 on. */
async function seedDay(
  db: BenchDatabase['db'],
  { daysAgo, count, shops: among }: { daysAgo: number; count: number; shops: number },
): Promise<void> {
  await db.query(
    `insert into woocommerce_usage_metrics (org_id, metric_date, id, operation, duration_ms, success, error_type, error_message, domain, user_agent, created_at)
     select (select min(organizations.id) from organizations), moment.at::date, gen_random_uuid(), ($3::text[])[1 + (n * 7919) % 25],
       (exp(3.5 + (n * 37 % 100) / 20.0))::int, n % 10 <> 0, case when n % 10 = 0 then 'Timeout' end,
       case when n % 10 = 0 then 'no answer within 10 s' end, 'shop-' || case when $4 = 1 then 1 else 2 + n % $4 end || '.example',
       'Mozilla/5.0 (X11; Linux x86_64)', moment.at
     from generate_series(1, $2::int) n
     cross join lateral (select date_trunc('day', now()) - $1::int * interval '1 day'
       + case when $1 = 0 then (now() - date_trunc('day', now())) * (n::float8 / ($2 + 1)) else interval '1 day' * (n::float8 / ($2 + 1)) end as at) moment`,
    [daysAgo, count, operationNames, among],
  );
}

async function seedTotals(db: BenchDatabase['db'], daysAgo: number): Promise<void> {
  const keys = `stored.org_id, stored.metric_date, shop, name`;
  const source = `from woocommerce_usage_metrics stored cross join lateral unnest(array[stored.domain, '*']) shop
    cross join lateral unnest(array[stored.operation, '*']) name where stored.metric_date = current_date - $1::int`;
  await db.query(
    `insert into woocommerce_usage_daily (org_id, day, domain, operation, count, success_count, duration_sum_ms, duration_min_ms, duration_max_ms,
       zero_count, errors_by_type, last_at)
     select ${keys}, count(*), count(*) filter (where stored.success), sum(stored.duration_ms), min(stored.duration_ms), max(stored.duration_ms),
       count(*) filter (where stored.duration_ms = 0),
       jsonb_strip_nulls(jsonb_build_object('Timeout', nullif(count(*) filter (where not stored.success), 0))), max(stored.created_at)
     ${source} group by ${keys}`,
    [daysAgo],
  );
  await db.query(
    `insert into woocommerce_usage_buckets (org_id, day, domain, operation, bucket, count)
     select ${keys}, ceil(ln(stored.duration_ms) / ln(1.01 / 0.99))::int, count(*)
     ${source} and stored.duration_ms > 0 group by ${keys}, 5`,
    [daysAgo],
  );
}

const percentiles = [1, 25, 50, 75, 90, 95, 99, 99.9] as const;

/** A million durations, spread as those of shops are: whole, in reverse, and split over three replicas. */
function measurePercentiles({ quick, print }: BenchContext): Figure[] {
  const values = Float64Array.from({ length: quick ? 100_000 : 1_000_000 }, () => Math.round(Math.exp(2 + Math.random() * 8)));
  const sorted = values.toSorted();
  const countInto = (counts: Map<number, number>, from: Iterable<number>): Map<number, number> => {
    for (const value of from) {
      const bucket = bucketOf(value) ?? 0;
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    return counts;
  };
  const read = (counts: Map<number, number>): number[] => {
    const buckets = [...counts].toSorted(([left], [right]) => left - right);
    return percentiles.map((p) => percentileOf({ zeroCount: 0, buckets, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 }, p));
  };
  const whole = read(countInto(new Map(), values));
  const reversed = read(countInto(new Map(), values.toReversed()));
  const replicas = [0, 1, 2].map((replica) =>
    countInto(
      new Map(),
      values.filter((_value, index) => index % 3 === replica),
    ),
  );
  const merged = new Map<number, number>();
  for (const counts of replicas) for (const [bucket, count] of counts) merged.set(bucket, (merged.get(bucket) ?? 0) + count);
  const differing = [reversed, read(merged)].flat().filter((value, index) => value !== whole[index % whole.length]).length;
  const errors = percentiles.map((p, index) => {
    const exact = sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? 0;
    return (Math.abs((whole[index] ?? 0) - exact) / exact) * 100;
  });
  print(
    `percentiles of ${values.length.toLocaleString('en')} values: error in % at ${percentiles.map((p, index) => `p${p} ${(errors[index] ?? 0).toFixed(2)}`).join(', ')}`,
  );
  return [
    { name: 'percentiles: largest relative error', value: Math.max(...errors), unit: '%', target: { atMost: 1 } },
    { name: 'percentiles: that differ by order or by replicas', value: differing, unit: 'answers', target: { atMost: 0 } },
  ];
}
