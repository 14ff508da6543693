import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { poster, standingClock, type Post } from '../../test/support/marketing.ts';
import { runApi, runExporter, testIdentity } from '../../test/support/services.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let other: Awaited<ReturnType<typeof runExporter>>;
let api: Awaited<ReturnType<typeof runApi>>;
let post: Post;
const clock = standingClock();
const minute = 60_000;

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { now: clock.now });
  other = await runExporter(database, { now: clock.now, environment: { ENABLE_HEURISTIC_LINKING: 'false' } });
  api = await runApi(database, { now: clock.now });
  post = poster(exporter.url);
});
afterAll(async () => {
  await exporter.stop();
  await other.stop();
  await api.stop();
  await database.drop();
});
beforeEach(async () => {
  await database.query('truncate marketing.visitors, marketing.events, marketing.web_traffic_logs, marketing.leads, audit_logs cascade');
  clock.set(new Date(`${clock.today}T06:00:00.000Z`));
});

const email = 'ada@example.com';
const anonId = 'anon-0001';
interface Captured {
  ok: true;
  leadId: string;
  visitorId: string;
  sessionId: string;
  heuristicLinksCreated: number;
}
async function capture(changes: Record<string, unknown> = {}): Promise<Captured> {
  const response = await post('/v1/leads/capture', { email, anonId, ...changes });
  expect(response.status).toBe(200);
  return (await response.json()) as Captured;
}
const rows = (table: string, order = '1'): Promise<Record<string, unknown>[]> =>
  database.query(`select * from marketing.${table} order by ${order}`);
const consentLog = async (): Promise<string[]> =>
  (await rows('consent_events', 'created_at')).map(({ status, source }) => `${String(status)} by ${String(source)}`);
const statusOfLead = async (): Promise<unknown> => (await rows('leads'))[0]?.['consent_status'];

