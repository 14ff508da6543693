import { setTimeout as delay } from 'node:timers/promises';
import { format, table, type Figure } from '../support/figures.ts';
import { startLoad, type LoadResult } from '../support/load.ts';
import { holdIdle, holdSlow } from './held-connections.ts';
import { readProcessUse } from './process-use.ts';
import { messages, startStage, type LoadPart } from './stage.ts';

const idle = 5000;
const slow = 500;
/** Clients that send a body a byte at a time are told so after 15 s, give or take how often it is looked at. */
const cutWithinSeconds = 30;

export const connectionsPart: LoadPart = {
  name: 'connections',
  summary: `${idle} idle and ${slow} slow connections: what they cost, and what honest clients notice`,
  run: async (context) => {
    const stage = await startStage(context, 'connections');
    const load = await startLoad();
    const honest = (): Promise<LoadResult> =>
      load.call('run', {
        url: stage.url,
        connections: 32,
        seconds: context.quick ? 5 : 8,
        requestsPerSecond: 200,
        send: messages(stage.ingestKeys),
      });
    await load.call('run', { url: stage.url, connections: 64, seconds: context.quick ? 5 : 20, send: messages(stage.ingestKeys) });
    const before = { use: await readProcessUse(stage.metricsUrl), honest: await honest() };
    context.print(`connections: opening ${idle} idle and ${slow} slow ones`);
    const heldIdle = await holdIdle(stage.url, idle);
    const heldSlow = await holdSlow(stage.url, slow);
    const open = { idle: heldIdle.open(), slow: heldSlow.open() };
    const during = { honest: await honest(), use: await readProcessUse(stage.metricsUrl) };
    const startedAt = performance.now();
    while (heldSlow.open() > 0 && performance.now() - startedAt < cutWithinSeconds * 1000) await delay(500);
    const leftSlow = heldSlow.open();
    heldSlow.release();
    heldIdle.release();
    await load.stop();
    await stage.stop();
    const megabytes = (bytes: number): number => bytes / 1024 / 1024;
    const grown = megabytes(during.use.residentBytes - before.use.residentBytes);
    context.print(
      table([
        ['', 'resident MB', 'descriptors', 'p50 ms', 'p95 ms'],
        ...Object.entries({ before, during }).map(([name, { use, honest: result }]) => [
          name,
          format(megabytes(use.residentBytes)),
          String(use.openDescriptors),
          format(result.p50),
          format(result.p95),
        ]),
      ]),
    );
    const figures: Figure[] = [
      { name: 'connections: held at once', value: open.idle + open.slow, unit: 'connections', target: { atLeast: (idle + slow) * 0.99 } },
      { name: `connections: memory of ${idle} idle and ${slow} slow ones`, value: grown, unit: 'MB', target: { below: 150 } },
      {
        name: 'connections: p95 of honest clients / before',
        value: during.honest.p95 / before.honest.p95,
        unit: 'x',
        target: { below: 2 },
      },
      { name: 'connections: honest requests that failed', value: during.honest.failed, unit: 'answers', target: { atMost: 0 } },
      { name: `connections: slow ones left ${cutWithinSeconds} s later`, value: leftSlow, unit: 'connections', target: { atMost: 0 } },
    ];
    return figures;
  },
};
