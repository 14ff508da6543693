import pg, { type QueryResult, type QueryResultRow } from 'pg';
import type { Logger } from '../log.ts';
import { DatabaseUnavailableError, faultOf, sqlStateOf } from './errors.ts';

/** Anything that runs one statement: a pool, or the transaction one is in. Every SQL function takes it first. */
export interface Queryable {
  query<Row extends QueryResultRow>(statement: string | PreparedStatement, values?: unknown[]): Promise<QueryResult<Row>>;
}

/** A statement that the server parses once per connection; worth it for what runs many times a second. */
export interface PreparedStatement {
  name: string;
  text: string;
  values: unknown[];
}

export interface PoolCounts {
  idle: number;
  busy: number;
  waiting: number;
}

export interface Pool extends Queryable {
  /** Checks a connection out for `work`; it is destroyed, not reused, when `work` failed for a reason other than its data. */
  connect<T>(work: (connection: Queryable) => Promise<T>): Promise<T>;
  /** begin, `work`, commit; rolled back when `work` throws. After a deadlock or serialization failure `work` runs again, three times at most. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T>;
  counts(): PoolCounts;
  end(): Promise<void>;
}

export interface TransactionOptions {
  /** Every statement sees the database as the first one did: for several reads that have to agree. */
  snapshot?: boolean;
  /** The database refuses every write. */
  readOnly?: boolean;
}

export interface PoolOptions {
  connectionString: string;
  /** Connections at most. Sum over all pools and replicas must stay below the server's max_connections. */
  max: number;
  applicationName: string;
  statementTimeoutMs: number;
  log: Logger;
  /** Called for each statement over one second. */
  onSlowQuery?: (milliseconds: number) => void;
}

const slowQueryMs = 1000;
/**
 * Longest silence of a session, well above {@link idleTimeoutMs}. The server never hears of the end of a connection that the network has
 * forgotten: without this, such sessions would pile up until it takes no more.
 */
const forgottenAfterMs = 60_000;
const idleTimeoutMs = 10_000;
/**
 * A prepared statement whose result a migration has changed, or that the server does not know any more: it fails for as long as its connection
 * lives.
 */
const lostStatements = new Set(['0A000', '26000']);

/** count(*) and bigint columns arrive as strings by default, DATE as a moment in the server's own zone. */
const typeParsers: Record<number, (text: string) => unknown> = {
  [pg.types.builtins.INT8]: (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is outside the range of a JSON number`);
    return value;
  },
  [pg.types.builtins.DATE]: (text) => text,
};
const bigintArray = 1016;
const parseBigintArray = (text: string): number[] =>
  text === '{}'
    ? []
    : text
        .slice(1, -1)
        .split(',')
        .map((item) => typeParsers[pg.types.builtins.INT8]?.(item) as number);

export const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === bigintArray) return parseBigintArray;
    return typeParsers[oid] ?? pg.types.getTypeParser(oid, format);
  }) as pg.CustomTypesConfig['getTypeParser'],
};

/**
 * A pool with node-postgres' traps closed: time zone UTC, bigint as number, DATE as text, no unlimited waits, and no
 * connection error that could kill the process. A connection that broke or timed out is destroyed: a timed-out client that goes
 * back to the pool answers every later query with an error.
 */
export function openPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.max,
    application_name: options.applicationName,
    types,
    connectionTimeoutMillis: 2000,
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds: 1800,
    keepAlive: true,
    statement_timeout: options.statementTimeoutMs,
    // The server cannot enforce its own timeout when it is frozen: give up ourselves, a little later.
    query_timeout: options.statementTimeoutMs + 2000,
    lock_timeout: Math.min(2000, options.statementTimeoutMs),
    idle_in_transaction_session_timeout: 10_000,
    // Statements over many partitions look so expensive to the planner that it would compile them, which takes longer than running them.
    options: `-c timezone=UTC -c jit=off -c idle_session_timeout=${forgottenAfterMs}`,
  });
  pool.on('error', (error) => options.log.warn({ error }, 'an idle database connection was lost'));
  // A client that is checked out when its connection breaks emits to its own listeners, not to the pool's.
  pool.on('connect', (client) => client.on('error', (error) => options.log.warn({ error }, 'a database connection was lost')));

  const connect = async <T>(work: (connection: Queryable) => Promise<T>): Promise<T> => {
    const client = await pool.connect().catch((error: unknown) => {
      // Without a connection nothing was sent.
      throw new DatabaseUnavailableError(error, 'rolled_back');
    });
    let broken = false;
    const query: Queryable['query'] = async (statement, values) => {
      // A rollback behind a statement that timed out would wait for the same frozen server once more.
      if (broken) throw new DatabaseUnavailableError(new Error('an earlier statement broke this connection'), 'rolled_back');
      const startedAt = performance.now();
      try {
        return await (typeof statement === 'string' ? client.query(statement, values) : client.query(statement));
      } catch (error) {
        const fault = faultOf(error);
        // Only an error about data or statement leaves a connection in a state worth keeping.
        broken = fault === 'unknown' || fault === 'rolled_back' || lostStatements.has(sqlStateOf(error) ?? '');
        throw fault === 'unknown' || fault === 'rolled_back' ? new DatabaseUnavailableError(error, fault) : error;
      } finally {
        const elapsedMs = performance.now() - startedAt;
        if (elapsedMs > slowQueryMs) options.onSlowQuery?.(elapsedMs);
      }
    };
    try {
      return await work({ query });
    } finally {
      client.release(broken);
    }
  };

  return {
    connect,
    query: (statement, values) => connect((connection) => connection.query(statement, values)),
    transaction: (work, transaction) => retryAfterConflict(() => connect((connection) => runTransaction(connection, work, transaction))),
    counts: () => ({
      idle: pool.idleCount,
      busy: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
    }),
    end: () => pool.end(),
  };
}

const triesAfterConflict = 3;

async function retryAfterConflict<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (faultOf(error) !== 'conflict') throw error;
      if (tries === triesAfterConflict) throw new DatabaseUnavailableError(error, 'rolled_back');
    }
  }
}

/** begin, `work`, commit on a connection that one has already; rolled back when `work` throws. */
export async function runTransaction<T>(
  connection: Queryable,
  work: (transaction: Queryable) => Promise<T>,
  { snapshot = false, readOnly = false }: TransactionOptions = {},
): Promise<T> {
  await connection.query(`begin${snapshot ? ' isolation level repeatable read' : ''}${readOnly ? ' read only' : ''}`);
  let result: T;
  try {
    result = await work(connection);
  } catch (error) {
    // On a broken connection it fails at once, and the server rolls back when that is closed; the error worth telling is the first one.
    await connection.query('rollback').catch(() => undefined);
    throw error;
  }
  await connection.query('commit');
  return result;
}

/**
 * A transaction in which row-level security shows the rows of one organization only. The setting is local to the transaction:
 * a session setting would leak to the next user of the connection.
 */
export function withOrg<T>(
  pool: Pool,
  orgId: number,
  work: (transaction: Queryable) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> {
  return pool.transaction(async (transaction) => {
    await transaction.query(`select set_config('app.org_id', $1, true)`, [String(orgId)]);
    return work(transaction);
  }, options);
}

/** Every statement in a withOrg of its own, which ends with it: for reading what takes long, without holding anything in between. */
export function eachWithOrg(pool: Pool, orgId: number): Queryable {
  return { query: (statement, values) => withOrg(pool, orgId, (db) => db.query(statement, values), { readOnly: true }) };
}
