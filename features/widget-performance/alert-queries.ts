import type { Queryable } from '../../platform/postgres/pool.ts';

/** Which stored alerts a question is about. Undefined and null mean: whoever's, of whatever feature. */
export interface AlertFilter {
  orgId: number | undefined;
  feature: string | undefined;
}

export interface StoredAlert extends Record<string, unknown> {
  id: string;
  orgKey: string | null;
  severity: string;
  category: string;
  title: string;
  message: string;
  metadata: Record<string, unknown>;
  starts_at: Date;
  resolved: boolean;
  resolved_at: Date | null;
}

const alertColumns = `alerts.id, organizations.key as "orgKey", alerts.severity, alerts.category, alerts.title, alerts.message, alerts.metadata,
  alerts.starts_at, alerts.resolved, alerts.resolved_at`;
const inFilter = '($1::bigint is null or alerts.org_id = $1) and ($2::text is null or alerts.feature = $2)';
const valuesOf = ({ orgId, feature }: AlertFilter): unknown[] => [orgId ?? null, feature ?? null];

/** Newest first. */
export async function readAlerts(
  db: Queryable,
  filter: AlertFilter,
  { limit, unresolved }: { limit: number; unresolved: boolean },
): Promise<StoredAlert[]> {
  const { rows } = await db.query<StoredAlert>(
    `select ${alertColumns}
     from alerts left join organizations on organizations.id = alerts.org_id
     where ${inFilter} ${unresolved ? 'and not alerts.resolved' : ''}
     order by alerts.starts_at desc, alerts.id
     limit $3`,
    [...valuesOf(filter), limit],
  );
  return rows;
}

export interface AlertCount {
  severity: string;
  category: string;
  total: number;
  unresolved: number;
}

/** Alerts that started since a moment, by severity and category. */
export async function readAlertCounts(db: Queryable, filter: AlertFilter, since: Date): Promise<AlertCount[]> {
  const { rows } = await db.query<AlertCount & Record<string, unknown>>(
    `select alerts.severity, alerts.category, count(*) as total, count(*) filter (where not alerts.resolved) as unresolved
     from alerts
     where ${inFilter} and alerts.starts_at >= $3
     group by alerts.severity, alerts.category`,
    [...valuesOf(filter), since],
  );
  return rows;
}

/** Unresolved alerts of one feature, by severity and category, whenever they started. */
export async function readActiveAlertCounts(db: Queryable, feature: string): Promise<Omit<AlertCount, 'total'>[]> {
  const { rows } = await db.query<Omit<AlertCount, 'total'> & Record<string, unknown>>({
    name: 'widget_performance_active_alerts',
    text: `
      select alerts.severity, alerts.category, count(*) as unresolved
      from alerts
      where alerts.feature = $1 and not alerts.resolved
      group by alerts.severity, alerts.category`,
    values: [feature],
  });
  return rows;
}

export interface ResolvedAlert {
  alert: StoredAlert;
  orgId: number | null;
  /** False when it was resolved before, and not only because nothing was heard of it any more. */
  changed: boolean;
}

/**
 * Resolves an alert by hand, if it is there for the caller. One that is resolved keeps its first end; one that had expired would be opened again
 * when it is delivered, and is not any more. Inside a transaction.
 */
export async function resolveAlert(
  transaction: Queryable,
  id: string,
  { orgId, at, by }: { orgId: number | undefined; at: Date; by: string },
): Promise<ResolvedAlert | undefined> {
  const { rowCount } = await transaction.query(
    `update alerts set resolved = true, resolved_at = coalesce(alerts.resolved_at, $3), resolved_by = $4, expired = false
     where alerts.id = $1 and ($2::bigint is null or alerts.org_id = $2) and (not alerts.resolved or alerts.expired)`,
    [id, orgId ?? null, at, by],
  );
  const { rows } = await transaction.query<StoredAlert & { org_id: number | null }>(
    `select ${alertColumns}, alerts.org_id
     from alerts left join organizations on organizations.id = alerts.org_id
     where alerts.id = $1 and ($2::bigint is null or alerts.org_id = $2)`,
    [id, orgId ?? null],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { org_id, ...alert } = row;
  return { alert, orgId: org_id, changed: rowCount === 1 };
}
