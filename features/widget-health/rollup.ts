import type { Queryable } from '../../platform/postgres/pool.ts';
import { utcDayOf } from '../../platform/time/utc-day.ts';

export const spikeAction = 'security.widget_health_spike';

/**
 * Writes the missing spike rows of the current UTC day, one per organization that meets the condition (isHealthSpike in status.ts), inactive
 * organizations included; answers how many. Repeatable: the dedup key lets each organization have one row a day.
 */
export async function recordHealthSpikes(db: Queryable, context: { now: Date; requestId: string | null }): Promise<number> {
  const { rowCount } = await db.query(
    `insert into audit_logs (org_id, actor, action, details, dedup_key)
     select
       organizations.id, 'system', '${spikeAction}',
       jsonb_build_object(
         'orgKey', organizations.key,
         'failuresTotal', totals.widget_load_failures_total,
         'loadsTotal', totals.widget_loads_total,
         'domainMismatchTotal', totals.widget_domain_mismatch_total,
         'requestId', $1::text),
       'widget_health_spike:' || organizations.id || ':' || $2::text
     from widget_health_totals totals join organizations on organizations.id = totals.org_id
     where (totals.widget_load_failures_total >= 50 and totals.widget_loads_total > 0
         and totals.widget_load_failures_total * 5 >= totals.widget_loads_total)
       or totals.widget_domain_mismatch_total >= 20
     order by organizations.id
     on conflict (dedup_key) do nothing`,
    [context.requestId, utcDayOf(context.now)],
  );
  return rowCount ?? 0;
}
