import { createHash, createHmac, createSecretKey } from 'node:crypto';

/** What stands for an address and a user agent: neither is stored. Source: contracts/marketing.md, Data. */
export interface Fingerprint {
  ipHash: string;
  uaHash: string;
}

/** The key is prepared once: two hashes are made for every request. */
export function createFingerprints(pepper: string): (address: string, userAgent: string | undefined) => Fingerprint {
  const key = createSecretKey(pepper, 'utf8');
  const hash = (text: string): string => createHmac('sha256', key).update(text).digest('hex');
  return (address, userAgent) => ({
    ipHash: hash(address),
    uaHash: hash(userAgent === undefined || userAgent === '' ? 'unknown' : userAgent),
  });
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
