import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { retryDelayMs } from './back-off.ts';
import { postBatch, reasonOf, type Fate, type Rejections } from './exporter-request.ts';
import type { OperationName } from './operation-names.ts';
import type { Outcome } from './outcome.ts';
import { TrackerError, type TrackerErrorCode } from './tracker-error.ts';
import { checkOptions, type TrackerOptions } from './tracker-options.ts';

/** An operation that has ended, as trackOperation measured it. */
export interface EndedOperation extends Outcome {
  operation: OperationName;
  domain: string;
  userAgent: string | undefined;
  durationMs: number;
  /** Unix time in ms. */
  endedAt: number;
}

/** `recorded` = `sent` + `queued` + everything `dropped`. */
export interface TrackerStats {
  /** Operations that ended and were taken in. */
  recorded: number;
  /** Stored by the exporter, now or by an earlier try. */
  sent: number;
  /** Waiting or under way. */
  queued: number;
  dropped: {
    /** The oldest, for newer ones to fit in. */
    queueFull: number;
    /** In batches that the exporter refused. */
    refused: number;
    /** One by one, in batches whose other operations were stored. */
    rejected: number;
    /** Not sent before the deadline of `close`, or ended after it. */
    closed: number;
  };
  /** Operations that ran and were not taken in. */
  ignored: { unknownOperation: number; notMeasured: number };
}

export interface Tracker {
  /** For trackOperation: takes an operation in and returns at once. */
  record(operation: EndedOperation): void;
  /** For trackOperation: counts and tells what cannot be recorded. */
  ignore(code: 'UNKNOWN_OPERATION' | 'NOT_MEASURED', message: string): void;
  stats(): TrackerStats;
  /** Sends what is left until the deadline (5000 ms) and drops the rest. Never rejects; a second call waits for the first. */
  close(deadlineMs?: number): Promise<void>;
}

/** Half of what the exporter takes: a batch of long messages goes in several requests, and not at all in one that is refused. */
const maxBodyBytes = 1024 * 1024;
/** The exporter's bound on a duration. */
const maxDurationMs = 86_400_000;
/** The longest that setTimeout takes. */
const maxTimerMs = 2 ** 31 - 1;

/** One listener for all of them: a host may have a tracker per organization. */
const openTrackers = new Set<Tracker>();

function closeOpenTrackers(): void {
  for (const tracker of openTrackers) void tracker.close();
}

/**
 * Keeps operations in memory and sends them in batches, one request at a time. A batch that fails is tried again with the same ids, so that
 * each operation is stored once. Source: contracts, woocommerce, trackOperation.
 *
 * States: open -> closing (sends what there is) -> closed (drops). Timers do not keep the process alive; when it ends by itself, the tracker
 * is closed first.
 * @throws TypeError when an option cannot work
 */
