import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { orgMetrics as healthOrgMetrics } from '../../features/widget-health/metrics.ts';
import { startBootloaderLoad, type BootloaderLoad } from '../support/bootloader-load.ts';
import { startDurableDatabase, type DurableDatabase } from '../support/durable-database.ts';
import { openConnection, outcomeOf, type HttpAnswer } from '../support/http-connection.ts';
import { createTenants, startMessageLoad, tenantOrigin, type MessageLoad, type Tenant } from '../support/message-load.ts';
import {
  readiness,
  servicePorts,
  startServiceProcess,
  waitUntilReady,
  type ServicePorts,
  type ServiceProcess,
} from '../support/service-process.ts';
import { scrape } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';

/**
 * What the processes promise about stops and an absent database beside storing what they acknowledged (test/conservation), asked of real
 * processes and a real server.
 */
let database: DurableDatabase;
let ports: ServicePorts;
const stops: (() => Promise<unknown> | void)[] = [];
let unique = 0;

beforeAll(async () => {
  database = await startDurableDatabase();
  ports = await servicePorts();
});

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
  await database.start();
});

afterAll(() => database.drop());

function start(name: 'exporter' | 'api'): ServiceProcess {
  const service = startServiceProcess(name, { database, ports });
  stops.push(() => service.stop());
  return service;
}

function tenants(count: number): Promise<Tenant[]> {
  unique += 1;
  return createTenants(
    database.db,
    Array.from({ length: count }, (_, index) => `org-${unique}-${index + 1}`),
  );
}

function loadBootloader(service: ServiceProcess, sites: readonly Tenant[], connections: number): BootloaderLoad {
  const load = startBootloaderLoad({ url: service.url, sites, connections });
  stops.push(load.stop);
  return load;
}

function loadMessages(service: ServiceProcess, owners: readonly Tenant[], connections: number): MessageLoad {
  const load = startMessageLoad({ url: service.url, tenants: owners, connections });
  stops.push(load.abandon);
  return load;
}

/** One request on a connection of its own. */
async function sendOnce(service: ServiceProcess, ...request: Parameters<ReturnType<typeof openConnection>['send']>): Promise<HttpAnswer> {
  const connection = openConnection(service.url);
  try {
    return await connection.send(...request);
  } finally {
    connection.close();
  }
}

function loadWidget(service: ServiceProcess, { siteId }: Tenant): Promise<HttpAnswer> {
  return sendOnce(service, 'GET', '/api/bootloader', { headers: { 'x-site-id': siteId, origin: tenantOrigin } });
}

function sendMessage(service: ServiceProcess, { ingestKey }: Tenant): Promise<HttpAnswer> {
  return sendOnce(service, 'POST', '/ingest/widget/messages', {
    headers: { authorization: `Bearer ${ingestKey}` },
    body: JSON.stringify({ messages: [{ duration_ms: 100 }] }),
  });
}

async function storedTotals(of: readonly Tenant[]): Promise<Map<number, { loads: number; samples: number }>> {
  const rows = await database.query<{ org_id: number; loads: number; samples: number }>(
    'select org_id, widget_loads_total as loads, widget_rt_total_count as samples from widget_health_totals where org_id = any($1)',
    [of.map(({ id }) => id)],
  );
  return new Map(rows.map(({ org_id, loads, samples }) => [org_id, { loads, samples }]));
}

/** Whoever writes these totals waits, for at most the 2 s of the exporter's lock_timeout. Answers how to let go. */
async function lockTotals(of: readonly Tenant[]): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url('superuser') });
  // The server may be stopped while the lock is held.
  client.on('error', () => undefined);
  await client.connect();
  const unlock = (): Promise<void> => client.end();
  stops.push(unlock);
  await client.query('begin');
  await client.query('select from widget_health_totals where org_id = any($1) for update', [of.map(({ id }) => id)]);
  return unlock;
}

/** Whether a statement that writes this endpoint waits for a lock. */
async function isWaitingForLock(endpoint: string): Promise<boolean> {
  const waiting = await database.query(`select from pg_stat_activity where wait_event_type = 'Lock' and query like $1`, [
    `%insert into ingest_batches%${endpoint}%`,
  ]);
  return waiting.length > 0;
}

