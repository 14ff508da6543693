import { createChatbot } from '../../jobs/provisioning.ts';
import { startDurableDatabase, type DurableDatabase } from '../support/durable-database.ts';
import { createTenants } from '../support/message-load.ts';
import { servicePorts, startServiceProcess, waitUntilReady, type ServiceProcess } from '../support/service-process.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Chance } from './chance.ts';
import { recoveryWithinMs, type FaultStack } from './fault.ts';
import { createLedger, poisonSql, type Ledger, type RouteName } from './ledger.ts';
import { startConservationLoad, type ConservationLoad } from './load.ts';
import type { Sender } from './requests.ts';

export interface ConservationStack extends FaultStack {
  load: ConservationLoad;
  ledger: Ledger;
  properties: readonly string[];
  stop(): Promise<void>;
}

export interface StackOptions {
  chance: Chance;
  signal?: AbortSignal;
  /** Where the exporter's sources are; the checkout when left out. */
  sources?: string;
  /** Left out: all. */
  routes?: readonly RouteName[];
}

const tenants = 3;

/** A database server, a network, an exporter and clients of its own, and nothing yet that goes wrong. */
export async function startStack({
  chance,
  signal = new AbortController().signal,
  sources,
  routes,
}: StackOptions): Promise<ConservationStack> {
  const database = await startDurableDatabase();
  const releases: (() => Promise<void> | void)[] = [() => database.drop()];
  const stop = async (): Promise<void> => {
    for (const release of releases.splice(0).toReversed()) await release();
  };
  try {
    await database.query(poisonSql);
    const senders = await createSenders(database);
    const databaseProxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(database.url('superuser')).port) });
    releases.push(databaseProxy.close);
    const exporter = await startExporterProcess({ database, databaseProxy, sources });
    releases.push(exporter.stop);
    const ledger = createLedger();
    const load = startConservationLoad({ url: exporter.process().url, senders, ledger, chance, routes });
    releases.push(load.abandon);
    await load.recovered();
    const properties = senders.map(({ property }) => property);
    return { database, databaseProxy, exporter, load, ledger, properties, chance, signal, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createSenders(database: DurableDatabase): Promise<Sender[]> {
  const keys = Array.from({ length: tenants }, (_, index) => `conserved-${index + 1}`);
  const senders: Sender[] = [];
  for (const { key, ingestKey } of await createTenants(database.db, keys)) {
    const { id: chatbotId } = await createChatbot(database.db, { orgKey: key, name: key });
    senders.push({ orgKey: key, ingestKey, chatbotId, property: `site-of-${key}` });
  }
  return senders;
}

/** An exporter that reaches its database through the proxy, and the next one in its place. */
async function startExporterProcess(options: {
  database: DurableDatabase;
  databaseProxy: TcpProxy;
  sources: string | undefined;
}): Promise<FaultStack['exporter'] & { stop: () => Promise<void> }> {
  const { database, databaseProxy, sources } = options;
  const ports = await servicePorts();
  const proxied = new URL(database.url('observability_exporter'));
  proxied.port = String(databaseProxy.port);
  let current: ServiceProcess;
  const start = async (environment: Record<string, string | undefined> = {}): Promise<void> => {
    current = startServiceProcess('exporter', {
      database,
      ports,
      sources,
      environment: { DATABASE_URL_EXPORTER: proxied.href, ...environment },
    });
    try {
      await waitUntilReady(current, recoveryWithinMs);
    } catch (error) {
      await current.stop();
      throw error;
    }
  };
  await start();
  return {
    process: () => current,
    kill: async (signal) => {
      current.signal(signal);
      await current.ended;
    },
    restart: async (environment) => {
      if (current.isRunning()) await current.stop();
      await start(environment);
    },
    stop: () => current.stop(),
  };
}