describe('a captured lead', () => {
  test('is stored with its event, session, identity, submission and consent', async () => {
    const captured = await capture({
      email: ' Ada@Example.COM ',
      propertyId: 'www',
      formName: 'demo',
      path: '/demo',
      sourceChannel: 'fair',
      consentStatus: 'express',
      payload: { company: 'Engines', note: 'a\u0000b' },
      utm: { source: 'newsletter', medium: 'email' },
      referrer: 'https://mail.example/',
    });
    const now = clock.now();
    expect(await rows('leads')).toMatchObject([
      {
        id: captured.leadId,
        email,
        email_domain: 'example.com',
        source_channel: 'fair',
        consent_status: 'express',
        first_captured_at: now,
        last_captured_at: now,
      },
    ]);
    expect(await rows('events')).toMatchObject([
      { property_id: 'www', event_type: 'form_submit', path: '/demo', props: { formName: 'demo', sourceChannel: 'fair' } },
    ]);
    expect(await rows('web_traffic_logs')).toMatchObject([{ is_conversion: true, is_entrance: false, traffic_source: 'email' }]);
    expect(await rows('form_submissions')).toMatchObject([
      {
        property_id: 'www',
        lead_id: captured.leadId,
        visitor_id: captured.visitorId,
        session_id: captured.sessionId,
        form_name: 'demo',
        path: '/demo',
        payload: { company: 'Engines', note: 'ab' },
        validation_status: 'accepted',
        submitted_at: now,
      },
    ]);
    expect(await rows('lead_identities')).toMatchObject([
      { lead_id: captured.leadId, visitor_id: captured.visitorId, link_source: 'form_submit', confidence: '1.00' },
    ]);
    expect(await consentLog()).toEqual(['express by form_submit']);
    expect(captured.heuristicLinksCreated).toBe(0);
  });

  test('keeps what it was first, and takes what is new', async () => {
    const first = await capture({ sourceChannel: 'fair' });
    const firstAt = clock.now();
    clock.pass(minute);
    const second = await capture({ formName: 'other' });
    expect(second.leadId).toBe(first.leadId);
    expect(await rows('leads')).toMatchObject([
      { source_channel: 'fair', first_captured_at: firstAt, last_captured_at: clock.now(), consent_status: 'pending' },
    ]);
    expect(await rows('form_submissions', 'submitted_at')).toMatchObject([
      { form_name: 'lead_capture', path: '/', payload: null },
      { form_name: 'other' },
    ]);
    expect(await consentLog()).toEqual(['pending by form_submit', 'pending by form_submit']);
  });

  test('sent again a moment later is one submission, and another person on the same browser is another one', async () => {
    const first = await capture({ payload: { a: 1 } });
    expect(await capture({ payload: { a: 1 } })).toEqual(first);
    expect([(await rows('form_submissions')).length, (await rows('events')).length]).toEqual([1, 1]);
    // The log says of each one that it was sent.
    expect(await consentLog()).toEqual(['pending by form_submit', 'pending by form_submit']);
    await capture({ email: 'grace@example.com', payload: { a: 1 } });
    expect((await rows('form_submissions')).length).toBe(2);
    // A repeat that says more about consent is heard.
    await capture({ payload: { a: 1 }, consentStatus: 'express' });
    expect((await rows('form_submissions')).length).toBe(2);
    expect((await rows('leads', 'email'))[0]).toMatchObject({ email, consent_status: 'express' });
  });

  test('by two exporters at once is one lead', async () => {
    const posts = [poster(exporter.url), poster(other.url)];
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_each, index) => {
        const body = { email: `lead-${index % 5}@example.com`, anonId: `anon-many-${index % 8}`, formName: `form ${index}` };
        return (await posts[index % 2]?.('/v1/leads/capture', body))?.status;
      }),
    );
    expect(new Set(answers)).toEqual(new Set([200]));
    expect([(await rows('leads')).length, (await rows('form_submissions')).length, (await rows('events')).length]).toEqual([5, 40, 40]);
  });

  test('needs an address, and an anonymous id when it is JSON', async () => {
    const refused = async (body: Record<string, unknown>): Promise<unknown> => {
      const response = await post('/v1/leads/capture', body);
      expect(response.status).toBe(400);
      return ((await response.json()) as { issues: { path: string; message: string }[] }).issues[0];
    };
    expect(await refused({ anonId })).toEqual({ path: 'email', message: 'is required' });
    for (const bad of [
      'ada',
      'ada@',
      '@example.com',
      'a b@example.com',
      'ada@example.com\r\nBcc: x@y.example',
      `${'a'.repeat(310)}@example.com`,
    ]) {
      expect(await refused({ email: bad, anonId }), bad).toMatchObject({ path: 'email' });
    }
    expect(await refused({ email })).toEqual({ path: 'anonId', message: 'is required' });
    expect(await refused({ email, anonId, consentStatus: 'withdrawn' })).toEqual({
      path: 'consentStatus',
      message: 'must be one of pending, express, implied',
    });
    expect(await refused({ email, anonId, payload: 'x' })).toEqual({ path: 'payload', message: 'must be an object' });
    expect(await rows('leads')).toEqual([]);
  });
});

