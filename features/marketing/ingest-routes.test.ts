import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { poster, standingClock, type Post } from '../../test/support/marketing.ts';
import { runExporter, scrape, testIdentity } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let other: Awaited<ReturnType<typeof runExporter>>;
let post: Post;
const clock = standingClock();
const minute = 60_000;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { now: clock.now });
  other = await runExporter(database, { now: clock.now });
  post = poster(exporter.url);
});
afterAll(async () => {
  await exporter.stop();
  await other.stop();
  await database.drop();
});
beforeEach(async () => {
  await database.query(
    'truncate marketing.visitors, marketing.events, marketing.web_traffic_logs, marketing.leads, marketing.ingest_rejections cascade',
  );
  clock.pass(60 * minute);
  // Not into tomorrow: the partitions end two weeks ahead, but a timestamp of today should stay one.
  if (clock.now().getUTCHours() === 23) clock.set(new Date(`${clock.today}T01:00:00.000Z`));
});

const anonId = 'anon-0001';
const pageView = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  anonId,
  eventType: 'page_view',
  path: '/',
  ...changes,
});
interface Ids {
  ok: true;
  eventId: string;
  visitorId: string;
  sessionId: string;
}
async function send(changes: Record<string, unknown> = {}, headers?: Record<string, string>): Promise<Ids> {
  const response = await post('/v1/events', pageView(changes), headers);
  expect(response.status).toBe(202);
  return (await response.json()) as Ids;
}
const one = async (table: string): Promise<Record<string, unknown>> => (await database.query(`select * from marketing.${table}`))[0] ?? {};
const count = async (table: string): Promise<number> =>
  (await database.query<{ count: number }>(`select count(*) as count from marketing.${table}`))[0]?.count ?? 0;
const sessionsInOrder = (): Promise<Record<string, unknown>[]> =>
  database.query('select * from marketing.sessions order by started_at, last_event_at, id');

