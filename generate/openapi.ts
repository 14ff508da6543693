import { startApi } from '../api/app.ts';
import { startExporter } from '../exporter/app.ts';
import { readConfig } from '../platform/config.ts';
import { openApiDocument, type OpenApiDocument } from '../platform/http/openapi.ts';
import { Lifecycle } from '../platform/lifecycle.ts';
import { createLogger } from '../platform/log.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { version } from '../platform/version.ts';
import type { Generator } from './generated-file.ts';

/** Nobody listens at port 1: the services start without a database and have all their routes. */
const noDatabase = 'postgresql://nobody@127.0.0.1:1/none';

const environment = {
  LOG_LEVEL: 'fatal',
  DATABASE_URL_EXPORTER: noDatabase,
  DATABASE_URL_API: noDatabase,
  DATABASE_URL_ADMIN: noDatabase,
  EXPORTER_PORT: '0',
  EXPORTER_METRICS_PORT: '0',
  API_PORT: '0',
  API_METRICS_PORT: '0',
  ORG_TOKEN_SECRET: 'x'.repeat(32),
  IP_HASH_PEPPER: 'x'.repeat(32),
  AUTH_JWT_SECRET: 'x'.repeat(32),
  AUTH_ISSUER: 'https://login.example.com',
  AUTH_AUDIENCE: 'widget-observability',
};

const description = `The API answers the portal and the admin console; the exporter takes telemetry in. Each operation names the service that answers it.

- **Credentials.** Each operation names what it takes; enter it under *Authorize*. \`npm start\` prints tokens of its demo organizations.
- **Errors** have one shape. Decide by \`code\`, which is stable; each operation lists the codes of each status.
- **Request ids.** Every answer carries \`x-request-id\`: the one that was sent (1 to 128 printable characters) or a new one.
- **Limits.** A limited operation says in \`RateLimit-*\` what is left. After a 429 or 503 wait for \`Retry-After\` seconds.
- **Changes.** Fields may be added to an answer at any time: ignore those you do not know.
`;

/** The document of the routes that both services register when they start. */
async function currentDocument(): Promise<OpenApiDocument> {
  const log = createLogger({ service: 'cli', level: 'fatal' });
  const lifecycle = new Lifecycle(log);
  const context = { lifecycle, log, now: systemClock };
  try {
    const api = await startApi({ ...context, config: readConfig('api', environment) });
    const exporter = await startExporter({ ...context, config: readConfig('exporter', environment) });
    return openApiDocument({
      version,
      description,
      services: {
        // Relative: whoever loads the document from the API finds it there.
        api: { url: '/', routes: api.app.routes },
        exporter: { url: readConfig('api', environment).EXPORTER_PUBLIC_URL, routes: exporter.app.routes },
      },
    });
  } finally {
    await lifecycle.stop();
  }
}

export const openapi: Generator = async () => [{ path: 'api/openapi.json', text: `${JSON.stringify(await currentDocument(), null, 2)}\n` }];
