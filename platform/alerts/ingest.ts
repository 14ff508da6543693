import { faultOf } from '../postgres/errors.ts';
import type { Pool, Queryable } from '../postgres/pool.ts';
import { severities, type DeliveredAlert } from './events.ts';

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
      await expireInhibited(transaction, alerts, receivedAt);
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
  const changed =
    alert.status === 'firing' ? await storeFiring(transaction, alert, receivedAt) : await storeResolved(transaction, alert, receivedAt);
  return changed ? 'stored' : 'ignored';
}

const latestStart = 'coalesce(alerts.last_starts_at, alerts.starts_at)';

async function storeFiring(db: Queryable, alert: AlertToStore, receivedAt: Date): Promise<boolean> {
  const seen = [alert.fingerprint, alert.startsAt, receivedAt, alert.severity, alert.message, JSON.stringify(alert.metadata)];
  const updated = await db.query(
    `update alerts set severity = $4, message = $5, metadata = $6, last_seen_at = greatest(alerts.last_seen_at, $3),
       last_starts_at = greatest(${latestStart}, $2)
     where alerts.fingerprint = $1 and not alerts.resolved`,
    seen,
  );
  if (updated.rowCount === 1) return resolveByEndAhead(db, alert.fingerprint);
  const reopened = await db.query(
    `update alerts set severity = $4, message = $5, metadata = $6, last_seen_at = $3,
       resolved = false, resolved_at = null, resolved_by = null, expired = false
     where alerts.fingerprint = $1 and alerts.expired and $2 between alerts.starts_at and ${latestStart}`,
    seen,
  );
  if (reopened.rowCount === 1) return resolveByEndAhead(db, alert.fingerprint);
  // Resolved by hand while Alertmanager goes on repeating it, or by its end that overtook this: it stays resolved.
  const repeated = await db.query(
    `update alerts set last_seen_at = greatest(alerts.last_seen_at, $3) where alerts.fingerprint = $1 and alerts.starts_at = $2`,
    seen.slice(0, 3),
  );
  if (repeated.rowCount === 1) return true;
  return insertAlert(db, alert, receivedAt);
}

/** Unless a later episode is known: then this one is long over. Answers whether there is a new row. */
async function insertAlert(db: Queryable, alert: AlertToStore, receivedAt: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into alerts (org_id, fingerprint, alertname, feature, severity, category, title, message, metadata, labels, starts_at, last_seen_at)
     select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
     where not exists (select from alerts where alerts.fingerprint = $2 and ${latestStart} >= $11)`,
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
  return rowCount === 1 && resolveByEndAhead(db, alert.fingerprint);
}

/** An end that came before its beginning has been waiting for it; that of a later episode ends this one too. The alert was stored either way. */
async function resolveByEndAhead(db: Queryable, fingerprint: string): Promise<true> {
  await db.query(
    `with ended as (
       delete from alert_ends_ahead ends using alerts
       where ends.fingerprint = $1 and alerts.fingerprint = $1 and not alerts.resolved and ends.starts_at >= ${latestStart}
       returning ends.starts_at, ends.ends_at
     )
     update alerts set resolved = true, resolved_at = latest.ends_at, resolved_by = 'alertmanager', last_starts_at = latest.starts_at
     from (select ended.starts_at, ended.ends_at from ended order by ended.starts_at desc limit 1) latest
     where alerts.fingerprint = $1 and not alerts.resolved`,
    [fingerprint],
  );
  return true;
}

/** An end that was overtaken by the next episode of the same alert (it began and ended before that) resolves nothing. */
async function storeResolved(db: Queryable, alert: AlertToStore, receivedAt: Date): Promise<boolean> {
  const endsAt = new Date(Math.max(alert.startsAt.getTime(), alert.endsAt.getTime()));
  const { rowCount } = await db.query(
    `update alerts set resolved = true, resolved_at = $2, resolved_by = 'alertmanager', expired = false,
       last_starts_at = greatest(${latestStart}, $3)
     where alerts.fingerprint = $1 and (not alerts.resolved or (alerts.expired and $3 between alerts.starts_at and ${latestStart}))
       and ${latestStart} <= $2`,
    [alert.fingerprint, endsAt, alert.startsAt],
  );
  if (rowCount !== 0) return true;
  await db.query(
    `insert into alert_ends_ahead (fingerprint, starts_at, ends_at, received_at)
     select $1, $2, $3, $4
     where not exists (select from alerts where alerts.fingerprint = $1 and ${latestStart} >= $2)
     on conflict (fingerprint, starts_at) do nothing`,
    [alert.fingerprint, alert.startsAt, endsAt, receivedAt],
  );
  return false;
}

/** By which labels, beside its name, a lower severity belongs to the higher one that inhibits it: `equal` in alertmanager.yml. */
export const inhibitedWithin = ['alertname', 'org', 'class', 'store'] as const;

/**
 * Resolves the lower severities of the errors and critical alerts that were delivered and fire. Alertmanager inhibits these from now on, their
 * end included. One that fires on is opened again when it is delivered.
 */
async function expireInhibited(db: Queryable, delivered: readonly AlertToStore[], at: Date): Promise<void> {
  const worse = delivered.filter(({ status, severity }) => status === 'firing' && ['error', 'critical'].includes(severity));
  if (worse.length === 0) return;
  // A label that is missing and one that is empty are the same to Alertmanager.
  const sameAlert = inhibitedWithin.map((label) => `coalesce(lower.labels ->> '${label}', '') = coalesce(worse.labels ->> '${label}', '')`);
  await db.query(
    `update alerts lower set resolved = true, resolved_at = $2, resolved_by = 'alertmanager', expired = true
     from alerts worse
     where worse.fingerprint = any($1) and not worse.resolved and not lower.resolved
       and array_position($3::text[], lower.severity) < array_position($3::text[], worse.severity)
       and ${sameAlert.join(' and ')}`,
    [worse.map(({ fingerprint }) => fingerprint), at, severities],
  );
}

/**
 * Resolves what was not delivered for so long that it cannot be firing any more, or is inhibited or silenced. Answers how many. Source:
 * docs/decisions/0018-alerts-nobody-repeats-are-over.md.
 */
export async function expireUnseenAlerts(db: Queryable, { unseenSince, now }: { unseenSince: Date; now: Date }): Promise<number> {
  const { rowCount } = await db.query(
    `update alerts set resolved = true, resolved_at = $2, resolved_by = 'alertmanager', expired = true
     where not alerts.resolved and alerts.last_seen_at < $1`,
    [unseenSince, now],
  );
  return rowCount ?? 0;
}

/** Forgets ends whose beginning never came. */
export async function deleteEndsAhead(db: Queryable, before: Date): Promise<void> {
  await db.query('delete from alert_ends_ahead ends where ends.received_at < $1', [before]);
}

/** Deletes alerts that were resolved so many days ago; answers how many. */
export async function deleteResolvedAlerts(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query('delete from alerts where alerts.resolved and alerts.resolved_at < $1', [before]);
  return rowCount ?? 0;
}
