import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createChatbot } from '../../jobs/provisioning.ts';
import { widgetSnippet } from '../../local/widget-snippet.ts';
import { startBrowser } from '../../test/support/browser.ts';
import { startCustomerSite, type CustomerSite } from '../../test/support/customer-site.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { startFaultProxy, type Fault, type FaultProxy } from '../../test/support/fault-proxy.ts';
import { insertOrganization, runExporter } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

/** The beacon in a real browser, against a real exporter; the proxy between them sees what is sent and breaks what it is told to. */
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let proxy: FaultProxy;
let browser: Browser;
let site: CustomerSite;
let script: Buffer;
let siteId: string;
let chatbotId: string;
let context: BrowserContext;
let page: Page;
let pageErrors: string[];

const uuid7 = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
/** Longer than the beacon collects events. */
const collectedMs = 3100;

// A browser takes its time on a machine that does other things as well.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

beforeAll(async () => {
  database = await createTestDatabase();
  const organization = await insertOrganization(database, { key: 'acme', columns: { allow_localhost: true } });
  siteId = organization.siteId;
  chatbotId = (await createChatbot(database.db, { orgKey: 'acme', name: 'chat' })).id;
  exporter = await runExporter(database);
  script = await readFile(join(import.meta.dirname, '../../exporter/browser-sdk/widget.js'));
  browser = await startBrowser();
  site = await startCustomerSite();
});
afterAll(async () => {
  await browser.close();
  await site.close();
  await exporter.stop();
  await database.drop();
});

beforeEach(async () => {
  proxy = await startFaultProxy(exporter.url);
  site.headers = {};
  site.html = `<title>Shop</title>${snippet()}`;
  context = await browser.newContext();
  page = await newPage();
});
afterEach(async () => {
  await context.close();
  await proxy.close();
});

const snippet = (): string => widgetSnippet({ script, exporterUrl: proxy.url, siteId, chatbotId });

/** With a clock that a test can put forward. */
async function newPage(): Promise<Page> {
  const opened = await context.newPage();
  await opened.clock.install();
  pageErrors = [];
  opened.on('pageerror', (error) => pageErrors.push(error.message));
  return opened;
}

/** What the page says to the beacon: JSON that goes through the queue. */
const say = (...commands: unknown[][]): Promise<void> =>
  page.evaluate((all) => (globalThis as unknown as { wobs: { push: (...commands: unknown[]) => void } }).wobs.push(...all), commands);

interface SentEvent {
  event_id: string;
  event_name: string;
  event_category: string;
  client_timestamp: string;
  page_url: string;
  page_title?: string;
  properties: Record<string, unknown>;
}
interface SentBatch {
  chatbotId: string;
  sessionId: string;
  anonymousId: string;
  user?: Record<string, unknown>;
  context: Record<string, unknown>;
  events: SentEvent[];
}

const batches = (): SentBatch[] =>
  proxy.received.filter(({ path }) => path === '/widget/analytics').map(({ body }) => JSON.parse(body) as SentBatch);
const sentEvents = (): SentEvent[] => batches().flatMap(({ events }) => events);
const sentNames = (): string[] => sentEvents().map(({ event_name }) => event_name);
const sent = (name: string): Promise<SentEvent> =>
  waitUntil(() => sentEvents().find(({ event_name }) => event_name === name), { within: 20_000, what: `${name} at the exporter` });
const storedIds = async (): Promise<string[]> =>
  (
    await database.query<{ id: string }>('select widget_events.id from widget_events where widget_events.session_id = any($1) order by 1', [
      batches().map(({ sessionId }) => sessionId),
    ])
  ).map(({ id }) => id);
/** Until all that was sent is in the database, once each, also what is sent meanwhile. */
const stored = (): Promise<true> =>
  waitUntil(
    async () => {
      const ids = new Set(sentEvents().map(({ event_id }) => event_id));
      return JSON.stringify(await storedIds()) === JSON.stringify([...ids].toSorted()) || undefined;
    },
    { within: 20_000, what: 'all events that were sent, once each, in the database' },
  ).catch(async (error: unknown) => {
    const answers = proxy.received.map(({ path, status }) => `${path} ${status}`).join(', ');
    throw new Error(`sent: ${sentNames().join()}; stored: ${(await storedIds()).length}; answered: ${answers}`, { cause: error });
  });

/** Opens a page of the site and waits for the beacon. */
async function visit(path = '/'): Promise<void> {
  await page.goto(site.url + path);
  await page.waitForFunction('typeof wobs.track === "function"');
}

