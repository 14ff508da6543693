import { counter, fromCode, gauge, histogram } from '../../platform/metrics/definitions.ts';
import { errorTypes, operationNames } from './catalogue.ts';
import { rejectionCodes } from './events.ts';

/** Every series of woocommerce. Source: contracts/woocommerce.md, Prometheus metrics. */
export const outcomes = ['success', 'failure'] as const;
export const orderStatuses = ['pending', 'processing', 'on-hold', 'completed', 'cancelled', 'refunded', 'failed', 'other'] as const;
export const urgencies = ['critical', 'warning'] as const;
export const priorities = ['high', 'medium', 'low'] as const;

/** Fleet-wide, on /metrics, counted in the process. */
export const fleetMetrics = {
  operations: counter({
    name: 'woocommerce_operations_total',
    help: 'WooCommerce operations stored, by outcome.',
    source: 'process',
    labels: { operation: operationNames, outcome: outcomes },
  }),
  duration: histogram({
    name: 'woocommerce_operation_duration_seconds',
    help: 'Duration of WooCommerce operations as reported by the chat backend.',
    source: 'process',
    labels: { operation: operationNames },
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 10, 30],
  }),
  errors: counter({
    name: 'woocommerce_operation_errors_total',
    help: 'Failed WooCommerce operations, by error type.',
    source: 'process',
    labels: { error_type: errorTypes },
  }),
  rejected: counter({
    name: 'woocommerce_operations_rejected_total',
    help: 'Reported WooCommerce operations that were not stored, by code.',
    source: 'process',
    labels: { code: rejectionCodes },
  }),
} as const;

const org = { org: fromCode } as const;
const store = { org: fromCode, store: fromCode } as const;

/** Per organization, on /metrics/orgs: the first four counted in the process, those of shops read from the database. */
export const orgMetrics = {
  operations: counter({
    name: 'woocommerce_org_operations_total',
    help: 'WooCommerce operations of an organization stored, by outcome.',
    source: 'process',
    labels: { ...org, outcome: outcomes },
  }),
  duration: histogram({
    name: 'woocommerce_org_operation_duration_seconds',
    help: 'Duration of the WooCommerce operations of an organization.',
    source: 'process',
    labels: org,
    buckets: [0.1, 0.5, 1, 2, 5, 10],
  }),
  errors: counter({
    name: 'woocommerce_org_operation_errors_total',
    help: 'Failed WooCommerce operations of an organization, by error type.',
    source: 'process',
    labels: { ...org, error_type: errorTypes },
  }),
  storeOperations: counter({
    name: 'woocommerce_store_operations_total',
    help: 'WooCommerce operations stored, per shop; operations of shops that are not configured are `other`.',
    source: 'process',
    labels: { ...store, outcome: outcomes },
  }),
  storeUp: gauge({
    name: 'woocommerce_store_up',
    help: '1 when the last check of a shop was healthy, else 0.',
    source: 'database',
    labels: store,
  }),
  storeResponse: gauge({
    name: 'woocommerce_store_response_seconds',
    help: 'Response time of the last check of a shop.',
    source: 'database',
    labels: store,
  }),
  storeChecked: gauge({
    name: 'woocommerce_store_check_timestamp_seconds',
    help: 'Time of the last check of a shop.',
    source: 'database',
    labels: store,
  }),
  storeKpisRead: gauge({
    name: 'woocommerce_store_kpis_timestamp_seconds',
    help: 'Time at which the key figures of a shop were last read.',
    source: 'database',
    labels: store,
  }),
  storeOrders: gauge({
    name: 'woocommerce_store_orders',
    help: 'Orders of a shop, by status.',
    source: 'database',
    labels: { ...store, status: orderStatuses },
  }),
  revenueToday: gauge({
    name: 'woocommerce_store_revenue_today',
    help: 'Total of the completed and processing orders of a shop created this UTC day, in units of its currency.',
    source: 'database',
    labels: { ...store, currency: fromCode },
  }),
  revenueYesterday: gauge({
    name: 'woocommerce_store_revenue_yesterday',
    help: 'Total of the completed and processing orders of a shop created the UTC day before, in units of its currency.',
    source: 'database',
    labels: { ...store, currency: fromCode },
  }),
  ordersToday: gauge({
    name: 'woocommerce_store_orders_today',
    help: 'Completed and processing orders of a shop created this UTC day.',
    source: 'database',
    labels: store,
  }),
  lowStock: gauge({
    name: 'woocommerce_store_low_stock_products',
    help: 'Managed products of a shop that are low on stock, by urgency.',
    source: 'database',
    labels: { ...store, urgency: urgencies },
  }),
  abandonedOrders: gauge({
    name: 'woocommerce_store_abandoned_orders',
    help: 'Orders of a shop that were begun and not paid, by priority.',
    source: 'database',
    labels: { ...store, priority: priorities },
  }),
  abandonedValue: gauge({
    name: 'woocommerce_store_abandoned_value',
    help: 'Value of the orders of a shop that were begun and not paid, by priority, in units of its currency.',
    source: 'database',
    labels: { ...store, priority: priorities, currency: fromCode },
  }),
} as const;
