import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { openConnection, outcomeOf } from '../../support/http-connection.ts';
import { scrape } from '../../support/services.ts';
import type { Fault, FaultStack } from '../fault.ts';
import { sufferOutage, waitFor, waitForRefusals } from './outage.ts';

/** What the transactions of the ingest routes write or lock first. */
const firstTables = ['ingest_batches', 'widget_session_heads', 'woocommerce_usage_metrics', 'marketing.visitors'];

/** A site that nobody has must be looked up, through the pool that reads: slow writes keep no reader waiting. */
async function expectReadsGoOn({ load }: FaultStack): Promise<void> {
  const connection = openConnection(load.url);
  try {
    const answer = await connection.send('GET', '/api/bootloader', { headers: { 'x-site-id': randomUUID() } });
    if (answer.status === 503) throw new Error(`while writes were slow, a read was answered ${outcomeOf(answer)}`);
  } finally {
    connection.close();
  }
}

/** Waiting rows of every endpoint, and the most that may wait. */
async function expectBoundedQueues({ exporter }: FaultStack): Promise<void> {
  const { text, value } = await scrape(exporter.process().metricsUrl);
  for (const [, endpoint, rows] of text.matchAll(/^observability_ingest_queue_rows\{endpoint="(\w+)"\} (\d+)$/gm)) {
    const limit = value(`observability_ingest_queue_limit_rows{endpoint="${endpoint}"}`) ?? 0;
    if (Number(rows) > limit) throw new Error(`${rows} rows wait for ${endpoint}, and at most ${limit} may`);
  }
}

const statementMs = 300;
const slowStatements = 10;
const triggerOf = (table: string): string => `fault_slow_${table.replace('.', '_')}`;

async function slowDown({ database }: FaultStack): Promise<() => Promise<void>> {
  await database.query('create sequence fault_slow_statements');
  await database.query(
    `create function fault_slow() returns trigger language plpgsql security definer as $$
     begin perform nextval('public.fault_slow_statements'), pg_sleep(${statementMs / 1000}); return null; end $$`,
  );
  for (const table of firstTables) {
    await database.query(
      `create trigger ${triggerOf(table)} before insert on ${table} for each statement execute function public.fault_slow()`,
    );
  }
  return async () => {
    for (const table of firstTables) await database.query(`drop trigger ${triggerOf(table)} on ${table}`);
    await database.query('drop function fault_slow');
    await database.query('drop sequence fault_slow_statements');
  };
}

const slowWrites: Fault = {
  id: 'F8',
  title: `writes take ${statementMs} ms`,
  dose: { short: 1, nightly: 3 },
  inflict: (stack) =>
    sufferOutage(stack, {
      begin: () => slowDown(stack),
      felt: async () => {
        await waitFor(stack, `${slowStatements} slow statements`, async () => {
          const [row] = await stack.database.query<{ last: number }>('select last_value as last from fault_slow_statements');
          return (row?.last ?? 0) >= slowStatements;
        });
        await expectReadsGoOn(stack);
        await expectBoundedQueues(stack);
      },
    }),
};

async function lockTables({ database }: FaultStack): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url('superuser') });
  await client.connect();
  try {
    await client.query('begin');
    for (const table of firstTables) await client.query(`lock table ${table} in share row exclusive mode`);
  } catch (error) {
    await client.end();
    throw error;
  }
  return () => client.end();
}

const heldLocks: Fault = {
  id: 'F8',
  title: 'a lock is held on what ingest writes',
  dose: { short: 1, nightly: 3 },
  inflict: (stack) =>
    sufferOutage(stack, {
      begin: () => lockTables(stack),
      felt: async () => {
        await waitForRefusals(stack);
        await expectReadsGoOn(stack);
        await expectBoundedQueues(stack);
      },
    }),
};

export const slowDatabase: readonly Fault[] = [slowWrites, heldLocks];
