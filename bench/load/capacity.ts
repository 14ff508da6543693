import { format, table, type Figure } from '../support/figures.ts';
import { startLoad, type LoadResult } from '../support/load.ts';
import { median } from '../support/statistics.ts';
import { batchSize, messages, startStage, type LoadContext, type LoadPart } from './stage.ts';

const connections = 64;

/** As much as 64 clients get acknowledged that each send the next batch when they have the answer to the last one. */
export async function measureCapacity(
  context: Pick<LoadContext, 'cluster' | 'quick'>,
  messagesPerBatch: number,
): Promise<Pick<LoadResult, 'perSecond' | 'p50' | 'p99' | 'failed'>> {
  const stage = await startStage(context, `capacity_${messagesPerBatch}_${Date.now()}`);
  const load = await startLoad();
  const run = (seconds: number): Promise<LoadResult> =>
    load.call('run', { url: stage.url, connections, seconds, send: messages(stage.ingestKeys, messagesPerBatch) });
  await run(context.quick ? 2 : 5);
  const results: LoadResult[] = [];
  for (let round = 0; round < 3; round += 1) results.push(await run(context.quick ? 3 : 20));
  await load.stop();
  await stage.stop();
  const of = (value: keyof LoadResult): number => median(results.map((result) => result[value]));
  return { perSecond: of('perSecond'), p50: of('p50'), p99: of('p99'), failed: Math.max(...results.map(({ failed }) => failed)) };
}

export const capacityPart: LoadPart = {
  name: 'capacity',
  summary: 'closed loop: what 64 clients get acknowledged, with 1 and with 20 messages per request',
  run: async (context) => {
    const figures: Figure[] = [];
    const rows = [['messages per request', 'requests/s', 'messages/s', 'p50 ms', 'p99 ms', 'failed']];
    for (const size of [1, batchSize]) {
      const { perSecond, p50, p99, failed } = await measureCapacity(context, size);
      rows.push([String(size), format(perSecond), format(perSecond * size), format(p50), format(p99), String(failed)]);
      figures.push({ name: `capacity, ${size} per request: p99 of 64 clients`, value: p99, unit: 'ms', target: { below: 150 } });
      figures.push({ name: `capacity, ${size} per request: failed`, value: failed, unit: 'answers', target: { atMost: 0 } });
      if (size === 1) figures.push({ name: 'capacity, 1 per request', value: perSecond, unit: 'requests/s', target: { atLeast: 2000 } });
    }
    context.print(table(rows));
    return figures;
  },
};
