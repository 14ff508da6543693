import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import pg from 'pg';
import { parse } from 'yaml';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertOrganization, runExporter, scrape, testIdentity } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { inhibitedWithin } from './ingest.ts';

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let fingerprint: string;
let unique = 0;
let now = new Date('2026-02-13T10:00:30.000Z');

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { now: () => now });
});
beforeEach(() => {
  unique += 1;
  fingerprint = `f${unique}`;
  now = new Date('2026-02-13T10:00:30.000Z');
});
afterAll(async () => {
  await exporter.stop();
  await database.drop();
});

const start = '2026-02-13T10:00:00.000Z';
const notEnded = '0001-01-01T00:00:00Z';

interface Given {
  status?: string;
  labels?: Record<string, unknown>;
  annotations?: Record<string, unknown>;
  startsAt?: string;
  endsAt?: string;
  fingerprint?: unknown;
}

/** An item as Alertmanager writes it. */
function alert(given: Given = {}): Record<string, unknown> {
  return {
    status: given.status ?? 'firing',
    labels: {
      alertname: 'WidgetSlowRenders',
      severity: 'warning',
      category: 'performance',
      feature: 'widget-performance',
      ...given.labels,
    },
    annotations: { summary: 'Slow Message Renders', description: 'P95 render time is 18.52ms', ...given.annotations },
    startsAt: given.startsAt ?? start,
    endsAt: given.endsAt ?? notEnded,
    generatorURL: 'http://prometheus:9090/graph',
    fingerprint: given.fingerprint ?? fingerprint,
  };
}

function post(body: unknown, headers: Record<string, string> = {}, url = exporter.url): Promise<Response> {
  return fetch(`${url}/ingest/alertmanager`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${testIdentity.webhookToken}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function webhook(alerts: unknown[]): Record<string, unknown> {
  return {
    version: '4',
    groupKey: '{}:{alertname="x"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'stack',
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager:9093',
    alerts,
  };
}

async function deliver(...alerts: unknown[]): Promise<{ success: boolean; stored: number; failed: number }> {
  const response = await post(webhook(alerts));
  expect(response.status).toBe(200);
  return (await response.json()) as { success: boolean; stored: number; failed: number };
}

interface Row extends Record<string, unknown> {
  id: string;
  severity: string;
  message: string;
  metadata: Record<string, unknown>;
  resolved: boolean;
  resolved_at: Date | null;
  resolved_by: string | null;
  starts_at: Date;
  last_seen_at: Date;
}

function rows(of: string = fingerprint): Promise<Row[]> {
  return database.query<Row>('select * from alerts where fingerprint = $1 order by starts_at', [of]);
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { code: string } }).error.code;
}

describe('who may deliver', () => {
  test.each([
    ['no token', ''],
    ['another token', 'Bearer of-somebody-else'],
    ['another scheme', `Basic ${testIdentity.webhookToken}`],
  ])('%s is 401, before the body is looked at', async (_case, authorization) => {
    const response = await post('this is not JSON', { authorization });
    expect(response.status).toBe(401);
    expect(await codeOf(response)).toBe('UNAUTHENTICATED');
  });

  test('without a configured token it is 503 WEBHOOK_NOT_CONFIGURED, whatever is sent', async () => {
    const unconfigured = await runExporter(database, { environment: { ALERTMANAGER_WEBHOOK_TOKEN: undefined } });
    const response = await post(webhook([alert()]), {}, unconfigured.url);
    await unconfigured.stop();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBeNull();
    expect(await codeOf(response)).toBe('WEBHOOK_NOT_CONFIGURED');
    expect(await rows()).toEqual([]);
  });
});

