import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createChatbot } from '../../jobs/provisioning.ts';
import { performanceSnippet, widgetSnippet } from '../../local/widget-snippet.ts';
import { startBrowser } from '../../test/support/browser.ts';
import { startCustomerSite, type CustomerSite } from '../../test/support/customer-site.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { startFaultProxy, type Fault, type FaultProxy } from '../../test/support/fault-proxy.ts';
import { insertOrganization, runExporter } from '../../test/support/services.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

/** The measuring script beside the beacon, in a real browser, against a real exporter. */
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let proxy: FaultProxy;
let browser: Browser;
let site: CustomerSite;
let scripts: { widget: Buffer; performance: Buffer };
let siteId: string;
let chatbotId: string;
let context: BrowserContext;
let page: Page;
let pageErrors: string[];

const path = '/api/monitoring/widget';
const readCommitted = (name: string): Promise<Buffer> => readFile(join(import.meta.dirname, `../../exporter/browser-sdk/${name}.js`));

// A browser takes its time on a machine that does other things as well.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

beforeAll(async () => {
  database = await createTestDatabase();
  ({ siteId } = await insertOrganization(database, { key: 'acme', columns: { allow_localhost: true } }));
  exporter = await runExporter(database);
  scripts = { widget: await readCommitted('widget'), performance: await readCommitted('performance') };
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
  // One for each test: what is stored of it is the test's.
  chatbotId = (await createChatbot(database.db, { orgKey: 'acme', name: 'chat' })).id;
  proxy = await startFaultProxy(exporter.url);
  site.html = `<title>Shop</title>${snippet()}${measuring()}`;
  site.statusOf = () => undefined;
  context = await browser.newContext();
  page = await context.newPage();
  pageErrors = [];
  page.on('pageerror', (error) => pageErrors.push(error.message));
});
afterEach(async () => {
  await context.close();
  await proxy.close();
  if (pageErrors.length > 0) throw new Error(`the page failed: ${pageErrors.join('; ')}`);
});

const snippet = (): string => widgetSnippet({ script: scripts.widget, exporterUrl: proxy.url, siteId, chatbotId });
/** Without the loads of its own scripts, of which only one test is. */
const measuring = (attributes = 'data-bundles="/chat/"'): string =>
  performanceSnippet({ script: scripts.performance, exporterUrl: proxy.url }).replace('<script', `<script ${attributes}`);

/** Opens a page of the site and waits for both scripts. */
async function visit(): Promise<void> {
  await page.goto(`${site.url}/`);
  await page.waitForFunction('typeof wobs.trackRender === "function"');
}
const run = (script: string): Promise<unknown> => page.evaluate(script);

interface SentBatch {
  chatbotId: string;
  batchId: string;
  metrics: { type: string; metric: Record<string, unknown> }[];
}
const batches = (): SentBatch[] =>
  proxy.received.filter((request) => request.path === path).map(({ body }) => JSON.parse(body) as SentBatch);
const sent = (type: string): Record<string, unknown>[] =>
  batches().flatMap(({ metrics }) => metrics.filter((metric) => metric.type === type).map(({ metric }) => metric));
const until = (isSo: () => boolean, what: string): Promise<unknown> => waitUntil(() => isSo() || undefined, { within: 20_000, what });
const answers = (): unknown[] => proxy.received.filter((request) => request.path === path).map(({ status }) => status);
const breaking = (fault: Fault | undefined): void => {
  proxy.faultOf = (request) => (request.path === path ? fault : undefined);
};
const storage = (): Promise<unknown> => page.evaluate('Object.keys(sessionStorage)');

/** What the exporter stored of a type, over all operations. */
async function stored(type: string): Promise<Record<string, number>> {
  const [row] = await database.query<Record<string, number>>(
    `select coalesce(sum(count), 0)::integer as count, coalesce(sum(error_count), 0)::integer as errors, sum(value_sum) as value,
       sum(cached_count)::integer as cached, sum(preserved_count)::integer as preserved, sum(items_sum)::integer as items
     from widget_performance_minutes minutes where minutes.chatbot_id = $1 and minutes.type = $2`,
    [chatbotId, type],
  );
  return row ?? {};
}
const untilStored = (type: string, count: number): Promise<unknown> =>
  waitUntil(async () => (await stored(type))['count'] === count, { within: 20_000, what: `${count} stored of ${type}` }).catch(
    async (error: unknown) => {
      const seen = { sent: sent(type).length, stored: await stored(type), answers: answers() };
      throw new Error(`instead: ${JSON.stringify(seen)}`, { cause: error });
    },
  );

