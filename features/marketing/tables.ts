import type { PartitionedTable } from '../../platform/postgres/partitions.ts';

/** Kept for MARKETING_EVENTS_RETENTION_DAYS after their own day; rollups can be made anew for so long. Source: contracts/marketing.md, Data. */
export const rawTables: readonly PartitionedTable[] = [
  { table: 'marketing.events', granularity: 'day', retentionDays: (config) => config.MARKETING_EVENTS_RETENTION_DAYS },
  { table: 'marketing.web_traffic_logs', granularity: 'day', retentionDays: (config) => config.MARKETING_EVENTS_RETENTION_DAYS },
];

/** Expired partitions are dropped by marketing-purge. */
export const marketingTables: readonly PartitionedTable[] = rawTables.map((table) => ({ ...table, retentionDays: null }));
