import { mapAtMost } from '../../platform/concurrency.ts';
import type { Job } from '../../platform/jobs/job.ts';
import { recordStoreFigures, recordStoreHealth } from './rollup.ts';
import { readWatchedStores, type WatchedStore } from './queries.ts';
import { checksAtOnce, storeAccess } from './store-checks.ts';
import { StoreError } from './store-api.ts';
import { checkStore, createCurrencyCache, readStoreFigures } from './store-client.ts';

const figuresAtOnce = 5;
const checkEveryMs = 5 * 60_000;
const longestPauseMs = 30 * 60_000;
/** A restart of a shop takes a few checks; only then is it asked less often. */
const failuresBeforePause = 3;

/**
 * Whether a shop is to be checked in this run. One that has not answered for a while is asked half as often with each failure, every half
 * hour at least, until somebody changes its settings. Its alert fires all the same: its state stays what it was.
 */
export function isCheckDue(store: Pick<WatchedStore, 'checked_at' | 'updated_at' | 'failures'>, now: Date): boolean {
  const { checked_at: checkedAt, updated_at: changedAt, failures } = store;
  if (checkedAt === null || failures === null || failures <= failuresBeforePause || changedAt > checkedAt) return true;
  const sinceMs = now.getTime() - checkedAt.getTime();
  const pauseMs = Math.min(longestPauseMs, checkEveryMs * 2 ** (failures - failuresBeforePause));
  // A run begins a little earlier or later than the one before. A check in the future means that the clock was set back since.
  return sinceMs < 0 || sinceMs >= pauseMs - checkEveryMs / 2;
}

/** Kept by the process: the currency of a shop is asked once a day. */
const currencies = createCurrencyCache();

/** What woocommerce does on a clock. */
export const woocommerceJobs: readonly Job[] = [
  {
    name: 'woocommerce-store-health',
    schedule: { every: '5 minutes' },
    summary: 'asks every configured shop whether it answers',
    run: async ({ config, pool, now, signal }) => {
      const due = (await readWatchedStores(pool)).filter((store) => isCheckDue(store, now()));
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
    run: async ({ config, pool, now, log, signal }) => {
      const healthy = (await readWatchedStores(pool)).filter(({ status }) => status === 'healthy');
      const options = { ...storeAccess(config), signal, now, currencies, lowStockThreshold: config.WOOCOMMERCE_LOW_STOCK_THRESHOLD };
      const outcomes = await mapAtMost(figuresAtOnce, healthy, async (store) => {
        try {
          const figures = await readStoreFigures(store, options);
          signal.throwIfAborted();
          await recordStoreFigures(pool, store, figures, now());
          return true;
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          log.warn({ domain: store.domain, errorType: error.errorType, reason: error.message }, 'the figures of a shop could not be read');
          return false;
        }
      });
      const read = outcomes.filter(Boolean).length;
      return { read, failed: outcomes.length - read };
    },
  },
];
