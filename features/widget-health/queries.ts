import type { Admission, OrgSeriesSource } from '../../platform/metrics/org-series.ts';
import { overflowOrg } from '../../platform/metrics/org-series.ts';
import { labelText, type HistogramSample, type LabelText, type Sample, type SeriesFamily } from '../../platform/metrics/exposition.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';
import { bucketCounts } from './histogram.ts';
import { orgMetrics, statusLabels } from './metrics.ts';
import { healthStatus, type HealthCounters, type HealthStatus } from './status.ts';

/** Lifetime totals of one organization, with its rolling histogram. */
export interface HealthTotals extends HealthCounters {
  /** Counts of the seven buckets; all zero when the stored histogram is malformed. */
  counts: number[];
  /** Samples according to the counter beside the histogram. */
  totalCount: number;
  sumMs: number;
}

interface TotalsRow extends Record<string, unknown> {
  first_widget_embed_at: Date | null;
  last_widget_seen_at: Date | null;
  widget_loads_total: number | null;
  widget_load_failures_total: number | null;
  widget_domain_mismatch_total: number | null;
  widget_rt_buckets_json: unknown;
  widget_rt_total_count: number | null;
  widget_rt_sum_ms: number | null;
}

const totalsColumns = `totals.first_widget_embed_at, totals.last_widget_seen_at, totals.widget_loads_total, totals.widget_load_failures_total,
  totals.widget_domain_mismatch_total, totals.widget_rt_buckets_json, totals.widget_rt_total_count, totals.widget_rt_sum_ms`;

/** Totals of one organization; zeros when nothing was ever counted for it. */
export async function readHealthTotals(db: Queryable, orgId: number): Promise<HealthTotals> {
  const { rows } = await db.query<TotalsRow>(`select ${totalsColumns} from widget_health_totals totals where totals.org_id = $1`, [orgId]);
  return presentTotals(rows[0]);
}

function presentTotals(row: TotalsRow | undefined): HealthTotals {
  return {
    firstEmbedAt: row?.first_widget_embed_at ?? null,
    lastSeenAt: row?.last_widget_seen_at ?? null,
    loads: row?.widget_loads_total ?? 0,
    failures: row?.widget_load_failures_total ?? 0,
    mismatches: row?.widget_domain_mismatch_total ?? 0,
    counts: bucketCounts(row?.widget_rt_buckets_json),
    totalCount: row?.widget_rt_total_count ?? 0,
    sumMs: row?.widget_rt_sum_ms ?? 0,
  };
}

/** Sums over organizations stay in the range of a JSON number too. */
const largest = Number.MAX_SAFE_INTEGER;

export interface TopByFailures {
  orgKey: string;
  orgName: string;
  failuresTotal: number;
  loadsTotal: number;
  lastSeenAt: Date | null;
}

export interface TopByDomainMismatch {
  orgKey: string;
  orgName: string;
  domainMismatchTotal: number;
  lastSeenAt: Date | null;
}

export interface HealthSummary {
  orgsTotal: number;
  loadsTotal: number;
  failuresTotal: number;
  domainMismatchTotal: number;
  byStatus: Record<HealthStatus, number>;
  byLastSeen: { never: number; lt1h: number; lt24h: number; lt7d: number; gte7d: number };
}

/** One row per organization, inactive ones included, with the status rule of status.ts in SQL. $1 is now. */
const organizationHealth = `
  select
    organizations.key, organizations.name,
    totals.last_widget_seen_at as last_seen_at,
    coalesce(totals.widget_loads_total, 0) as loads,
    coalesce(totals.widget_load_failures_total, 0) as failures,
    coalesce(totals.widget_domain_mismatch_total, 0) as mismatches,
    case
      when totals.first_widget_embed_at is null or totals.last_widget_seen_at is null then 'NOT_CONNECTED'
      when $1::timestamptz - totals.last_widget_seen_at > interval '24 hours' then 'NEEDS_ATTENTION'
      when totals.widget_domain_mismatch_total > 0 then 'NEEDS_ATTENTION'
      when totals.widget_loads_total > 0 and totals.widget_load_failures_total * 20 >= totals.widget_loads_total then 'NEEDS_ATTENTION'
      else 'OK'
    end as status
  from organizations left join widget_health_totals totals on totals.org_id = organizations.id`;

