import type { Queryable } from '../../platform/postgres/pool.ts';
import type { StoreConfig } from './queries.ts';
import type { StoreFigures, StoreHealth } from './store-client.ts';

/** Keeps the outcome of a check: the current state only. A shop that was removed meanwhile is left out. */
export async function recordStoreHealth(db: Queryable, store: Pick<StoreConfig, 'id'>, health: StoreHealth, at: Date): Promise<void> {
  await db.query(
    `insert into woocommerce_store_status as state (
       org_id, customer_config_id, domain, checked_at, status, response_time_ms, error_type, message, failures
     )
     select configs.org_id, configs.id, configs.domain, $2, $3, $4, $5, $6, case $3 when 'healthy' then 0 else 1 end
     from customer_configs configs
     where configs.id = $1
     on conflict (org_id, customer_config_id) do update set
       domain = excluded.domain, checked_at = excluded.checked_at, status = excluded.status, response_time_ms = excluded.response_time_ms,
       error_type = excluded.error_type, message = excluded.message,
       failures = case excluded.status when 'healthy' then 0 else state.failures + 1 end`,
    [store.id, at, health.status, health.response_time_ms, health.error_type ?? null, health.message],
  );
}

/** Keeps the key figures of a shop that was checked before. */
export async function recordStoreFigures(
  db: Queryable,
  store: Pick<StoreConfig, 'id' | 'org_id'>,
  figures: StoreFigures,
  at: Date,
): Promise<void> {
  await db.query(
    `update woocommerce_store_status as state set
       kpis_at = $3, kpis_tried_at = $3, kpi_failures = 0, currency = $4, orders = $5, revenue_today = $6, revenue_yesterday = $7, orders_today = $8, low_stock_critical = $9,
       low_stock_warning = $10, abandoned = $11, truncated = $12
     where state.org_id = $1 and state.customer_config_id = $2`,
    [
      store.org_id,
      store.id,
      at,
      figures.currency,
      JSON.stringify(figures.orders),
      figures.revenue_today,
      figures.revenue_yesterday,
      figures.orders_today,
      figures.low_stock_critical,
      figures.low_stock_warning,
      JSON.stringify(figures.abandoned),
      figures.truncated,
    ],
  );
}

/** The figures could not be read: those there are stay, and the next attempts come less often. */
export async function recordFiguresFailure(db: Queryable, store: Pick<StoreConfig, 'id' | 'org_id'>, at: Date): Promise<void> {
  await db.query(
    `update woocommerce_store_status as state set kpis_tried_at = $3, kpi_failures = state.kpi_failures + 1
     where state.org_id = $1 and state.customer_config_id = $2`,
    [store.org_id, store.id, at],
  );
}
