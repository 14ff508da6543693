import { z } from 'zod';
import { uuid } from '../../platform/http/validation.ts';
import { validationError } from '../../platform/http/errors.ts';

/** Who a bootloader call asks for. */
export type Site = { siteId: string } | { orgKey: string };

const siteIdFormat = /^site_[0-9A-Za-z]{16}$/;
const orgKeyFormat = /^[a-z0-9][a-z0-9-]{0,62}$/;

/**
 * The site id wins over the key, a header over the query. A malformed one is an error even beside a valid other one of lower rank.
 * Throws 400 that names the field.
 */
export function parseSite(header: (name: string) => string | undefined, query: URLSearchParams): Site {
  const siteId = header('x-site-id') ?? single(query, 'siteId');
  if (siteId !== undefined) {
    if (!siteIdFormat.test(siteId)) throw validationError([{ path: 'siteId', message: 'must look like site_ and 16 letters or digits' }]);
    return { siteId };
  }
  const orgKey = header('x-org-key') ?? single(query, 'orgKey');
  if (orgKey === undefined)
    throw validationError([{ path: 'siteId', message: 'or orgKey is required, as header x-site-id / x-org-key or in the query' }]);
  if (!orgKeyFormat.test(orgKey))
    throw validationError([{ path: 'orgKey', message: 'must be an organization key: lower-case letters, digits and hyphens' }]);
  return { orgKey };
}

function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw validationError([{ path: name, message: 'must be given once' }]);
  return values[0];
}

/** Body of POST /ingest/widget/messages: server-side durations of message creation. */
export const messageBatch = z.object({
  batchId: uuid.optional(),
  messages: z
    .array(
      z.object({
        duration_ms: z.number('must be a number').min(0, 'must be at least 0').max(600_000, 'must be at most 600000'),
        role: z.enum(['user', 'assistant'], 'must be user or assistant').optional(),
      }),
    )
    .min(1)
    .max(500),
});

export type MessageBatch = z.output<typeof messageBatch>;

export const messageBatchAccepted = z.object({ accepted: z.int(), duplicate: z.boolean(), requestId: z.string() });

/** Any colour that CSS knows, and nothing that could end the declaration or the attribute it is written into. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const safeInStyle = /^[^;{}<>"'\\`\u0000-\u001f]{1,64}$/;

/**
 * What a browser gets to start the widget. Values that end up in a customer's page are checked on the way out: a colour that carries more than a
 * colour fails the load, here, where it is counted, and not in the page.
 */
export const bootloaderAnswer = z.object({
  ok: z.literal(true),
  org: z.object({ id: z.int(), key: z.string(), name: z.string() }),
  config: z.object({
    widgetEnabled: z.boolean(),
    writeEnabled: z.boolean(),
    aiEnabled: z.boolean(),
    language: z.string().regex(/^[A-Za-z0-9_-]{1,35}$/),
    theme: z.object({ primaryColor: z.string().regex(safeInStyle) }),
    branding: z.object({
      widgetName: z.string(),
      widgetSubtitle: z.string(),
      launcherText: z.string().nullable(),
      position: z.enum(['left', 'right']),
    }),
  }),
  orgToken: z.string(),
  env: z.string(),
  timestamp: z.iso.datetime(),
  requestId: z.string(),
});

export type BootloaderAnswer = z.output<typeof bootloaderAnswer>;