/** Totals over all organizations: counts, sums, and how many have which status and age of the last load. */
export async function readHealthSummary(db: Queryable, now: Date): Promise<HealthSummary> {
  const { rows } = await db.query<Record<string, number>>(
    `with health as (${organizationHealth})
     select
       count(*) as orgs,
       least(coalesce(sum(health.loads), 0), ${largest})::bigint as loads,
       least(coalesce(sum(health.failures), 0), ${largest})::bigint as failures,
       least(coalesce(sum(health.mismatches), 0), ${largest})::bigint as mismatches,
       count(*) filter (where health.status = 'OK') as ok,
       count(*) filter (where health.status = 'NEEDS_ATTENTION') as needs_attention,
       count(*) filter (where health.status = 'NOT_CONNECTED') as not_connected,
       count(*) filter (where health.last_seen_at is null) as never,
       count(*) filter (where health.last_seen_at > $1::timestamptz - interval '1 hour') as lt1h,
       count(*) filter (where health.last_seen_at <= $1::timestamptz - interval '1 hour'
         and health.last_seen_at > $1::timestamptz - interval '24 hours') as lt24h,
       count(*) filter (where health.last_seen_at <= $1::timestamptz - interval '24 hours'
         and health.last_seen_at > $1::timestamptz - interval '168 hours') as lt7d,
       count(*) filter (where health.last_seen_at <= $1::timestamptz - interval '168 hours') as gte7d
     from health`,
    [now],
  );
  const row = rows[0] ?? {};
  const of = (name: string): number => row[name] ?? 0;
  return {
    orgsTotal: of('orgs'),
    loadsTotal: of('loads'),
    failuresTotal: of('failures'),
    domainMismatchTotal: of('mismatches'),
    byStatus: { OK: of('ok'), NEEDS_ATTENTION: of('needs_attention'), NOT_CONNECTED: of('not_connected') },
    byLastSeen: { never: of('never'), lt1h: of('lt1h'), lt24h: of('lt24h'), lt7d: of('lt7d'), gte7d: of('gte7d') },
  };
}

const topSize = 5;

/** Organizations with failures, most first; ties in byte order of their keys. */
export async function readTopByFailures(db: Queryable): Promise<TopByFailures[]> {
  const { rows } = await db.query<TopByFailures & Record<string, unknown>>(
    `select organizations.key as "orgKey", organizations.name as "orgName", totals.widget_load_failures_total as "failuresTotal",
       totals.widget_loads_total as "loadsTotal", totals.last_widget_seen_at as "lastSeenAt"
     from widget_health_totals totals join organizations on organizations.id = totals.org_id
     where totals.widget_load_failures_total > 0
     order by totals.widget_load_failures_total desc, organizations.key collate "C"
     limit ${topSize}`,
  );
  return rows;
}

/** Organizations with refusals by the allowlist, most first; ties in byte order of their keys. */
export async function readTopByDomainMismatch(db: Queryable): Promise<TopByDomainMismatch[]> {
  const { rows } = await db.query<TopByDomainMismatch & Record<string, unknown>>(
    `select organizations.key as "orgKey", organizations.name as "orgName", totals.widget_domain_mismatch_total as "domainMismatchTotal",
       totals.last_widget_seen_at as "lastSeenAt"
     from widget_health_totals totals join organizations on organizations.id = totals.org_id
     where totals.widget_domain_mismatch_total > 0
     order by totals.widget_domain_mismatch_total desc, organizations.key collate "C"
     limit ${topSize}`,
  );
  return rows;
}

/** Small enough that decoding a page does not hold the event loop. */
const pageSize = 200;

/** The org-scoped series of this slice: admitted organizations page by page, all others as sums. */
export function healthOrgSeries(now: () => Date): OrgSeriesSource {
  return {
    name: 'widget_health',
    families: Object.values(orgMetrics),
    read: async function* (db, admission) {
      yield* readAdmitted(db, admission, now);
      if (admission.overflow > 0) yield await readOverflow(db, admission);
    },
  };
}

/** The next page is read while one is rendered: a refresh then takes as long as the slower of the two, not as both. */
async function* readAdmitted(db: Queryable, admission: Admission, now: () => Date): AsyncGenerator<readonly SeriesFamily[]> {
  let next: Promise<AdmittedRow[]> | undefined = readPage(db, admission, 0);
  while (next !== undefined) {
    const rows: readonly AdmittedRow[] = await next;
    const last = rows.at(-1);
    next = last === undefined || rows.length < pageSize ? undefined : readPage(db, admission, last.id);
    // It may fail while nobody waits for it yet; whoever waits then is told.
    next?.catch(() => undefined);
    if (last !== undefined) {
      yield familiesOf(
        rows.map((row) => orgTotals(row.key, row)),
        now(),
      );
    }
  }
}