const collected = (): Promise<void> => page.clock.fastForward(collectedMs);
const storage = (): Promise<string[]> => page.evaluate('Object.keys(localStorage).concat(Object.keys(sessionStorage))');
const failing = (fault: Fault): void => {
  proxy.faultOf = ({ path }) => (path === '/widget/analytics' ? fault : undefined);
};
const working = (): void => {
  proxy.faultOf = () => undefined;
};

describe('a page with the snippet', () => {
  test('loads the configuration, tells it to the page and reports that the widget loaded', async () => {
    await visit();
    const configuration = await page.evaluate('new Promise((resolve) => wobs.ready(resolve))');
    expect(configuration).toMatchObject({ ok: true, org: { key: 'acme' }, config: { widgetEnabled: true } });
    await collected();
    expect(await sent('widget_loaded')).toMatchObject({ event_category: 'system', page_title: 'Shop', page_url: `${site.url}/` });
    await stored();
    expect(pageErrors).toEqual([]);
  });

  test('needs no preflight for what it sends', async () => {
    await visit();
    await say(['track', 'widget_opened']);
    await collected();
    await sent('widget_opened');
    expect(proxy.received.map(({ method }) => method)).not.toContain('OPTIONS');
    expect(proxy.received.at(-1)?.contentType).toBe('text/plain;charset=UTF-8');
  });

  test('says who is there and where they came from, as on the first page of the tab', async () => {
    await page.goto(`${site.url}/first?utm_source=news&utm_campaign=may&token=secret#part`, { referer: 'https://search.example/?q=me' });
    await page.waitForFunction('typeof wobs.track === "function"');
    await say(['track', 'widget_opened']);
    await collected();
    await sent('widget_opened');
    await visit('/second?utm_source=other');
    await say(['track', 'message_sent']);
    await collected();
    await sent('message_sent');
    const [first, ...others] = batches();
    expect(first?.context).toMatchObject({
      landing_page: `${site.url}/first`,
      referrer: 'https://search.example/',
      utm_source: 'news',
      utm_campaign: 'may',
      screen_width: expect.any(Number) as number,
    });
    expect(first?.anonymousId).toMatch(uuid7);
    expect(first?.sessionId).toMatch(uuid7);
    for (const { events, ...envelope } of others) {
      expect(envelope).toEqual({ chatbotId, sessionId: first?.sessionId, anonymousId: first?.anonymousId, context: first?.context });
      expect(events[0]?.page_url).toMatch(/\/(first|second)$/);
    }
    expect(JSON.stringify(batches())).not.toContain('secret');
  });

  test('keeps the visitor and begins another session in another tab', async () => {
    await visit();
    await say(['track', 'first_tab']);
    await collected();
    await sent('first_tab');
    page = await newPage();
    await visit();
    await say(['track', 'second_tab']);
    await collected();
    await sent('second_tab');
    const [first, last] = [batches().at(0), batches().at(-1)];
    expect(last?.anonymousId).toBe(first?.anonymousId);
    expect(last?.sessionId).not.toBe(first?.sessionId);
  });

  test('sends what was said before the script had come', async () => {
    site.html = `<script>window.wobs = []; wobs.push(["track", "early", { a: 1 }], ["identify", { id: 7 }]);</script>${snippet()}`;
    await visit();
    await collected();
    expect((await sent('early')).properties).toEqual({ a: 1 });
    await sent('visitor_identified');
  });

  test('may hold the script twice', async () => {
    site.html = snippet() + snippet();
    await visit();
    await say(['track', 'once']);
    await collected();
    await sent('once');
    expect(sentNames().filter((name) => name === 'once')).toHaveLength(1);
  });

  test('may forbid inline scripts and everything from elsewhere but the exporter', async () => {
    site.headers = { 'content-security-policy': `default-src 'none'; script-src ${proxy.url}; connect-src ${proxy.url}` };
    site.html = snippet().replace(/<script>.*?<\/script>/, '');
    await visit();
    await page.evaluate('new Promise((resolve) => wobs.ready(resolve))');
    await collected();
    await sent('widget_loaded');
  });

  test('works where storage is forbidden', async () => {
    for (const area of ['localStorage', 'sessionStorage']) {
      await page.addInitScript(`Object.defineProperty(window, '${area}', { get() { throw new DOMException('no', 'SecurityError'); } })`);
    }
    await visit();
    await say(['track', 'widget_opened']);
    await collected();
    await sent('widget_opened');
    expect(batches()[0]?.anonymousId).toMatch(uuid7);
    expect(pageErrors).toEqual([]);
  });
});

