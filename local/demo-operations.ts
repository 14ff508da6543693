import {
  catalogue,
  errorTypeMeanings,
  operationNames,
  type OperationGroup,
  type OperationName,
} from '../features/woocommerce/catalogue.ts';
import { createTracker, trackAll, type Tracker } from '../sdk/operations/index.ts';
import { pause } from './pause.ts';

/** A shop that the chat backend of an organization performs operations on. */
export interface OperatedShop {
  domain: string;
  url: string;
  consumerKey: string;
  consumerSecret: string;
  /** Belongs to the organization. */
  ingestKey: string;
  /** A domain of the organization that no shop was ever configured for. */
  unconfiguredDomain: string | undefined;
}

interface OperationResult {
  success: boolean;
  error_type?: string;
  message?: string;
}

type ShopClient = Record<OperationName, () => Promise<OperationResult>>;

const visitorsAtOnce = 3;
const pauseMs = 600;
/** Rare enough not to look like a failing shop. */
const unconfiguredPauseMs = 12_000;
const shopAnswersWithinMs = 10_000;
const shareThatFails = 0.04;
const sendWithinMs = 2000;

/** What an operation takes beside the shop's answer, typically. */
const typicalMs: Readonly<Record<OperationGroup, number>> = { products: 120, orders: 220, cart: 180, store: 90, analytics: 800 };
/** Cheap routes of the shop, so that an operation is as slow as the shop is. */
const routes: Readonly<Record<OperationGroup, string>> = {
  products: 'products?per_page=1',
  orders: 'orders?per_page=1',
  cart: 'products?per_page=1',
  store: 'data/currencies/current',
  analytics: 'reports/orders/totals',
};

/**
 * Chat backends at work: visitors have every operation of the catalogue performed on the shops, one after the other, and the SDK records
 * each. An operation asks its shop for something, so it is slow and fails when the shop does; a few fail for reasons of their own.
 */
export function startDemoOperations(
  shops: readonly OperatedShop[],
  options: { exporterUrl: string; write: (name: string, line: string) => void },
): { stop: () => Promise<void> } {
  const leaving = new AbortController();
  const cutOff = new AbortController();
  const trackers: Tracker[] = [];
  const visits: Promise<void>[] = [];

  for (const shop of shops) {
    const tracker = createTracker({
      url: options.exporterUrl,
      ingestKey: shop.ingestKey,
      onError: ({ code, message }) => leaving.signal.aborted || options.write('demo', `operations of ${shop.domain}: ${code}: ${message}`),
    });
    trackers.push(tracker);
    const client = trackAll(tracker, clientOf(shop, cutOff.signal), { domain: shop.domain });
    for (let visitor = 0; visitor < visitorsAtOnce; visitor += 1) {
      visits.push(visit(client, { first: visitor * 8, pauseMs, signal: leaving.signal }));
    }
    const { unconfiguredDomain } = shop;
    if (unconfiguredDomain === undefined) continue;
    const nowhere = trackAll(tracker, clientWithoutShop(unconfiguredDomain), { domain: unconfiguredDomain });
    visits.push(visit(nowhere, { first: 0, pauseMs: unconfiguredPauseMs, signal: leaving.signal }));
  }

  return {
    async stop() {
      leaving.abort();
      await Promise.all(trackers.map((tracker) => tracker.close(sendWithinMs)));
      // Recorded now, it would look like a failure of the shop.
      cutOff.abort();
      await Promise.all(visits);
    },
  };
}

async function visit(client: ShopClient, options: { first: number; pauseMs: number; signal: AbortSignal }): Promise<void> {
  for (let turn = options.first; !options.signal.aborted; turn += 1) {
    const operation = operationNames[turn % operationNames.length] ?? operationNames[0];
    try {
      await client[operation]();
    } catch {
      // The visitor is told that it did not work; why is in the record.
    }
    await pause(options.pauseMs * (0.5 + Math.random()), options.signal);
  }
}

function clientOf(shop: OperatedShop, signal: AbortSignal): ShopClient {
  const authorization = `Basic ${Buffer.from(`${shop.consumerKey}:${shop.consumerSecret}`).toString('base64')}`;
  return clientWith(async (operation) => {
    const { group, errorTypes } = catalogue[operation];
    await pause(typicalMs[group] * Math.exp(2 * Math.random() - 1), signal);
    const response = await fetch(`${shop.url}/wp-json/wc/v3/${routes[group]}`, {
      headers: { authorization },
      signal: AbortSignal.any([signal, AbortSignal.timeout(shopAnswersWithinMs)]),
    });
    await response.arrayBuffer();
    if (!response.ok) return { success: false, error_type: 'UpstreamError', message: `the shop answered HTTP ${response.status}` };
    const errorType = Math.random() < shareThatFails ? errorTypes[Math.floor(Math.random() * errorTypes.length)] : undefined;
    return errorType === undefined ? { success: true } : { success: false, error_type: errorType, message: errorTypeMeanings[errorType] };
  });
}

function clientWithoutShop(domain: string): ShopClient {
  return clientWith(() =>
    Promise.resolve({ success: false, error_type: 'ConfigurationError', message: `no shop is configured for ${domain}` }),
  );
}

function clientWith(perform: (operation: OperationName) => Promise<OperationResult>): ShopClient {
  return Object.fromEntries(operationNames.map((operation) => [operation, () => perform(operation)])) as ShopClient;
}