describe('what the widget tracks', () => {
  test('is stored: every type, with its value and outcome', async () => {
    await visit();
    await run(`
      wobs.push(['trackPersistence', { operation: 'save', success: false, duration: 12.5, errorType: 'QuotaExceededError' }]);
      wobs.trackPersistence({ operation: 'restore', success: true, duration: 7.5 });
      wobs.trackRestoration({ success: true, duration: 150, messagesRestored: 12 });
      wobs.trackNavigation({ success: true, dataPreserved: true, duration: 30 });
      wobs.trackRender({ renderTime: 8.25 });
      wobs.trackScroll({ fps: 58, jankFrames: 2, totalFrames: 100 });
      wobs.trackMemory({ heapUsed: 1000 });
      wobs.trackTabSync({ operation: 'receive', success: true, latency: 4 });
      wobs.trackApi({ statusCode: 502, duration: 90, errorType: 'BadGateway' });
      wobs.trackApi({ statusCode: 200, duration: 10, cached: true });
      wobs.trackBundle({ loadTime: 200, size: 5000 });`);
    await untilStored('bundle', 1);
    expect(await stored('persistence')).toMatchObject({ count: 2, errors: 1, value: 20 });
    expect(await stored('restoration')).toMatchObject({ count: 1, errors: 0, value: 150, items: 12 });
    expect(await stored('navigation')).toMatchObject({ count: 1, preserved: 1, value: 30 });
    expect(await stored('render')).toMatchObject({ count: 1, value: 8.25 });
    expect(await stored('scroll')).toMatchObject({ count: 1, value: 58 });
    expect(await stored('memory')).toMatchObject({ count: 1, value: 1000 });
    expect(await stored('tabSync')).toMatchObject({ count: 1, value: 4 });
    expect(await stored('api')).toMatchObject({ count: 2, errors: 1, cached: 1, value: 100 });
    expect(await stored('bundle')).toMatchObject({ count: 1, value: 200, cached: 0 });
    expect(proxy.received.find((request) => request.path === path)?.contentType).toBe('text/plain;charset=UTF-8');
    expect(proxy.received.map(({ method }) => method)).not.toContain('OPTIONS');
  });

  test('says nothing of the visitor or of the page', async () => {
    await visit();
    await run(`
      const secrets = { sessionId: 'secret', conversationId: 'secret', messageId: 'secret', errorMessage: 'secret', metadata: { a: 'secret' } };
      wobs.trackPersistence({ operation: 'sync', success: true, duration: 1, ...secrets });
      wobs.trackNavigation({ success: true, dataPreserved: true, duration: 1, fromPage: '/secret', toPage: '/secret', ...secrets });
      wobs.trackApi({ statusCode: 200, duration: 1, endpoint: '/secret', ...secrets });
      wobs.trackRender({ renderTime: 1, ...secrets });`);
    await untilStored('render', 1);
    expect(JSON.stringify(batches())).not.toContain('secret');
    expect(Object.keys(batches()[0] ?? {}).toSorted()).toEqual(['batchId', 'chatbotId', 'metrics']);
  });

  test('is timed from when it began, here or in another tab', async () => {
    await visit();
    await run(`
      const since = performance.now() - 40;
      wobs.trackRender({ since });
      wobs.trackTabSync({ operation: 'receive', success: true, sentAt: Date.now() - 25 });`);
    await untilStored('tabSync', 1);
    const [render] = sent('render');
    expect(render?.['renderTime']).toBeGreaterThanOrEqual(40);
    expect(render?.['renderTime']).toBeLessThan(60);
    expect(sent('tabSync')[0]?.['latency']).toBeGreaterThanOrEqual(25);
  });

  test('is left out where it is no metric, and kept within what the exporter takes', async () => {
    await visit();
    await run(`
      wobs.trackRender(); wobs.trackRender({}); wobs.trackRender({ renderTime: NaN }); wobs.trackRender({ renderTime: '5' });
      wobs.trackPersistence({ operation: 'steal', success: true, duration: 1 });
      wobs.trackPersistence({ operation: 'save', duration: 1 });
      wobs.trackScroll({ fps: 60 }); wobs.trackScroll({ fps: 60, jankFrames: 1 });
      wobs.trackTabSync(null); wobs.watchScroll(); wobs.push(['trackApi']);
      wobs.trackRender({ renderTime: 1e12 }); wobs.trackRender({ renderTime: -3 });
      wobs.trackApi({ statusCode: 1000, duration: Infinity, errorType: 'x'.repeat(500) });
      wobs.trackRestoration({ success: true, duration: 0, messagesRestored: 1e9 });`);
    await untilStored('restoration', 1);
    expect(sent('render').map(({ renderTime }) => renderTime)).toEqual([3_600_000, 0]);
    expect(await stored('render')).toMatchObject({ count: 2 });
    expect(await stored('api')).toMatchObject({ count: 1 });
    for (const type of ['persistence', 'scroll', 'tabSync']) expect(await stored(type), type).toMatchObject({ count: 0 });
    expect(answers()).toEqual([200]);
  });

  test.each([
    ['before the beacon', (): string => `${measuring()}${snippet()}`],
    ['after the beacon', (): string => `${snippet()}${measuring()}`],
    ['twice', (): string => `${snippet()}${measuring()}${measuring()}`],
  ])('waits for the scripts, whichever comes first: %s', async (_order, html) => {
    site.html = `<script>window.wobs = [["trackRender", { renderTime: 5 }]];</script>${html().replaceAll('async ', '')}`;
    await visit();
    await run('wobs.trackRender({ renderTime: 6 })');
    await untilStored('render', 2);
    expect(await stored('render')).toMatchObject({ value: 11 });
  });
});

