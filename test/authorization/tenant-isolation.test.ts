import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { moveStatsWatermark, rebuildDayOfAllChatbots } from '../../features/widget-analytics/rollup.ts';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { createLogger } from '../../platform/log.ts';
import { openPool, type Pool } from '../../platform/postgres/pool.ts';
import { addDays } from '../../platform/time/utc-day.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { standingClock } from '../support/marketing.ts';
import { portalToken, runApi, runExporter } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';
import { sendActivity } from './activity.ts';
import { routeRows } from './requests.ts';
import { createTenants, missing, tenantKeys, type Subject, type TenantKey, type Tenants } from './tenants.ts';

/**
 * The same things happen to two organizations, under the same ids. What one of them is told may not depend on the other by a single byte: so its
 * answers are compared with those from before the other had any data.
 */
const { now, today, pass } = standingClock();
const yesterday = addDays(today, -1);
const dayMs = 86_400_000;
const markers: Record<TenantKey, string> = { alpha: 'xaquamarinex', bravo: 'xbordeauxx' };
const times: Record<TenantKey, number> = { alpha: 5, bravo: 2 };

let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let exporterOfYesterday: Awaited<ReturnType<typeof runExporter>>;
let api: Awaited<ReturnType<typeof runApi>>;
/** The same, with figures from a cache. */
let caching: Awaited<ReturnType<typeof runApi>>;
let jobsPool: Pool;
let tenants: Tenants;
let tokens: Record<TenantKey, string>;
let alone: readonly Told[];
let besideAlpha: readonly Told[];

beforeAll(async () => {
  database = await createTestDatabase();
  exporter = await runExporter(database, { now });
  exporterOfYesterday = await runExporter(database, { now: () => new Date(now().getTime() - dayMs) });
  api = await runApi(database, { now, environment: { MONITORING_CACHE_TTL_MS: '0' } });
  caching = await runApi(database, { now });
  const log = createLogger({ service: 'jobs', level: 'fatal' });
  jobsPool = openPool({
    connectionString: database.url('observability_jobs'),
    max: 2,
    applicationName: 'tenant isolation test',
    statementTimeoutMs: 60_000,
    log,
  });
  tenants = await createTenants(database);
  const exp = now().getTime() / 1000 + 3600;
  tokens = { alpha: await portalToken('alpha', { role: 'owner', exp }), bravo: await portalToken('bravo', { role: 'owner', exp }) };
  await happen('bravo');
  alone = await tellEverything('bravo');
  await happen('alpha');
  besideAlpha = await tellEverything('bravo');
});
afterAll(async () => {
  await jobsPool.end();
  await Promise.all([exporter.stop(), exporterOfYesterday.stop(), api.stop(), caching.stop()]);
  await database.drop();
});

/** Yesterday, which is rolled up then, and today. */
async function happen(key: TenantKey): Promise<void> {
  const tenant = tenants[key];
  const { key: ingestKey } = await createIngestKey(database.db, { orgKey: key, name: 'backend' });
  const what = { tenant, marker: markers[key], ingestKey, times: times[key] };
  await sendActivity(exporterOfYesterday.url, { ...what, at: new Date(now().getTime() - dayMs) });
  await sendActivity(exporter.url, { ...what, at: now() });
  const retention = { today, eventsRetentionDays: 90, sessionsRetentionDays: 365, signal: new AbortController().signal };
  await rebuildDayOfAllChatbots(jobsPool, yesterday, retention);
  await moveStatsWatermark(jobsPool, yesterday);
  const counted = 'select from widget_health_totals where org_id = $1 and widget_loads_total = $2';
  await waitUntil(async () => (await database.query(counted, [tenant.orgId, 2 * times[key]])).length === 1, {
    within: 30_000,
    what: `the widget loads of ${key} to be written`,
  });
}

interface Told {
  /** Whom it was asked about, and what. */
  about: Subject['key'];
  question: string;
  status: number;
  text: string;
}

/**
 * What the owner of an organization is answered by every GET there is, about its own, the other's and nobody's. Public ones have nothing of
 * anybody; and the bootloader would count what it is asked.
 */
