import { isDeepStrictEqual } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createChatbot } from '../../jobs/provisioning.ts';
import { startDemoPage, type DemoPage } from '../../local/demo-page.ts';
import { desktopUserAgent, startBrowser } from '../support/browser.ts';
import { panelsOf, readDashboards } from '../support/dashboard-files.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sentQueries } from '../support/grafana-queries.ts';
import { insertOrganization, portalToken } from '../support/services.ts';
import { startMonitoredServices, type MonitoredServices } from '../support/monitored-services.ts';
import { waitUntil } from '../support/wait-until.ts';

/**
 * From a click in a real browser to a number in the portal, in Prometheus and in a recount: every process as it is, with the repository's own rules
 * and routing 30 times as fast. Only what the exporter reads from the database for its series keeps its 15 s.
 */
const speedUp = 30;
const iphone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';

let database: TestDatabase;
let services: MonitoredServices;
let browser: Browser;
let demoPage: DemoPage;
let siteId: string;
let chatbotId: string;
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  stops.push(() => database.drop());
  ({ siteId } = await insertOrganization(database, { key: 'acme', columns: { allow_localhost: true } }));
  chatbotId = (await createChatbot(database.db, { orgKey: 'acme', name: 'chat' })).id;

  services = await startMonitoredServices({ database, speedUp });
  stops.push(() => services.stop());
  demoPage = await startDemoPage(0);
  stops.push(() => demoPage.stop());
  browser = await startBrowser();
  stops.push(() => browser.close());
}, 60_000);

afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
}, 60_000);

/** Opens the page as a visitor who comes from somewhere, and uses its buttons. */
async function visit(
  context: BrowserContext,
  { from, click }: { from: { query?: string; referer?: string }; click: string[] },
): Promise<Page> {
  const page = await context.newPage();
  const url = demoPage.urlOf({ exporterUrl: services.exporter.url, siteId, chatbotId });
  await page.goto(`${url}${from.query ?? ''}`, from.referer === undefined ? {} : { referer: from.referer });
  await page.getByText('is ready').waitFor();
  for (const button of click) await page.getByRole('button', { name: button }).click();
  return page;
}

const storedEvents = async (): Promise<number> =>
  (await database.query<{ events: number }>('select count(*) as events from widget_events'))[0]?.events ?? 0;
const stored = (count: number): Promise<unknown> =>
  waitUntil(async () => (await storedEvents()) === count, { within: 20_000, what: `${count} events in the database` });

/** Sends a body of a visitor once more. */
async function repeat(body: string, headers: Record<string, string>): Promise<number> {
  const response = await fetch(`${services.exporter.url}/widget/analytics`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain;charset=UTF-8', 'user-agent': desktopUserAgent, ...headers },
    body,
  });
  return response.status;
}

