import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { countWindowVisitors, type DayWindow } from './queries.ts';
import { rollUpDay, type RollupOutcome } from './rollup.ts';
import { trafficSources } from './traffic-source.ts';

let database: TestDatabase;
let pool: Pool;
const today = utcDayOf(new Date());
const firstDay = addDays(today, -3);
const days = [0, 1, 2, 3].map((index) => addDays(firstDay, index));

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 4,
    applicationName: 'rollup test',
    statementTimeoutMs: 60_000,
    log: createLogger({ service: 'jobs', level: 'silent' }),
  });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const rawTables = [
  'visitors',
  'sessions',
  'events',
  'web_traffic_logs',
  'leads',
  'lead_identities',
  'form_submissions',
  'ingest_rejections',
] as const;
const empty = async (): Promise<unknown> =>
  database.query(
    `truncate ${[...rawTables, 'daily_metric_rollups', 'daily_ingest_rollups', 'daily_visitors', 'daily_visitor_gaps'].map((table) => `marketing.${table}`).join(', ')} cascade`,
  );
beforeEach(empty);

const rollUp = (propertyId: string, day: UtcDay): Promise<RollupOutcome> =>
  rollUpDay(pool, { propertyId, day }, { now: () => new Date(), config: { MARKETING_EVENTS_RETENTION_DAYS: 90 } });

// Raw rows, as much of them as rollups read; times in ms since the first day began.

interface LogRow {
  property: string;
  visitor: number;
  session: number;
  at: number;
  type: string;
  path: string;
  source: (typeof trafficSources)[number];
  entrance: boolean;
  exit: boolean;
  conversion: boolean;
  ttfb: number | null;
}

interface Raw {
  firstSeen: readonly number[];
  logs: readonly LogRow[];
  leads: readonly { at: number; visitors: readonly number[] }[];
  submissions: readonly { at: number; visitor: number; lead: number | null; status: 'accepted' | 'rejected' | 'invalid' }[];
  rejections: readonly { at: number; property: string; endpoint: '/v1/events' | '/v1/leads/capture' }[];
}

const properties = ['a', 'b'];
const visitors = 6;
const sessionsEach = 3;
const spanMs = 4 * 86_400_000;
// Few values, so that they meet: days, noon, and the milliseconds around midnight.
const moment = fc.oneof(
  fc.integer({ min: 0, max: spanMs - 1 }),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom(-1, 0, 1, 43_200_000)).map(([day, ms]) => day * 86_400_000 + ms),
);
const visitor = fc.integer({ min: 0, max: visitors - 1 });
const logRow: fc.Arbitrary<LogRow> = fc
  .record({
    property: fc.constantFrom(...properties),
    visitor,
    slot: fc.integer({ min: 0, max: sessionsEach - 1 }),
    at: moment,
    type: fc.constantFrom('page_view', 'page_view', 'form_start', 'form_submit', 'scroll'),
    path: fc.constantFrom(...'abcdefghijklm'.split('').map((letter) => `/${letter}`), '/B', '/ä'),
    source: fc.constantFrom(...trafficSources),
    entrance: fc.boolean(),
    exit: fc.boolean(),
    conversion: fc.boolean(),
    ttfb: fc.option(fc.integer({ min: 0, max: 1000 })),
  })
  .map(({ slot, ...row }) => ({ ...row, session: row.visitor * sessionsEach + slot }));
const raw: fc.Arbitrary<Raw> = fc.record({
  firstSeen: fc.array(fc.integer({ min: -86_400_000, max: spanMs }), { minLength: visitors, maxLength: visitors }),
  logs: fc.array(logRow, { maxLength: 60 }),
  leads: fc.array(fc.record({ at: moment, visitors: fc.uniqueArray(visitor, { maxLength: 3 }) }), { minLength: 3, maxLength: 6 }),
  submissions: fc.array(
    fc.record({
      at: moment,
      visitor,
      lead: fc.option(fc.integer({ min: 0, max: 2 })),
      status: fc.constantFrom('accepted', 'accepted', 'rejected', 'invalid'),
    }),
    { maxLength: 8 },
  ),
  rejections: fc.array(
    fc.record({ at: moment, property: fc.constantFrom('a', 'b', 'default'), endpoint: fc.constantFrom('/v1/events', '/v1/leads/capture') }),
    { maxLength: 8 },
  ),
});

