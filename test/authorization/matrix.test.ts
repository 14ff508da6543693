import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mapAtMost } from '../../platform/concurrency.ts';
import { statusOf } from '../../platform/http/errors.ts';
import type { Route } from '../../platform/http/route.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runApi, runExporter, testIdentity } from '../support/services.ts';
import { markHeader, recordStatements } from '../support/statements-by-request.ts';
import { digestTables } from '../support/table-contents.ts';
import { browserAgent } from './activity.ts';
import { createCallers, doorFor, type Caller, type CallerName, type Callers } from './callers.ts';
import { relationOf, routeRows, type RequestRow } from './requests.ts';
import { createTenants, missing, type Subject, type Tenants } from './tenants.ts';

/**
 * Every route of both services, as every caller, about the caller's own, another organization's and nobody's. The cells are made from the routes
 * themselves: a route that has no row of requests fails, and so does one that lets a caller past its door.
 */
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let api: Awaited<ReturnType<typeof runApi>>;
let tenants: Tenants;
let callers: Callers;
let statements: ReturnType<typeof recordStatements>;
let cells: readonly Cell[];
let marks = 0;

interface Cell {
  route: Route;
  row: RequestRow;
  callerName: CallerName;
  caller: Caller;
  subject: Subject;
  expected: number;
  isPastTheDoor: boolean;
}

beforeAll(async () => {
  database = await createTestDatabase();
  // One moment for all answers: what tells the time must not make two of them differ.
  const at = new Date();
  exporter = await runExporter(database, { now: () => at });
  api = await runApi(database, { now: () => at });
  tenants = await createTenants(database);
  callers = await createCallers(database);
  statements = recordStatements();
  cells = everyRoute().flatMap(cellsOf);
});
afterAll(async () => {
  statements.stop();
  await exporter.stop();
  await api.stop();
  await database.drop();
});

/** What the checks of identity and ownership may ask the database. */
const directoryLookUp =
  /^\s*select [^;]* from (organizations where organizations\.(key|site_id) = \$1|chatbots join organizations|ingest_keys join organizations)/s;

const cellsAtOnce = 4;
/** There are thousands of cells: seconds here, minutes on a machine that is busy with other things. */
const manyCellsMs = 300_000;

const everyRoute = (): Route[] => [...exporter.app.routes, ...api.app.routes];
const nameOf = ({ method, path }: Route): string => `${method} ${path}`;

function cellsOf(route: Route): Cell[] {
  const requests = routeRows[nameOf(route)]?.requests ?? [];
  return requests.flatMap((row) =>
    (Object.entries(callers) as [CallerName, Caller][]).flatMap(([callerName, caller]) =>
      [tenants.alpha, tenants.bravo, missing].map((subject) => {
        const door = doorFor(route.identity, callerName);
        const expected = door === 'past' ? row.status(caller)[relationOf(route.identity, caller, subject)] : door;
        return { route, row, callerName, caller, subject, expected, isPastTheDoor: door === 'past' };
      }),
    ),
  );
}

const isRefused = ({ expected }: Cell): boolean => [401, 403, 404].includes(expected);
const describeCell = ({ route, row, callerName, subject }: Cell): string =>
  `${nameOf(route)} as ${callerName}, naming ${row.names} of ${subject.key}`;

