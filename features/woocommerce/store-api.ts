import { z } from 'zod';
import { unseal } from '../../platform/auth/sealed.ts';
import { OutboundError, withOutbound, type Get, type HostPolicy, type OutboundFailure } from '../../platform/http/outbound.ts';
import { parseUntrustedJson } from '../../platform/untrusted-json.ts';
import type { ErrorType } from './catalogue.ts';
import type { StoreConfig } from './queries.ts';

/** How shops are reached: with what their credentials open, and which hosts may be asked. */
export interface StoreAccess {
  /** Tried in this order, so that credentials open while keys are being changed. None: no credentials open. */
  encryptionKeys: readonly Buffer[];
  hosts: HostPolicy;
  signal?: AbortSignal;
}

/** Why a shop gave no usable answer. The message is for users: it holds no credentials and nothing that the shop has sent. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly errorType: ErrorType;

  constructor(errorType: ErrorType, message: string, options?: ErrorOptions) {
    super(message, options);
    this.errorType = errorType;
  }
}

/** One shop while it is asked. */
export interface StoreApi {
  /** The answer of a route of REST v3, such as `orders`. @throws StoreError */
  read: <Schema extends z.ZodType>(schema: Schema, route: string, query?: Query) => Promise<z.output<Schema>>;
  /** All entries of a list, at most `mostPages` pages of it; `truncated` when there are more. @throws StoreError */
  readList: <Schema extends z.ZodType<{ id: number }>>(
    entry: Schema,
    route: string,
    query?: Query,
  ) => Promise<{ entries: z.output<Schema>[]; truncated: boolean }>;
}

type Query = Readonly<Record<string, string>>;

const pageSize = 100;
const mostPages = 20;

/**
 * Asks a shop with its own credentials, all of it within one deadline.
 * @throws StoreError; OutboundError when `access.signal` has ended it; whatever else `work` throws
 */
export async function withStore<Result>(
  config: StoreConfig,
  { encryptionKeys, ...access }: StoreAccess & { deadlineMs: number },
  work: (api: StoreApi) => Promise<Result>,
): Promise<Result> {
  const authorization = basicAuthorization(config, encryptionKeys);
  try {
    return await withOutbound(config.woocommerce_url, access, (get) => work(storeApi(get, authorization)));
  } catch (error) {
    throw error instanceof OutboundError ? storeErrorOf(error) : error;
  }
}

const errorTypesOfFailures: Readonly<Record<Exclude<OutboundFailure, 'aborted'>, ErrorType>> = {
  refused: 'ConfigurationError',
  timeout: 'Timeout',
  too_large: 'UpstreamError',
  failed: 'UpstreamError',
};

function storeErrorOf(error: OutboundError): Error {
  const { failure, message } = error;
  // Whoever has given up knows; it says nothing about the shop.
  return failure === 'aborted' ? error : new StoreError(errorTypesOfFailures[failure], message, { cause: error });
}

function basicAuthorization(config: StoreConfig, encryptionKeys: readonly Buffer[]): string {
  const key = openSecret(config, 'consumer_key_enc', encryptionKeys);
  const secret = openSecret(config, 'consumer_secret_enc', encryptionKeys);
  return `Basic ${Buffer.from(`${key}:${secret}`, 'utf8').toString('base64')}`;
}

function openSecret(config: StoreConfig, column: 'consumer_key_enc' | 'consumer_secret_enc', encryptionKeys: readonly Buffer[]): string {
  const sealed = config[column];
  if (sealed === null) {
    throw new StoreError('ConfigurationError', 'the credentials of the store are missing: set them with customer-configs-set');
  }
  const place = { orgId: config.org_id, domain: config.domain, column };
  let cause: unknown;
  for (const encryptionKey of encryptionKeys) {
    try {
      return unseal(sealed, encryptionKey, place);
    } catch (error) {
      cause = error;
    }
  }
  throw new StoreError('ConfigurationError', 'the credentials of the store cannot be decrypted: set them again with customer-configs-set', {
    cause,
  });
}

function storeApi(get: Get, authorization: string): StoreApi {
  const ask = async (route: string, query?: Query): Promise<{ body: unknown; totalPages: number | undefined }> => {
    const { status, headers, body } = await get({
      path: `/wp-json/wc/v3/${route}`,
      ...(query === undefined ? {} : { query }),
      headers: { authorization, accept: 'application/json', 'user-agent': 'widget-observability' },
    });
    if (status === 401 || status === 403) throw new StoreError('ConfigurationError', `HTTP ${status}`);
    if (status < 200 || status > 299) throw new StoreError('UpstreamError', `HTTP ${status}`);
    return { body: parseJson(body, route), totalPages: wholeNumber(headers['x-wp-totalpages']) };
  };
  return {
    read: async (schema, route, query) => checked(schema, (await ask(route, query)).body, route),
    readList: async (entry, route, query) => {
      const entries = new Map<number, z.output<typeof entry>>();
      // By id: what is added while pages are read comes last, and no entry moves to a page that was read already.
      const all = { ...query, per_page: String(pageSize), orderby: 'id', order: 'asc' };
      for (let page = 1; page <= mostPages; page += 1) {
        const { body, totalPages } = await ask(route, { ...all, page: String(page) });
        const found = checked(z.array(entry), body, route);
        for (const row of found) entries.set(row.id, row);
        // The header counts; a page can be short before the last one, where the key may not read every entry.
        const isLast = totalPages === undefined ? found.length < pageSize : page >= totalPages;
        if (isLast) return { entries: [...entries.values()], truncated: false };
      }
      return { entries: [...entries.values()], truncated: true };
    },
  };
}

function wholeNumber(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}

function parseJson(body: Buffer, route: string): unknown {
  try {
    return parseUntrustedJson(body.toString('utf8'));
  } catch {
    // Without the cause: its message quotes what the shop has sent.
    throw malformed(route);
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, body: unknown, route: string): z.output<Schema> {
  const result = schema.safeParse(body);
  if (!result.success) throw malformed(route);
  return result.data;
}

/** An answer that WooCommerce would not give. */
export function malformed(route: string): StoreError {
  return new StoreError('UpstreamError', `the answer of ${route} is not what WooCommerce answers`);
}
