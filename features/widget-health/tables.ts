import type { PartitionedTable } from '../../platform/postgres/partitions.ts';

/** widget_health_totals holds lifetime values: one row per organization, no partitions, no retention. */
export const widgetHealthTables: readonly PartitionedTable[] = [];
