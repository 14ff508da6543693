import { labelText, type Sample, type SeriesFamily } from '../../platform/metrics/exposition.ts';
import type { Admission, OrgSeriesSource } from '../../platform/metrics/org-series.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import type { LogBucketCounts } from '../../platform/sketch/log-buckets.ts';
import { addDays, startOfUtcDay, type UtcDay } from '../../platform/time/utc-day.ts';
import type { ErrorType, OperationName } from './catalogue.ts';
import { orderStatuses, orgMetrics, priorities } from './metrics.ts';
import type { OrgCounts, OrgWithStores } from './org-counts.ts';

/** Which operations a question is about. Days are UTC, the last one included. */
export interface UsageFilter {
  orgId: number;
  first: UtcDay;
  last: UtcDay;
  domain?: string | undefined;
  operation?: OperationName | undefined;
}

/** Stands for all of them in the rows of totals. */
const all = '*';

/** Named one by one, days are looked up one by one: as a range, every shop and operation in between would be read. */
function daysOf({ first, last }: Pick<UsageFilter, 'first' | 'last'>): UtcDay[] {
  const days: UtcDay[] = [];
  for (let day = first; day <= last; day = addDays(day, 1)) days.push(day);
  return days;
}

const keyOf = (filter: UsageFilter): unknown[] => [filter.orgId, daysOf(filter), filter.domain ?? all, filter.operation ?? all];

/** Totals of a period, with its durations as log buckets. All zero when nothing happened. */
export interface UsageTotals {
  count: number;
  successCount: number;
  durationSumMs: number;
  durations: LogBucketCounts;
}

interface TotalsRow extends Record<string, unknown> {
  count: number;
  success_count: number;
  duration_sum_ms: number;
  zero_count: number;
  min_ms: number;
  max_ms: number;
  buckets: [number, number][];
}

export async function readUsageTotals(db: Queryable, filter: UsageFilter): Promise<UsageTotals> {
  const { rows } = await db.query<TotalsRow>({
    name: 'woocommerce_usage_totals',
    text: `
      select
        coalesce(sum(daily.count), 0)::bigint as count,
        coalesce(sum(daily.success_count), 0)::bigint as success_count,
        coalesce(sum(daily.duration_sum_ms), 0)::bigint as duration_sum_ms,
        coalesce(sum(daily.zero_count), 0)::bigint as zero_count,
        coalesce(min(daily.duration_min_ms), 0) as min_ms,
        coalesce(max(daily.duration_max_ms), 0) as max_ms,
        (
          select coalesce(json_agg(json_build_array(summed.bucket, summed.count) order by summed.bucket), '[]')
          from (
            select buckets.bucket, sum(buckets.count) as count
            from woocommerce_usage_buckets buckets
            where buckets.org_id = $1 and buckets.day = any($2::date[]) and buckets.domain = $3 and buckets.operation = $4
            group by buckets.bucket
          ) summed
        ) as buckets
      from woocommerce_usage_daily daily
      where daily.org_id = $1 and daily.day = any($2::date[]) and daily.domain = $3 and daily.operation = $4`,
    values: keyOf(filter),
  });
  const [row] = rows;
  return {
    count: row?.count ?? 0,
    successCount: row?.success_count ?? 0,
    durationSumMs: row?.duration_sum_ms ?? 0,
    durations: { zeroCount: row?.zero_count ?? 0, buckets: row?.buckets ?? [], min: row?.min_ms ?? 0, max: row?.max_ms ?? 0 },
  };
}

/** Operations of a period by name, most frequent first, then by name. */
export async function readOperationCounts(db: Queryable, filter: UsageFilter): Promise<[OperationName, number][]> {
  const { rows } = await db.query<{ operation: OperationName; count: number }>({
    name: 'woocommerce_operation_counts',
    text: `
      select daily.operation, sum(daily.count)::bigint as count
      from woocommerce_usage_daily daily
      where daily.org_id = $1 and daily.day = any($2::date[]) and daily.domain = $3
        and case when $4 = '${all}' then daily.operation <> '${all}' else daily.operation = $4 end
      group by daily.operation
      order by sum(daily.count) desc, daily.operation collate "C"`,
    values: keyOf(filter),
  });
  return rows.map(({ operation, count }) => [operation, count]);
}