describe('batches', () => {
  test('have at most 100 events, each stored once', async () => {
    await visit();
    await page.evaluate('for (let n = 0; n < 250; n += 1) wobs.track("counted", { n })');
    await collected();
    await waitUntil(() => sentNames().filter((name) => name === 'counted').length === 250, { within: 20_000 });
    expect(Math.max(...batches().map(({ events }) => events.length))).toBe(100);
    expect(new Set(sentEvents().map(({ event_id }) => event_id)).size).toBe(sentEvents().length);
    for (const { event_id } of sentEvents()) expect(event_id).toMatch(uuid7);
    await stored();
  });

  test('stay below 64 KiB', async () => {
    await visit();
    await page.evaluate('for (let n = 0; n < 30; n += 1) wobs.track("large", { text: "ä".repeat(4000) })');
    await collected();
    await waitUntil(() => sentNames().filter((name) => name === 'large').length === 30, { within: 20_000 });
    expect(sentEvents().find(({ event_name }) => event_name === 'large')?.properties['text']).toHaveLength(4000);
    for (const { body } of proxy.received) expect(Buffer.byteLength(body)).toBeLessThan(64 * 1024);
  });

  test('hold nothing for which the exporter would refuse the whole batch', async () => {
    await visit();
    await page.evaluate(`
      wobs.track('');
      wobs.track('n'.repeat(200), { huge: 'x'.repeat(9000) }, 'c'.repeat(80));
      wobs.track('list', [1, 2]);
      wobs.track('text', 'text');
      wobs.track('nothing', null, null);
      wobs.track(42);
      document.title = 't'.repeat(2000);
      wobs.track('title');`);
    await collected();
    await sent('title');
    const names = ['n'.repeat(100), 'list', 'text', 'nothing', '42', 'title'];
    expect(sentNames().filter((name) => name !== 'widget_loaded')).toEqual(names);
    await stored();
  });
});

describe('what cannot be sent', () => {
  test('is sent again with the same ids, not before Retry-After', async () => {
    failing({ status: 503, headers: { 'Retry-After': '20' } });
    await visit();
    await say(['track', 'kept']);
    await collected();
    const { event_id } = await sent('kept');
    const tried = batches().length;
    await page.clock.fastForward(15_000);
    await say(['track', 'later']);
    await page.evaluate('dispatchEvent(new Event("online")); dispatchEvent(new Event("pagehide"))');
    await page.clock.fastForward(4000);
    expect(batches()).toHaveLength(tried);
    working();
    await page.clock.fastForward(10_000);
    await waitUntil(() => sentNames().includes('later'), { within: 20_000 });
    expect(
      new Set(
        sentEvents()
          .filter(({ event_name }) => event_name === 'kept')
          .map((event) => event.event_id),
      ),
    ).toEqual(new Set([event_id]));
    await stored();
  });

  test('is stored once when the answer is lost', async () => {
    failing('lose the answer');
    await visit();
    await say(['track', 'message_sent']);
    await collected();
    await sent('message_sent');
    await page.clock.fastForward(3000);
    await waitUntil(() => sentNames().filter((name) => name === 'message_sent').length >= 2, { within: 20_000 });
    working();
    await page.clock.fastForward(600_000);
    await stored();
    await waitUntil(async () => !(await storage()).includes('wobs.queue'), { within: 20_000, what: 'an empty queue' });
    await stored();
  });

  test('waits while the browser is offline', async () => {
    await visit();
    await context.setOffline(true);
    const before = proxy.received.length;
    await say(['track', 'offline']);
    await collected();
    await collected();
    expect(proxy.received).toHaveLength(before);
    await context.setOffline(false);
    await collected();
    await sent('offline');
    await stored();
  });

  test('goes with the next page of the tab', async () => {
    failing({ status: 503 });
    await visit('/first');
    await say(['track', 'first_page']);
    await collected();
    const { event_id } = await sent('first_page');
    await page.evaluate('navigator.sendBeacon = () => false');
    await say(['track', 'also_first_page']);
    await page.goto('about:blank');
    working();
    proxy.received.length = 0;
    await visit('/second');
    await collected();
    await sent('also_first_page');
    expect((await sent('first_page')).event_id).toBe(event_id);
    await stored();
  });

  test('is at most 1,000 events; the oldest go', async () => {
    await context.setOffline(false);
    await visit();
    await context.setOffline(true);
    await page.evaluate('for (let n = 0; n < 2500; n += 1) wobs.track("many", { n })');
    await context.setOffline(false);
    await collected();
    await waitUntil(() => sentEvents().some(({ properties }) => properties['n'] === 2499), { within: 20_000 });
    const numbers = sentEvents().flatMap(({ properties }) => (typeof properties['n'] === 'number' ? [properties['n']] : []));
    expect(numbers.length).toBeLessThanOrEqual(1000);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(1500);
  });

  test('is dropped when the exporter refuses it for what it says', async () => {
    await refuse(400);
    working();
    proxy.received.length = 0;
    await say(['track', 'fine']);
    await page.clock.fastForward(600_000);
    await sent('fine');
    expect(sentNames()).not.toContain('refused');
  });

  test.each([403, 404])('ends it all on this page when the chatbot may not be reported from here: %i', async (status) => {
    await refuse(status);
    const before = batches().length;
    await say(['track', 'more']);
    await page.clock.fastForward(600_000);
    await page.goto('about:blank');
    expect(batches()).toHaveLength(before);
  });

  /** Resolves when the beacon has heard the refusal: what was kept after a first failure is gone. */
  async function refuse(status: number): Promise<void> {
    const isKept = async (): Promise<boolean> => (await storage()).includes('wobs.queue');
    failing({ status: 503 });
    await visit();
    await say(['track', 'refused']);
    await collected();
    await waitUntil(isKept, { within: 20_000, what: 'a queue that is kept' });
    failing({ status });
    await page.clock.fastForward(10_000);
    await waitUntil(async () => !(await isKept()), { within: 20_000, what: 'an empty queue' });
  }
});