describe('what is no webhook', () => {
  test.each([
    ['broken JSON', '{"version":', 'INVALID_JSON'],
    ['an array', [], 'VALIDATION_ERROR'],
    ['another version', { ...webhook([]), version: '3' }, 'VALIDATION_ERROR'],
    ['no alerts', { version: '4' }, 'VALIDATION_ERROR'],
    ['alerts that are no list', { version: '4', alerts: {} }, 'VALIDATION_ERROR'],
  ])('%s is 400', async (_case, body, code) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await codeOf(response)).toBe(code);
  });

  test('a delivery without alerts is one', async () => {
    expect(await deliver()).toEqual({ success: true, stored: 0, failed: 0 });
  });

  test.each([
    ['text', 'alert'],
    ['null', null],
    ['no fingerprint', { ...alert(), fingerprint: '' }],
    ['an unknown status', { ...alert(), status: 'pending' }],
    ['no alertname', { ...alert(), labels: { severity: 'error' } }],
    ['a label that is no text', { ...alert(), labels: { alertname: 'x', n: 1 } }],
    ['a start that is no moment', { ...alert(), startsAt: 'yesterday' }],
    ['no end', { ...alert(), endsAt: undefined }],
  ])('an item that is %s counts as failed, and the others are stored', async (_case, malformed) => {
    const refused =
      (await scrape(exporter.metricsUrl)).value('observability_ingest_rows_total{endpoint="alertmanager",outcome="refused"}') ?? 0;
    expect(await deliver(malformed, alert({ fingerprint: `${fingerprint}-other` }))).toEqual({ success: true, stored: 1, failed: 1 });
    expect(await rows(`${fingerprint}-other`)).toHaveLength(1);
    expect((await scrape(exporter.metricsUrl)).value('observability_ingest_rows_total{endpoint="alertmanager",outcome="refused"}')).toBe(
      refused + 1,
    );
  });
});