/** Failures of a period by error type, most frequent first, then by name. */
export async function readErrorCounts(db: Queryable, filter: UsageFilter): Promise<[ErrorType, number][]> {
  const { rows } = await db.query<{ error_type: ErrorType; count: number }>({
    name: 'woocommerce_error_counts',
    text: `
      select errors.key as error_type, sum(errors.value::bigint)::bigint as count
      from woocommerce_usage_daily daily cross join lateral jsonb_each_text(daily.errors_by_type) errors
      where daily.org_id = $1 and daily.day = any($2::date[]) and daily.domain = $3 and daily.operation = $4
      group by errors.key
      order by sum(errors.value::bigint) desc, errors.key collate "C"`,
    values: keyOf(filter),
  });
  return rows.map(({ error_type, count }) => [error_type, count]);
}

/** An operation as it was stored. */
export interface StoredOperation extends Record<string, unknown> {
  id: string;
  operation: OperationName;
  duration_ms: number;
  success: boolean;
  error_type: ErrorType | null;
  error_message: string | null;
  domain: string;
  customer_config_id: string | null;
  user_agent: string | null;
  created_at: Date;
}

/**
 * The newest operations of a period, newest first, ties by id. The totals say how many days back they reach and which shops they belong
 * to; each shop's newest ones are then read from the index and merged. So a shop that is asked about once a month costs no more than a busy one.
 */
export async function readNewestOperations(db: Queryable, filter: UsageFilter, limit: number): Promise<StoredOperation[]> {
  const { rows: reach } = await db.query<{ first: UtcDay | null }>({
    name: 'woocommerce_newest_reach',
    text: `
      select min(counted.day) as first
      from (
        select daily.day, sum(daily.count) over (order by daily.day desc) - daily.count as newer
        from woocommerce_usage_daily daily
        where daily.org_id = $1 and daily.day = any($2::date[]) and daily.domain = $3 and daily.operation = $4
      ) counted
      where counted.newer < $5`,
    values: [...keyOf(filter), limit],
  });
  const first = reach[0]?.first ?? null;
  if (first === null) return [];
  const { rows } = await db.query<StoredOperation>({
    name: 'woocommerce_newest_operations',
    text: `
      select newest.*
      from (
        select distinct daily.domain
        from woocommerce_usage_daily daily
        where daily.org_id = $1 and daily.day = any($2::date[]) and daily.operation = $4
          and case when $3 = '${all}' then daily.domain <> '${all}' else daily.domain = $3 end
      ) shop
      cross join lateral (
        select stored.id, stored.operation, stored.duration_ms, stored.success, stored.error_type, stored.error_message, stored.domain,
          stored.customer_config_id, stored.user_agent, stored.created_at
        from woocommerce_usage_metrics stored
        where stored.org_id = $1 and stored.domain = shop.domain
          and stored.metric_date >= $6 and stored.metric_date < $7 and stored.created_at >= $8 and stored.created_at < $9
          and ($4 = '${all}' or stored.operation = $4)
        order by stored.created_at desc, stored.id
        limit $5
      ) newest
      order by newest.created_at desc, newest.id
      limit $5`,
    values: [
      filter.orgId,
      daysOf({ first, last: filter.last }),
      filter.domain ?? all,
      filter.operation ?? all,
      limit,
      first,
      addDays(filter.last, 1),
      startOfUtcDay(first),
      startOfUtcDay(addDays(filter.last, 1)),
    ],
  });
  return rows;
}

/** Failures of one type: where and when they happened, and what they said. */
export interface ErrorGroup {
  errorType: ErrorType;
  count: number;
  firstSeen: Date;
  lastSeen: Date;
  operations: { operation: OperationName; count: number }[];
  domains: { domain: string; count: number }[];
  messages: { message: string; count: number }[];
}

