import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deriveConfiguration, startPrometheus } from '../../local/prometheus.ts';
import { addDays, startOfUtcDay, systemClock, utcDayOf, type UtcDay } from '../../platform/time/utc-day.ts';
import { builtCommand } from '../support/built-services.ts';
import { panelsOf, readDashboards } from '../support/dashboard-files.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sentQueries } from '../support/grafana-queries.ts';
import { poster, type Post } from '../support/marketing.ts';
import { prometheusApi, type Sample } from '../support/prometheus-api.ts';
import { restartPort } from '../support/restart-port.ts';
import { servicePorts, startServiceProcess, waitUntilReady, type ServicePorts, type ServiceProcess } from '../support/service-process.ts';
import { testEnvironment, testIdentity } from '../support/services.ts';
import { requireTool } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

/**
 * From what pages and forms send to a number in the summary, in Prometheus and in a recount: every process as it is, with the repository's own
 * rules 30 times as fast. Only what the exporter reads from the database for its series keeps its 15 s.
 */
const speedUp = 30;
const settings = { ROLLUP_PROPERTY_IDS: 'www,blog', METRICS_SUMMARY_CACHE_TTL_MS: '0' };
const properties = ['default', 'www', 'blog'];
const desktop = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';

let database: TestDatabase;
let ports: ServicePorts & { prometheus: number; alertmanager: number };
let api: ServiceProcess;
let post: Post;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  stops.push(() => database.drop());
  ports = { ...(await servicePorts()), prometheus: await restartPort(), alertmanager: await restartPort() };
  const exporter = start('exporter');
  api = start('api');
  const jobs = start('jobs');
  post = poster(exporter.url);
  const directory = await mkdtemp(join(tmpdir(), 'observability-marketing-'));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const configuration = await deriveConfiguration({ ports, directory, webhookToken: testIdentity.webhookToken, speedUp });
  const prometheus = startPrometheus(requireTool('prometheus'), configuration, { port: ports.prometheus });
  stops.push(() => prometheus.stop());
  await Promise.all([exporter, api, jobs].map((service) => waitUntilReady(service)));
}, 60_000);

afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
}, 60_000);

function start(name: 'exporter' | 'api' | 'jobs'): ServiceProcess {
  const service = startServiceProcess(name, { database, ports, environment: settings });
  stops.push(() => service.stop());
  return service;
}

const run = async (command: string, ...flags: string[]): Promise<unknown> =>
  promisify(execFile)(process.execPath, builtCommand(command, flags), { env: { ...process.env, ...testEnvironment(database, settings) } });

interface Visitor {
  anonId: string;
  property: 'www' | 'blog';
  userAgent?: string;
}

interface SentEvent extends Record<string, unknown> {
  at?: Date;
  lcpMs?: number;
  ttfbMs?: number;
}

const headersOf = ({ userAgent = desktop }: Visitor): Record<string, string> => ({ 'user-agent': userAgent });

/** Sends an event of a visitor; answers the body that was sent. */
async function track(
  visitor: Visitor,
  eventType: string,
  { at, lcpMs, ttfbMs, ...more }: SentEvent = {},
): Promise<Record<string, unknown>> {
  const body = {
    anonId: visitor.anonId,
    eventType,
    path: '/pricing',
    eventId: crypto.randomUUID(),
    ...(at === undefined ? {} : { timestamp: at.toISOString() }),
    ...more,
    traffic: { propertyId: visitor.property, host: `${visitor.property}.operator.example`, webVitals: { lcpMs, ttfbMs } },
  };
  expect((await post('/v1/events', body, headersOf(visitor))).status).toBe(202);
  return body;
}

const capture = (visitor: Visitor, email: string, more: Record<string, unknown> = {}): Promise<Response> =>
  post('/v1/leads/capture', { anonId: visitor.anonId, email, propertyId: visitor.property, path: '/demo', ...more }, headersOf(visitor));

/** Of yesterday and today; the newest day of the window is the day on which the test began. */
interface Summary {
  metrics: Record<string, { value: number; delta: number | null }> & { trafficSourceMix: Record<string, number> };
  ingest: Record<string, number | null>;
  trend: { day: UtcDay; uniqueVisitors: number; pageViews: number; newLeads: number }[];
}

async function summaryOf(propertyId: string, { from, to }: { from: UtcDay; to: UtcDay }): Promise<Summary> {
  const query = new URLSearchParams({ propertyId, from, to, compareTo: 'true' });
  const response = await fetch(`${api.url}/v1/metrics/summary?${query.toString()}`, { headers: { 'x-admin-key': testIdentity.adminKey } });
  expect(response.status).toBe(200);
  return (await response.json()) as Summary;
}