async function ask(
  { route, row, caller, subject }: Pick<Cell, 'route' | 'row' | 'caller' | 'subject'>,
  { origin = testIdentity.portalOrigin } = {},
): Promise<{ response: Response; caused: () => readonly string[] }> {
  const { params = {}, query = {}, headers = {}, body } = row.of(subject);
  const service = exporter.app.routes.includes(route) ? exporter : api;
  const path = route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const mark = String((marks += 1));
  const response = await fetch(`${service.url}${path}?${new URLSearchParams(query).toString()}`, {
    method: route.method,
    headers: {
      ...headers,
      ...caller.headers,
      // From anywhere else a cookie is refused for an unsafe method, and a page for what its organization does not allow.
      origin,
      'user-agent': browserAgent,
      'x-request-id': 'matrix',
      [markHeader]: mark,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { response, caused: () => statements.of(mark) };
}

/** Asks in every cell, and lists what is not as it should be. Judged at the end: what a refused request goes on to do comes after its answer. */
async function findWrong(
  asked: readonly Cell[],
  judge: (cell: Cell, statements: readonly string[]) => string | undefined,
): Promise<string[]> {
  const answered = await mapAtMost(cellsAtOnce, asked, async (cell) => {
    const { response, caused } = await ask(cell);
    await response.arrayBuffer();
    return { cell, status: response.status, caused };
  });
  return answered.flatMap(({ cell, status, caused }) =>
    [status === cell.expected ? undefined : `${status} instead of ${cell.expected}`, judge(cell, caused())]
      .filter((complaint) => complaint !== undefined)
      .map((complaint) => `${describeCell(cell)}: ${complaint}`),
  );
}

/** Where it is told how often a page was refused, some time later. */
const countsRefusals: ReadonlySet<string> = new Set([
  'public.widget_health_totals',
  'public.ingest_batches',
  'marketing.ingest_rejections',
]);

/** Without what may differ: the time, the count of a limit, how long a shop took, and the name that was asked for. */
async function comparable(cell: Cell, { name }: { name: string }): Promise<unknown> {
  const { response } = await ask(cell);
  const headers = [...response.headers].filter(([header]) => header !== 'date' && !header.startsWith('ratelimit-'));
  const anonymous = (text: string): string =>
    text.replaceAll(name, '<named>').replaceAll(/"response_time_ms":\d+/g, '"response_time_ms":0');
  return {
    status: response.status,
    headers: headers.map(([header, value]) => [header, anonymous(value)]),
    body: anonymous(await response.text()),
  };
}

describe('every route', () => {
  test('has a row of requests, and the identity that the row says', () => {
    expect(Object.fromEntries(everyRoute().map((route) => [nameOf(route), route.identity]))).toEqual(
      Object.fromEntries(Object.entries(routeRows).map(([name, { identity }]) => [name, identity])),
    );
    expect(Object.keys(callers).length).toBeGreaterThanOrEqual(14);
  });

  test('that is not public declares what it answers to a stranger', () => {
    for (const { identity, errors, path } of everyRoute()) {
      if (identity !== 'public') expect(errors.map(statusOf), path).toContain(401);
    }
  });

  // These come before anything is stored: what a refused caller leaves behind is seen.
  test(
    'refuses with the exact status, asks the directory at most, and leaves nothing behind, not even an audit row',
    async () => {
      const refused = cells.filter(isRefused);
      const before = await digestTables(database);
      const wrong = await findWrong(refused, ({ row, isPastTheDoor }, caused) => {
        if (row.looksForRow === true && isPastTheDoor) return undefined;
        const more = caused.filter((statement) => !directoryLookUp.test(statement));
        return more.length === 0 ? undefined : `ran ${more.join('; ')}`;
      });
      expect(wrong, wrong[0]).toEqual([]);
      expect(await digestTables(database)).toEqual(before);
      expect(refused.length).toBeGreaterThan(1000);
    },
    manyCellsMs,
  );

  test('takes no cookie from the page of somebody else to change something', async () => {
    const forged = cells.filter(
      ({ route, caller, isPastTheDoor }) =>
        isPastTheDoor && route.identity !== 'public' && route.method !== 'GET' && caller.headers['cookie'] !== undefined,
    );
    const before = await digestTables(database);
    for (const origin of ['https://evil.example', `${testIdentity.portalOrigin}.evil.example`, 'null']) {
      for (const cell of forged) {
        const { response, caused } = await ask(cell, { origin });
        expect([describeCell(cell), response.status, caused()], origin).toEqual([describeCell(cell), 403, []]);
        expect(await response.json()).toMatchObject({ error: { code: 'CSRF_REJECTED' } });
      }
    }
    expect(await digestTables(database)).toEqual(before);
    expect(forged.length).toBeGreaterThan(10);
  });

  test("answers about another organization's object byte for byte as about one that nobody has", async () => {
    const told = cells.filter(
      ({ route: { identity }, caller, subject, isPastTheDoor }) =>
        // What a server sends is its own, whatever it names: see below.
        isPastTheDoor && identity !== 'ingest key' && relationOf(identity, caller, subject) === 'other',
    );
    for (const cell of told) {
      // Its shop is the only name that an answer repeats.
      const others = await comparable(cell, { name: cell.subject.shop });
      expect(others, describeCell(cell)).toEqual(await comparable({ ...cell, subject: missing }, { name: missing.shop }));
    }
    expect(told.length).toBeGreaterThan(50);
  });

  test(
    'answers whom it is for with the exact status',
    async () => {
      const allowed = cells.filter((cell) => !isRefused(cell));
      let statementsSeen = 0;
      const wrong = await findWrong(allowed, (_cell, caused) => {
        statementsSeen += caused.length;
        return undefined;
      });
      expect(wrong, wrong[0]).toEqual([]);
      // The recorder sees what it should: without this, "no statement" would prove nothing.
      expect(statementsSeen).toBeGreaterThan(allowed.length);
    },
    manyCellsMs,
  );

  test("takes nothing from the page of somebody else, in an organization's name or a site's", async () => {
    // Everybody may load the scripts and the documentation.
    const fromPages = cells.filter(
      ({ route, callerName, subject }) =>
        route.identity === 'public' &&
        (route.method === 'POST' || route.operationId === 'getBootloader') &&
        callerName === 'nobody' &&
        subject === tenants.alpha,
    );
    const stored = async (): Promise<[string, string | null][]> =>
      Object.entries(await digestTables(database)).filter(([table]) => !countsRefusals.has(table));
    const before = await stored();
    for (const cell of fromPages) {
      const { response } = await ask(cell, { origin: 'https://evil.example' });
      expect([describeCell(cell), response.status]).toEqual([describeCell(cell), 403]);
    }
    expect(await stored()).toEqual(before);
    expect(fromPages.length).toBeGreaterThan(5);
  });

  test('counts the messages that an ingest key reports for its own organization, whatever else the request names', async () => {
    const counted = (): Promise<{ key: string; messages: number }[]> =>
      database.query(
        `select organizations.key, totals.widget_rt_total_count as messages
         from widget_health_totals totals join organizations on organizations.id = totals.org_id
         where organizations.key in ('alpha', 'bravo') order by organizations.key`,
      );
    const before = await counted();
    const own = cells.find(
      ({ route, callerName, subject }) =>
        route.path === '/ingest/widget/messages' && callerName === 'ingest key of alpha' && subject === tenants.bravo,
    );
    if (own === undefined) throw new Error('no cell reports messages: name its route here');
    expect((await ask(own)).response.status).toBe(202);
    expect(await counted()).toEqual(before.map(({ key, messages }) => ({ key, messages: messages + (key === 'alpha' ? 1 : 0) })));
    expect(before.length).toBe(2);
  });

  test('stores what an ingest key sends under its own organization, whatever shop it names', async () => {
    const stored = await database.query(
      `select organizations.key, array_agg(distinct operations.domain order by operations.domain) as shops
       from woocommerce_usage_metrics operations join organizations on organizations.id = operations.org_id
       group by organizations.key order by organizations.key`,
    );
    const shops = [tenants.alpha, tenants.bravo, missing].map(({ shop }) => shop).toSorted();
    expect(stored).toEqual(['alpha', 'bravo'].map((key) => ({ key, shops })));
  });
});
