import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ParameterObject } from '../../platform/http/openapi.ts';
import { bodyOperations, operations, type BodyOperation, type DocumentedOperation } from '../support/documented-operations.ts';
import { nearValid } from '../support/near-valid.ts';
import { naughtyStrings } from '../support/naughty-strings.ts';
import { valuesOf, type Canaries } from '../support/schema-values.ts';
import { allowedOrigin, startWatchedServices, type SentRequest, type WatchedServices } from '../support/watched-services.ts';

/**
 * What the schemas of the routes take, almost take, and have never heard of. INPUT_RUNS=10 makes ten times as much of it, as for a night;
 * INPUT_SEED repeats a run.
 */
const factor = Number(process.env['INPUT_RUNS'] ?? 1);
const seed = Number(process.env['INPUT_SEED'] ?? Date.now() % 2 ** 31);
const runs = { valid: 40 * factor, nearValid: 100 * factor, anything: 30 * factor, forms: 50 * factor, parameters: 30 * factor };

vi.setConfig({ testTimeout: 60_000 * Math.max(1, factor) });

let services: WatchedServices;

beforeAll(async () => {
  process.stdout.write(`test/input/schemas.test.ts: INPUT_SEED=${seed} INPUT_RUNS=${factor}\n`);
  services = await startWatchedServices();
});
afterAll(() => services.stop());

/** Statuses by how often they were answered, which tells whether a property saw anything. */
type Tally = Map<number, number>;
const answered = (tally: Tally, statuses: (status: number) => boolean): number =>
  [...tally].reduce((sum, [status, count]) => sum + (statuses(status) ? count : 0), 0);

async function expectSafe(operation: DocumentedOperation, requests: fc.Arbitrary<SentRequest>, numRuns: number): Promise<Tally> {
  const tally: Tally = new Map();
  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      const { status } = await services.send(operation, request);
      tally.set(status, (tally.get(status) ?? 0) + 1);
    }),
    { seed, numRuns },
  );
  return tally;
}

describe('a body', () => {
  const none: Canaries = { text: 'none', email: 'none@example.com' };
  const canaries = (): Canaries => services?.canaries ?? none;

  /** Mostly about what exists: most of what there is to break lies behind the look-ups. */
  function valid({ body }: BodyOperation): fc.Arbitrary<unknown> {
    const made = valuesOf(body.schema, canaries());
    const values =
      body.examples.length === 0
        ? made
        : fc.oneof({ weight: 3, arbitrary: made }, { weight: 1, arbitrary: fc.constantFrom(...body.examples) });
    return fc.tuple(values, fc.nat(9)).map(([value, of10]) => (of10 === 0 ? value : services.withKnown(value)));
  }

  const headers = fc.record(
    {
      'user-agent': fc.constantFrom('', 'curl/8.5.0', 'x'.repeat(3000), '\u00ff\u00fe', "Mozilla/5.0 '; drop table --"),
      origin: fc.constantFrom(allowedOrigin, 'https://evil.example', 'null', '', 'https://[', 'file://'),
      referer: fc.constantFrom('', 'https://shop.example/?q=%ff', 'x'.repeat(3000)),
      'x-forwarded-for': fc.constantFrom('203.0.113.9', ', ,', '::1%eth0', 'x'.repeat(1000)),
      'x-request-id': fc.constantFrom('abc', 'x'.repeat(200), '\u00e9'),
    },
    { requiredKeys: [] },
  );
  const oddHeaders = fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers });

  describe.each(bodyOperations.map((operation) => [operation.name, operation] as const))('of %s', (_name, operation) => {
    const jsonTypes = operation.body.contentTypes.filter((type) => !type.includes('form'));
    const requestsOf = (bodies: fc.Arbitrary<string>): fc.Arbitrary<SentRequest> =>
      fc.record({ body: bodies, contentType: fc.constantFrom(...jsonTypes), headers: oddHeaders });

    test('that has the shape of its schema is taken, or refused as documented', async () => {
      const bodies = valid(operation).map((value) => JSON.stringify(value));
      const tally = await expectSafe(operation, requestsOf(bodies), runs.valid);
      // 404: what a lead is asked for by its address. More of them than its examples are.
      expect(
        answered(tally, (status) => status < 300 || status === 404),
        'got past the checks',
      ).toBeGreaterThan(runs.valid / 3);
    });

    test('with a field that is missing, of another type, too large or of a prototype does no harm', async () => {
      const tally = await expectSafe(operation, requestsOf(nearValid(valid(operation))), runs.nearValid);
      expect(
        answered(tally, (status) => status === 400),
        'was refused',
      ).toBeGreaterThan(runs.nearValid / 20);
    });

    test('of any JSON does no harm', async () => {
      const tally = await expectSafe(operation, requestsOf(fc.json({ maxDepth: 5 })), runs.anything);
      expect(answered(tally, (status) => status >= 400)).toBeGreaterThan(0);
    });
  });

  const formType = 'application/x-www-form-urlencoded';
  const takersOfForms = bodyOperations.filter(({ body }) => body.contentTypes.includes(formType));

  test.each(takersOfForms.map((operation) => [operation.name, operation] as const))(
    'of %s that is a form does no harm',
    async (_name, operation) => {
      const odd = fc.array(fc.tuple(fc.constantFrom(...Object.values(naughtyStrings)), fc.string()), { maxLength: 3 });
      const forms = fc
        .tuple(valid(operation), odd)
        .map(([value, more]) => new URLSearchParams([...formFields(value as Record<string, unknown>), ...more]).toString());
      const requests = fc.record({ body: forms, contentType: fc.constant(formType), headers: oddHeaders });
      const tally = await expectSafe(operation, requests, runs.forms);
      expect(answered(tally, (status) => status < 500)).toBe(runs.forms);
    },
  );
});

