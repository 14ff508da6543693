import { faultOf } from '../postgres/errors.ts';
import type { Pool, Queryable } from '../postgres/pool.ts';
import type { DeliveredAlert } from './events.ts';

/** A delivered alert and the organization it belongs to, null for none. */
export interface AlertToStore extends DeliveredAlert {
  orgId: number | null;
}

export interface StoredAlerts {
  /** Rows inserted or updated. */
  stored: number;
  /** Resolves of alerts that nobody knows: nothing to do. */
  ignored: number;
  failed: number;
}

/** Alerts of one transaction; a delivery may hold thousands, and repeats of what is already stored change nothing. */
const chunkSize = 500;

/**
 * Folds one delivery into the alerts table. Alertmanager delivers at least once, sometimes twice at a time and out of order: repeats change
 * nothing but last_seen_at, deliveries take turns, and rows are written in the order of their fingerprints, so that none deadlocks.
 */
export async function storeAlerts(pool: Pool, alerts: readonly AlertToStore[], receivedAt: Date): Promise<StoredAlerts> {
  const result: StoredAlerts = { stored: 0, ignored: 0, failed: 0 };
  const sorted = alerts.toSorted((left, right) => compareText(left.fingerprint, right.fingerprint));
  for (let start = 0; start < sorted.length; start += chunkSize) {
    for (const fate of await storeChunk(pool, sorted.slice(start, start + chunkSize), receivedAt)) result[fate] += 1;
  }
  return result;
}

type Fate = keyof StoredAlerts;

function compareText(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

/** When the database refuses one of several, each is stored in a transaction of its own, and the one at fault fails alone. */
async function storeChunk(pool: Pool, alerts: readonly AlertToStore[], receivedAt: Date): Promise<Fate[]> {
  try {
    return await pool.transaction(async (transaction) => {
      await transaction.query(`select pg_advisory_xact_lock(hashtextextended('alertmanager deliveries', 0))`);
      const fates: Fate[] = [];
      for (const alert of alerts) fates.push(await storeOne(transaction, alert, receivedAt));
      return fates;
    });
  } catch (error) {
    if (faultOf(error) !== 'row') throw error;
    if (alerts.length === 1) return ['failed'];
    const fates: Fate[] = [];
    for (const alert of alerts) fates.push(...(await storeChunk(pool, [alert], receivedAt)));
    return fates;
  }
}

async function storeOne(transaction: Queryable, alert: AlertToStore, receivedAt: Date): Promise<Fate> {
  const changed = alert.status === 'firing' ? await storeFiring(transaction, alert, receivedAt) : await storeResolved(transaction, alert);
  return changed ? 'stored' : 'ignored';
}

async function storeFiring(db: Queryable, alert: AlertToStore, receivedAt: Date): Promise<boolean> {
  const updated = await db.query(
    `update alerts set severity = $2, message = $3, metadata = $4, last_seen_at = greatest(alerts.last_seen_at, $5)
     where alerts.fingerprint = $1 and not alerts.resolved`,
    [alert.fingerprint, alert.severity, alert.message, JSON.stringify(alert.metadata), receivedAt],
  );
  if (updated.rowCount === 1) return true;
  // Resolved by hand while Alertmanager goes on repeating it: it stays resolved.
  const repeated = await db.query(
    `update alerts set last_seen_at = greatest(alerts.last_seen_at, $3) where alerts.fingerprint = $1 and alerts.starts_at = $2`,
    [alert.fingerprint, alert.startsAt, receivedAt],
  );
  if (repeated.rowCount === 1) return true;
  await db.query(
    `insert into alerts (org_id, fingerprint, alertname, feature, severity, category, title, message, metadata, labels, starts_at, last_seen_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      alert.orgId,
      alert.fingerprint,
      alert.alertname,
      alert.feature,
      alert.severity,
      alert.category,
      alert.title,
      alert.message,
      JSON.stringify(alert.metadata),
      JSON.stringify(alert.labels),
      alert.startsAt,
      receivedAt,
    ],
  );
  return true;
}

/** A resolve that was overtaken by the next episode of the same alert (it began and ended before that) resolves nothing. */
async function storeResolved(db: Queryable, alert: AlertToStore): Promise<boolean> {
  const { rowCount } = await db.query(
    `update alerts set resolved = true, resolved_at = $2, resolved_by = 'alertmanager'
     where alerts.fingerprint = $1 and not alerts.resolved and alerts.starts_at <= greatest($2::timestamptz, $3::timestamptz)`,
    [alert.fingerprint, alert.endsAt, alert.startsAt],
  );
  return rowCount === 1;
}

/** Deletes alerts that were resolved so many days ago; answers how many. */
export async function deleteResolvedAlerts(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query('delete from alerts where alerts.resolved and alerts.resolved_at < $1', [before]);
  return rowCount ?? 0;
}
