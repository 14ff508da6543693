import { format, table, type Figure } from '../support/figures.ts';
import { startLoad, type LoadResult } from '../support/load.ts';
import { atRate, batchSize, messages, startStage, type LoadContext, type LoadPart } from './stage.ts';

const shares = [50, 80, 100, 150, 200] as const;
/** More than the queue takes: 10,000 rows are 500 batches of 20. */
const connections = 1000;
const longestRecoverySeconds = 30;

/** With the cores that the exporter had: one event loop can use little more than one, and gets less where the load generator needs them. */
interface OfferedResult extends LoadResult {
  cores: number;
}

/** More than can be stored, sent on a schedule that does not wait for answers. */
export const overloadPart: LoadPart = {
  name: 'overload',
  summary: 'open loop at 50 to 200 % of the capacity: goodput, latency of what is accepted, recovery',
  run: async (context) => {
    const capacity = await context.capacity();
    const stage = await startStage(context, 'overload');
    const load = await startLoad();
    const offer = (share: number, seconds: number, clients = connections): Promise<LoadResult> =>
      load.call('run', { url: stage.url, seconds, send: messages(stage.ingestKeys), ...atRate((capacity * share) / 100, clients) });
    await offer(50, context.quick ? 2 : 5, 64);
    const calm = await offer(50, context.quick ? 3 : 10, 64);
    const results: OfferedResult[] = [];
    for (const share of shares) {
      context.print(`overload: ${share} % of ${format(capacity)} requests/s`);
      const [cpuBefore, startedAt] = [await stage.cpuMs(), performance.now()];
      const result = await offer(share, context.quick ? 6 : 60);
      results.push({ ...result, cores: ((await stage.cpuMs()) - cpuBefore) / (performance.now() - startedAt) });
    }
    const recoveredAfter = await recoverySeconds(calm, () => offer(50, 1, 64));
    await load.stop();
    await stage.stop();
    printResults(context, results);
    return figuresOf(results, recoveredAfter);
  },
};

/** Seconds at half of the capacity until a second is as good again as it was before. */
async function recoverySeconds(calm: LoadResult, nextSecond: () => Promise<LoadResult>): Promise<number> {
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1000;
  while (elapsed() < longestRecoverySeconds) {
    const begunAfter = elapsed();
    const { failed, p95 } = await nextSecond();
    if (failed === 0 && p95 < Math.max(2 * calm.p95, 50)) return begunAfter;
  }
  return elapsed();
}

function printResults({ print }: LoadContext, results: readonly OfferedResult[]): void {
  print(
    table([
      ['offered', 'accepted/s', 'refused', 'p50 ms', 'p99 ms', 'p99 from schedule ms', 'cores of the exporter'],
      ...results.map(({ perSecond, failed, p50, p99, p99FromSchedule, cores }, index) => [
        `${shares[index]} %`,
        format(perSecond),
        String(failed),
        format(p50),
        format(p99),
        format(p99FromSchedule),
        cores.toFixed(2),
      ]),
    ]),
  );
}

function figuresOf(results: readonly LoadResult[], recoveredAfter: number): Figure[] {
  const best = Math.max(...results.map(({ perSecond }) => perSecond));
  const worst = results.at(-1);
  const what = `overload, ${batchSize} messages per request`;
  return [
    { name: `${what}: goodput at 200 % / the maximum`, value: (100 * (worst?.perSecond ?? 0)) / best, unit: '%', target: { atLeast: 80 } },
    { name: `${what}: p99 of accepted, worst`, value: Math.max(...results.map(({ p99 }) => p99)), unit: 'ms', target: { below: 2000 } },
    { name: `${what}: recovery`, value: recoveredAfter, unit: 's', target: { below: 10 } },
  ];
}
