import { scrape } from '../../support/services.ts';
import type { Fault, FaultStack } from '../fault.ts';
import { waitFor, waitForCalm } from './outage.ts';

async function refusedRows({ exporter }: FaultStack): Promise<number> {
  const { text } = await scrape(exporter.process().metricsUrl);
  const refused = text.matchAll(/^observability_ingest_rows_total\{endpoint="\w+",outcome="refused"\} (\d+)$/gm);
  return [...refused].reduce((total, [, rows]) => total + Number(rows), 0);
}

/**
 * Rows that every check before the database takes for good. They share transactions with the rows of everybody else, of which none may be
 * refused or told to come again.
 */
function poison(share: number, { items, refusals }: { items: number; refusals: number }): Fault {
  return {
    id: 'F11',
    title: `${share * 100} % of the requests hold a row that the database refuses`,
    dose: { short: 1, nightly: 10 },
    inflict: async (stack) => {
      const { load } = stack;
      const before = { unavailable: load.unavailable(), refused: await refusedRows(stack) };
      load.poison(share);
      try {
        await load.acknowledgedAfter(items);
        await waitFor(stack, `${refusals} refused rows`, async () => (await refusedRows(stack)) >= before.refused + refusals);
      } finally {
        load.poison(0);
      }
      await waitForCalm(stack);
      const sentAway = load.unavailable() - before.unavailable;
      if (sentAway > 0) throw new Error(`${sentAway} requests were answered 503 because of rows of other requests`);
    },
  };
}

export const poisonRows: readonly Fault[] = [
  poison(0.001, { items: 1500, refusals: 1 }),
  poison(0.01, { items: 1500, refusals: 5 }),
  poison(0.1, { items: 1500, refusals: 20 }),
];
