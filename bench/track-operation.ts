import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Tracker } from '../sdk/operations/index.ts';
import type { Bench } from './support/bench.ts';
import { buildDirectory } from './support/build.ts';
import { format, table, type Figure } from './support/figures.ts';
import { quietTurns } from './support/quiet.ts';
import { median, percentile } from './support/statistics.ts';

type Sdk = typeof import('../sdk/operations/index.ts');

/** What an operation comes to. It ends at once, so that what is measured is the tracking and nothing else. */
const results = {
  success: { success: true, products: [] },
  failure: { success: false, error_type: 'OutOfStock', message: 'the product is out of stock in the colour that was asked for' },
};
type Kind = keyof typeof results;

const description = { operation: 'search_products', domain: 'shop.example', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' } as const;
/** Fewer than make a full batch. */
const callsInOpenBatch = 400;
/** Then the event loop gets a turn, in which batches are handed over and answers come in. */
const callsInTurn = 25;

/** A tracked call against the bare one: what it costs while a batch fills, and what it costs at worst. */
export const trackOperationBench: Bench = {
  name: 'track-operation',
  summary: 'what trackOperation of sdk/operations adds to a call',
  run: async ({ quick, print }) => {
    const sdk = await compileSdk();
    const exporter = await startExporter();
    const start = (options: { maxBatch?: number; flushMs?: number }): Tracker =>
      sdk.createTracker({ url: exporter.url, ingestKey: 'ik_bench', ...options });
    const figures = [
      ...(await measureOpenBatch(sdk, () => start({ maxBatch: 500, flushMs: 60_000 }), { rounds: quick ? 60 : 400, print })),
      ...(await measureEveryCase(sdk, () => start({}), { rounds: quick ? 5 : 25, calls: 20_000, print })),
    ];
    await exporter.stop();
    return figures;
  },
};

interface Rounds {
  rounds: number;
  print: (text: string) => void;
}

async function measureOpenBatch({ trackOperation }: Sdk, start: () => Tracker, { rounds, print }: Rounds): Promise<Figure[]> {
  const kinds = ['success', 'failure'] as const;
  const sides = {
    bare: async (kind: Kind) => {
      const operation = async () => results[kind];
      const startedAt = performance.now();
      for (let call = 0; call < callsInOpenBatch; call += 1) await operation();
      return performance.now() - startedAt;
    },
    tracked: async (kind: Kind) => {
      const operation = async () => results[kind];
      const tracker = start();
      const startedAt = performance.now();
      for (let call = 0; call < callsInOpenBatch; call += 1) await trackOperation(tracker, description, operation);
      const elapsedMs = performance.now() - startedAt;
      await tracker.close();
      const { sent } = tracker.stats();
      if (sent !== callsInOpenBatch) throw new Error(`${sent} of ${callsInOpenBatch} operations arrived`);
      return elapsedMs;
    },
  };
  const microseconds: Record<Kind, Record<keyof typeof sides, number[]>> = {
    success: { bare: [], tracked: [] },
    failure: { bare: [], tracked: [] },
  };
  const quiet = quietTurns();
  await quiet.next();
  for (let round = -40; round < rounds; round += 1) {
    // The order changes too: whoever goes second finds caches warm and the machine hot.
    const order = round % 2 === 0 ? (['bare', 'tracked'] as const) : (['tracked', 'bare'] as const);
    for (const kind of kinds) {
      for (const side of order) {
        const elapsedMs = await sides[side](kind);
        // The first rounds warm up.
        if (round >= 0) microseconds[kind][side].push((elapsedMs * 1000) / callsInOpenBatch);
      }
    }
  }
  const added = (kind: Kind): number =>
    median(microseconds[kind].tracked.map((tracked, round) => tracked - (microseconds[kind].bare[round] ?? Number.NaN)));
  print(`track-operation: ${callsInOpenBatch} calls one after the other, batch not full, ${quiet.summary(rounds)}`);
  print(
    table([
      ['µs per call', 'bare', 'tracked', 'added', 'ratio'],
      ...kinds.map((kind) => {
        const { bare, tracked } = microseconds[kind];
        return [kind, median(bare).toFixed(3), median(tracked).toFixed(3), added(kind).toFixed(3), format(median(tracked) / median(bare))];
      }),
    ]),
  );
  return kinds.map((kind) => ({
    name: `track-operation: added to 1,000 calls, ${kind}, batch not full`,
    // µs per call are ms per 1,000 calls.
    value: added(kind),
    unit: 'ms',
    target: { below: 2 },
  }));
}

interface Distribution {
  p50: number;
  p999: number;
  longest: number;
  longestTurn: number;
}

/** Each call on its own, faster than the exporter answers: batches are handed over all the time, and the queue is full. */
async function measureEveryCase(
  { trackOperation }: Sdk,
  start: () => Tracker,
  { rounds, calls, print }: Rounds & { calls: number },
): Promise<Figure[]> {
  const operation = async () => results.failure;
  const sides = { bare: [] as Distribution[], tracked: [] as Distribution[] };
  const counts = { batches: 0, dropped: 0 };
  const quiet = quietTurns();
  for (let round = -2; round < rounds; round += 1) {
    await quiet.next();
    const tracker = start();
    const run = {
      bare: () => timeEachCall(operation, calls),
      tracked: () => timeEachCall(() => trackOperation(tracker, description, operation), calls),
    };
    for (const side of round % 2 === 0 ? (['bare', 'tracked'] as const) : (['tracked', 'bare'] as const)) {
      const distribution = await run[side]();
      if (round >= 0) sides[side].push(distribution);
    }
    await tracker.close();
    const { sent, dropped } = tracker.stats();
    if (round >= 0) {
      counts.batches += sent / 100;
      counts.dropped += dropped.queueFull;
    }
  }
  const of = (side: keyof typeof sides, value: keyof Distribution): number =>
    median(sides[side].map((distribution) => distribution[value]));
  print(
    `track-operation: ${calls.toLocaleString('en')} calls timed one by one, with ${Math.round(counts.batches / rounds)} batches sent and ` +
      `${Math.round(counts.dropped / rounds)} operations dropped from a full queue; ${quiet.summary(rounds)}`,
  );
  print(
    table([
      ['µs', 'p50', 'p99.9', 'longest call', 'longest turn of the loop'],
      ...(['bare', 'tracked'] as const).map((side) => [
        side,
        ...(['p50', 'p999', 'longest', 'longestTurn'] as const).map((value) => format(of(side, value) * 1000)),
      ]),
    ]),
  );
  return [
    {
      name: 'track-operation: longest call, batches handed over, queue full',
      value: of('tracked', 'longest'),
      unit: 'ms',
      target: { below: 1 },
    },
  ];
}

async function timeEachCall(call: () => Promise<unknown>, calls: number): Promise<Distribution> {
  const elapsed = new Float64Array(calls);
  let longestTurn = 0;
  for (let done = 0; done < calls; done += 1) {
    const startedAt = performance.now();
    await call();
    const endedAt = performance.now();
    elapsed[done] = endedAt - startedAt;
    if (done % callsInTurn === 0) {
      await new Promise(setImmediate);
      longestTurn = Math.max(longestTurn, performance.now() - endedAt);
    }
  }
  elapsed.sort();
  return { p50: percentile(elapsed, 50), p999: percentile(elapsed, 99.9), longest: percentile(elapsed, 100), longestTurn };
}

/** As it is installed: tsx would keep the names of functions by work at every closure, which would be measured too. */
async function compileSdk(): Promise<Sdk> {
  const directory = new URL('operations/', buildDirectory);
  const path = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url));
  await promisify(execFile)(path('node_modules/.bin/tsc'), [
    '-p',
    path('sdk/operations/tsconfig.build.json'),
    '--outDir',
    fileURLToPath(directory),
  ]);
  return (await import(new URL('index.js', directory).href)) as Sdk;
}

/** Takes everything, on a thread of its own: its work is not the caller's. */
async function startExporter(): Promise<{ url: string; stop: () => Promise<unknown> }> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:http').createServer((request, response) => {
       request.resume().once('end', () => response.writeHead(202).end('{"success":true,"data":{"rejected":[]}}'));
     });
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  const [port] = (await once(worker, 'message')) as [number];
  return { url: `http://127.0.0.1:${port}`, stop: () => worker.terminate() };
}
