import type { Queryable } from '../../platform/postgres/pool.ts';
import type { FlushId } from '../../platform/postgres/counter-flusher.ts';
import { seenAround, type BatchDays } from '../../platform/postgres/seen-batches.ts';
import { bucketCount, bucketOf } from './histogram.ts';

/** Label of this slice's rows in the ingest metrics, and of its batches in ingest_batches. */
export const messagesEndpoint = 'widget_messages';
const countersEndpoint = 'widget_health_counters';

/** What was counted for one organization since the last flush. */
export interface HealthDelta {
  loads: number;
  failures: number;
  mismatches: number;
  counts: number[];
  sumMs: number;
  firstLoadAt: Date | null;
  lastLoadAt: Date | null;
}

export function emptyHealthDelta(): HealthDelta {
  return {
    loads: 0,
    failures: 0,
    mismatches: 0,
    counts: Array<number>(bucketCount).fill(0),
    sumMs: 0,
    firstLoadAt: null,
    lastLoadAt: null,
  };
}

export function countLoad(delta: HealthDelta, at: Date, durationMs: number): void {
  delta.loads += 1;
  delta.firstLoadAt ??= at;
  delta.lastLoadAt = at;
  addSample(delta, durationMs);
}

function addSample(delta: Pick<HealthDelta, 'counts' | 'sumMs'>, durationMs: number): void {
  const bucket = bucketOf(durationMs);
  delta.counts[bucket] = (delta.counts[bucket] ?? 0) + 1;
  delta.sumMs += durationMs;
}

export function mergeHealthDelta(into: HealthDelta, from: HealthDelta): void {
  into.loads += from.loads;
  into.failures += from.failures;
  into.mismatches += from.mismatches;
  into.sumMs += from.sumMs;
  from.counts.forEach((count, bucket) => {
    into.counts[bucket] = (into.counts[bucket] ?? 0) + count;
  });
  into.firstLoadAt ??= from.firstLoadAt;
  into.lastLoadAt = from.lastLoadAt ?? into.lastLoadAt;
}

/** One batch of message durations of one organization; it stands or falls as a whole. */
export interface MessageUnit {
  orgId: number;
  batchId: string | undefined;
  /** UTC days under which the batch id is remembered (batchDays). */
  days: BatchDays;
  messages: number;
  counts: number[];
  sumMs: number;
}

export type MessageOutcome = 'stored' | 'duplicate' | 'org_gone';

export function messageUnit(
  orgId: number,
  batch: { batchId?: string | undefined; messages: readonly { duration_ms: number }[] },
  days: BatchDays,
): MessageUnit {
  const unit: MessageUnit = {
    orgId,
    batchId: batch.batchId,
    days,
    messages: batch.messages.length,
    counts: emptyHealthDelta().counts,
    sumMs: 0,
  };
  for (const { duration_ms } of batch.messages) addSample(unit, duration_ms);
  return unit;
}

/**
 * Adds deltas to stored totals. Rows are written in the order of their keys, since unsorted upserts of parallel writers deadlock; an
 * organization that was deleted meanwhile is left out. A malformed stored histogram is replaced by a fresh one: its count and sum with it,
 * or no percentile would ever be right again. Expects the relations `delta` (see the two callers).
 */
const upsertTotals = `
  insert into widget_health_totals as totals (
    org_id, first_widget_embed_at, last_widget_seen_at, widget_loads_total, widget_load_failures_total,
    widget_domain_mismatch_total, widget_rt_buckets_json, widget_rt_total_count, widget_rt_sum_ms
  )
  select
    delta.org_id, delta.first_load_at, delta.last_load_at, delta.loads, delta.failures, delta.mismatches,
    widget_rt_json(delta.counts), delta.samples, delta.sum_ms
  from delta
  join organizations on organizations.id = delta.org_id
  order by delta.org_id
  on conflict (org_id) do update set
    first_widget_embed_at = coalesce(totals.first_widget_embed_at, excluded.first_widget_embed_at),
    last_widget_seen_at = greatest(totals.last_widget_seen_at, excluded.last_widget_seen_at),
    widget_loads_total = widget_total_add(totals.widget_loads_total, excluded.widget_loads_total),
    widget_load_failures_total = widget_total_add(totals.widget_load_failures_total, excluded.widget_load_failures_total),
    widget_domain_mismatch_total = widget_total_add(totals.widget_domain_mismatch_total, excluded.widget_domain_mismatch_total),
    widget_rt_buckets_json = widget_rt_json(
      widget_rt_add(widget_rt_counts(totals.widget_rt_buckets_json), widget_rt_counts(excluded.widget_rt_buckets_json))),
    widget_rt_total_count = widget_total_add(case
      when totals.widget_rt_buckets_json is null or widget_rt_well_formed(totals.widget_rt_buckets_json) then totals.widget_rt_total_count
      else 0 end, excluded.widget_rt_total_count),
    widget_rt_sum_ms = widget_total_add(case
      when totals.widget_rt_buckets_json is null or widget_rt_well_formed(totals.widget_rt_buckets_json) then totals.widget_rt_sum_ms
      else 0 end, excluded.widget_rt_sum_ms)
  returning totals.org_id`;