describe('consent', () => {
  test('only rises by captures, also when they arrive together', async () => {
    await capture({ consentStatus: 'express', formName: 'a' });
    await capture({ consentStatus: 'implied', formName: 'b' });
    await Promise.all(['pending', 'implied', undefined].map((consentStatus) => capture({ consentStatus, formName: `c ${consentStatus}` })));
    expect(await statusOfLead()).toBe('express');
    expect(await consentLog()).toEqual(Array.from({ length: 5 }, () => 'express by form_submit'));
  });

  test('that was withdrawn comes back by a clear word only', async () => {
    await capture({ consentStatus: 'express', formName: 'a' });
    clock.pass(minute);
    const response = await post('/v1/leads/unsubscribe', { email: ' ADA@example.com', reason: 'enough' });
    expect([response.status, await response.json()]).toEqual([200, { ok: true, found: true }]);
    clock.pass(minute);
    await capture({ consentStatus: 'pending', formName: 'b' });
    expect(await consentLog()).toEqual(['express by form_submit', 'withdrawn by unsubscribe']);
    clock.pass(minute);
    await capture({ formName: 'c' });
    expect(await statusOfLead()).toBe('withdrawn');
    clock.pass(minute);
    await capture({ consentStatus: 'implied', formName: 'd' });
    expect(await statusOfLead()).toBe('implied');
    expect(await consentLog()).toEqual([
      'express by form_submit',
      'withdrawn by unsubscribe',
      'withdrawn by form_submit',
      'implied by form_submit',
    ]);
  });

  test('can be withdrawn by a form of a page without scripts', async () => {
    await capture();
    const form = new URLSearchParams({ email: ` ${email.toUpperCase()} `, reason: 'enough' }).toString();
    const response = await post('/v1/leads/unsubscribe', form, { 'content-type': 'application/x-www-form-urlencoded' });
    expect([response.status, await response.json()]).toEqual([200, { ok: true, found: true }]);
    expect(await statusOfLead()).toBe('withdrawn');
  });

  test('of nobody cannot be withdrawn', async () => {
    const unknown = await post('/v1/leads/unsubscribe', { email: 'nobody@example.com' });
    expect([unknown.status, await unknown.json()]).toEqual([404, { ok: false, error: 'not_found' }]);
    const invalid = await post('/v1/leads/unsubscribe', { email: 'nobody', reason: 'x'.repeat(513) });
    expect([invalid.status, await invalid.json()]).toMatchObject([400, { ok: false, error: 'invalid_request' }]);
  });
});

describe('other visitors with the same address and browser', () => {
  const visit = (visitor: string, userAgent = 'Browser/1'): Promise<Response> =>
    post('/v1/events', { anonId: visitor, eventType: 'page_view', path: '/' }, { 'user-agent': userAgent });
  const captureFrom = async (url: string): Promise<number> => {
    const response = await poster(url)('/v1/leads/capture', { email, anonId }, { 'user-agent': 'Browser/1' });
    return ((await response.json()) as Captured).heuristicLinksCreated;
  };

  test('of the last 15 minutes are linked, once, the newest 20', async () => {
    await visit('anon-too-old');
    clock.pass(15 * minute + 1);
    for (let index = 0; index < 22; index += 1) {
      await visit(`anon-alike-${String(index).padStart(2, '0')}`);
      clock.pass(1000);
    }
    await visit('anon-other-browser', 'Browser/2');
    expect(await captureFrom(exporter.url)).toBe(20);
    const linked = await database.query<{ anon_id: string; confidence: string }>(
      `select v.anon_id, i.confidence from marketing.lead_identities i join marketing.visitors v on v.id = i.visitor_id
       where i.link_source = 'same_ip_ua_window' order by v.anon_id`,
    );
    expect(linked.map(({ anon_id }) => anon_id)).toEqual(
      Array.from({ length: 20 }, (_each, index) => `anon-alike-${String(index + 2).padStart(2, '0')}`),
    );
    expect(new Set(linked.map(({ confidence }) => confidence))).toEqual(new Set(['0.35']));
    clock.pass(minute);
    expect(await captureFrom(exporter.url)).toBe(0);
  });

  test('are not linked where that is switched off', async () => {
    await visit('anon-alike-00');
    expect(await captureFrom(other.url)).toBe(0);
    expect(await rows('lead_identities')).toMatchObject([{ link_source: 'form_submit' }]);
  });
});

