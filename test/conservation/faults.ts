import type { Fault } from './fault.ts';
import { frozenProcesses } from './faults/frozen-processes.ts';
import { networkFaults } from './faults/network.ts';
import { noUsableConnection } from './faults/no-usable-connection.ts';
import { poisonRows } from './faults/poison-rows.ts';
import { slowDatabase } from './faults/slow-database.ts';
import { unfitSchema } from './faults/unfit-schema.ts';
import { databaseCrashed, databaseRestarted } from './faults/database-stopped.ts';
import { processAndDatabaseKilled, processKilled, processStopped } from './faults/process-killed.ts';
import { retentionDuringIngest } from './faults/retention.ts';
import { unsafeStart } from './faults/unsafe-start.ts';

/** In the order in which they are inflicted. */
export const faults: readonly Fault[] = [
  processKilled,
  processStopped,
  databaseCrashed,
  databaseRestarted,
  processAndDatabaseKilled,
  ...networkFaults,
  ...frozenProcesses,
  ...slowDatabase,
  ...unfitSchema,
  ...poisonRows,
  ...noUsableConnection,
  retentionDuringIngest,
  unsafeStart,
];
