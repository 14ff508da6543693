import { setTimeout as delay } from 'node:timers/promises';
import { NoConnectionError, openConnection, outcomeOf, type HttpConnection } from './http-connection.ts';
import { tenantOrigin } from './message-load.ts';

export interface BootloaderLoad {
  /** Answers by {@link outcomeOf}, and `no answer` for a connection that broke before one came. */
  readonly answers: ReadonlyMap<string, number>;
  /** Answers 200 that the clients saw, by organization. */
  loads(): Map<number, number>;
  loadsInAll(): number;
  /** Ends all clients after the request that each has under way. */
  stop(): Promise<void>;
}

const retryAfterMs = 25;

/** Pages that load the widget, each on a connection of its own and with its own ledger. They never retry: a page that got no widget has none. */
export function startBootloaderLoad(options: {
  url: string;
  sites: readonly { id: number; siteId: string }[];
  connections: number;
}): BootloaderLoad {
  const { url, sites, connections } = options;
  const answers = new Map<string, number>();
  let stopping = false;

  async function load(connection: HttpConnection, siteId: string): Promise<string | undefined> {
    try {
      return outcomeOf(await connection.send('GET', '/api/bootloader', { headers: { 'x-site-id': siteId, origin: tenantOrigin } }));
    } catch (error) {
      return error instanceof NoConnectionError ? undefined : 'no answer';
    }
  }

  const ledgers = Array.from({ length: connections }, (_, client) => {
    const site = sites[client % sites.length] as { id: number; siteId: string };
    return { ...site, loads: 0 };
  });
  const clients = ledgers.map(async (ledger) => {
    const connection = openConnection(url);
    while (!stopping) {
      const outcome = await load(connection, ledger.siteId);
      if (outcome !== undefined) answers.set(outcome, (answers.get(outcome) ?? 0) + 1);
      if (outcome === '200') ledger.loads += 1;
      else await delay(retryAfterMs);
    }
    connection.close();
  });

  const loads = (): Map<number, number> => {
    const sums = new Map<number, number>();
    for (const { id, loads: count } of ledgers) sums.set(id, (sums.get(id) ?? 0) + count);
    return sums;
  };
  return {
    answers,
    loads,
    loadsInAll: () => ledgers.reduce((sum, { loads: count }) => sum + count, 0),
    stop: async () => {
      stopping = true;
      await Promise.all(clients);
    },
  };
}