/** As a browser posts them: nested one level. */
function formFields(value: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(value).flatMap(([name, item]): [string, string][] =>
    typeof item === 'object' && item !== null
      ? Object.entries(item).map(([key, inner]) => [`${name}[${key}]`, textInForm(inner)])
      : [[name, textInForm(item)]],
  );
}

const textInForm = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

describe('parameters', () => {
  const anyText = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...Object.values(naughtyStrings).map((text) => text.slice(0, 500))),
  );
  const escaped = (text = ''): string => encodeURIComponent(text.toWellFormed());

  const valueOf = ({ name, schema }: ParameterObject): fc.Arbitrary<string> => {
    const right = valuesOf(schema, { text: 'canary', email: 'canary@example.com' }).map((value) =>
      Array.isArray(value) ? value.join() : String(value),
    );
    const known = fc.constant(undefined).map(() => services.known[name] ?? '');
    const odd = fc.constantFrom(
      '',
      '-1',
      '1e3',
      '0x10',
      '99999999999999999999',
      'NaN',
      'null',
      '1,2',
      '[]',
      '{}',
      '2026-13-45',
      '0000-00-00',
      '%00',
    );
    return fc.oneof(
      { weight: 5, arbitrary: right },
      { weight: 2, arbitrary: known },
      { weight: 2, arbitrary: odd },
      { weight: 1, arbitrary: anyText },
    );
  };

  function requestsOf({ parameters }: DocumentedOperation): fc.Arbitrary<SentRequest> {
    const of = (place: ParameterObject['in']): readonly ParameterObject[] => parameters.filter((parameter) => parameter.in === place);
    const query = fc.tuple(
      fc.record(Object.fromEntries(of('query').map((parameter) => [parameter.name, valueOf(parameter)])), { requiredKeys: [] }),
      fc.constantFrom(
        '',
        '',
        '',
        '&days=1&days=2',
        '&__proto__=1&constructor=2',
        '&%ff=%fe',
        '&%',
        '&=',
        '&a[b]=1',
        `&x=${'y'.repeat(7000)}`,
      ),
    );
    const inPath = fc.record(Object.fromEntries(of('path').map((parameter) => [parameter.name, valueOf(parameter)])), { requiredKeys: [] });
    const rawPath = fc.constantFrom('%00', '%2e%2e%2f', '%ff', '%', ';a=b', '..%2f..%2fetc%2fpasswd', '%252e');
    return fc.record({
      query: query.map(
        ([pairs, more]) =>
          Object.entries(pairs)
            .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
            .join('&') + more,
      ),
      pathParameters: fc
        .tuple(inPath, fc.nat(9), rawPath)
        .map(([values, of10, raw]) =>
          Object.fromEntries(
            Object.entries(values).flatMap(([name, value]) =>
              of10 > 4 ? [] : [[name, of10 === 0 || value === '' ? raw : escaped(value)]],
            ),
          ),
        ),
    });
  }

  const others = operations.filter(({ body, path }) => body === undefined && !path.endsWith('healthz'));
  test.each(others.map((operation) => [operation.name, operation] as const))('of %s do no harm', async (_name, operation) => {
    const tally = await expectSafe(operation, requestsOf(operation), runs.parameters);
    expect(answered(tally, () => true)).toBe(runs.parameters);
  });
});

test('whatever was refused is refused again, and stored nothing', async () => {
  expect(await services.expectRefusalsStoreNothing()).toBeGreaterThan(70);
});

test('the processes are as they were, and no log line tells what was sent', () => services.expectUnharmed());
