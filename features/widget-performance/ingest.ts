import { runTransaction, type Queryable } from '../../platform/postgres/pool.ts';
import { recordBatches, type BatchDays } from '../../platform/postgres/seen-batches.ts';
import { bucketOf, smallestBucketed } from '../../platform/sketch/log-buckets.ts';
import type { Measurement, MetricType } from './events.ts';

/** Label of this slice's rows in the ingest metrics, and of its batches in ingest_batches. */
export const metricsEndpoint = 'widget_performance';

/** What one request measured; it is counted as a whole, or known already, or refused. */
export interface MetricsUnit {
  orgId: number;
  chatbotId: string;
  batch: { batchId: string; days: BatchDays } | undefined;
  measurements: readonly Measurement[];
}

export type MetricsOutcome = 'stored' | 'duplicate' | 'chatbot_gone';

/** Slower renders miss a frame of 60 Hz. */
export const slowRenderMs = 16;
const minuteMs = 60_000;
const withoutBuckets: ReadonlySet<MetricType> = new Set(['scroll', 'memory']);

/** A row of widget_performance_minutes: what is added to it. */
interface MinuteRow {
  org_id: number;
  chatbot_id: string;
  minute: string;
  type: MetricType;
  operation: string;
  count: number;
  error_count: number;
  value_sum: number;
  value_min: number;
  value_max: number;
  value_last: number | null;
  value_last_at: string | null;
  zero_count: number;
  slow_count: number;
  cached_count: number;
  preserved_count: number;
  items_sum: number;
  size_sum: number;
  jank_sum: number;
  frames_sum: number;
  errors_by_type: Record<string, number>;
}

interface Aggregate {
  row: MinuteRow;
  buckets: Map<number, number>;
  errors: Map<string, number>;
}

/**
 * Takes the part of a batch writer's `write`: one transaction that adds what any number of requests measured to the aggregates of their minutes.
 * A batch id that was seen adds nothing. Outcomes in the order of the units.
 */
export async function addMeasurements(db: Queryable, units: readonly MetricsUnit[]): Promise<MetricsOutcome[]> {
  return runTransaction(db, async (transaction) => {
    const fresh = await freshUnits(transaction, units);
    const chatbots = await addAggregates(transaction, aggregatesOf(fresh));
    return units.map((unit) => {
      if (!fresh.has(unit)) return 'duplicate';
      return chatbots.has(unit.chatbotId) ? 'stored' : 'chatbot_gone';
    });
  });
}

/** Those that count: the first of each batch id, if that was never seen before. */
async function freshUnits(transaction: Queryable, units: readonly MetricsUnit[]): Promise<Set<MetricsUnit>> {
  const firsts = new Map<string, MetricsUnit>();
  for (const unit of units) {
    const key = `${unit.orgId} ${unit.batch?.batchId}`;
    if (unit.batch !== undefined && !firsts.has(key)) firsts.set(key, unit);
  }
  const batches = [...firsts.values()].flatMap((unit) => (unit.batch === undefined ? [] : [{ unit, orgId: unit.orgId, ...unit.batch }]));
  const unseen = await recordBatches(transaction, metricsEndpoint, batches);
  const counted = new Set(batches.filter((_batch, index) => unseen[index]).map(({ unit }) => unit));
  return new Set(units.filter((unit) => unit.batch === undefined || counted.has(unit)));
}

function aggregatesOf(units: Iterable<MetricsUnit>): Aggregate[] {
  const aggregates = new Map<string, Aggregate>();
  for (const unit of units) {
    for (const measurement of unit.measurements) {
      const minute = Math.floor(measurement.at / minuteMs) * minuteMs;
      const key = `${unit.chatbotId} ${minute} ${measurement.type} ${measurement.operation}`;
      let aggregate = aggregates.get(key);
      if (aggregate === undefined) aggregates.set(key, (aggregate = emptyAggregate(unit, measurement, minute)));
      addMeasurement(aggregate, measurement);
    }
  }
  return [...aggregates.values()];
}

function emptyAggregate({ orgId, chatbotId }: MetricsUnit, { type, operation }: Measurement, minute: number): Aggregate {
  const row: MinuteRow = {
    org_id: orgId,
    chatbot_id: chatbotId,
    minute: new Date(minute).toISOString(),
    type,
    operation,
    count: 0,
    error_count: 0,
    value_sum: 0,
    value_min: Number.POSITIVE_INFINITY,
    value_max: 0,
    value_last: null,
    value_last_at: null,
    zero_count: 0,
    slow_count: 0,
    cached_count: 0,
    preserved_count: 0,
    items_sum: 0,
    size_sum: 0,
    jank_sum: 0,
    frames_sum: 0,
    errors_by_type: {},
  };
  return { row, buckets: new Map(), errors: new Map() };
}

function addMeasurement({ row, buckets, errors }: Aggregate, measurement: Measurement): void {
  const { type, value, failed, errorType } = measurement;
  row.count += 1;
  row.error_count += Number(failed);
  row.value_sum += value;
  row.value_min = Math.min(row.value_min, value);
  row.value_max = Math.max(row.value_max, value);
  row.zero_count += Number(value < smallestBucketed);
  row.slow_count += Number(type === 'render' && value > slowRenderMs);
  row.cached_count += Number(measurement.cached);
  row.preserved_count += Number(measurement.dataPreserved);
  row.items_sum += measurement.messagesRestored;
  row.size_sum += measurement.size;
  row.jank_sum += measurement.jankFrames;
  row.frames_sum += measurement.totalFrames;
  if (failed && errorType !== undefined) errors.set(errorType, (errors.get(errorType) ?? 0) + 1);
  if (type === 'memory') keepLatest(row, measurement);
  const bucket = withoutBuckets.has(type) ? undefined : bucketOf(value);
  if (bucket !== undefined) buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
}