/** Writes one flush of counters as one statement; a flush id that was recorded before adds nothing. Entries are sorted by organization. */
export async function addHealthDeltas(db: Queryable, flush: FlushId, entries: readonly (readonly [number, HealthDelta])[]): Promise<void> {
  await db.query(
    `with recorded as (
       insert into ingest_batches (org_id, day, endpoint, batch_id)
       values ($1, $2, '${countersEndpoint}', $3)
       on conflict do nothing
       returning ingest_batches.batch_id
     ),
     delta as (
       select entry.org_id, entry.loads, entry.failures, entry.mismatches, entry.first_load_at, entry.last_load_at,
         array[entry.c1, entry.c2, entry.c3, entry.c4, entry.c5, entry.c6, entry.c7] as counts,
         entry.c1 + entry.c2 + entry.c3 + entry.c4 + entry.c5 + entry.c6 + entry.c7 as samples,
         entry.sum_ms
       from unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::timestamptz[], $9::timestamptz[],
         $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[])
         as entry (org_id, loads, failures, mismatches, first_load_at, last_load_at, c1, c2, c3, c4, c5, c6, c7, sum_ms)
       where exists (select from recorded)
     )
     ${upsertTotals}`,
    [
      entries[0]?.[0],
      flush.day,
      flush.id,
      entries.map(([orgId]) => orgId),
      entries.map(([, delta]) => delta.loads),
      entries.map(([, delta]) => delta.failures),
      entries.map(([, delta]) => delta.mismatches),
      entries.map(([, delta]) => delta.firstLoadAt),
      entries.map(([, delta]) => delta.lastLoadAt),
      ...bucketColumns(entries.map(([, delta]) => delta.counts)),
      entries.map(([, delta]) => wholeMs(delta.sumMs)),
    ],
  );
}

/**
 * Writes message batches of any number of organizations as one statement. A batch id that was seen for its organization on its day,
 * the day before or the day after adds nothing. Outcomes in the order of the units.
 */
export async function addMessageBatches(db: Queryable, units: readonly MessageUnit[]): Promise<MessageOutcome[]> {
  const firsts = new Set(firstOfEachBatch(units));
  const candidates = [...firsts];
  const { rows } = await db.query<{ positions: number[]; org_ids: number[] }>(
    `with candidate as (
       select entry.*
       from unnest($1::int[], $2::bigint[], $3::date[], $4::date[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
         $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
         as entry (position, org_id, first_day, last_day, batch_id, c1, c2, c3, c4, c5, c6, c7, sum_ms)
     ),
     recorded as (
       insert into ingest_batches (org_id, day, endpoint, batch_id)
       select candidate.org_id, days.day, '${messagesEndpoint}', candidate.batch_id
       from candidate
       cross join lateral (select candidate.first_day as day union select candidate.last_day) days
       left join lateral (${seenAround('candidate', `'${messagesEndpoint}'`)}) seen on true
       where candidate.batch_id is not null and seen.day is null
       order by candidate.org_id, days.day, candidate.batch_id
       on conflict do nothing
       returning ingest_batches.org_id, ingest_batches.batch_id
     ),
     recorded_days as (
       select recorded.org_id, recorded.batch_id, count(*) as days from recorded group by recorded.org_id, recorded.batch_id
     ),
     fresh as (
       select candidate.*
       from candidate left join recorded_days on recorded_days.org_id = candidate.org_id and recorded_days.batch_id = candidate.batch_id
       where candidate.batch_id is null or recorded_days.days = candidate.last_day - candidate.first_day + 1
     ),
     delta as (
       select fresh.org_id, 0::bigint as loads, 0::bigint as failures, 0::bigint as mismatches,
         null::timestamptz as first_load_at, null::timestamptz as last_load_at,
         array[sum(fresh.c1), sum(fresh.c2), sum(fresh.c3), sum(fresh.c4), sum(fresh.c5), sum(fresh.c6), sum(fresh.c7)]::bigint[] as counts,
         sum(fresh.c1 + fresh.c2 + fresh.c3 + fresh.c4 + fresh.c5 + fresh.c6 + fresh.c7)::bigint as samples,
         sum(fresh.sum_ms)::bigint as sum_ms
       from fresh
       group by fresh.org_id
     ),
     stored as (${upsertTotals})
     select
       array(select fresh.position::bigint from fresh) as positions,
       array(select stored.org_id from stored) as org_ids`,
    [
      candidates.map((_unit, position) => position),
      candidates.map(({ orgId }) => orgId),
      candidates.map(({ days }) => days.first),
      candidates.map(({ days }) => days.last),
      candidates.map(({ batchId }) => batchId ?? null),
      ...bucketColumns(candidates.map(({ counts }) => counts)),
      candidates.map(({ sumMs }) => wholeMs(sumMs)),
    ],
  );
  const fresh = new Set((rows[0]?.positions ?? []).map((position) => candidates[position]));
  const orgs = new Set(rows[0]?.org_ids ?? []);
  return units.map((unit) => {
    if (!fresh.has(unit)) return 'duplicate';
    return orgs.has(unit.orgId) ? 'stored' : 'org_gone';
  });
}

/**
 * The stored sum is a whole number. Rounded the usual way, an organization whose loads take 0.4 ms would never have a sum at all; so 0.4
 * becomes 1 in four of ten writes, and the sum stays true over many.
 */
function wholeMs(sumMs: number): number {
  return Math.floor(sumMs + Math.random());
}

/** Two units with the same batch id in one write: the first counts, the second is its duplicate. */
function firstOfEachBatch(units: readonly MessageUnit[]): MessageUnit[] {
  const seen = new Set<string>();
  return units.filter(({ orgId, batchId }) => {
    if (batchId === undefined) return true;
    const key = `${orgId} ${batchId}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function bucketColumns(counts: readonly (readonly number[])[]): number[][] {
  return Array.from({ length: bucketCount }, (_, bucket) => counts.map((of) => of[bucket] ?? 0));
}
