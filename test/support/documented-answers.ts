import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { hasMarketingErrors } from '../../platform/http/errors.ts';
import type { HeaderObject, HttpService, OpenApiDocument, OperationObject, ResponseObject } from '../../platform/http/openapi.ts';

export interface ReceivedAnswer {
  service: HttpService;
  method: string;
  url: string;
  status: number;
  header: (name: string) => string | undefined;
  /** Undefined when it was not read. */
  text: string | undefined;
}

/** Longer JSON is not looked at: it is one schema, many times over. */
export const longestCheckedBytes = 1024 * 1024;

/** An answer that api/openapi.json does not describe. */
export class UndocumentedAnswerError extends Error {
  override readonly name = 'UndocumentedAnswerError';
}

const documentUrl = new URL('../../api/openapi.json', import.meta.url);
const document = closed(JSON.parse(readFileSync(documentUrl, 'utf8'))) as OpenApiDocument;
const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: true });
// The types of its default export are those of CommonJS.
(addFormats as unknown as (instance: Ajv2020) => void)(ajv);
// To ajv the whole document is a schema that holds others; what OpenAPI says beside them means nothing to it.
ajv.addVocabulary(Object.keys(document));
ajv.addSchema({ $id: 'openapi', ...document });
const validators = new Map<string, ValidateFunction>();
const patterns = Object.keys(document.paths).map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`) }));

/** @throws UndocumentedAnswerError */
export function checkAnswer(answer: ReceivedAnswer): void {
  const { pathname } = new URL(answer.url);
  const complain = (what: string): never => {
    throw new UndocumentedAnswerError(
      `${answer.service}: ${answer.method} ${pathname} answered ${answer.status}, ${what}. ` +
        `Declare it in the route (or put the answer right), then npm run generate.\n${answer.text?.slice(0, 500) ?? ''}`,
    );
  };
  if (answer.header('x-request-id') === undefined) complain('without x-request-id');
  if (answer.method === 'HEAD') return;
  const path = documentedPath(pathname);
  const operation = path === undefined ? undefined : operationAt(path, answer);
  if (path === undefined || operation === undefined) checkUnrouted(answer, complain);
  else checkRouted(answer, { path, operation, complain });
}

type Complain = (what: string) => never;

function documentedPath(pathname: string): string | undefined {
  if (document.paths[pathname] !== undefined) return pathname;
  return patterns.find(({ pattern }) => pattern.test(pathname))?.path;
}

function operationAt(path: string, { service, method }: ReceivedAnswer): OperationObject | undefined {
  const operation = document.paths[path]?.[method.toLowerCase()];
  return operation?.servers.some(({ description }) => description === service) === true ? operation : undefined;
}

/** No operation: nothing there, another method, or a preflight. */
function checkUnrouted(answer: ReceivedAnswer, complain: Complain): void {
  if (answer.method === 'OPTIONS' && answer.status === 204) return;
  if (answer.status !== 404 && answer.status !== 405) complain('and the document has no such operation');
  const shape = hasMarketingErrors(new URL(answer.url).pathname) ? 'MarketingError' : 'Error';
  checkJson(answer, `/components/schemas/${shape}`, complain);
}

function checkRouted(
  answer: ReceivedAnswer,
  { path, operation, complain }: { path: string; operation: OperationObject; complain: Complain },
): void {
  const status = String(answer.status);
  const declared = operation.responses[status];
  if (declared === undefined) return complain('a status that it does not declare');
  const pointer =
    '$ref' in declared ? declared.$ref.slice(1) : `/paths/${escaped(path)}/${answer.method.toLowerCase()}/responses/${status}`;
  const { headers, content } = at(pointer) as ResponseObject;
  for (const [name, header] of Object.entries(headers)) {
    const value = answer.header(name);
    const { required, schema } = ('$ref' in header ? at(header.$ref.slice(1)) : header) as HeaderObject;
    if (value === undefined && required === true) complain(`without ${name}`);
    if (value !== undefined && !ajv.validate(schema, schema.type === 'integer' ? Number(value) : value)) {
      complain(`with ${name}: ${value}, which ${ajv.errorsText(ajv.errors, { dataVar: 'it' })}`);
    }
  }
  if (content === undefined) {
    if (answer.text !== undefined && answer.text !== '') complain('with a body where none is declared');
    return;
  }
  const type = mediaTypeOf(answer);
  if (content[type] === undefined) complain(`as ${type}, which it does not declare`);
  if (type === 'application/json') checkJson(answer, `${pointer}/content/${escaped(type)}/schema`, complain);
}

function checkJson(answer: ReceivedAnswer, pointer: string, complain: Complain): void {
  if (mediaTypeOf(answer) !== 'application/json') complain('which is not JSON');
  if (answer.text === undefined) return;
  const validate = validators.get(pointer) ?? ajv.compile({ $ref: `openapi#${pointer}` });
  validators.set(pointer, validate);
  if (!validate(JSON.parse(answer.text))) complain(`whose body is wrong: ${ajv.errorsText(validate.errors, { dataVar: 'body' })}`);
}

export function mediaTypeOf({ header }: Pick<ReceivedAnswer, 'header'>): string {
  return header('content-type')?.split(';', 1)[0]?.trim() ?? 'nothing';
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** What a JSON pointer names. */
function at(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((node, name) => (node as Record<string, unknown>)[name.replaceAll('~1', '/').replaceAll('~0', '~')], document);
}

/** The document leaves objects open for fields to come; here a field that it does not name is one that was forgotten. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, closed(value)])) as Record<string, unknown>;
  const isObject = entries['type'] === 'object' || (Array.isArray(entries['type']) && entries['type'].includes('object'));
  return isObject && 'properties' in entries ? { additionalProperties: false, ...entries } : entries;
}