describe('a firing alert', () => {
  test('becomes a row with everything that it says', async () => {
    const { id, key } = await insertOrganization(database, { key: `org-${unique}` });
    const delivered = alert({
      labels: { org: key },
      annotations: { meta_p95Time: '18.52' },
      startsAt: '2026-02-13T10:00:00.123456789+01:00',
    });
    expect(await deliver(delivered)).toEqual({ success: true, stored: 1, failed: 0 });
    expect(await rows()).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        org_id: id,
        fingerprint,
        alertname: 'WidgetSlowRenders',
        feature: 'widget-performance',
        severity: 'warning',
        category: 'performance',
        title: 'Slow Message Renders',
        message: 'P95 render time is 18.52ms',
        metadata: { p95Time: 18.52 },
        labels: delivered['labels'],
        starts_at: new Date('2026-02-13T09:00:00.123Z'),
        last_seen_at: now,
        resolved: false,
        resolved_at: null,
        resolved_by: null,
        created_at: expect.any(Date) as Date,
        last_starts_at: null,
        expired: false,
      },
    ]);
  });

  test('that is repeated updates severity, message, metadata and the time it was seen, and nothing else', async () => {
    await deliver(alert());
    const [before] = await rows();
    now = new Date('2026-02-13T14:00:30.000Z');
    const repeated = alert({
      labels: { severity: 'error', category: 'memory' },
      annotations: { summary: 'Another', description: 'P95 render time is 21ms', meta_p95Time: '21' },
      // Alertmanager was restarted: the same alert begins anew while it is unresolved here.
      startsAt: '2026-02-13T10:30:00.000Z',
    });
    expect(await deliver(repeated)).toEqual({ success: true, stored: 1, failed: 0 });
    expect(await rows()).toEqual([
      {
        ...before,
        severity: 'error',
        message: 'P95 render time is 21ms',
        metadata: { p95Time: 21 },
        last_seen_at: now,
        last_starts_at: new Date('2026-02-13T10:30:00.000Z'),
      },
    ]);
  });

  test('that arrives late does not make the alert seen earlier', async () => {
    await deliver(alert());
    now = new Date('2026-02-13T09:00:00.000Z');
    await deliver(alert());
    expect((await rows())[0]?.last_seen_at).toEqual(new Date('2026-02-13T10:00:30.000Z'));
  });

  test('that was resolved by hand stays resolved while it is repeated', async () => {
    await deliver(alert());
    const by = { at: new Date('2026-02-13T10:05:00.000Z'), sub: 'user-1' };
    await database.query('update alerts set resolved = true, resolved_at = $2, resolved_by = $3 where fingerprint = $1', [
      fingerprint,
      by.at,
      by.sub,
    ]);
    now = new Date('2026-02-13T14:00:30.000Z');
    expect(await deliver(alert({ labels: { severity: 'critical' } }))).toEqual({ success: true, stored: 1, failed: 0 });
    expect(await rows()).toMatchObject([
      { resolved: true, resolved_at: by.at, resolved_by: by.sub, severity: 'warning', last_seen_at: now },
    ]);
    // Its resolve by Alertmanager changes nothing any more.
    await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T15:00:00Z' }));
    expect(await rows()).toMatchObject([{ resolved_at: by.at, resolved_by: by.sub }]);
  });

  test('of a later episode is a new row', async () => {
    await deliver(alert());
    await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T10:10:00Z' }));
    const later = '2026-02-13T11:00:00.000Z';
    expect(await deliver(alert({ startsAt: later }))).toEqual({ success: true, stored: 1, failed: 0 });
    expect((await rows()).map(({ starts_at, resolved }) => [starts_at.toISOString(), resolved])).toEqual([
      [start, true],
      [later, false],
    ]);
  });

  test('is one row however many deliveries of it arrive at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => deliver(alert(), alert({ fingerprint: `${fingerprint}-second` }))));
    for (const answer of answers) expect(answer).toEqual({ success: true, stored: 2, failed: 0 });
    expect(await rows()).toHaveLength(1);
    expect(await rows(`${fingerprint}-second`)).toHaveLength(1);
  });

  test('delivered twice at the very same moment is one row, and neither delivery has failed', async () => {
    const blocker = new pg.Client({ connectionString: database.url('superuser') });
    await blocker.connect();
    await blocker.query('begin; lock table alerts in share row exclusive mode');
    const answers = Promise.all([1, 2, 3, 4].map(() => deliver(alert())));
    await waitUntil(
      async () =>
        (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)).length === 4,
      { within: 20_000, what: 'four deliveries on their way' },
    );
    await blocker.query('rollback');
    await blocker.end();
    for (const answer of await answers) expect(answer).toEqual({ success: true, stored: 1, failed: 0 });
    expect(await rows()).toHaveLength(1);
  });

  test('and its end in one delivery leave one resolved row', async () => {
    expect(await deliver(alert(), alert({ status: 'resolved', endsAt: '2026-02-13T10:01:00Z' }))).toEqual({
      success: true,
      stored: 2,
      failed: 0,
    });
    expect(await rows()).toMatchObject([{ resolved: true }]);
  });
});