interface ErrorGroupRow extends Record<string, unknown> {
  error_type: ErrorType;
  count: number;
  first_seen: Date;
  last_seen: Date;
  operations: ErrorGroup['operations'];
  domains: ErrorGroup['domains'];
  messages: ErrorGroup['messages'];
}

/** Most shops and messages of a group. */
export const topDomains = 10;
export const topMessages = 3;

/** Failures of a period by type, most frequent first. Runs of digits in messages are folded to `#`, so that order numbers do not scatter them. */
export async function readErrorGroups(db: Queryable, filter: UsageFilter): Promise<ErrorGroup[]> {
  const top = (what: 'operation' | 'domain' | 'message', limit?: number): string => `
    (select coalesce(json_agg(json_build_object('${what}', top.${what}, 'count', top.count)
       order by top.count desc, top.${what} collate "C"), '[]')
     from (
       select failed.${what}, count(*) as count from failed
       where failed.error_type = grouped.error_type and failed.${what} is not null
       group by failed.${what}
       order by count(*) desc, failed.${what} collate "C"
       ${limit === undefined ? '' : `limit ${limit}`}
     ) top)`;
  const { rows } = await db.query<ErrorGroupRow>({
    name: 'woocommerce_error_groups',
    text: `
      with failed as materialized (
        select stored.error_type, stored.operation, stored.domain, stored.created_at,
          regexp_replace(stored.error_message, '[0-9]+', '#', 'g') as message
        from woocommerce_usage_metrics stored
        where stored.org_id = $1 and not stored.success
          and stored.metric_date >= $2 and stored.metric_date < $3 and stored.created_at >= $4 and stored.created_at < $5
          and ($6 = '${all}' or stored.domain = $6) and ($7 = '${all}' or stored.operation = $7)
      ),
      grouped as (
        select failed.error_type, count(*) as count, min(failed.created_at) as first_seen, max(failed.created_at) as last_seen
        from failed group by failed.error_type
      )
      select grouped.*, ${top('operation')} as operations, ${top('domain', topDomains)} as domains, ${top('message', topMessages)} as messages
      from grouped
      order by grouped.count desc, grouped.error_type collate "C"`,
    values: [
      filter.orgId,
      filter.first,
      addDays(filter.last, 1),
      startOfUtcDay(filter.first),
      startOfUtcDay(addDays(filter.last, 1)),
      filter.domain ?? all,
      filter.operation ?? all,
    ],
  });
  return rows.map(({ error_type, first_seen, last_seen, ...group }) => ({
    ...group,
    errorType: error_type,
    firstSeen: first_seen,
    lastSeen: last_seen,
  }));
}

/** A shop that an organization has set up, with its sealed credentials. */
export interface StoreConfig extends Record<string, unknown> {
  id: string;
  org_id: number;
  domain: string;
  woocommerce_url: string;
  consumer_key_enc: Buffer | null;
  consumer_secret_enc: Buffer | null;
}

/** Shops of one organization that have a URL, by domain. */
export async function readStoreConfigs(db: Queryable, orgId: number, domain?: string): Promise<StoreConfig[]> {
  const { rows } = await db.query<StoreConfig>(
    `select configs.id, configs.org_id, configs.domain, configs.woocommerce_url, configs.consumer_key_enc, configs.consumer_secret_enc
     from customer_configs configs
     where configs.org_id = $1 and configs.woocommerce_url is not null and ($2::text is null or configs.domain = $2)
     order by configs.domain collate "C"`,
    [orgId, domain ?? null],
  );
  return rows;
}

/** The current state of one shop, as the jobs left it. */
interface StoreStatusRow extends Record<string, unknown> {
  org: string;
  domain: string;
  checked_at: Date;
  status: 'healthy' | 'error';
  response_time_ms: number;
  kpis_at: Date | null;
  currency: string | null;
  orders: Record<string, number> | null;
  revenue_today: string | null;
  revenue_yesterday: string | null;
  orders_today: number | null;
  low_stock_critical: number | null;
  low_stock_warning: number | null;
  abandoned: Record<string, { count: number; value: number }> | null;
}

const pageSize = 200;

