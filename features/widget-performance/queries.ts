import { readInPages } from '../../platform/postgres/keyset-pages.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import type { LogBucketCounts } from '../../platform/sketch/log-buckets.ts';
import type { MetricType } from './events.ts';

/** Whose measurements a question is about: those of all organizations, or of some chatbots of one. */
export type Scope = 'all' | { orgId: number; chatbotIds: readonly string[] };

/** Whole minutes: the first one included, the last one not. */
export interface MinuteWindow {
  from: Date;
  to: Date;
}

const minuteMs = 60_000;
/** What is measured 5 minutes ahead belongs to every window; clocks of replicas differ a little. */
const aheadMs = 10 * minuteMs;

/** The minutes that a window of so many milliseconds touches, and those ahead. */
export function minuteWindow(now: Date, lengthMs: number): MinuteWindow {
  return { from: new Date(Math.floor((now.getTime() - lengthMs) / minuteMs) * minuteMs), to: new Date(now.getTime() + aheadMs) };
}

/** Chatbots are named one by one: the minutes of each stand together in the key. */
function scoped(row: string, scope: Scope, { from, to }: MinuteWindow): { condition: string; values: unknown[]; kind: string } {
  const minutes = `${row}.minute >= $1 and ${row}.minute < $2`;
  if (scope === 'all') return { condition: minutes, values: [from, to], kind: 'all' };
  const ofChatbots = `${row}.org_id = $3 and ${row}.chatbot_id = any($4::uuid[])`;
  return { condition: `${minutes} and ${ofChatbots}`, values: [from, to, scope.orgId, scope.chatbotIds], kind: 'chatbots' };
}

export async function readChatbotIds(db: Queryable, orgId: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'widget_performance_chatbots',
    text: 'select chatbots.id from chatbots where chatbots.org_id = $1',
    values: [orgId],
  });
  return rows.map(({ id }) => id);
}

/** Everything measured of one type. */
export interface TypeTotals extends LogBucketCounts {
  count: number;
  errors: number;
  sum: number;
  /** The latest value; of memory only. */
  last: number | null;
  slow: number;
  cached: number;
  preserved: number;
  items: number;
  size: number;
  jank: number;
  frames: number;
  /** Failed saves; of persistence only. */
  failedSaves: number;
}

export type Totals = Record<MetricType, TypeTotals>;
export type ErrorCounts = Readonly<Record<string, number>>;

const noTotals: TypeTotals = {
  count: 0,
  errors: 0,
  sum: 0,
  min: 0,
  max: 0,
  last: null,
  zeroCount: 0,
  slow: 0,
  cached: 0,
  preserved: 0,
  items: 0,
  size: 0,
  jank: 0,
  frames: 0,
  failedSaves: 0,
  buckets: [],
};

export function emptyTotals(): Totals {
  return {
    persistence: noTotals,
    restoration: noTotals,
    navigation: noTotals,
    render: noTotals,
    scroll: noTotals,
    memory: noTotals,
    tabSync: noTotals,
    api: noTotals,
    bundle: noTotals,
  };
}

/** Sums that a sender can drive up stay a JSON number. */
const sumOf = (column: string): string => `least(sum(minutes.${column}), 9007199254740991)::bigint`;

const totalsColumns = `
  ${sumOf('count')} as count, ${sumOf('error_count')} as errors, sum(minutes.value_sum) as sum,
  min(minutes.value_min) as min, max(minutes.value_max) as max,
  (array_agg(minutes.value_last order by minutes.value_last_at desc, minutes.value_last desc)
    filter (where minutes.value_last is not null))[1] as last,
  ${sumOf('zero_count')} as "zeroCount", ${sumOf('slow_count')} as slow, ${sumOf('cached_count')} as cached,
  ${sumOf('preserved_count')} as preserved, ${sumOf('items_sum')} as items, ${sumOf('size_sum')} as size, ${sumOf('jank_sum')} as jank,
  ${sumOf('frames_sum')} as frames,
  sum(case when minutes.operation = 'save' then minutes.error_count else 0 end)::bigint as "failedSaves"`;

interface TotalsRow extends Record<string, unknown>, Omit<TypeTotals, 'buckets'> {
  type: MetricType;
}

/** Totals of every type, with the log buckets of the types given. */
export async function readTotals(db: Queryable, scope: Scope, window: MinuteWindow, bucketed: readonly MetricType[]): Promise<Totals> {
  const minutes = scoped('minutes', scope, window);
  const { rows } = await db.query<TotalsRow>({
    name: `widget_performance_totals_${minutes.kind}`,
    text: `select minutes.type, ${totalsColumns} from widget_performance_minutes minutes where ${minutes.condition} group by minutes.type`,
    values: minutes.values,
  });
  const buckets = await readBuckets(db, scope, window, bucketed);
  const totals = emptyTotals();
  for (const { type, ...row } of rows) totals[type] = { ...row, buckets: buckets.get(type) ?? [] };
  return totals;
}

type Buckets = LogBucketCounts['buckets'];

async function readBuckets(
  db: Queryable,
  scope: Scope,
  window: MinuteWindow,
  types: readonly MetricType[],
): Promise<Map<MetricType, Buckets>> {
  const { condition, values, kind } = scoped('buckets', scope, window);
  const { rows } = await db.query<{ type: MetricType; buckets: Buckets }>({
    name: `widget_performance_buckets_${kind}`,
    text: `
      select summed.type, json_agg(json_build_array(summed.bucket, summed.count) order by summed.bucket) as buckets
      from (
        select buckets.type, buckets.bucket, sum(buckets.count) as count
        from widget_performance_buckets buckets
        where ${condition} and buckets.type = any($${values.length + 1}::text[])
        group by buckets.type, buckets.bucket
      ) summed
      group by summed.type`,
    values: [...values, types],
  });
  return new Map(rows.map(({ type, buckets }) => [type, buckets]));
}