type AdmittedRow = TotalsRow & { id: number; key: string };

async function readPage(db: Queryable, admission: Admission, afterId: number): Promise<AdmittedRow[]> {
  const { rows } = await db.query<AdmittedRow>({
    // Prepared once per connection: the same statement runs fifty times per refresh at 10,000 organizations.
    name: 'widget_health_org_series',
    // The bound is said twice: without its own, every page would read the totals from the first organization on.
    text: `select organizations.id, organizations.key, ${totalsColumns}
      from organizations left join widget_health_totals totals on totals.org_id = organizations.id and totals.org_id > $1
      where organizations.is_active and organizations.id > $1 and organizations.id <= $2
      order by organizations.id
      limit ${pageSize}`,
    values: [afterId, admission.lastId],
  });
  return rows;
}

/** Counters and the histogram of everyone beyond the cap as one organization. Gauges of many organizations have no sum. */
async function readOverflow(db: Queryable, admission: Admission): Promise<readonly SeriesFamily[]> {
  const { rows } = await db.query<TotalsRow>(
    `select
       null as first_widget_embed_at, null as last_widget_seen_at,
       least(coalesce(sum(totals.widget_loads_total), 0), ${largest})::bigint as widget_loads_total,
       least(coalesce(sum(totals.widget_load_failures_total), 0), ${largest})::bigint as widget_load_failures_total,
       least(coalesce(sum(totals.widget_domain_mismatch_total), 0), ${largest})::bigint as widget_domain_mismatch_total,
       widget_rt_json(array[least(coalesce(sum(histogram.counts[1]), 0), ${largest}), least(coalesce(sum(histogram.counts[2]), 0), ${largest}), least(coalesce(sum(histogram.counts[3]), 0), ${largest}),
         least(coalesce(sum(histogram.counts[4]), 0), ${largest}), least(coalesce(sum(histogram.counts[5]), 0), ${largest}), least(coalesce(sum(histogram.counts[6]), 0), ${largest}),
         least(coalesce(sum(histogram.counts[7]), 0), ${largest})]::bigint[]) as widget_rt_buckets_json,
       0::bigint as widget_rt_total_count,
       least(coalesce(sum(totals.widget_rt_sum_ms), 0), ${largest})::bigint as widget_rt_sum_ms
     from organizations
     join widget_health_totals totals on totals.org_id = organizations.id
     cross join lateral (select widget_rt_counts(totals.widget_rt_buckets_json) as counts offset 0) histogram
     where organizations.is_active and organizations.id > $1`,
    [admission.lastId],
  );
  return counterFamilies([orgTotals(overflowOrg, rows[0])]);
}

interface OrgTotals {
  org: string;
  /** The label `org`, rendered once for the fourteen samples that share it. */
  labels: LabelText;
  totals: HealthTotals;
}

function orgTotals(org: string, row: TotalsRow | undefined): OrgTotals {
  return { org, labels: labelText({ org }), totals: presentTotals(row) };
}

function counterFamilies(orgs: readonly OrgTotals[]): SeriesFamily[] {
  const samples = (value: (totals: HealthTotals) => number): Sample[] =>
    orgs.map(({ labels, totals }) => ({ labels, value: value(totals) }));
  const histograms: HistogramSample[] = orgs.map(({ labels, totals }) => ({ labels, counts: totals.counts, sum: totals.sumMs / 1000 }));
  return [
    { definition: orgMetrics.loads, series: samples(({ loads }) => loads) },
    { definition: orgMetrics.loadFailures, series: samples(({ failures }) => failures) },
    { definition: orgMetrics.domainMismatch, series: samples(({ mismatches }) => mismatches) },
    { definition: orgMetrics.responseDuration, series: histograms },
  ];
}

function familiesOf(orgs: readonly OrgTotals[], now: Date): SeriesFamily[] {
  const lastSeen = orgs.flatMap(({ labels, totals }) =>
    totals.lastSeenAt === null ? [] : [{ labels, value: totals.lastSeenAt.getTime() / 1000 }],
  );
  const statuses = orgs.flatMap(({ org, totals }) => {
    const current = healthStatus(totals, now).status.toLowerCase();
    return statusLabels.map((status) => ({ labels: labelText({ org, status }), value: status === current ? 1 : 0 }));
  });
  return [
    ...counterFamilies(orgs),
    { definition: orgMetrics.lastSeen, series: lastSeen },
    { definition: orgMetrics.status, series: statuses },
  ];
}
