import type { Queryable } from '../../platform/postgres/pool.ts';
import type { UtcDay } from '../../platform/time/utc-day.ts';
import { trafficSources } from './traffic-source.ts';

/** All properties together; in every figure. Source: contracts/marketing.md, Jobs. */
export const everyProperty = 'default';
export const discrepancyJob = 'rollups-discrepancy';

export interface RollupState {
  propertyId: string;
  newestDay: UtcDay;
  generatedAt: Date;
  /** Of yesterday; undefined without a rollup of it. */
  yesterday: { uniqueVisitors: number; pageViews: number; newLeads: number; accepted: number; rejected: number } | undefined;
}

/** Freshness and yesterday's figures of the properties that have a rollup. */
export async function readRollupStates(db: Queryable, properties: readonly string[], yesterday: UtcDay): Promise<RollupState[]> {
  const { rows } = await db.query<{
    property_id: string;
    day: UtcDay;
    generated_at: Date;
    has_yesterday: boolean;
    unique_visitors: number;
    total_page_views: number;
    new_leads: number;
    events_accepted: number | null;
    events_rejected: number | null;
  }>(
    `select
       newest.property_id, newest.day, newest.generated_at, metrics.id is not null as has_yesterday,
       metrics.unique_visitors, metrics.total_page_views, metrics.new_leads, ingest.events_accepted, ingest.events_rejected
     from unnest($1::text[]) given (property_id)
     cross join lateral (
       select rollups.property_id, rollups.day, rollups.generated_at
       from marketing.daily_metric_rollups rollups
       where rollups.property_id = given.property_id
       order by rollups.day desc
       limit 1
     ) newest
     left join marketing.daily_metric_rollups metrics on metrics.property_id = newest.property_id and metrics.day = $2
     left join marketing.daily_ingest_rollups ingest on ingest.property_id = newest.property_id and ingest.day = $2`,
    [properties, yesterday],
  );
  return rows.map((row) => ({
    propertyId: row.property_id,
    newestDay: row.day,
    generatedAt: row.generated_at,
    yesterday: row.has_yesterday
      ? {
          uniqueVisitors: row.unique_visitors,
          pageViews: row.total_page_views,
          newLeads: row.new_leads,
          accepted: row.events_accepted ?? 0,
          rejected: row.events_rejected ?? 0,
        }
      : undefined,
  }));
}

/** Mismatching values by property, of the last run of the job. Empty before the first. */
export async function readLastDiscrepancies(db: Queryable): Promise<Map<string, number>> {
  const { rows } = await db.query<{ result: { mismatches?: Record<string, number> } | null }>(
    `select runs.result from job_runs runs
     where runs.job = $1 and runs.status = 'succeeded'
     order by runs.started_at desc
     limit 1`,
    [discrepancyJob],
  );
  return new Map(Object.entries(rows[0]?.result?.mismatches ?? {}));
}

export interface DayTotals {
  uniqueVisitors: number;
  returningVisitors: number;
  pageViews: number;
  entranceSessions: number;
  convertedSessions: number;
  formStarts: number;
  formSubmits: number;
  newLeads: number;
  captureCount: number;
  captureSumMs: number;
  accepted: number;
  rejected: number;
  /** Sum over the days with a percentile of it times accepted events, and of these events. */
  ttfbWeighted: number;
  ttfbEvents: number;
  sources: Readonly<Record<string, number>>;
}

export interface DayWindow {
  from: UtcDay;
  to: UtcDay;
}

const bothTables = `(
  select
    metrics.property_id, metrics.day, metrics.unique_visitors, metrics.returning_visitors, metrics.total_page_views,
    metrics.entrance_sessions, metrics.converted_sessions, metrics.form_starts, metrics.form_submits, metrics.new_leads,
    metrics.time_to_first_capture_count, metrics.time_to_first_capture_sum_ms, metrics.traffic_source_breakdown, metrics.generated_at,
    ingest.events_accepted, ingest.events_rejected, ingest.p95_ttfb_ms
  from marketing.daily_metric_rollups metrics
  left join marketing.daily_ingest_rollups ingest on ingest.property_id = metrics.property_id and ingest.day = metrics.day
)`;
const materializedView = 'marketing.metrics_daily_summary_mv';

export type SummarySource = 'table' | 'materialized_view';

/** What the summary reads from; the tables where there is no materialized view. */
export async function usableSource(db: Queryable, source: SummarySource): Promise<SummarySource> {
  if (source === 'table') return 'table';
  const { rows } = await db.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [materializedView]);
  return rows[0]?.exists === true ? 'materialized_view' : 'table';
}

const relationOf = (source: SummarySource): string => (source === 'table' ? bothTables : materializedView);

