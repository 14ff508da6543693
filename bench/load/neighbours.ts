import { format, table, type Figure } from '../support/figures.ts';
import { startLoad, type LoadResult } from '../support/load.ts';
import { atRate, messages, startStage, type LoadPart } from './stage.ts';

const tenants = 10;
const usualShare = 0.5;
const factor = 10;
/** Per key and minute, before it is multiplied; see features/widget-health/ingest-routes.ts. */
const limitPerMinute = 600;

/**
 * Ten tenants use half of the capacity; then one of them sends ten times as much. A key may send twice the usual rate, counted by the minute,
 * so that the noisy one has its way for some seconds of each.
 */
export const neighboursPart: LoadPart = {
  name: 'neighbours',
  summary: 'one tenant at ten times its rate: what the others notice',
  run: async (context) => {
    const rate = ((await context.capacity()) * usualShare) / tenants;
    const multiplier = Math.max(1, (2 * rate * 60) / limitPerMinute);
    const stage = await startStage(context, 'neighbours', {
      organizations: tenants,
      settings: { RATE_LIMIT_MULTIPLIER: multiplier.toFixed(2) },
    });
    const [quiet, noisy] = [await startLoad(), await startLoad()];
    const seconds = context.quick ? 10 : 60;
    const offer = (load: typeof quiet, keys: string[], requestsPerSecond: number): Promise<LoadResult> =>
      load.call('run', { url: stage.url, seconds, send: messages(keys), ...atRate(requestsPerSecond, 64) });
    const [loud, ...others] = stage.ingestKeys;
    if (loud === undefined) throw new Error('there is no tenant to be loud');
    const ofOthers = rate * (tenants - 1);
    context.print(`neighbours: ${tenants} tenants at ${format(rate)} requests/s each`);
    const [calm] = await Promise.all([offer(quiet, others, ofOthers), offer(noisy, [loud], rate)]);
    context.print(`neighbours: one of them at ${format(rate * factor)} requests/s`);
    const [disturbed, ofNoisy] = await Promise.all([offer(quiet, others, ofOthers), offer(noisy, [loud], rate * factor)]);
    await Promise.all([quiet.stop(), noisy.stop()]);
    await stage.stop();
    const row = (name: string, { perSecond, failed, p50, p95, p99 }: LoadResult): string[] => [
      name,
      format(perSecond),
      String(failed),
      format(p50),
      format(p95),
      format(p99),
    ];
    context.print(
      table([
        ['', 'accepted/s', 'refused', 'p50 ms', 'p95 ms', 'p99 ms'],
        row('the others, before', calm),
        row('the others, beside it', disturbed),
        row('the noisy one', ofNoisy),
      ]),
    );
    const figures: Figure[] = [
      {
        name: 'neighbours: success of the others',
        value: (100 * disturbed.answers) / (disturbed.answers + disturbed.failed),
        unit: '%',
        target: { atLeast: 99 },
      },
      { name: 'neighbours: p95 of the others / before', value: disturbed.p95 / calm.p95, unit: 'x', target: { below: 2 } },
    ];
    return figures;
  },
};