/** The org-scoped series of this slice: operations as counted here, shops as the jobs found them. Gauges of shops have no overflow. */
export function storeOrgSeries(counts: OrgCounts): OrgSeriesSource {
  /** Pages of organizations as they were found last. */
  let found: (readonly OrgWithStores[])[] = [];
  return {
    name: 'woocommerce',
    families: Object.values(orgMetrics),
    read: async function* (db, admission) {
      const pages: (readonly OrgWithStores[])[] = [];
      let afterId = 0;
      for (;;) {
        const page = await readOrgsWithStores(db, admission, afterId);
        pages.push(page);
        yield counts.families(page);
        yield storeFamilies(await readStoreStates(db, page));
        const last = page.at(-1);
        if (last === undefined || page.length < pageSize) break;
        afterId = last.id;
      }
      found = pages;
      if (admission.overflow > 0) yield counts.overflow(admission);
    },
    counted: function* (admission) {
      for (const page of found) yield counts.families(page);
      if (admission.overflow > 0) yield counts.overflow(admission);
    },
  };
}

/** A page of admitted organizations that use the slice: they have a shop set up, or operations were stored for them. */
async function readOrgsWithStores(db: Queryable, admission: Admission, afterId: number): Promise<OrgWithStores[]> {
  const { rows } = await db.query<OrgWithStores & Record<string, unknown>>({
    name: 'woocommerce_orgs_with_stores',
    text: `
      select organizations.id, organizations.key, array(
        select configs.domain from customer_configs configs where configs.org_id = organizations.id order by configs.domain
      ) as stores
      from organizations
      where organizations.is_active and organizations.id > $1 and organizations.id <= $2 and (
        exists (select from customer_configs configs where configs.org_id = organizations.id)
        or exists (select from woocommerce_usage_daily daily where daily.org_id = organizations.id)
      )
      order by organizations.id
      limit ${pageSize}`,
    values: [afterId, admission.lastId],
  });
  return rows;
}

async function readStoreStates(db: Queryable, organizations: readonly OrgWithStores[]): Promise<StoreStatusRow[]> {
  if (organizations.every(({ stores }) => stores.length === 0)) return [];
  const { rows } = await db.query<StoreStatusRow>({
    name: 'woocommerce_store_states',
    text: `
      select organizations.key as org, states.domain, states.checked_at, states.status, states.response_time_ms, states.kpis_at, states.currency,
        states.orders, states.revenue_today, states.revenue_yesterday, states.orders_today, states.low_stock_critical,
        states.low_stock_warning, states.abandoned
      from woocommerce_store_status states
      join organizations on organizations.id = states.org_id
      -- A shop whose URL was taken away is checked no more: its last state would stand for ever.
      join customer_configs configs on configs.id = states.customer_config_id and configs.woocommerce_url is not null
      where states.org_id = any($1::bigint[])
      order by states.org_id, states.domain`,
    values: [organizations.map(({ id }) => id)],
  });
  return rows;
}