describe('an event', () => {
  test('is stored with its visitor, session and traffic log, and answered with their ids', async () => {
    const ids = await send(
      {
        path: ' /pricing ',
        referrer: 'https://www.google.co.uk/',
        props: { plan: 'pro', note: 'a\u0000b' },
        utm: { term: 'widgets' },
        traffic: {
          host: 'WWW.Example.com:8443',
          pageTitle: 'Pricing',
          countryCode: 'ca',
          screenWidth: '1280',
          webVitals: { lcpMs: 1800, clsScore: '5e-2', ttfbMs: 120 },
          scrollDepthPercent: 100,
        },
      },
      { 'user-agent': 'Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36' },
    );
    expect(await one('events')).toMatchObject({
      property_id: 'www.example.com',
      occurred_on: clock.today,
      id: ids.eventId,
      visitor_id: ids.visitorId,
      session_id: ids.sessionId,
      event_type: 'page_view',
      path: '/pricing',
      occurred_at: clock.now(),
      received_at: clock.now(),
      props: { plan: 'pro', note: 'ab' },
    });
    expect(await one('web_traffic_logs')).toMatchObject({
      event_id: ids.eventId,
      property_id: 'www.example.com',
      host: 'WWW.Example.com:8443',
      traffic_source: 'organic_search',
      device_type: 'mobile',
      country_code: 'CA',
      screen_width: 1280,
      lcp_ms: 1800,
      ttfb_ms: 120,
      fcp_ms: null,
      cls_score: 0.05,
      scroll_depth_percent: 100,
      is_entrance: true,
      is_exit: false,
      is_conversion: false,
    });
    expect(await sessionsInOrder()).toMatchObject([
      { id: ids.sessionId, landing_path: '/pricing', utm_term: 'widgets', page_views: 1, ended_at: null, started_at: clock.now() },
    ]);
  });

  test('keeps neither the address nor the user agent', async () => {
    await send({ traffic: { propertyId: 'p' } }, { 'user-agent': 'Secret-Agent/1.0' });
    const dump = await database.query(
      `select row_to_json(v) as row from marketing.visitors v union all select row_to_json(e) from marketing.events e
       union all select row_to_json(l) from marketing.web_traffic_logs l`,
    );
    expect(dump).toHaveLength(3);
    expect(JSON.stringify(dump)).not.toMatch(/127\.0\.0\.1|Secret-Agent/);
    expect(await one('visitors')).toMatchObject({
      last_ip_hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      last_ua_hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });

  test.each([
    [{ traffic: { propertyId: ' shop ', host: 'a.example' } }, {}, 'shop'],
    [{ traffic: { propertyId: '  ', host: 'A.example:80' } }, {}, 'a.example'],
    [{}, { origin: testIdentity.portalOrigin }, 'portal.example.com'],
    [{}, {}, '127.0.0.1'],
    [{ traffic: { host: `${'h'.repeat(200)}.example` } }, {}, 'h'.repeat(128)],
  ])('case %#: its property comes from the nearest source', async (changes, headers, expected) => {
    await send(changes, headers);
    expect(await one('events')).toMatchObject({ property_id: expected });
  });

  test('takes its own time when that is within a week and five minutes, and else that of its receipt', async () => {
    const at = (ms: number): string => new Date(clock.now().getTime() + ms).toISOString();
    const cases = [
      [-7 * 24 * 60 * minute, true],
      [-7 * 24 * 60 * minute - 1, false],
      [5 * minute, true],
      [5 * minute + 1, false],
    ] as const;
    for (const [index, [ms, isOwn]] of cases.entries()) {
      const { eventId } = await send({ anonId: `anon-time-${index}`, timestamp: at(ms) });
      const [row] = await database.query<{ occurred_at: Date; occurred_on: string }>(
        'select occurred_at, occurred_on from marketing.events where id = $1',
        [eventId],
      );
      const expected = isOwn ? at(ms) : at(0);
      expect(row).toEqual({ occurred_at: new Date(expected), occurred_on: expected.slice(0, 10) });
    }
  });

  test('falls on its own day to the millisecond', async () => {
    const midnight = `${clock.today}T00:00:00.000Z`;
    const before = new Date(Date.parse(midnight) - 1).toISOString();
    await send({ timestamp: midnight });
    await send({ timestamp: before });
    const days = await database.query<{ occurred_on: string }>('select occurred_on from marketing.events order by occurred_on');
    expect(days.map(({ occurred_on }) => occurred_on)).toEqual([before.slice(0, 10), clock.today]);
  });

  test('whose beacon says it is text is JSON all the same', async () => {
    expect((await post('/v1/events', pageView(), { 'content-type': 'text/plain' })).status).toBe(202);
  });
});

describe('the same event again', () => {
  test('is answered with the first ids and changes nothing', async () => {
    const eventId = '0198C5F0-7A5C-7CC2-8A3E-1F2D3C4B5A69';
    const first = await send({ eventId });
    clock.pass(minute);
    const again = await send({ eventId, path: '/other' });
    expect(again).toEqual(first);
    expect(first.eventId).toBe(eventId.toLowerCase());
    expect([await count('events'), await count('web_traffic_logs')]).toEqual([1, 1]);
    expect(await sessionsInOrder()).toMatchObject([{ page_views: 1, ended_at: null }]);
  });

  test('without an id or time is the same within a window of 30 seconds', async () => {
    clock.set(new Date(`${clock.today}T10:00:00.000Z`));
    const first = await send();
    clock.pass(29_999);
    expect(await send()).toEqual(first);
    clock.pass(1);
    expect((await send()).eventId).not.toBe(first.eventId);
    expect(await count('events')).toBe(2);
  });

  test('is another one when anything of it differs', async () => {
    clock.set(new Date(`${clock.today}T10:00:00.000Z`));
    const timestamp = new Date(clock.now().getTime() - minute).toISOString();
    const variants: Record<string, unknown>[] = [
      {},
      { path: '/b' },
      { eventType: 'scroll' },
      { referrer: 'https://a.example/' },
      { props: { a: 1 } },
      { utm: { source: 'x' } },
      { traffic: { pageTitle: 'x' } },
      { timestamp },
      { anonId: 'anon-0002' },
    ];
    for (const variant of variants) await send({ ...variant, traffic: { propertyId: 'p', ...(variant['traffic'] as object | undefined) } });
    expect(await count('events')).toBe(variants.length);
    // The order of keys is no difference.
    await send({ props: { b: 1, a: 2 }, traffic: { propertyId: 'p' } });
    await send({ props: { a: 2, b: 1 }, traffic: { propertyId: 'p' } });
    expect(await count('events')).toBe(variants.length + 1);
  });

  test('after midnight is still the same, if it has an id', async () => {
    const eventId = '11111111-1111-4111-8111-111111111111';
    clock.set(new Date(Date.parse(`${clock.today}T00:00:00.000Z`) - 1));
    const first = await send({ eventId });
    clock.pass(5000);
    expect(await send({ eventId })).toEqual(first);
    expect(await count('events')).toBe(1);
  });

  test.each<[string, { agoMs: number; laterMs: number }]>([
    ['older than a week', { agoMs: 7 * 24 * 60 * minute - 1000, laterMs: 5000 }],
    ['no longer in the future', { agoMs: -6 * minute, laterMs: 3 * minute }],
  ])('whose time is %s when it is sent again is still the same', async (_what, { agoMs, laterMs }) => {
    for (const own of [{ eventId: '33333333-3333-4333-8333-333333333333' }, {}]) {
      // The time and its receipt fall on two days.
      clock.set(new Date(Date.parse(`${clock.today}T00:00:00.000Z`) + (agoMs < 0 ? 24 * 60 * minute + agoMs + minute : -1000)));
      const event = { ...own, timestamp: new Date(clock.now().getTime() - agoMs).toISOString() };
      const first = await send(event);
      clock.pass(laterMs);
      expect(await send(event)).toEqual(first);
    }
    expect(await count('events')).toBe(2);
  });

  test('from another visitor is another event', async () => {
    const eventId = '22222222-2222-4222-8222-222222222222';
    const first = await send({ eventId });
    const second = await send({ eventId, anonId: 'anon-0002' });
    expect(second.eventId).not.toBe(first.eventId);
    expect(await send({ eventId, anonId: 'anon-0002' })).toEqual(second);
    expect(await count('web_traffic_logs')).toBe(2);
  });

  test('sent to two exporters at once, many times, is stored once and counted once', async () => {
    const ids = Array.from({ length: 40 }, () => crypto.randomUUID());
    const posts = [poster(exporter.url), poster(other.url)];
    const bodies = ids.flatMap((eventId, index) =>
      posts.map((to) => [to, pageView({ eventId, anonId: `anon-${index % 7}-000` })] as const),
    );
    const answers = await Promise.all([...bodies, ...bodies].map(async ([to, body]) => (await to('/v1/events', body)).json()));
    expect(new Set((answers as Ids[]).map(({ eventId }) => eventId))).toEqual(new Set(ids));
    expect([await count('events'), await count('web_traffic_logs'), await count('visitors'), await count('sessions')]).toEqual([
      40, 40, 7, 7,
    ]);
    const [views] = await database.query<{ views: number }>('select sum(page_views) as views from marketing.sessions');
    expect(views?.views).toBe(40);
    const [entrances] = await database.query<{ n: number }>('select count(*) as n from marketing.web_traffic_logs where is_entrance');
    expect(entrances?.n).toBe(7);
  });
});

describe('a session', () => {
  test('goes on after exactly 30 minutes, and not a millisecond later', async () => {
    clock.set(new Date(`${clock.today}T05:00:00.000Z`));
    const { sessionId } = await send();
    clock.pass(30 * minute);
    expect((await send()).sessionId).toBe(sessionId);
    const lastOfFirst = clock.now();
    clock.pass(30 * minute + 1);
    expect((await send()).sessionId).not.toBe(sessionId);
    expect(await sessionsInOrder()).toMatchObject([
      { page_views: 2, last_event_at: lastOfFirst, ended_at: lastOfFirst },
      { page_views: 1, ended_at: null },
    ]);
  });

  test('of one event is ended when the next one begins', async () => {
    clock.set(new Date(`${clock.today}T05:00:00.000Z`));
    await send();
    const started = clock.now();
    clock.pass(60 * minute);
    await send();
    expect(await sessionsInOrder()).toMatchObject([{ ended_at: started }, { ended_at: null }]);
  });

  test('is rotated by another campaign, and never by an event without one', async () => {
    clock.set(new Date(`${clock.today}T05:00:00.000Z`));
    const sessions: string[] = [];
    for (const utm of [{ source: 'google' }, {}, undefined, { source: ' ' }, { source: 'google' }, { source: 'bing' }, { medium: 'cpc' }]) {
      clock.pass(minute);
      sessions.push((await send(utm === undefined ? {} : { utm })).sessionId);
    }
    expect(sessions.map((id) => sessions.indexOf(id))).toEqual([0, 0, 0, 0, 0, 5, 6]);
  });

  test('takes a backdated event in, without moving back', async () => {
    const { sessionId } = await send();
    const started = clock.now();
    const early = new Date(started.getTime() - 24 * 60 * minute);
    expect((await send({ timestamp: early.toISOString(), eventType: 'scroll' })).sessionId).toBe(sessionId);
    expect(await sessionsInOrder()).toMatchObject([{ started_at: started, last_event_at: started }]);
    expect(await one('visitors')).toMatchObject({ first_seen_at: early, last_seen_at: started });
  });

  test('has one entrance: its first page view', async () => {
    await send({ eventType: 'form_start' });
    await send({ path: '/a' });
    await send({ path: '/b' });
    await send({ path: '/c', traffic: { isEntrance: true, isExit: true } });
    await send({ eventType: 'form_submit', path: '/c' });
    const rows = await database.query(
      'select event_type, path, is_entrance, is_exit, is_conversion from marketing.web_traffic_logs order by is_entrance desc, path, event_type',
    );
    expect(rows.filter(({ is_entrance }) => is_entrance).map(({ path }) => path as string)).toEqual(['/a', '/c']);
    expect(rows.filter(({ is_exit }) => is_exit).map(({ path }) => path as string)).toEqual(['/c']);
    expect(rows.filter(({ is_conversion }) => is_conversion).map(({ event_type }) => event_type as string)).toEqual(['form_submit']);
  });
});

describe('what is refused', () => {
  const issuesOf = async (body: unknown): Promise<[number, { path: string; message: string }[]]> => {
    const response = await post('/v1/events', body);
    const { error, issues = [] } = (await response.json()) as { error?: string; issues?: { path: string; message: string }[] };
    if (response.status === 400) expect(error).toBe('invalid_request');
    return [response.status, issues];
  };

  test.each<[Record<string, unknown>, string, string]>([
    [{ anonId: undefined }, 'anonId', 'is required'],
    [{ anonId: ' 1234567 ' }, 'anonId', 'must have at least 8 characters'],
    [{ anonId: 12345678 }, 'anonId', 'must be a string'],
    [{ eventType: '  ' }, 'eventType', 'must not be empty'],
    [{ eventType: 'x'.repeat(65) }, 'eventType', 'must have at most 64 characters'],
    [{ path: 'x'.repeat(2049) }, 'path', 'must have at most 2048 characters'],
    [{ eventId: 'nope' }, 'eventId', 'must be a UUID'],
    [{ timestamp: 'yesterday' }, 'timestamp', 'must be a moment in ISO 8601 such as 2026-02-13T10:00:00Z'],
    [{ timestamp: '2026-02-30T00:00:00Z' }, 'timestamp', 'must be a moment in ISO 8601 such as 2026-02-13T10:00:00Z'],
    [{ timestamp: 1e300 }, 'timestamp', 'must be a moment in ISO 8601 such as 2026-02-13T10:00:00Z'],
    [{ utm: { source: 'x'.repeat(256) } }, 'utm.source', 'must have at most 255 characters'],
    [{ utm: 'x' }, 'utm', 'must be an object'],
    [{ props: [] }, 'props', 'must be an object'],
    [{ props: { a: 'x'.repeat(16_384) } }, 'props', 'must have at most 16384 bytes as JSON'],
    [{ traffic: { webVitals: { lcpMs: 120_001 } } }, 'traffic.webVitals.lcpMs', 'must be <= 120000'],
    [{ traffic: { webVitals: { lcpMs: 1.5 } } }, 'traffic.webVitals.lcpMs', 'must be a whole number'],
    [{ traffic: { webVitals: { clsScore: -0.1 } } }, 'traffic.webVitals.clsScore', 'must be >= 0'],
    [{ traffic: { screenWidth: 0 } }, 'traffic.screenWidth', 'must be >= 1'],
    [{ traffic: { screenWidth: '12px' } }, 'traffic.screenWidth', 'must be a whole number'],
    [{ traffic: { isEntrance: 'true' } }, 'traffic.isEntrance', 'must be true or false'],
    [{ traffic: { countryCode: 'CAN' } }, 'traffic.countryCode', 'must be two letters'],
    [{ traffic: { deviceType: 'phone' } }, 'traffic.deviceType', 'must be one of desktop, mobile, tablet, bot, unknown'],
    [{ honeypot: 1 }, 'honeypot', 'must be a string'],
  ])('case %# is told by the name of its field', async (changes, path, message) => {
    expect(await issuesOf(pageView(changes))).toEqual([400, [{ path, message }]]);
    expect(await count('events')).toBe(0);
  });

  test('is no object at all, or no JSON, or of another type, or too large', async () => {
    expect((await issuesOf([]))[0]).toBe(400);
    expect((await issuesOf('null'))[0]).toBe(400);
    const failures = [
      await post('/v1/events', '{'),
      await post('/v1/events', 'anonId=anon-0001', { 'content-type': 'application/x-www-form-urlencoded' }),
      await post('/v1/events', pageView({ props: { a: 'x'.repeat(300_000) } })),
      await fetch(`${exporter.url}/v1/events`),
    ];
    expect(await Promise.all(failures.map(async (response) => [response.status, await response.json()]))).toEqual([
      [400, { ok: false, error: 'invalid_json' }],
      [415, { ok: false, error: 'unsupported_media_type' }],
      [413, { ok: false, error: 'payload_too_large' }],
      [405, { ok: false, error: 'method_not_allowed' }],
    ]);
  });

  test('is entered for the rollup, under its property, when validation refused it and only then', async () => {
    await post('/v1/events', pageView({ path: '', propertyId: 'own', traffic: { propertyId: 'hint' } }));
    await post('/v1/events', pageView({ path: '', propertyId: ' ', traffic: { propertyId: 'hint' } }));
    await post('/v1/events', pageView({ path: '', propertyId: 'x'.repeat(129) }));
    await post('/v1/events', 'null');
    await post('/v1/leads/capture', { email: 'nobody' });
    await post('/v1/events', '{');
    await post('/v1/events', pageView({ path: '', honeypot: 'x' }));
    await post('/v1/leads/unsubscribe', { email: 'nobody' });
    await waitUntil(async () => (await count('ingest_rejections')) === 5, { within: 20_000 });
    const rows = await database.query('select property_id, endpoint, reason, status_code, occurred_at from marketing.ingest_rejections');
    expect(rows.map(({ property_id }) => property_id as string).toSorted()).toEqual(['default', 'default', 'default', 'hint', 'own']);
    expect(rows[0]).toMatchObject({ endpoint: '/v1/events', reason: 'invalid_request', status_code: 400, occurred_at: clock.now() });
    expect(rows.filter(({ endpoint }) => endpoint === '/v1/leads/capture')).toHaveLength(1);
  });

  test('comes from a page of another origin, on every route', async () => {
    for (const path of ['/v1/events', '/v1/leads/capture', '/v1/leads/unsubscribe']) {
      for (const origin of ['https://evil.example', 'null', 'https://portal.example.com.evil.example']) {
        const response = await post(path, pageView(), { origin });
        expect([response.status, await response.json()]).toEqual([403, { ok: false, error: 'origin_not_allowed' }]);
      }
      const preflight = await fetch(exporter.url + path, {
        method: 'OPTIONS',
        headers: { origin: testIdentity.portalOrigin, 'access-control-request-method': 'POST' },
      });
      expect(preflight.headers.get('access-control-allow-origin')).toBe(testIdentity.portalOrigin);
      expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
    }
    expect(await count('ingest_rejections')).toBe(0);
  });
});

describe('a filled honeypot', () => {
  test('is told that all is well, whatever else is wrong, and leaves nothing', async () => {
    for (const body of [pageView({ honeypot: ' x ' }), { honeypot: 'x' }]) {
      const response = await post('/v1/events', body);
      expect([response.status, await response.json()]).toEqual([202, { ok: true }]);
      const capture = await post('/v1/leads/capture', body);
      expect([capture.status, await capture.json()]).toEqual([202, { ok: true }]);
    }
    expect((await post('/v1/events', pageView({ honeypot: '  ' }))).status).toBe(202);
    expect([await count('events'), await count('leads')]).toEqual([1, 0]);
  });
});

describe('the database', () => {
  test('that is away makes the answer 503, and the same event can be sent again', async () => {
    const eventId = crypto.randomUUID();
    await database.refuseConnections();
    const response = await post('/v1/events', pageView({ eventId }));
    expect([response.status, await response.json()]).toEqual([503, { ok: false, error: 'unavailable' }]);
    expect(response.headers.get('retry-after')).toBe('5');
    await database.acceptConnections();
    await send({ eventId });
    expect(await count('events')).toBe(1);
  });

  test('that refuses an event refuses it alone', async () => {
    const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const good = Array.from({ length: 10 }, (_each, index) => post('/v1/events', pageView({ anonId: `anon-good-${index}` })));
    const bad = post('/v1/events', `{"anonId":"anon-bad-0","eventType":"x","path":"/","props":{"a":${deep(7000)}}}`);
    const statuses = (await Promise.all([...good, bad])).map(({ status }) => status);
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 202));
    expect([202, 400, 422]).toContain(statuses[10]);
    expect(await count('events')).toBeGreaterThanOrEqual(10);
  });
});

