import { STATUS_CODES } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { carriesRetryAfter, errorBody, hasMarketingErrors, marketingErrorBody, marketingWord, statusOf, type ErrorCode } from './errors.ts';
import { createSchemaComponents, type JsonSchema, type SchemaComponents } from './json-schema.ts';
import { probes } from './probes.ts';
import type { AnswerDefinition, DescribedRoute } from './route.ts';

/** The processes with a public listener; each is a server of the document. */
export type HttpService = 'api' | 'exporter';

export interface ServerObject {
  url: string;
  /** The process that it is. */
  description: HttpService;
}

export interface ParameterObject {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  description?: string;
  schema: JsonSchema;
  example?: unknown;
}

export interface HeaderObject {
  description: string;
  required?: boolean;
  schema: JsonSchema;
}

interface Reference {
  $ref: string;
}

export type Content = Record<string, { schema: JsonSchema; examples?: Record<string, { value: unknown }> }>;

export interface ResponseObject {
  description: string;
  headers: Record<string, HeaderObject | Reference>;
  content?: Content;
}

export interface OperationObject {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  servers: ServerObject[];
  security: Record<string, never[]>[];
  parameters?: ParameterObject[];
  requestBody?: { required: true; content: Content };
  responses: Record<string, ResponseObject | Reference>;
}

/** OpenAPI 3.1, as much of it as this project says. */
export interface OpenApiDocument {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string; license: { name: string; identifier: string } };
  servers: ServerObject[];
  tags: { name: string }[];
  paths: Record<string, Record<string, OperationObject>>;
  components: {
    schemas: Record<string, JsonSchema>;
    responses: Record<string, ResponseObject>;
    headers: Record<string, HeaderObject>;
    securitySchemes: Record<string, Record<string, string>>;
  };
}

export interface DocumentedService {
  url: string;
  routes: readonly DescribedRoute[];
}

/**
 * The OpenAPI document of both services, from their routes and probes. A route that both have is one operation with two servers.
 * @throws when two routes, operations or schemas take the same name
 */
export function openApiDocument(options: {
  version: string;
  description: string;
  services: Readonly<Record<HttpService, DocumentedService>>;
}): OpenApiDocument {
  const schemas = createSchemaComponents();
  schemas.ofAnswer(errorBody);
  schemas.ofAnswer(marketingErrorBody);
  const failures = new Map<string, ResponseObject>();
  const paths = new Map<string, Record<string, OperationObject>>();
  const servers: ServerObject[] = [];
  for (const [service, { url, routes }] of Object.entries(options.services) as [HttpService, DocumentedService][]) {
    const server = { url, description: service };
    servers.push(server);
    for (const route of [...probes.values(), ...routes]) {
      const path = templateOf(route.path);
      const operations = paths.get(path) ?? {};
      const method = route.method.toLowerCase();
      operations[method] = joined(operations[method], operationOf(route, { server, schemas, failures }), `${route.method} ${route.path}`);
      paths.set(path, operations);
    }
  }
  const operations = [...paths.values()].flatMap((byMethod) => Object.values(byMethod));
  assertUnique(operations.map(({ operationId }) => operationId));
  return {
    openapi: '3.1.0',
    info: {
      title: 'widget-observability',
      version: options.version,
      description: options.description,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    servers,
    tags: [...new Set(operations.flatMap(({ tags }) => tags))].toSorted().map((name) => ({ name })),
    paths: byName(paths),
    components: { schemas: schemas.all(), responses: byName(failures), headers: sharedHeaders, securitySchemes },
  };
}

/** The same document for another place: `urls` of the services that are not where it says. */
export function withServers(document: OpenApiDocument, urls: Partial<Record<HttpService, string>>): OpenApiDocument {
  const moved = (servers: readonly ServerObject[]): ServerObject[] =>
    servers.map((server) => ({ ...server, url: urls[server.description] ?? server.url }));
  const movedOperations = (operations: Record<string, OperationObject>): Record<string, OperationObject> =>
    Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => [method, { ...operation, servers: moved(operation.servers) }]),
    );
  return {
    ...document,
    servers: moved(document.servers),
    paths: Object.fromEntries(Object.entries(document.paths).map(([path, operations]) => [path, movedOperations(operations)])),
  };
}

function byName<T>(entries: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...entries].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** `/things/:id` as OpenAPI writes it. */
function templateOf(path: string): string {
  const template = path.replaceAll(/:(\w+)/g, '{$1}');
  if (/[*?():]/.test(template)) throw new Error(`${path} is no path that OpenAPI can say: use only /:name for what varies`);
  return template;
}

function joined(known: OperationObject | undefined, operation: OperationObject, what: string): OperationObject {
  if (known === undefined) return operation;
  const isSame = isDeepStrictEqual({ ...known, servers: [] }, { ...operation, servers: [] });
  if (!isSame || known.servers.some((server) => isDeepStrictEqual([server], operation.servers))) {
    throw new Error(`${what} is declared twice: give one of them another path`);
  }
  return { ...known, servers: [...known.servers, ...operation.servers] };
}

