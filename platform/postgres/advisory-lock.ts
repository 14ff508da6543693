import pg from 'pg';

/** A lock across all replicas, held by a database session of its own until released, or until its holder stops answering. */
export interface AdvisoryLock {
  /** Aborted when the lock was lost: the session ended, or this process did not run for a minute. */
  lost: AbortSignal;
  release(): Promise<void>;
}

const heartbeatEveryMs = 15_000;
/** The server ends a session that sent nothing for so long, which hands the lock to another replica. */
const holderTimeoutMs = 60_000;

/**
 * Takes the lock `name` if nobody has it; undefined otherwise. The session has its own connection: a lock taken on a pooled
 * connection would be released by, or stay with, whoever uses that connection next.
 */
export async function tryAdvisoryLock(connectionString: string, name: string): Promise<AdvisoryLock | undefined> {
  const client = new pg.Client({
    connectionString,
    application_name: `lock ${name}`.slice(0, 60),
    connectionTimeoutMillis: 2000,
    query_timeout: 10_000,
    keepAlive: true,
  });
  const lost = new AbortController();
  client.on('error', (error) => lost.abort(error));
  client.on('end', () => lost.abort(new Error(`the session that held the lock ${name} ended`)));
  await client.connect();
  try {
    await client.query(`set idle_session_timeout = ${holderTimeoutMs}`);
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [name]);
    if (rows[0]?.locked !== true) {
      await client.end();
      return undefined;
    }
  } catch (error) {
    await client.end();
    throw error;
  }
  const heartbeat = setInterval(() => {
    client.query('select 1').catch((error: unknown) => lost.abort(error));
  }, heartbeatEveryMs);
  heartbeat.unref();
  return {
    lost: lost.signal,
    release: async () => {
      clearInterval(heartbeat);
      await client.end();
    },
  };
}
