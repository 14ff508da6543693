import type { Bench } from './support/bench.ts';
import { format, table } from './support/figures.ts';
import type { LoadResult } from './support/load.ts';
import { quietTurns } from './support/quiet.ts';
import { allowedOrigin, createOrganizations } from './support/organizations.ts';
import { startComparison, startMeasuredExporter } from './support/programs.ts';
import { median, medianRatio } from './support/statistics.ts';

const connections = 32;
const organizations = 100;

/** The bootloader as it runs, and the same without metrics, counters and their flushes. */
export const bootloaderBench: Bench = {
  name: 'bootloader',
  summary: 'bootloader calls per second with and without instrumentation',
  run: async ({ cluster, load, quick, print }) => {
    const database = await cluster.createDatabase('bootloader');
    const siteIds = (await createOrganizations(database.db, organizations)).map(({ siteId }) => siteId);
    const instrumented = await startMeasuredExporter(database);
    const bare = await startComparison(database);
    const urls = {
      instrumented: (await instrumented.call('start', undefined)).url,
      bare: (await bare.call('start', 'no instrumentation')).url,
    };
    const cpuMs = { instrumented: () => instrumented.call('cpuMs', undefined), bare: () => bare.call('cpuMs', undefined) };
    type Side = keyof typeof urls;

    const run = async (side: Side, seconds: number): Promise<LoadResult & { cpuMsPerAnswer: number }> => {
      const cpuBefore = await cpuMs[side]();
      const result = await load.call('run', {
        url: urls[side],
        connections,
        seconds,
        send: { kind: 'bootloader', siteIds, origin: allowedOrigin },
      });
      return { ...result, cpuMsPerAnswer: ((await cpuMs[side]()) - cpuBefore) / result.answers };
    };

    const rounds = quick ? 4 : 20;
    const quiet = quietTurns();
    const results: Record<Side, (LoadResult & { cpuMsPerAnswer: number })[]> = { instrumented: [], bare: [] };
    for (const side of ['instrumented', 'bare'] as const) await run(side, quick ? 2 : 5);
    for (let round = 0; round < rounds; round += 1) {
      await quiet.next();
      // The order changes too: whoever goes second finds caches warm and the machine hot.
      const order: Side[] = round % 2 === 0 ? ['instrumented', 'bare'] : ['bare', 'instrumented'];
      for (const side of order) results[side].push(await run(side, quick ? 1 : 2));
    }
    await Promise.all([instrumented.stop(), bare.stop()]);

    const of = (side: Side, value: keyof LoadResult | 'cpuMsPerAnswer'): number[] => results[side].map((result) => result[value]);
    print(`bootloader: ${connections} connections, ${organizations} organizations, ${quiet.summary(rounds)}`);
    print(
      table([
        ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU ms/request'],
        ...(['instrumented', 'bare'] as const).map((side) => [
          side === 'bare' ? 'without instrumentation' : 'with instrumentation',
          format(median(of(side, 'perSecond'))),
          format(median(of(side, 'p50'))),
          format(median(of(side, 'p99'))),
          median(of(side, 'cpuMsPerAnswer')).toFixed(4),
        ]),
        [
          'ratio',
          medianRatio(of('instrumented', 'perSecond'), of('bare', 'perSecond')).toFixed(3),
          '',
          '',
          medianRatio(of('instrumented', 'cpuMsPerAnswer'), of('bare', 'cpuMsPerAnswer')).toFixed(3),
        ],
      ]),
    );
    return [
      {
        name: 'bootloader: throughput that instrumentation costs',
        value: (1 - medianRatio(of('instrumented', 'perSecond'), of('bare', 'perSecond'))) * 100,
        unit: '%',
        target: { below: 5 },
      },
      {
        name: 'bootloader: answers that were not 2xx',
        value: [...of('instrumented', 'failed'), ...of('bare', 'failed')].reduce((sum, failed) => sum + failed, 0),
        unit: 'answers',
        target: { atMost: 0 },
      },
    ];
  },
};