function assertUnique(operationIds: readonly string[]): void {
  const twice = operationIds.filter((id, position) => operationIds.indexOf(id) !== position);
  if (twice.length > 0) throw new Error(`two operations are called ${twice.join(', ')}: give one of them another operationId`);
}

/** What the operations of one document add to. */
interface Surroundings {
  server: ServerObject;
  schemas: SchemaComponents;
  /** Answers of errors by their codes: most are the same in many operations. */
  failures: Map<string, ResponseObject>;
}

function operationOf(route: DescribedRoute, { server, schemas, failures }: Surroundings): OperationObject {
  const description = [route.description, browserNote(route, server.description)].filter((text) => text !== undefined).join('\n\n');
  const parameters = parametersOf(route, schemas);
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(description === '' ? {} : { description }),
    servers: [server],
    security: securityOf[route.identity].map((scheme) => (scheme === 'none' ? {} : { [scheme]: [] })),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: { required: true, content: requestContent(route.body, schemas) } }),
    responses: { ...successesOf(route, schemas), ...failuresOf(route, failures) },
  };
}

/** The page at /docs has the API's origin: what of the exporter a browser refuses to call from there. */
function browserNote({ cors, path }: DescribedRoute, service: HttpService): string | undefined {
  if (service === 'api' || cors === 'widget' || probes.has(path)) return undefined;
  return cors === 'none'
    ? '**For trusted servers.** It sends no CORS headers, so no page in a browser can call it, and neither can “Try it out” on this one: use curl.'
    : 'In a browser only pages on the origins of `CORS_ALLOWED_ORIGINS` may call it, “Try it out” included.';
}

function parametersOf(route: DescribedRoute, schemas: SchemaComponents): ParameterObject[] {
  const named = [...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const described = route.params instanceof z.ZodObject ? (route.params.shape as Record<string, z.ZodType>) : {};
  const path = Object.fromEntries(named.map((name) => [name, described[name] ?? z.string()]));
  const query = { ...shapeOf(route, route.query), ...route.reads?.query?.shape };
  return [
    ...parametersIn('path', path, schemas),
    ...parametersIn('query', query, schemas),
    ...parametersIn('header', route.reads?.headers?.shape ?? {}, schemas),
  ];
}

function shapeOf({ path }: DescribedRoute, query: z.ZodType | undefined): Record<string, z.ZodType> {
  if (query === undefined) return {};
  if (query instanceof z.ZodObject) return query.shape;
  throw new Error(`the query of ${path} must be a z.object: its parameters have no names otherwise`);
}

function parametersIn(place: ParameterObject['in'], shape: z.core.$ZodShape, schemas: SchemaComponents): ParameterObject[] {
  return Object.entries(shape as Record<string, z.ZodType>).map(([name, declared]) => {
    const { description, examples: [example] = [], ...schema } = schemas.ofParameter(declared);
    return {
      name,
      in: place,
      required: place === 'path' || !declared.safeParse(undefined).success,
      ...(description === undefined ? {} : { description }),
      schema,
      // Here and not in the schema: the page fills it in.
      ...(example === undefined ? {} : { example }),
    };
  });
}

function requestContent({ rule, schema }: NonNullable<DescribedRoute['body']>, schemas: SchemaComponents): Content {
  const json = schema === undefined ? {} : schemas.ofRequest(schema);
  // A beacon is JSON that says it is text.
  const beacon: JsonSchema = { type: 'string', contentMediaType: 'application/json', contentSchema: json };
  return Object.fromEntries(rule.contentTypes.map((type) => [type, { schema: type === 'text/plain' ? beacon : json }]));
}

function successesOf(route: DescribedRoute, schemas: SchemaComponents): Record<string, ResponseObject> {
  const limits = route.rateLimitPolicy === undefined ? {} : limitHeaders;
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, declared]) => {
      const answer: AnswerDefinition =
        declared instanceof z.ZodType ? { description: STATUS_CODES[status] ?? status, schema: declared } : declared;
      const content = answerContent(answer, schemas);
      const own = Object.entries(answer.headers ?? {}).map(([name, description]): [string, HeaderObject] => [
        name,
        { description, required: true, schema: { type: 'string' } },
      ]);
      return [
        status,
        {
          description: answer.description,
          headers: { ...everyHeader, ...limits, ...Object.fromEntries(own) },
          ...(content === undefined ? {} : { content }),
        },
      ];
    }),
  );
}

function answerContent({ schema, contentTypes }: AnswerDefinition, schemas: SchemaComponents): Content | undefined {
  if (schema !== undefined) return { 'application/json': { schema: schemas.ofAnswer(schema) } };
  return contentTypes && Object.fromEntries(contentTypes.map((type) => [type, { schema: { type: 'string' } }]));
}