interface Recount extends Record<string, number> {
  visitor_days: number;
  visitors: number;
  returning: number;
  page_views: number;
  form_starts: number;
  form_submits: number;
  landed: number;
  landed_and_converted: number;
  leads: number;
  timed: number;
  time_ms: number;
  accepted: number;
  rejected: number;
  /** 0 without a value. */
  p95_ttfb_ms: number;
}

/** Everything again, from raw rows of these days alone, in another way than the rollup counts. */
async function recount(property: string, { from, to }: { from: UtcDay; to: UtcDay }): Promise<Recount> {
  const [counted] = await database.query<Recount>(
    `with seen as (
       select logs.*, (logs.occurred_at at time zone 'UTC')::date as day
       from marketing.web_traffic_logs logs
       where (logs.occurred_at at time zone 'UTC')::date between $2 and $3 and ($1 = 'default' or logs.property_id = $1)
     ),
     captured as (
       select leads.first_captured_at,
         (select min(first.occurred_at) from marketing.events first
          join marketing.lead_identities identities on identities.visitor_id = first.visitor_id
          where identities.lead_id = leads.id) as first_seen_at
       from marketing.leads leads
       where (leads.first_captured_at at time zone 'UTC')::date between $2 and $3
         and ($1 = 'default' or exists (
           select from marketing.lead_identities identities
           join marketing.events events on events.visitor_id = identities.visitor_id
           where identities.lead_id = leads.id and events.property_id = $1 and events.occurred_at <= leads.first_captured_at))
     )
     select
       (select count(distinct (seen.visitor_id, seen.day)) from seen) as visitor_days,
       (select count(distinct seen.visitor_id) from seen) as visitors,
       (select count(distinct (seen.visitor_id, seen.day)) from seen
        where exists (select from marketing.events earlier where earlier.visitor_id = seen.visitor_id
          and (earlier.occurred_at at time zone 'UTC')::date < seen.day)) as returning,
       (select count(*) from seen where seen.event_type = 'page_view') as page_views,
       (select count(*) from seen where seen.event_type = 'form_start') as form_starts,
       (select count(*) from seen where seen.event_type = 'form_submit') as form_submits,
       (select count(distinct seen.session_id) from seen where seen.is_entrance) as landed,
       (select count(distinct seen.session_id) from seen where seen.is_entrance and exists (
          select from seen later where later.session_id = seen.session_id and later.is_conversion and later.occurred_at >= seen.occurred_at
        )) as landed_and_converted,
       (select count(*) from captured) as leads,
       (select count(captured.first_seen_at) from captured) as timed,
       (select coalesce(sum(floor(extract(epoch from captured.first_captured_at - captured.first_seen_at) * 1000)), 0)::bigint
        from captured) as time_ms,
       (select count(*) from marketing.events events
        where (events.occurred_at at time zone 'UTC')::date between $2 and $3 and ($1 = 'default' or events.property_id = $1)) as accepted,
       (select count(*) from marketing.ingest_rejections rejections
        where rejections.endpoint = '/v1/events' and ($1 = 'default' or rejections.property_id = $1)) as rejected,
       (select coalesce(round(percentile_cont(0.95) within group (order by seen.ttfb_ms)::numeric), 0)::integer from seen) as p95_ttfb_ms`,
    [property, from, to],
  );
  if (counted === undefined) throw new Error('there is nothing to count');
  return counted;
}