async function tellEverything(key: TenantKey, service = api): Promise<Told[]> {
  const told: Told[] = [];
  for (const route of [...exporter.app.routes, ...api.app.routes]) {
    if (route.method !== 'GET' || route.identity === 'public') continue;
    for (const row of routeRows[`${route.method} ${route.path}`]?.requests ?? []) {
      for (const subject of [tenants.alpha, tenants.bravo, missing]) {
        const { params = {}, query = {}, headers = {} } = row.of(subject);
        const path = route.path.replace(/:(\w+)/g, (_, name: string) => params[name] ?? '');
        const { url } = exporter.app.routes.includes(route) ? exporter : service;
        const {
          status,
          headers: answered,
          text,
        } = await answerOf(`${url}${path}?${new URLSearchParams(query).toString()}`, {
          ...headers,
          authorization: `Bearer ${tokens[key]}`,
          'x-request-id': 'same',
        });
        const shown = [...answered].filter(([name]) => name !== 'date' && !name.startsWith('ratelimit-'));
        told.push({
          about: subject.key,
          question: `${route.path}, naming ${row.names} of ${subject.key}`,
          status,
          // How long a shop took to be asked is nobody's.
          text: `${JSON.stringify(shown)}\n${text}`.replaceAll(/"response_time_ms":\d+/g, '"response_time_ms":0'),
        });
      }
    }
  }
  return told;
}

/** Asked again while a busy machine keeps it from its database, or breaks it off: that is no answer about anybody. */
function answerOf(url: string, headers: Record<string, string>): Promise<{ status: number; headers: Headers; text: string }> {
  return waitUntil(
    async () => {
      const answer = await ask(url, headers);
      if (answer.status !== 503) return answer;
      // A directory that failed rests for a second, which never ends on a clock that stands. The answer that counts is given at the same moment as all.
      pass(1000);
      try {
        await ask(url, headers);
      } finally {
        pass(-1000);
      }
      return undefined;
    },
    { within: 60_000, what: `an answer of ${url}` },
  );
}

async function ask(url: string, headers: Record<string, string>): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** One by one: the first that differs says all. */
function expectSame(told: readonly Told[], expected: readonly Told[]): void {
  expect(told.length).toBe(expected.length);
  for (const [index, { question }] of expected.entries()) expect(told[index], question).toEqual(expected[index]);
}

describe('two organizations side by side', () => {
  test('what one is told does not change by a byte when the other gets data', () => {
    expectSame(besideAlpha, alone);
    expect(alone.length).toBeGreaterThan(50);
  });

  test('no text of one is in any answer to the other, whatever it asks for', async () => {
    const toldTo = { alpha: await tellEverything('alpha'), bravo: besideAlpha };
    for (const key of tenantKeys) {
      const other = key === 'alpha' ? 'bravo' : 'alpha';
      const told = toldTo[key];
      const secrets = [markers[other], `Organization ${other}`, `Chatbot of ${other}`, tenants[other].chatbotId, tenants[other].alertId];
      for (const { question, text } of told) {
        for (const secret of secrets) expect(text.includes(secret), `${key} asked ${question} and was told ${secret}`).toBe(false);
      }
      // Its own texts are told in all these places: there was something to mix up.
      const withOwn = told.filter(({ about, text }) => about === key && text.includes(markers[key]));
      expect(new Set(withOwn.map(({ question }) => question.split(',')[0]))).toEqual(
        new Set([
          '/api/analytics/widget/:chatbotId/data-subject',
          '/api/analytics/widget/:chatbotId/events',
          '/api/analytics/widget/:chatbotId/export',
          '/api/analytics/widget/:chatbotId/sessions',
          '/api/analytics/widget/:chatbotId/traffic-sources',
          '/api/monitoring/widget',
          '/api/woocommerce/analytics',
          '/api/woocommerce/errors',
        ]),
      );
    }
  });

  test('none is answered from what was kept for the other', async () => {
    await tellEverything('alpha', caching);
    expectSame(await tellEverything('bravo', caching), besideAlpha);
  });
});
