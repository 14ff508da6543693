import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitUntil } from '../../test/support/wait-until.ts';
import { startExporterStandIn, type ExporterStandIn, type SentOperation } from './exporter-stand-in.ts';
import { createTracker, trackOperation, type OperationDescription, type Tracker, type TrackerError } from './index.ts';

let exporter: ExporterStandIn;
let tracker: Tracker;
let told: TrackerError[];
const search: OperationDescription = { operation: 'search_products', domain: 'shop.example' };

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

/** The rows that arrived, without what differs from run to run. */
async function sentOperations(): Promise<Omit<SentOperation, 'id' | 'created_at' | 'duration_ms'>[]> {
  await tracker.close();
  return [...exporter.stored.values()].map(({ id: _id, created_at: _at, duration_ms: _ms, ...row }) => row);
}

async function onlyOperation(): Promise<SentOperation> {
  await tracker.close();
  expect(exporter.stored.size).toBe(1);
  const [operation] = exporter.stored.values();
  return operation as SentOperation;
}

describe('the caller', () => {
  test('gets the very promise that the function returned', async () => {
    const promise = Promise.resolve({ success: true });
    expect(trackOperation(tracker, search, () => promise)).toBe(promise);
    class Cancellable<Value> extends Promise<Value> {
      cancel = (): string => 'cancelled';
    }
    const cancellable = new Cancellable<number>((resolve) => resolve(1));
    expect(trackOperation(tracker, search, () => cancellable).cancel()).toBe('cancelled');
    await Promise.all([promise, cancellable]);
    expect(await sentOperations()).toHaveLength(2);
  });

  test('gets the very error, thrown or rejected', async () => {
    const error = new Error('x');
    await expect(trackOperation(tracker, search, () => Promise.reject(error))).rejects.toBe(error);
    const thrower = (): number => {
      throw error;
    };
    expect(() => trackOperation(tracker, search, thrower)).toThrow(error);
    expect(await sentOperations()).toEqual([
      { ...search, success: false, error_type: 'Error', error_message: 'x' },
      { ...search, success: false, error_type: 'Error', error_message: 'x' },
    ]);
  });

  test('gets what is no promise, too, and at once', async () => {
    const value = { success: false, error_type: 'NotFound', message: 'none' };
    expect(trackOperation(tracker, search, () => value)).toBe(value);
    expect(trackOperation(tracker, search, () => undefined)).toBeUndefined();
    expect(await sentOperations()).toEqual([
      { ...search, success: false, error_type: 'NotFound', error_message: 'none' },
      { ...search, success: true },
    ]);
  });

  test('waits no turn longer than for the bare call', async () => {
    const order: string[] = [];
    const bare = Promise.resolve().then(() => order.push('bare'));
    const tracked = trackOperation(tracker, search, () => Promise.resolve()).then(() => order.push('tracked'));
    const later = Promise.resolve().then(() => order.push('bare, later'));
    await Promise.all([bare, tracked, later]);
    expect(order).toEqual(['bare', 'tracked', 'bare, later']);
  });

  test('has a thenable of its own called by nobody else, lest the operation runs twice', async () => {
    let runs = 0;
    const lazy = {
      // oxlint-disable-next-line unicorn/no-thenable -- such things exist: query builders that run when they are awaited
      then: (resolve: (value: string) => void) => {
        runs += 1;
        resolve('done');
      },
    };
    expect(await trackOperation(tracker, search, () => lazy)).toBe('done');
    expect(runs).toBe(1);
    await waitUntil(() => told.length > 0, { within: 20_000 });
    expect(told.map(({ code, message }) => [code, message])).toEqual([
      ['NOT_MEASURED', 'search_products returned a thenable that is not a native promise; make its function async'],
    ]);
    expect(await trackOperation(tracker, search, async () => lazy)).toBe('done');
    expect(runs).toBe(2);
    expect(await sentOperations()).toHaveLength(1);
    expect(tracker.stats().ignored).toEqual({ unknownOperation: 0, notMeasured: 1 });
  });

  test('has a promise with a then of its own left alone', async () => {
    let runs = 0;
    class Lazy extends Promise<number> {
      // oxlint-disable-next-line unicorn/no-thenable -- as above
      override then: Promise<number>['then'] = (...handlers) => {
        runs += 1;
        return Promise.resolve(7).then(...handlers);
      };
    }
    expect(await trackOperation(tracker, search, () => new Lazy(() => undefined))).toBe(7);
    expect(runs).toBe(1);
    expect(await sentOperations()).toEqual([]);
  });

  test('has the function run once, with nothing, whatever happens', async () => {
    const runs: unknown[][] = [];
    const fn = (...args: unknown[]): number => runs.push(args);
    trackOperation(tracker, search, fn);
    trackOperation(tracker, { ...search, operation: 'list_everything' as 'get_cart' }, fn);
    trackOperation(hostileTracker(), search, fn);
    expect(runs).toEqual([[], [], []]);
  });
});