describe('what is measured by itself', () => {
  test('the scripts of the exporter, where no others are named', async () => {
    site.html = `${snippet()}${measuring('')}`;
    await visit();
    await until(() => sent('bundle').length >= 2, 'two scripts that were loaded');
    expect(sent('bundle')).toHaveLength(2);
    for (const { size, loadTime } of sent('bundle')) {
      expect(size).toBeGreaterThan(1000);
      expect(size).toBeLessThan(4000);
      expect(loadTime).toBeGreaterThan(0);
    }
    await untilStored('bundle', 2);
  });

  test('the calls of the API that the page names, with their status', async () => {
    site.statusOf = (asked) => ({ '/chat-api/good': 200, '/chat-api/bad': 502, '/other': 500 })[asked];
    site.html = `${snippet()}${measuring('data-bundles="/chat/" data-api="/chat-api/"')}`;
    await visit();
    await run(
      `Promise.all(['/chat-api/good', '/chat-api/bad', '/chat-api/good', '/other'].map((path) => fetch(path).then((answer) => answer.text())))`,
    );
    await untilStored('api', 3);
    expect(await stored('api')).toMatchObject({ errors: 1, cached: 0 });
    expect(
      sent('api')
        .map(({ statusCode }) => Number(statusCode))
        .toSorted((one, other) => one - other),
    ).toEqual([200, 200, 502]);
  });

  test('the heap, every 30 seconds', async () => {
    // The clock of the test knows of no heap.
    await page.addInitScript('window.realPerformance = performance');
    await page.clock.install();
    await page.addInitScript(`Object.defineProperty(performance, 'memory', { get: () => realPerformance.memory })`);
    await visit();
    await page.clock.runFor(29_000);
    expect(sent('memory')).toEqual([]);
    await page.clock.runFor(65_000);
    await untilStored('memory', 3);
    for (const { heapUsed } of sent('memory')) expect(heapUsed).toBeGreaterThan(100_000);
  });

  /** Scrolls a little in each frame, which takes so long, until a sample is as it should be. */
  async function scroll(workMs: number, isRight: (fps: number, lateShare: number) => boolean): Promise<void> {
    site.html =
      '<div id="chat"><div id="log" style="height: 200px; overflow: auto"><div style="height: 90000px">messages</div></div></div>' +
      `${snippet()}${measuring()}`;
    await visit();
    await run(`
      wobs.watchScroll(document.querySelector('#chat'));
      requestAnimationFrame(function step() {
        document.querySelector('#log').scrollTop += 5;
        const until = performance.now() + ${workMs};
        while (performance.now() < until);
        requestAnimationFrame(step);
      });`);
    const share = ({ jankFrames, totalFrames }: Record<string, unknown>): number => Number(jankFrames) / Number(totalFrames);
    await until(() => sent('scroll').some((sample) => isRight(Number(sample['fps']), share(sample))), 'such a sample');
    await waitUntil(async () => ((await stored('scroll'))['count'] ?? 0) >= 1, { within: 20_000, what: 'a sample that is stored' });
  }

  test('frames while something in the watched element is scrolled, and those that are late', () =>
    scroll(60, (fps, lateShare) => fps > 1 && fps < 20 && lateShare > 0.8));

  test('frames that are in time are not late', () => scroll(0, (fps, lateShare) => fps > 40 && lateShare < 0.3));
});

