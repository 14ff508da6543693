import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { createIngestKey } from '../../jobs/provisioning.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { operations, type DocumentedOperation } from './documented-operations.ts';
import type { Canaries } from './schema-values.ts';
import { servicePorts, startServiceProcess, waitUntilReady, type ServiceProcess } from './service-process.ts';
import { adminToken, insertOrganization, portalToken, scrape, testIdentity } from './services.ts';
import { countStoredChanges } from './stored-changes.ts';
import { waitUntil } from './wait-until.ts';

export interface SentRequest {
  /** By name; what is missing is what is known. */
  pathParameters?: Readonly<Record<string, string>>;
  /** As it stands in the URL. */
  query?: string;
  headers?: Readonly<Record<string, string>>;
  contentType?: string;
  body?: string | Buffer | undefined;
}

export interface ReceivedStatus {
  status: number;
  text: string;
  headers: Headers;
}

type Send = (operation: DocumentedOperation, request: SentRequest) => Promise<ReceivedStatus>;

/** Exporter and API as processes of their own, whose logs, memory and database are watched while they are sent what they should refuse. */
export interface WatchedServices {
  database: TestDatabase;
  exporter: ServiceProcess;
  api: ServiceProcess;
  canaries: Canaries;
  /** What fields and parameters of a name mean where they are to name something that exists. */
  known: Readonly<Record<string, string>>;
  /** The same value with everything that has a known name replaced. */
  withKnown: (value: unknown) => unknown;
  headersOf: (operation: DocumentedOperation) => Record<string, string>;
  /** @throws for an answer that is not as documented, for 422 (a row that validation should have refused) and for 5xx other than 503 */
  send: Send;
  /** Changes of rows so far, without those that refusals are entered in, once they have settled. */
  storedChanges: () => Promise<number>;
  /** Sends everything that was refused once more, under new ids, and expects that no row changes. Answers how many requests that were. */
  expectRefusalsStoreNothing: () => Promise<number>;
  /** The same processes, no more memory than after the warm-up, no error and no canary in a log line. */
  expectUnharmed: () => Promise<void>;
  stop: () => Promise<void>;
}

const browser = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
/** The end of a canary. V8 quotes whole what it cannot parse up to 20 characters, and no more than 10 around the place in what is longer. */
export const shortCanary = ({ text }: Canaries): string => text.slice(-10);
export const allowedOrigin = 'https://shop.example';
const mostGrowthBytes = 50 * 1024 * 1024;
/** Memory is given back when nothing is asked for a while. */
const settledWithinMs = 40_000;
/** V8 lets its young generation grow by three times 16 MB while there is much to do: a leak would hide in that. */
const watched = { LOG_LEVEL: 'trace', NODE_OPTIONS: '--max-semi-space-size=2' };
const mostRepeated = 150;

