import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { createLogger } from '../../platform/log.ts';
import { openPool } from '../../platform/postgres/pool.ts';
import { batchDays } from '../../platform/postgres/seen-batches.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { addMessageBatches, messageUnit } from './ingest.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let unique = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database);
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

async function sender(): Promise<{ orgId: number; keyId: string; key: string }> {
  unique += 1;
  const { id, key: orgKey } = await insertOrganization(database, { key: `sender-${unique}` });
  const { id: keyId, key } = await createIngestKey(database.db, { orgKey, name: 'backend' });
  return { orgId: id, keyId, key };
}

function send(key: string | undefined, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${exporter.url}/ingest/widget/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

interface Stored extends Record<string, unknown> {
  counts: number[];
  total: number;
  sum: number;
  loads: number;
  seen: Date | null;
}

async function stored(orgId: number): Promise<Stored | undefined> {
  const [row] = await database.query<Stored>(
    `select widget_rt_counts(widget_rt_buckets_json) as counts, widget_rt_total_count as total, widget_rt_sum_ms as sum,
       widget_loads_total as loads, last_widget_seen_at as seen
     from widget_health_totals where org_id = $1`,
    [orgId],
  );
  return row;
}

const ms = (...durations: number[]): { duration_ms: number }[] => durations.map((duration_ms) => ({ duration_ms }));

describe('POST /ingest/widget/messages', () => {
  test('adds one sample per message to the organization of the key, and no load', async () => {
    const { orgId, keyId, key } = await sender();
    const response = await send(
      key,
      {
        messages: [
          { duration_ms: 40, role: 'user' },
          { duration_ms: 1500.4, role: 'assistant' },
        ],
      },
      { 'x-request-id': 'abc-123' },
    );
    expect(response.status).toBe(202);
    expect(response.headers.get('ratelimit-limit')).toBe('600000');
    expect(await response.json()).toEqual({ accepted: 2, duplicate: false, requestId: 'abc-123' });
    const row = await stored(orgId);
    expect(row).toEqual({ counts: [1, 0, 0, 0, 0, 1, 0], total: 2, sum: row?.sum, loads: 0, seen: null });
    expect([1540, 1541]).toContain(row?.sum);
    await waitUntil(
      async () => (await database.query('select from ingest_keys where id = $1 and last_used_at is not null', [keyId])).length === 1,
      {
        within: 20_000,
        what: 'the use of the key on record',
      },
    );
  });

  test('a repeated batch id is acknowledged and not counted, in either case of its letters', async () => {
    const { orgId, key } = await sender();
    const other = await sender();
    const batchId = randomUUID();
    const batch = { batchId, messages: ms(10, 20, 30) };
    expect(await (await send(key, batch)).json()).toMatchObject({ accepted: 3, duplicate: false });
    const repeated = await send(key, { ...batch, batchId: batchId.toUpperCase() });
    expect(repeated.status).toBe(202);
    expect(await repeated.json()).toMatchObject({ accepted: 0, duplicate: true });
    expect((await stored(orgId))?.total).toBe(3);
    // A batch id belongs to its organization.
    expect(await (await send(other.key, batch)).json()).toMatchObject({ accepted: 3, duplicate: false });
  });

  test('a batch id of the previous UTC day is remembered, one of the day before is not', async () => {
    const { orgId, key } = await sender();
    const [yesterday, before] = [randomUUID(), randomUUID()];
    await database.query(
      `insert into ingest_batches (org_id, day, endpoint, batch_id) values
       ($1, current_date - 1, 'widget_messages', $2), ($1, current_date - 2, 'widget_messages', $3)`,
      [orgId, yesterday, before],
    );
    expect(await (await send(key, { batchId: yesterday, messages: ms(1) })).json()).toMatchObject({ duplicate: true });
    expect(await (await send(key, { batchId: before, messages: ms(1) })).json()).toMatchObject({ duplicate: false });
    expect((await stored(orgId))?.total).toBe(1);
  });

  test('the sum stays true over many writes of less than a millisecond', async () => {
    const { orgId, key } = await sender();
    for (let number = 0; number < 60; number += 1) await send(key, { messages: ms(0.5) });
    // 30 on average; 60 fair coins fall outside of these bounds once in 200,000 runs.
    const { sum } = (await stored(orgId)) ?? { sum: 0 };
    expect(sum).toBeGreaterThan(11);
    expect(sum).toBeLessThan(49);
  });

  test('around midnight a batch counts once whichever side of it each try falls on, one after the other or at once', async () => {
    const { orgId } = await sender();
    const [before, after] = [new Date(), new Date()].map((date) => new Date(date.setUTCHours(24, 0, 0, 0)));
    before?.setUTCMinutes(-1);
    after?.setUTCMinutes(1);
    const pool = openPool({
      connectionString: database.url('observability_exporter'),
      max: 2,
      applicationName: 'midnight',
      statementTimeoutMs: 5000,
      log: createLogger({ service: 'test', level: 'silent' }),
    });
    const add = (at: Date | undefined, batchId: string): Promise<string[]> =>
      addMessageBatches(pool, [messageUnit(orgId, { batchId, messages: ms(1) }, batchDays(at ?? new Date()))]);
    try {
      const orders: [Date | undefined, Date | undefined][] = [
        [before, after],
        [after, before],
      ];
      for (const [first, second] of orders) {
        const batchId = randomUUID();
        expect([...(await add(first, batchId)), ...(await add(second, batchId))]).toEqual(['stored', 'duplicate']);
        const other = randomUUID();
        expect((await Promise.all([add(first, other), add(second, other)])).flat().toSorted()).toEqual(['duplicate', 'stored']);
      }
      expect((await stored(orgId))?.total).toBe(4);
    } finally {
      await pool.end();
    }
  });

  test('the same batch sent many times at once counts once', async () => {
    const { orgId, key } = await sender();
    const batch = { batchId: randomUUID(), messages: ms(10) };
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => (await (await send(key, batch)).json()) as { accepted: number }),
    );
    expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1);
    expect((await stored(orgId))?.total).toBe(1);
  });

  test('50 requests that arrive while a write is in flight share exactly one further transaction', async () => {
    const { orgId, key } = await sender();
    await send(key, { messages: ms(1) });
    const transactions = async (): Promise<number> =>
      (await scrape(exporter.metricsUrl)).value('observability_ingest_transaction_rows_count{endpoint="widget_messages"}') ?? 0;
    const queued = async (): Promise<number> =>
      (await scrape(exporter.metricsUrl)).value('observability_ingest_queue_rows{endpoint="widget_messages"}') ?? 0;
    const blocker = new pg.Client({ connectionString: database.url('superuser') });
    await blocker.connect();
    await blocker.query('begin');
    await blocker.query('select from widget_health_totals where org_id = $1 for update', [orgId]);
    const before = await transactions();
    const first = send(key, { messages: ms(1) });
    await waitUntil(
      async () =>
        (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)).length === 1,
      {
        within: 20_000,
        what: 'the first write waiting for the lock',
      },
    );
    const others = Array.from({ length: 50 }, () => send(key, { messages: ms(1, 2) }));
    await waitUntil(async () => (await queued()) === 100, { within: 20_000, what: '100 rows in the queue' });
    await blocker.query('rollback');
    await blocker.end();
    expect((await Promise.all([first, ...others])).map(({ status }) => status)).toEqual(Array(51).fill(202));
    expect((await transactions()) - before).toBe(2);
    expect((await stored(orgId))?.total).toBe(102);
  });

  test.each([
    ['no messages', {}, 'messages'],
    ['an empty array', { messages: [] }, 'messages'],
    ['501 messages', { messages: ms(...Array<number>(501).fill(1)) }, 'messages'],
    ['a negative duration', { messages: ms(5, -1) }, 'messages.1.duration_ms'],
    ['a duration over ten minutes', { messages: ms(600_001) }, 'messages.0.duration_ms'],
    ['a duration as text', { messages: [{ duration_ms: '5' }] }, 'messages.0.duration_ms'],
    ['an infinite duration', '{"messages":[{"duration_ms":1e400}]}', 'messages.0.duration_ms'],
    ['an unknown role', { messages: [{ duration_ms: 5, role: 'system' }] }, 'messages.0.role'],
    ['a batch id that is no UUID', { batchId: 'one', messages: ms(5) }, 'batchId'],
    ['an array', [], ''],
  ])('%s refuses the whole batch and names the field', async (_case, body, path) => {
    const { orgId, key } = await sender();
    const response = await send(key, body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { code: string; issues: { path: string }[] } };
    expect(error.code).toBe('VALIDATION_ERROR');
    expect(error.issues.map((issue) => issue.path)).toContain(path);
    expect(await stored(orgId)).toBeUndefined();
  });

  test('the limits themselves are accepted', async () => {
    const { orgId, key } = await sender();
    expect((await send(key, { messages: ms(0, 600_000, ...Array<number>(498).fill(1)) })).status).toBe(202);
    expect((await stored(orgId))?.total).toBe(500);
  });

  test('the key is checked before the body; a missing, malformed, unknown or revoked key is 401', async () => {
    const { key, keyId, orgId } = await sender();
    const inactive = await sender();
    await database.query('update ingest_keys set revoked_at = now() where id = $1', [keyId]);
    await database.query('update organizations set is_active = false where id = $1', [inactive.orgId]);
    for (const bad of [undefined, 'ik_short', `ik_${'A'.repeat(43)}`, key, inactive.key]) {
      const response = await send(bad, 'this is not JSON');
      expect(response.status, String(bad)).toBe(401);
      expect(((await response.json()) as { error: { code: string } }).error.code).toBe('INVALID_INGEST_KEY');
    }
    expect(await stored(orgId)).toBeUndefined();
  });

  test('another content type is 415, broken JSON 400, an oversize body 413', async () => {
    const { key } = await sender();
    expect((await send(key, '{}', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await send(key, '{}', { 'content-encoding': 'gzip' })).status).toBe(415);
    const broken = await send(key, '{"messages":');
    expect(broken.status).toBe(400);
    expect(((await broken.json()) as { error: { code: string } }).error.code).toBe('INVALID_JSON');
    const oversize = await send(key, { messages: ms(1), padding: 'x'.repeat(2 * 1024 * 1024) });
    expect(oversize.status).toBe(413);
    expect(((await oversize.json()) as { error: { code: string } }).error.code).toBe('PAYLOAD_TOO_LARGE');
  });

  test('a stored histogram that is malformed is replaced by a fresh one, its count and sum with it', async () => {
    for (const malformed of ['{"buckets":[1,2]}', '[]', '"text"', '{"buckets":{}}', 'null']) {
      const { orgId, key } = await sender();
      await database.query(
        `insert into widget_health_totals (org_id, widget_loads_total, widget_rt_buckets_json, widget_rt_total_count, widget_rt_sum_ms) values ($1, 7, $2, 99, 999)`,
        [orgId, malformed],
      );
      await send(key, { messages: ms(60) });
      expect(await stored(orgId), malformed).toEqual({ counts: [0, 1, 0, 0, 0, 0, 0], total: 1, sum: 60, loads: 7, seen: null });
    }
  });

  test('a stored count that is no number >= 0 counts as 0, the others stay', async () => {
    const { orgId, key } = await sender();
    const counts = ['x', -5, 3, null, 1e300, 2, 1].map((count, index) => ({ max: index, count }));
    await database.query('insert into widget_health_totals (org_id, widget_rt_buckets_json, widget_rt_total_count) values ($1, $2, 6)', [
      orgId,
      JSON.stringify({ buckets: counts }),
    ]);
    await send(key, { messages: ms(60) });
    expect(await stored(orgId)).toMatchObject({ counts: [0, 1, 3, 0, 0, 2, 1], total: 7 });
    const [row] = await database.query<{ max: number[] }>(
      `select array(select (item ->> 'max')::int from jsonb_array_elements(widget_rt_buckets_json -> 'buckets') item)::int[] as max from widget_health_totals where org_id = $1`,
      [orgId],
    );
    expect(row?.max).toEqual([50, 100, 200, 500, 1000, 2000, 999_999]);
  });

  test('durations are shown to Prometheus by role, duplicates are not', async () => {
    const { key } = await sender();
    const count = async (role: string): Promise<number> =>
      (await scrape(exporter.metricsUrl)).value(`widget_message_response_duration_seconds_count{role="${role}"}`) ?? Number.NaN;
    const before = { user: await count('user'), unknown: await count('unknown') };
    const batch = { batchId: randomUUID(), messages: [{ duration_ms: 10, role: 'user' }, { duration_ms: 10 }] };
    await send(key, batch);
    await send(key, batch);
    expect(await count('user')).toBe(before.user + 1);
    expect(await count('unknown')).toBe(before.unknown + 1);
  });

  test('a key whose organization was just deleted is told so, and nothing is stored', async () => {
    const { orgId, key } = await sender();
    expect((await send(key, { messages: ms(1) })).status).toBe(202);
    await database.query('delete from organizations where id = $1', [orgId]);
    const response = await send(key, { messages: ms(1) });
    expect(response.status).toBe(401);
    expect(await stored(orgId)).toBeUndefined();
  });
});
