import { readFileSync } from 'node:fs';
import type { JsonSchema } from '../../platform/http/json-schema.ts';
import type { HttpService, OpenApiDocument, ParameterObject } from '../../platform/http/openapi.ts';

export interface DocumentedOperation {
  /** `exporter: POST /v1/events`. */
  name: string;
  service: HttpService;
  method: string;
  /** With `{parameters}`. */
  path: string;
  parameters: readonly ParameterObject[];
  body: { contentTypes: readonly string[]; schema: JsonSchema; examples: readonly unknown[] } | undefined;
  /** The first credential that opens it; undefined where none is needed. */
  credential: string | undefined;
  statuses: readonly string[];
}

const document = JSON.parse(readFileSync(new URL('../../api/openapi.json', import.meta.url), 'utf8')) as OpenApiDocument;

/**
 * Every operation of both services. The document is made from the registered routes and checked to be fresh (generated.test.ts), so that a
 * new route is here without an edit.
 */
export const operations: readonly DocumentedOperation[] = Object.entries(document.paths).flatMap(([path, byMethod]) =>
  Object.entries(byMethod).flatMap(([method, operation]) =>
    operation.servers.map(({ description: service }) => {
      const content = operation.requestBody?.content;
      const schema = content?.['application/json']?.schema;
      return {
        name: `${service}: ${method.toUpperCase()} ${path}`,
        service,
        method: method.toUpperCase(),
        path,
        parameters: operation.parameters ?? [],
        body:
          content === undefined || schema === undefined
            ? undefined
            : { contentTypes: Object.keys(content), schema, examples: resolved(schema).examples ?? [] },
        credential: Object.keys(operation.security[0] ?? {})[0],
        statuses: Object.keys(operation.responses),
      };
    }),
  ),
);

export type BodyOperation = DocumentedOperation & { body: NonNullable<DocumentedOperation['body']> };

export const bodyOperations: readonly BodyOperation[] = operations.filter(
  (operation): operation is BodyOperation => operation.body !== undefined,
);

/** A schema, or the component that it refers to. */
export function resolved(schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.replace('#/components/schemas/', '');
  if (name === undefined) return schema;
  const component = document.components.schemas[name];
  if (component === undefined) throw new Error(`the document has no schema ${name}: npm run generate`);
  return resolved(component);
}
