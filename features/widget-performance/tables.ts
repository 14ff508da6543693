import type { PartitionedTable } from '../../platform/postgres/partitions.ts';

/** Both are kept for WIDGET_PERFORMANCE_RETENTION_DAYS. Source: contracts/widget-performance.md, Data. */
export const widgetPerformanceTables: readonly PartitionedTable[] = ['widget_performance_minutes', 'widget_performance_buckets'].map(
  (table) => ({ table, granularity: 'day', retentionDays: (config) => config.WIDGET_PERFORMANCE_RETENTION_DAYS }),
);