describe('a resolved alert', () => {
  test('is resolved when Alertmanager says it ended', async () => {
    await deliver(alert());
    expect(await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T10:10:00.5Z' }))).toEqual({ success: true, stored: 1, failed: 0 });
    expect(await rows()).toMatchObject([
      { resolved: true, resolved_at: new Date('2026-02-13T10:10:00.500Z'), resolved_by: 'alertmanager' },
    ]);
  });

  test('that is delivered again keeps its first end', async () => {
    await deliver(alert());
    await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T10:10:00Z' }));
    expect(await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T10:20:00Z' }))).toEqual({ success: true, stored: 0, failed: 0 });
    expect((await rows())[0]?.resolved_at).toEqual(new Date('2026-02-13T10:10:00Z'));
  });

  test('that nobody knows is ignored', async () => {
    const ignored = async (): Promise<number> =>
      (await scrape(exporter.metricsUrl)).value('observability_ingest_rows_total{endpoint="alertmanager",outcome="ignored"}') ?? Number.NaN;
    const before = await ignored();
    expect(await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T10:10:00Z' }))).toEqual({ success: true, stored: 0, failed: 0 });
    expect(await rows()).toEqual([]);
    expect(await ignored()).toBe(before + 1);
  });

  test('of an older episode, overtaken by the next one, does not resolve that', async () => {
    await deliver(alert({ startsAt: '2026-02-13T11:00:00Z' }));
    expect(await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T10:10:00Z' }))).toEqual({ success: true, stored: 0, failed: 0 });
    expect(await rows()).toMatchObject([{ resolved: false }]);
  });

  test('a firing that it overtook does not open it again', async () => {
    await deliver(alert());
    await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T10:10:00Z' }));
    await deliver(alert());
    expect(await rows()).toMatchObject([{ resolved: true, resolved_by: 'alertmanager' }]);
  });
});

describe('out of order', () => {
  const first = { startsAt: '2026-02-13T10:00:00.000Z', endsAt: '2026-02-13T10:10:00.000Z' };
  const second = { startsAt: '2026-02-13T10:20:00.000Z', endsAt: '2026-02-13T10:30:00.000Z' };
  const began = ({ startsAt }: { startsAt: string }): unknown => alert({ startsAt });
  const ended = (episode: { startsAt: string; endsAt: string }): unknown => alert({ status: 'resolved', ...episode });

  test('an end that comes before its beginning: the alert is resolved when it comes, and told once', async () => {
    expect(await deliver(ended(first))).toMatchObject({ stored: 0 });
    expect(await deliver(began(first))).toMatchObject({ stored: 1 });
    await deliver(began(first));
    expect(await rows()).toMatchObject([{ resolved: true, resolved_at: new Date(first.endsAt), resolved_by: 'alertmanager' }]);
    await deliver(began(second));
    expect((await rows()).map(({ resolved }) => resolved)).toEqual([true, false]);
  });

  test('the end of an episode that the next one has overtaken does not resolve that', async () => {
    await deliver(began(first));
    await deliver(began(second));
    expect(await deliver(ended(first))).toMatchObject({ stored: 0 });
    expect(await rows()).toMatchObject([{ resolved: false }]);
    await deliver(ended(second));
    expect(await rows()).toMatchObject([{ resolved: true, resolved_at: new Date(second.endsAt) }]);
  });

  test('the beginning of an episode older than one that is known opens nothing', async () => {
    await deliver(began(second));
    await deliver(ended(second));
    expect(await deliver(began(first))).toMatchObject({ stored: 0 });
    expect(await rows()).toMatchObject([{ resolved: true, starts_at: new Date(second.startsAt) }]);
  });

  test.each([2, 3])(
    '%d episodes of one alert, in every order of their beginnings and ends: once all have come, none is left unresolved',
    async (episodes) => {
      const at = (minutes: number): string => new Date(Date.parse(start) + minutes * 60_000).toISOString();
      const facts = Array.from({ length: episodes }, (_, n) => n).flatMap((n) => [
        { name: `F${n + 1}`, startsAt: at(20 * n), status: 'firing', endsAt: notEnded },
        { name: `R${n + 1}`, startsAt: at(20 * n), status: 'resolved', endsAt: at(20 * n + 10) },
      ]);
      const orders = permutations(facts);
      const ofOrder = (order: typeof facts): string => `${fingerprint}-${order.map(({ name }) => name).join('.')}`;
      // The first of every order in one delivery, then the second, and so on.
      for (const step of facts.keys())
        await deliver(
          ...orders.flatMap((order) => order.slice(step, step + 1).map((fact) => alert({ ...fact, fingerprint: ofOrder(order) }))),
        );
      const left = await database.query<{ fingerprint: string }>(
        'select fingerprint from alerts where not resolved and fingerprint = any($1) order by fingerprint',
        [orders.map(ofOrder)],
      );
      expect(left).toEqual([]);
      const kept = await database.query<{ fingerprint: string }>('select distinct fingerprint from alerts where fingerprint = any($1)', [
        orders.map(ofOrder),
      ]);
      expect(kept).toHaveLength(orders.length);
    },
    30_000,
  );

  test('1,000 deliveries, many twice, shuffled, with a database that is away in between, leave unresolved exactly what fires', async () => {
    const fingerprints = Array.from({ length: 50 }, (_, n) => `${fingerprint}-${n}`);
    const at = (n: number): string => new Date(Date.parse(start) + n * 60_000).toISOString();
    /** Two episodes of each; every other alert still fires in the second. */
    const facts = fingerprints.flatMap((of, n) => [
      alert({ fingerprint: of, startsAt: at(0) }),
      alert({ fingerprint: of, startsAt: at(0), status: 'resolved', endsAt: at(5) }),
      alert({ fingerprint: of, startsAt: at(10) }),
      ...(n % 2 === 0 ? [] : [alert({ fingerprint: of, startsAt: at(10), status: 'resolved', endsAt: at(15) })]),
    ]);
    let seed = 42;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const deliveries = Array.from({ length: 1000 }, (_, n) => facts[n % facts.length])
      .map((fact) => ({ fact, order: random() }))
      .toSorted((left, right) => left.order - right.order)
      .map(({ fact }) => fact);
    const refused: unknown[] = [];
    const send = async (from: number, to: number): Promise<void> => {
      for (let next = from; next < to; next += 20) {
        await Promise.all(
          deliveries.slice(next, Math.min(to, next + 20)).map(async (fact) => {
            const { status } = await post(webhook([fact]));
            if (status === 503) refused.push(fact);
            else expect(status).toBe(200);
          }),
        );
      }
    };
    await send(0, 500);
    await database.refuseConnections();
    try {
      await send(500, 540);
    } finally {
      await database.acceptConnections();
    }
    expect(refused).toHaveLength(40);
    await waitUntil(async () => (await post(webhook([]))).status === 200 && (await exporter.directory.organizationByKey('x'), true), {
      within: 20_000,
      what: 'the database',
    });
    await send(540, 1000);
    // Alertmanager delivers again what was refused.
    for (const fact of refused.splice(0)) expect((await post(webhook([fact]))).status).toBe(200);
    const states = await database.query<{ fingerprint: string; unresolved: number; rows: number }>(
      `select fingerprint, count(*) filter (where not resolved) as unresolved, count(*) as rows
       from alerts where fingerprint = any($1) group by fingerprint`,
      [fingerprints],
    );
    expect(states).toHaveLength(50);
    for (const { fingerprint: of, unresolved, rows: episodes } of states) {
      expect(unresolved, of).toBe(fingerprints.indexOf(of) % 2 === 0 ? 1 : 0);
      expect(episodes, of).toBeLessThanOrEqual(2);
    }
  });
});

describe('an alert that becomes worse', () => {
  const of = (severity: string, labels: Record<string, string> = {}, given: Given = {}): unknown =>
    alert({ ...given, labels: { alertname: `Worse${unique}`, severity, ...labels }, fingerprint: idOf(severity, labels) });
  const idOf = (severity: string, labels: Record<string, string> = {}): string =>
    [fingerprint, severity, ...Object.values(labels)].join('-');
  const state = async (severity: string, labels: Record<string, string> = {}): Promise<string> => {
    const [row] = await rows(idOf(severity, labels));
    if (row === undefined) return 'not there';
    return row.resolved ? (row['expired'] === true ? 'expired' : 'resolved') : 'unresolved';
  };

  test('takes the place of its lower severities: Alertmanager inhibits them and does not tell of their end', async () => {
    for (const severity of ['info', 'warning', 'error']) await deliver(of(severity));
    // An error inhibits what is below it.
    expect(await Promise.all(['info', 'warning', 'error'].map((severity) => state(severity)))).toEqual([
      'expired',
      'expired',
      'unresolved',
    ]);
    now = new Date('2026-02-13T10:05:00.000Z');
    await deliver(of('critical'));
    expect(await Promise.all(['error', 'critical'].map((severity) => state(severity)))).toEqual(['expired', 'unresolved']);
    expect(await rows(idOf('error'))).toMatchObject([{ resolved_at: now, resolved_by: 'alertmanager' }]);
  });

  test('and less bad again: the lower one is opened again when it is delivered', async () => {
    await deliver(of('error'));
    await deliver(of('critical'));
    await deliver(of('critical', {}, { status: 'resolved', endsAt: '2026-02-13T10:10:00Z' }), of('error'));
    expect(await Promise.all(['error', 'critical'].map((severity) => state(severity)))).toEqual(['unresolved', 'resolved']);
  });

  test('does so in one delivery too, whichever of them is stored first', async () => {
    await deliver(of('warning'), of('critical'), of('error'));
    expect(await Promise.all(['warning', 'error', 'critical'].map((severity) => state(severity)))).toEqual([
      'expired',
      'expired',
      'unresolved',
    ]);
  });

  test.each<Record<string, string>>([{ org: 'another' }, { class: 'checkout' }, { store: 'shop.example' }])(
    'leaves alone what its inhibition leaves alone: %o',
    async (labels) => {
      await deliver(of('error', labels));
      await deliver(of('critical'));
      expect(await state('error', labels)).toBe('unresolved');
      await deliver(of('critical', labels));
      expect(await state('error', labels)).toBe('expired');
    },
  );

  test('leaves other alerts and higher severities alone, and a warning takes the place of nothing', async () => {
    await deliver(of('critical'), alert({ labels: { severity: 'warning' } }));
    await deliver(of('error'));
    expect(await state('critical')).toBe('unresolved');
    expect(await rows()).toMatchObject([{ resolved: false }]);
    await deliver(of('info', { org: 'o' }));
    await deliver(of('warning', { org: 'o' }));
    expect(await state('info', { org: 'o' })).toBe('unresolved');
  });

  test('and was over already when it was told of takes the place of nothing', async () => {
    await deliver(of('error'));
    await deliver(of('critical', {}, { status: 'resolved', endsAt: '2026-02-13T10:10:00Z' }));
    await deliver(of('critical'));
    expect(await Promise.all(['error', 'critical'].map((severity) => state(severity)))).toEqual(['unresolved', 'resolved']);
  });

  test.each(['alertmanager.yml', 'examples/email.yml', 'examples/slack-pagerduty-email.yml'])(
    'is what %s inhibits, by the same labels',
    async (file) => {
      const { inhibit_rules } = parse(await readFile(join(import.meta.dirname, '../../alertmanager', file), 'utf8')) as {
        inhibit_rules: { source_matchers: string[]; target_matchers: string[]; equal?: string[] }[];
      };
      const bySeverity = inhibit_rules.filter(({ target_matchers }) => target_matchers.some((matcher) => matcher.startsWith('severity')));
      expect(bySeverity).toEqual([
        { source_matchers: ['severity="critical"'], target_matchers: ['severity=~"error|warning|info"'], equal: [...inhibitedWithin] },
        { source_matchers: ['severity="error"'], target_matchers: ['severity=~"warning|info"'], equal: [...inhibitedWithin] },
      ]);
    },
  );
});

describe('whose an alert is', () => {
  test.each([
    ['without an org label', {}],
    ['of an unknown organization', { org: 'nobody-here' }],
    ['whose org is no key', { org: "a'; drop table alerts" }],
  ])('%s: nobody’s, and stored', async (_case, labels) => {
    expect(await deliver(alert({ labels }))).toEqual({ success: true, stored: 1, failed: 0 });
    expect(await rows()).toMatchObject([{ org_id: null }]);
  });
});

test('what an alert leaves out is filled in, and an unknown severity is a warning', async () => {
  await deliver({
    status: 'firing',
    labels: { alertname: 'Bare', severity: 'page' },
    annotations: {},
    startsAt: start,
    endsAt: notEnded,
    fingerprint,
  });
  expect(await rows()).toMatchObject([
    {
      severity: 'warning',
      category: 'error_rate',
      title: 'Bare',
      message: '',
      feature: 'pipeline',
      metadata: {},
      labels: { alertname: 'Bare', severity: 'page' },
    },
  ]);
});

test('metadata keeps numbers as numbers, JSON objects as objects and anything else as text', async () => {
  await deliver(
    alert({
      annotations: {
        meta_p95Time: '18.52',
        meta_negative: '-3e2',
        meta_errorsByType: '{"QuotaExceededError":2,"nested":{"a":[1]}}',
        meta_text: '18.52ms',
        meta_list: '[1,2]',
        meta_broken: '{not json',
        meta_infinite: '+Inf',
        meta_huge: '1e400',
        meta_empty: '',
        meta_blank: '  ',
        metadata: 'not one of them',
      },
    }),
  );
  expect((await rows())[0]?.metadata).toEqual({
    p95Time: 18.52,
    negative: -300,
    errorsByType: { QuotaExceededError: 2, nested: { a: [1] } },
    text: '18.52ms',
    list: '[1,2]',
    broken: '{not json',
    infinite: '+Inf',
    huge: '1e400',
  });
});

test('NUL and lone surrogates are taken out wherever they stand, also inside of JSON', async () => {
  const item = alert({
    labels: { path: 'a\u0000b\ud800' },
    annotations: {
      summary: 'Sl\u0000ow',
      description: 'half \udc00 of a pair',
      meta_text: 'x\u0000',
      meta_object: '{"a\\u0000":"b\\ud800","list":["c\\u0000"]}',
    },
  });
  expect(await deliver(item, alert({ fingerprint: `${fingerprint}\u0000-more` }))).toEqual({ success: true, stored: 2, failed: 0 });
  expect(await rows()).toMatchObject([
    {
      title: 'Slow',
      message: 'half \ufffd of a pair',
      labels: { path: 'ab\ufffd' },
      metadata: { text: 'x', object: { a: 'b\ufffd', list: ['c'] } },
    },
  ]);
  expect(await rows(`${fingerprint}-more`)).toHaveLength(1);
});

test('a row that the database refuses fails alone', async () => {
  await database.query(`alter table alerts add constraint no_forbidden check (title <> 'forbidden')`);
  const answer = await deliver(
    alert({ fingerprint: `${fingerprint}-1` }),
    alert({ fingerprint: `${fingerprint}-2`, annotations: { summary: 'forbidden' } }),
    alert({ fingerprint: `${fingerprint}-3` }),
  );
  await database.query('alter table alerts drop constraint no_forbidden');
  expect(answer).toEqual({ success: true, stored: 2, failed: 1 });
  expect((await Promise.all(['1', '2', '3'].map((suffix) => rows(`${fingerprint}-${suffix}`)))).map(({ length }) => length)).toEqual([
    1, 0, 1,
  ]);
});

test('while the database is down it is 503 and never 429, so that Alertmanager delivers again', async () => {
  await deliver(alert());
  await database.refuseConnections();
  try {
    for (let tries = 0; tries < 3; tries += 1) {
      const response = await post(webhook([alert()]));
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('5');
      expect(await codeOf(response)).toBe('DATABASE_UNAVAILABLE');
    }
  } finally {
    await database.acceptConnections();
  }
  const again = alert({ labels: { severity: 'critical' } });
  await waitUntil(async () => (await post(webhook([again]))).status === 200, { within: 20_000, what: 'a delivery' });
  expect(await rows()).toMatchObject([{ severity: 'critical' }]);
});

test('is not limited in rate', async () => {
  const limited = await runExporter(database, { environment: { RATE_LIMIT_MULTIPLIER: '0.001' } });
  const answers = await Promise.all(Array.from({ length: 30 }, () => post(webhook([]), {}, limited.url)));
  await limited.stop();
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers[0]?.headers.get('ratelimit-limit')).toBeNull();
});

describe('a delivery that is out of the ordinary', () => {
  test('with metadata nested too deeply keeps it as text, and costs the other alerts nothing', async () => {
    const deep = `{"a":${'['.repeat(4900)}${']'.repeat(4900)}}`;
    const other = alert({ fingerprint: `${fingerprint}-other` });
    expect(await deliver(alert({ annotations: { meta_deep: deep } }), other)).toMatchObject({ stored: 2, failed: 0 });
    expect(await rows(`${fingerprint}-other`)).toHaveLength(1);
    const [row] = await rows();
    expect(JSON.stringify(row?.metadata)).toContain('[[[[');
  });

  test('with a very long description is cut, not lost', async () => {
    expect(await deliver(alert({ annotations: { description: 'x'.repeat(20_000) } }))).toMatchObject({ stored: 1, failed: 0 });
    expect((await rows())[0]?.message).toHaveLength(10_000);
  });

  test('of thousands of alerts is stored', async () => {
    const alerts = Array.from({ length: 3000 }, (_, number) => alert({ fingerprint: `${fingerprint}-${number}`, annotations: {} }));
    expect(await deliver(...alerts)).toEqual({ success: true, stored: 3000, failed: 0 });
    expect(await deliver(...alerts)).toEqual({ success: true, stored: 3000, failed: 0 });
    const [count] = await database.query<{ count: number }>(`select count(*) from alerts where fingerprint like $1`, [`${fingerprint}-%`]);
    expect(count?.count).toBe(3000);
  }, 120_000);

  test('that resolves an alert with an end before its start resolves it all the same, at its start', async () => {
    await deliver(alert());
    expect(await deliver(alert({ status: 'resolved', endsAt: '2026-02-13T09:59:59.000Z' }))).toMatchObject({ stored: 1 });
    expect(await rows()).toMatchObject([{ resolved: true, resolved_at: new Date(start) }]);
    const early = { ...alert({ status: 'resolved', endsAt: '2026-02-13T09:59:59.000Z' }), fingerprint: `${fingerprint}-early` };
    await deliver(early);
    await deliver(alert({ fingerprint: `${fingerprint}-early` }));
    expect(await rows(`${fingerprint}-early`)).toMatchObject([{ resolved: true, resolved_at: new Date(start) }]);
  });

  test('that deadlocks with somebody else is tried again', async () => {
    await deliver(alert({ fingerprint: `${fingerprint}-a` }), alert({ fingerprint: `${fingerprint}-b` }));
    const other = new pg.Client({ connectionString: database.url('superuser') });
    await other.connect();
    try {
      // The other side locks b, then wants a; the delivery has locked a and wants b: the server ends one of them.
      await other.query(`begin; set local deadlock_timeout = '10s'`);
      await other.query('update alerts set category = category where fingerprint = $1', [`${fingerprint}-b`]);
      const delivery = post(webhook([alert({ fingerprint: `${fingerprint}-a` }), alert({ fingerprint: `${fingerprint}-b` })]));
      await waitUntil(
        async () =>
          (await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)).length ===
          1,
        { within: 20_000, what: 'the delivery to wait for b' },
      );
      const wantsA = other.query('update alerts set category = category where fingerprint = $1', [`${fingerprint}-a`]);
      await wantsA;
      await other.query('commit');
      expect((await delivery).status).toBe(200);
    } finally {
      await other.end();
    }
  });
});
