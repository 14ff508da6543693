import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitUntil } from '../../test/support/wait-until.ts';
import { startExporterStandIn, type ExporterStandIn } from './exporter-stand-in.ts';
import { createTracker, operationNames, trackAll, type Tracker, type TrackerError } from './index.ts';

let exporter: ExporterStandIn;
let tracker: Tracker;
let told: TrackerError[];

beforeEach(async () => {
  exporter = await startExporterStandIn();
  const toldHere: TrackerError[] = [];
  told = toldHere;
  tracker = createTracker({ url: exporter.url, ingestKey: 'ik_test', onError: (error) => toldHere.push(error) });
});

afterEach(async () => {
  await tracker.close(0);
  await exporter.close();
});

async function sentOperations(): Promise<string[]> {
  await tracker.close();
  return [...exporter.stored.values()].map(({ operation, domain, success }) => `${operation} ${domain} ${success}`);
}

/** As clients are written: private state, a getter, methods that call each other, synchronous ones, and one that is chained. */
class ShopClient {
  readonly #prefix: string;
  limit = 10;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get prefix(): string {
    return this.#prefix;
  }

  set prefixLimit(limit: number) {
    this.limit = limit + this.#prefix.length;
  }

  async search_products(query: string): Promise<{ success: boolean; found: string }> {
    return { success: true, found: `${this.#prefix}${query}` };
  }

  async checkPrice(productId: number): Promise<string> {
    const { found } = await this.search_products(String(productId));
    return `price of ${found}`;
  }

  get_cart(): { success: boolean; items: number } {
    return { success: false, items: this.limit };
  }

  find(orderId: number): Promise<string> {
    return Promise.reject(new Error(`no ${orderId} in ${this.#prefix}`));
  }

  describe(): string {
    return `client of ${this.#prefix}`;
  }

  withLimit(limit: number): this {
    this.limit = limit;
    return this;
  }
}

