-- WooCommerce operations: what was done, how long it took, why it failed; and the state of each shop.
set local role observability_owner;

create table woocommerce_usage_metrics (
  org_id bigint not null,
  -- UTC day of created_at.
  metric_date date not null,
  id uuid not null,
  operation text not null check (operation in (
    'search_products', 'get_product_details', 'check_stock', 'get_stock_quantity', 'check_price', 'get_product_variations',
    'get_product_categories', 'get_product_reviews', 'get_low_stock_products', 'check_order', 'get_shipping_info', 'get_shipping_methods',
    'get_customer_orders', 'get_order_notes', 'check_refund_status', 'cancel_order', 'add_to_cart', 'get_cart', 'remove_from_cart',
    'update_cart_quantity', 'apply_coupon_to_cart', 'get_payment_methods', 'validate_coupon', 'get_customer_insights', 'get_sales_report')),
  duration_ms integer not null check (duration_ms >= 0),
  success boolean not null default false,
  error_type text check (error_type in (
    'ValidationError', 'NotFound', 'OutOfStock', 'InvalidState', 'CouponInvalid', 'UpstreamError', 'Timeout', 'ConfigurationError',
    'Unknown')),
  error_message text check (length(error_message) <= 1000),
  domain text not null check (length(domain) between 1 and 253),
  customer_config_id uuid,
  user_agent text check (length(user_agent) <= 512),
  created_at timestamptz not null,
  primary key (org_id, metric_date, id),
  check (success = (error_type is null)),
  check (metric_date = (created_at at time zone 'UTC')::date)
) partition by range (metric_date);
-- What the newest operations of a shop are read by, on the open partition too.
create index woocommerce_usage_metrics_newest_idx on woocommerce_usage_metrics (org_id, domain, created_at desc, operation);
-- What failures are grouped by.
create index woocommerce_usage_metrics_failures_idx on woocommerce_usage_metrics (org_id, created_at) where not success;
insert into partitioned_tables (table_name, granularity, late_days, closed_indexes) values (
  'woocommerce_usage_metrics', 'month', 8,
  array['(created_at desc)', '(domain)', '(operation)', '(success)', '(customer_config_id)', '(domain, created_at desc, operation)']);

-- Totals per day, always current: the statement that stores operations adds to them. operation and domain are '*' in the rows of totals.
create table woocommerce_usage_daily (
  org_id bigint not null,
  day date not null,
  domain text not null,
  operation text not null,
  count bigint not null,
  success_count bigint not null,
  duration_sum_ms bigint not null,
  duration_min_ms integer not null,
  duration_max_ms integer not null,
  -- Durations of 0 ms: they have no log bucket.
  zero_count bigint not null,
  errors_by_type jsonb not null default '{}',
  last_at timestamptz not null,
  primary key (org_id, day, domain, operation)
) partition by range (day);
insert into partitioned_tables (table_name, granularity) values ('woocommerce_usage_daily', 'month');

create table woocommerce_usage_buckets (
  org_id bigint not null,
  day date not null,
  domain text not null,
  operation text not null,
  bucket integer not null,
  count bigint not null,
  primary key (org_id, day, domain, operation, bucket)
) partition by range (day);
insert into partitioned_tables (table_name, granularity) values ('woocommerce_usage_buckets', 'month');

create table woocommerce_store_status (
  org_id bigint not null references organizations on delete cascade,
  customer_config_id uuid not null references customer_configs on delete cascade,
  domain text not null,
  checked_at timestamptz not null,
  status text not null check (status in ('healthy', 'error')),
  response_time_ms integer not null check (response_time_ms >= 0),
  error_type text,
  message text not null,
  -- Consecutive failed checks: a shop that stays down is asked less often.
  failures integer not null default 0,
  kpis_at timestamptz,
  -- The last attempt to read the figures, and how many have failed since they were read.
  kpis_tried_at timestamptz,
  kpi_failures integer not null default 0,
  currency text,
  orders jsonb,
  revenue_today numeric(14, 2),
  revenue_yesterday numeric(14, 2),
  orders_today integer,
  low_stock_critical integer,
  low_stock_warning integer,
  abandoned jsonb,
  truncated boolean,
  primary key (org_id, customer_config_id)
);

select enable_organization_policies(tenant_table::regclass, 'org_id')
from unnest(array['woocommerce_usage_metrics', 'woocommerce_usage_daily', 'woocommerce_usage_buckets', 'woocommerce_store_status'])
  as listed (tenant_table);
grant select, insert on woocommerce_usage_metrics to observability_exporter;
grant select, insert, update on woocommerce_usage_daily, woocommerce_usage_buckets to observability_exporter;
grant select on woocommerce_store_status to observability_exporter;
grant select on woocommerce_usage_metrics, woocommerce_usage_daily, woocommerce_usage_buckets, woocommerce_store_status
  to observability_api, observability_admin;
grant select, delete on woocommerce_usage_metrics, woocommerce_usage_daily, woocommerce_usage_buckets to observability_jobs;
grant select, insert, update, delete on woocommerce_store_status to observability_jobs;

-- Adds two maps of counts by key.
create function counts_by_key_add(p_left jsonb, p_right jsonb) returns jsonb
language sql immutable parallel safe as $$
  select case
    when p_right = '{}' then p_left
    when p_left = '{}' then p_right
    else (
      select jsonb_object_agg(summed.key, summed.count)
      from (
        select both_sides.key, sum(both_sides.value::bigint) as count
        from (select * from jsonb_each_text(p_left) union all select * from jsonb_each_text(p_right)) both_sides
        group by both_sides.key
      ) summed
    )
  end
$$;

do $$
declare
  partitioned text;
begin
  foreach partitioned in array array['woocommerce_usage_metrics', 'woocommerce_usage_daily', 'woocommerce_usage_buckets'] loop
    while ensure_partitions(partitioned, (date_trunc('month', current_date) + interval '4 months')::date) is not null loop
    end loop;
  end loop;
end
$$;

reset role;