describe('the end of a page', () => {
  test('sends what is left when the tab is closed', async () => {
    await visit();
    await say(['track', 'last_words']);
    await page.close({ runBeforeUnload: true });
    await sent('last_words');
    await stored();
  });

  test('sends what is left when another page is opened', async () => {
    await visit();
    await say(['track', 'last_words']);
    await page.goto('about:blank');
    await sent('last_words');
    expect(proxy.received.at(-1)?.contentType).toBe('text/plain;charset=UTF-8');
    expect(sentNames().filter((name) => name === 'last_words')).toHaveLength(1);
  });

  test('does not end the session: the next page goes on with it', async () => {
    await visit('/first');
    await say(['track', 'on_first']);
    await visit('/second');
    await say(['track', 'on_second']);
    await page.goto('about:blank');
    await sent('on_second');
    expect(new Set(batches().map(({ sessionId }) => sessionId)).size).toBe(1);
    expect(sentNames()).not.toContain('unload');
  });
});

describe('a visitor', () => {
  test('is named from identify on', async () => {
    await visit();
    await say(['track', 'before']);
    await say(['identify', { id: 42, email: 'a@b.example', name: 'A'.repeat(300), metadata: { plan: 'pro' } }], ['track', 'after']);
    await collected();
    await sent('after');
    const of = (name: string): SentBatch | undefined =>
      batches().find(({ events }) => events.some(({ event_name }) => event_name === name));
    expect(of('before')?.user).toBeUndefined();
    expect(of('after')?.user).toEqual({ id: '42', email: 'a@b.example', name: 'A'.repeat(200), metadata: { plan: 'pro' } });
    await stored();
  });

  test('without an id is nobody, and too much metadata is left out', async () => {
    await visit();
    await say(['identify', {}], ['identify', null], ['track', 'nobody']);
    await say(['identify', { id: 'u', metadata: { text: 'x'.repeat(5000) } }]);
    await collected();
    await sent('visitor_identified');
    expect(batches().find(({ events }) => events.some(({ event_name }) => event_name === 'nobody'))?.user).toBeUndefined();
    expect(batches().at(-1)?.user).toEqual({ id: 'u' });
    expect(pageErrors).toEqual([]);
  });

  test('who leaves is forgotten by reset; what they did is theirs', async () => {
    await visit();
    await say(['identify', { id: 'one' }], ['track', 'by_one'], ['reset'], ['track', 'by_two']);
    await collected();
    await sent('by_two');
    const [one, two] = ['by_one', 'by_two'].map((name) =>
      batches().find(({ events }) => events.some((event) => event.event_name === name)),
    );
    expect([one?.user, two?.user]).toEqual([{ id: 'one' }, undefined]);
    expect(two?.anonymousId).not.toBe(one?.anonymousId);
    expect(two?.sessionId).not.toBe(one?.sessionId);
  });
});

