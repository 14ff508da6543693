import type { DurableDatabase } from '../support/durable-database.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { Chance } from './chance.ts';

/** What a fault is inflicted on: one exporter, its database, the network between the two, and clients that retry. */
export interface FaultStack {
  /** Its own server, which may be stopped and started. */
  database: DurableDatabase;
  /** Between exporter and PostgreSQL. */
  databaseProxy: TcpProxy;
  exporter: {
    process(): ServiceProcess;
    /** Resolves when it has ended. */
    kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
    /** Starts the next process, with other settings if given; resolves when that is ready. One that still runs is asked to end first. */
    restart(environment?: Record<string, string | undefined>): Promise<void>;
  };
  load: FaultLoad;
  chance: Chance;
  /** Aborted when the run ends early. */
  signal: AbortSignal;
}

/** Clients of every ingest route. Numbers only grow. */
export interface FaultLoad {
  readonly url: string;
  acknowledged(): number;
  /** Requests that were under way when their connection broke. */
  unknown(): number;
  /** Answers 503. */
  unavailable(): number;
  /** Resolves when so many more items are acknowledged. */
  acknowledgedAfter(count: number): Promise<void>;
  /** Resolves when every route has acknowledged something that was sent from now on. */
  recovered(): Promise<void>;
  /** From now on this share of the items is such that the database refuses it ({@link isPoisonous}). */
  poison(share: number): void;
}

export interface Fault {
  id: `F${number}`;
  title: string;
  /** How often it is inflicted in a run. */
  dose: { short: number; nightly: number };
  /**
   * Makes it happen once under load, heals it, and waits until requests are acknowledged again.
   * @throws when it did not bite
   */
  inflict: (stack: FaultStack) => Promise<void>;
}

/** Long enough for a machine that is several times slower; what works resolves at once. */
export const recoveryWithinMs = 60_000;

/** Clients hear of a broken connection a moment after it broke. */
const noticedWithinMs = 15_000;

/** @throws when `work` went by without one request that was refused for the time being or left without an answer */
export async function mustDisturb({ load }: Pick<FaultStack, 'load'>, work: () => Promise<void>): Promise<void> {
  const before = load.unknown() + load.unavailable();
  await work();
  await waitUntil(() => load.unknown() + load.unavailable() > before, {
    within: noticedWithinMs,
    what: 'a request that notices this fault (else make it last longer, or the load heavier)',
  });
}
