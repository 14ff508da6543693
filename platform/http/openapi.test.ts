import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { adminKey, ingestKey, orgUser, orgUserOrNobody, publicCaller } from '../auth/identities.ts';
import { createDirectory } from '../directory/directory.ts';
import { createLogger } from '../log.ts';
import { publicBody } from './body.ts';
import { checkedLater } from './json-schema.ts';
import { openApiDocument, withServers, type HttpService, type OpenApiDocument, type ResponseObject } from './openapi.ts';
import { route, type Answer, type Route } from './route.ts';
import { uuid } from './validation.ts';

const log = createLogger({ service: 'cli', level: 'silent' });
const directory = createDirectory({ db: { query: () => Promise.reject(new Error('nothing is read here')) }, now: () => new Date(), log });
const handler = (): Promise<Answer> => Promise.resolve({ status: 200, body: {} });
const thing = { tag: 'things', summary: 'a thing', cors: 'none', errors: [], handler } as const;

/** A toy of each kind that the contracts know. */
const download = route({
  ...thing,
  method: 'GET',
  path: '/things/:thingId/export',
  operationId: 'exportThings',
  identity: publicCaller,
  params: z.object({ thingId: uuid }),
  query: z.object({
    days: z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(1).max(90)).default(30),
    format: z.enum(['csv', 'ndjson']).default('ndjson'),
    dataset: z.enum(['events', 'sessions']).meta({ description: 'What is exported.' }),
  }),
  responses: {
    200: {
      description: 'Every row',
      contentTypes: ['application/x-ndjson', 'text/csv'],
      headers: { 'Content-Disposition': 'The name of the file' },
    },
  },
});
const beacon = route({
  ...thing,
  method: 'POST',
  path: '/things',
  operationId: 'sendThings',
  identity: publicCaller,
  cors: 'widget',
  rateLimit: { policy: 'things', keys: ({ address }) => [{ key: address, perMinute: 1 }] },
  reads: { headers: z.object({ origin: z.string().optional() }) },
  body: { rule: publicBody, schema: z.object({ id: uuid.optional(), count: z.int().default(1) }).meta({ examples: [{ count: 2 }] }) },
  responses: { 204: { description: 'Stored' } },
  errors: ['CHATBOT_NOT_FOUND'],
});
const form = route({
  ...thing,
  method: 'POST',
  path: '/v1/things',
  operationId: 'captureThing',
  identity: publicCaller,
  cors: 'portal',
  body: {
    rule: { limitBytes: 10, contentTypes: ['application/json', 'application/x-www-form-urlencoded'] },
    schema: z.object({ email: z.string() }),
  },
  responses: {
    200: z.object({ ok: z.literal(true) }),
    303: { description: 'To the page that the form names', headers: { Location: 'A path of the same site' } },
  },
});

function documentOf(routes: Partial<Record<HttpService, Route[]>>): OpenApiDocument {
  return openApiDocument({
    version: '1.2.3',
    description: 'Things.',
    services: { api: { url: '/', routes: routes.api ?? [] }, exporter: { url: 'http://exporter', routes: routes.exporter ?? [] } },
  });
}

const answer = (document: OpenApiDocument, path: string, method: string, status: number): ResponseObject | { $ref: string } | undefined =>
  document.paths[path]?.[method]?.responses[status];