describe('errors that nobody catches', () => {
  /** Each once: the clock that is put forward gives requests up that are under way. */
  const errors = (): SentEvent[] =>
    [...new Map(sentEvents().map((event) => [event.event_id, event])).values()].filter(({ event_name }) => event_name === 'widget_error');

  test('are reported with where they happened', async () => {
    await visit();
    await page.evaluate(
      'queueMicrotask(() => { throw new TypeError("thrown"); }); Promise.reject(new Error("rejected")); Promise.reject("words"); 0',
    );
    await waitUntil(() => pageErrors.length >= 2, { within: 20_000 });
    await collected();
    await waitUntil(() => errors().length === 3, { within: 20_000 });
    const messages = errors().map(({ properties }) => String(properties['error_message']));
    expect(messages.toSorted()).toEqual([expect.stringContaining('thrown'), 'rejected', 'words']);
    const thrown = errors().find(({ properties }) => String(properties['error_message']).includes('thrown'));
    expect(thrown).toMatchObject({ event_category: 'error', properties: { error_stack: expect.stringContaining('TypeError') as string } });
  });

  test('are reported once a minute each, and ten a minute', async () => {
    await visit();
    const fail = (message: string, times: number): Promise<unknown> =>
      page.evaluate(`for (let n = 0; n < ${times}; n += 1) dispatchEvent(new ErrorEvent('error', { message: ${message} })); 0`);
    await fail('"the same"', 500);
    await fail('"different " + n', 50);
    await collected();
    await waitUntil(() => errors().length > 0, { within: 20_000 });
    expect(errors()).toHaveLength(10);
    await page.clock.fastForward(60_000);
    await fail('"the same"', 5);
    await collected();
    await waitUntil(() => errors().length > 10, { within: 20_000 });
    expect(errors()).toHaveLength(11);
  });

  test('may be only those of the widget, or none', async () => {
    const fail = `for (const filename of ['https://cdn.example/chat/main.js', 'https://shop.example/cart.js'])
      dispatchEvent(new ErrorEvent('error', { message: 'in ' + filename, filename })); wobs.track('after_errors')`;
    site.html = snippet().replace('data-site-id', 'data-errors="cdn.example/chat/" data-version="2.1.0" data-site-id');
    await visit();
    await page.evaluate(fail);
    await collected();
    await sent('after_errors');
    expect(errors().map(({ properties }) => properties)).toEqual([
      expect.objectContaining({ error_file: 'https://cdn.example/chat/main.js', widget_version: '2.1.0' }),
    ]);
    proxy.received.length = 0;
    // Another tab: this one sends again what it does not know to have arrived.
    page = await newPage();
    site.html = snippet().replace('data-site-id', 'data-errors="none" data-site-id');
    await visit();
    await page.evaluate(fail);
    await collected();
    await sent('after_errors');
    expect(errors()).toEqual([]);
  });
});

