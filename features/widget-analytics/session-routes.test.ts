import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createChatbot } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, portalToken, runApi } from '../../test/support/services.ts';
import { addDays, utcDayOf } from '../../platform/time/utc-day.ts';
import { eventColumns, exportedSessionColumns } from './session-queries.ts';

const today = utcDayOf(new Date());
const yesterday = addDays(today, -1);

interface Tenant {
  id: number;
  key: string;
  chatbot: string;
  owner: string;
  member: string;
}

let database: TestDatabase;
let api: Awaited<ReturnType<typeof runApi>>;
let acme: Tenant;
let beta: Tenant;

beforeAll(async () => {
  database = await createTestDatabase();
  acme = await tenant('acme');
  beta = await tenant('beta');
  api = await runApi(database, {});
});
afterAll(async () => {
  await api.stop();
  await database.drop();
});
beforeEach(async () => {
  for (const table of [
    'widget_events',
    'widget_sessions',
    'widget_session_heads',
    'widget_visitors',
    'widget_daily_visitors',
    'audit_logs',
  ]) {
    await database.query(`delete from ${table}`);
  }
});

async function tenant(key: string): Promise<Tenant> {
  const { id } = await insertOrganization(database, { key });
  const { id: chatbot } = await createChatbot(database.db, { orgKey: key, name: 'Bot' });
  return {
    id,
    key,
    chatbot,
    owner: await portalToken(key, { role: 'owner', sub: `${key}-owner`, email: `owner@${key}.example` }),
    member: await portalToken(key, { sub: `${key}-member` }),
  };
}

interface Visit {
  tenant?: Tenant;
  chatbot?: string;
  session: string;
  startedAt?: string;
  anonymous?: string | null;
  user?: string | null;
  columns?: Record<string, unknown>;
  head?: boolean;
}

async function insertRow(table: string, row: Record<string, unknown>): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_column, index) => `$${index + 1}`);
  await database.query(`insert into ${table} (${columns.join(', ')}) values (${places.join(', ')})`, Object.values(row));
}