const timeOf = (at: number): Date => new Date(startOfUtcDay(firstDay).getTime() + at);
const dayOf = (at: number): UtcDay => utcDayOf(timeOf(at));
const idOf = (kind: string, number: number): string => `${kind.padStart(8, '0')}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;

async function insert(table: (typeof rawTables)[number], rows: readonly Record<string, unknown>[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first).join(', ');
  await database.query(
    `insert into marketing.${table} (${columns}) select ${columns} from json_populate_recordset(null::marketing.${table}, $1)`,
    [JSON.stringify(rows)],
  );
}

async function store({ firstSeen, logs, leads, submissions, rejections }: Raw): Promise<void> {
  await empty();
  const hash = '0'.repeat(64);
  await insert(
    'visitors',
    firstSeen.map((at, index) => ({
      id: idOf('1', index),
      anon_id: `anon-${index}`,
      first_seen_at: timeOf(at),
      last_seen_at: timeOf(at),
      first_ip_hash: hash,
      last_ip_hash: hash,
      first_ua_hash: hash,
      last_ua_hash: hash,
    })),
  );
  await insert(
    'sessions',
    Array.from({ length: visitors * sessionsEach }, (_each, session) => {
      const times = logs.filter((row) => row.session === session).map(({ at }) => at);
      return {
        id: idOf('2', session),
        property_id: 'a',
        visitor_id: idOf('1', Math.floor(session / sessionsEach)),
        started_at: timeOf(Math.min(...times, spanMs)),
        last_event_at: timeOf(Math.max(...times, 0)),
        landing_path: '/',
        page_views: 0,
      };
    }),
  );
  const common = logs.map((row, index) => ({
    row,
    index,
    columns: {
      property_id: row.property,
      occurred_on: dayOf(row.at),
      occurred_at: timeOf(row.at),
      visitor_id: idOf('1', row.visitor),
      session_id: idOf('2', row.session),
      event_type: row.type,
      path: row.path,
    },
  }));
  await insert(
    'events',
    common.map(({ index, columns }) => ({
      ...columns,
      id: idOf('3', index),
      received_at: columns.occurred_at,
      ip_hash: hash,
      ua_hash: hash,
      dedupe_key: String(index).padStart(64, '0'),
      props: {},
    })),
  );
  await insert(
    'web_traffic_logs',
    common.map(({ index, row, columns }) => ({
      ...columns,
      event_id: idOf('3', index),
      traffic_source: row.source,
      device_type: 'desktop',
      ttfb_ms: row.ttfb,
      is_entrance: row.entrance,
      is_exit: row.exit,
      is_conversion: row.conversion,
    })),
  );
  await insert(
    'leads',
    leads.map(({ at }, index) => ({
      id: idOf('4', index),
      email: `${index}@example.com`,
      email_domain: 'example.com',
      consent_status: 'pending',
      first_captured_at: timeOf(at),
      last_captured_at: timeOf(at),
    })),
  );
  await insert(
    'lead_identities',
    leads.flatMap(({ at, visitors: linked }, lead) =>
      linked.map((each) => ({
        id: idOf('5', lead * visitors + each),
        lead_id: idOf('4', lead),
        visitor_id: idOf('1', each),
        link_source: each % 2 === 0 ? 'form_submit' : 'same_ip_ua_window',
        confidence: 0.35,
        linked_at: timeOf(at),
      })),
    ),
  );
  await insert(
    'form_submissions',
    submissions.map(({ at, visitor: who, lead, status }, index) => ({
      id: idOf('6', index),
      property_id: 'a',
      lead_id: lead === null ? null : idOf('4', lead),
      visitor_id: idOf('1', who),
      session_id: idOf('2', who * sessionsEach),
      form_name: 'f',
      path: '/',
      validation_status: status,
      submitted_at: timeOf(at),
    })),
  );
  await insert(
    'ingest_rejections',
    rejections.map(({ at, property, endpoint }, index) => ({
      id: idOf('7', index),
      property_id: property,
      endpoint,
      reason: 'invalid_request',
      status_code: 400,
      occurred_at: timeOf(at),
    })),
  );
}

// The definitions once more, as a fold over rows in memory.

function expectedRollup(all: Raw, propertyId: string, day: UtcDay): Record<string, unknown> {
  const isMine = (property: string): boolean => propertyId === 'default' || property === propertyId;
  const mine = all.logs.filter(({ property }) => isMine(property));
  const logs = mine.filter(({ at }) => dayOf(at) === day);
  const hadVisited = (who: readonly number[], by: number): boolean =>
    propertyId === 'default' || mine.some((row) => who.includes(row.visitor) && row.at <= by);
  const uniques = [...new Set(logs.map((row) => row.visitor))];
  const dayStart = startOfUtcDay(day);
  const countOf = (is: (row: LogRow) => boolean): number => logs.filter(is).length;

  const firstEntrances = new Map<number, { at: number; index: number; path: string }>();
  all.logs.forEach((row, index) => {
    if (!row.entrance || !isMine(row.property) || dayOf(row.at) !== day) return;
    const known = firstEntrances.get(row.session);
    if (known === undefined || row.at < known.at) firstEntrances.set(row.session, { at: row.at, index, path: row.path });
  });
  const landings = [...firstEntrances].map(([session, { at, path }]) => ({
    path,
    converted: mine.some((row) => row.session === session && row.conversion && row.at >= at),
  }));
  const byPath = new Map<string, { path: string; entrances: number; conversions: number }>();
  for (const { path, converted } of landings) {
    const sum = byPath.get(path) ?? { path, entrances: 0, conversions: 0 };
    byPath.set(path, { path, entrances: sum.entrances + 1, conversions: sum.conversions + Number(converted) });
  }
  const bytes = (left: string, right: string): number => Buffer.compare(Buffer.from(left), Buffer.from(right));
  const top = [...byPath.values()]
    .toSorted((left, right) => right.entrances - left.entrances || right.conversions - left.conversions || bytes(left.path, right.path))
    .slice(0, 10)
    .map((path) => ({ ...path, conversionRate: path.conversions / path.entrances }));

  const newLeads = all.leads.filter((lead) => dayOf(lead.at) === day && hadVisited(lead.visitors, lead.at));
  const timed = newLeads.filter(({ visitors: linked }) => linked.length > 0);
  const captureMs = timed.map(({ at, visitors: linked }) => Math.max(0, at - Math.min(...linked.map((each) => all.firstSeen[each] ?? 0))));
  const submissions = all.submissions.filter(
    (sent) =>
      dayOf(sent.at) === day && hadVisited([sent.visitor, ...(sent.lead === null ? [] : (all.leads[sent.lead]?.visitors ?? []))], sent.at),
  );
  const rejected = (endpoint: string): number =>
    all.rejections.filter((each) => each.endpoint === endpoint && isMine(each.property) && dayOf(each.at) === day).length;
  const refusedForms = submissions.filter(({ status }) => status !== 'accepted').length;
  const leadsRejected = refusedForms + rejected('/v1/leads/capture');
  return {
    unique_visitors: uniques.length,
    returning_visitors: uniques.filter((each) => timeOf(all.firstSeen[each] ?? 0) < dayStart).length,
    total_page_views: countOf(({ type }) => type === 'page_view'),
    total_entrances: countOf(({ entrance }) => entrance),
    total_exits: countOf(({ exit }) => exit),
    total_conversions: countOf(({ conversion }) => conversion),
    entrance_sessions: landings.length,
    converted_sessions: landings.filter(({ converted }) => converted).length,
    form_starts: countOf(({ type }) => type === 'form_start'),
    form_submits: countOf(({ type }) => type === 'form_submit'),
    new_leads: newLeads.length,
    time_to_first_capture_count: timed.length,
    time_to_first_capture_sum_ms: captureMs.reduce((sum, ms) => sum + ms, 0),
    traffic_source_breakdown: Object.fromEntries(trafficSources.map((source) => [source, countOf((row) => row.source === source)])),
    top_landing_paths: top,
    events_accepted: logs.length,
    events_rejected: rejected('/v1/events'),
    leads_accepted: submissions.length - refusedForms,
    leads_rejected: leadsRejected,
    p95_ttfb_ms: interpolated95(logs.flatMap(({ ttfb }) => ttfb ?? [])),
    error_breakdown: { eventsRejected: rejected('/v1/events'), leadsRejected },
  };
}

function interpolated95(values: readonly number[]): number | null {
  const sorted = values.toSorted((left, right) => left - right);
  if (sorted.length === 0) return null;
  // In twentieths, so that a half is one: 0.95 * 10 is none in floating point.
  const position = 19 * (sorted.length - 1);
  const low = sorted[Math.floor(position / 20)] ?? 0;
  const high = sorted[Math.ceil(position / 20)] ?? 0;
  return Math.floor((low * 20 + (high - low) * (position % 20)) / 20 + 0.5);
}

async function storedRollup(propertyId: string, day: UtcDay): Promise<unknown> {
  const [row] = await database.query<{ values: unknown }>(
    `select (to_jsonb(m) || to_jsonb(i)) - array['id', 'property_id', 'day', 'generated_at', 'created_at', 'updated_at'] as values
     from marketing.daily_metric_rollups m join marketing.daily_ingest_rollups i using (property_id, day)
     where m.property_id = $1 and m.day = $2`,
    [propertyId, day],
  );
  return row?.values;
}

const everything = (): Promise<unknown> =>
  database.query(
    `select to_jsonb(m) - '{generated_at,updated_at}'::text[] as row from marketing.daily_metric_rollups m
     union all select to_jsonb(i) - '{generated_at,updated_at}'::text[] from marketing.daily_ingest_rollups i
     union all select to_jsonb(v) from marketing.daily_visitors v
     union all select to_jsonb(g) from marketing.daily_visitor_gaps g
     order by 1`,
  );

const windows = days.flatMap((from) => days.filter((to) => to >= from).map((to) => ({ from, to })));

function distinctVisitors(all: Raw, propertyId: string, { from, to }: DayWindow): number {
  const inWindow = all.logs.filter(
    ({ at, property }) => dayOf(at) >= from && dayOf(at) <= to && (propertyId === 'default' || property === propertyId),
  );
  return new Set(inWindow.map((row) => row.visitor)).size;
}

test('a day older than MARKETING_EVENTS_RETENTION_DAYS is left as it is', async () => {
  const key = { propertyId: 'default', day: addDays(today, -3) };
  const rolledUp = (held: number): Promise<RollupOutcome> =>
    rollUpDay(pool, key, { now: () => new Date(), config: { MARKETING_EVENTS_RETENTION_DAYS: held } });
  expect([await rolledUp(2), await rolledUp(3)]).toEqual(['skipped', 'written']);
});

describe('a rollup', () => {
  test('is what a fold over the raw rows says, and the same when it is made again, in any order and side by side', async () => {
    await fc.assert(
      fc.asyncProperty(raw, fc.shuffledSubarray(days, { minLength: days.length }), async (all, order) => {
        await store(all);
        const each = ['default', ...properties].flatMap((propertyId) => order.map((day) => ({ propertyId, day })));
        await Promise.all(each.map(({ propertyId, day }) => rollUp(propertyId, day)));
        for (const { propertyId, day } of each) {
          expect(await storedRollup(propertyId, day), `${propertyId} ${day}`).toEqual(expectedRollup(all, propertyId, day));
        }
        for (const propertyId of ['default', ...properties]) {
          expect(await countWindowVisitors(pool, propertyId, windows)).toEqual(
            windows.map((window) => distinctVisitors(all, propertyId, window)),
          );
        }
        const first = await everything();
        await Promise.all(each.toReversed().map(({ propertyId, day }) => rollUp(propertyId, day)));
        expect(await everything()).toEqual(first);
      }),
      { numRuns: 20 },
    );
  }, 240_000);

  test('follows raw rows that came or went, also in the windows of later days', async () => {
    await fc.assert(
      fc.asyncProperty(raw, raw, fc.constantFrom(...days), async (before, after, changed) => {
        await store(before);
        await Promise.all(days.map((day) => rollUp('default', day)));
        const mixed = {
          ...before,
          logs: [...before.logs.filter(({ at }) => dayOf(at) !== changed), ...after.logs.filter(({ at }) => dayOf(at) === changed)],
        };
        const kept = await database.query('select * from marketing.daily_visitors');
        const gaps = await database.query('select * from marketing.daily_visitor_gaps');
        await store(mixed);
        await database.query(
          `insert into marketing.daily_visitors select * from json_populate_recordset(null::marketing.daily_visitors, $1)`,
          [JSON.stringify(kept)],
        );
        await database.query(
          `insert into marketing.daily_visitor_gaps select * from json_populate_recordset(null::marketing.daily_visitor_gaps, $1)`,
          [JSON.stringify(gaps)],
        );
        await rollUp('default', changed);
        expect(await countWindowVisitors(pool, 'default', windows)).toEqual(
          windows.map((window) => distinctVisitors(mixed, 'default', window)),
        );
      }),
      { numRuns: 12 },
    );
  }, 240_000);

  test('of a day without data is a row of zeros', async () => {
    expect(await rollUp('default', today)).toBe('written');
    expect(await storedRollup('default', today)).toEqual(
      expectedRollup({ firstSeen: [], logs: [], leads: [], submissions: [], rejections: [] }, 'default', today),
    );
    expect(await storedRollup('default', today)).toMatchObject({ top_landing_paths: [], p95_ttfb_ms: null });
  });

  test('of one session that lands, moves on and submits is one converted entrance', async () => {
    const row: LogRow = {
      property: 'a',
      visitor: 0,
      session: 0,
      at: 1000,
      type: 'page_view',
      path: '/a',
      source: 'direct',
      entrance: true,
      exit: false,
      conversion: false,
      ttfb: 40,
    };
    const logs = [
      row,
      { ...row, at: 2000, path: '/b', entrance: false },
      { ...row, at: 3000, path: '/b', type: 'form_submit', entrance: false, conversion: true },
    ];
    await store({ firstSeen: [1000, 0, 0, 0, 0, 0], logs, leads: [], submissions: [], rejections: [] });
    await rollUp('default', firstDay);
    expect(await storedRollup('default', firstDay)).toMatchObject({
      unique_visitors: 1,
      returning_visitors: 0,
      entrance_sessions: 1,
      converted_sessions: 1,
      top_landing_paths: [{ path: '/a', entrances: 1, conversions: 1, conversionRate: 1 }],
    });
  });

  test('changes nothing of a day whose raw rows are gone, or that has not begun', async () => {
    const gone = addDays(today, -91);
    for (const day of [gone, addDays(today, -60), addDays(today, 1)]) {
      await database.query(
        `insert into marketing.daily_metric_rollups (property_id, day, unique_visitors, generated_at) values ('default', $1, 7, now())`,
        [day],
      );
      expect(await rollUp('default', day)).toBe('skipped');
    }
    const kept = await database.query('select distinct unique_visitors from marketing.daily_metric_rollups');
    expect(kept).toEqual([{ unique_visitors: 7 }]);
  });
});
