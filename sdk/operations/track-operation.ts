import { types } from 'node:util';
import { operationNames, type OperationName } from './operation-names.ts';
import { copyOfStart, outcomeOfError, outcomeOfResult, read, type Outcome } from './outcome.ts';
import type { Tracker } from './tracker.ts';

export interface OperationDescription {
  /** Its name in the catalogue. */
  operation: OperationName;
  /** The shop's host name; a URL will do. */
  domain: string;
  /** Of the visitor that the operation is performed for. */
  userAgent?: string | undefined;
}

/** A host name has at most 253 characters; more is left so that the exporter can still tell what is wrong with it. */
const longestDomain = 2048;
const longestUserAgent = 512;
const catalogue: ReadonlySet<unknown> = new Set(operationNames);

/**
 * Runs `fn` and records what it did, how long it took and how it ended. Returns what `fn` returns, the very same value or promise, and
 * throws what it throws; adds no waiting and no error of its own, whatever the tracker, the network or the result do.
 *
 * A promise is measured until it settles; anything else, and a synchronous throw, until `fn` is back. A thenable that is not a native
 * promise is handed on untouched and not recorded, for calling its `then` may perform the operation a second time: make `fn` async then.
 * A tracked promise counts as handled: Node.js does not report its rejection when nobody awaits it.
 */
export function trackOperation<Result>(tracker: Tracker, description: OperationDescription, fn: () => Result): Result {
  const described = readDescription(tracker, description);
  if (described === undefined) return fn();
  const startedAt = performance.now();
  let result: Result;
  try {
    result = fn();
  } catch (error) {
    record(tracker, described, startedAt, outcomeOfError, error);
    throw error;
  }
  observe(tracker, described, startedAt, result);
  return result;
}

/** Undefined, and told, when it cannot be recorded. Read before `fn` runs and once: the object may be the caller's next description by then. */
function readDescription(tracker: Tracker, description: OperationDescription): OperationDescription | undefined {
  const operation = read(description, 'operation');
  const domain = read(description, 'domain');
  const userAgent = read(description, 'userAgent');
  if (!catalogue.has(operation)) {
    ignore(tracker, 'UNKNOWN_OPERATION', `${show(operation)} is not in the catalogue; use a name from operationNames`);
    return undefined;
  }
  if (typeof domain !== 'string') {
    ignore(tracker, 'NOT_MEASURED', `the domain of ${show(operation)} is not text; give the host name of the shop`);
    return undefined;
  }
  return {
    operation: operation as OperationName,
    domain: cut(domain, longestDomain),
    userAgent: typeof userAgent === 'string' ? cut(userAgent, longestUserAgent) : undefined,
  };
}

function observe(tracker: Tracker, described: OperationDescription, startedAt: number, result: unknown): void {
  const then = read(result, 'then');
  if (typeof then !== 'function') {
    record(tracker, described, startedAt, outcomeOfResult, result);
    return;
  }
  try {
    // Only a then that is known not to be anybody's own code.
    if (types.isPromise(result) && then === Promise.prototype.then) {
      result.then(
        (value) => record(tracker, described, startedAt, outcomeOfResult, value),
        (error: unknown) => record(tracker, described, startedAt, outcomeOfError, error),
      );
      return;
    }
  } catch {
    // A subclass of Promise that cannot be constructed: told below.
  }
  ignore(tracker, 'NOT_MEASURED', `${described.operation} returned a thenable that is not a native promise; make its function async`);
}

function record(
  tracker: Tracker,
  { operation, domain, userAgent }: OperationDescription,
  startedAt: number,
  outcomeOf: (settled: unknown) => Outcome,
  settled: unknown,
): void {
  const durationMs = performance.now() - startedAt;
  try {
    const { success, errorType, errorMessage } = outcomeOf(settled);
    tracker.record({ operation, domain, userAgent, durationMs, success, errorType, errorMessage, endedAt: Date.now() });
  } catch {
    // A tracker that throws is not ours, and there is nobody to tell: the operation goes first.
  }
}

function ignore(tracker: Tracker, code: 'UNKNOWN_OPERATION' | 'NOT_MEASURED', message: string): void {
  try {
    tracker.ignore(code, message);
  } catch {
    // As above.
  }
}

function cut(text: string, longest: number): string {
  return text.length > longest ? copyOfStart(text, longest) : text;
}

function show(operation: unknown): string {
  return typeof operation === 'string' ? cut(operation, 100) : `an operation of type ${typeof operation}`;
}
