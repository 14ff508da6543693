import { DatabaseError } from 'pg';

/**
 * Whose fault a failed statement is, which decides what happens next (contracts, Ingest 3 and 4; design.md section 4):
 * - `row`: the data; find the row by bisection, refuse it alone, store the others.
 * - `conflict`: nobody's; deadlock or serialization failure, the transaction is certainly gone: try again.
 * - `rolled_back`: the database could not, and said so: certainly not stored.
 * - `unknown`: the connection broke after the statement was sent: it may be stored.
 * - `ours`: the statement itself; a schema that is ahead of or behind this program. Retrying or bisecting cannot help.
 */
export type Fault = 'row' | 'conflict' | 'rolled_back' | 'unknown' | 'ours';

const rowFaults = ['22', '23', '54'];
const conflicts = new Set(['40001', '40P01']);
const mayHaveCommitted = new Set(['40003', '57P01', '57P02', '57P03', '57P05']);
const programErrors = [TypeError, RangeError, ReferenceError, SyntaxError];
const oursClasses = ['42', '28', '3D', '3F', '0A', '26', '34'];

export function faultOf(error: unknown): Fault {
  if (error instanceof DatabaseUnavailableError) return error.fault;
  if (programErrors.some((type) => error instanceof type)) return 'ours';
  const code = sqlStateOf(error);
  if (code === undefined || mayHaveCommitted.has(code) || code.startsWith('08')) return 'unknown';
  // A row for which no partition exists has the SQLSTATE of a CHECK violation.
  if (code === '23514' && error instanceof DatabaseError && error.routine === 'ExecFindPartition') return 'rolled_back';
  if (conflicts.has(code)) return 'conflict';
  if (rowFaults.includes(code.slice(0, 2))) return 'row';
  if (oursClasses.includes(code.slice(0, 2))) return 'ours';
  return 'rolled_back';
}

/** The five characters of SQLSTATE; undefined when the error did not come from the server (a broken or missing connection). */
export function sqlStateOf(error: unknown): string | undefined {
  const source = error instanceof DatabaseUnavailableError ? error.cause : error;
  return source instanceof DatabaseError && typeof source.code === 'string' && /^[0-9A-Z]{5}$/.test(source.code) ? source.code : undefined;
}

/** The database did not answer, or could not do its work now: 503, and the caller may try again. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
  readonly fault: 'rolled_back' | 'unknown';

  constructor(cause: unknown, fault: 'rolled_back' | 'unknown') {
    super('the database is not available', { cause });
    this.fault = fault;
  }
}
