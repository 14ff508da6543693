import { randomUUID } from 'node:crypto';
import type { Operation } from '../../features/woocommerce/events.ts';
import { addOperations } from '../../features/woocommerce/ingest.ts';
import type { TestDatabase } from './database.ts';

export type OperationChanges = Partial<Omit<Operation, 'success'>>;

/** A stored WooCommerce operation that succeeded, unless it is given an error type. */
export function anOperation(changes: OperationChanges = {}): Operation {
  return {
    id: randomUUID(),
    operation: 'search_products',
    durationMs: 100,
    success: (changes.errorType ?? null) === null,
    errorType: null,
    errorMessage: null,
    domain: 'shop.example',
    userAgent: null,
    createdAt: new Date(),
    ...changes,
  };
}

/** Stores them with their totals, as the exporter does. */
export async function storeOperations(database: TestDatabase, orgId: number, operations: readonly Operation[]): Promise<void> {
  await addOperations(
    database.db,
    operations.map((operation) => ({ orgId, operation })),
  );
}
