import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization } from '../../test/support/services.ts';
import { readHealthSummary } from './queries.ts';
import { recordHealthSpikes } from './rollup.ts';
import { healthStatus, isHealthSpike, type HealthCounters } from './status.ts';

const now = new Date('2026-02-06T12:00:00.000Z');
const hoursAgo = (hours: number, milliseconds = 0): Date => new Date(now.getTime() - hours * 3_600_000 - milliseconds);
const counters = (changes: Partial<HealthCounters>): HealthCounters => ({
  firstEmbedAt: hoursAgo(100),
  lastSeenAt: hoursAgo(1),
  loads: 0,
  failures: 0,
  mismatches: 0,
  ...changes,
});

describe('healthStatus', () => {
  test.each<[string, Partial<HealthCounters>, string, string[]]>([
    ['never embedded', { firstEmbedAt: null, lastSeenAt: null }, 'NOT_CONNECTED', ['NEVER_EMBEDDED']],
    ['embedded and never seen', { lastSeenAt: null }, 'NOT_CONNECTED', ['NEVER_SEEN']],
    ['3 mismatches but never embedded', { firstEmbedAt: null, lastSeenAt: null, mismatches: 3 }, 'NOT_CONNECTED', ['NEVER_EMBEDDED']],
    ['seen exactly 24 h ago', { lastSeenAt: hoursAgo(24) }, 'OK', []],
    ['seen a millisecond over 24 h ago', { lastSeenAt: hoursAgo(24, 1) }, 'NEEDS_ATTENTION', ['STALE']],
    ['one mismatch', { mismatches: 1 }, 'NEEDS_ATTENTION', ['DOMAIN_MISMATCH']],
    ['100 loads, 5 failures', { loads: 100, failures: 5 }, 'NEEDS_ATTENTION', ['FAILURE_RATIO']],
    ['100 loads, 4 failures', { loads: 100, failures: 4 }, 'OK', []],
    ['0 loads, 9 failures, seen 1 h ago', { failures: 9 }, 'OK', []],
    [
      'everything at once',
      { lastSeenAt: hoursAgo(30), mismatches: 1, loads: 10, failures: 10 },
      'NEEDS_ATTENTION',
      ['STALE', 'DOMAIN_MISMATCH', 'FAILURE_RATIO'],
    ],
  ])('%s', (_case, changes, status, reasons) => {
    expect(healthStatus(counters(changes), now)).toEqual({ status, reasons });
  });
});

describe('isHealthSpike', () => {
  test.each([
    [250, 50, 0, true],
    [251, 50, 0, false],
    [49, 49, 0, false],
    [0, 60, 0, false],
    [1000, 0, 19, false],
    [1000, 0, 20, true],
  ])('%d loads, %d failures, %d mismatches: %s', (loads, failures, mismatches, isSpike) => {
    expect(isHealthSpike({ loads, failures, mismatches })).toBe(isSpike);
  });
});

describe('the rules in SQL', () => {
  let database: TestDatabase;
  let orgId: number;
  beforeAll(async () => {
    database = await createTestDatabase();
    orgId = (await insertOrganization(database, { key: 'acme' })).id;
  });
  afterAll(() => database.drop());

  const moment = fc.option(
    fc.oneof(
      fc.constantFrom(hoursAgo(24), hoursAgo(24, 1), hoursAgo(1), hoursAgo(168), hoursAgo(-1)),
      fc.integer({ min: -5, max: 400 }).map((hours) => hoursAgo(hours)),
    ),
    { nil: null },
  );
  const anyCounters = fc.record({
    firstEmbedAt: moment,
    lastSeenAt: moment,
    loads: fc.oneof(fc.constantFrom(0, 100, 250, 251), fc.nat(2000)),
    failures: fc.oneof(fc.constantFrom(0, 4, 5, 49, 50), fc.nat(200)),
    mismatches: fc.oneof(fc.constantFrom(0, 19, 20), fc.nat(40)),
  });

  test('agree with the functions on any counters', async () => {
    await fc.assert(
      fc.asyncProperty(anyCounters, async (sample) => {
        await database.query('delete from audit_logs');
        await database.query(
          `insert into widget_health_totals (org_id, first_widget_embed_at, last_widget_seen_at, widget_loads_total, widget_load_failures_total, widget_domain_mismatch_total)
           values ($1, $2, $3, $4, $5, $6)
           on conflict (org_id) do update set first_widget_embed_at = $2, last_widget_seen_at = $3, widget_loads_total = $4,
             widget_load_failures_total = $5, widget_domain_mismatch_total = $6`,
          [orgId, sample.firstEmbedAt, sample.lastSeenAt, sample.loads, sample.failures, sample.mismatches],
        );
        const { byStatus, byLastSeen } = await readHealthSummary(database.db, now);
        expect(byStatus[healthStatus(sample, now).status]).toBe(1);
        expect(Object.values(byStatus).reduce((sum, count) => sum + count, 0)).toBe(1);
        expect(Object.values(byLastSeen).reduce((sum, count) => sum + count, 0)).toBe(1);
        await recordHealthSpikes(database.db, { now, requestId: null });
        const spikes = await database.query('select from audit_logs');
        expect(spikes).toHaveLength(isHealthSpike(sample) ? 1 : 0);
      }),
      { numRuns: 150 },
    );
  });
});