describe('trackAll', () => {
  test('tracks all 25 operations of a client, named as in the catalogue', async () => {
    const client = Object.fromEntries(operationNames.map((name) => [name, async () => ({ success: true, name })]));
    const tracked = trackAll(tracker, client, { domain: 'shop.example' });
    for (const name of operationNames) expect(await tracked[name]?.()).toEqual({ success: true, name });
    expect(operationNames).toHaveLength(25);
    expect(await sentOperations()).toEqual(operationNames.map((name) => `${name} shop.example true`));
  });

  test('takes camelCase, and other names from a mapping', async () => {
    const client = { searchProducts: async () => 1, find: async (_id: number) => 2, get_cart: async () => 3, checkOrder: async () => 4 };
    const tracked = trackAll(tracker, client, { domain: 'shop.example', names: { check_order: 'find' } });
    expect([await tracked.searchProducts(), await tracked.find(1), await tracked.get_cart(), await tracked.checkOrder()]).toEqual([
      1, 2, 3, 4,
    ]);
    expect(await sentOperations()).toEqual([
      'search_products shop.example true',
      'check_order shop.example true',
      'get_cart shop.example true',
    ]);
  });

  test('finds the shop in the arguments of the call', async () => {
    const client = { get_cart: async (_call: { shop: string }) => 1, check_stock: async (_call: { shop: string }) => 2 };
    const agents: unknown[] = [];
    const tracked = trackAll(tracker, client, {
      domain: ([call]) => (call as { shop: string }).shop,
      userAgent: (args, operation) => {
        agents.push(args, operation);
        return undefined;
      },
    });
    await tracked.get_cart({ shop: 'a.example' });
    await tracked.check_stock({ shop: 'b.example' });
    expect(await sentOperations()).toEqual(['get_cart a.example true', 'check_stock b.example true']);
    expect(agents).toEqual([[{ shop: 'a.example' }], 'get_cart', [{ shop: 'b.example' }], 'check_stock']);
  });

  test('performs the operation when the shop cannot be found, and tells', async () => {
    const tracked = trackAll(
      tracker,
      { get_cart: async () => 1 },
      {
        domain: () => {
          throw new Error('no shop');
        },
      },
    );
    expect(await tracked.get_cart()).toBe(1);
    await waitUntil(() => told.length > 0, { within: 20_000 });
    expect(told[0]).toMatchObject({ code: 'NOT_MEASURED', message: 'the domain of get_cart is not text; give the host name of the shop' });
  });

  test('keeps `this`, private members, getters, setters and the class', async () => {
    const client = new ShopClient('p-');
    const tracked: ShopClient = trackAll(tracker, client, { domain: 'shop.example', names: { check_order: 'find' } });
    expect(tracked).toBeInstanceOf(ShopClient);
    expect(await tracked.search_products('x')).toEqual({ success: true, found: 'p-x' });
    expect(tracked.get_cart()).toEqual({ success: false, items: 10 });
    await expect(tracked.find(7)).rejects.toThrow('no 7 in p-');
    expect(tracked.prefix).toBe('p-');
    expect(tracked.describe()).toBe('client of p-');
    tracked.prefixLimit = 3;
    expect(client.limit).toBe(5);
    expect(Object.keys(tracked)).toEqual(['limit']);
    expect(await sentOperations()).toEqual([
      'search_products shop.example true',
      'get_cart shop.example false',
      'check_order shop.example false',
    ]);
  });

  test('takes what an operation calls on its own client for a part of it', async () => {
    const tracked = trackAll(tracker, new ShopClient('p-'), { domain: 'shop.example' });
    expect(await tracked.checkPrice(7)).toBe('price of p-7');
    expect(await sentOperations()).toEqual(['check_price shop.example true']);
  });

  test('goes on tracking what is chained', async () => {
    const tracked = trackAll(tracker, new ShopClient('p-'), { domain: 'shop.example' });
    expect(tracked.withLimit(3).get_cart().items).toBe(3);
    expect(await sentOperations()).toEqual(['get_cart shop.example false']);
  });

  test('leaves the client as it is, and a method the same from read to read', async () => {
    const client = new ShopClient('p-');
    const tracked = trackAll(tracker, client, { domain: 'shop.example' });
    await client.search_products('x');
    expect(Object.hasOwn(client, 'search_products')).toBe(false);
    expect(tracked.search_products).toBe(tracked.search_products);
    expect(tracked.search_products.name).toBe('search_products');
    expect(tracked.search_products.length).toBe(1);
    const { get_cart: getCart } = tracked;
    expect(getCart.call(new ShopClient('other')).items).toBe(10);
    expect(await sentOperations()).toEqual(['get_cart shop.example false']);
  });

  test('sees a method that is replaced later', async () => {
    const client = { get_cart: async () => 1 };
    const tracked = trackAll(tracker, client, { domain: 'shop.example' });
    client.get_cart = async () => 2;
    expect(await tracked.get_cart()).toBe(2);
    tracked.get_cart = async () => 3;
    expect(await client.get_cart()).toBe(3);
    expect(await tracked.get_cart()).toBe(3);
    expect(await sentOperations()).toHaveLength(2);
  });

  test('tells what it cannot track, and breaks nothing', async () => {
    const frozen = Object.freeze({ get_cart: async () => 1 });
    expect(await trackAll(tracker, frozen, { domain: 'shop.example' }).get_cart()).toBe(1);
    expect(await trackAll(tracker, { ...frozen }, { domain: 'shop.example' }).get_cart()).toBe(1);
    trackAll(tracker, { unrelated: () => 1 }, { domain: 'shop.example' });
    trackAll(tracker, { find: () => 1 }, { domain: 'shop.example', names: { get_cart: 'gone' as 'find' } });
    await waitUntil(() => told.length >= 3, { within: 20_000 });
    expect(told.map(({ message }) => message)).toEqual([
      'get_cart is frozen; hand in a copy, { ...client }',
      'the client has none of the operations; name its methods in names',
      'the client has no gone for get_cart; correct names',
    ]);
    expect(await sentOperations()).toEqual(['get_cart shop.example true']);
  });
});

test('names takes methods of the client only', () => {
  const client = { find: async () => 1, limit: 3 };
  trackAll(tracker, client, { domain: 'shop.example', names: { check_order: 'find' } });
  // @ts-expect-error -- not a method
  trackAll(tracker, client, { domain: 'shop.example', names: { check_order: 'limit' } });
  // @ts-expect-error -- not an operation
  trackAll(tracker, client, { domain: 'shop.example', names: { list_everything: 'find' } });
});