describe('never changes result or error', () => {
  /** In a box each, for the generator looks into what it generates. */
  const hostile = fc.nat({ max: hostileValues().length - 1 }).map((index) => ({ get: () => hostileValues()[index] }));
  const anything = fc
    .oneof(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true, withTypedArray: true }),
      fc.func(fc.anything()),
      fc.record({ success: fc.anything(), error_type: fc.anything(), message: fc.anything() }),
    )
    .map((value) => ({ get: () => value }));
  const values = fc.oneof(anything, hostile);
  const descriptions = fc.oneof(fc.constant({ get: () => search }), anything, hostile);
  const trackers = fc.constantFrom('ours', 'closed', 'throwing', 'none', 'proxy');
  const ways = fc.constantFrom('return', 'throw', 'resolve', 'reject');

  test('whatever is returned or thrown, by whichever description and tracker', async () => {
    const closed = createTracker({ url: exporter.url, ingestKey: 'ik_test' });
    await closed.close();
    const byName = { ours: tracker, closed, throwing: hostileTracker(), none: undefined, proxy: revokedProxy() };
    await fc.assert(
      fc.asyncProperty(values, trackers, descriptions, ways, async (box, name, description, way) => {
        const value = box.get();
        // What resolves is never a thenable: its own value is.
        fc.pre(way !== 'resolve' || !isThenable(value));
        const returned = way === 'resolve' ? Promise.resolve(value) : way === 'reject' ? Promise.reject(value) : value;
        const outcome = ending(() =>
          trackOperation(byName[name] as Tracker, description.get() as OperationDescription, () => {
            if (way === 'throw') throw value;
            return returned;
          }),
        );
        expect(outcome.way).toBe(way === 'throw' ? 'threw' : 'returned');
        expect(Object.is(outcome.value, returned)).toBe(true);
        if (way === 'resolve' || way === 'reject') {
          const settled = await settle(returned as Promise<unknown>);
          expect(settled.way).toBe(way);
          expect(Object.is(settled.value, value)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
    const { recorded, sent, queued, dropped } = tracker.stats();
    expect(recorded).toBeGreaterThan(50);
    expect(recorded).toBe(sent + queued + Object.values(dropped).reduce((sum, count) => sum + count));
  });

  test('and everything that was recorded of it can be sent', async () => {
    for (const value of hostileValues()) {
      trackOperation(tracker, search, () => value);
      await settle(trackOperation(tracker, search, () => Promise.reject<unknown>(value)));
    }
    await tracker.close();
    const { recorded, sent } = tracker.stats();
    expect(sent).toBe(recorded);
    expect(sent).toBeGreaterThan(10);
  });
});

describe('the record', () => {
  test('of a success and of a failure that is returned', async () => {
    await trackOperation(tracker, { ...search, userAgent: 'Mozilla' }, () => Promise.resolve({ success: true, message: 'fine' }));
    await trackOperation(tracker, { operation: 'add_to_cart', domain: 'b.example' }, () =>
      Promise.resolve({ success: false, error_type: 'OutOfStock', message: 'none left' }),
    );
    await trackOperation(tracker, search, () => Promise.resolve('anything else'));
    expect(await sentOperations()).toEqual([
      { ...search, user_agent: 'Mozilla', success: true },
      { operation: 'add_to_cart', domain: 'b.example', success: false, error_type: 'OutOfStock', error_message: 'none left' },
      { ...search, success: true },
    ]);
  });

  test('measures from the call until the promise settles, and is dated then', async () => {
    const called = { at: performance.now(), date: Date.now() };
    await trackOperation(tracker, search, () => new Promise((resolve) => setTimeout(resolve, 60)));
    const settled = { at: performance.now(), date: Date.now() };
    const { duration_ms, created_at, id } = await onlyOperation();
    expect(duration_ms).toBeGreaterThanOrEqual(59);
    expect(duration_ms).toBeLessThanOrEqual(Math.ceil(settled.at - called.at));
    expect(Date.parse(created_at)).toBeGreaterThanOrEqual(called.date + 58);
    expect(Date.parse(created_at)).toBeLessThanOrEqual(settled.date);
    expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('is dated when the operation ended, not when it is sent', async () => {
    trackOperation(tracker, search, () => 1);
    const endedBefore = Date.now();
    await waitUntil(() => Date.now() > endedBefore + 20, { within: 20_000 });
    const { created_at } = await onlyOperation();
    expect(Date.parse(created_at)).toBeLessThanOrEqual(endedBefore);
  });

  test('holds what the result said when it settled, whatever becomes of it later', async () => {
    const description = { ...search };
    const result = { success: false, error_type: 'NotFound', message: 'x' };
    const running = trackOperation(tracker, description, () => Promise.resolve(result));
    Object.assign(description, { operation: 'get_cart', domain: 'other.example' });
    await running;
    Object.assign(result, { success: true, error_type: 'Other' });
    expect(await sentOperations()).toEqual([{ ...search, success: false, error_type: 'NotFound', error_message: 'x' }]);
  });

  test('cuts texts to what the exporter keeps', async () => {
    const long = 'ü'.repeat(5000);
    await trackOperation(tracker, { ...search, userAgent: long }, () =>
      Promise.resolve({ success: false, error_type: long, message: long }),
    );
    const { user_agent, error_type, error_message } = await onlyOperation();
    expect([user_agent?.length, error_type?.length, error_message?.length]).toEqual([512, 100, 1400]);
  });

  test('takes a TypeError with a cause, as fetch throws it, for an upstream error', async () => {
    await expect(trackOperation(tracker, search, () => fetch('http://127.0.0.1:9'))).rejects.toThrow(TypeError);
    expect(await onlyOperation()).toMatchObject({ success: false, error_type: 'UpstreamError', error_message: 'fetch failed' });
  });
});

describe('what is not recorded', () => {
  test.each(['list_everything', 'toString', '', undefined, null, 7, Symbol('x'), {}])(
    'an operation outside of the catalogue: %s',
    async (operation) => {
      const description = { operation, domain: 'shop.example' } as OperationDescription;
      expect(await trackOperation(tracker, description, () => Promise.resolve(5))).toBe(5);
      await waitUntil(() => told.length > 0, { within: 20_000 });
      expect(told[0]).toMatchObject({
        code: 'UNKNOWN_OPERATION',
        message: expect.stringContaining('use a name from operationNames') as string,
      });
      expect(tracker.stats()).toMatchObject({ recorded: 0, ignored: { unknownOperation: 1, notMeasured: 0 } });
      expect(await sentOperations()).toEqual([]);
    },
  );

  test.each([undefined, 7, null])('an operation whose domain is %s', async (domain) => {
    expect(trackOperation(tracker, { ...search, domain } as unknown as OperationDescription, () => 5)).toBe(5);
    await waitUntil(() => told.length > 0, { within: 20_000 });
    expect(told[0]).toMatchObject({ code: 'NOT_MEASURED' });
    expect(await sentOperations()).toEqual([]);
  });

  test('an operation that never ends', async () => {
    void trackOperation(tracker, search, () => new Promise(() => undefined));
    expect(await sentOperations()).toEqual([]);
  });
});

function isThenable(value: unknown): boolean {
  try {
    return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
  } catch {
    return true;
  }
}

function ending(run: () => unknown): { way: 'returned' | 'threw'; value: unknown } {
  try {
    return { way: 'returned', value: run() };
  } catch (error) {
    return { way: 'threw', value: error };
  }
}

async function settle(promise: Promise<unknown>): Promise<{ way: 'resolve' | 'reject'; value: unknown }> {
  try {
    return { way: 'resolve', value: await promise };
  } catch (error) {
    return { way: 'reject', value: error };
  }
}

function throwing(): never {
  throw new Error('do not touch');
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function hostileTracker(): Tracker {
  return { record: throwing, ignore: throwing, stats: throwing, close: throwing };
}

function hostileValues(): unknown[] {
  const circular: Record<string, unknown> = { success: false };
  circular['message'] = circular;
  return [
    circular,
    revokedProxy(),
    new Proxy({}, { get: throwing, has: throwing, getPrototypeOf: throwing, ownKeys: throwing }),
    Object.defineProperty({}, 'success', { get: throwing }),
    Object.defineProperty({ success: false }, 'message', { get: throwing }),
    // oxlint-disable-next-line unicorn/no-thenable -- hostile
    Object.defineProperty({}, 'then', { get: throwing }),
    Object.defineProperty(new Error('x'), 'name', { get: throwing }),
    { success: false, error_type: Symbol('type'), message: 10n ** 30n },
    { success: false, error_type: { toString: throwing }, message: { toJSON: throwing } },
    { success: false, message: 'm'.repeat(2_000_000) },
    Object.assign(Object.create(null) as object, { success: false }),
    Object.freeze({ success: true }),
    Symbol('x'),
    10n,
    Number.NaN,
    -0,
    '\ud800',
    'U+0000 \u0000',
  ];
}
