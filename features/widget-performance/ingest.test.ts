import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { batchDays } from '../../platform/postgres/seen-batches.ts';
import { percentileOf } from '../../platform/sketch/log-buckets.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { insertChatbot } from '../../test/support/widget-rows.ts';
import type { Measurement } from './events.ts';
import { addMeasurements, type MetricsOutcome, type MetricsUnit } from './ingest.ts';
import { minuteWindow, readErrorCounts, readTotals, type TypeTotals } from './queries.ts';

/** Noon of the real day: its partitions exist. */
const noon = new Date(`${new Date().toISOString().slice(0, 10)}T12:00:00Z`).getTime();

let database: TestDatabase;
/** Three replicas, each with connections of its own. */
let replicas: Pool[];
let orgId: number;
let chatbotId: string;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  const log = createLogger({ service: 'test', level: 'fatal' });
  replicas = [1, 2, 3].map((replica) =>
    openPool({
      connectionString: database.url('observability_exporter'),
      max: 2,
      applicationName: `replica ${replica}`,
      statementTimeoutMs: 10_000,
      log,
    }),
  );
});
afterAll(async () => {
  await Promise.all(replicas.map((pool) => pool.end()));
  await database.drop();
});
beforeEach(async () => {
  unique += 1;
  orgId = (await insertOrganization(database, { key: `org-${unique}` })).id;
  ({ chatbotId } = await insertChatbot(database, orgId));
});

const measurement = (changes: Partial<Measurement> = {}): Measurement => ({
  type: 'render',
  operation: '',
  at: noon,
  value: 1,
  failed: false,
  errorType: undefined,
  cached: false,
  dataPreserved: false,
  messagesRestored: 0,
  size: 0,
  jankFrames: 0,
  totalFrames: 0,
  ...changes,
});
const renders = (values: readonly number[]): Measurement[] => values.map((value) => measurement({ value }));
const unit = (measurements: readonly Measurement[], changes: Partial<MetricsUnit> = {}): MetricsUnit => ({
  orgId,
  chatbotId,
  batch: undefined,
  measurements,
  ...changes,
});

function write(units: readonly MetricsUnit[], replica = 0): Promise<MetricsOutcome[]> {
  const pool = replicas[replica];
  if (pool === undefined) throw new Error('there are three replicas');
  return pool.connect((connection) => addMeasurements(connection, units));
}

const scope = () => ({ orgId, chatbotIds: [chatbotId] });
const window = minuteWindow(new Date(noon), 300_000);
const totals = () => readTotals(database.db, scope(), window, ['render', 'api', 'persistence', 'tabSync', 'bundle']);
const rowsOf = (table: 'minutes' | 'buckets') =>
  database.query<Record<string, unknown>>(
    `select * from widget_performance_${table} where chatbot_id = $1 order by minute, type collate "C", operation collate "C"`,
    [chatbotId],
  );

