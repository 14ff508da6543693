import pg from 'pg';
import { sqlStateOf } from '../../../platform/postgres/errors.ts';
import type { Fault, FaultStack } from '../fault.ts';
import { sufferOutage, waitFor, waitForRefusals } from './outage.ts';

const tooManyConnections = '53300';
/** Of the exporter. */
const everySession = 'exporter %';

/** A stranger takes every connection that the server gives to others than superusers. */
async function takeAllConnections({ database, databaseProxy, signal }: FaultStack): Promise<() => Promise<void>> {
  const taken: pg.Client[] = [];
  const giveBack = async (): Promise<void> => {
    await Promise.all(taken.map((client) => client.end()));
  };
  databaseProxy.mode('refuse');
  try {
    for (;;) {
      signal.throwIfAborted();
      const client = new pg.Client({ connectionString: database.url('observability_api') });
      client.on('error', () => undefined);
      try {
        await client.connect();
      } catch (error) {
        if (sqlStateOf(error) !== tooManyConnections) throw error;
        // The exporter's sessions may be on their way out: their places must be taken as well.
        if (!(await hasSession({ database }, everySession))) break;
        continue;
      }
      taken.push(client);
    }
  } catch (error) {
    await giveBack();
    throw error;
  } finally {
    databaseProxy.mode('pass');
  }
  return giveBack;
}

async function hasSession({ database }: Pick<FaultStack, 'database'>, applicationName: string): Promise<boolean> {
  const sessions = await database.query('select from pg_stat_activity where application_name like $1', [applicationName]);
  return sessions.length > 0;
}

const connectionsTaken: Fault = {
  id: 'F14',
  title: 'a stranger holds every connection that PostgreSQL allows',
  dose: { short: 1, nightly: 3 },
  inflict: (stack) =>
    sufferOutage(stack, {
      begin: () => takeAllConnections(stack),
      felt: async () => {
        await waitForRefusals(stack);
        if (await hasSession(stack, everySession)) throw new Error('the exporter still had a connection: the fault did not bite');
      },
    }),
};

/**
 * As after a failover to a standby: sessions that are opened now can read, and stay as they are for as long as they live. They look healthy, and
 * the exporter must not keep them.
 */
async function makeReadOnly({ database, databaseProxy }: FaultStack): Promise<() => Promise<void>> {
  const role = `alter role observability_exporter in database ${database.name}`;
  await database.query(`${role} set default_transaction_read_only = on`);
  databaseProxy.mode('reset');
  databaseProxy.mode('pass');
  return async () => {
    await database.query(`${role} reset default_transaction_read_only`);
  };
}

const readOnly: Fault = {
  id: 'F14',
  title: 'sessions are read-only',
  dose: { short: 1, nightly: 3 },
  inflict: (stack) =>
    sufferOutage(stack, {
      begin: () => makeReadOnly(stack),
      felt: async () => {
        // The first answers 503 are for the connections that were reset.
        await waitFor(stack, 'a new session', () => hasSession(stack, 'exporter ingest'));
        await waitForRefusals(stack);
      },
    }),
};

export const noUsableConnection: readonly Fault[] = [connectionsTaken, readOnly];
