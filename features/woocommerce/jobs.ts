import { mapAtMost } from '../../platform/concurrency.ts';
import type { Job } from '../../platform/jobs/job.ts';
import { recordFiguresFailure, recordStoreFigures, recordStoreHealth } from './rollup.ts';
import { readWatchedStores, type WatchedStore } from './queries.ts';
import { checksAtOnce, storeAccess } from './store-checks.ts';
import { StoreError } from './store-api.ts';
import { checkStore, createCurrencyCache, readStoreFigures } from './store-client.ts';

const figuresAtOnce = 5;
const checkEveryMs = 5 * 60_000;
const figuresEveryMs = 15 * 60_000;
const longestPauses = 6;
/** A restart of a shop takes a few checks; only then is it asked less often. */
const failuresBeforePause = 3;

interface Attempts {
  lastAt: Date | null;
  /** In a row, up to the last. */
  failures: number | null;
  /** Somebody who has just changed its settings wants to know. */
  changedAt: Date;
}

/**
 * Whether a shop is to be asked in this run. One that has failed for a while is asked half as often with each failure, every sixth run at
 * least, until somebody changes its settings. Its alert fires all the same: its state stays what it was.
 */
export function isDue({ lastAt, failures, changedAt }: Attempts, everyMs: number, now: Date): boolean {
  if (lastAt === null || failures === null || failures <= failuresBeforePause || changedAt > lastAt) return true;
  const sinceMs = now.getTime() - lastAt.getTime();
  const pauseMs = everyMs * Math.min(longestPauses, 2 ** (failures - failuresBeforePause));
  // A run begins a little earlier or later than the one before. An attempt in the future means that the clock was set back since.
  return sinceMs < 0 || sinceMs >= pauseMs - everyMs / 2;
}

const isCheckDue = ({ checked_at: lastAt, failures, updated_at: changedAt }: WatchedStore, now: Date): boolean =>
  isDue({ lastAt, failures, changedAt }, checkEveryMs, now);

const areFiguresDue = ({ kpis_tried_at: lastAt, kpi_failures: failures, updated_at: changedAt }: WatchedStore, now: Date): boolean =>
  isDue({ lastAt, failures, changedAt }, figuresEveryMs, now);

/** Kept by the process: the currency of a shop is asked once a day. */
const currencies = createCurrencyCache();

/** What woocommerce does on a clock. */
export const woocommerceJobs: readonly Job[] = [
  {
    name: 'woocommerce-store-health',
    schedule: { every: '5 minutes' },
    summary: 'asks every configured shop whether it answers',
    run: async ({ config, pool, now, signal, forced }) => {
      const due = (await readWatchedStores(pool)).filter((store) => forced || isCheckDue(store, now()));
      const access = { ...storeAccess(config), signal };
      const statuses = await mapAtMost(checksAtOnce, due, async (store) => {
        const health = await checkStore(store, access);
        signal.throwIfAborted();
        // Each as soon as it is known: shops that do not answer keep nobody's state waiting.
        await recordStoreHealth(pool, store, health, now());
        return health.status;
      });
      return { checked: statuses.length, healthy: statuses.filter((status) => status === 'healthy').length };
    },
  },
  {
    name: 'woocommerce-store-kpis',
    schedule: { every: '15 minutes' },
    summary: 'reads the key figures of shops whose last check was healthy',
    run: async ({ config, pool, now, log, signal, forced }) => {
      const due = (await readWatchedStores(pool))
        .filter((store) => store.status === 'healthy' && (forced || areFiguresDue(store, now())))
        // Those that have not answered lately come last, where they keep nobody waiting.
        .toSorted((left, right) => (left.kpi_failures ?? 0) - (right.kpi_failures ?? 0));
      const options = { ...storeAccess(config), signal, now, currencies, lowStockThreshold: config.WOOCOMMERCE_LOW_STOCK_THRESHOLD };
      const outcomes = await mapAtMost(figuresAtOnce, due, async (store) => {
        try {
          const figures = await readStoreFigures(store, options);
          signal.throwIfAborted();
          await recordStoreFigures(pool, store, figures, now());
          return true;
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          await recordFiguresFailure(pool, store, now());
          log.warn({ domain: store.domain, errorType: error.errorType, reason: error.message }, 'the figures of a shop could not be read');
          return false;
        }
      });
      const read = outcomes.filter(Boolean).length;
      return { read, failed: outcomes.length - read };
    },
  },
];