describe('a minute', () => {
  test('holds what was measured in it, by type and operation', async () => {
    await write([
      unit([
        measurement({ type: 'persistence', operation: 'save', value: 10, failed: true, errorType: 'QuotaExceededError' }),
        measurement({ type: 'persistence', operation: 'save', value: 30 }),
        measurement({ type: 'persistence', operation: 'restore', value: 0 }),
        measurement({ value: 16 }),
        measurement({ value: 16.2, at: noon + 59_999 }),
        measurement({ value: 0.0009, at: noon + 60_000 }),
        measurement({ type: 'memory', value: 100, at: noon + 5 }),
        measurement({ type: 'memory', value: 80, at: noon + 10 }),
        measurement({ type: 'memory', value: 90, at: noon + 10 }),
        measurement({ type: 'scroll', value: 55, jankFrames: 2, totalFrames: 60 }),
        measurement({ type: 'restoration', value: 3, messagesRestored: 12 }),
        measurement({ type: 'navigation', value: 3, dataPreserved: true }),
        measurement({ type: 'bundle', value: 3, size: 1000, cached: true }),
      ]),
    ]);
    const minute = new Date(noon);
    expect(await rowsOf('minutes')).toMatchObject([
      { minute, type: 'bundle', operation: '', count: 1, size_sum: 1000, cached_count: 1 },
      {
        minute,
        type: 'memory',
        count: 3,
        value_sum: 270,
        value_min: 80,
        value_max: 100,
        value_last: 90,
        value_last_at: new Date(noon + 10),
      },
      { minute, type: 'navigation', preserved_count: 1, error_count: 0 },
      { minute, type: 'persistence', operation: 'restore', count: 1, zero_count: 1, value_min: 0, errors_by_type: {} },
      {
        minute,
        type: 'persistence',
        operation: 'save',
        count: 2,
        error_count: 1,
        value_sum: 40,
        errors_by_type: { QuotaExceededError: 1 },
      },
      { minute, type: 'render', count: 2, slow_count: 1, zero_count: 0, value_last: null },
      { minute, type: 'restoration', items_sum: 12 },
      { minute, type: 'scroll', jank_sum: 2, frames_sum: 60, value_min: 55 },
      { minute: new Date(noon + 60_000), type: 'render', count: 1, zero_count: 1 },
    ]);
    const buckets = await rowsOf('buckets');
    expect(new Set(buckets.map(({ type }) => type))).toEqual(new Set(['bundle', 'navigation', 'persistence', 'render', 'restoration']));
    expect(buckets.filter(({ type }) => type === 'render').map(({ bucket, count }) => [bucket, count])).toEqual([
      [139, 1],
      [140, 1],
    ]);
  });

  test('keeps the latest heap, whichever replica it came by', async () => {
    const memory = (value: number, at: number): MetricsUnit => unit([measurement({ type: 'memory', value, at })]);
    await write([memory(50, noon + 20)], 0);
    await write([memory(99, noon + 10)], 1);
    expect((await totals()).memory.last).toBe(50);
    await write([memory(60, noon + 20)], 2);
    await write([memory(55, noon + 20)], 1);
    expect((await totals()).memory).toMatchObject({ last: 60, max: 99, min: 50, count: 4 });
  });

  test('tells twenty error types, and counts the others as other', async () => {
    const failure = (errorType: string): Measurement => measurement({ type: 'persistence', operation: 'save', failed: true, errorType });
    await write([unit(['other', '__proto__', ...Array.from({ length: 17 }, (_, n) => `E${n}`)].map(failure))]);
    await write([unit(['E17', 'E18', 'E19', 'E0', '__proto__', 'constructor', 'other'].map(failure))], 1);
    await write([unit(Array.from({ length: 30 }, (_, n) => failure(`more${n}`)))], 2);
    const { persistence: counts } = await readErrorCounts(database.db, scope(), window, ['persistence']);
    expect(Object.keys(counts)).toHaveLength(21);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(19 + 7 + 30);
    expect(counts).toMatchObject({ E0: 2, E16: 1 });
    expect(Object.getOwnPropertyDescriptor(counts, '__proto__')?.value).toBe(2);
  });

  test('sums that a sender drives up stay a number', async () => {
    const huge = measurement({ type: 'bundle', size: 2 ** 40 });
    await write([unit(Array.from({ length: 9000 }, () => huge))]);
    await write([unit(Array.from({ length: 9000 }, () => ({ ...huge, at: noon + 60_000 })))], 1);
    await write([unit([huge])], 1);
    expect((await totals()).bundle.size).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('percentiles', () => {
  const nearestRank = (values: readonly number[], p: number): number =>
    values.toSorted((left, right) => left - right)[Math.max(0, Math.ceil((p / 100) * values.length) - 1)] ?? 0;
  const figures = (of: TypeTotals): number[] => [50, 95, 99].map((p) => percentileOf(of, p));

  test('of the contract’s values, whether one replica stored them or three', async () => {
    const values = [10, 12, 14, 16, 18, 20, 22, 24, 26, 100];
    await write([unit(renders(values))]);
    const whole = figures((await totals()).render);
    expect(whole.map((value) => Math.round(value * 100) / 100)).toEqual([17.99, 100, 100]);
    ({ chatbotId } = await insertChatbot(database, orgId));
    await Promise.all([0, 1, 2].map((replica) => write([unit(renders(values.filter((_value, index) => index % 3 === replica)))], replica)));
    expect(figures((await totals()).render)).toEqual(whole);
  });

  test('are within 1 % of the exact ones and the same from any split over replicas, minutes and operations', async () => {
    const value = fc.oneof(fc.double({ min: 0, max: 3_600_000, noNaN: true }), fc.integer({ min: 0, max: 40 }), fc.constant(0.0009));
    const placed = fc.record({ value, replica: fc.nat(2), minute: fc.nat(3), operation: fc.constantFrom('save', 'restore', 'sync') });
    await fc.assert(
      fc.asyncProperty(fc.array(placed, { minLength: 1, maxLength: 60 }), async (sent) => {
        ({ chatbotId } = await insertChatbot(database, orgId));
        const of = (replica: number): Measurement[] =>
          sent
            .filter((item) => item.replica === replica)
            .map(({ value: duration, minute, operation }) =>
              measurement({ type: 'persistence', operation, value: duration, at: noon - minute * 60_000 }),
            );
        await Promise.all([0, 1, 2].map((replica) => write([unit(of(replica))], replica)));
        const split = (await totals()).persistence;
        const values = sent.map(({ value: duration }) => duration);
        expect(split.count).toBe(values.length);
        expect([split.min, split.max]).toEqual([Math.min(...values), Math.max(...values)]);
        for (const p of [50, 95, 99]) {
          const exact = nearestRank(values, p);
          // Values below 0.001 are told as 0.
          expect(Math.abs(percentileOf(split, p) - exact)).toBeLessThanOrEqual(exact * 0.01 + 0.001);
        }
        ({ chatbotId } = await insertChatbot(database, orgId));
        await write([unit(sent.map(({ value: duration, operation }) => measurement({ type: 'persistence', operation, value: duration })))]);
        const whole = (await totals()).persistence;
        expect(figures(whole)).toEqual(figures(split));
        expect(whole.sum).toBeCloseTo(split.sum, 3);
      }),
      { numRuns: 15 },
    );
  });
});

describe('replicas', () => {
  test('that add to the same rows at the same time lose nothing and do not deadlock', async () => {
    const chatbots = [
      chatbotId,
      ...(await Promise.all(Array.from({ length: 5 }, async () => (await insertChatbot(database, orgId)).chatbotId))),
    ];
    const types = ['render', 'api', 'navigation', 'restoration'] as const;
    const rounds = 30;
    await Promise.all(
      [0, 1, 2].map(async (replica) => {
        for (let round = 0; round < rounds; round += 1) {
          const order = (round + replica) % 2 === 0 ? chatbots : chatbots.toReversed();
          const all = order.map((id) =>
            unit(
              types.map((type) => measurement({ type, value: round + 1 })),
              { chatbotId: id },
            ),
          );
          expect(await write(all, replica)).toEqual(all.map(() => 'stored'));
        }
      }),
    );
    const [sums] = await database.query<{ minutes: number; buckets: number }>(
      `select (select sum(count)::bigint from widget_performance_minutes where org_id = $1) as minutes,
         (select sum(count)::bigint from widget_performance_buckets where org_id = $1) as buckets`,
      [orgId],
    );
    const expected = 3 * rounds * chatbots.length * types.length;
    expect(sums).toEqual({ minutes: expected, buckets: expected });
  });

  test('count a batch once, also when it arrives at all of them at once', async () => {
    const batch = { batchId: randomUUID(), days: batchDays(new Date(noon)) };
    const sent = unit(renders([1, 2, 3]), { batch });
    const outcomes = (await Promise.all([0, 1, 2].map((replica) => write([sent, { ...sent }, unit(renders([9]))], replica)))).flat();
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1 + 3);
    expect((await totals()).render.count).toBe(3 + 3);
    const yesterday = { ...batch, days: batchDays(new Date(noon + 86_400_000)) };
    expect(await write([{ ...sent, batch: yesterday }])).toEqual(['duplicate']);
  });
});

test('what a deleted chatbot measured is left out, and costs the others nothing', async () => {
  const gone = randomUUID();
  expect(await write([unit(renders([1]), { chatbotId: gone }), unit(renders([2]))])).toEqual(['chatbot_gone', 'stored']);
  await database.query('delete from chatbots where id = $1', [chatbotId]);
  expect([await rowsOf('minutes'), await rowsOf('buckets')]).toEqual([[], []]);
});
