import type { PartitionedTable } from '../../platform/postgres/partitions.ts';

export const eventsTable: PartitionedTable = {
  table: 'widget_events',
  granularity: 'day',
  retentionDays: (config) => config.WIDGET_EVENTS_RETENTION_DAYS,
};
export const sessionsTable: PartitionedTable = {
  table: 'widget_sessions',
  granularity: 'month',
  retentionDays: (config) => config.WIDGET_SESSIONS_RETENTION_DAYS,
};

/** Events and sessions are dropped by widget-analytics-cleanup; daily statistics are kept for ever. Source: contracts/widget-analytics.md, Data. */
export const widgetAnalyticsTables: readonly PartitionedTable[] = [
  { ...eventsTable, retentionDays: null },
  { ...sessionsTable, retentionDays: null },
];