/** A session that was active for a minute, with its head and its visitor. */
async function visit({
  tenant: of = acme,
  session,
  anonymous = null,
  user = null,
  columns = {},
  head = true,
  ...rest
}: Visit): Promise<string> {
  const startedAt = rest.startedAt ?? `${yesterday}T10:00:00.000Z`;
  const chatbot = rest.chatbot ?? of.chatbot;
  const key = { org_id: of.id, chatbot_id: chatbot };
  const last = new Date(new Date(startedAt).getTime() + 60_000);
  await insertRow('widget_sessions', {
    ...key,
    id: randomUUID(),
    session_id: session,
    anonymous_id: anonymous,
    user_id: user,
    started_at: startedAt,
    last_activity_at: last,
    device_type: 'desktop',
    created_at: startedAt,
    updated_at: last,
    ...columns,
  });
  if (head) {
    await database.query(
      `insert into widget_session_heads (org_id, chatbot_id, session_id, started_at, last_activity_at) values ($1, $2, $3, $4, $5)
       on conflict (org_id, chatbot_id, session_id) do update set started_at = excluded.started_at, last_activity_at = excluded.last_activity_at`,
      [of.id, chatbot, session, startedAt, last],
    );
  }
  if (anonymous !== null) {
    await database.query(
      `insert into widget_visitors (org_id, chatbot_id, anonymous_id, first_seen_at, last_seen_at) values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [of.id, chatbot, anonymous, startedAt, last],
    );
  }
  return startedAt;
}

async function happen(
  event: { tenant?: Tenant; chatbot?: string; session: string; startedAt?: string } & Record<string, unknown>,
): Promise<void> {
  const { tenant: of = acme, chatbot, session, startedAt = `${yesterday}T10:00:00.000Z`, ...columns } = event;
  const at = (columns['timestamp'] as string | undefined) ?? startedAt;
  await insertRow('widget_events', {
    org_id: of.id,
    chatbot_id: chatbot ?? of.chatbot,
    event_date: at.slice(0, 10),
    id: randomUUID(),
    session_id: session,
    session_started_at: startedAt,
    event_name: 'message_sent',
    seq: 0,
    timestamp: at,
    created_at: at,
    ...columns,
  });
}

function ask(
  path: string,
  options: { token?: string; chatbot?: string; method?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${api.url}/api/analytics/widget/${options.chatbot ?? acme.chatbot}/${path}`, {
    method: options.method ?? 'GET',
    headers: { authorization: `Bearer ${options.token ?? acme.owner}`, ...options.headers },
  });
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

const auditRows = (): Promise<Record<string, unknown>[]> =>
  database.query('select org_id, actor, action, details from audit_logs order by id');

/** RFC 4180, written apart from what writes it: character by character. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let cell = '';
  let inQuotes = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (inQuotes) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else inQuotes = false;
    } else if (character === '"') inQuotes = true;
    else if (character === ',') {
      record.push(cell);
      cell = '';
    } else if (character === '\r' && text[at + 1] === '\n') {
      records.push([...record, cell]);
      record = [];
      cell = '';
      at += 1;
    } else cell += character;
  }
  if (cell !== '' || record.length > 0) throw new Error('the last record does not end');
  return records;
}

describe('GET /sessions', () => {
  test('answers full rows, newest first, then by id, with the total', async () => {
    await visit({
      session: 's-b',
      anonymous: 'a-1',
      user: 'u-1',
      columns: {
        user_metadata: { plan: 'pro' },
        ip_address: '203.0.113.0/24',
        response_time_sum_ms: 30,
        response_time_count: 2,
        avg_response_time_ms: 15,
      },
    });
    await visit({ session: 's-a' });
    await visit({ session: 's-c', startedAt: `${today}T00:00:00.000Z` });
    await visit({ tenant: beta, session: 's-other' });
    const response = await ask('sessions', { token: acme.member });
    expect(response.status).toBe(200);
    const body = (await response.json()) as { sessions: Record<string, unknown>[] };
    expect(body).toMatchObject({ chatbot_id: acme.chatbot, page: 1, limit: 20, total: 3 });
    expect(body.sessions.map((session) => session['session_id'])).toEqual(['s-c', 's-a', 's-b']);
    const shown = exportedSessionColumns.filter((column) => !column.startsWith('response_time_'));
    expect(Object.keys(body.sessions[2] ?? {})).toEqual(shown);
    expect(body.sessions[2]).toMatchObject({
      chatbot_id: acme.chatbot,
      anonymous_id: 'a-1',
      user_id: 'u-1',
      user_metadata: { plan: 'pro' },
      started_at: `${yesterday}T10:00:00.000Z`,
      last_activity_at: `${yesterday}T10:01:00.000Z`,
      ended_at: null,
      ip_address: '203.0.113.0/24',
      avg_response_time_ms: 15,
      had_conversation: false,
    });
  });

  test('pages', async () => {
    for (const session of ['s-1', 's-2', 's-3']) await visit({ session });
    const second = (await (await ask('sessions?page=2&limit=2')).json()) as { total: number; sessions: { session_id: string }[] };
    expect([second.total, second.sessions.map((session) => session.session_id)]).toEqual([3, ['s-3']]);
    expect(await (await ask('sessions?page=100&limit=100')).json()).toMatchObject({ total: 3, sessions: [] });
  });

  test.each(['page=0', 'page=', 'page=1e2', 'limit=0', 'limit=101', 'page=1&page=2'])('refuses %s', async (query) => {
    const response = await ask(`sessions?${query}`);
    expect([response.status, await codeOf(response)]).toEqual([400, 'VALIDATION_ERROR']);
  });

  test('names the export beyond the ten thousandth', async () => {
    const response = await ask('sessions?page=101&limit=100');
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('/export?dataset=sessions');
  });

  test('does not show the chatbot of another organization, an unknown or a malformed one', async () => {
    for (const chatbot of [beta.chatbot, randomUUID(), 'no-uuid', '%00']) {
      const response = await ask('sessions', { chatbot });
      expect([response.status, await codeOf(response)], chatbot).toEqual([404, 'NOT_FOUND']);
    }
    expect((await ask('sessions', { chatbot: acme.chatbot.toUpperCase() })).status).toBe(200);
    expect((await ask('sessions', { token: 'none' })).status).toBe(401);
  });
});

describe('GET /export', () => {
  const nasty = ['=1+1', '+1', '-1', '@cmd', '\tx', '\rx', 'a"b', 'a,b', 'a\r\nb', 'ünï 🙂', "'x", ' =1', ''];

  test('writes events as CSV that parses back, and that no spreadsheet runs', async () => {
    for (const [seq, name] of nasty.entries()) {
      const id = `00000000-0000-4000-8000-${String(seq).padStart(12, '0')}`;
      await happen({ id, session: name === '' ? 'empty' : 's', page_title: name, properties: JSON.stringify({ text: name }), seq });
    }
    const response = await ask('export?dataset=events&format=csv&days=2');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="widget-events-${acme.chatbot}-${yesterday}-${today}.csv"`,
    );
    const [header = [], ...records] = parseCsv(await response.text());
    expect(header).toEqual([...eventColumns]);
    const cells = (column: string): string[] => records.map((record) => record[header.indexOf(column)] ?? 'missing');
    expect(cells('page_title')).toEqual([
      "'=1+1",
      "'+1",
      "'-1",
      "'@cmd",
      "'\tx",
      "'\rx",
      'a"b',
      'a,b',
      'a\r\nb',
      'ünï 🙂',
      "'x",
      ' =1',
      '',
    ]);
    expect(cells('properties').map((text) => (JSON.parse(text) as { text: string }).text)).toEqual(nasty);
    expect(cells('timestamp')[0]).toBe(`${yesterday}T10:00:00.000Z`);
    expect(cells('event_date')[0]).toBe(yesterday);
    expect(cells('user_id')[0]).toBe('');
  });

  test('writes NDJSON as it is stored, day by day, of the days asked for', async () => {
    await happen({ session: 's', timestamp: `${today}T00:00:00.000Z`, page_title: '=1' });
    await happen({ session: 's', timestamp: `${yesterday}T23:59:59.999Z`, seq: 1 });
    await happen({ session: 's', timestamp: `${addDays(today, -3)}T23:59:59.999Z` });
    await happen({ tenant: beta, session: 's' });
    const response = await ask('export?dataset=events&days=2');
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    const rows = (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows.map((row) => row['timestamp'])).toEqual([`${yesterday}T23:59:59.999Z`, `${today}T00:00:00.000Z`]);
    expect(rows[1]).toMatchObject({ chatbot_id: acme.chatbot, properties: {}, page_title: '=1', seq: 0 });
    expect(Object.keys(rows[0] ?? {})).toEqual([...eventColumns]);
  });

  test('writes sessions in both formats', async () => {
    await visit({ session: 's-1', user: 'u', columns: { user_metadata: { a: [1] } } });
    const [header, record] = parseCsv(await (await ask('export?dataset=sessions&format=csv')).text());
    expect(header).toEqual([...exportedSessionColumns]);
    expect(record?.[exportedSessionColumns.indexOf('user_metadata')]).toBe('{"a":[1]}');
    expect(record?.[exportedSessionColumns.indexOf('had_conversation')]).toBe('false');
    expect(JSON.parse(await (await ask('export?dataset=sessions')).text())).toMatchObject({ session_id: 's-1', response_time_sum_ms: 0 });
  });

  test('of nothing is a header, or nothing', async () => {
    expect(parseCsv(await (await ask('export?dataset=events&format=csv')).text())).toEqual([[...eventColumns]]);
    expect(await (await ask('export?dataset=sessions&format=ndjson')).text()).toBe('');
  });

  test('is for owners, and of their own chatbots', async () => {
    const refused = await ask('export?dataset=events', { token: acme.member });
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'FORBIDDEN']);
    expect((await ask('export?dataset=events', { chatbot: beta.chatbot })).status).toBe(404);
    expect((await ask('export?dataset=events', { chatbot: beta.chatbot, token: acme.member })).status).toBe(404);
    expect(await auditRows()).toEqual([]);
  });

  test.each([
    '',
    'dataset=visitors',
    'dataset=events&format=xml',
    'dataset=events&days=0',
    'dataset=events&days=91',
    'dataset=events&days=',
  ])('refuses %s', async (query) => {
    expect((await ask(`export?${query}`)).status).toBe(400);
  });

  test('is recorded', async () => {
    await (await ask('export?dataset=events&format=csv&days=7', { headers: { 'x-request-id': 'r-1' } })).text();
    expect(await auditRows()).toEqual([
      {
        org_id: acme.id,
        actor: 'owner@acme.example',
        action: 'widget.export',
        details: { requestId: 'r-1', chatbotId: acme.chatbot, dataset: 'events', format: 'csv', days: 7 },
      },
    ]);
  });
});

describe('personal data', () => {
  const day = (daysAgo: number, time: string): string => `${addDays(today, -daysAgo)}T${time}Z`;

  /** u-1 was here as a-1 and a-2; a-2 also as nobody, and somebody else besides. */
  async function fill(): Promise<void> {
    await visit({ session: 's-1', anonymous: 'a-1', user: 'u-1' });
    await visit({ session: 's-2', anonymous: 'a-2', user: 'u-1' });
    await visit({ session: 's-3', anonymous: 'a-2' });
    await visit({ session: 's-4', anonymous: 'a-4', user: 'u-4' });
    await visit({ tenant: beta, session: 's-1', anonymous: 'a-1', user: 'u-1' });
    await happen({ session: 's-1', user_id: 'u-1', anonymous_id: 'a-1', timestamp: day(1, '10:00:00.000') });
    await happen({ session: 's-1', timestamp: day(1, '10:00:30.000') });
    await happen({ session: 's-2', user_id: 'u-1', anonymous_id: 'a-2', timestamp: day(1, '10:00:01.000') });
    await happen({ session: 's-3', anonymous_id: 'a-2' });
    await happen({ session: 's-4', user_id: 'u-4', anonymous_id: 'a-4' });
    // Carries the id in a session that does not.
    await happen({ session: 's-4', user_id: 'u-1', anonymous_id: 'a-4', timestamp: day(1, '10:00:02.000') });
    await happen({ tenant: beta, session: 's-1', user_id: 'u-1', anonymous_id: 'a-1' });
    for (const anonymous of ['a-1', 'a-2', 'a-4']) {
      await insertRow('widget_daily_visitors', {
        org_id: acme.id,
        chatbot_id: acme.chatbot,
        stat_date: yesterday,
        anonymous_id: anonymous,
      });
    }
  }

  const rowsLeft = async (): Promise<Record<string, string[]>> => {
    const left: Record<string, string[]> = {};
    for (const [table, column] of [
      ['widget_events', 'session_id'],
      ['widget_sessions', 'session_id'],
      ['widget_session_heads', 'session_id'],
      ['widget_visitors', 'anonymous_id'],
      ['widget_daily_visitors', 'anonymous_id'],
    ] as const) {
      const rows = await database.query<{ key: string }>(`select org_id || ' ' || ${column} as key from ${table} order by 1`);
      left[table] = rows.map(({ key }) => key.replace(`${acme.id} `, 'acme ').replace(`${beta.id} `, 'beta '));
    }
    return left;
  };

  test('is told whole', async () => {
    await fill();
    const response = await ask('data-subject?user_id=u-1');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    const body = (await response.json()) as Record<'visitors' | 'sessions' | 'events', Record<string, unknown>[]>;
    expect(body).toMatchObject({ chatbot_id: acme.chatbot, subject: { type: 'user_id', value: 'u-1' } });
    expect(body.visitors.map((visitor) => visitor['anonymous_id'])).toEqual(['a-1', 'a-2', 'a-4']);
    expect(body.sessions.map((session) => session['session_id'])).toEqual(['s-1', 's-2']);
    expect(body.events.map((event) => [event['session_id'], event['timestamp']])).toEqual([
      ['s-1', day(1, '10:00:00.000')],
      ['s-2', day(1, '10:00:01.000')],
      ['s-4', day(1, '10:00:02.000')],
      ['s-1', day(1, '10:00:30.000')],
    ]);
  });

  test('is removed, and nothing else', async () => {
    await fill();
    const response = await ask('data-subject?user_id=u-1', { method: 'DELETE' });
    expect(await response.json()).toEqual({
      chatbot_id: acme.chatbot,
      subject: { type: 'user_id', value: 'u-1' },
      events_deleted: 4,
      sessions_deleted: 2,
      visitors_deleted: 1,
    });
    expect(await rowsLeft()).toEqual({
      widget_events: ['acme s-3', 'acme s-4', 'beta s-1'],
      widget_sessions: ['acme s-3', 'acme s-4', 'beta s-1'],
      widget_session_heads: ['acme s-3', 'acme s-4', 'beta s-1'],
      widget_visitors: ['acme a-2', 'acme a-4', 'beta a-1'],
      widget_daily_visitors: ['acme a-2', 'acme a-4'],
    });
    expect(await (await ask('data-subject?user_id=u-1', { method: 'DELETE' })).json()).toMatchObject({
      events_deleted: 0,
      sessions_deleted: 0,
      visitors_deleted: 0,
    });
  });

  test('of an anonymous id goes with its visitor', async () => {
    await fill();
    expect(await (await ask('data-subject?anonymous_id=a-2', { method: 'DELETE' })).json()).toMatchObject({
      subject: { type: 'anonymous_id', value: 'a-2' },
      events_deleted: 2,
      sessions_deleted: 2,
      visitors_deleted: 1,
    });
    expect((await rowsLeft())['widget_visitors']).toEqual(['acme a-1', 'acme a-4', 'beta a-1']);
  });

  test('leaves the head of a session that is somebody else by now', async () => {
    await visit({ session: 's-1', anonymous: 'a-1', startedAt: day(2, '10:00:00.000') });
    await visit({ session: 's-1', anonymous: 'a-9', startedAt: day(1, '10:00:00.000') });
    expect(await (await ask('data-subject?anonymous_id=a-1', { method: 'DELETE' })).json()).toMatchObject({ sessions_deleted: 1 });
    expect(await rowsLeft()).toMatchObject({
      widget_sessions: ['acme s-1'],
      widget_session_heads: ['acme s-1'],
      widget_visitors: ['acme a-9'],
    });
  });

  test('of another chatbot of the same organization stays', async () => {
    const { id: second } = await createChatbot(database.db, { orgKey: 'acme', name: 'Second' });
    await visit({ session: 's-1', anonymous: 'a-1' });
    await visit({ chatbot: second, session: 's-1', anonymous: 'a-1' });
    await happen({ chatbot: second, session: 's-1', anonymous_id: 'a-1' });
    await ask('data-subject?anonymous_id=a-1', { method: 'DELETE' });
    expect(await rowsLeft()).toMatchObject({ widget_events: ['acme s-1'], widget_sessions: ['acme s-1'], widget_visitors: ['acme a-1'] });
  });

  test('that is not there is an empty answer', async () => {
    expect(await (await ask('data-subject?user_id=nobody')).json()).toMatchObject({ visitors: [], sessions: [], events: [] });
    expect(await (await ask("data-subject?anonymous_id=' or true --", { method: 'DELETE' })).json()).toMatchObject({ sessions_deleted: 0 });
  });

  test('is for owners, of their own chatbots, and of exactly one id', async () => {
    for (const method of ['GET', 'DELETE']) {
      expect((await ask('data-subject?user_id=u-1', { method, token: acme.member })).status).toBe(403);
      expect((await ask('data-subject?user_id=u-1', { method, chatbot: beta.chatbot })).status).toBe(404);
      for (const query of [
        '',
        'user_id=',
        'user_id=%00',
        'user_id=u&anonymous_id=a',
        `user_id=${'u'.repeat(201)}`,
        `user_id=${encodeURIComponent('🙂'.repeat(101))}`,
        'user_id=u&user_id=v',
      ]) {
        expect((await ask(`data-subject?${query}`, { method })).status, `${method} ${query}`).toBe(400);
      }
    }
    expect(await auditRows()).toEqual([]);
  });

  test('is recorded by the digest of the id', async () => {
    await fill();
    await (await ask('data-subject?user_id=u-1', { headers: { 'x-request-id': 'r-1' } })).text();
    await ask('data-subject?user_id=u-1', { method: 'DELETE', headers: { 'x-request-id': 'r-2' } });
    const subjectSha256 = createHash('sha256').update('u-1').digest('hex');
    const details = { chatbotId: acme.chatbot, subjectType: 'user_id', subjectSha256 };
    expect(await auditRows()).toEqual([
      { org_id: acme.id, actor: 'owner@acme.example', action: 'widget.data_subject.export', details: { ...details, requestId: 'r-1' } },
      {
        org_id: acme.id,
        actor: 'owner@acme.example',
        action: 'widget.data_subject.delete',
        details: { ...details, requestId: 'r-2', events_deleted: 4, sessions_deleted: 2, visitors_deleted: 1 },
      },
    ]);
  });
});
