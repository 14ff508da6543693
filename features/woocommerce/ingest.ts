import type { Queryable } from '../../platform/postgres/pool.ts';
import { bucketOf } from '../../platform/sketch/log-buckets.ts';
import { utcDayOf } from '../../platform/time/utc-day.ts';
import type { Operation } from './events.ts';

/** Label of this slice's rows in the ingest metrics. */
export const operationsEndpoint = 'woocommerce_operations';

/** One operation of one organization: it is stored, or known already, or refused, alone. */
export interface OperationUnit {
  orgId: number;
  operation: Operation;
}

/** `configured`: its shop is one that its organization has set up. */
export type OperationOutcome = { fate: 'stored'; configured: boolean } | { fate: 'duplicate' } | { fate: 'org_gone' };

/**
 * Adds what was really inserted to the totals of its day: per shop and operation, per shop, per operation, over all. Keys are written in
 * order, since unsorted upserts of parallel writers deadlock.
 */
const addToTotals = `
  daily as (
    insert into woocommerce_usage_daily as total (
      org_id, day, domain, operation, count, success_count, duration_sum_ms, duration_min_ms, duration_max_ms, zero_count, errors_by_type, last_at
    )
    select
      grouped.org_id, grouped.metric_date, grouped.domain, grouped.operation, sum(grouped.count), sum(grouped.success_count),
      sum(grouped.duration_sum_ms), min(grouped.duration_min_ms), max(grouped.duration_max_ms), sum(grouped.zero_count),
      coalesce(jsonb_object_agg(grouped.error_type, grouped.count) filter (where grouped.error_type is not null), '{}'),
      max(grouped.last_at)
    from (
      select
        inserted.org_id, inserted.metric_date, coalesce(inserted.domain, '*') as domain, coalesce(inserted.operation, '*') as operation,
        inserted.error_type, count(*) as count, count(*) filter (where inserted.error_type is null) as success_count,
        sum(inserted.duration_ms) as duration_sum_ms, min(inserted.duration_ms) as duration_min_ms, max(inserted.duration_ms) as duration_max_ms,
        count(*) filter (where inserted.duration_ms = 0) as zero_count, max(inserted.created_at) as last_at
      from inserted
      group by grouping sets (
        (inserted.org_id, inserted.metric_date, inserted.error_type, inserted.domain, inserted.operation),
        (inserted.org_id, inserted.metric_date, inserted.error_type, inserted.domain),
        (inserted.org_id, inserted.metric_date, inserted.error_type, inserted.operation),
        (inserted.org_id, inserted.metric_date, inserted.error_type))
    ) grouped
    group by grouped.org_id, grouped.metric_date, grouped.domain, grouped.operation
    order by grouped.org_id, grouped.metric_date, grouped.domain collate "C", grouped.operation collate "C"
    on conflict (org_id, day, domain, operation) do update set
      count = total.count + excluded.count,
      success_count = total.success_count + excluded.success_count,
      duration_sum_ms = total.duration_sum_ms + excluded.duration_sum_ms,
      duration_min_ms = least(total.duration_min_ms, excluded.duration_min_ms),
      duration_max_ms = greatest(total.duration_max_ms, excluded.duration_max_ms),
      zero_count = total.zero_count + excluded.zero_count,
      errors_by_type = counts_by_key_add(total.errors_by_type, excluded.errors_by_type),
      last_at = greatest(total.last_at, excluded.last_at)
  ),
  buckets as (
    insert into woocommerce_usage_buckets as total (org_id, day, domain, operation, bucket, count)
    select grouped.org_id, grouped.metric_date, grouped.domain, grouped.operation, grouped.bucket, grouped.count
    from (
      select
        inserted.org_id, inserted.metric_date, coalesce(inserted.domain, '*') as domain, coalesce(inserted.operation, '*') as operation,
        bucket_of.bucket, count(*) as count
      from inserted join bucket_of on bucket_of.duration_ms = inserted.duration_ms
      group by grouping sets (
        (inserted.org_id, inserted.metric_date, bucket_of.bucket, inserted.domain, inserted.operation),
        (inserted.org_id, inserted.metric_date, bucket_of.bucket, inserted.domain),
        (inserted.org_id, inserted.metric_date, bucket_of.bucket, inserted.operation),
        (inserted.org_id, inserted.metric_date, bucket_of.bucket))
    ) grouped
    order by grouped.org_id, grouped.metric_date, grouped.domain collate "C", grouped.operation collate "C", grouped.bucket
    on conflict (org_id, day, domain, operation, bucket) do update set count = total.count + excluded.count
  )`;

/**
 * Stores operations of any number of organizations as one statement, with their totals. An id that is known for its organization and
 * day adds nothing, nor does one that an earlier try has stored under another day. Outcomes in the order of the units.
 */
