import pg from 'pg';
import { createChatbot, createIngestKey, createOrganization } from '../jobs/provisioning.ts';
import { digestOf } from '../platform/auth/secrets.ts';
import { writeSecrets } from './secrets.ts';
import type { Stack } from './stack.ts';

export interface DemoOrganization {
  key: string;
  /** What there is to see of it. */
  shows: string;
  siteId: string;
  chatbotId: string;
  ingestKey: string;
  /** An origin that its widget may run on. */
  origin: string;
  /** The origins that its visitors come from, each as often as the others. */
  visitedFrom: string[];
  /** Its theme cannot be shown to a browser every few minutes. */
  breaksItsTheme: boolean;
}

const plans = [
  {
    key: 'demo',
    name: 'Demo Shop',
    shows: 'healthy',
    allowedDomains: ['*.demo.example'],
    origin: 'https://shop.demo.example',
    visitedFrom: ['https://shop.demo.example', 'https://demo.example'],
    breaksItsTheme: false,
  },
  {
    key: 'flaky',
    name: 'Flaky Furniture',
    shows: 'all loads fail every few minutes',
    allowedDomains: ['www.flaky.example'],
    origin: 'https://www.flaky.example',
    visitedFrom: ['https://www.flaky.example'],
    breaksItsTheme: true,
  },
  {
    key: 'misconfigured',
    name: 'Misconfigured Media',
    shows: 'its new domain is not in its list',
    allowedDomains: ['www.misconfigured.example'],
    origin: 'https://www.misconfigured.example',
    visitedFrom: ['https://www.misconfigured.example', 'https://new.misconfigured.example', 'https://new.misconfigured.example'],
    breaksItsTheme: false,
  },
];

/**
 * Creates the demo organizations, each with a chatbot and an ingest key, where they do not exist yet: data survives a
 * restart. The ingest keys are kept with the secrets; one that the database does not know is made anew.
 */
export async function createDemoData(stack: Stack): Promise<DemoOrganization[]> {
  const db = new pg.Client({ connectionString: stack.databaseUrl('observability_jobs') });
  await db.connect();
  try {
    const organizations: DemoOrganization[] = [];
    for (const { name, allowedDomains, ...plan } of plans) {
      const { key } = plan;
      const siteId =
        (await readOne(db, 'select organizations.site_id as found from organizations where organizations.key = $1', [key])) ??
        (await createOrganization(db, { key, name, allowedDomains })).siteId;
      const chatbotId =
        (await readOne(
          db,
          `select chatbots.id as found from chatbots join organizations on organizations.id = chatbots.org_id
           where organizations.key = $1 order by chatbots.created_at limit 1`,
          [key],
        )) ?? (await createChatbot(db, { orgKey: key, name: `${name} chat` })).id;
      const ingestKey =
        (await usableKey(db, key, stack.secrets.demoIngestKeys[key])) ?? (await createIngestKey(db, { orgKey: key, name: 'demo' })).key;
      stack.secrets.demoIngestKeys[key] = ingestKey;
      organizations.push({ ...plan, siteId, chatbotId, ingestKey });
    }
    await writeSecrets(stack.secretsFile, stack.secrets);
    return organizations;
  } finally {
    await db.end();
  }
}

async function usableKey(db: pg.Client, orgKey: string, ingestKey: string | undefined): Promise<string | undefined> {
  if (ingestKey === undefined) return undefined;
  const known = await readOne(
    db,
    `select ingest_keys.id as found from ingest_keys join organizations on organizations.id = ingest_keys.org_id
     where organizations.key = $1 and ingest_keys.key_hash = $2 and ingest_keys.revoked_at is null`,
    [orgKey, digestOf(ingestKey)],
  );
  return known === undefined ? undefined : ingestKey;
}

async function readOne(db: pg.Client, sql: string, parameters: unknown[]): Promise<string | undefined> {
  const { rows } = await db.query<{ found: string }>(sql, parameters);
  return rows[0]?.found;
}