describe('a share of the pages', () => {
  test.each(['0', 'nonsense'])('of %s measures and sends nothing', async (rate) => {
    site.html = `${snippet()}${measuring(`data-sample-rate="${rate}"`)}`;
    await page.clock.install();
    await visit();
    await run('wobs.trackRender({ renderTime: 5 }); wobs.watchScroll(document); wobs.track("told")');
    await page.clock.runFor(100_000);
    await page.goto('about:blank');
    await until(() => proxy.received.some(({ body }) => body.includes('"told"')), 'the event');
    expect(batches()).toEqual([]);
  });

  test('measures all of a page or nothing', async () => {
    await page.addInitScript('Math.random = () => 0.4');
    site.html = `${snippet()}${measuring('data-sample-rate="0.5"')}`;
    await visit();
    await run('for (let n = 0; n < 20; n += 1) wobs.trackRender({ renderTime: 5 })');
    await untilStored('render', 20);
  });
});

describe('batches', () => {
  const track = (count: number): Promise<unknown> => run(`for (let n = 0; n < ${count}; n += 1) wobs.trackRender({ renderTime: n })`);

  test('have at most 100 metrics, and an id each', async () => {
    await visit();
    await track(250);
    await untilStored('render', 250);
    expect(batches().map(({ metrics }) => metrics.length)).toEqual([100, 100, 50]);
    expect(new Set(batches().map(({ batchId }) => batchId)).size).toBe(3);
  });

  test('are counted once when an answer is lost; what is measured meanwhile goes with the next one', async () => {
    await page.clock.install();
    breaking('lose the answer');
    await visit();
    await track(3);
    await page.clock.runFor(3100);
    await untilStored('render', 3);
    await track(2);
    breaking(undefined);
    await waitUntil(
      async () => {
        await page.clock.runFor(1000);
        return (await stored('render'))['count'] === 5 || undefined;
      },
      { within: 20_000, what: 'five metrics' },
    );
    const [first] = batches();
    const others = batches().filter(({ batchId }) => batchId !== first?.batchId);
    for (const repeated of batches().filter(({ batchId }) => batchId === first?.batchId)) expect(repeated).toEqual(first);
    expect(others.map(({ metrics }) => metrics.length)).toEqual([2]);
  });

  test('that cannot be sent wait, 1,000 metrics at most', async () => {
    await visit();
    await context.setOffline(true);
    await track(2500);
    await context.setOffline(false);
    await until(() => sent('render').some(({ renderTime }) => renderTime === 2499), 'the newest');
    await until(() => answers().every((status) => status === 200), 'every answer');
    expect(sent('render').length).toBeLessThanOrEqual(1000);
    expect(Math.min(...sent('render').map(({ renderTime }) => Number(renderTime)))).toBeGreaterThanOrEqual(1500);
  });

  test.each(['sent', 'left'])('that had to wait for more than an hour are not counted as of now (%s)', async (how) => {
    await page.clock.install();
    await visit();
    await context.setOffline(true);
    await track(3);
    await page.clock.runFor(40 * 60_000);
    // Another batch: the first one is full.
    await track(100);
    await page.clock.runFor(21 * 60_000);
    await context.setOffline(false);
    await page.evaluate("dispatchEvent(new Event('online'))");
    if (how === 'left') await page.goto('about:blank');
    else await page.clock.runFor(3100);
    await untilStored('render', 3);
    expect(new Set(batches().map(({ batchId, metrics }) => `${batchId} ${metrics.length}`)).size).toBe(1);
  });

  test('go with the next page of the tab, under the same id', async () => {
    await page.clock.install();
    breaking('lose the answer');
    await visit();
    await track(4);
    await page.clock.runFor(3100);
    await untilStored('render', 4);
    await page.evaluate('navigator.sendBeacon = () => false');
    await page.goto('about:blank');
    breaking(undefined);
    const before = batches().length;
    // Also where the visitor is asked first.
    site.html = site.html.replace(/data-site-id="[^"]*"\s+data-chatbot-id="[^"]*"/, '');
    await page.goto(`${site.url}/`);
    await page.waitForFunction('window.wobsMeasures && typeof wobs.init === "function"');
    await run(`wobs.init(${JSON.stringify({ siteId, chatbotId })})`);
    await page.clock.runFor(1000);
    await until(() => answers()[before] === 200, 'the same again');
    expect(batches().at(-1)).toEqual(batches()[0]);
    expect(await stored('render')).toMatchObject({ count: 4 });
  });

  test('go at once when the page is left', async () => {
    await visit();
    await track(7);
    await page.goto('about:blank');
    await untilStored('render', 7);
    expect(proxy.received.find((request) => request.path === path)?.contentType).toBe('text/plain;charset=UTF-8');
  });
});

