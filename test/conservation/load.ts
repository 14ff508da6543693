import type { HttpAnswer } from '../support/http-connection.ts';
import { openConnection } from '../support/http-connection.ts';
import { startRetryingLoad, type RetryingLoad, type SentBatch } from '../support/retrying-load.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { Chance } from './chance.ts';
import { recoveryWithinMs, type FaultLoad } from './fault.ts';
import { withoutId, type Entry, type Ledger, type RouteName } from './ledger.ts';
import { conservedRoutes, drawnId, type ConservedRoute, type Sender } from './requests.ts';

interface Request extends SentBatch {
  headers: Record<string, string>;
  body: string;
  entries: Entry[];
}

export interface ConservationLoad extends FaultLoad {
  /** One request of every route with about so many bytes of text; each must be acknowledged. */
  probe(bytes: number): Promise<void>;
  /** Begins nothing more; resolves when everything that was sent is acknowledged or refused. */
  finish(): Promise<void>;
  /** Ends all clients, whatever is under way. */
  abandon(): void;
}

export interface LoadOptions {
  url: string;
  senders: readonly Sender[];
  ledger: Ledger;
  chance: Chance;
  /** Left out: all. */
  routes?: readonly RouteName[];
}

/** Of the requests, these shares are not valid, are an acknowledged one once more, or use an id that another tenant has used. */
const shares = { invalid: 0.02, repeated: 0.03, foreignId: 0.02 };
const usualBytes = 20;
/** On two cores, clients that try to connect more often keep an exporter from starting. */
const retryAfterMs = 100;
const rememberedRequests = 20;

/** Clients of all routes at once against one exporter; each enters what it sends, and what came of it, in the ledger. */
export function startConservationLoad({ url, senders, ledger, chance, routes }: LoadOptions): ConservationLoad {
  let poisonShare = 0;
  let unavailable = 0;
  const driven = conservedRoutes.filter(({ name }) => routes?.includes(name) ?? true);
  const sources = driven.map((route) => ({
    route,
    source: createSource(route, { senders, ledger, chance, poisonShare: () => poisonShare }),
  }));

  const loads = sources.map(({ route, source }): RetryingLoad<Request> => {
    return startRetryingLoad<Request>({
      url,
      connections: route.connections,
      newBatch: source.next,
      send: (connection, { headers, body }) => connection.send('POST', route.path, { headers, body }),
      acknowledgedBy: route.acknowledgedBy,
      retryAfterMs,
      isRefusal,
      onAcknowledged: source.acknowledged,
      onRefused: source.refused,
      onDoubt: ({ entries }, reason) => {
        if (reason === 'unavailable') unavailable += 1;
        for (const entry of entries) entry.inDoubt += 1;
      },
    });
  });

  const sendOnce = async ({ path, acknowledgedBy, name }: ConservedRoute, request: Request): Promise<HttpAnswer> => {
    const connection = openConnection(url);
    try {
      const answer = await connection.send('POST', path, request);
      if (answer.status !== acknowledgedBy) {
        throw new Error(
          `a probe of ${name} with ${request.body.length} bytes was answered ${answer.status}: ${JSON.stringify(answer.body)}`,
        );
      }
      return answer;
    } finally {
      connection.close();
    }
  };

  return {
    url,
    acknowledged: ledger.acknowledged,
    unknown: () => loads.reduce((total, load) => total + load.unknownOutcomes(), 0),
    unavailable: () => unavailable,
    acknowledgedAfter: async (count) => {
      const before = ledger.acknowledged();
      await waitUntil(() => ledger.acknowledged() >= before + count, { within: recoveryWithinMs, what: `${count} acknowledged items` });
    },
    recovered: async () => {
      const before = sources.map(({ source }) => source.begun());
      const hasRecovered = (): boolean => sources.every(({ source }, index) => source.latestAcknowledged() > (before[index] ?? 0));
      await waitUntil(hasRecovered, { within: recoveryWithinMs, what: 'an acknowledgement on every route' });
    },
    poison: (share) => {
      poisonShare = share;
    },
    probe: async (bytes) => {
      for (const { route, source } of sources) {
        const request = source.good(bytes);
        source.acknowledged(request, await sendOnce(route, request));
      }
    },
    finish: async () => {
      await Promise.all(loads.map((load) => load.finish({ within: recoveryWithinMs })));
    },
    abandon: () => {
      for (const load of loads) load.abandon();
    },
  };
}

