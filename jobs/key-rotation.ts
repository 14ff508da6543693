import { seal, unseal, type SealedPlace } from '../platform/auth/sealed.ts';
import type { Pool, Queryable } from '../platform/postgres/pool.ts';

export interface KeyRotation {
  /** The key that everything is sealed with afterwards. */
  current: Buffer;
  /** The key before it. Without one the rotation only tells what the current key does not open. */
  previous: Buffer | undefined;
  /** Told after each page how many shops were looked at so far. */
  onProgress?: (looked: number) => void;
}

export interface RotationOutcome {
  /** Shops whose credentials were sealed anew. */
  rotated: number;
  /** Shops whose credentials the current key opened already. */
  unchanged: number;
  /** Domains of the shops whose credentials neither key opens; they stay as they are. */
  unreadable: string[];
}

interface SealedRow extends Record<string, unknown> {
  id: string;
  org_id: number;
  domain: string;
  consumer_key_enc: Buffer | null;
  consumer_secret_enc: Buffer | null;
}

const pageSize = 200;
const firstId = '00000000-0000-0000-0000-000000000000';

/**
 * Seals the credentials of every shop with the current key, a page and a transaction at a time, each with its audit row: one that was cut short
 * is simply run again, and what is done stays done. Source: contracts, Jobs.
 */
export async function rotateEncryptionKey(pool: Pool, rotation: KeyRotation): Promise<RotationOutcome> {
  const total: RotationOutcome = { rotated: 0, unchanged: 0, unreadable: [] };
  let afterId = firstId;
  for (;;) {
    const page = await pool.transaction((transaction) => rotatePage(transaction, rotation, afterId));
    total.rotated += page.rotated;
    total.unchanged += page.unchanged;
    total.unreadable.push(...page.unreadable);
    if (page.lastId === undefined) return total;
    rotation.onProgress?.(total.rotated + total.unchanged + total.unreadable.length);
    afterId = page.lastId;
  }
}

async function rotatePage(
  transaction: Queryable,
  rotation: KeyRotation,
  afterId: string,
): Promise<RotationOutcome & { lastId: string | undefined }> {
  // Locked: customer-configs-set may be at one of them.
  const { rows } = await transaction.query<SealedRow>(
    `select configs.id, configs.org_id, configs.domain, configs.consumer_key_enc, configs.consumer_secret_enc
     from customer_configs configs
     where configs.id > $1 and (configs.consumer_key_enc is not null or configs.consumer_secret_enc is not null)
     order by configs.id
     limit ${pageSize}
     for update`,
    [afterId],
  );
  const outcome: RotationOutcome = { rotated: 0, unchanged: 0, unreadable: [] };
  for (const row of rows) {
    const fate = await rotateRow(transaction, rotation, row);
    if (fate === 'unreadable') outcome.unreadable.push(row.domain);
    else outcome[fate] += 1;
  }
  if (outcome.rotated > 0) {
    await transaction.query(`insert into audit_logs (actor, action, details) values ('cli', 'customer_configs.keys.rotate', $1)`, [
      JSON.stringify(outcome),
    ]);
  }
  return { ...outcome, lastId: rows.length < pageSize ? undefined : rows.at(-1)?.id };
}

/** `updated_at` stays: nothing about the shop has changed. */
async function rotateRow(transaction: Queryable, rotation: KeyRotation, row: SealedRow): Promise<'rotated' | 'unchanged' | 'unreadable'> {
  const columns = ['consumer_key_enc', 'consumer_secret_enc'] as const;
  const sealed = columns.map((column) => resealed(row[column], rotation, { orgId: row.org_id, domain: row.domain, column }));
  if (sealed.includes('unreadable')) return 'unreadable';
  if (sealed.every((value, index) => value === row[columns[index] ?? 'id'])) return 'unchanged';
  await transaction.query('update customer_configs set consumer_key_enc = $2, consumer_secret_enc = $3 where customer_configs.id = $1', [
    row.id,
    ...sealed,
  ]);
  return 'rotated';
}

/** The same bytes when the current key opens them. */
function resealed(sealed: Buffer | null, { current, previous }: KeyRotation, place: SealedPlace): Buffer | null | 'unreadable' {
  if (sealed === null || opens(sealed, current, place) !== undefined) return sealed;
  const plaintext = previous === undefined ? undefined : opens(sealed, previous, place);
  return plaintext === undefined ? 'unreadable' : seal(plaintext, current, place);
}

function opens(sealed: Buffer, key: Buffer, place: SealedPlace): string | undefined {
  try {
    return unseal(sealed, key, place);
  } catch {
    // Another key's: unseal has no other reason.
    return undefined;
  }
}
