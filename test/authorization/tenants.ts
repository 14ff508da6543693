import { randomUUID } from 'node:crypto';
import { createChatbot, setCustomerConfig } from '../../jobs/provisioning.ts';
import type { TestDatabase } from '../support/database.ts';
import { insertOrganization, testIdentity } from '../support/services.ts';

/** Everything by which a request can name an organization or something of it. Names are of one length, so that answers can be compared. */
export interface Subject {
  key: string;
  orgId: number;
  siteId: string;
  chatbotId: string;
  alertId: string;
  shop: string;
  /** Of a lead. */
  email: string;
  /** Of a lead that is to be forgotten. */
  formerEmail: string;
}

export const tenantKeys = ['alpha', 'bravo'] as const;
export type TenantKey = (typeof tenantKeys)[number];
export type Tenants = Record<TenantKey, Subject>;

const shopOf = (key: string): string => `shop-${key}.example`;
const emailsOf = (key: string) => ({ email: `lead@${key}.example`, formerEmail: `former@${key}.example` });

/** What nobody has. */
export const missing: Subject = {
  key: 'ghost',
  orgId: 9,
  siteId: 'site_00000000000ghost',
  chatbotId: '00000000-0000-4000-8000-00000000dead',
  alertId: '00000000-0000-4000-8000-00000000dead',
  shop: shopOf('ghost'),
  ...emailsOf('ghost'),
};

/** Two organizations with one of everything that a request can name. */
export async function createTenants(database: TestDatabase): Promise<Tenants> {
  return { alpha: await createTenant(database, 'alpha'), bravo: await createTenant(database, 'bravo') };
}

async function createTenant(database: TestDatabase, key: TenantKey): Promise<Subject> {
  const { id: orgId, siteId } = await insertOrganization(database, {
    key,
    name: `Organization ${key}`,
    allowedDomains: [new URL(testIdentity.portalOrigin).hostname],
  });
  const { id: chatbotId } = await createChatbot(database.db, { orgKey: key, name: `Chatbot of ${key}` });
  const subject = { key, orgId, siteId, chatbotId, alertId: randomUUID(), shop: shopOf(key), ...emailsOf(key) };
  await database.query(
    `insert into alerts (id, org_id, fingerprint, alertname, feature, severity, category, title, message, labels, starts_at, last_seen_at)
     values ($1, $2, $3, 'A', 'widget-performance', 'info', 'error_rate', $4, $4, '{}', now(), now())`,
    [subject.alertId, orgId, key, `An alert of ${key}`],
  );
  // Without credentials nobody is asked: the check of this shop says so.
  await setCustomerConfig(database.db, {
    orgKey: key,
    domain: subject.shop,
    woocommerceUrl: `https://${subject.shop}`,
    encryptionKey: Buffer.alloc(32),
  });
  await database.query(
    `insert into marketing.leads (id, email, email_domain, first_captured_at, last_captured_at)
     select gen_random_uuid(), leads.email, $2, now(), now() from unnest($1::text[]) leads (email)`,
    [[subject.email, subject.formerEmail], `${key}.example`],
  );
  return subject;
}
