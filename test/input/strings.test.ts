import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../platform/http/json-schema.ts';
import { bodyOperations, operations, type BodyOperation } from '../support/documented-operations.ts';
import { countOf, nodeOf, textOf, withChange } from '../support/json-node.ts';
import { naughtyStrings } from '../support/naughty-strings.ts';
import { filled, shapesOf, takesAnyText } from '../support/string-fields.ts';
import { inLanes, startWatchedServices, type WatchedServices } from '../support/watched-services.ts';

/** Texts that have broken programs, in every place where a text may stand. */
const lanes = 8;
const strings = Object.values(naughtyStrings);

let services: WatchedServices;

beforeAll(async () => {
  services = await startWatchedServices();
});
afterAll(() => services.stop());

/** One in so many of them; with as many turns every one comes up. */
function inTurns(of: number, turn: number): string[] {
  return strings.filter((_string, number) => number % of === turn % of);
}

/** Fits the bounds of its field; texts of one pattern keep to it, or nothing else would be looked at. */
function fitting(text: string, schema: JsonSchema | undefined): string {
  if (schema === undefined) return text.slice(0, 200);
  if (!takesAnyText(schema)) return usualTextOf(schema);
  return text.slice(0, schema.maxLength ?? 10_000).padEnd(schema.minLength ?? 0, 'x');
}

function usualTextOf({ format, pattern }: JsonSchema): string {
  if (format === 'email') return services.canaries.email;
  if (format === 'date-time') return new Date().toISOString();
  if (format === 'uuid') return crypto.randomUUID();
  return pattern === '^[A-Za-z]{2}$' ? 'AT' : 'x';
}

describe.each(bodyOperations.map((operation) => [operation.name, operation] as const))('%s', (_name, operation) => {
  test('takes every naughty text in all fields for text at once, cut to their length', async () => {
    const statuses = new Map<number, number>();
    const shapes = shapesOf(operation.body.schema);
    // Metrics of nine types are nine shapes with much the same fields.
    const of = Math.min(shapes.length, 3);
    const sent = shapes.flatMap((shape, turn) => inTurns(of, turn).map((text) => ({ shape, text })));
    await inLanes(sent, lanes, async ({ shape, text }) => {
      const value = services.withKnown(filled(shape, (schema) => fitting(text, schema)));
      const { status, text: answer } = await services.send(operation, { body: JSON.stringify(value) });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(status, `${JSON.stringify(text)}: ${answer}`).toBeLessThan(500);
    });
    const taken = [...statuses].reduce((sum, [status, count]) => sum + (status < 300 || status === 404 ? count : 0), 0);
    expect(taken, JSON.stringify([...statuses])).toBeGreaterThan(0);
  });

  test('takes or refuses each of them in each of its texts alone, and as one more key', async () => {
    await inLanes(placesOf(operation), lanes, async (body) => void (await services.send(operation, { body })));
  });
});

/** Bodies like the example, with a naughty text in one place. In turns: every text comes to stand in every operation, every place sees many of them. */
function placesOf(operation: BodyOperation): string[] {
  const [example] = operation.body.examples;
  const node = nodeOf(services.withKnown(example));
  const places = Array.from({ length: countOf(node) }, (_, index) => index);
  return places.flatMap((index, turn) =>
    inTurns(6, turn).map((text) =>
      textOf(
        withChange(node, index, (at) =>
          'entries' in at ? { entries: [...at.entries, [text, { raw: JSON.stringify(text) }]] } : { raw: JSON.stringify(text) },
        ),
      ),
    ),
  );
}

describe('a parameter or header', () => {
  const escaped = (text: string): string => encodeURIComponent(text.slice(0, 500).toWellFormed());
  const cases = operations.flatMap((operation) => operation.parameters.map((parameter) => ({ operation, parameter })));

  test('in the URL takes any text without harm', async () => {
    const inUrl = cases
      .filter(({ parameter }) => parameter.in !== 'header')
      .flatMap((each, turn) => inTurns(5, turn).map((text) => ({ ...each, text })));
    await inLanes(inUrl, lanes, async ({ operation, parameter, text }) => {
      const value = escaped(text);
      await services.send(
        operation,
        parameter.in === 'path'
          ? { pathParameters: { [parameter.name]: value === '' ? '%00' : value } }
          : { query: `${parameter.name}=${value}` },
      );
    });
    expect(inUrl.length).toBeGreaterThan(300);
  });

  test.each([
    'authorization',
    'cookie',
    'origin',
    'referer',
    'user-agent',
    'x-site-id',
    'x-org-key',
    'x-admin-key',
    'x-request-id',
    'x-forwarded-for',
    'if-none-match',
  ])('%s takes any bytes that HTTP lets through', async (name) => {
    await inLanes(
      operations
        .filter(({ path }) => !path.startsWith('/docs'))
        .flatMap((operation, turn) => inTurns(24, turn).map((text) => ({ operation, value: asHeader(text) }))),
      lanes,
      async ({ operation, value }) => {
        const [example] = operation.body?.examples ?? [];
        const body = example === undefined ? undefined : JSON.stringify(services.withKnown(example));
        await services.send(operation, { headers: { [name]: name === 'authorization' ? `Bearer ${value}` : value }, body });
      },
    );
  });
});

/** As bytes of UTF-8, each a character, which is how clients take them; without those that HTTP forbids. */
function asHeader(text: string): string {
  return Buffer.from(text.slice(0, 3000))
    .toString('latin1')
    .replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '');
}

test('whatever was refused is refused again, and stored nothing', async () => {
  expect(await services.expectRefusalsStoreNothing()).toBeGreaterThan(70);
});

test('the processes are as they were, and no log line tells what was sent', () => services.expectUnharmed());