/** Sums over the days of each window. */
export async function readTotals(
  db: Queryable,
  { propertyId, windows, source }: { propertyId: string; windows: readonly DayWindow[]; source: SummarySource },
): Promise<DayTotals[]> {
  const { rows } = await db.query<{ totals: DayTotals }>({
    name: `marketing_totals_${source}`,
    text: `
      select json_build_object(
        'uniqueVisitors', coalesce(sum(daily.unique_visitors), 0),
        'returningVisitors', coalesce(sum(daily.returning_visitors), 0),
        'pageViews', coalesce(sum(daily.total_page_views), 0),
        'entranceSessions', coalesce(sum(daily.entrance_sessions), 0),
        'convertedSessions', coalesce(sum(daily.converted_sessions), 0),
        'formStarts', coalesce(sum(daily.form_starts), 0),
        'formSubmits', coalesce(sum(daily.form_submits), 0),
        'newLeads', coalesce(sum(daily.new_leads), 0),
        'captureCount', coalesce(sum(daily.time_to_first_capture_count), 0),
        'captureSumMs', coalesce(sum(daily.time_to_first_capture_sum_ms), 0),
        'accepted', coalesce(sum(daily.events_accepted), 0),
        'rejected', coalesce(sum(daily.events_rejected), 0),
        'ttfbWeighted', coalesce(sum(daily.p95_ttfb_ms::bigint * daily.events_accepted), 0),
        'ttfbEvents', coalesce(sum(daily.events_accepted) filter (where daily.p95_ttfb_ms is not null), 0),
        'sources', json_build_object(${trafficSources
          .map((name) => `'${name}', coalesce(sum((daily.traffic_source_breakdown ->> '${name}')::bigint), 0)`)
          .join(', ')})
      ) as totals
      from unnest($2::date[], $3::date[]) with ordinality as asked (first_day, last_day, position)
      left join ${relationOf(source)} daily on daily.property_id = $1 and daily.day between asked.first_day and asked.last_day
      group by asked.position
      order by asked.position`,
    values: [propertyId, windows.map(({ from }) => from), windows.map(({ to }) => to)],
  });
  return rows.map(({ totals }) => totals);
}

/**
 * Distinct visitors of each window: each is counted on its first day in it. Looked up day by day: most gaps of a long window lie within it,
 * and are not read at all.
 */
export async function countWindowVisitors(db: Queryable, propertyId: string, windows: readonly DayWindow[]): Promise<number[]> {
  const { rows } = await db.query<{ visitors: number }>({
    name: 'marketing_window_visitors',
    text: `
      select coalesce(sum(first_ones.visitors), 0)::bigint as visitors
      from unnest($2::date[], $3::date[]) with ordinality as asked (first_day, last_day, position)
      cross join lateral (
        select listed::date as day from generate_series(asked.first_day, asked.last_day, interval '1 day') listed
      ) days
      left join lateral (
        select gaps.visitors from marketing.daily_visitor_gaps gaps
        where gaps.property_id = $1 and gaps.day = days.day and gaps.prev_day < asked.first_day
        union all
        select gaps.visitors from marketing.daily_visitor_gaps gaps
        where gaps.property_id = $1 and gaps.day = days.day and gaps.prev_day is null
      ) first_ones on true
      group by asked.position
      order by asked.position`,
    values: [propertyId, windows.map(({ from }) => from), windows.map(({ to }) => to)],
  });
  return rows.map(({ visitors }) => visitors);
}

export interface TrendDay {
  day: UtcDay;
  uniqueVisitors: number;
  pageViews: number;
  newLeads: number;
}

/** One row for every day of the window, zeros where there is no rollup. */
export async function readTrend(
  db: Queryable,
  { propertyId, window, source }: { propertyId: string; window: DayWindow; source: SummarySource },
): Promise<TrendDay[]> {
  const { rows } = await db.query<{ day: UtcDay; unique_visitors: number; total_page_views: number; new_leads: number }>({
    name: `marketing_trend_${source}`,
    text: `
     select days.day, coalesce(daily.unique_visitors, 0) as unique_visitors,
       coalesce(daily.total_page_views, 0) as total_page_views, coalesce(daily.new_leads, 0) as new_leads
     from (select listed::date as day from generate_series($2::date, $3::date, interval '1 day') listed) days
     left join ${relationOf(source)} daily on daily.property_id = $1 and daily.day = days.day
     order by days.day`,
    values: [propertyId, window.from, window.to],
  });
  return rows.map((row) => ({
    day: row.day,
    uniqueVisitors: row.unique_visitors,
    pageViews: row.total_page_views,
    newLeads: row.new_leads,
  }));
}

/** The newest day with a rollup; undefined when there is none. */
export async function readFreshness(
  db: Queryable,
  { propertyId, source }: { propertyId: string; source: SummarySource },
): Promise<{ day: UtcDay; generatedAt: Date } | undefined> {
  const { rows } = await db.query<{ day: UtcDay; generated_at: Date }>({
    name: `marketing_freshness_${source}`,
    text: `
      select daily.day, daily.generated_at from ${source === 'table' ? 'marketing.daily_metric_rollups' : materializedView} daily
      where daily.property_id = $1 order by daily.day desc limit 1`,
    values: [propertyId],
  });
  const [newest] = rows;
  return newest === undefined ? undefined : { day: newest.day, generatedAt: newest.generated_at };
}

