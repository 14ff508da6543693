import { createIngestKey } from '../../jobs/provisioning.ts';
import type { Queryable } from '../../platform/postgres/pool.ts';

export interface BenchOrganization {
  key: string;
  siteId: string;
}

/** Where the widgets of all organizations may run. */
export const allowedOrigin = 'https://shop.example';

/**
 * Organizations as they are found in the field: of twenty, one has no widget yet, two were not seen for days, and a few have failures
 * or refusals. Histograms are small, so that prom-client, which only takes single observations, can be given the same.
 */
export async function createOrganizations(db: Queryable, count: number): Promise<BenchOrganization[]> {
  await db.query(
    `insert into organizations (key, site_id, name, allowed_domains)
     select 'customer-' || lpad(n::text, 5, '0'), 'site_' || lpad(n::text, 16, '0'), 'Customer ' || n, array['shop.example', '*.customer-' || n || '.example']
     from generate_series(1, $1::int) n`,
    [count],
  );
  await db.query(
    `insert into widget_health_totals (
       org_id, first_widget_embed_at, last_widget_seen_at, widget_loads_total, widget_load_failures_total, widget_domain_mismatch_total,
       widget_rt_buckets_json, widget_rt_total_count, widget_rt_sum_ms)
     select
       organizations.id, now() - interval '90 days', now() - n % 20 * n % 20 * interval '13 minutes', n * 7919 % 100000,
       case when n % 20 = 3 then n * 7919 % 100000 / 8 else n % 5 end, case when n % 20 = 5 then n % 40 else 0 end,
       widget_rt_json(histogram.counts), (select sum(bucket) from unnest(histogram.counts) bucket), n % 997 * 31
     from organizations
     cross join lateral (select organizations.id as n) numbered
     cross join lateral (select array(select ((n * 31 + bucket * 7) % (15 - 2 * bucket))::bigint from generate_series(1, 7) bucket) as counts) histogram
     where n % 20 <> 0`,
  );
  await db.query('vacuum analyze organizations, widget_health_totals');
  const { rows } = await db.query<{ key: string; site_id: string }>(
    'select organizations.key, organizations.site_id from organizations order by organizations.id',
  );
  return rows.map((row) => ({ key: row.key, siteId: row.site_id }));
}

/** One key for each of the organizations, in their order. */
export async function createIngestKeys(db: Queryable, organizations: readonly BenchOrganization[]): Promise<string[]> {
  const keys: string[] = [];
  for (const { key } of organizations) keys.push((await createIngestKey(db, { orgKey: key, name: 'bench' })).key);
  return keys;
}
