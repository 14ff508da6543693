import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenApiDocument } from '../../platform/http/openapi.ts';
import { probes } from '../../platform/http/probes.ts';
import { startBrowser } from '../support/browser.ts';
import { checkAnswersOf, failuresOfChecks } from '../support/checked-listeners.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { checkAnswer, UndocumentedAnswerError } from '../support/documented-answers.ts';
import { insertOrganization, portalToken, runApi, runExporter } from '../support/services.ts';

const root = join(import.meta.dirname, '../..');

let document: OpenApiDocument;
let database: TestDatabase;
let exporter: Awaited<ReturnType<typeof runExporter>>;
let api: Awaited<ReturnType<typeof runApi>>;

beforeAll(async () => {
  document = JSON.parse(await readFile(join(root, 'api/openapi.json'), 'utf8')) as OpenApiDocument;
  database = await createTestDatabase();
  // Before the exporter is there, which would remember it as it is between its insert and its update.
  await insertOrganization(database, { key: 'demo', columns: { allow_localhost: true } });
  exporter = await runExporter(database);
  api = await runApi(database, { environment: { EXPORTER_PUBLIC_URL: exporter.url } });
});
afterAll(async () => {
  await exporter.stop();
  await api.stop();
  await database.drop();
});

const operations = (): { path: string; method: string; servers: string[]; operationId: string; tags: string[] }[] =>
  Object.entries(document.paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod).map(([method, { servers, operationId, tags }]) => ({
      path,
      method: method.toUpperCase(),
      servers: servers.map(({ description }) => description),
      operationId,
      tags,
    })),
  );