export interface PropertyStatus {
  propertyId: string;
  metricRows: number;
  ingestRows: number;
  firstDay: UtcDay;
  rolledUpThrough: UtcDay;
  generatedAt: Date;
}

/** Of every property with rollups. */
export async function readPropertyStatuses(db: Queryable): Promise<PropertyStatus[]> {
  const { rows } = await db.query<{
    property_id: string;
    metric_rows: number;
    ingest_rows: number;
    first_day: UtcDay;
    last_day: UtcDay;
    generated_at: Date;
  }>(
    `select metrics.property_id, count(*) as metric_rows, count(ingest.id) as ingest_rows, min(metrics.day) as first_day,
       max(metrics.day) as last_day, (array_agg(metrics.generated_at order by metrics.day desc))[1] as generated_at
     from marketing.daily_metric_rollups metrics
     left join marketing.daily_ingest_rollups ingest on ingest.property_id = metrics.property_id and ingest.day = metrics.day
     group by metrics.property_id
     order by metrics.property_id collate "C"`,
  );
  return rows.map((row) => ({
    propertyId: row.property_id,
    metricRows: row.metric_rows,
    ingestRows: row.ingest_rows,
    firstDay: row.first_day,
    rolledUpThrough: row.last_day,
    generatedAt: row.generated_at,
  }));
}

export interface Discrepancy {
  propertyId: string;
  day: UtcDay;
  value: 'events_accepted' | 'events_rejected' | 'total_page_views' | 'rollup';
  /** Null when the day has no rollup. */
  rolledUp: number | null;
  /** Null where nothing was counted, since there is no rollup to count for. */
  raw: number | null;
}

/** The first day of a property that was ever rolled up and is still kept. */
export async function readFirstRollupDay(db: Queryable, propertyId: string): Promise<UtcDay | undefined> {
  const { rows } = await db.query<{ day: UtcDay | null }>(
    'select min(rollups.day) as day from marketing.daily_metric_rollups rollups where rollups.property_id = $1',
    [propertyId],
  );
  return rows[0]?.day ?? undefined;
}

/** Values of the rollups of these days that differ from the raw rows which had been received when they were made. */
export async function readDiscrepancies(
  db: Queryable,
  { propertyId, from, to }: { propertyId: string } & DayWindow,
): Promise<Discrepancy[]> {
  const { rows } = await db.query<{
    day: UtcDay;
    is_missing: boolean;
    events_accepted: number | null;
    events_rejected: number | null;
    total_page_views: number | null;
    raw_accepted: number;
    raw_rejected: number;
    raw_page_views: number;
  }>(
    `select days.day, metrics.id is null or ingest.id is null as is_missing,
       ingest.events_accepted, ingest.events_rejected, metrics.total_page_views,
       raw.accepted as raw_accepted, refused.rejected as raw_rejected, raw.page_views as raw_page_views
     from (select listed::date as day from generate_series($2::date, $3::date, interval '1 day') listed) days
     left join marketing.daily_metric_rollups metrics on metrics.property_id = $1 and metrics.day = days.day
     left join marketing.daily_ingest_rollups ingest on ingest.property_id = $1 and ingest.day = days.day
     cross join lateral (
       select count(*) as accepted, count(*) filter (where events.event_type = 'page_view') as page_views
       from marketing.events events
       where events.occurred_on = days.day and ($1 = '${everyProperty}' or events.property_id = $1)
         and events.received_at <= metrics.generated_at
     ) raw
     cross join lateral (
       select count(*) as rejected
       from marketing.ingest_rejections rejections
       where rejections.occurred_at >= days.day::timestamp at time zone 'UTC'
         and rejections.occurred_at < (days.day + 1)::timestamp at time zone 'UTC'
         and ($1 = '${everyProperty}' or rejections.property_id = $1)
         and rejections.endpoint = '/v1/events' and rejections.occurred_at <= ingest.generated_at
     ) refused
     order by days.day`,
    [propertyId, from, to],
  );
  return rows.flatMap((row): Discrepancy[] => {
    const { day } = row;
    if (row.is_missing) return [{ propertyId, day, value: 'rollup', rolledUp: null, raw: null }];
    const compared = [
      { value: 'events_accepted', rolledUp: row.events_accepted, raw: row.raw_accepted },
      { value: 'events_rejected', rolledUp: row.events_rejected, raw: row.raw_rejected },
      { value: 'total_page_views', rolledUp: row.total_page_views, raw: row.raw_page_views },
    ] as const;
    return compared.filter(({ rolledUp, raw }) => rolledUp !== raw).map((values) => ({ propertyId, day, ...values }));
  });
}