function storeFamilies(states: readonly StoreStatusRow[]): SeriesFamily[] {
  const labelsOf = ({ org, domain }: StoreStatusRow, more: Record<string, string> = {}): Sample['labels'] =>
    labelText({ org, store: domain, ...more });
  const each = (value: (state: StoreStatusRow) => number | null): Sample[] =>
    states.flatMap((state) => {
      const number = value(state);
      return number === null ? [] : [{ labels: labelsOf(state), value: number }];
    });
  const inCurrency = (value: (state: StoreStatusRow) => string | null): Sample[] =>
    states.flatMap((state) => {
      const number = value(state);
      return number === null ? [] : [{ labels: labelsOf(state, { currency: currencyLabel(state) }), value: Number(number) }];
    });
  const withFigures = states.filter(({ kpis_at }) => kpis_at !== null);
  return [
    { definition: orgMetrics.storeUp, series: each(({ status }) => Number(status === 'healthy')) },
    { definition: orgMetrics.storeResponse, series: each(({ response_time_ms }) => response_time_ms / 1000) },
    { definition: orgMetrics.storeChecked, series: each(({ checked_at }) => checked_at.getTime() / 1000) },
    { definition: orgMetrics.storeKpisRead, series: each(({ kpis_at }) => (kpis_at === null ? null : kpis_at.getTime() / 1000)) },
    {
      definition: orgMetrics.storeOrders,
      series: withFigures.flatMap((state) =>
        orderStatuses.map((status) => ({ labels: labelsOf(state, { status }), value: state.orders?.[status] ?? 0 })),
      ),
    },
    { definition: orgMetrics.revenueToday, series: inCurrency(({ revenue_today }) => revenue_today) },
    { definition: orgMetrics.revenueYesterday, series: inCurrency(({ revenue_yesterday }) => revenue_yesterday) },
    { definition: orgMetrics.ordersToday, series: each(({ orders_today }) => orders_today) },
    {
      definition: orgMetrics.lowStock,
      series: withFigures.flatMap((state) => [
        { labels: labelsOf(state, { urgency: 'critical' }), value: state.low_stock_critical ?? 0 },
        { labels: labelsOf(state, { urgency: 'warning' }), value: state.low_stock_warning ?? 0 },
      ]),
    },
    {
      definition: orgMetrics.abandonedOrders,
      series: withFigures.flatMap((state) =>
        priorities.map((priority) => ({ labels: labelsOf(state, { priority }), value: state.abandoned?.[priority]?.count ?? 0 })),
      ),
    },
    {
      definition: orgMetrics.abandonedValue,
      series: withFigures.flatMap((state) =>
        priorities.map((priority) => ({
          labels: labelsOf(state, { priority, currency: currencyLabel(state) }),
          value: state.abandoned?.[priority]?.value ?? 0,
        })),
      ),
    },
  ];
}

function currencyLabel({ currency }: StoreStatusRow): string {
  return currency !== null && /^[A-Z]{3}$/.test(currency) ? currency : 'other';
}

const archivePageSize = 2000;

/** Every stored operation of a span of days as a line of JSON, in the order of the primary key, a page at a time. */
export async function* readOperationsBetween(db: Queryable, fromInclusive: UtcDay, toExclusive: UtcDay): AsyncGenerator<string[]> {
  let after: [number, UtcDay, string] = [0, fromInclusive, '00000000-0000-0000-0000-000000000000'];
  for (;;) {
    const { rows } = await db.query<{ org_id: number; metric_date: UtcDay; id: string; line: string }>(
      `select stored.org_id, stored.metric_date, stored.id, row_to_json(stored.*)::text as line
       from woocommerce_usage_metrics stored
       where stored.metric_date >= $1 and stored.metric_date < $2 and (stored.org_id, stored.metric_date, stored.id) > ($3, $4, $5)
       order by stored.org_id, stored.metric_date, stored.id
       limit ${archivePageSize}`,
      [fromInclusive, toExclusive, ...after],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(({ line }) => line);
    after = [last.org_id, last.metric_date, last.id];
  }
}

/** A shop with what is known of its last checks. */
export interface WatchedStore extends StoreConfig {
  updated_at: Date;
  checked_at: Date | null;
  status: 'healthy' | 'error' | null;
  failures: number | null;
  kpis_tried_at: Date | null;
  kpi_failures: number | null;
}

/** Shops of all active organizations that have a URL; those that have not answered lately come last, where they keep nobody waiting. */
export async function readWatchedStores(db: Queryable): Promise<WatchedStore[]> {
  const { rows } = await db.query<WatchedStore>(
    `select configs.id, configs.org_id, configs.domain, configs.woocommerce_url, configs.consumer_key_enc, configs.consumer_secret_enc,
       configs.updated_at, states.checked_at, states.status, states.failures,
       states.kpis_tried_at, states.kpi_failures
     from customer_configs configs
     join organizations on organizations.id = configs.org_id and organizations.is_active
     left join woocommerce_store_status states on states.org_id = configs.org_id and states.customer_config_id = configs.id
     where configs.woocommerce_url is not null
     order by coalesce(states.failures, 0), configs.org_id, configs.domain`,
  );
  return rows;
}
