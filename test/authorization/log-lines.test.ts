import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { servicePorts, startServiceProcess, waitUntilReady, type ServiceProcess } from '../support/service-process.ts';
import { portalToken, testIdentity } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';
import { browserAgent, person, requestsOf, sendActivity, visitor, visitorAddress, type Activity } from './activity.ts';
import { routeRows } from './requests.ts';
import { createTenants, tenantKeys, type TenantKey, type Tenants } from './tenants.ts';

/** The real processes at their most talkative, while everything works and while the database is away. */
const markers: Record<TenantKey, string> = { alpha: 'xaquamarinex', bravo: 'xbordeauxx' };
const lines: string[] = [];

let database: TestDatabase;
let exporter: ServiceProcess;
let api: ServiceProcess;
let tenants: Tenants;
let activities: Record<TenantKey, Activity>;
let tokens: Record<TenantKey, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  tenants = await createTenants(database);
  const activityOf = async (key: TenantKey): Promise<Activity> => {
    const { key: ingestKey } = await createIngestKey(database.db, { orgKey: key, name: 'backend' });
    return { tenant: tenants[key], marker: markers[key], ingestKey, at: new Date(), times: 2 };
  };
  activities = { alpha: await activityOf('alpha'), bravo: await activityOf('bravo') };
  tokens = { alpha: await portalToken('alpha', { role: 'owner' }), bravo: await portalToken('bravo', { role: 'owner' }) };
  const options = {
    database,
    ports: await servicePorts(),
    environment: { LOG_LEVEL: 'trace', MONITORING_CACHE_TTL_MS: '0', INGEST_MAX_WAIT_MS: '200', TRUSTED_PROXY_HOPS: '1' },
    onLine: (line: string) => lines.push(line),
  };
  exporter = startServiceProcess('exporter', options);
  api = startServiceProcess('api', options);
  await Promise.all([waitUntilReady(exporter), waitUntilReady(api)]);
});
afterAll(async () => {
  await Promise.all([exporter.stop(), api.stop()]);
  await database.drop();
});

/** Every GET of the portal about its own, under request ids of the organization. */
async function readEverything(key: TenantKey, prefix: string): Promise<number[]> {
  const statuses: number[] = [];
  for (const [name, { identity, requests }] of Object.entries(routeRows)) {
    const [method, pattern = ''] = name.split(' ');
    if (method !== 'GET' || !identity.startsWith('org user')) continue;
    for (const row of requests) {
      const { params = {}, query = {}, headers = {} } = row.of(tenants[key]);
      const path = pattern.replace(/:(\w+)/g, (_, parameter: string) => params[parameter] ?? '');
      const response = await fetch(`${api.url}${path}?${new URLSearchParams(query).toString()}`, {
        headers: {
          ...headers,
          authorization: `Bearer ${tokens[key]}`,
          'x-forwarded-for': visitorAddress,
          'x-request-id': `${prefix}-${key}-${statuses.length}`,
        },
      });
      await response.arrayBuffer();
      statuses.push(response.status);
    }
  }
  return statuses;
}

/** Waits until the processes have written down what happened so far. */
async function linesOf(prefix: string, count: number): Promise<string[]> {
  const ofRequests = (): string[] => lines.filter((line) => line.includes(`"requestId":"${prefix}-`));
  await waitUntil(() => ofRequests().length >= count, { within: 30_000, what: `${count} log lines of ${prefix}` });
  return ofRequests();
}

function expectNothingPersonal(written: readonly string[]): void {
  const secrets = tenantKeys.flatMap((key) => [markers[key], tokens[key], activities[key].ingestKey, tenants[key].email]);
  const personal = [
    person,
    visitor,
    visitorAddress,
    ...secrets,
    ...Object.values(testIdentity).filter((value) => !value.startsWith('https://') && value !== testIdentity.audience),
  ];
  for (const line of written) {
    expect(
      personal.filter((text) => line.includes(text)),
      line,
    ).toEqual([]);
  }
}

describe('log lines', () => {
  test('of requests that are answered name neither persons nor texts of senders nor credentials', async () => {
    for (const key of tenantKeys) await sendActivity(exporter.url, activities[key]);
    const statuses = [...(await readEverything('alpha', 'fine')), ...(await readEverything('bravo', 'fine'))];
    expect(new Set(statuses)).toEqual(new Set([200, 403]));
    const ofBravo = (await linesOf('fine', statuses.length)).filter((line) => line.includes('fine-bravo-'));
    expect(ofBravo.length).toBeGreaterThanOrEqual(statuses.length / 2);
    for (const line of ofBravo) {
      const ofAlpha = ['alpha', tenants.alpha.chatbotId, tenants.alpha.siteId];
      expect(
        ofAlpha.filter((text) => line.includes(text)),
        line,
      ).toEqual([]);
    }
    expectNothingPersonal(lines);
    // The processes knew the address that they did not write down.
    expect(await database.query('select distinct host(ip_address) as network from widget_sessions')).toEqual([{ network: '203.0.113.0' }]);
  });

  test('of requests that fail do not either', async () => {
    await database.refuseConnections();
    const sent = tenantKeys.flatMap((key) => requestsOf(activities[key]).filter(([, { body }]) => body !== undefined));
    const statuses = sent.map(async ([path, { headers, body }], index) => {
      const response = await fetch(exporter.url + path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': browserAgent,
          'x-forwarded-for': visitorAddress,
          'x-request-id': `away-${index}`,
          ...headers,
        },
        body: JSON.stringify(body),
      });
      await response.arrayBuffer();
      return response.status;
    });
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([503]));
    expect(new Set(await readEverything('bravo', 'gone'))).toEqual(new Set([503, 403]));
    await linesOf('away', sent.length);
    await linesOf('gone', 10);
    expect(lines.some((line) => line.includes('"level":"warn"'))).toBe(true);
    expectNothingPersonal(lines);
    await database.acceptConnections();
  });
});
