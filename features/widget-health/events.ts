import { z } from 'zod';
import { timestamp, uuid, validate } from '../../platform/http/validation.ts';
import { validationError } from '../../platform/http/errors.ts';

/** Who a bootloader call asks for. */
export type Site = { siteId: string } | { orgKey: string };

const siteId = z.string().regex(/^site_[0-9A-Za-z]{16}$/, 'must look like site_ and 16 letters or digits');
const orgKey = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be an organization key: lower-case letters, digits and hyphens');
const bySiteId = z.object({ siteId });
const byOrgKey = z.object({ orgKey });

/** Where a bootloader call says who it asks for, and where it comes from. */
export const bootloaderParameters = {
  headers: z.object({
    'x-site-id': siteId.optional().meta({ description: 'Site id of the organization. Wins over all others.' }),
    'x-org-key': orgKey.optional().meta({ description: 'Key of the organization, for callers without a site id.' }),
    origin: z
      .string()
      .optional()
      .meta({ description: 'The page that embeds the widget; browsers send it by themselves. Its host must be on the allowlist.' }),
    referer: z.string().optional().meta({ description: 'Stands in for a missing `Origin`.' }),
  }),
  query: z.object({
    siteId: siteId.optional().meta({ description: 'As `x-site-id`, for callers that set no headers.' }),
    orgKey: orgKey.optional().meta({ description: 'As `x-org-key`.', examples: ['demo'] }),
  }),
};

/**
 * The site id wins over the key, a header over the query. A malformed one is an error even beside a valid other one of lower rank.
 * Throws 400 that names the field.
 */
export function parseSite(header: (name: string) => string | undefined, query: URLSearchParams): Site {
  const id = header('x-site-id') ?? single(query, 'siteId');
  if (id !== undefined) return validate(bySiteId, { siteId: id });
  const key = header('x-org-key') ?? single(query, 'orgKey');
  if (key !== undefined) return validate(byOrgKey, { orgKey: key });
  throw validationError([{ path: 'siteId', message: 'or orgKey is required, as header x-site-id / x-org-key or in the query' }]);
}

function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw validationError([{ path: name, message: 'must be given once' }]);
  return values[0];
}

/** Body of POST /ingest/widget/messages: server-side durations of message creation. */
export const messageBatch = z
  .object({
    batchId: uuid.optional().meta({ description: 'A repeat is acknowledged and not counted again, on this and the following UTC day.' }),
    messages: z
      .array(
        z.object({
          duration_ms: z.number().min(0).max(600_000),
          role: z
            .enum(['user', 'assistant'], 'must be user or assistant')
            .optional()
            .meta({ description: 'Whose message it was; a label of the metric only.' }),
        }),
      )
      .min(1)
      .max(500),
  })
  .meta({
    id: 'MessageBatch',
    examples: [
      { batchId: '7f1c9a52-3c1e-4c5b-9a55-0d6c7a3f2b10', messages: [{ duration_ms: 420, role: 'assistant' }, { duration_ms: 35.5 }] },
    ],
  });

export type MessageBatch = z.output<typeof messageBatch>;

export const messageBatchAccepted = z
  .object({
    accepted: z.int().min(0).meta({ description: 'Messages stored; 0 for a repeated batch.' }),
    duplicate: z.boolean(),
    requestId: z.string(),
  })
  .meta({ id: 'MessageBatchAccepted', examples: [{ accepted: 2, duplicate: false, requestId: 'abc-123' }] });

/** Any colour that CSS knows, and nothing that could end the declaration or the attribute it is written into. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const safeInStyle = /^[^;{}<>"'\\`\u0000-\u001f]{1,64}$/;

/**
 * What a browser gets to start the widget. Values that end up in a customer's page are checked on the way out: a colour that carries more than a
 * colour fails the load, here, where it is counted, and not in the page.
 */
export const bootloaderAnswer = z
  .object({
    ok: z.literal(true),
    org: z.object({ id: z.int(), key: z.string(), name: z.string() }),
    config: z.object({
      widgetEnabled: z.boolean().meta({ description: 'A disabled widget is answered too: the page decides what to show.' }),
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
    orgToken: z
      .string()
      .meta({ description: 'Signed for five minutes, for the chat backend: a JWS of `orgId`, `orgKey`, `iat` and `exp`.' }),
    env: z.string(),
    timestamp,
    requestId: z.string(),
  })
  .meta({
    id: 'BootloaderAnswer',
    examples: [
      {
        ok: true,
        org: { id: 17, key: 'acme', name: 'Acme Corp' },
        config: {
          widgetEnabled: true,
          writeEnabled: true,
          aiEnabled: true,
          language: 'en',
          theme: { primaryColor: '#0F5C5C' },
          branding: { widgetName: 'Chat', widgetSubtitle: '', launcherText: null, position: 'right' },
        },
        orgToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6Ik9yZ1Rva2VuIn0.…',
        env: 'production',
        timestamp: '2026-02-06T12:00:00.000Z',
        requestId: 'abc-123',
      },
    ],
  });

export type BootloaderAnswer = z.output<typeof bootloaderAnswer>;
