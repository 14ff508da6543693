import type { Logger } from '../log.ts';
import type { Queryable } from '../postgres/pool.ts';
import type { Clock } from '../time/utc-day.ts';
import { createCachedLookup } from './cached-lookup.ts';
import {
  readChatbot,
  readIngestKeyOwner,
  readOrganizationByKey,
  readOrganizationBySiteId,
  readOrganizationsAfter,
  recordIngestKeyUse,
  type Chatbot,
  type IngestKeyOwner,
  type Organization,
} from './queries.ts';

export type { Chatbot, IngestKeyOwner, Organization } from './queries.ts';

/** Who is who, from the database through a cache (cached-lookup.ts says for how long). Inactive organizations are found too. */
export interface Directory {
  organizationByKey(key: string): Promise<Organization | undefined>;
  organizationBySiteId(siteId: string): Promise<Organization | undefined>;
  chatbot(id: string): Promise<Chatbot | undefined>;
  ingestKeyOwner(keyHash: Buffer): Promise<IngestKeyOwner | undefined>;
  /** Reads all organizations into the cache, so that their widgets keep loading through an outage that starts later. */
  load(): Promise<void>;
  isLoaded(): boolean;
}

const pageSize = 1000;

export function createDirectory({ db, now, log }: { db: Queryable; now: Clock; log: Logger }): Directory {
  const byKey = createCachedLookup<Organization>({ now, read: (key) => readOrganizationByKey(db, key) });
  const bySiteId = createCachedLookup<Organization>({ now, read: (siteId) => readOrganizationBySiteId(db, siteId) });
  const chatbots = createCachedLookup<Chatbot>({ now, read: (id) => readChatbot(db, id) });
  const ingestKeys = createCachedLookup<IngestKeyOwner>({
    now,
    read: async (hex) => {
      const owner = await readIngestKeyOwner(db, Buffer.from(hex, 'hex'));
      // Once per cache period and replica, and nobody waits: last_used_at answers "is this key still in use?", not "when exactly?".
      if (owner !== undefined) {
        recordIngestKeyUse(db, owner.keyId).catch((error: unknown) => log.warn({ error }, 'could not record the use of an ingest key'));
      }
      return owner;
    },
  });
  let loaded = false;

  async function load(): Promise<void> {
    for (let afterId = 0; ;) {
      const page = await readOrganizationsAfter(db, afterId, pageSize);
      for (const organization of page) {
        byKey.put(organization.key, organization);
        bySiteId.put(organization.siteId, organization);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) break;
      afterId = last.id;
    }
    loaded = true;
  }

  return {
    organizationByKey: (key) => byKey.get(key),
    organizationBySiteId: (siteId) => bySiteId.get(siteId),
    chatbot: (id) => chatbots.get(id.toLowerCase()),
    ingestKeyOwner: (keyHash) => ingestKeys.get(keyHash.toString('hex')),
    load,
    isLoaded: () => loaded,
  };
}