test('series count what was stored, once', async () => {
  const read = async (): Promise<(series: string) => number> => {
    const { value } = await scrape(exporter.metricsUrl);
    return (series) => value(series) ?? Number.NaN;
  };
  const before = await read();
  const eventId = crypto.randomUUID();
  await send({ eventId, referrer: 'https://t.co/', traffic: { webVitals: { lcpMs: 1500, clsScore: 0.2 } } }, { 'user-agent': 'Googlebot' });
  await send({ eventId });
  await send({ eventType: 'scroll' });
  await post('/v1/events', {});
  await post('/v1/events', { honeypot: 'x' });
  await post('/v1/leads/capture', { anonId, email: 'series@example.com', consentStatus: 'implied' });
  await post('/v1/leads/capture', { anonId, email: 'series@example.com', formName: 'second' });
  await post('/v1/leads/unsubscribe', { email: 'series@example.com' });
  await post('/v1/leads/unsubscribe', { email: 'nobody@example.com' });
  const after = await read();
  const risen: Record<string, number> = {
    'marketing_events_accepted_total{event_type="page_view"}': 1,
    'marketing_events_accepted_total{event_type="other"}': 1,
    'marketing_events_accepted_total{event_type="form_submit"}': 2,
    'marketing_events_accepted_total{event_type="form_start"}': 0,
    marketing_events_duplicate_total: 1,
    'marketing_ingest_rejected_total{endpoint="events"}': 1,
    'marketing_ingest_rejected_total{endpoint="capture"}': 0,
    'marketing_honeypot_hits_total{endpoint="events"}': 1,
    'marketing_page_views_total{traffic_source="social",device_type="bot"}': 1,
    'marketing_page_views_total{traffic_source="direct",device_type="desktop"}': 0,
    'marketing_leads_captured_total{kind="new"}': 1,
    'marketing_leads_captured_total{kind="known"}': 1,
    'marketing_consent_changes_total{status="implied"}': 1,
    'marketing_consent_changes_total{status="withdrawn"}': 1,
    'marketing_consent_changes_total{status="pending"}': 0,
    'marketing_unsubscribes_total{outcome="found"}': 1,
    'marketing_unsubscribes_total{outcome="not_found"}': 1,
    'marketing_web_vital_duration_seconds_bucket{le="1.8",vital="lcp"}': 1,
    'marketing_web_vital_duration_seconds_bucket{le="1",vital="lcp"}': 0,
    marketing_web_vital_layout_shift_score_count: 1,
    'observability_ingest_rows_total{endpoint="marketing",outcome="stored"}': 4,
    'observability_ingest_rows_total{endpoint="marketing",outcome="duplicate"}': 1,
    'observability_ingest_rejected_total{endpoint="marketing",reason="validation"}': 1,
  };
  expect(Object.fromEntries(Object.keys(risen).map((series) => [series, after(series) - before(series)]))).toEqual(risen);
});