function keepLatest(row: MinuteRow, { at, value }: Measurement): void {
  const measuredAt = new Date(at).toISOString();
  const isLater = row.value_last_at === null || measuredAt > row.value_last_at;
  if (!isLater && (measuredAt !== row.value_last_at || value <= (row.value_last ?? 0))) return;
  row.value_last = value;
  row.value_last_at = measuredAt;
}

/**
 * Adds to rows that replicas add to at the same time: keys are written in order, since unsorted upserts of parallel writers deadlock, and
 * minutes before buckets. Answers the chatbots that there are; what a deleted one measured is left out.
 */
async function addAggregates(transaction: Queryable, aggregates: readonly Aggregate[]): Promise<Set<string>> {
  if (aggregates.length === 0) return new Set();
  const rows = aggregates.map(({ row, errors }) => ({ ...row, errors_by_type: Object.fromEntries(errors) }));
  const { rows: stored } = await transaction.query<{ chatbot_id: string }>({
    name: 'widget_performance_minutes_add',
    text: `
      with stored as (
        insert into widget_performance_minutes as total (
          org_id, chatbot_id, minute, type, operation, count, error_count, value_sum, value_min, value_max, value_last, value_last_at,
          zero_count, slow_count, cached_count, preserved_count, items_sum, size_sum, jank_sum, frames_sum, errors_by_type)
        select
          given.org_id, given.chatbot_id, given.minute, given.type, given.operation, given.count, given.error_count, given.value_sum,
          given.value_min, given.value_max, given.value_last, given.value_last_at, given.zero_count, given.slow_count, given.cached_count,
          given.preserved_count, given.items_sum, given.size_sum, given.jank_sum, given.frames_sum,
          error_counts_add('{}', given.errors_by_type)
        from json_populate_recordset(null::widget_performance_minutes, $1::json) given
        join chatbots on chatbots.org_id = given.org_id and chatbots.id = given.chatbot_id
        order by given.org_id, given.chatbot_id, given.minute, given.type collate "C", given.operation collate "C"
        on conflict (org_id, chatbot_id, minute, type, operation) do update set
          count = total.count + excluded.count,
          error_count = total.error_count + excluded.error_count,
          value_sum = total.value_sum + excluded.value_sum,
          value_min = least(total.value_min, excluded.value_min),
          value_max = greatest(total.value_max, excluded.value_max),
          value_last = case
            when (excluded.value_last_at, excluded.value_last) > (total.value_last_at, total.value_last) then excluded.value_last
            else total.value_last end,
          value_last_at = greatest(total.value_last_at, excluded.value_last_at),
          zero_count = total.zero_count + excluded.zero_count,
          slow_count = total.slow_count + excluded.slow_count,
          cached_count = total.cached_count + excluded.cached_count,
          preserved_count = total.preserved_count + excluded.preserved_count,
          items_sum = saturating_add(total.items_sum, excluded.items_sum),
          size_sum = saturating_add(total.size_sum, excluded.size_sum),
          jank_sum = saturating_add(total.jank_sum, excluded.jank_sum),
          frames_sum = saturating_add(total.frames_sum, excluded.frames_sum),
          errors_by_type = error_counts_add(total.errors_by_type, excluded.errors_by_type)
        returning total.chatbot_id
      )
      select distinct stored.chatbot_id from stored`,
    values: [JSON.stringify(rows)],
  });
  const chatbots = new Set(stored.map(({ chatbot_id }) => chatbot_id));
  await addBuckets(
    transaction,
    aggregates.filter(({ row }) => chatbots.has(row.chatbot_id)),
  );
  return chatbots;
}

async function addBuckets(transaction: Queryable, aggregates: readonly Aggregate[]): Promise<void> {
  const counts = aggregates.flatMap(({ row, buckets }) => [...buckets].map(([bucket, count]) => ({ row, bucket, count })));
  if (counts.length === 0) return;
  await transaction.query({
    name: 'widget_performance_buckets_add',
    text: `
      insert into widget_performance_buckets as total (org_id, chatbot_id, minute, type, operation, bucket, count)
      select given.org_id, given.chatbot_id, given.minute, given.type, given.operation, given.bucket, given.count
      from unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::int[], $7::bigint[]) as given (
        org_id, chatbot_id, minute, type, operation, bucket, count)
      order by given.org_id, given.chatbot_id, given.minute, given.type collate "C", given.operation collate "C", given.bucket
      on conflict (org_id, chatbot_id, minute, type, operation, bucket) do update set count = total.count + excluded.count`,
    values: [
      counts.map(({ row }) => row.org_id),
      counts.map(({ row }) => row.chatbot_id),
      counts.map(({ row }) => row.minute),
      counts.map(({ row }) => row.type),
      counts.map(({ row }) => row.operation),
      counts.map(({ bucket }) => bucket),
      counts.map(({ count }) => count),
    ],
  });
}