describe('a form that a browser posts', () => {
  const submit = (fields: Record<string, string> | string, headers: Record<string, string> = {}): Promise<Response> =>
    post('/v1/leads/capture', new URLSearchParams(fields).toString(), {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      ...headers,
    });

  test('is stored under an id that is made for it, and sent back to its page', async () => {
    const response = await submit(
      { email, path: '/demo?x=1', 'utm[source]': 'newsletter', 'payload[company]': 'Engines', consentStatus: 'express' },
      { origin: testIdentity.portalOrigin },
    );
    expect([response.status, response.headers.get('location'), await response.text()]).toEqual([303, '/demo?x=1', '']);
    expect(await rows('form_submissions')).toMatchObject([{ payload: { company: 'Engines' }, path: '/demo?x=1' }]);
    expect(await rows('sessions')).toMatchObject([{ utm_source: 'newsletter', property_id: 'portal.example.com' }]);
    expect((await rows('visitors'))[0]?.['anon_id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    ['//evil.example', '/'],
    ['/\\evil', '/'],
    ['https://evil', '/'],
    ['/a\r\nSet-Cookie: x=1', '/'],
    ['/danke schön', '/danke%20sch%C3%B6n'],
    ['', '/'],
  ])('with the path %j leads to %s', async (path, location) => {
    const response = await submit({ email, path, anonId });
    expect([response.status, response.headers.get('location'), response.headers.get('set-cookie')]).toEqual([303, location, null]);
  });

  test('with a filled honeypot gets the same answer', async () => {
    for (const trap of ['honeypot=x', 'honeypot=&honeypot=x', 'honeypot[a]=x']) {
      const response = await submit(`email=nobody&path=/demo&${trap}`);
      expect([response.status, response.headers.get('location')]).toEqual([303, '/demo']);
    }
    expect(await rows('leads')).toEqual([]);
  });

  test.each([
    ['email=a@example.com&email=b@example.com', 'email'],
    ['email=a@example.com&utm[source]=a&utm[source]=b', 'utm.source'],
    ['email=a@example.com&utm=x', 'utm'],
    ['email=a@example.com&utm=x&utm[source]=a', 'utm'],
    ['email=a@example.com&anonId=short', 'anonId'],
  ])('that says something twice, or wrong, is refused: %s', async (fields, path) => {
    const response = await submit(fields);
    const { issues } = (await response.json()) as { issues: { path: string }[] };
    expect([response.status, issues.map((issue) => issue.path)]).toEqual([400, [path]]);
  });

  test('cannot reach a prototype', async () => {
    const response = await submit('email=a@example.com&__proto__[polluted]=1&payload[__proto__]=1&payload[a]=1&payload[a]=2');
    expect(response.status).toBe(303);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((await rows('form_submissions'))[0]?.['payload']).toMatchObject({ a: ['1', '2'] });
  });
});

describe('POST /v1/leads/delete', () => {
  const remove = (address: unknown, headers: Record<string, string> = { 'x-admin-key': testIdentity.adminKey }): Promise<Response> =>
    poster(api.url)('/v1/leads/delete', { email: address }, headers);

  test('removes the person and keeps what has no name', async () => {
    await capture({ payload: { phone: '555' } });
    const response = await remove(' ADA@example.com ');
    expect([response.status, await response.json()]).toEqual([200, { ok: true, deleted: true }]);
    expect([(await rows('leads')).length, (await rows('lead_identities')).length, (await rows('consent_events')).length]).toEqual([
      0, 0, 0,
    ]);
    expect(await rows('form_submissions')).toMatchObject([{ lead_id: null, payload: null, form_name: 'lead_capture' }]);
    expect([(await rows('visitors')).length, (await rows('events')).length]).toEqual([1, 1]);
    const trail = await database.query('select * from audit_logs');
    expect(trail).toMatchObject([{ action: 'marketing.lead.delete', org_id: null, details: { submissions: 1 } }]);
    expect(JSON.stringify(trail)).not.toContain('ada');
    expect((await remove(email)).status).toBe(404);
  });

  test('is refused without the key, before anything else is looked at', async () => {
    await capture();
    const bad: Record<string, string>[] = [{}, { 'x-admin-key': 'wrong' }, { 'x-admin-key': '' }];
    for (const headers of bad) {
      const response = await remove('not an address', headers);
      expect([response.status, await response.json()]).toEqual([401, { ok: false, error: 'unauthorized' }]);
    }
    const evil = await remove(email, { 'x-admin-key': testIdentity.adminKey, origin: 'https://evil.example' });
    expect([evil.status, await evil.json()]).toEqual([403, { ok: false, error: 'origin_not_allowed' }]);
    expect((await remove('not an address')).status).toBe(400);
    expect((await rows('leads')).length).toBe(1);
  });

  test('of nobody changes nothing', async () => {
    const response = await remove('nobody@example.com');
    expect([response.status, await response.json()]).toEqual([404, { ok: false, error: 'not_found' }]);
    expect(await database.query('select from audit_logs')).toEqual([]);
  });
});
