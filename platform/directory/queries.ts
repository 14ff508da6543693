import type { Queryable } from '../postgres/pool.ts';
import { compileAllowlist, type Allowlist } from '../origin/allowlist.ts';

/** An organization as the services need it: who it is, what its widget shows, where the widget may run. */
export interface Organization {
  id: number;
  key: string;
  siteId: string;
  name: string;
  isActive: boolean;
  allowLocalhost: boolean;
  allowlist: Allowlist;
  widget: {
    widgetEnabled: boolean;
    writeEnabled: boolean;
    aiEnabled: boolean;
    language: string;
    primaryColor: string;
    widgetName: string;
    widgetSubtitle: string;
    launcherText: string | null;
    position: 'left' | 'right';
  };
}

export interface Chatbot {
  id: string;
  orgId: number;
  orgKey: string;
}

/** The organization that an ingest key belongs to. */
export interface IngestKeyOwner {
  keyId: string;
  orgId: number;
}

interface OrganizationRow extends Record<string, unknown> {
  id: number;
  key: string;
  site_id: string;
  name: string;
  allowed_domains: string[];
  allow_localhost: boolean;
  widget_enabled: boolean;
  write_enabled: boolean;
  ai_enabled: boolean;
  primary_color: string;
  widget_name: string;
  widget_subtitle: string;
  language: string;
  launcher_text: string | null;
  position: 'left' | 'right';
  is_active: boolean;
}

const organizationColumns = `organizations.id, organizations.key, organizations.site_id, organizations.name,
  array_remove(organizations.allowed_domains, null) as allowed_domains,
  organizations.allow_localhost, organizations.widget_enabled, organizations.write_enabled, organizations.ai_enabled,
  organizations.primary_color, organizations.widget_name, organizations.widget_subtitle, organizations.language,
  organizations.launcher_text, organizations.position, organizations.is_active`;

export async function readOrganizationByKey(db: Queryable, key: string): Promise<Organization | undefined> {
  const { rows } = await db.query<OrganizationRow>(`select ${organizationColumns} from organizations where organizations.key = $1`, [key]);
  return rows.map(presentOrganization)[0];
}

export async function readOrganizationBySiteId(db: Queryable, siteId: string): Promise<Organization | undefined> {
  const { rows } = await db.query<OrganizationRow>(`select ${organizationColumns} from organizations where organizations.site_id = $1`, [
    siteId,
  ]);
  return rows.map(presentOrganization)[0];
}

/** A page of organizations in the order of their ids, starting behind `afterId`. */
export async function readOrganizationsAfter(db: Queryable, afterId: number, limit: number): Promise<Organization[]> {
  const { rows } = await db.query<OrganizationRow>(
    `select ${organizationColumns} from organizations where organizations.id > $1 order by organizations.id limit $2`,
    [afterId, limit],
  );
  return rows.map(presentOrganization);
}

export async function readChatbot(db: Queryable, id: string): Promise<Chatbot | undefined> {
  const { rows } = await db.query<{ id: string; org_id: number; org_key: string }>(
    `select chatbots.id, chatbots.org_id, organizations.key as org_key
     from chatbots join organizations on organizations.id = chatbots.org_id
     where chatbots.id = $1`,
    [id],
  );
  return rows.map((row) => ({ id: row.id, orgId: row.org_id, orgKey: row.org_key }))[0];
}

/** The owner of a key that may be used: not revoked, its organization active. */
export async function readIngestKeyOwner(db: Queryable, keyHash: Buffer): Promise<IngestKeyOwner | undefined> {
  const { rows } = await db.query<{ id: string; org_id: number }>(
    `select ingest_keys.id, ingest_keys.org_id
     from ingest_keys join organizations on organizations.id = ingest_keys.org_id
     where ingest_keys.key_hash = $1 and ingest_keys.revoked_at is null and organizations.is_active`,
    [keyHash],
  );
  return rows.map((row) => ({ keyId: row.id, orgId: row.org_id }))[0];
}

export async function recordIngestKeyUse(db: Queryable, keyId: string): Promise<void> {
  await db.query('update ingest_keys set last_used_at = now() where ingest_keys.id = $1', [keyId]);
}

function presentOrganization(row: OrganizationRow): Organization {
  return {
    id: row.id,
    key: row.key,
    siteId: row.site_id,
    name: row.name,
    isActive: row.is_active,
    allowLocalhost: row.allow_localhost,
    allowlist: compileAllowlist(row.allowed_domains),
    widget: {
      widgetEnabled: row.widget_enabled,
      writeEnabled: row.write_enabled,
      aiEnabled: row.ai_enabled,
      language: row.language,
      primaryColor: row.primary_color,
      widgetName: row.widget_name,
      widgetSubtitle: row.widget_subtitle,
      launcherText: row.launcher_text,
      position: row.position,
    },
  };
}