describe('api/openapi.json', () => {
  test('has every route and probe of both running services, and nothing else', () => {
    const documented = operations().flatMap(({ path, method, servers }) => servers.map((service) => `${service}: ${method} ${path}`));
    const registered = Object.entries({ api, exporter }).flatMap(([service, { app }]) =>
      [...probes.values(), ...app.routes].map(({ method, path }) => `${service}: ${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`),
    );
    expect(documented.toSorted()).toEqual(registered.toSorted());
  });

  test('is valid OpenAPI 3.1 without a loose end', async () => {
    // The validator that openapi-typescript brings along; it resolves every $ref and knows the structure of every object.
    const client = createRequire(join(root, 'sdk/api-client/package.json'));
    const validator = createRequire(client.resolve('openapi-typescript')).resolve('@redocly/openapi-core');
    const { lintFromString, createConfig } = (await import(pathToFileURL(validator).href)) as OpenApiCore;
    const rules = {
      struct: 'error',
      'no-unresolved-refs': 'error',
      'operation-operationId-unique': 'error',
      'operation-operationId-url-safe': 'error',
      'operation-parameters-unique': 'error',
      'operation-tag-defined': 'error',
      'operation-singular-tag': 'error',
      'path-parameters-defined': 'error',
      'no-identical-paths': 'error',
      'no-enum-type-mismatch': 'error',
      'no-invalid-parameter-examples': 'error',
      'no-required-schema-properties-undefined': 'error',
      'no-schema-type-mismatch': 'error',
      'security-defined': 'error',
      'spec-components-invalid-map-name': 'error',
    };
    const problems = await lintFromString({ source: JSON.stringify(document), config: await createConfig({ rules }) });
    expect(problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`)).toEqual([]);
    const broken = JSON.stringify(document)
      .replace('#/components/schemas/Error"', '#/components/schemas/Eror"')
      .replace('"summary"', '"sumary"');
    const found = await lintFromString({ source: broken, config: await createConfig({ rules }) });
    expect(found.map(({ ruleId }) => ruleId)).toEqual(expect.arrayContaining(['struct', 'no-unresolved-refs']));
  });

  test('shows examples that its own schemas accept', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'openapi', ...document });
    const ofSchemas = Object.entries(document.components.schemas).flatMap(([name, schema]) =>
      (schema.examples ?? []).map((example) => ({ at: `schemas/${name}`, example })),
    );
    const ofAnswers = Object.entries(document.components.responses).flatMap(([name, { content }]) =>
      Object.values(content?.['application/json']?.examples ?? {}).map(({ value }) => ({
        at: `responses/${name}/content/application~1json/schema`,
        example: value,
      })),
    );
    const wrong = [...ofSchemas, ...ofAnswers].filter(({ at, example }) => !ajv.validate({ $ref: `openapi#/components/${at}` }, example));
    expect(wrong).toEqual([]);
    expect(ofSchemas.length).toBeGreaterThan(5);
    expect(ofAnswers.length).toBeGreaterThan(15);
  });

  test('gives each operation a name that makes a method and the tag of its feature', () => {
    for (const { operationId, tags, path } of operations()) {
      expect(operationId, path).toMatch(/^[a-z]+[A-Z][A-Za-z]+$/);
      expect(tags, path).toHaveLength(1);
    }
  });
});

interface OpenApiCore {
  createConfig: (config: { rules: Record<string, unknown> }) => Promise<object>;
  lintFromString: (options: {
    source: string;
    config: object;
  }) => Promise<{ ruleId: string; message: string; location: { pointer?: string }[] }[]>;
}

describe('the check of every answer in this test suite', () => {
  const answer = {
    service: 'exporter',
    method: 'GET',
    url: 'http://exporter/healthz',
    status: 200,
    headers: { 'x-request-id': 'abc-123', 'content-type': 'application/json; charset=utf-8' } as Record<string, string>,
    text: '{"status":"ok"}',
  } as const;
  const check = (changes: Partial<Omit<typeof answer, 'headers'>> | Record<string, unknown>): void => {
    const { headers, ...received } = { ...answer, ...changes };
    checkAnswer({ ...received, header: (name) => headers[name.toLowerCase()] });
  };
  const error = (code: string): string => JSON.stringify({ error: { code, message: 'no', requestId: 'abc-123' } });

  test('accepts what the document says', () => {
    check({});
    check({ url: 'http://exporter/nowhere', status: 404, text: error('NOT_FOUND') });
    check({ url: 'http://exporter/v1/nowhere', status: 404, text: '{"ok":false,"error":"there is nothing"}' });
    check({ method: 'OPTIONS', status: 204, text: '' });
    check({ url: 'http://exporter/api/bootloader', status: 403, text: error('ORIGIN_MISSING') });
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a status', { status: 418 }, /GET \/healthz answered 418, a status that it does not declare/],
    ['an additional property', { text: '{"status":"ok","secret":1}' }, /must NOT have additional properties/],
    ['a missing property', { text: '{}' }, /must have required property 'status'/],
    ['a content type', { headers: { ...answer.headers, 'content-type': 'text/html' } }, /as text\/html/],
    ['a missing x-request-id', { headers: {} }, /without x-request-id/],
    ['an operation of the other service', { url: 'http://exporter/portal/widget/health' }, /no such operation/],
    ['an unrouted path in another shape', { url: 'http://exporter/nowhere', status: 404 }, /must have required property 'error'/],
    ['a code of another operation', { url: 'http://exporter/api/bootloader', status: 403, text: error('FORBIDDEN') }, /allowed values/],
    ['a missing Retry-After', { url: 'http://exporter/api/bootloader', status: 503, text: error('SHUTTING_DOWN') }, /without Retry-After/],
    [
      'a header of another type',
      {
        url: 'http://exporter/api/bootloader',
        status: 503,
        text: error('SHUTTING_DOWN'),
        headers: { ...answer.headers, 'retry-after': 'soon' },
      },
      /with Retry-After: soon/,
    ],
  ])('refuses %s that the document does not have', (_case, changes, message) => {
    expect(() => check(changes)).toThrow(UndocumentedAnswerError);
    expect(() => check(changes)).toThrow(message);
  });

  test('sees what fetch gets', async () => {
    // The metrics listener stands for a service gone wrong: it answers /healthz without a request id.
    const end = checkAnswersOf('exporter', exporter.metricsUrl);
    try {
      await expect(fetch(`${exporter.metricsUrl}/healthz`)).rejects.toThrow('without x-request-id');
    } finally {
      end();
    }
    // Left there, it would fail this file.
    expect(failuresOfChecks.splice(0)).toHaveLength(1);
  });
});

describe('GET /openapi.json', () => {
  test('is the committed document with the exporter where it is, for every origin', async () => {
    const response = await fetch(`${api.url}/openapi.json`, { headers: { origin: 'https://editor.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const served = (await response.json()) as OpenApiDocument;
    expect(served.servers).toEqual([
      { url: '/', description: 'api' },
      { url: exporter.url, description: 'exporter' },
    ]);
    expect(served.paths['/api/bootloader']?.['get']?.servers).toEqual([{ url: exporter.url, description: 'exporter' }]);
    expect(JSON.stringify(served).replaceAll(exporter.url, 'http://localhost:8081')).toBe(JSON.stringify(document));
  });
});

describe('/docs in a browser', () => {
  let browser: Browser;
  let page: Page;
  const trouble: string[] = [];
  const requested: string[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    page = await browser.newPage();
    page.on('console', (message) => (['error', 'warning'].includes(message.type()) ? trouble.push(message.text()) : undefined));
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('request', (request) => requested.push(request.url()));
    await page.goto(`${api.url}/docs`);
    await page.locator('.opblock').first().waitFor();
  });
  afterAll(() => browser.close());

  const operation = (tag: string, operationId: string) => page.locator(`[id="operations-${tag}-${operationId}"]`);
  /** Opens an operation, presses Execute and reads what the page shows. */
  async function tryOut(tag: string, operationId: string): Promise<{ status: string; body: unknown }> {
    const block = operation(tag, operationId);
    await block.locator('.opblock-summary-control').click();
    await block.getByRole('button', { name: 'Execute' }).click();
    const live = block.locator('.live-responses-table');
    const body = await live.locator('.response-col_description .highlight-code code').first().innerText();
    return { status: await live.locator('.response-col_status').last().innerText(), body: JSON.parse(body) };
  }

  test('shows every operation, and nothing of it comes from elsewhere or is refused by its own policy', async () => {
    expect(await page.locator('.opblock').count()).toBe(operations().length);
    expect(requested.filter((url) => !url.startsWith(`${api.url}/`))).toEqual([]);
    expect(trouble).toEqual([]);
  });

  test('keeps its files for ever and the page itself not at all', async () => {
    const script = requested.find((url) => url.endsWith('swagger-ui-bundle.js'));
    expect((await fetch(script ?? '')).headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await fetch(`${api.url}/docs`)).headers.get('cache-control')).toBe('no-store');
    expect((await fetch(`${api.url}/docs/000000000000-swagger-ui.css`)).status).toBe(404);
    expect((await fetch(`${api.url}/docs/..%2f..%2fpackage.json`)).status).toBe(400);
  });

  test('reads the portal with the token that was entered', async () => {
    await page.locator('.auth-wrapper .authorize').first().click();
    await page
      .locator('.modal-ux input')
      .first()
      .fill(await portalToken('demo'));
    await page.locator('.modal-ux').getByRole('button', { name: 'Apply credentials' }).first().click();
    await page.locator('.modal-ux .close-modal').click();
    const { status, body } = await tryOut('widget-health', 'getWidgetHealth');
    expect(status).toContain('200');
    expect(body).toMatchObject({ status: 'NOT_CONNECTED', loads: { total: 0 } });
  });

  test('loads a widget from the exporter, which is another origin', async () => {
    const { status, body } = await tryOut('widget-health', 'getBootloader');
    expect(body).toMatchObject({ ok: true, org: { key: 'demo' } });
    expect(status).toContain('200');
    expect(requested.filter((url) => !url.startsWith(`${api.url}/`))).toEqual([`${exporter.url}/api/bootloader?orgKey=demo`]);
    expect(trouble).toEqual([]);
  });

  test('says which operations a browser cannot call', async () => {
    const block = operation('widget-health', 'reportMessageDurations');
    await block.locator('.opblock-summary-control').click();
    expect(await block.locator('.opblock-description').innerText()).toContain('no page in a browser can call it');
  });
});