/** 429 and the like would be asked for again; the load has no limits. */
function isRefusal({ status }: HttpAnswer): boolean {
  return status >= 400 && status < 500;
}

interface Source {
  /** The next request of a client. */
  next(client: number): Request;
  /** A request that must be stored. */
  good(bytes: number): Request;
  acknowledged(request: Request, answer: HttpAnswer): void;
  refused(request: Request, answer: HttpAnswer): void;
  begun(): number;
  /** Number of the latest begun request that is acknowledged. */
  latestAcknowledged(): number;
}

/** The requests of one route, and what the ledger learns of them. */
function createSource(
  route: ConservedRoute,
  { senders, ledger, chance, poisonShare }: Omit<LoadOptions, 'url' | 'routes'> & { poisonShare: () => number },
): Source {
  const remembered: Request[] = [];
  const numbers = new WeakMap<Request, number>();
  let begun = 0;
  let latestAcknowledged = 0;
  let foreign: { tenant: Sender; id: string } | undefined;

  function draw(sender: Sender, flaw: Entry['flaw'], bytes: number): Request {
    let poisonLeft = flaw === 'poisonous';
    const newId = (): string => {
      if (foreign !== undefined && foreign.tenant !== sender && flaw === undefined && chance.happens(shares.foreignId)) {
        const { id } = foreign;
        foreign = undefined;
        return id;
      }
      const id = drawnId(poisonLeft);
      if (flaw === undefined) foreign = { tenant: sender, id };
      poisonLeft = false;
      return id;
    };
    const { headers, body, entries } = route.draw(sender, { chance, flaw, bytes, newId });
    return begin({ headers, body, entries: entries.map(ledger.enter), acknowledged: false });
  }

  function begin(request: Request): Request {
    numbers.set(request, (begun += 1));
    return request;
  }

  function drawFlaw(): Entry['flaw'] {
    if (!withoutId.has(route.name) && chance.happens(poisonShare())) return 'poisonous';
    return chance.happens(shares.invalid) ? 'invalid' : undefined;
  }

  const senderOf = (client: number): Sender => senders[client % senders.length] as Sender;

  return {
    next: (client) => {
      const again =
        !withoutId.has(route.name) && chance.happens(shares.repeated) ? remembered.at(chance.between(0, remembered.length - 1)) : undefined;
      if (again !== undefined) return begin({ ...again, acknowledged: false });
      return draw(senderOf(client), drawFlaw(), usualBytes);
    },
    good: (bytes) => draw(senderOf(begun), undefined, bytes),
    acknowledged: (request, answer) => {
      const refusedItems = route.refusedItems?.(answer);
      settle(request, refusedItems ?? new Map());
      ledger.deduplicated += route.knownItems?.(answer) ?? 0;
      latestAcknowledged = Math.max(latestAcknowledged, numbers.get(request) ?? 0);
      remembered.push(request);
      if (remembered.length > rememberedRequests) remembered.shift();
    },
    refused: (request, answer) => {
      const code = codeOf(answer);
      const refusedItems = route.refusedItems?.(answer) ?? new Map<number, string>();
      // An answer that names the items at fault has stored the others.
      settle(request, refusedItems.size > 0 ? refusedItems : new Map(request.entries.map((_entry, index) => [index, code])));
    },
    begun: () => begun,
    latestAcknowledged: () => latestAcknowledged,
  };

  function settle({ entries }: Request, refused: ReadonlyMap<number, string>): void {
    entries.forEach((entry, index) => {
      const code = refused.get(index);
      if (code === undefined) ledger.acknowledge(entry);
      else ledger.refuse(entry, code);
    });
  }
}

/** The marketing routes have an error shape of their own. */
function codeOf({ status, body }: HttpAnswer): string {
  const { error } = (body ?? {}) as { error?: string | { code?: string } };
  return `${status} ${typeof error === 'string' ? error : (error?.code ?? '')}`.trim();
}
