import { readPartitions } from '../../../platform/postgres/partitions.ts';
import { utcDayOf } from '../../../platform/time/utc-day.ts';
import type { Fault, FaultStack } from '../fault.ts';
import { sufferOutage, waitForRefusals } from './outage.ts';

const partitioned = ['ingest_batches', 'widget_events', 'woocommerce_usage_metrics', 'marketing.events'];

/** Takes the partition of today out of each table; what it held comes back with it. */
async function detachToday({ database }: FaultStack): Promise<() => Promise<void>> {
  const today = utcDayOf(new Date());
  const attach: string[] = [];
  for (const table of partitioned) {
    const held = (await readPartitions(database.db, table)).find(
      ({ lower_bound, upper_bound }) => lower_bound <= today && today < upper_bound,
    );
    if (held === undefined) throw new Error(`${table} has no partition of today: migrate the database`);
    const { partition, lower_bound: from, upper_bound: to } = held;
    await database.query(`alter table ${table} detach partition ${partition}`);
    attach.push(`alter table ${table} attach partition ${partition} for values from ('${from}') to ('${to}')`);
  }
  return async () => {
    for (const statement of attach) await database.query(statement);
  };
}

/** Has the SQLSTATE of a row that breaks a CHECK: nobody's row may be refused for it. */
const missingPartition: Fault = {
  id: 'F10',
  title: 'partitions of today are missing',
  dose: { short: 1, nightly: 3 },
  inflict: (stack) => sufferOutage(stack, { begin: () => detachToday(stack), felt: () => waitForRefusals(stack) }),
};

const columns = [
  ['ingest_batches', 'batch_id'],
  ['widget_events', 'page_title'],
  ['woocommerce_usage_metrics', 'user_agent'],
  ['marketing.events', 'ua_hash'],
] as const;

async function renameColumns({ database }: FaultStack): Promise<() => Promise<void>> {
  for (const [table, column] of columns) await database.query(`alter table ${table} rename column ${column} to fault_${column}`);
  return async () => {
    for (const [table, column] of columns) await database.query(`alter table ${table} rename column fault_${column} to ${column}`);
  };
}

/** As after an upgrade without its migration: no row is at fault. */
const missingColumn: Fault = {
  id: 'F10',
  title: 'schema lacks a column of each kind of event',
  dose: { short: 1, nightly: 3 },
  inflict: (stack) => sufferOutage(stack, { begin: () => renameColumns(stack), felt: () => waitForRefusals(stack) }),
};

export const unfitSchema: readonly Fault[] = [missingPartition, missingColumn];
