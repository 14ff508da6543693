import { utcDayOf, type UtcDay } from '../time/utc-day.ts';
import type { Queryable } from './pool.ts';

/** Batch ids seen by aggregating endpoints, which have no rows of their own that a repeat would meet. Source: contracts, Ingest 5. */

/** First and last UTC day under which a batch id is recorded: one day, or the two around a midnight that is near. */
export interface BatchDays {
  first: UtcDay;
  last: UtcDay;
}

const nearMidnightMs = 5 * 60_000;

/**
 * A batch id is recorded on its day, and looked for on the day before as well, and on the day after: a clock may be set back. Near midnight that
 * is not enough: a retry may meet an exporter whose clock still says yesterday, or run beside the first try. There both days are recorded, so
 * that the primary key decides.
 */
export function batchDays(now: Date): BatchDays {
  const before = utcDayOf(new Date(now.getTime() - nearMidnightMs));
  const after = utcDayOf(new Date(now.getTime() + nearMidnightMs));
  return { first: before, last: after };
}

/**
 * A subquery: that a batch was recorded on the day before or after its own. Looked up by key for each batch, which is what the limit is for: as a
 * join it might become a scan of all batches, whose plan the connection then keeps.
 */
export function seenAround(batch: string, endpoint: string): string {
  return `
    select seen.day from ingest_batches seen
    where seen.org_id = ${batch}.org_id and seen.day in (${batch}.first_day - 1, ${batch}.last_day + 1)
      and seen.endpoint = ${endpoint} and seen.batch_id = ${batch}.batch_id
    limit 1`;
}

export interface SentBatch {
  orgId: number;
  batchId: string;
  days: BatchDays;
}

/**
 * Records batches inside the transaction that counts them; answers, in their order, which ones were not seen before: on the days under which
 * they are recorded or on the day before or after. Keys are written in order, since parallel writers deadlock otherwise. Each batch once.
 */
export async function recordBatches(transaction: Queryable, endpoint: string, batches: readonly SentBatch[]): Promise<boolean[]> {
  if (batches.length === 0) return [];
  const { rows } = await transaction.query<{ position: number }>({
    name: 'seen_batches_record',
    text: `
      with given as (
        select sent.* from unnest($2::bigint[], $3::uuid[], $4::date[], $5::date[])
          with ordinality as sent (org_id, batch_id, first_day, last_day, position)
      ),
      recorded as (
        insert into ingest_batches (org_id, day, endpoint, batch_id)
        select given.org_id, days.day, $1, given.batch_id
        from given
        cross join lateral (select given.first_day as day union select given.last_day) days
        left join lateral (${seenAround('given', '$1')}) seen on true
        where seen.day is null
        order by given.org_id, days.day, given.batch_id
        on conflict do nothing
        returning ingest_batches.org_id, ingest_batches.batch_id
      )
      select given.position
      from given join recorded on recorded.org_id = given.org_id and recorded.batch_id = given.batch_id
      group by given.position, given.first_day, given.last_day
      having count(*) = given.last_day - given.first_day + 1`,
    values: [
      endpoint,
      batches.map(({ orgId }) => orgId),
      batches.map(({ batchId }) => batchId),
      batches.map(({ days }) => days.first),
      batches.map(({ days }) => days.last),
    ],
  });
  const fresh = new Set(rows.map(({ position }) => position - 1));
  return batches.map((_batch, index) => fresh.has(index));
}
