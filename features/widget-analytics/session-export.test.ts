import { request, type IncomingMessage } from 'node:http';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createChatbot } from '../../jobs/provisioning.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, portalToken, runApi, scrape } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { createPastEventDays } from '../../test/support/widget-rows.ts';

/** Downloads that are too large to be held by anybody. */
const rows = 200_000;
const within = 20_000;
const slow = 120_000;
const expired = addDays(utcDayOf(new Date()), -30);

let database: TestDatabase;
let api: Awaited<ReturnType<typeof runApi>>;
let chatbot: string;
let token: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const { id: orgId } = await insertOrganization(database, { key: 'acme' });
  ({ id: chatbot } = await createChatbot(database.db, { orgKey: 'acme', name: 'Bot' }));
  token = await portalToken('acme', { role: 'owner' });
  api = await runApi(database, {});
  const yesterday = addDays(utcDayOf(new Date()), -1);
  await createPastEventDays(database, expired, addDays(expired, 1));
  await database.query(
    `insert into widget_events (org_id, chatbot_id, event_date, id, session_id, session_started_at, event_name, properties, seq, timestamp,
       created_at)
     select $1, $2, $3::date, gen_random_uuid(), 's-' || n % 1000, $3::date, 'message_sent', jsonb_build_object('text', repeat('x', 200)), 0,
       $3::date + n * interval '0.4 seconds', now()
     from generate_series(0, $4::integer - 1) n`,
    [orgId, chatbot, yesterday, rows],
  );
}, slow);
afterAll(async () => {
  await api.stop();
  await database.drop();
});

/** A client that reads nothing by itself. */
function open(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(`${api.url}/api/analytics/widget/${chatbot}/${path}`, { agent: false, headers: { authorization: `Bearer ${token}` } })
      .on('response', resolve)
      .on('error', reject)
      .end();
  });
}

const exportEvents = 'export?dataset=events&days=2';

/** The client takes nothing more, so the export waits: its statements so far were short, and none runs. */
async function untilStalled(): Promise<void> {
  const pages = async (): Promise<number> => {
    const [row] = await database.query<{ latest: number }>(
      `select coalesce(sum(extract(epoch from query_start)), 0)::float8 as latest from pg_stat_activity
       where datname = current_database() and application_name = 'api exports'`,
    );
    return row?.latest ?? 0;
  };
  let before = -1;
  await waitUntil(
    async () => {
      const now = await pages();
      const stalled = now > 0 && now === before;
      before = now;
      return stalled;
    },
    { within, what: 'the export' },
  );
}

const heldByExports = (): Promise<unknown[]> =>
  database.query(
    `select state, query from pg_stat_activity
     where datname = current_database() and application_name = 'api exports' and state <> 'idle'`,
  );

async function linesOf(response: IncomingMessage): Promise<number> {
  let lines = 0;
  for await (const data of response) lines += (data as Buffer).toString('latin1').split('\n').length - 1;
  return lines;
}

const ended = async (status: string): Promise<number> =>
  (await scrape(api.metricsUrl)).value(
    `observability_http_requests_total{service="api",route="/api/analytics/widget/:chatbotId/export",method="GET",status="${status}"}`,
  ) ?? 0;

test(
  'an export has every row, and the process does not grow with it',
  async () => {
    const before = process.memoryUsage().heapUsed;
    let largest = 0;
    let bytes = 0;
    // The last 48 bits of each id: a piece of the text would keep the whole of it.
    const ids = new Set<number>();
    let rest = '';
    for await (const data of await open(exportEvents)) {
      bytes += (data as Buffer).length;
      const lines = (rest + (data as Buffer).toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) ids.add(Number.parseInt(/"id":"[0-9a-f-]{24}([0-9a-f]{12})"/.exec(line)?.[1] ?? '', 16));
      largest = Math.max(largest, process.memoryUsage().heapUsed);
    }
    expect([ids.size, rest]).toEqual([rows, '']);
    expect(bytes).toBeGreaterThan(100_000_000);
    // All rows at once would take more than 300 MB; this is what lies about until it is collected.
    expect(largest - before).toBeLessThan(200_000_000);
  },
  slow,
);

test(
  'a slow reader holds nothing in the database: an expired partition is dropped meanwhile, and other exports go on',
  async () => {
    const readers = await Promise.all(Array.from({ length: 4 }, () => open(exportEvents)));
    await untilStalled();
    expect(await heldByExports()).toEqual([]);
    expect(await database.query('select drop_partitions($1, $2) as dropped', ['widget_events', addDays(expired, 1)])).toEqual([
      { dropped: `widget_events_p${expired.replaceAll('-', '')}` },
    ]);
    expect(await linesOf(await open('export?dataset=sessions&days=2'))).toBe(0);
    const removal = await fetch(`${api.url}/api/analytics/widget/${chatbot}/data-subject?user_id=nobody`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token}` },
    });
    expect(removal.status).toBe(200);
    const [first, ...others] = readers;
    for (const other of others) other.destroy();
    expect(first === undefined ? 0 : await linesOf(first)).toBe(rows);
  },
  slow,
);

test(
  'a client that leaves in the middle of an export ends it',
  async () => {
    const before = await ended('200');
    const response = await open(exportEvents);
    await untilStalled();
    response.destroy();
    await waitUntil(async () => (await ended('200')) === before + 1, { within });
    expect(await heldByExports()).toEqual([]);
  },
  slow,
);

test(
  'an export that the database breaks off does not look whole, and counts as failed',
  async () => {
    const before = await ended('503');
    const response = await open(exportEvents);
    await untilStalled();
    const lock = new pg.Client({ connectionString: database.url('superuser') });
    await lock.connect();
    // Longer than a page waits for a lock.
    await lock.query('begin; lock table widget_events in access exclusive mode');
    try {
      await expect(linesOf(response)).rejects.toThrow('aborted');
    } finally {
      await lock.end();
    }
    await waitUntil(async () => (await ended('503')) === before + 1, { within });
  },
  slow,
);