describe('the document', () => {
  test('says of parameters what their text is read as, which are needed, and where they are', () => {
    const { parameters } = documentOf({ api: [download] }).paths['/things/{thingId}/export']?.['get'] ?? {};
    expect(parameters).toEqual([
      { name: 'thingId', in: 'path', required: true, schema: expect.objectContaining({ type: 'string', format: 'uuid' }) as unknown },
      { name: 'days', in: 'query', required: false, schema: { type: 'integer', minimum: 1, maximum: 90, default: 30 } },
      { name: 'format', in: 'query', required: false, schema: { type: 'string', enum: ['csv', 'ndjson'], default: 'ndjson' } },
      {
        name: 'dataset',
        in: 'query',
        required: true,
        description: 'What is exported.',
        schema: { type: 'string', enum: ['events', 'sessions'] },
      },
    ]);
  });

  test('says what an answer is that is not JSON: its types, its own headers, or that there is nothing', () => {
    const document = documentOf({ api: [download], exporter: [beacon, form] });
    expect(answer(document, '/things/{thingId}/export', 'get', 200)).toMatchObject({
      headers: { 'Content-Disposition': { required: true } },
      content: { 'application/x-ndjson': { schema: { type: 'string' } }, 'text/csv': { schema: { type: 'string' } } },
    });
    expect(answer(document, '/things', 'post', 204)).not.toHaveProperty('content');
    const redirect = answer(document, '/v1/things', 'post', 303);
    expect(redirect).not.toHaveProperty('content');
    expect(redirect).toMatchObject({ headers: { Location: { description: 'A path of the same site' } } });
  });

  test('gives a body each of its types: JSON that says it is text, and forms', () => {
    const document = documentOf({ exporter: [beacon, form] });
    const json = {
      type: 'object',
      properties: { id: expect.objectContaining({ format: 'uuid' }) as unknown, count: { type: 'integer', default: 1 } },
      examples: [{ count: 2 }],
    };
    expect(document.paths['/things']?.['post']?.requestBody?.content).toEqual({
      'application/json': { schema: json },
      'text/plain': { schema: { type: 'string', contentMediaType: 'application/json', contentSchema: json } },
    });
    expect(Object.keys(document.paths['/v1/things']?.['post']?.requestBody?.content ?? {})).toContain('application/x-www-form-urlencoded');
  });

  test('names an item that its handler checks, as a component, and lets every item pass', () => {
    const item = z.object({ text: z.string().transform((text) => text.length) }).meta({ id: 'Item', examples: [{ text: 'abc' }] });
    const batch = z.object({ items: z.array(checkedLater(item)).max(3) });
    const document = documentOf({ exporter: [{ ...form, body: { rule: publicBody, schema: batch } }] });
    expect(document.paths['/v1/things']?.['post']?.requestBody?.content['application/json']?.schema).toMatchObject({
      properties: { items: { type: 'array', maxItems: 3, items: { $ref: '#/components/schemas/Item' } } },
    });
    expect(document.components.schemas['Item']).toEqual({
      type: 'object',
      properties: { text: { type: 'string' } },
      required: ['text'],
      examples: [{ text: 'abc' }],
    });
    expect(batch.parse({ items: [{ text: 5 }, 'nothing'] })).toEqual({ items: [{ text: 5 }, 'nothing'] });
  });

  test('offers each credential that opens a route as an alternative, and none where callers without any are answered', () => {
    const tokens = { verify: () => Promise.reject(new Error('nothing is verified here')), directory, allowedOrigins: [] };
    const read = { ...thing, method: 'GET', responses: { 200: z.object({}) } } as const;
    const document = documentOf({
      api: [
        route({ ...read, path: '/mine', operationId: 'readMine', identity: orgUser(tokens) }),
        route({ ...read, path: '/either', operationId: 'readEither', identity: orgUserOrNobody(tokens) }),
        route({ ...read, path: '/all', operationId: 'readAll', identity: publicCaller }),
      ],
    });
    const user = [{ orgUserToken: [] }, { orgUserCookie: [] }];
    expect(document.paths['/mine']?.['get']?.security).toEqual(user);
    expect(document.paths['/either']?.['get']?.security).toEqual([...user, {}]);
    expect(document.paths['/all']?.['get']?.security).toEqual([]);
    expect(answer(document, '/either', 'get', 401)).toEqual(answer(document, '/mine', 'get', 401));
  });

  test('adds to the declared errors what the checks of a route may answer, each with its codes', () => {
    const document = documentOf({ exporter: [beacon, { ...beacon, ...reportThings() }] });
    const named = (path: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(document.paths[path]?.['post']?.responses ?? {}).flatMap(([status, response]) =>
          '$ref' in response ? [[status, response.$ref.split('/').at(-1) ?? '']] : [],
        ),
      );
    const always = { 413: 'PAYLOAD_TOO_LARGE', 415: 'UNSUPPORTED_MEDIA_TYPE', 500: 'INTERNAL_ERROR' };
    expect(named('/things')).toEqual({
      ...always,
      400: 'INVALID_JSON.VALIDATION_ERROR',
      404: 'CHATBOT_NOT_FOUND',
      429: 'RATE_LIMITED',
      503: 'SHUTTING_DOWN',
    });
    expect(named('/reports')).toEqual({
      ...always,
      400: 'INVALID_JSON.VALIDATION_ERROR',
      401: 'INVALID_INGEST_KEY',
      503: 'DATABASE_UNAVAILABLE.SHUTTING_DOWN',
    });
    expect(document.components.responses['RATE_LIMITED']).toMatchObject({
      description: 'Too Many Requests: `RATE_LIMITED`',
      headers: {
        'Retry-After': { $ref: '#/components/headers/RetryAfter' },
        'RateLimit-Limit': { $ref: '#/components/headers/RateLimitLimit' },
      },
    });
  });

  test('gives errors under /v1 their own shape', () => {
    const document = documentOf({ exporter: [form] });
    expect(answer(document, '/v1/things', 'post', 500)).toEqual({ $ref: '#/components/responses/v1.INTERNAL_ERROR' });
    expect(document.components.responses['v1.INTERNAL_ERROR']?.content).toEqual({
      'application/json': { schema: { $ref: '#/components/schemas/MarketingError' } },
    });
  });

  test('promises Retry-After only where every code of the status carries it', () => {
    const keyed = route({ ...thing, method: 'GET', path: '/keyed', operationId: 'readKeyed', identity: adminKey('x'), responses: {} });
    const { responses } = documentOf({ api: [keyed] }).components;
    expect(responses['SHUTTING_DOWN.admin_auth_not_configured']?.headers['Retry-After']).toMatchObject({ required: false });
  });

  test('names the server of each operation, also of two methods of one path', () => {
    const read = route({ ...thing, method: 'GET', path: '/things', operationId: 'readThings', identity: publicCaller, responses: {} });
    const document = documentOf({ api: [read], exporter: [beacon] });
    const serversOf = (path: string, method: string): string[] =>
      document.paths[path]?.[method]?.servers.map(({ description }) => description) ?? [];
    expect([serversOf('/things', 'get'), serversOf('/things', 'post'), serversOf('/healthz', 'get')]).toEqual([
      ['api'],
      ['exporter'],
      ['api', 'exporter'],
    ]);
    const moved = withServers(document, { exporter: 'https://widgets.example' });
    expect(moved.servers.map(({ url }) => url)).toEqual(['/', 'https://widgets.example']);
    expect(moved.paths['/healthz']?.['get']?.servers.map(({ url }) => url)).toEqual(['/', 'https://widgets.example']);
    expect(moved.paths['/things']?.['post']?.servers.map(({ url }) => url)).toEqual(['https://widgets.example']);
  });

  test('says which operations of the exporter no page can call', () => {
    const document = documentOf({ api: [download], exporter: [beacon, form, { ...beacon, ...reportThings() }] });
    const noteOf = (path: string): string | undefined => Object.values(document.paths[path] ?? {})[0]?.description;
    expect(noteOf('/reports')).toContain('For trusted servers');
    expect(noteOf('/v1/things')).toContain('CORS_ALLOWED_ORIGINS');
    expect([noteOf('/things'), noteOf('/things/{thingId}/export')]).toEqual([undefined, undefined]);
  });

  test.each<[string, Route[], string]>([
    ['one route twice', [beacon, beacon], 'POST /things is declared twice'],
    ['one operationId twice', [beacon, { ...form, operationId: 'sendThings' }], 'two operations are called sendThings'],
    ['a path that is no template', [{ ...download, path: '/things/*rest' }], '/things/*rest is no path that OpenAPI can say'],
    [
      'one schema id twice',
      [
        { ...form, responses: { 200: z.object({ a: z.string() }).meta({ id: 'Thing' }) } },
        { ...beacon, responses: { 200: z.object({ b: z.string() }).meta({ id: 'Thing' }) } },
      ],
      'two different schemas are called Thing',
    ],
    ['a pattern with flags', [{ ...form, responses: { 200: z.object({ a: z.string().regex(/x/i) }) } }], 'JSON Schema has no flag i'],
    ['a text measured in code points', [{ ...form, responses: { 200: z.object({ a: z.string().max(5) }) } }], 'use longestText'],
  ])('refuses %s', (_case, exporter, message) => {
    expect(() => documentOf({ exporter })).toThrow(message);
  });
});

function reportThings(): Route {
  return route({
    ...thing,
    method: 'POST',
    path: '/reports',
    operationId: 'reportThings',
    identity: ingestKey(directory),
    body: { rule: publicBody, schema: z.object({}) },
    responses: { 202: z.object({ accepted: z.int() }) },
  });
}