async function databaseUp(service: ServiceProcess, name: string): Promise<number | undefined> {
  return (await scrape(service.metricsUrl)).value(`observability_db_up{service="${name}"}`);
}

test(
  'SIGTERM under load: every load is counted, what is under way is finished, new requests are told to come again',
  {
    timeout: 60_000,
  },
  async () => {
    const sites = await tenants(4);
    const [target] = sites as [Tenant];
    const exporter = start('exporter');
    await waitUntilReady(exporter);
    expect(outcomeOf(await sendMessage(exporter, target))).toBe('202');
    const load = loadBootloader(exporter, sites, 32);
    await waitUntil(() => load.loadsInAll() >= 1000, { within: 15_000, what: 'loads before the stop' });

    // A message whose transaction waits for this lock holds the stop open until we let go.
    const unlock = await lockTotals([target]);
    const lastMessage = sendMessage(exporter, target);
    await waitUntil(() => isWaitingForLock('widget_messages'), { within: 20_000, what: 'a message that waits for the lock' });

    const signalledAt = performance.now();
    exporter.signal('SIGTERM');
    await waitUntil(async () => (await readiness(exporter)) === 503, { within: 5000, what: 'readyz 503' });
    expect(outcomeOf(await loadWidget(exporter, target))).toBe('503 SHUTTING_DOWN, retry after 5');
    expect(outcomeOf(await sendMessage(exporter, target))).toBe('503 SHUTTING_DOWN, retry after 5');
    expect(exporter.isRunning()).toBe(true);
    await unlock();

    expect(outcomeOf(await lastMessage)).toBe('202');
    expect(await exporter.ended).toBe('exit code 0');
    expect(performance.now() - signalledAt).toBeLessThan(15_000);
    await load.stop();

    const stored = await storedTotals(sites);
    expect(new Map([...stored].map(([id, { loads }]) => [id, loads]))).toEqual(load.loads());
    expect(stored.get(target.id)?.samples).toBe((load.loads().get(target.id) ?? 0) + 2);
    // The load went on until the end: it was told so. A connection that closes between two requests is no answer, and no load.
    expect(load.answers.get('503 SHUTTING_DOWN, retry after 5')).toBeGreaterThanOrEqual(1);
    expect([...load.answers.keys()].filter((answer) => !['200', '503 SHUTTING_DOWN, retry after 5', 'no answer'].includes(answer))).toEqual(
      [],
    );
  },
);

