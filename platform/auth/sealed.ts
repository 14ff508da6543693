import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/**
 * Secrets at rest: AES-256-GCM, layout `0x01 | 12-byte nonce | ciphertext | 16-byte tag`. The additional data ties a value to its organization,
 * domain and column, so that ciphertext copied to another row does not open. Source: contracts, Data.
 */
export interface SealedPlace {
  orgId: number;
  domain: string;
  column: string;
}

const layoutVersion = 0x01;
const nonceBytes = 12;
const tagBytes = 16;

export function seal(plaintext: string, key: Buffer, place: SealedPlace): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(additionalData(place));
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.from([layoutVersion]), nonce, ciphertext, cipher.getAuthTag()]);
}

/** Throws when the key, the place or the bytes are not the ones that were sealed. */
export function unseal(sealed: Buffer, key: Buffer, place: SealedPlace): string {
  if (sealed.length < 1 + nonceBytes + tagBytes || sealed[0] !== layoutVersion) throw new Error('not a sealed value of layout 1');
  const nonce = sealed.subarray(1, 1 + nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(additionalData(place));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(1 + nonceBytes, -tagBytes)), decipher.final()]).toString('utf8');
}

function additionalData(place: SealedPlace): Buffer {
  return Buffer.from(`${place.orgId}|${place.domain}|${place.column}`, 'utf8');
}