/** Of two days: the test may run over midnight. */
async function ask(question: string, parameters: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const query = new URLSearchParams({ ...(['active', 'sessions'].includes(question) ? {} : { days: '2' }), ...parameters });
  const response = await fetch(`${services.api.url}/api/analytics/widget/${chatbotId}/${question}?${query.toString()}`, {
    headers: { authorization: `Bearer ${await portalToken('acme')}` },
  });
  expect(response.status, question).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

/** Until every expression, of which each has one series, has its value. */
async function waitForValues(expected: Record<string, number>, within: number): Promise<void> {
  const read = async (): Promise<Record<string, number | undefined>> =>
    Object.fromEntries(
      await Promise.all(
        Object.keys(expected).map(
          async (expression) => [expression, (await services.prometheus.query(expression)).samples[0]?.value] as const,
        ),
      ),
    );
  await waitUntil(async () => isDeepStrictEqual(await read(), expected), { within, what: 'these values in Prometheus' }).catch(async () =>
    expect(await read()).toEqual(expected),
  );
}

/** Everything again, from the events alone. */
async function recount(): Promise<Record<string, number>> {
  const [counted] = await database.query<Record<string, number>>(
    `with of_session as (
       select events.session_id, events.session_started_at, count(*) filter (where events.event_name = 'message_sent') as sent,
         min(events.timestamp) filter (where events.event_name = 'widget_loaded') as loaded,
         max(events.timestamp) filter (where events.event_name = 'widget_opened') as opened,
         max(events.timestamp) filter (where events.event_name = 'message_sent') as wrote
       from widget_events events group by 1, 2
     )
     select (select count(*) from widget_events) as events,
       (select count(distinct events.anonymous_id) from widget_events events) as visitors,
       (select count(*) from widget_events events where events.event_name = 'message_sent') as sent,
       (select count(*) from widget_events events where events.event_name = 'message_received') as received,
       (select count(*) from widget_events events where events.event_category = 'error') as errors,
       count(*) as sessions,
       count(*) filter (where of_session.sent > 0) as conversations,
       count(*) filter (where of_session.opened >= of_session.loaded) as opened,
       count(*) filter (where of_session.opened >= of_session.loaded and of_session.wrote >= of_session.opened) as wrote
     from of_session`,
  );
  if (counted === undefined) throw new Error('there is nothing to count');
  return counted;
}

async function countBy(column: 'event_name' | 'event_category'): Promise<Record<string, number>> {
  const rows = await database.query<{ key: string; count: number }>(
    `select events.${column} as key, count(*) as count from widget_events events group by 1`,
  );
  return Object.fromEntries(rows.map(({ key, count }) => [key, count]));
}

interface AlertRow extends Record<string, unknown> {
  resolved: boolean;
}

const alertThat = (isRight: (row: AlertRow) => boolean): Promise<AlertRow> =>
  waitUntil(async () => (await database.query<AlertRow>(`select * from alerts where alertname = 'WidgetErrorEventsHigh'`)).find(isRight), {
    within: 90_000,
    what: 'the alert WidgetErrorEventsHigh',
  });

test(
  'what visitors do in a browser is the same number in the portal, in Prometheus and in a recount; a spike of errors is an alert that resolves',
  { timeout: 300_000 },
  async () => {
    // A counter that Prometheus first sees above zero has not increased.
    await waitForValues({ 'sum(widget_analytics_events_total)': 0, 'widget_org_error_events_total{org="acme"}': 0 }, 40_000);

    const desktop = await browser.newContext();
    const sent: string[] = [];
    desktop.on('request', (request) => {
      if (request.url().endsWith('/widget/analytics')) sent.push(request.postData() ?? '');
    });
    const first = await visit(desktop, {
      from: { query: '&utm_source=newsletter&utm_campaign=may', referer: 'https://www.search.example/' },
      click: ['Open the chat', 'Send a message', 'Get an answer', 'Give feedback', 'End the chat'],
    });
    await stored(6);
    await first.close();
    // The same visitor comes back in another tab, and leaves without a word.
    const second = await visit(desktop, { from: {}, click: ['Open the chat'] });
    await second.goto('about:blank');
    await stored(8);
    const phone = await browser.newContext({ userAgent: iphone });
    await visit(phone, {
      from: { referer: 'https://www.search.example/' },
      click: ['Open the chat', 'Send a message', 'Get an answer', 'Send a message', 'Log in'],
    });
    await stored(14);
    const other = await browser.newContext();
    const failing = await visit(other, { from: {}, click: ['Let the page fail'] });
    await stored(16);

    // An answer that was lost, a crawler that repeats what it saw, a site that copied the snippet.
    const [body = ''] = sent;
    const { length: repeated } = (JSON.parse(body) as { events: unknown[] }).events;
    expect(await repeat(body, {})).toBe(204);
    expect(await repeat(body, { 'user-agent': 'curl/8.5.0' })).toBe(204);
    expect(await repeat(body, { origin: 'https://copied.example' })).toBe(403);

    const counted = await recount();
    expect(counted).toEqual({
      events: 16,
      visitors: 3,
      sent: 3,
      received: 2,
      errors: 1,
      sessions: 4,
      conversations: 2,
      opened: 3,
      wrote: 2,
    });
    await portalAgrees(counted);
    await prometheusAgrees(counted);
    await waitForValues(
      {
        'sum(widget_analytics_duplicate_events_total)': repeated,
        'sum(widget_analytics_bot_events_total)': repeated,
        'sum(widget_org_dropped_events_total{org="acme", reason="duplicate"})': repeated,
        'sum(widget_org_dropped_events_total{org="acme", reason="bot"})': repeated,
        'sum(widget_org_dropped_events_total{org="acme", reason="origin"})': repeated,
        'sum(widget_analytics_sessions_started_total{device_type="mobile"})': 1,
        'sum(widget_analytics_sessions_started_total{device_type="desktop"})': 3,
        'sum(widget_analytics_sessions_ended_total{reason="client"})': 1,
        'sum(widget_analytics_response_duration_seconds_bucket{le="1.0"}) or sum(widget_analytics_response_duration_seconds_bucket{le="1"})': 2,
        'max(widget_analytics_active_sessions)': 3,
        'max(widget_org_active_sessions{org="acme"})': 3,
      },
      40_000,
    );
    expect(await ask('active')).toMatchObject({ active_sessions: 3 });
    await grafanaAgrees(counted);
    expect(await ask('traffic-sources')).toMatchObject({
      utm_sources: [{ source: 'newsletter', count: 1 }],
      referrers: [{ domain: 'www.search.example', count: 2 }],
    });
    expect(await ask('devices')).toMatchObject({
      devices: [
        { type: 'desktop', count: 3 },
        { type: 'mobile', count: 1 },
      ],
      operating_systems: [
        { name: 'Windows', count: 3 },
        { name: 'iOS', count: 1 },
      ],
    });
    const { sessions } = (await ask('sessions')) as { sessions: Record<string, unknown>[] };
    expect(sessions.at(-1)).toMatchObject({
      end_reason: 'client',
      utm_source: 'newsletter',
      utm_campaign: 'may',
      referrer: 'https://www.search.example/',
      widget_opened_count: 1,
      messages_sent: 1,
      messages_received: 1,
      avg_response_time_ms: 850,
      triggered_by: 'manual',
    });
    expect(sessions[1]).toMatchObject({ device_type: 'mobile', user_id: 'u-42', user_email: 'visitor@shop.example', messages_sent: 2 });

    await failing.evaluate(`for (let n = 0; n < 150; n += 1) wobs.track('api_error', { n }, 'error')`);
    await stored(166);
    expect(await alertThat(() => true)).toMatchObject({
      org_id: null,
      feature: 'widget-analytics',
      category: 'analytics',
      severity: 'warning',
      resolved: false,
    });
    const afterSpike = await recount();
    expect(afterSpike).toEqual({ ...counted, events: 166, errors: 151 });
    await portalAgrees(afterSpike);
    await prometheusAgrees(afterSpike);
    await alertThat(({ resolved }) => resolved);
  },
);

async function portalAgrees(counted: Awaited<ReturnType<typeof recount>>): Promise<void> {
  const { sessions, visitors, conversations, sent, received, opened, wrote } = counted;
  expect(await ask('summary')).toMatchObject({
    summary: {
      total_sessions: sessions,
      unique_visitors: visitors,
      total_conversations: conversations,
      conversion_rate: percent(conversations, sessions),
    },
  });
  const { trends } = (await ask('trends')) as { trends: Record<'sessions' | 'conversations' | 'messages', number>[] };
  const sum = (key: keyof (typeof trends)[number]): number => trends.reduce((total, day) => total + day[key], 0);
  expect([sum('sessions'), sum('conversations'), sum('messages')]).toEqual([sessions, conversations, Number(sent) + Number(received)]);
  const { events } = (await ask('events', { limit: '100' })) as { events: { event_name: string; event_count: number }[] };
  expect(Object.fromEntries(events.map(({ event_name: name, event_count: count }) => [name, count]))).toEqual(await countBy('event_name'));
  const { steps } = (await ask('funnel', { steps: 'widget_loaded,widget_opened,message_sent' })) as { steps: { count: number }[] };
  expect(steps.map(({ count }) => count)).toEqual([sessions, opened, wrote]);
}

async function prometheusAgrees({ events, sessions, conversations, sent, received, errors }: Record<string, number>): Promise<void> {
  const byCategory = await countBy('event_category');
  await waitForValues(
    {
      'sum(widget_analytics_events_total)': events ?? 0,
      ...Object.fromEntries(
        Object.entries(byCategory).map(([category, count]) => [`sum(widget_analytics_events_total{category="${category}"})`, count]),
      ),
      'sum(widget_analytics_sessions_started_total)': sessions ?? 0,
      'sum(widget_analytics_conversations_total)': conversations ?? 0,
      'sum(widget_analytics_messages_total{direction="sent"})': sent ?? 0,
      'sum(widget_analytics_messages_total{direction="received"})': received ?? 0,
      'sum(widget_analytics_event_lag_seconds_count)': events ?? 0,
      'sum(widget_org_events_total{org="acme"})': events ?? 0,
      'sum(widget_org_sessions_started_total{org="acme"})': sessions ?? 0,
      'sum(widget_org_conversations_total{org="acme"})': conversations ?? 0,
      'sum(widget_org_error_events_total{org="acme"})': errors ?? 0,
    },
    40_000,
  );
}

/** The figures of the dashboard. An increase is extrapolated to the end of its range, by less than a twentieth. */
async function grafanaAgrees(counted: Awaited<ReturnType<typeof recount>>): Promise<void> {
  const { events = 0, sessions = 0, conversations = 0, sent = 0, received = 0, errors = 0 } = counted;
  const dashboard = (await readDashboards()).find(({ name }) => name === 'widget-analytics')?.dashboard;
  if (dashboard === undefined) throw new Error('grafana/dashboards/widget-analytics.json is missing: npm run generate');
  const shown = async (title: string): Promise<number | undefined> => {
    const panel = panelsOf(dashboard).find((candidate) => candidate.title === title);
    if (panel === undefined) throw new Error(`the dashboard has no panel ${title}: name the one that took its place`);
    const [query] = sentQueries(panel, dashboard, { scrapeSeconds: 15, chosen: { org: 'acme' } });
    return (await services.prometheus.query(query?.expression ?? '')).samples[0]?.value;
  };
  const figures = {
    'Active sessions': 3,
    'Sessions in this time': sessions,
    'Messages in this time': sent + received,
    'Conversion in this time': conversations / sessions,
    'Most events': events,
    'Active sessions of $org': 3,
    'Sessions of $org in this time': sessions,
    'Conversion of $org in this time': conversations / sessions,
    'Error events in this time': errors,
  };
  for (const [title, figure] of Object.entries(figures)) expect(((await shown(title)) ?? 0) / figure, title).toBeCloseTo(1, 1);
}

function percent(part = 0, whole = 0): number {
  return Math.round((part / whole) * 10_000) / 100;
}
