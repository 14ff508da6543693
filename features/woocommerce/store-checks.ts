import { mapAtMost } from '../../platform/concurrency.ts';
import type { JobsConfig } from '../../platform/config.ts';
import { allHosts, publicHosts } from '../../platform/http/outbound.ts';
import type { StoreConfig } from './queries.ts';
import type { StoreAccess } from './store-api.ts';
import { checkStore, type StoreHealth } from './store-client.ts';

/** How many shops are asked at the same time. */
export const checksAtOnce = 10;

/** The outcome of one shop's check, as users see it. */
export interface StoreCheck extends StoreHealth {
  domain: string;
  woocommerce_url?: string;
}

type AccessVariables = Pick<JobsConfig, 'CONFIG_ENCRYPTION_KEY' | 'CONFIG_ENCRYPTION_KEY_PREVIOUS' | 'WOOCOMMERCE_ALLOW_PRIVATE_HOSTS'>;

/** How the processes may reach shops, by their configuration. */
export function storeAccess(config: AccessVariables): StoreAccess {
  return {
    encryptionKeys: encryptionKeys(config),
    hosts: config.WOOCOMMERCE_ALLOW_PRIVATE_HOSTS ? allHosts : publicHosts,
  };
}

/** The present key first, then the one before it. */
export function encryptionKeys(config: Pick<AccessVariables, 'CONFIG_ENCRYPTION_KEY' | 'CONFIG_ENCRYPTION_KEY_PREVIOUS'>): Buffer[] {
  return [config.CONFIG_ENCRYPTION_KEY, config.CONFIG_ENCRYPTION_KEY_PREVIOUS].flatMap((key) =>
    key === undefined ? [] : [Buffer.from(key, 'base64')],
  );
}

/** Asks shops, ten at once; each has its own deadline, so a dead one delays another by one deadline at most. In the order of the configs. */
export function checkStores(configs: readonly StoreConfig[], access: StoreAccess & { deadlineMs?: number }): Promise<StoreCheck[]> {
  return mapAtMost(checksAtOnce, configs, async (config) => {
    const health = await checkStore(config, access);
    // Only of a shop that answers: the URL of one that does not may be a mistake that should not be spread.
    return health.status === 'healthy'
      ? { domain: config.domain, ...health, woocommerce_url: config.woocommerce_url }
      : { domain: config.domain, ...health };
  });
}
