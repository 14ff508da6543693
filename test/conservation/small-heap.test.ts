import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { compareEvents, createTenantChatbots, startEventLoad } from '../support/event-load.ts';
import { startRetryingLoad, type RetryingLoad, type SentBatch } from '../support/retrying-load.ts';
import { servicePorts, startServiceProcess, waitUntilReady } from '../support/service-process.ts';
import { scrape } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';

const stops: (() => Promise<unknown> | void)[] = [];
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
});

/** Less than Node takes by itself in a container of 1 GiB. */
const heapMegabytes = 400;
/** Together they send 33 MB, which would be more than 500 in the heap. */
const clients = 128;
/** A field that nobody knows is not stored, but it is in memory as long as its request: as text an empty list takes 3 bytes, there 50. */
const unknownField = `"unknown":[${'[],'.repeat(85_000)}[]]`;
const within = 60_000;

interface LargeEvent extends SentBatch {
  id: string;
}

/** Visitors of a site whose events are as large as a body may be. */
function startLargeEvents(url: string): RetryingLoad<LargeEvent> {
  return startRetryingLoad<LargeEvent>({
    url,
    connections: clients,
    newBatch: () => ({ id: randomUUID(), acknowledged: false }),
    send: (connection, { id }) => {
      const event = JSON.stringify({ anonId: `anon-${id}`, eventType: 'page_view', path: '/', eventId: id });
      return connection.send('POST', '/v1/events', { body: `${event.slice(0, -1)},${unknownField}}` });
    },
    acknowledgedBy: 202,
    retryAfterMs: 250,
  });
}

test('F16: more than the heap can hold is refused with 503 while the database stands still, nothing is lost, and no process is lost', async () => {
  const database = await createTestDatabase();
  stops.push(() => database.drop());
  const chatbots = await createTenantChatbots(database, ['heap-1', 'heap-2']);
  const exporter = startServiceProcess('exporter', {
    database,
    ports: await servicePorts(),
    environment: { NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` },
  });
  stops.push(() => exporter.stop());
  await waitUntilReady(exporter);

  const lock = new pg.Client({ connectionString: database.url('superuser') });
  await lock.connect();
  stops.push(() => lock.end());
  await lock.query('begin');
  await lock.query('lock table widget_session_heads, marketing.visitors in share row exclusive mode');
  const events = startEventLoad({ url: exporter.url, chatbots, connections: 8 });
  const large = startLargeEvents(exporter.url);
  stops.push(events.abandon, large.abandon);
  const unavailable = (): number => large.answers.get('503, retry after 1') ?? 0;
  const isRunning = (): boolean => {
    if (!exporter.isRunning()) throw new Error(`the exporter ended: ${exporter.written()}`);
    return true;
  };
  await waitUntil(() => !exporter.isRunning() || unavailable() > clients, { within, what: 'refusals' });
  expect(isRunning()).toBe(true);
  const { value } = await scrape(exporter.metricsUrl);
  const heapBytes = value('nodejs_heap_size_used_bytes') ?? 0;
  await lock.query('rollback');
  await Promise.all([large.finish({ within }), events.finish({ within })]);

  expect(isRunning()).toBe(true);
  const comparison = await compareEvents(database, events.batches);
  expect(comparison).toMatchObject({ lost: 0, duplicates: 0, invented: 0, miscountedSessions: 0 });
  const stored = await database.query<{ id: string }>('select events.id from marketing.events events');
  const acknowledged = large.batches.map(({ id }) => id);
  expect(stored.map(({ id }) => id).toSorted()).toEqual(acknowledged.toSorted());
  console.log(
    `small heap: acknowledged ${comparison.acknowledged + acknowledged.length} · stored ${comparison.stored + stored.length} · ` +
      `lost ${comparison.lost} · duplicates ${comparison.duplicates} · refused for the moment ${unavailable()}, with ${Math.round(heapBytes / 1e6)} MB in the heap`,
  );
  expect([...large.answers.keys()].filter((answer) => !/^(202|503, retry after [15])$/.test(answer))).toEqual([]);
  expect(large.unknownOutcomes() + events.unknownOutcomes()).toBe(0);
});
