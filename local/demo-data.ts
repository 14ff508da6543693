import pg from 'pg';
import { createChatbot, createIngestKey, createOrganization } from '../jobs/provisioning.ts';
import type { Feeling } from './demo-measurements.ts';
import { digestOf } from '../platform/auth/secrets.ts';

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
  /** Of the visits, in how many its widget fails and says so. */
  errorShare: number;
  /** In browsers; `slow` for minutes on end. */
  widgetFeels: Feeling;
}

interface Plan extends Omit<DemoOrganization, 'siteId' | 'chatbotId' | 'ingestKey'> {
  name: string;
  allowedDomains: string[];
  allowLocalhost: boolean;
}

const plans: readonly Plan[] = [
  {
    key: 'demo',
    name: 'Demo Shop',
    shows: 'healthy, and so is its shop',
    allowedDomains: ['*.demo.example'],
    // The page at /docs loads this widget from localhost.
    allowLocalhost: true,
    origin: 'https://shop.demo.example',
    visitedFrom: ['https://shop.demo.example', 'https://demo.example'],
    breaksItsTheme: false,
    errorShare: 0.03,
    widgetFeels: 'well',
  },
  {
    key: 'flaky',
    name: 'Flaky Furniture',
    shows:
      'all loads fail every few minutes, its widget reports errors, renders slowly and gets no answers; its shop becomes slow, then fails',
    allowedDomains: ['www.flaky.example'],
    allowLocalhost: false,
    origin: 'https://www.flaky.example',
    visitedFrom: ['https://www.flaky.example'],
    breaksItsTheme: true,
    errorShare: 0.4,
    widgetFeels: 'slow',
  },
  {
    key: 'misconfigured',
    name: 'Misconfigured Media',
    shows: 'its new domain is not in its list, so most events are dropped, and has no shop; its shop is slow, its widget waits',
    allowedDomains: ['www.misconfigured.example'],
    allowLocalhost: false,
    origin: 'https://www.misconfigured.example',
    visitedFrom: ['https://www.misconfigured.example', 'https://new.misconfigured.example', 'https://new.misconfigured.example'],
    breaksItsTheme: false,
    errorShare: 0.05,
    widgetFeels: 'waiting',
  },
];

/**
 * Creates the demo organizations, each with a chatbot and an ingest key, where they do not exist yet: data survives a
 * restart.
 * @param options.ingestKeys by organization, from an earlier start: the database only has their digests. One that is missing
 * or that the database does not know is made anew, and takes the place of the one before.
 */
export async function createDemoData(options: {
  databaseUrl: string;
  ingestKeys: Readonly<Record<string, string>>;
}): Promise<DemoOrganization[]> {
  const db = new pg.Client({ connectionString: options.databaseUrl });
  await db.connect();
  try {
    const organizations: DemoOrganization[] = [];
    for (const { name, allowedDomains, allowLocalhost, ...plan } of plans) {
      const { key } = plan;
      const siteId =
        (await readOne(db, 'select organizations.site_id as found from organizations where organizations.key = $1', [key])) ??
        (await createOrganization(db, { key, name, allowedDomains })).siteId;
      await db.query('update organizations set allow_localhost = $2 where organizations.key = $1', [key, allowLocalhost]);
      const chatbotId =
        (await readOne(
          db,
          `select chatbots.id as found from chatbots join organizations on organizations.id = chatbots.org_id
           where organizations.key = $1 order by chatbots.created_at limit 1`,
          [key],
        )) ?? (await createChatbot(db, { orgKey: key, name: `${name} chat` })).id;
      const ingestKey = (await usableKey(db, key, options.ingestKeys[key])) ?? (await replaceIngestKey(db, key));
      organizations.push({ ...plan, siteId, chatbotId, ingestKey });
    }
    return organizations;
  } finally {
    await db.end();
  }
}

const keyName = 'demo';

async function replaceIngestKey(db: pg.Client, orgKey: string): Promise<string> {
  await db.query(
    `update ingest_keys set revoked_at = now() from organizations
     where organizations.id = ingest_keys.org_id and organizations.key = $1 and ingest_keys.name = $2 and ingest_keys.revoked_at is null`,
    [orgKey, keyName],
  );
  return (await createIngestKey(db, { orgKey, name: keyName })).key;
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
