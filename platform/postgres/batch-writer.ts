import type { Logger } from '../log.ts';
import { faultOf } from './errors.ts';
import type { Pool, Queryable } from './pool.ts';

/**
 * Group commit (docs/decisions/0002). Units handed in while a write is in flight wait and share the next transaction; when
 * idle a unit is written at once. A caller's promise settles after the commit, so whatever was acknowledged is stored.
 *
 * States of a unit: queued -> in a transaction -> stored | refused | failed. A unit is what stands or falls alone: one event, or one
 * batch of messages that counts as a whole. Source: contracts, Ingest 1 to 4.
 */
export interface BatchWriterOptions<Unit, Outcome> {
  pool: Pool;
  log: Logger;
  /** Label of the writer's metrics. */
  endpoint: string;
  /** Writes the units in one statement, or in one transaction of its own; answers one outcome per unit, in order. Must not change the units. */
  write: (db: Queryable, units: readonly Unit[]) => Promise<Outcome[]>;
  /** Rows that a unit counts for in the limits below; 1 when left out. */
  rowsOf?: (unit: Unit) => number;
  maxTransactionRows: number;
  maxQueueRows: number;
  maxWaitMs: number;
  /** `units`: how many one committed transaction held. */
  onCommit?: (commit: { rows: number; units: number; durationSeconds: number }) => void;
}

/** The queue is full, or the units waited too long unwritten: 503, the caller may try again in a second. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
}

/** The write failed for a reason that is not the unit's: 503, and the unit may or may not be stored. */
export class NotWrittenError extends Error {
  override readonly name = 'NotWrittenError';
}

/** The fate of one unit: what `write` said of it, or that the database refused its data. */
export type UnitFate<Outcome> = { refused: false; outcome: Outcome } | { refused: true };

export interface BatchWriter<Unit, Outcome> {
  /** Fates in the order of the units, after they were committed. Throws OverloadedError or NotWrittenError for the request as a whole. */
  submit(units: readonly Unit[]): Promise<UnitFate<Outcome>[]>;
  queuedRows(): number;
  /** Resolves when nothing is queued and nothing is in flight. */
  drain(): Promise<void>;
}

interface Request<Unit, Outcome> {
  units: readonly Unit[];
  rows: number;
  fates: UnitFate<Outcome>[];
  settle: { resolve: (fates: UnitFate<Outcome>[]) => void; reject: (error: Error) => void };
  expiry: NodeJS.Timeout;
}

/** A unit on its way through transactions, with the place its fate goes to. */
interface Placed<Unit, Outcome> {
  unit: Unit;
  request: Request<Unit, Outcome>;
  index: number;
}

const triesAfterConflict = 3;
/** Connecting is tried again for so long, then the callers get their 503: a restart of the database takes about a second. */
const connectForMs = 1000;
const connectBackoffMs = [20, 50, 100, 200];

