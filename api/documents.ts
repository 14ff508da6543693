import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { publicCaller } from '../platform/auth/identities.ts';
import type { ApiConfig } from '../platform/config.ts';
import { HttpError } from '../platform/http/errors.ts';
import { withServers, type OpenApiDocument } from '../platform/http/openapi.ts';
import { route, type Answer, type Route } from '../platform/http/route.ts';

const documentPath = '/openapi.json';
const pagePath = '/docs';

/** The OpenAPI document of both services, and a page to read it and to try it out. Both are public: they say nothing that is secret. */
export function documentRoutes({ EXPORTER_PUBLIC_URL }: Pick<ApiConfig, 'EXPORTER_PUBLIC_URL'>): Route[] {
  const document = once(() => readDocument(EXPORTER_PUBLIC_URL));
  const page = once(loadPage);
  const shown = { method: 'GET', tag: 'documents', identity: publicCaller } as const;
  return [
    route({
      ...shown,
      path: documentPath,
      operationId: 'getOpenApiDocument',
      summary: 'This document: OpenAPI 3.1 of both services',
      cors: 'widget',
      responses: { 200: z.looseObject({ openapi: z.string() }) },
      errors: [],
      handler: async (): Promise<Answer> => ({ status: 200, body: await document() }),
    }),
    route({
      ...shown,
      path: pagePath,
      operationId: 'getDocumentation',
      summary: 'This document as a page',
      cors: 'none',
      responses: { 200: { description: 'HTML', contentTypes: ['text/html'] } },
      errors: [],
      handler: async (): Promise<Answer> => {
        const { html } = await page();
        return { status: 200, body: html, headers: { ...pageHeaders(EXPORTER_PUBLIC_URL), 'Content-Type': 'text/html; charset=utf-8' } };
      },
    }),
    route({
      ...shown,
      path: `${pagePath}/:file`,
      operationId: 'getDocumentationFile',
      summary: 'A script, style sheet or icon of the page',
      description: 'Its name contains a hash of its content, so it may be kept for ever.',
      cors: 'none',
      params: z.object({ file: z.string().regex(/^[0-9a-f]{12}-[a-z0-9.-]+$/, 'must be a file that the page names') }),
      responses: { 200: { description: 'The file', contentTypes: ['text/css', 'text/javascript', 'image/png'] } },
      errors: ['NOT_FOUND'],
      handler: async ({ params }): Promise<Answer> => {
        const file = (await page()).files.get(params.file);
        if (file === undefined) throw new HttpError('NOT_FOUND', `the page has no file of this name; load ${pagePath} again`);
        const headers = { 'Content-Type': file.contentType, 'Cache-Control': 'public, max-age=31536000, immutable' };
        return { status: 200, body: file.content, headers };
      },
    }),
  ];
}

/** Read when somebody asks: most processes never do. A failure is not kept. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}

/** The committed document; the build puts it beside this file as well. */
async function readDocument(exporterUrl: string): Promise<OpenApiDocument> {
  const text = await readFile(new URL('openapi.json', import.meta.url), 'utf8');
  return withServers(JSON.parse(text) as OpenApiDocument, { exporter: exporterUrl });
}

/** Everything from here, and requests to the two services only. Nothing inline: a description could never become a script. */
function pageHeaders(exporterUrl: string): Record<string, string> {
  const sources = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${new URL(exporterUrl).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { 'Content-Security-Policy': sources.join('; ') };
}

interface PageFile {
  /** In the address: a hash of the content and what it is. */
  name: string;
  contentType: string;
  content: Buffer;
}

/** Tokens stay in the page's memory. No validator badge: it would send the document's address to somebody else. */
const startScript = `SwaggerUIBundle({
  url: '${documentPath}',
  dom_id: '#documentation',
  deepLinking: true,
  displayRequestDuration: true,
  filter: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

async function loadPage(): Promise<{ html: string; files: ReadonlyMap<string, PageFile> }> {
  const { resolve } = createRequire(import.meta.url);
  const bundled = async (name: string, contentType: string): Promise<PageFile> =>
    pageFile(name, contentType, await readFile(resolve(`swagger-ui-dist/${name}`)));
  const [style, icon, bundle] = await Promise.all([
    bundled('swagger-ui.css', 'text/css; charset=utf-8'),
    bundled('favicon-32x32.png', 'image/png'),
    bundled('swagger-ui-bundle.js', 'text/javascript; charset=utf-8'),
  ]);
  const start = pageFile('start.js', 'text/javascript; charset=utf-8', Buffer.from(startScript));
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>API documentation</title>
    <link rel="icon" href="${pagePath}/${icon.name}">
    <link rel="stylesheet" href="${pagePath}/${style.name}">
    <script defer src="${pagePath}/${bundle.name}"></script>
    <script defer src="${pagePath}/${start.name}"></script>
  </head>
  <body>
    <noscript>This page needs JavaScript; the document itself is <a href="${documentPath}">${documentPath}</a>.</noscript>
    <div id="documentation"></div>
  </body>
</html>
`;
  return { html, files: new Map([style, icon, bundle, start].map((file) => [file.name, file])) };
}

function pageFile(name: string, contentType: string, content: Buffer): PageFile {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12);
  return { name: `${hash}-${name}`, contentType, content };
}
