import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchContext } from './support/bench.ts';
import type { BenchDatabase } from './support/cluster.ts';
import { format, table, type Figure } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import { quietTurns } from './support/quiet.ts';
import { createIngestKeys, createOrganizations } from './support/organizations.ts';
import { startComparison, startMeasuredExporter } from './support/programs.ts';
import { median, medianRatio } from './support/statistics.ts';

const connections = 64;
/** As many as connections: inserts one by one would otherwise only wait for each other's row. */
const organizations = 64;
const names = ['exporter', 'no database', 'no database, in groups', 'insert per request'] as const;
type Name = (typeof names)[number];

interface Side {
  url: string;
  cpuMs: () => Promise<number>;
  database: BenchDatabase;
  ingestKeys: string[];
  /** Messages in acknowledged batches. */
  acknowledged: number;
}

/** Acknowledging after the commit, against the same route that stores nothing and against one insert per request. */
export const ingestBench: Bench = {
  name: 'ingest',
  summary: 'durable ingest against the same route without a database, and against one insert per request',
  run: async (context) => {
    const sides = {
      exporter: await startExporterSide(context),
      'no database': await startComparisonSide(context, 'no database'),
      'no database, in groups': await startComparisonSide(context, 'no database, in groups'),
      'insert per request': await startComparisonSide(context, 'insert per request'),
    };
    const figures: Figure[] = [];
    for (const messagesPerBatch of [1, 20]) figures.push(...(await measure(context, sides, messagesPerBatch)));
    await Promise.all(Object.values(sides).map((side) => side.stop()));
    for (const name of ['exporter', 'insert per request'] as const) await checkStored(sides[name]);
    return figures;
  },
};

async function measure({ load, quick, print }: BenchContext, sides: Record<Name, Side>, messagesPerBatch: number): Promise<Figure[]> {
  const rounds = quick ? 3 : 9;
  const quiet = quietTurns();
  const results: Record<Name, (LoadResult & { cpuMsPerAnswer: number })[]> = {
    exporter: [],
    'no database': [],
    'no database, in groups': [],
    'insert per request': [],
  };
  const run = async (name: Name, seconds: number): Promise<LoadResult & { cpuMsPerAnswer: number }> => {
    const side = sides[name];
    const cpuBefore = await side.cpuMs();
    const result = await load.call('run', {
      url: side.url,
      connections,
      seconds,
      send: { kind: 'messages', ingestKeys: side.ingestKeys, messagesPerBatch },
    });
    side.acknowledged += result.answers * messagesPerBatch;
    // What was under way when the load ended is still being written.
    await delay(200);
    return { ...result, cpuMsPerAnswer: ((await side.cpuMs()) - cpuBefore) / result.answers };
  };
  for (const name of names) await run(name, quick ? 1 : 4);
  for (let round = 0; round < rounds; round += 1) {
    await quiet.next();
    for (const name of names) results[name].push(await run(name, quick ? 1.5 : 3));
  }

  const of = (name: Name, value: keyof LoadResult | 'cpuMsPerAnswer'): number[] => results[name].map((result) => result[value]);
  print(`ingest: ${connections} connections, ${messagesPerBatch} message(s) per request, ${quiet.summary(rounds)}`);
  print(
    table([
      ['', 'requests/s', 'messages/s', 'p50 ms', 'p99 ms', 'worst p99 ms', 'CPU ms/request', 'exporter / this'],
      ...names.map((name) => [
        name,
        format(median(of(name, 'perSecond'))),
        format(median(of(name, 'perSecond')) * messagesPerBatch),
        format(median(of(name, 'p50'))),
        format(median(of(name, 'p99'))),
        format(Math.max(...of(name, 'p99'))),
        median(of(name, 'cpuMsPerAnswer')).toFixed(3),
        medianRatio(of('exporter', 'perSecond'), of(name, 'perSecond')).toFixed(2),
      ]),
    ]),
  );
  const what = messagesPerBatch === 1 ? 'ingest' : `ingest, ${messagesPerBatch} messages per request`;
  const ratioTo = (name: Name): number => medianRatio(of('exporter', 'perSecond'), of(name, 'perSecond'));
  return [
    { name: `${what}: throughput / the same without the database`, value: ratioTo('no database'), unit: 'x', target: { atLeast: 0.75 } },
    { name: `${what}: throughput / one insert per request`, value: ratioTo('insert per request'), unit: 'x', target: { atLeast: 2 } },
    { name: `${what}: p99 at ${connections} connections`, value: median(of('exporter', 'p99')), unit: 'ms', target: { below: 150 } },
    {
      name: `${what}: answers that were not 2xx`,
      value: names.flatMap((name) => of(name, 'failed')).reduce((sum, failed) => sum + failed, 0),
      unit: 'answers',
      target: { atMost: 0 },
    },
  ];
}

type RunningSide = Side & { stop: () => Promise<void> };

async function createSideDatabase({ cluster }: BenchContext, name: string): Promise<Pick<Side, 'database' | 'ingestKeys'>> {
  const database = await cluster.createDatabase(name);
  return { database, ingestKeys: await createIngestKeys(database.db, await createOrganizations(database.db, organizations)) };
}

async function startExporterSide(context: BenchContext): Promise<RunningSide> {
  const side = await createSideDatabase(context, 'ingest_exporter');
  const child = await startMeasuredExporter(side.database);
  const { url } = await child.call('start', undefined);
  return { ...side, url, acknowledged: 0, cpuMs: () => child.call('cpuMs', undefined), stop: child.stop };
}

async function startComparisonSide(context: BenchContext, variant: Exclude<Name, 'exporter'>): Promise<RunningSide> {
  const side = await createSideDatabase(context, `ingest_${variant.replaceAll(/\W+/g, '_')}`);
  const child = await startComparison(side.database);
  const { url } = await child.call('start', variant);
  return { ...side, url, acknowledged: 0, cpuMs: () => child.call('cpuMs', undefined), stop: child.stop };
}

/** @throws when something was acknowledged and is not in the database: then there is nothing to compare. */
async function checkStored({ database, acknowledged }: Side): Promise<void> {
  const { rows } = await database.db.query<{ stored: number }>(
    'select (sum(widget_health_totals.widget_rt_total_count))::bigint as stored from widget_health_totals',
  );
  const stored = rows[0]?.stored ?? 0;
  if (stored < acknowledged) throw new Error(`${acknowledged} messages were acknowledged, and only ${stored} are stored`);
}