describe('a visitor who objects', () => {
  const signals = {
    'Global Privacy Control': `Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })`,
    'Do Not Track': `Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' })`,
  };

  test.each(Object.entries(signals))('by %s is left alone: nothing is sent, nothing is stored', async (_signal, initScript) => {
    await visit();
    expect(await storage()).toContain('wobs.anonymous');
    await page.goto('about:blank');
    await page.addInitScript(initScript);
    proxy.received.length = 0;
    site.html = `<script>window.wobs = [["track", "early"], ["ready", (configuration) => { window.told = configuration; }]];</script>${snippet()}`;
    await visit();
    expect(await page.evaluate('window.told')).toBeNull();
    expect(await page.evaluate('new Promise((resolve) => wobs.ready(resolve))')).toBeNull();
    await say(['track', 'widget_opened'], ['identify', { id: 1 }], ['reset']);
    await page.evaluate('dispatchEvent(new ErrorEvent("error", { message: "no" }))');
    await page.clock.fastForward(600_000);
    expect(await storage()).toEqual([]);
    await page.goto('about:blank');
    expect(proxy.received.filter(({ path }) => !path.startsWith('/sdk/'))).toEqual([]);
  });

  test('is asked first by a page that leaves init until they agreed', async () => {
    const [stub = ''] = snippet().split('\n');
    site.html =
      stub +
      snippet()
        .split('\n')
        .slice(1)
        .join('\n')
        .replace(/data-site-id[^]*?>/, '>');
    await visit();
    await say(['track', 'before_consent']);
    await page.clock.fastForward(600_000);
    expect(await storage()).toEqual([]);
    expect(proxy.received.filter(({ path }) => !path.startsWith('/sdk/'))).toEqual([]);
    await say(['init', { siteId, chatbotId }]);
    await page.evaluate('new Promise((resolve) => wobs.ready(resolve))');
    await collected();
    await sent('before_consent');
    await sent('widget_loaded');
  });

  test('later is forgotten by stop, with what was not sent yet, until the next init', async () => {
    await visit();
    await page.evaluate('new Promise((resolve) => wobs.ready(resolve))');
    await collected();
    await sent('widget_loaded');
    const before = batches().length;
    await say(['track', 'unsent'], ['stop'], ['track', 'after_stop']);
    expect(await storage()).toEqual([]);
    await page.clock.fastForward(600_000);
    expect(batches()).toHaveLength(before);
    await say(['init', { siteId, chatbotId }], ['track', 'again']);
    await collected();
    await sent('again');
    expect(sentNames()).not.toContain('unsent');
    expect(sentNames()).not.toContain('after_stop');
    expect(batches().at(-1)?.anonymousId).not.toBe(batches()[0]?.anonymousId);
    await page.evaluate('dispatchEvent(new ErrorEvent("error", { message: "once" }))');
    await collected();
    await sent('widget_error');
    expect(sentNames().filter((name) => name === 'widget_error')).toHaveLength(1);
  });
});

describe('the page', () => {
  test('never gets an error from the beacon', async () => {
    site.html = `<script>window.wobs = [["nothing"], null, 7, ["track"]];</script>${snippet()}`;
    await visit();
    await page.evaluate(`
      const circle = {}; circle.self = circle;
      wobs.track('circle', circle);
      wobs.track('big', { n: 10n });
      wobs.track({ toString() { throw new Error('no'); } });
      wobs.identify(); wobs.identify(7); wobs.init(); wobs.init({}); wobs.push(null, {}, ['push'], ['constructor']); wobs.ready();
      wobs.track('survived')`);
    await collected();
    await sent('survived');
    expect(pageErrors).toEqual([]);
  });

  test('is told what went wrong when it asks', async () => {
    const warnings: string[] = [];
    page.on('console', (message) => (message.type() === 'warning' ? warnings.push(message.text()) : undefined));
    site.html = snippet().replace('data-site-id', 'data-debug="true" data-site-id');
    await visit();
    await say(['identify', {}]);
    await waitUntil(() => warnings.length > 0, { within: 20_000 });
    expect(warnings.join()).toContain('wobs Error: id is missing');
  });

  test('hears null when there is no configuration for it', async () => {
    site.html = snippet().replace(siteId, 'site_0000000000000000');
    await visit();
    expect(await page.evaluate('new Promise((resolve) => wobs.ready(resolve))')).toBeNull();
  });

  test('waits less than half a millisecond for an event', async () => {
    await visit();
    // The best of many rounds: others use this machine as well.
    const bestMs = (await page.evaluate(`(() => {
      let best = Infinity;
      for (let round = 0; round < 20; round += 1) {
        const from = new Event('x').timeStamp;
        for (let n = 0; n < 20; n += 1) wobs.track('timed', { n, text: 'x'.repeat(200) });
        best = Math.min(best, new Event('x').timeStamp - from);
      }
      return best / 20;
    })()`)) as number;
    expect(bestMs).toBeLessThan(0.5);
  });
});

describe('example.html', () => {
  test('does in its address what the buttons say', async () => {
    site.html = await readFile(join(import.meta.dirname, 'example.html'), 'utf8');
    await page.goto(`${site.url}/?exporter=${encodeURIComponent(proxy.url)}&site=${siteId}&chatbot=${chatbotId}`);
    await page.getByText('is ready').waitFor();
    for (const button of await page.locator('button:not(#stop)').all()) await button.click();
    await page.goto('about:blank');
    const expected = [
      'feedback_given',
      'message_received',
      'message_sent',
      'visitor_identified',
      'widget_closed',
      'widget_error',
      'widget_loaded',
      'widget_minimized',
      'widget_opened',
    ];
    await waitUntil(() => sentNames().length >= expected.length, { within: 20_000, what: 'every event at the exporter' });
    expect(sentNames().toSorted()).toEqual(expected);
    await stored();
    expect(pageErrors).toEqual(['The page failed, as it was asked to']);
  });
});
