import { marketingJobs } from '../features/marketing/jobs.ts';
import { marketingTables } from '../features/marketing/tables.ts';
import { widgetAnalyticsJobs } from '../features/widget-analytics/jobs.ts';
import { widgetAnalyticsTables } from '../features/widget-analytics/tables.ts';
import { widgetHealthJobs } from '../features/widget-health/jobs.ts';
import { widgetHealthTables } from '../features/widget-health/tables.ts';
import { widgetPerformanceJobs } from '../features/widget-performance/jobs.ts';
import { widgetPerformanceTables } from '../features/widget-performance/tables.ts';
import { woocommerceJobs } from '../features/woocommerce/jobs.ts';
import { woocommerceTables } from '../features/woocommerce/tables.ts';
import { alertJobs } from '../platform/alerts/jobs.ts';
import type { Job } from '../platform/jobs/job.ts';
import type { PartitionedTable } from '../platform/postgres/partitions.ts';
import { partitionJob } from './partitions.ts';
import { deleteOldRuns } from './runs.ts';

/** Batch ids are remembered on their own day and the next: by then a retry has long given up. */
const ingestBatches: PartitionedTable = { table: 'ingest_batches', granularity: 'day', retentionDays: 2 };

/** Partitioned tables of every slice. */
export const partitionedTables: readonly PartitionedTable[] = [
  ingestBatches,
  ...widgetHealthTables,
  ...widgetAnalyticsTables,
  ...widgetPerformanceTables,
  ...woocommerceTables,
  ...marketingTables,
];

const runsKeptDays = 30;

const jobRunsPrune: Job = {
  name: 'job-runs-prune',
  schedule: { every: 'day', at: '03:00' },
  summary: `deletes job runs older than ${runsKeptDays} days`,
  run: async ({ pool, now }) => ({ deleted: await deleteOldRuns(pool, new Date(now().getTime() - runsKeptDays * 86_400_000)) }),
};

/** Everything that runs on a clock, one line per slice. */
export const jobs: readonly Job[] = [
  partitionJob(partitionedTables),
  jobRunsPrune,
  ...alertJobs,
  ...widgetHealthJobs,
  ...widgetAnalyticsJobs,
  ...widgetPerformanceJobs,
  ...woocommerceJobs,
  ...marketingJobs,
];