export function createBatchWriter<Unit, Outcome>(options: BatchWriterOptions<Unit, Outcome>): BatchWriter<Unit, Outcome> {
  const rowsOf = options.rowsOf ?? (() => 1);
  /** Insertion order is arrival order. */
  const queue = new Set<Request<Unit, Outcome>>();
  let queuedRows = 0;
  let working: Promise<void> | undefined;

  function submit(units: readonly Unit[]): Promise<UnitFate<Outcome>[]> {
    if (units.length === 0) return Promise.resolve([]);
    const rows = units.reduce((sum, unit) => sum + rowsOf(unit), 0);
    if (queuedRows + rows > options.maxQueueRows) {
      return Promise.reject(new OverloadedError(`${queuedRows} rows are waiting`));
    }
    return new Promise((resolve, reject) => {
      const request: Request<Unit, Outcome> = {
        units,
        rows,
        fates: [],
        settle: { resolve, reject },
        expiry: setTimeout(() => expire(request), options.maxWaitMs),
      };
      queue.add(request);
      queuedRows += rows;
      working ??= work();
    });
  }

  function expire(request: Request<Unit, Outcome>): void {
    if (dequeue(request)) request.settle.reject(new OverloadedError(`waited ${options.maxWaitMs} ms unwritten`));
  }

  function dequeue(request: Request<Unit, Outcome>): boolean {
    if (!queue.delete(request)) return false;
    clearTimeout(request.expiry);
    queuedRows -= request.rows;
    return true;
  }

  /** One transaction at a time until the queue is empty. */
  async function work(): Promise<void> {
    // Requests that arrive in the same turn of the event loop go together.
    await Promise.resolve();
    while (queue.size > 0) {
      const requests = takeGroup();
      try {
        await writeGroup(requests);
      } catch (error) {
        // writeGroup settles failures itself; what arrives here is a bug, and still must not leave callers waiting.
        options.log.error({ error, endpoint: options.endpoint }, 'the batch writer failed');
        for (const request of requests) request.settle.reject(new NotWrittenError('the write failed', { cause: error }));
      }
    }
    working = undefined;
  }

  /** Whole requests, in order of arrival, up to the limit of one transaction; a larger request goes alone. */
  function takeGroup(): Request<Unit, Outcome>[] {
    const group: Request<Unit, Outcome>[] = [];
    let rows = 0;
    for (const request of queue) {
      if (group.length > 0 && rows + request.rows > options.maxTransactionRows) break;
      dequeue(request);
      group.push(request);
      rows += request.rows;
    }
    return group;
  }

  async function writeGroup(requests: Request<Unit, Outcome>[]): Promise<void> {
    const failed = new Map<Request<Unit, Outcome>, unknown>();
    const placed = requests.flatMap((request) => request.units.map((unit, index) => ({ unit, request, index })));
    for (const part of partsOf(placed)) await writeOrBisect(part, failed);
    for (const request of requests) {
      const error = failed.get(request);
      if (error === undefined) request.settle.resolve(request.fates);
      else request.settle.reject(new NotWrittenError('the database did not take the write', { cause: error }));
    }
  }

  /** Splits a request that is larger than one transaction may be; a single unit is never split. */
  function partsOf(placed: Placed<Unit, Outcome>[]): Placed<Unit, Outcome>[][] {
    const parts: Placed<Unit, Outcome>[][] = [];
    let part: Placed<Unit, Outcome>[] = [];
    let rows = 0;
    for (const item of placed) {
      const unitRows = rowsOf(item.unit);
      if (part.length > 0 && rows + unitRows > options.maxTransactionRows) {
        parts.push(part);
        part = [];
        rows = 0;
      }
      part.push(item);
      rows += unitRows;
    }
    return [...parts, part];
  }

  /** A refused transaction is halved until the units at fault stand alone; every other unit is stored. */
  async function writeOrBisect(placed: Placed<Unit, Outcome>[], failed: Map<Request<Unit, Outcome>, unknown>): Promise<void> {
    try {
      const outcomes = await writeOnce(placed.map(({ unit }) => unit));
      placed.forEach(({ request, index }, position) => {
        request.fates[index] = { refused: false, outcome: outcomes[position] as Outcome };
      });
    } catch (error) {
      const fault = faultOf(error);
      if (fault !== 'row') {
        if (fault === 'ours')
          options.log.error({ error, endpoint: options.endpoint }, 'a write is wrong: does the schema match this version? run migrate');
        for (const { request } of placed) failed.set(request, error);
        return;
      }
      const [only] = placed;
      if (placed.length === 1 && only !== undefined) {
        options.log.warn({ error, endpoint: options.endpoint }, 'the database refused a row');
        only.request.fates[only.index] = { refused: true };
        return;
      }
      const middle = Math.ceil(placed.length / 2);
      await writeOrBisect(placed.slice(0, middle), failed);
      await writeOrBisect(placed.slice(middle), failed);
    }
  }

  async function writeOnce(units: Unit[]): Promise<Outcome[]> {
    const startedAt = performance.now();
    for (let tries = 1; ; tries += 1) {
      try {
        const outcomes = await connectPatiently(options.pool, (connection) => options.write(connection, units));
        options.onCommit?.({
          rows: units.reduce((sum, unit) => sum + rowsOf(unit), 0),
          units: units.length,
          durationSeconds: (performance.now() - startedAt) / 1000,
        });
        return outcomes;
      } catch (error) {
        if (faultOf(error) !== 'conflict' || tries === triesAfterConflict) throw error;
      }
    }
  }

  return {
    submit,
    queuedRows: () => queuedRows,
    drain: async () => {
      while (working !== undefined) await working;
    },
  };
}

/** Only a failed connect is tried again: once a statement was sent it may be stored, and the caller retries with the same ids. */
async function connectPatiently<T>(pool: Pool, work: (connection: Queryable) => Promise<T>): Promise<T> {
  const deadline = performance.now() + connectForMs;
  for (let tries = 0; ; tries += 1) {
    let connected = false;
    try {
      return await pool.connect((connection) => {
        connected = true;
        return work(connection);
      });
    } catch (error) {
      const backoff = connectBackoffMs[Math.min(tries, connectBackoffMs.length - 1)] ?? 0;
      if (connected || performance.now() + backoff > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, backoff));
    }
  }
}