test(
  'PostgreSQL stopped and crashed under load: nothing is lost, what can answer answers, and it works again by itself',
  {
    timeout: 150_000,
  },
  async () => {
    const sites = await tenants(4);
    const [first] = sites as [Tenant];
    const exporter = start('exporter');
    const api = start('api');
    await Promise.all([waitUntilReady(exporter), waitUntilReady(api)]);
    const strangers = await tenants(2);
    const messages = loadMessages(exporter, sites, 32);
    const loads = loadBootloader(exporter, sites, 16);
    await waitUntil(() => messages.acknowledgedMessages() >= 1000 && loads.loadsInAll() >= 1000, { within: 15_000, what: 'load' });

    const ownSeries = `widget_org_loads_total{org="${first.key}"}`;
    for (const [index, mode] of (['immediate', 'fast'] as const).entries()) {
      await waitUntil(async () => (await scrape(exporter.metricsUrl, '/metrics/orgs')).value(ownSeries), {
        within: 20_000,
        what: ownSeries,
      });

      // Both kinds of writes are in the middle of their transaction when the server goes: nobody can know whether they were stored.
      await lockTotals(sites);
      await waitUntil(async () => (await isWaitingForLock('widget_messages')) && (await isWaitingForLock('widget_health_counters')), {
        within: 20_000,
        what: 'messages and counters under way',
      });
      await database.stop(mode);
      const loadsBefore = loads.loadsInAll();
      const stranger = strangers[index] as Tenant;
      await waitUntil(async () => outcomeOf(await loadWidget(exporter, stranger)) === '503 DATABASE_UNAVAILABLE, retry after 5', {
        within: 20_000,
        what: '503 for an organization that is not cached',
      });
      await waitUntil(async () => (await databaseUp(exporter, 'exporter')) === 0 && (await databaseUp(api, 'api')) === 0, {
        within: 12_000,
        what: 'observability_db_up 0',
      });
      expect(await readiness(api)).toBe(503);
      expect(await readiness(exporter)).toBe(200);
      // What is stored of organizations is absent, not stale, after its next refresh, which is due every 15 s; once is enough.
      if (mode === 'fast') {
        const statuses = new Set<number>();
        await waitUntil(
          async () => {
            const response = await fetch(`${exporter.metricsUrl}/metrics/orgs`);
            statuses.add(response.status);
            const text = await response.text();
            return !Object.values(healthOrgMetrics).some(({ name }) => text.includes(`\n${name}`));
          },
          { within: 20_000, what: 'the absence of the series of organizations' },
        );
        expect([...statuses]).toEqual([200]);
      }
      expect((await fetch(`${exporter.metricsUrl}/metrics`)).status).toBe(200);
      expect(loads.loadsInAll()).toBeGreaterThan(loadsBefore + 500);

      const firstAcknowledgement = messages.nextAcknowledgement();
      await database.start();
      const acceptsAt = performance.now();
      const recoveryMs = Math.max(0, Math.round((await firstAcknowledgement) - acceptsAt));
      console.log(`stop ${mode}: first message stored ${recoveryMs} ms after the database was back`);
      expect(recoveryMs).toBeLessThan(2000);
      await waitUntil(async () => outcomeOf(await loadWidget(exporter, stranger)) === '200', {
        within: 20_000,
        what: 'the uncached organization',
      });
      await waitUntil(async () => (await readiness(api)) === 200 && (await databaseUp(exporter, 'exporter')) === 1, {
        within: 12_000,
        what: 'readiness of the API',
      });
    }

    await messages.finish({ within: 15_000 });
    await loads.stop();
    expect(exporter.isRunning()).toBe(true);
    expect([...loads.answers.keys()]).toEqual(['200']);
    const known = ['202', '503 DATABASE_UNAVAILABLE, retry after 5', '503 INGEST_OVERLOADED, retry after 1'];
    expect([...messages.answers.keys()].filter((answer) => !known.includes(answer))).toEqual([]);
    expect(messages.answers.get('503 DATABASE_UNAVAILABLE, retry after 5')).toBeGreaterThanOrEqual(1);
    expect(messages.unknownOutcomes()).toBe(0);

    // Counters are flushed again after a back-off of at most 30 s.
    const acknowledged = messages.acknowledged();
    const expected = new Map(
      [...loads.loads()].map(([id, count]) => [id, { loads: count, samples: count + (acknowledged.get(id)?.messages ?? 0) }]),
    );
    await waitUntil(async () => (await scrape(exporter.metricsUrl)).value('observability_flush_pending_orgs') === 0, {
      within: 40_000,
      what: 'the flush of the counters',
    });
    expect(await storedTotals(sites)).toEqual(expected);
    expect((await storedTotals(strangers)).size).toBe(2);
  },
);

test(
  'a start while the database is down: alive but not ready, and ready by itself once the database is there',
  { timeout: 60_000 },
  async () => {
    const [site] = (await tenants(1)) as [Tenant];
    await database.stop('fast');
    const exporter = start('exporter');
    await waitUntil(async () => (await fetch(`${exporter.metricsUrl}/healthz`)).ok, { within: 15_000, what: 'a listening exporter' });
    expect(await readiness(exporter)).toBe(503);
    expect(outcomeOf(await loadWidget(exporter, site))).toBe('503 DATABASE_UNAVAILABLE, retry after 5');
    expect(await readiness(exporter)).toBe(503);

    await database.start();
    await waitUntil(async () => (await readiness(exporter)) === 200, { within: 20_000, what: 'readiness' });
    expect(outcomeOf(await loadWidget(exporter, site))).toBe('200');
  },
);
