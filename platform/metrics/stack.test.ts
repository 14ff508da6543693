import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createLogger } from '../log.ts';
import { openPool, type Pool } from '../postgres/pool.ts';
import { version } from '../version.ts';
import { createMetricsRegistry, type MetricsRegistry } from './registry.ts';
import { exposeBuildInfo, flushInstruments, ingestInstruments, slowQueryCounter, watchDatabase } from './stack.ts';

const log = createLogger({ service: 'exporter', level: 'silent' });
let database: TestDatabase;
let metrics: MetricsRegistry;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(() => {
  metrics = createMetricsRegistry({ defaultMetrics: false });
});
afterAll(() => database.drop());

async function value(series: string): Promise<number | undefined> {
  const line = (await metrics.render()).split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

function open(max: number): Pool {
  const connectionString = database.url('observability_exporter');
  return openPool({ connectionString, max, applicationName: 'test', statementTimeoutMs: 5000, log });
}

describe('the database as the process sees it', () => {
  let probe: Pool;
  let work: Pool;
  let watch: ReturnType<typeof watchDatabase>;

  beforeEach(() => {
    // The clock of the probe alone: connections and statements keep real time.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    [probe, work] = [open(1), open(2)];
  });
  afterEach(async () => {
    watch.stop();
    vi.useRealTimers();
    await Promise.all([probe.end(), work.end()]);
  });

  const up = 'observability_db_up{service="exporter"}';
  const isUp = (expected: boolean): Promise<boolean> =>
    waitUntil(async () => watch.isUp() === expected && (await value(up)) === (expected ? 1 : 0), {
      within: 20_000,
      what: `up to be ${expected}`,
    });

  test('is down until it answered, and is asked again every 5 seconds', async () => {
    watch = watchDatabase({ metrics, service: 'exporter', pools: { work }, probe, safety: { acceptsLoss: true }, log });
    expect(watch.isUp()).toBe(false);
    expect(await value(up)).toBe(0);
    await isUp(true);
    await database.refuseConnections();
    try {
      vi.advanceTimersByTime(4999);
      expect(watch.isUp()).toBe(true);
      vi.advanceTimersByTime(1);
      await isUp(false);
    } finally {
      await database.acceptConnections();
    }
    vi.advanceTimersByTime(5000);
    await isUp(true);
  });

  test('is up while every connection of the pool that works is busy, and those show', async () => {
    watch = watchDatabase({ metrics, service: 'exporter', pools: { work }, probe, safety: { acceptsLoss: true }, log });
    const connections = async (): Promise<(number | undefined)[]> =>
      Promise.all(
        ['idle', 'busy', 'waiting'].map((state) =>
          value(`observability_db_pool_connections{service="exporter",pool="work",state="${state}"}`),
        ),
      );
    expect(await connections()).toEqual([0, 0, 0]);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const held = [1, 2, 3].map(() => work.connect(() => gate));
    await waitUntil(async () => (await connections()).join() === '0,2,1', {
      within: 20_000,
      what: 'two busy connections and one that waits',
    });
    vi.advanceTimersByTime(5000);
    await isUp(true);
    release();
    await Promise.all(held);
    expect(await connections()).toEqual([2, 0, 0]);
  });
});

describe('the instruments of ingest', () => {
  test('show every outcome, reason and histogram of an endpoint as 0 before anything arrived', async () => {
    ingestInstruments(metrics).endpoint('events');
    const text = await metrics.render();
    expect(
      [...text.matchAll(/^observability_ingest_rows_total\{endpoint="events",outcome="(\w+)"\} 0$/gm)].map(([, outcome]) => outcome),
    ).toEqual(['stored', 'duplicate', 'refused', 'ignored', 'bot']);
    expect(
      [...text.matchAll(/^observability_ingest_rejected_total\{endpoint="events",reason="(\w+)"\} 0$/gm)].map(([, reason]) => reason),
    ).toEqual(['validation', 'json', 'origin', 'auth', 'unknown_chatbot', 'too_large', 'overloaded', 'database', 'shutdown']);
    expect(await value('observability_ingest_transaction_rows_count{endpoint="events"}')).toBe(0);
    expect(await value('observability_ingest_commit_duration_seconds_count{endpoint="events"}')).toBe(0);
  });

  test('count rows and commits, and read the queue when they are asked', async () => {
    const instruments = ingestInstruments(metrics);
    const events = instruments.endpoint('events');
    instruments.endpoint('alerts');
    let queued = 0;
    events.queue(10_000, () => queued);
    events.rows('stored', 3);
    events.rows('stored', 0);
    events.rejected('origin');
    events.committed({ rows: 3, durationSeconds: 0.02 });
    queued = 17;
    expect(await value('observability_ingest_rows_total{endpoint="events",outcome="stored"}')).toBe(3);
    expect(await value('observability_ingest_rows_total{endpoint="alerts",outcome="stored"}')).toBe(0);
    expect(await value('observability_ingest_rejected_total{endpoint="events",reason="origin"}')).toBe(1);
    expect(await value('observability_ingest_queue_rows{endpoint="events"}')).toBe(17);
    expect(await value('observability_ingest_queue_limit_rows{endpoint="events"}')).toBe(10_000);
    const buckets = [2, 5].map((le) => value(`observability_ingest_transaction_rows_bucket{le="${le}",endpoint="events"}`));
    expect(await Promise.all(buckets)).toEqual([0, 1]);
    expect(await value('observability_ingest_commit_duration_seconds_sum{endpoint="events"}')).toBe(0.02);
  });
});

test('flushes: pending organizations of all slices together, the last success, the failures', async () => {
  let at = new Date('2026-02-13T10:00:00.500Z');
  const flushes = flushInstruments(metrics, () => at);
  expect(await value('observability_flush_last_success_timestamp_seconds')).toBe(at.getTime() / 1000);
  expect(await value('observability_flush_failures_total')).toBe(0);
  expect(await value('observability_flush_pending_orgs')).toBe(0);
  flushes.watch(() => 2);
  flushes.watch(() => 3);
  const before = at.getTime() / 1000;
  at = new Date(at.getTime() + 10_000);
  flushes.flushed(false);
  expect(await value('observability_flush_last_success_timestamp_seconds')).toBe(before);
  flushes.flushed(true);
  expect(await value('observability_flush_last_success_timestamp_seconds')).toBe(before + 10);
  expect(await value('observability_flush_failures_total')).toBe(1);
  expect(await value('observability_flush_pending_orgs')).toBe(5);
});

test('slow statements are counted from 0, and the build is told', async () => {
  const slow = slowQueryCounter(metrics, 'api');
  expect(await value('observability_db_slow_queries_total{service="api"}')).toBe(0);
  slow();
  expect(await value('observability_db_slow_queries_total{service="api"}')).toBe(1);
  exposeBuildInfo(metrics, 'api', 'abc123');
  expect(
    await value(`observability_build_info{service="api",version="${version}",commit="abc123",node_version="${process.version}"}`),
  ).toBe(1);
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
});
