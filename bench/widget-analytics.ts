import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchContext } from './support/bench.ts';
import type { BenchDatabase } from './support/cluster.ts';
import { format, table, type Figure } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import { createOrganizations } from './support/organizations.ts';
import { startMeasuredExporter } from './support/programs.ts';
import { quietTurns } from './support/quiet.ts';
import { median } from './support/statistics.ts';
import { createChatbots } from './support/widget-history.ts';

/** Events of visitors: how fast they are taken in with their sessions, and what they weigh. */
export const widgetAnalyticsBench: Bench = {
  name: 'widget-analytics',
  summary: 'events: ingest with sessions, storage',
  run: measureIngest,
};

const loads = [
  { what: 'single events', eventsPerBatch: 1, connections: 64, target: 3000, unit: 'requests/s' },
  { what: 'batches of 50', eventsPerBatch: 50, connections: 16, target: 10_000, unit: 'events/s' },
] as const;
const p99BelowMs = 150;

async function measureIngest({ cluster, load, quick, print }: BenchContext): Promise<Figure[]> {
  const database = await cluster.createDatabase('widget_analytics_ingest');
  await createOrganizations(database.db, 16);
  const chatbotIds = await createChatbots(database.db);
  const child = await startMeasuredExporter(database);
  const { url } = await child.call('start', undefined);
  const results = new Map<string, LoadResult[]>(loads.map(({ what }) => [what, []]));
  const rounds = quick ? 3 : 7;
  const quiet = quietTurns();
  let acknowledged = 0;
  for (let round = -1; round < rounds; round += 1) {
    await quiet.next();
    for (const { what, eventsPerBatch, connections } of loads) {
      const send = { kind: 'events' as const, chatbotIds, eventsPerBatch };
      const result = await load.call('run', { url, connections, seconds: quick ? 2 : 5, send });
      acknowledged += result.answers * eventsPerBatch;
      // The first round warms up.
      if (round >= 0) results.get(what)?.push(result);
      // What was under way when the load ended is still being written.
      await delay(500);
    }
  }
  await child.stop();
  await checkStored(database, acknowledged);
  const of = (what: string, value: keyof LoadResult): number => median((results.get(what) ?? []).map((result) => result[value]));
  print(`widget-analytics ingest: ${chatbotIds.length} chatbots, 200 visitors each and round, ${quiet.summary(rounds)}`);
  print(
    table([
      ['', 'connections', 'requests/s', 'events/s', 'p50 ms', 'p99 ms'],
      ...loads.map(({ what, eventsPerBatch, connections }) => [
        what,
        String(connections),
        format(of(what, 'perSecond')),
        format(of(what, 'perSecond') * eventsPerBatch),
        format(of(what, 'p50')),
        format(of(what, 'p99')),
      ]),
    ]),
  );
  const open = await bytesPerEvent(database);
  await indexClosed(database);
  const closed = await bytesPerEvent(database);
  print(
    table([
      ['bytes per event', 'table', 'indexes'],
      ['the open day', format(open.heap), format(open.indexes)],
      ['a closed day', format(closed.heap), format(closed.indexes)],
    ]),
  );
  const failed = [...results.values()].flat().reduce((sum, result) => sum + result.failed, 0);
  return [
    ...loads.flatMap(({ what, eventsPerBatch, target, unit }): Figure[] => [
      {
        name: `widget-analytics ingest: ${what}, acknowledged after commit`,
        value: of(what, 'perSecond') * (unit === 'events/s' ? eventsPerBatch : 1),
        unit,
        target: { atLeast: target },
      },
      { name: `widget-analytics ingest: ${what}, p99`, value: of(what, 'p99'), unit: 'ms', target: { below: p99BelowMs } },
    ]),
    { name: 'widget-analytics ingest: answers that were not 2xx', value: failed, unit: 'answers', target: { atMost: 0 } },
    {
      name: 'widget-analytics storage: an event of the open day, with indexes',
      value: open.heap + open.indexes,
      unit: 'bytes',
      target: { atMost: 450 },
    },
    {
      name: 'widget-analytics storage: an event of a closed day, with indexes',
      value: closed.heap + closed.indexes,
      unit: 'bytes',
      target: { atMost: 650 },
    },
  ];
}

/** @throws when something was acknowledged and is not stored, or a session does not count what its events say. */
async function checkStored({ db }: BenchDatabase, acknowledged: number): Promise<void> {
  const { rows } = await db.query<{ stored: number; messages: number; counted: number }>(
    `select
       (select count(*) from widget_events) as stored,
       (select count(*) from widget_events events where events.event_name in ('message_sent', 'message_received')) as messages,
       (select sum(sessions.messages_sent + sessions.messages_received)::bigint from widget_sessions sessions) as counted`,
  );
  const { stored = 0, messages = 0, counted = 0 } = rows[0] ?? {};
  if (stored < acknowledged) throw new Error(`${acknowledged} events were acknowledged, and only ${stored} are stored`);
  if (messages !== counted) throw new Error(`${messages} messages are stored, and the sessions count ${counted}`);
}

async function bytesPerEvent({ db }: BenchDatabase): Promise<{ heap: number; indexes: number }> {
  const { rows } = await db.query<{ heap: number; indexes: number }>(
    `select
       sum(pg_table_size(part.oid)) / (select count(*) from widget_events)::float8 as heap,
       sum(pg_indexes_size(part.oid)) / (select count(*) from widget_events)::float8 as indexes
     from pg_class part
     where part.relkind = 'r' and part.relname ~ '^widget_events_p[0-9]+$' and pg_relation_size(part.oid) > 0`,
  );
  return rows[0] ?? { heap: 0, indexes: 0 };
}

/** What the days that hold events get once they are over. */
async function indexClosed({ db }: BenchDatabase): Promise<void> {
  const { rows } = await db.query<{ partition: string; definition: string }>(
    `select part.relname as partition, definition
     from partitioned_tables registered
     cross join lateral unnest(registered.closed_indexes) definition
     join pg_inherits on inhparent = registered.table_name::regclass
     join pg_class part on part.oid = pg_inherits.inhrelid
     where registered.table_name = 'widget_events' and pg_relation_size(part.oid) > 0`,
  );
  for (const { partition, definition } of rows) await db.query(`create index on ${partition} ${definition}`);
}
