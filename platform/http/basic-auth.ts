import { compare, getRounds } from 'bcrypt';
import { LRUCache } from 'lru-cache';
import { createHmac, randomBytes } from 'node:crypto';

/** `busy`: too many passwords are being checked; who is asking is not known. */
export type BasicAuthResult = 'allowed' | 'refused' | 'busy';

export interface BasicAuth {
  /** @param users bcrypt hashes by user; as they are now, they may change between calls */
  check(header: string | undefined, users: ReadonlyMap<string, string>): Promise<BasicAuthResult>;
}

/** A hash takes a core for 50 ms and more, so one at a time; callers who wait behind these are guessing. */
const maxWaiting = 16;
const maxRemembered = 256;

/**
 * Basic authentication against bcrypt hashes. What was right is remembered, keyed by a digest of user, hash and password: a scrape every
 * 15 s costs one hash for the life of the process, and a changed hash is asked for anew.
 */
export function createBasicAuth(): BasicAuth {
  const digestKey = randomBytes(32);
  const remembered = new LRUCache<string, true>({ max: maxRemembered });
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  /** Runs after what was asked before it; bcrypt itself works beside the event loop. */
  function inTurn(work: () => Promise<boolean>): Promise<boolean> {
    waiting += 1;
    const turn = last.then(work).finally(() => (waiting -= 1));
    last = turn.catch(() => undefined);
    return turn;
  }

  return {
    async check(header, users) {
      const given = credentialsOf(header);
      if (given === undefined) return 'refused';
      const hash = users.get(given.user);
      const digest = createHmac('sha256', digestKey)
        .update(JSON.stringify([given.user, hash ?? null]))
        .update(given.password)
        .digest('base64');
      if (remembered.has(digest)) return 'allowed';
      if (waiting >= maxWaiting) return 'busy';
      const isRight = await inTurn(() => compare(given.password, withKnownPrefix(hash ?? hashOfNobody(users))));
      if (!isRight || hash === undefined) return 'refused';
      remembered.set(digest, true);
      return 'allowed';
    },
  };
}

function credentialsOf(header: string | undefined): { user: string; password: Buffer } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { user: text.subarray(0, colon).toString('utf8'), password: text.subarray(colon + 1) };
}

/** htpasswd writes $2y$ for what everyone else calls $2b$; the library knows the second name only. */
function withKnownPrefix(hash: string): string {
  return hash.replace(/^\$2y\$/, '$2b$');
}

/** What an unknown user is compared with: as much work as the most expensive known one, so that time tells nobody who exists. */
export function hashOfNobody(users: ReadonlyMap<string, string>): string {
  const cost = Math.max(4, ...[...users.values()].map((hash) => getRounds(withKnownPrefix(hash))));
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
}