export async function addOperations(db: Queryable, units: readonly OperationUnit[]): Promise<OperationOutcome[]> {
  const known = await readStoredTries(db, units);
  const firsts = firstOfEachId(units.filter((unit) => !known.has(unit)));
  const bucketed = [...new Set(firsts.map(({ operation }) => operation.durationMs))].flatMap((durationMs) => {
    const bucket = bucketOf(durationMs);
    return bucket === undefined ? [] : [{ durationMs, bucket }];
  });
  const { rows } = await db.query<{ position: number; stored: boolean; configured: boolean }>({
    name: 'woocommerce_add_operations',
    text: `
      with entry as (
        select given.*
        from unnest($1::bigint[], $2::date[], $3::uuid[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
          with ordinality as given (
            org_id, metric_date, id, operation, duration_ms, error_type, error_message, domain, user_agent, created_at, position)
        join organizations on organizations.id = given.org_id
      ),
      bucket_of as (select * from unnest($11::int[], $12::int[]) as bucket_of (duration_ms, bucket)),
      inserted as (
        insert into woocommerce_usage_metrics as stored (
          org_id, metric_date, id, operation, duration_ms, success, error_type, error_message, domain, customer_config_id, user_agent, created_at
        )
        select
          entry.org_id, entry.metric_date, entry.id, entry.operation, entry.duration_ms, entry.error_type is null, entry.error_type,
          entry.error_message, entry.domain, customer_configs.id, entry.user_agent, entry.created_at
        from entry left join customer_configs on customer_configs.domain = entry.domain and customer_configs.org_id = entry.org_id
        order by entry.org_id, entry.metric_date, entry.id
        on conflict do nothing
        returning stored.org_id, stored.metric_date, stored.id, stored.operation, stored.duration_ms, stored.error_type, stored.domain,
          stored.customer_config_id, stored.created_at
      ),
      ${addToTotals}
      select entry.position, inserted.id is not null as stored, inserted.customer_config_id is not null as configured
      from entry left join inserted on inserted.org_id = entry.org_id and inserted.metric_date = entry.metric_date and inserted.id = entry.id`,
    values: [
      firsts.map(({ orgId }) => orgId),
      firsts.map(({ operation }) => utcDayOf(operation.createdAt)),
      firsts.map(({ operation }) => operation.id),
      firsts.map(({ operation }) => operation.operation),
      firsts.map(({ operation }) => operation.durationMs),
      firsts.map(({ operation }) => operation.errorType),
      firsts.map(({ operation }) => operation.errorMessage),
      firsts.map(({ operation }) => operation.domain),
      firsts.map(({ operation }) => operation.userAgent),
      firsts.map(({ operation }) => operation.createdAt),
      bucketed.map(({ durationMs }) => durationMs),
      bucketed.map(({ bucket }) => bucket),
    ],
  });
  const outcomes = new Map<OperationUnit, OperationOutcome>();
  for (const { position, stored, configured } of rows) {
    const unit = firsts[position - 1];
    if (unit !== undefined) outcomes.set(unit, stored ? { fate: 'stored', configured } : { fate: 'duplicate' });
  }
  const first = new Set(firsts);
  return units.map((unit) => outcomes.get(unit) ?? { fate: first.has(unit) ? 'org_gone' : 'duplicate' });
}

/** Which of these are stored already under another day than their own; hardly any can be, so the database is hardly ever asked. */
async function readStoredTries(db: Queryable, units: readonly OperationUnit[]): Promise<Set<OperationUnit>> {
  const tries = units.flatMap((unit) => (unit.operation.triedDays ?? []).map((day) => ({ unit, day })));
  if (tries.length === 0) return new Set();
  const { rows } = await db.query<{ position: number }>({
    name: 'woocommerce_stored_tries',
    text: `
      select given.position
      from unnest($1::bigint[], $2::date[], $3::uuid[]) with ordinality as given (org_id, metric_date, id, position)
      cross join lateral (
        select from woocommerce_usage_metrics stored
        where stored.org_id = given.org_id and stored.metric_date = given.metric_date and stored.id = given.id
        limit 1
      ) known`,
    values: [tries.map(({ unit }) => unit.orgId), tries.map(({ day }) => day), tries.map(({ unit }) => unit.operation.id)],
  });
  return new Set(rows.flatMap(({ position }) => tries[position - 1]?.unit ?? []));
}

/** The same id twice in one write: the first is stored, the second is its duplicate. */
function firstOfEachId(units: readonly OperationUnit[]): OperationUnit[] {
  const seen = new Set<string>();
  return units.filter(({ orgId, operation }) => {
    const key = `${orgId} ${utcDayOf(operation.createdAt)} ${operation.id}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
