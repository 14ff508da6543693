import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { seal } from '../platform/auth/sealed.ts';
import { digestOf } from '../platform/auth/secrets.ts';
import { sqlStateOf } from '../platform/postgres/errors.ts';
import type { Queryable } from '../platform/postgres/pool.ts';

/** Something that the caller can put right; its message says how. */
export class ProvisioningError extends Error {
  override readonly name = 'ProvisioningError';
}

const uniqueViolation = '23505';
const checkViolation = '23514';

/** Creates an organization; answers its id and the site id that goes into its pages. */
export async function createOrganization(
  db: Queryable,
  organization: { key: string; name: string; allowedDomains?: readonly string[] },
): Promise<{ id: number; key: string; siteId: string }> {
  const siteId = newSiteId();
  try {
    const { rows } = await db.query<{ id: number }>(
      'insert into organizations (key, site_id, name, allowed_domains) values ($1, $2, $3, $4) returning organizations.id',
      [organization.key, siteId, organization.name, organization.allowedDomains ?? []],
    );
    return { id: rows[0]?.id ?? 0, key: organization.key, siteId };
  } catch (error) {
    if (sqlStateOf(error) === uniqueViolation) {
      throw new ProvisioningError(`there is an organization with the key ${organization.key}: choose another key`, { cause: error });
    }
    if (sqlStateOf(error) === checkViolation) {
      throw new ProvisioningError(
        'an organization key has 1 to 63 lower-case letters, digits and hyphens and does not begin with a hyphen',
        { cause: error },
      );
    }
    throw error;
  }
}

const siteIdCharacters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function newSiteId(): string {
  return `site_${Array.from({ length: 16 }, () => siteIdCharacters[randomInt(siteIdCharacters.length)]).join('')}`;
}

export async function createChatbot(db: Queryable, chatbot: { orgKey: string; name: string }): Promise<{ id: string }> {
  const orgId = await readOrganizationId(db, chatbot.orgKey);
  const id = randomUUID();
  await db.query('insert into chatbots (id, org_id, name) values ($1, $2, $3)', [id, orgId, chatbot.name]);
  return { id };
}

/** Creates an ingest key. The key itself is told here once: only its digest is stored. */
export async function createIngestKey(db: Queryable, ingestKey: { orgKey: string; name: string }): Promise<{ id: string; key: string }> {
  const orgId = await readOrganizationId(db, ingestKey.orgKey);
  const id = randomUUID();
  const key = `ik_${randomBytes(32).toString('base64url')}`;
  await db.query('insert into ingest_keys (id, org_id, name, key_hash) values ($1, $2, $3, $4)', [
    id,
    orgId,
    ingestKey.name,
    digestOf(key),
  ]);
  return { id, key };
}

/** Revokes an ingest key; exporters forget it within a minute. Revoking twice keeps the first moment. */
export async function revokeIngestKey(db: Queryable, id: string): Promise<{ id: string; revokedAt: string }> {
  const { rows } = await db.query<{ revoked_at: Date }>(
    'update ingest_keys set revoked_at = coalesce(ingest_keys.revoked_at, now()) where ingest_keys.id = $1 returning ingest_keys.revoked_at',
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new ProvisioningError(`there is no ingest key with the id ${id}: ingest-keys-create printed it`);
  return { id, revokedAt: row.revoked_at.toISOString() };
}

export interface CustomerConfig {
  orgKey: string;
  domain: string;
  woocommerceUrl: string;
  /** Left out: the stored ones stay. */
  credentials?: { consumerKey: string; consumerSecret: string };
  encryptionKey: Buffer;
}

/** Creates or changes the shop of a domain. A domain belongs to one organization for good. */
export async function setCustomerConfig(db: Queryable, config: CustomerConfig): Promise<{ id: string }> {
  const orgId = await readOrganizationId(db, config.orgKey);
  const sealed = (column: string, plaintext: string | undefined): Buffer | null =>
    plaintext === undefined ? null : seal(plaintext, config.encryptionKey, { orgId, domain: config.domain, column });
  const { rows } = await db.query<{ id: string }>(
    `insert into customer_configs as config (id, org_id, domain, woocommerce_url, consumer_key_enc, consumer_secret_enc)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (domain) do update set
       woocommerce_url = excluded.woocommerce_url,
       consumer_key_enc = coalesce(excluded.consumer_key_enc, config.consumer_key_enc),
       consumer_secret_enc = coalesce(excluded.consumer_secret_enc, config.consumer_secret_enc),
       updated_at = now()
     where config.org_id = excluded.org_id
     returning config.id`,
    [
      randomUUID(),
      orgId,
      config.domain,
      config.woocommerceUrl,
      sealed('consumer_key_enc', config.credentials?.consumerKey),
      sealed('consumer_secret_enc', config.credentials?.consumerSecret),
    ],
  );
  const [row] = rows;
  if (row === undefined) throw new ProvisioningError(`the domain ${config.domain} belongs to another organization`);
  return { id: row.id };
}

async function readOrganizationId(db: Queryable, key: string): Promise<number> {
  const { rows } = await db.query<{ id: number }>('select organizations.id from organizations where organizations.key = $1', [key]);
  const [row] = rows;
  if (row === undefined) throw new ProvisioningError(`there is no organization with the key ${key}: create it with orgs-create`);
  return row.id;
}