function failuresOf(route: DescribedRoute, failures: Map<string, ResponseObject>): Record<string, Reference> {
  const codes = route.errors.toSorted();
  return Object.fromEntries(
    [...new Set(codes.map(statusOf))].map((status): [string, Reference] => {
      const ofStatus = codes.filter((code) => statusOf(code) === status);
      const isMarketing = hasMarketingErrors(route.path);
      const name = [...(isMarketing ? ['v1'] : []), ...ofStatus].join('.');
      if (!failures.has(name)) failures.set(name, failureOf(ofStatus, status, isMarketing));
      return [String(status), { $ref: `#/components/responses/${name}` }];
    }),
  );
}

function failureOf(codes: readonly ErrorCode[], status: number, isMarketing: boolean): ResponseObject {
  const reason = STATUS_CODES[status] ?? String(status);
  const shape = isMarketing ? 'MarketingError' : 'Error';
  const narrowed: JsonSchema = { properties: { error: { properties: { code: { type: 'string', enum: [...codes] } } } } };
  const body: JsonSchema = { $ref: `#/components/schemas/${shape}` };
  return {
    description: `${reason}: ${[...new Set(isMarketing ? codes.map(marketingWord) : codes)].map((word) => `\`${word}\``).join(', ')}`,
    headers: { ...everyHeader, ...(status === 429 ? limitHeaders : {}), ...retryHeader(codes) },
    content: { 'application/json': isMarketing ? { schema: body } : { schema: { allOf: [body, narrowed] }, examples: examplesOf(codes) } },
  };
}

/** Without them the page shows one code for all. */
function examplesOf(codes: readonly ErrorCode[]): Record<string, { value: z.input<typeof errorBody> }> {
  return Object.fromEntries(codes.map((code) => [code, { value: { error: { code, message: '…', requestId: 'abc-123' } } }]));
}

function retryHeader(codes: readonly ErrorCode[]): Record<string, HeaderObject | Reference> {
  const carrying = codes.filter(carriesRetryAfter);
  if (carrying.length === 0) return {};
  return { 'Retry-After': carrying.length === codes.length ? refTo('RetryAfter') : { ...sharedHeaders.RetryAfter, required: false } };
}

const refTo = (header: keyof typeof sharedHeaders): Reference => ({ $ref: `#/components/headers/${header}` });

const sharedHeaders = {
  RequestId: {
    description: 'The x-request-id of the request, or one that was made for it',
    required: true,
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
  },
  RateLimitLimit: { description: 'Requests that a minute allows', required: true, schema: { type: 'integer', minimum: 1 } },
  RateLimitRemaining: { description: 'Requests that are left in this minute', required: true, schema: { type: 'integer', minimum: 0 } },
  RateLimitReset: { description: 'Seconds until the minute ends', required: true, schema: { type: 'integer', minimum: 1, maximum: 60 } },
  RetryAfter: { description: 'Seconds after which to send it again', required: true, schema: { type: 'integer', minimum: 1 } },
} satisfies Record<string, HeaderObject>;

const everyHeader = { 'x-request-id': refTo('RequestId') };
const limitHeaders = {
  'RateLimit-Limit': refTo('RateLimitLimit'),
  'RateLimit-Remaining': refTo('RateLimitRemaining'),
  'RateLimit-Reset': refTo('RateLimitReset'),
};

/** Any one of them is enough; `none` where the route answers callers without credentials too. */
const securityOf: Record<DescribedRoute['identity'], (keyof typeof securitySchemes | 'none')[]> = {
  public: [],
  'org user': ['orgUserToken', 'orgUserCookie'],
  'org user or nobody': ['orgUserToken', 'orgUserCookie', 'none'],
  'org user or admin': ['orgUserToken', 'orgUserCookie', 'adminToken', 'adminCookie'],
  'owner or admin': ['orgUserToken', 'orgUserCookie', 'adminToken', 'adminCookie'],
  admin: ['adminToken', 'adminCookie'],
  'admin key': ['adminKey'],
  'ingest key': ['ingestKey'],
  webhook: ['webhookToken'],
};

const cookieNote = 'A browser sends it by itself; a page cannot set it.';

const securitySchemes = {
  orgUserToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A user of an organization: claims `sub`, `org` (its key) and `role` (`member` or `owner`).',
  },
  orgUserCookie: { type: 'apiKey', in: 'cookie', name: 'portal_session', description: `The same token. ${cookieNote}` },
  adminToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An administrator: claims `sub` and `role` (`admin`).' },
  adminCookie: { type: 'apiKey', in: 'cookie', name: 'admin_session', description: `The same token. ${cookieNote}` },
  adminKey: { type: 'apiKey', in: 'header', name: 'x-admin-key', description: 'Trusted servers of the operator: `ADMIN_API_KEY`.' },
  ingestKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'ik_ and 43 characters',
    description: 'Trusted servers of one organization, made with `ingest-keys-create`.',
  },
  webhookToken: { type: 'http', scheme: 'bearer', description: 'Alertmanager: `ALERTMANAGER_WEBHOOK_TOKEN`.' },
} as const;