export async function startWatchedServices(): Promise<WatchedServices> {
  const database = await createTestDatabase();
  const mark = randomBytes(8).toString('hex');
  const canaries: Canaries = { text: `canary-text-${mark}`, email: `canary-${mark}@secret.example` };
  const known = await seed(database);
  const credentials = await createCredentials(database, canaries);
  const storedChanges = await countStoredChanges(database);
  const lines: string[] = [];
  const options = { database, ports: await servicePorts(), environment: watched, onLine: (line: string) => void lines.push(line) };
  const [exporter, api] = [startServiceProcess('exporter', options), startServiceProcess('api', options)];
  const stop = async (): Promise<void> => {
    await Promise.all([exporter.stop(), api.stop()]);
    await database.drop();
  };
  const headersOf = headersFrom(credentials);
  const ask: Send = (operation, request) => askService(operation, request, { url: urlOf(operation, { exporter, api }), headersOf, known });
  const refused: [operation: DocumentedOperation, request: SentRequest][] = [];
  const send: Send = async (operation, request) => {
    const answer = await ask(operation, request);
    expectNoFailure(operation, answer);
    if (isRefusedForGood(operation, answer)) refused.push([operation, request]);
    return answer;
  };
  const withKnown = replacerOf(known);
  try {
    await Promise.all([waitUntilReady(exporter), waitUntilReady(api)]);
    await warmUp(send, withKnown);
    const password = new URL(database.url('observability_exporter')).password;
    const secrets = [...secretsOf(credentials), ...Object.values(canaries), shortCanary(canaries), password];
    const memory = await Promise.all([exporter, api].map(async (service) => [service, await residentBytes(service)] as const));
    return {
      database,
      exporter,
      api,
      canaries,
      known,
      withKnown,
      headersOf,
      send,
      storedChanges,
      expectRefusalsStoreNothing: async () => {
        const before = await storedChanges();
        // What was taken until now is in it, or it would count nothing at all.
        expect(before).toBeGreaterThan(0);
        const repeated = sampleOf(refused, mostRepeated);
        await inLanes(repeated, 16, async ([operation, request]) => {
          expect((await ask(operation, withNewIds(request, known))).status, `${operation.name} refused it before`).toBeGreaterThanOrEqual(
            400,
          );
        });
        expect(await storedChanges()).toBe(before);
        return repeated.length;
      },
      expectUnharmed: async () => {
        for (const [service, bytes] of memory) await expectAsBefore(service, bytes);
        expect(lines.length).toBeGreaterThan(0);
        expect(lines.filter((line) => secrets.some((secret) => line.includes(secret)))).toEqual([]);
        expect(lines.filter((line) => !/^\{"level":"(trace|debug|info|warn)"/.test(line))).toEqual([]);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createCredentials(database: TestDatabase, { email }: Canaries): Promise<Record<string, Record<string, string>>> {
  const { key: ingestKey } = await createIngestKey(database.db, { orgKey: watchedOrganization, name: 'input' });
  return {
    orgUserToken: bearer(await portalToken(watchedOrganization, { role: 'owner', email })),
    adminToken: bearer(await adminToken({ email })),
    adminKey: { 'x-admin-key': testIdentity.adminKey },
    ingestKey: bearer(ingestKey),
    webhookToken: bearer(testIdentity.webhookToken),
  };
}

function secretsOf(credentials: Readonly<Record<string, Record<string, string>>>): string[] {
  const sent = Object.values(credentials).flatMap((headers) => Object.values(headers).map((value) => value.replace('Bearer ', '')));
  return [...sent, testIdentity.jwtSecret, testIdentity.orgTokenSecret, testIdentity.ipHashPepper];
}

function urlOf({ service }: DocumentedOperation, services: Pick<WatchedServices, 'exporter' | 'api'>): string {
  return services[service].url;
}

async function askService(
  operation: DocumentedOperation,
  request: SentRequest,
  { url, headersOf, known }: { url: string } & Pick<WatchedServices, 'headersOf' | 'known'>,
): Promise<ReceivedStatus> {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => request.pathParameters?.[name] ?? known[name] ?? 'none');
  const response = await fetch(`${url}${path}${request.query === undefined ? '' : `?${request.query}`}`, {
    method: operation.method,
    headers: {
      ...headersOf(operation),
      ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      ...request.headers,
    },
    ...(request.body === undefined ? {} : { body: new Uint8Array(Buffer.from(request.body)) }),
    redirect: 'manual',
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** A row that only the database refuses is one that validation should have refused. */
function expectNoFailure({ name, body }: DocumentedOperation, { status, text }: ReceivedStatus): void {
  // The document itself names all codes.
  const isRefusedRow = body !== undefined && /row_refused/i.test(text);
  if ((status >= 500 && status !== 503) || isRefusedRow) throw new Error(`${name} answered ${status}: ${text.slice(0, 500)}`);
}

/** Not what depends on what there is (a lead that was unknown may be known later), nor loads that the allowlist refuses, which are counted. */
function isRefusedForGood({ body }: DocumentedOperation, { status }: ReceivedStatus): boolean {
  return [400, 401, 405, 413, 415].includes(status) || (status === 403 && body !== undefined);
}

/** What has an id is stored once: had a refusal stored it, the same would change nothing any more. */
function withNewIds(request: SentRequest, known: Readonly<Record<string, string>>): SentRequest {
  const kept = new Set(Object.values(known));
  const renew = (text: string): string =>
    text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, (id) => (kept.has(id) ? id : randomUUID()));
  return typeof request.body === 'string' ? { ...request, body: renew(request.body) } : request;
}

function sampleOf<Item>(items: readonly Item[], most: number): Item[] {
  const step = Math.ceil(items.length / most);
  return items.filter((_item, index) => index % step === 0);
}

async function expectAsBefore(service: ServiceProcess, residentAfterWarmUp: number): Promise<void> {
  expect(service.isRunning()).toBe(true);
  await waitUntil(async () => (await residentBytes(service)) - residentAfterWarmUp < mostGrowthBytes, {
    within: settledWithinMs,
    what: `less than ${mostGrowthBytes} bytes more than the ${residentAfterWarmUp} after the warm-up`,
  });
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

const watchedOrganization = 'watched';

/** Answers what may be named. */
async function seed(database: TestDatabase): Promise<Record<string, string>> {
  const {
    id: orgId,
    key: orgKey,
    siteId,
  } = await insertOrganization(database, { key: watchedOrganization, allowedDomains: ['shop.example'] });
  const [chatbotId, id] = [randomUUID(), randomUUID()];
  await database.query('insert into chatbots (id, org_id, name) values ($1, $2, $3)', [chatbotId, orgId, 'watched']);
  await database.query(
    `insert into alerts (id, org_id, fingerprint, alertname, feature, severity, category, title, message, labels, starts_at, last_seen_at)
     values ($1, $2, 'watched', 'A', 'pipeline', 'info', 'c', 't', 'm', '{}', now(), now())`,
    [id, orgId],
  );
  return { chatbotId, id, orgKey, siteId, org: orgKey };
}

function headersFrom(
  credentials: Readonly<Record<string, Record<string, string>>>,
): (operation: DocumentedOperation) => Record<string, string> {
  return ({ credential, name }) => {
    const usual = { 'user-agent': browser };
    if (credential === undefined) return usual;
    const headers = credentials[credential];
    if (headers === undefined) throw new Error(`${name} takes ${credential}, which is not known here: add a credential of that kind`);
    return { ...usual, ...headers };
  };
}

function replacerOf({ id: _ofPaths, ...known }: Readonly<Record<string, string>>): (value: unknown) => unknown {
  // Ids in bodies are of what is sent: the same one would make everything a duplicate.
  const replace = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(replace);
    if (typeof value !== 'object' || value === null) return value;
    const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [name, item] of Object.entries(value)) copy[name] = typeof item === 'string' ? (known[name] ?? item) : replace(item);
    return copy;
  };
  return replace;
}

/** Every operation a few times, and bodies near the limits: what a process allocates once is not a leak. */
async function warmUp(send: Send, withKnown: WatchedServices['withKnown']): Promise<void> {
  const large = Buffer.alloc(200_000, ' ');
  const rounds = Array.from({ length: 10 }, () => operations).flat();
  await inLanes(rounds, 8, async (operation) => {
    const bodies = operation.body === undefined ? [undefined] : [JSON.stringify(withKnown(operation.body.examples[0])), large];
    for (const body of bodies) await send(operation, { body });
  });
}

async function residentBytes(service: ServiceProcess): Promise<number> {
  const { value } = await scrape(service.metricsUrl);
  const bytes = value(`process_resident_memory_bytes`);
  if (bytes === undefined) throw new Error('the process does not tell its memory: run this on Linux');
  return bytes;
}

/** Runs `work` on every item, so many at a time. */
export async function inLanes<Item>(items: Iterable<Item>, lanes: number, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