async function sourcesOf(property: string): Promise<Record<string, number>> {
  const rows = await database.query<{ source: string; events: number }>(
    `select logs.traffic_source as source, count(*) as events from marketing.web_traffic_logs logs
     where $1 = 'default' or logs.property_id = $1 group by 1`,
    [property],
  );
  const total = rows.reduce((sum, { events }) => sum + events, 0);
  return Object.fromEntries(rows.map(({ source, events }) => [source, events / total]));
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

async function ask(expression: string): Promise<Sample[]> {
  return (await prometheusApi(ports.prometheus).query(expression)).samples;
}

/** Until every expression, of which each has one series, has its value. */
async function waitForValues(expected: Record<string, number>, within: number): Promise<void> {
  const read = async (): Promise<Record<string, number | undefined>> =>
    Object.fromEntries(
      await Promise.all(Object.keys(expected).map(async (expression) => [expression, (await ask(expression))[0]?.value] as const)),
    );
  await waitUntil(async () => isDeepStrictEqual(await read(), expected), { within, what: 'these values in Prometheus' }).catch(async () =>
    expect(await read()).toEqual(expected),
  );
}

/** What a panel of the dashboard shows now, by the legend of each of its queries, summed up. */
async function shown(title: string): Promise<number[]> {
  const dashboard = (await readDashboards()).find(({ name }) => name === 'marketing')?.dashboard;
  const panel = dashboard && panelsOf(dashboard).find((candidate) => candidate.title === title);
  if (dashboard === undefined || panel === undefined)
    throw new Error(`the dashboard has no panel ${title}: name the one that took its place`);
  const queries = sentQueries(panel, dashboard, { scrapeSeconds: 15, chosen: {} });
  return Promise.all(queries.map(async ({ expression }) => (await ask(expression)).reduce((sum, { value }) => sum + value, 0)));
}

test(
  'what visitors and forms send is the same number in the summary, in Prometheus and in a recount, for every property',
  { timeout: 240_000 },
  async () => {
    // A counter that Prometheus first sees above zero has not increased.
    await waitForValues({ 'sum(marketing_events_accepted_total)': 0, 'sum(marketing_page_views_total)': 0 }, 40_000);
    const today = utcDayOf(systemClock());
    const days = { from: addDays(today, -1), to: today };
    const yesterdayAt = (hour: number, minute: number): Date =>
      new Date(startOfUtcDay(days.from).getTime() + (hour * 60 + minute) * 60_000);

    const ada: Visitor = { anonId: 'anon-ada-1', property: 'www' };
    const ben: Visitor = { anonId: 'anon-ben-1', property: 'www', userAgent: phone };
    const cleo: Visitor = { anonId: 'anon-cleo-1', property: 'blog' };
    // Yesterday Ada looks around, twice with a pause, and Cleo reads the blog.
    await track(ada, 'page_view', { at: yesterdayAt(9, 0), referrer: 'https://www.google.com/', lcpMs: 1800, ttfbMs: 100 });
    await track(ada, 'page_view', { at: yesterdayAt(9, 10), path: '/features', ttfbMs: 300 });
    await track(ada, 'form_start', { at: yesterdayAt(12, 0) });
    await track(cleo, 'page_view', { at: yesterdayAt(20, 0), utm: { source: 'newsletter', medium: 'email' }, ttfbMs: 200 });
    // Today Ada comes back and asks for a demo, Ben starts a form and goes, Cleo reads on and subscribes.
    await track(ada, 'page_view', { lcpMs: 2600, ttfbMs: 120 });
    await track(ada, 'form_start');
    expect((await capture(ada, 'ada@example.com', { consentStatus: 'implied' })).status).toBe(200);
    const bensView = await track(ben, 'page_view', { referrer: 'https://www.linkedin.com/', ttfbMs: 900 });
    await track(ben, 'form_start');
    await track(cleo, 'page_view', { utm: { source: 'newsletter', medium: 'email' }, ttfbMs: 150 });
    await track(cleo, 'video_played');
    expect((await capture(cleo, 'Cleo@Example.com ', { consentStatus: 'express' })).status).toBe(200);
    expect((await capture(cleo, 'cleo@example.com', { formName: 'webinar' })).status).toBe(200);
    expect((await post('/v1/leads/unsubscribe', { email: 'ada@example.com' })).status).toBe(200);
    expect((await post('/v1/leads/unsubscribe', { email: 'nobody@example.com' })).status).toBe(404);

    // An answer that was lost, a program that fills every field, a page that measures wrongly, a form without an address.
    expect((await post('/v1/events', bensView, headersOf(ben))).status).toBe(202);
    expect((await post('/v1/events', { ...bensView, honeypot: 'x' })).status).toBe(202);
    expect((await post('/v1/events', { ...bensView, traffic: { propertyId: 'www', webVitals: { lcpMs: -1 } } })).status).toBe(400);
    expect((await capture(ben, 'nobody')).status).toBe(400);
    await waitUntil(async () => (await database.query('select from marketing.ingest_rejections')).length === 2, {
      within: 20_000,
      what: 'two rejections in the database',
    });

    await run('rollups-run');
    expect(await recount('default', days)).toMatchObject({
      visitor_days: 5,
      visitors: 3,
      returning: 2,
      page_views: 6,
      accepted: 13,
      leads: 2,
    });
    for (const property of properties) await summaryAgrees(property, days);

    await run('jobs-run', '--job=rollups-discrepancy');
    await prometheusAgrees(days);
    await dashboardAgrees(days);
  },
);

async function summaryAgrees(property: string, days: { from: UtcDay; to: UtcDay }): Promise<void> {
  const counted = await recount(property, days);
  const { metrics, ingest, trend } = await summaryOf(property, days);
  const { trafficSourceMix, ...values } = metrics;
  expect(values, property).toEqual(
    Object.fromEntries(
      Object.entries({
        uniqueVisitors: counted.visitor_days,
        windowUniqueVisitors: counted.visitors,
        returningVisitorsPct: ratio(counted.returning, counted.visitor_days),
        totalPageViews: counted.page_views,
        leadCaptureRate: ratio(counted.leads, counted.visitor_days),
        formCompletionRate: ratio(counted.form_submits, counted.form_starts),
        landingPageConversionRate: ratio(counted.landed_and_converted, counted.landed),
        avgTimeToFirstCaptureHrs: ratio(counted.time_ms, counted.timed) / 3_600_000,
      }).map(([name, value]) => [name, { value, delta: null }]),
    ),
  );
  const ofDays = await Promise.all([days.from, days.to].map((day) => recount(property, { from: day, to: day })));
  const mix = Object.fromEntries(Object.entries(trafficSourceMix).filter(([, share]) => share > 0));
  expect(mix, property).toEqual(await sourcesOf(property));
  expect(ingest, property).toEqual({
    p95TtfbMs: Math.round(ofDays.reduce((sum, { p95_ttfb_ms: p95, accepted }) => sum + p95 * accepted, 0) / counted.accepted),
    totalEventsAccepted: counted.accepted,
    totalEventsRejected: counted.rejected,
    successPct: ratio(counted.accepted, counted.accepted + counted.rejected),
  });
  expect(trend, property).toEqual(
    ofDays.map(({ visitor_days: uniqueVisitors, page_views: pageViews, leads: newLeads }, index) => ({
      day: [days.from, days.to][index],
      uniqueVisitors,
      pageViews,
      newLeads,
    })),
  );
}

async function prometheusAgrees(days: { from: UtcDay; to: UtcDay }): Promise<void> {
  const counted = await recount('default', days);
  const expected: Record<string, number> = {
    'sum(marketing_events_accepted_total)': counted.accepted,
    'sum(marketing_events_accepted_total{event_type="page_view"})': counted.page_views,
    'sum(marketing_events_accepted_total{event_type="form_start"})': counted.form_starts,
    'sum(marketing_events_accepted_total{event_type="form_submit"})': counted.form_submits,
    'sum(marketing_events_accepted_total{event_type="other"})': 1,
    'sum(marketing_events_duplicate_total)': 1,
    'sum(marketing_ingest_rejected_total{endpoint="events"})': counted.rejected,
    'sum(marketing_ingest_rejected_total{endpoint="capture"})': 1,
    'sum(marketing_honeypot_hits_total)': 1,
    'sum(marketing_page_views_total)': counted.page_views,
    'sum(marketing_page_views_total{device_type="mobile"})': 1,
    'sum(marketing_page_views_total{traffic_source="email"})': 2,
    'sum(marketing_leads_captured_total{kind="new"})': counted.leads,
    'sum(marketing_leads_captured_total{kind="known"})': 1,
    'sum(marketing_consent_changes_total{status="implied"})': 1,
    'sum(marketing_consent_changes_total{status="express"})': 1,
    'sum(marketing_consent_changes_total{status="withdrawn"})': 1,
    'sum(marketing_unsubscribes_total{outcome="found"})': 1,
    'sum(marketing_unsubscribes_total{outcome="not_found"})': 1,
    'sum(marketing_web_vital_duration_seconds_count{vital="lcp"})': 2,
    'sum(marketing_web_vital_duration_seconds_count{vital="ttfb"})': 6,
    'sum(observability_ingest_rows_total{endpoint="marketing",outcome="stored"})': counted.accepted,
  };
  for (const property of properties) {
    const yesterday = await recount(property, { from: days.from, to: days.from });
    expected[`marketing_daily_unique_visitors{property="${property}"}`] = yesterday.visitor_days;
    expected[`marketing_daily_page_views{property="${property}"}`] = yesterday.page_views;
    expected[`marketing_daily_new_leads{property="${property}"}`] = yesterday.leads;
    expected[`marketing_rollup_lag_seconds{property="${property}"}`] = 0;
    expected[`marketing_rollup_discrepancies{property="${property}"}`] = 0;
  }
  await waitForValues(expected, 60_000);
}

/** The figures of the dashboard. An increase is extrapolated to the end of its range, by less than a twentieth. */
async function dashboardAgrees(days: { from: UtcDay; to: UtcDay }): Promise<void> {
  const { page_views: views, form_starts: starts, form_submits: submits, leads } = await recount('default', days);
  const funnel = await shown('Funnel in this time');
  [views, starts, submits, leads].forEach((count, step) =>
    expect((funnel[step] ?? 0) / count, `step ${step} of the funnel`).toBeCloseTo(1, 1),
  );
  expect(((await shown('Page views by source in this time'))[0] ?? 0) / views).toBeCloseTo(1, 1);
}