describe('a visitor who objects', () => {
  test('is not measured, and what was kept is removed', async () => {
    await page.clock.install();
    breaking({ status: 503 });
    await visit();
    await run('wobs.trackRender({ renderTime: 5 })');
    await page.clock.runFor(3100);
    await waitUntil(async () => ((await storage()) as string[]).includes('wobs.metrics'), { within: 20_000, what: 'metrics that wait' });
    await page.goto('about:blank');
    await page.addInitScript(`Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })`);
    breaking(undefined);
    proxy.received.length = 0;
    await page.goto(`${site.url}/`);
    await page.waitForFunction('window.wobsMeasures && typeof wobs.track === "function"');
    await run(`wobs.push(['trackRender', { renderTime: 6 }], ['watchScroll', 7])`);
    await page.clock.runFor(100_000);
    expect(await storage()).toEqual([]);
    await page.goto('about:blank');
    expect(proxy.received.filter((request) => !request.path.startsWith('/sdk/'))).toEqual([]);
  });

  test('later is not measured from then on, until the next init', async () => {
    await page.clock.install();
    await visit();
    await run(`wobs.trackRender({ renderTime: 5 }); wobs.stop(); wobs.trackRender({ renderTime: 6 })`);
    await page.clock.runFor(100_000);
    expect(batches()).toEqual([]);
    await run(`wobs.init(${JSON.stringify({ chatbotId })}); wobs.trackRender({ renderTime: 7 })`);
    await page.clock.runFor(3100);
    await untilStored('render', 1);
    expect(sent('render').map(({ renderTime }) => renderTime)).toEqual([7]);
  });
});

test('a page waits less than half a millisecond for each operation', async () => {
  await visit();
  // The best of many rounds: others use this machine as well.
  const bestMs = (await run(`(() => {
    const operations = {
      trackRender: () => wobs.trackRender({ since: performance.now() }),
      trackPersistence: () => wobs.trackPersistence({ operation: 'save', success: false, duration: 3, errorType: 'QuotaExceededError' }),
      trackTabSync: () => wobs.push(['trackTabSync', { operation: 'receive', success: true, sentAt: Date.now() }]),
      trackApi: () => wobs.trackApi({ statusCode: 200, duration: 3, cached: true }),
    };
    return Object.fromEntries(Object.entries(operations).map(([name, operation]) => {
      let best = Infinity;
      for (let round = 0; round < 20; round += 1) {
        const from = performance.now();
        for (let n = 0; n < 200; n += 1) operation();
        best = Math.min(best, performance.now() - from);
      }
      return [name, best / 200];
    }));
  })()`)) as Record<string, number>;
  for (const [name, ms] of Object.entries(bestMs)) expect(ms, name).toBeLessThan(0.5);
});

test('example.html measures what its buttons do', async () => {
  site.html = await readFile(join(import.meta.dirname, 'example.html'), 'utf8');
  await page.goto(`${site.url}/?exporter=${encodeURIComponent(proxy.url)}&site=${siteId}&chatbot=${chatbotId}`);
  await page.getByText('is ready').waitFor();
  for (let turn = 0; turn < 8; turn += 1) await page.getByRole('button', { name: 'Say something', exact: true }).click();
  await page.getByRole('button', { name: 'Say something that is slow to render' }).click();
  await page.goto('about:blank');
  await untilStored('render', 9);
  await untilStored('persistence', 9);
  const renderTimes = sent('render').map(({ renderTime }) => Number(renderTime));
  expect(renderTimes.filter((ms) => ms >= 60)).toHaveLength(1);
});