/** Error types told by name; what senders make up beyond them counts as `other`. */
const mostErrorTypes = 100;

/** Failures that carried an error type: for each of the types of metric given, most frequent first. */
export async function readErrorCounts<Type extends MetricType>(
  db: Queryable,
  scope: Scope,
  window: MinuteWindow,
  types: readonly Type[],
): Promise<Record<Type, ErrorCounts>> {
  const { condition, values, kind } = scoped('minutes', scope, window);
  const { rows } = await db.query<{ type: Type; error_type: string; count: number }>({
    name: `widget_performance_errors_${kind}`,
    text: `
      select named.type, named.error_type, sum(named.count)::bigint as count
      from (
        select ranked.type, case when ranked.rank <= ${mostErrorTypes} then ranked.error_type else 'other' end as error_type, ranked.count
        from (
          select minutes.type, errors.key as error_type, sum(errors.value::bigint) as count,
            row_number() over (partition by minutes.type order by sum(errors.value::bigint) desc, errors.key collate "C") as rank
          from widget_performance_minutes minutes cross join lateral jsonb_each_text(minutes.errors_by_type) errors
          where ${condition} and minutes.type = any($${values.length + 1}::text[]) and minutes.errors_by_type <> '{}'
          group by minutes.type, errors.key
        ) ranked
      ) named
      group by named.type, named.error_type
      order by sum(named.count) desc, named.error_type collate "C"`,
    values: [...values, types],
  });
  const countsOf = (type: Type): ErrorCounts =>
    Object.fromEntries(rows.filter((row) => row.type === type).map(({ error_type, count }) => [error_type, count]));
  return Object.fromEntries(types.map((type) => [type, countsOf(type)])) as Record<Type, ErrorCounts>;
}

/** One minute of one chatbot and operation, as it is exported. */
export interface MinuteSeries extends Record<string, unknown> {
  minute: Date;
  chatbotId: string;
  operation: string;
  count: number;
  errors: number;
  sum: number;
  min: number;
  max: number;
  zeroCount: number;
  slow: number;
  cached: number;
  preserved: number;
  items: number;
  size: number;
  jank: number;
  frames: number;
  buckets: Buckets;
}

/** The minutes of one type, ascending by minute, chatbot and operation. */
export async function* readMinutes(db: Queryable, scope: Scope, window: MinuteWindow, type: MetricType): AsyncGenerator<MinuteSeries[]> {
  // Every page sorts what it is taken from: the minutes of all organizations are taken one by one.
  const parts = scope === 'all' ? minutesOf(window) : [window];
  for (const part of parts) {
    const { condition, values } = scoped('minutes', scope, part);
    yield* readInPages<MinuteSeries>(db, {
      columns: `
        minutes.minute, minutes.chatbot_id as "chatbotId", minutes.operation, minutes.count, minutes.error_count as errors,
        minutes.value_sum as sum, minutes.value_min as min, minutes.value_max as max, minutes.zero_count as "zeroCount",
        minutes.slow_count as slow, minutes.cached_count as cached, minutes.preserved_count as preserved, minutes.items_sum as items,
        minutes.size_sum as size, minutes.jank_sum as jank, minutes.frames_sum as frames,
        (
          select coalesce(json_agg(json_build_array(buckets.bucket, buckets.count) order by buckets.bucket), '[]')
          from widget_performance_buckets buckets
          where buckets.org_id = minutes.org_id and buckets.chatbot_id = minutes.chatbot_id and buckets.minute = minutes.minute
            and buckets.minute >= $1 and buckets.minute < $2
            and buckets.type = minutes.type and buckets.operation = minutes.operation
        ) as buckets`,
      from: 'widget_performance_minutes minutes',
      where: `${condition} and minutes.type = $${values.length + 1}`,
      key: ['minutes.minute', 'minutes.chatbot_id', 'minutes.operation collate "C"'],
      values: [...values, type],
    });
  }
}

function* minutesOf({ from, to }: MinuteWindow): Generator<MinuteWindow> {
  for (let at = from.getTime(); at < to.getTime(); at += minuteMs) yield { from: new Date(at), to: new Date(at + minuteMs) };
}

/** Renders of an organization since a moment: how many, and their average time. */
export async function readRenderAverage(db: Queryable, orgId: number, window: MinuteWindow): Promise<{ count: number; averageMs: number }> {
  const { render } = await readTotals(db, { orgId, chatbotIds: await readChatbotIds(db, orgId) }, window, []);
  return { count: render.count, averageMs: render.count === 0 ? 0 : render.sum / render.count };
}

export interface Baseline {
  renderAvgMs: number;
  sampleCount: number;
  capturedAt: Date;
  capturedBy: string;
}

/** Replaces the baseline of an organization. */
export async function replaceBaseline(db: Queryable, orgId: number, baseline: Baseline): Promise<void> {
  await db.query(
    `insert into widget_performance_baselines as baseline (org_id, render_avg_ms, sample_count, captured_at, captured_by)
     values ($1, $2, $3, $4, $5)
     on conflict (org_id) do update set
       render_avg_ms = excluded.render_avg_ms, sample_count = excluded.sample_count, captured_at = excluded.captured_at,
       captured_by = excluded.captured_by`,
    [orgId, baseline.renderAvgMs, baseline.sampleCount, baseline.capturedAt, baseline.capturedBy],
  );
}
