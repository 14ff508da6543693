import type { PartitionedTable } from '../../platform/postgres/partitions.ts';
import { archivePartition } from './archive.ts';

const totalsKeptDays = 24 * 31;

/** Raw operations are kept for WOOCOMMERCE_RETENTION_DAYS, their totals for 24 months. Source: contracts/woocommerce.md, Data. */
export const woocommerceTables: readonly PartitionedTable[] = [
  {
    table: 'woocommerce_usage_metrics',
    granularity: 'month',
    retentionDays: (config) => config.WOOCOMMERCE_RETENTION_DAYS,
    beforeDrop: archivePartition,
  },
  { table: 'woocommerce_usage_daily', granularity: 'month', retentionDays: totalsKeptDays },
  { table: 'woocommerce_usage_buckets', granularity: 'month', retentionDays: totalsKeptDays },
];