export function createTracker(options: TrackerOptions): Tracker {
  const { endpoint, headers, maxQueue, maxBatch, flushMs, timeoutMs } = checkOptions(options);
  const { onError } = options;
  /** Sending belongs to the tracker: in the context of whichever request filled the batch it would show up in that request's trace. */
  const context = new AsyncResource('OperationTracker');

  let phase: 'open' | 'closing' | 'closed' = 'open';
  /** Oldest first. Holds what is under way, too: an operation leaves when its fate is known. */
  const queue: EndedOperation[] = [];
  /** How an operation was sent. It is sent so again, for its id must not change. */
  const rendered = new WeakMap<EndedOperation, string>();
  /** Operations in the request under way. */
  let underWay = 0;
  /** Those of them that a full queue has pushed out. They are lost only if the request fails. */
  let pushedOut = 0;
  let failures = 0;
  let isOverflowing = false;

  let sending: Promise<void> | undefined;
  let isHandingOver = false;
  let flushTimer: NodeJS.Timeout | undefined;
  let request: AbortController | undefined;
  let endPause: (() => void) | undefined;
  let closed: Promise<void> | undefined;

  let recorded = 0;
  let sent = 0;
  const dropped = { queueFull: 0, refused: 0, rejected: 0, closed: 0 };
  const ignored = { unknownOperation: 0, notMeasured: 0 };

  function record(operation: EndedOperation): void {
    recorded += 1;
    if (phase === 'closed') {
      if (dropped.closed === 0) tell('CLOSED', 'an operation ended after the tracker was closed; close it after the last operation');
      dropped.closed += 1;
      return;
    }
    queue.push(operation);
    if (queue.length > maxQueue) dropOldest();
    if (sending === undefined) arrangeSending();
  }

  function dropOldest(): void {
    queue.shift();
    if (pushedOut < underWay) pushedOut += 1;
    else dropped.queueFull += 1;
    if (isOverflowing) return;
    isOverflowing = true;
    tell('QUEUE_FULL', `${maxQueue} operations are waiting and the oldest are dropped; make the exporter reachable or raise maxQueue`);
  }

  function arrangeSending(): void {
    if (queue.length < maxBatch) {
      flushTimer ??= context.runInAsyncScope(() => setTimeout(startSending, flushMs).unref());
    } else if (!isHandingOver) {
      isHandingOver = true;
      // Not at once: whoever waits for this operation would wait for the batch to be written.
      context.runInAsyncScope(() => setImmediate(startSending));
    }
  }

  function startSending(): void {
    clearTimeout(flushTimer);
    flushTimer = undefined;
    isHandingOver = false;
    if (queue.length > 0 && phase !== 'closed') sending ??= sendQueue();
  }

  /** Until what is left makes no full batch. */
  async function sendQueue(): Promise<void> {
    do {
      const fate = await sendBatch();
      if (fate.kind === 'failed' && phase !== 'closed') await pause(retryDelayMs(failures, fate.retryAfter, Date.now()));
    } while (phase !== 'closed' && queue.length > 0 && (failures > 0 || queue.length >= maxBatch));
    sending = undefined;
    if (phase === 'open' && queue.length > 0) arrangeSending();
  }

  async function sendBatch(): Promise<Fate> {
    let batch: EndedOperation[] = [];
    let fate: Fate;
    request = new AbortController();
    try {
      const { operations, body } = nextBatch();
      batch = operations;
      underWay = batch.length;
      fate = await postBatch(endpoint, { headers, body, timeoutMs, request });
    } catch (error) {
      fate = { kind: 'failed', reason: reasonOf(error), cause: error };
    }
    request = undefined;
    settle(batch, fate);
    return fate;
  }

  function settle(batch: readonly EndedOperation[], fate: Fate): void {
    if (fate.kind === 'failed') {
      dropped.queueFull += pushedOut;
      failures += 1;
      if (failures === 1) tell('UNREACHABLE', `a batch was not taken and is kept (${fate.reason}); check ${endpoint.href}`, fate.cause);
    } else {
      queue.splice(0, batch.length - pushedOut);
      failures = 0;
      isOverflowing = false;
      if (fate.kind === 'stored') settleEach(batch, fate.rejections);
      else {
        dropped.refused += batch.length;
        tell('REFUSED', `${batch.length} operations were refused (${fate.reason}); check url, ingestKey and maxBatch`);
      }
    }
    underWay = 0;
    pushedOut = 0;
  }

  function settleEach(batch: readonly EndedOperation[], rejections: Rejections): void {
    for (const [index, { operation, domain }] of batch.entries()) {
      const rejection = rejections.get(index);
      if (rejection === undefined) {
        sent += 1;
      } else {
        dropped.rejected += 1;
        tell('REJECTED', `${operation} of ${domain} was not stored (${rejection.code}): ${rejection.message}`);
      }
    }
  }

  function nextBatch(): { operations: EndedOperation[]; body: string } {
    const items: string[] = [];
    let bytes = 0;
    for (const operation of queue.slice(0, maxBatch)) {
      const item = rendered.get(operation) ?? render(operation);
      rendered.set(operation, item);
      bytes += Buffer.byteLength(item);
      if (items.length > 0 && bytes > maxBodyBytes) break;
      items.push(item);
    }
    return { operations: queue.slice(0, items.length), body: `{"operations":[${items.join(',')}]}` };
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function close(deadlineMs = 5000): Promise<void> {
    closed ??= context.runInAsyncScope(() => sendUntil(deadlineMs));
    return closed;
  }

  async function sendUntil(deadlineMs: number): Promise<void> {
    phase = 'closing';
    openTrackers.delete(tracker);
    const end = (): void => {
      phase = 'closed';
      endPause?.();
      request?.abort(new Error('the deadline of close has passed'));
    };
    // The one timer that keeps the process alive: `await tracker.close()` has to come back.
    const deadline = setTimeout(end, Math.min(deadlineMs, maxTimerMs));
    // The last chance does not wait for a back-off that began before.
    endPause?.();
    startSending();
    while (sending !== undefined) {
      await sending;
      startSending();
    }
    clearTimeout(deadline);
    phase = 'closed';
    if (queue.length > 0) tell('CLOSED', `${queue.length} operations were not sent before the deadline of close; give it more time`);
    dropped.closed += queue.length;
    queue.length = 0;
  }

  function ignore(code: 'UNKNOWN_OPERATION' | 'NOT_MEASURED', message: string): void {
    if (code === 'UNKNOWN_OPERATION') ignored.unknownOperation += 1;
    else ignored.notMeasured += 1;
    tell(code, message);
  }

  /** Later, for the host may take its time. */
  function tell(code: TrackerErrorCode, message: string, cause?: unknown): void {
    if (onError !== undefined) setImmediate(() => void tellHost(new TrackerError(code, message, { cause })));
  }

  async function tellHost(error: TrackerError): Promise<void> {
    try {
      await onError?.(error);
    } catch {
      // As documented: there is nobody else to tell, and an unhandled rejection would end the host.
    }
  }

  const tracker: Tracker = {
    record,
    ignore,
    stats: () => ({ recorded, sent, queued: queue.length + pushedOut, dropped: { ...dropped }, ignored: { ...ignored } }),
    close,
  };
  openTrackers.add(tracker);
  if (!process.listeners('beforeExit').includes(closeOpenTrackers)) process.on('beforeExit', closeOpenTrackers);
  return tracker;
}

/** As the exporter takes it, with its id. */
function render(operation: EndedOperation): string {
  return JSON.stringify({
    id: randomUUID(),
    operation: operation.operation,
    domain: operation.domain,
    duration_ms: Math.min(Math.round(operation.durationMs), maxDurationMs),
    success: operation.success,
    error_type: operation.errorType,
    error_message: operation.errorMessage,
    user_agent: operation.userAgent,
    created_at: new Date(operation.endedAt).toISOString(),
  });
}
