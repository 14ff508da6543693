import pg from 'pg';
import { setCustomerConfig } from '../jobs/provisioning.ts';
import type { JobsConfig } from '../platform/config.ts';
import type { DemoOrganization } from './demo-data.ts';
import { startDemoOperations } from './demo-operations.ts';
import { runJobsNow } from './jobs-now.ts';
import { pause } from './pause.ts';
import { startWooCommerceStandIn, type StandInMode, type WooCommerceStandIn } from './woocommerce-stand-in.ts';

export interface DemoShop extends WooCommerceStandIn {
  /** Key of its organization. */
  orgKey: string;
  domain: string;
}

export interface DemoShops {
  shops: readonly DemoShop[];
  stop: () => Promise<void>;
}

export interface DemoShopsOptions {
  /** What the process jobs runs with: api and jobs must be able to open the credentials, and be allowed to ask hosts that are not public. */
  config: JobsConfig;
  /** Public listener, without a path. */
  exporterUrl: string;
  /** Where api and jobs reach this process. */
  hostName?: string;
  /** Told what goes wrong. */
  write: (name: string, line: string) => void;
}

interface Stage {
  mode: StandInMode;
  minutes: number;
}

interface ShopPlan {
  orgKey: string;
  domain: string;
  currency: string;
  unconfiguredDomain?: string;
  mode: StandInMode;
  /** Over and over. */
  stages: readonly Stage[];
}

/** The jobs themselves look every 5 and every 15 minutes. */
const lookAgainMs = 5000;

const normal: StandInMode = { kind: 'normal' };

const plans: readonly ShopPlan[] = [
  { orgKey: 'demo', domain: 'shop.demo.example', currency: 'EUR', mode: normal, stages: [] },
  {
    orgKey: 'flaky',
    domain: 'www.flaky.example',
    currency: 'USD',
    mode: normal,
    // It fails for longer than its alerts wait, and is well for long enough that they resolve.
    stages: [
      { mode: normal, minutes: 2 },
      { mode: { kind: 'slow', delayMs: 6000 }, minutes: 15 },
      { mode: { kind: 'failing', status: 500 }, minutes: 16 },
      { mode: normal, minutes: 20 },
    ],
  },
  {
    orgKey: 'misconfigured',
    domain: 'www.misconfigured.example',
    currency: 'GBP',
    unconfiguredDomain: 'new.misconfigured.example',
    mode: { kind: 'slow', delayMs: 2500 },
    stages: [],
  },
];

/**
 * Gives the demo organizations shops: a stand-in for each with its credentials stored encrypted, operations on them, and a first look of the
 * jobs at once, so that their state and figures need not wait for the clock.
 */
export async function startDemoShops(organizations: readonly DemoOrganization[], options: DemoShopsOptions): Promise<DemoShops> {
  const ending = new AbortController();
  const opened: { plan: ShopPlan; shop: DemoShop; ingestKey: string }[] = [];
  const closeShops = async (): Promise<void> => {
    await Promise.all(opened.map(({ shop }) => shop.close()));
  };
  try {
    for (const { key, ingestKey } of organizations) {
      const plan = plans.find(({ orgKey }) => orgKey === key);
      if (plan !== undefined) opened.push({ plan, shop: await openShop(plan, options.hostName), ingestKey });
    }
    await configureShops(
      opened.map(({ shop }) => shop),
      options.config,
    );
  } catch (error) {
    await closeShops();
    throw error;
  }
  const stages = opened.map(({ plan, shop }) => playStages(shop, plan.stages, ending.signal));
  const firstLook = opened.length > 0 ? lookAtShops(options, ending.signal) : undefined;
  const operations = startDemoOperations(
    opened.map(({ plan: { unconfiguredDomain }, shop, ingestKey }) => ({ ...shop, ingestKey, unconfiguredDomain })),
    options,
  );
  return {
    shops: opened.map(({ shop }) => shop),
    async stop() {
      ending.abort();
      await operations.stop();
      await closeShops();
      await Promise.all([...stages, firstLook]);
    },
  };
}

async function openShop({ orgKey, domain, currency, mode }: ShopPlan, hostName: string | undefined): Promise<DemoShop> {
  return { orgKey, domain, ...(await startWooCommerceStandIn({ currency, mode, ...(hostName === undefined ? {} : { hostName }) })) };
}

/** At every start: the stand-ins listen somewhere else each time. */
async function configureShops(shops: readonly DemoShop[], config: JobsConfig): Promise<void> {
  if (config.CONFIG_ENCRYPTION_KEY === undefined) {
    throw new Error('CONFIG_ENCRYPTION_KEY is not set: give the demo the one that api and jobs have');
  }
  const encryptionKey = Buffer.from(config.CONFIG_ENCRYPTION_KEY, 'base64');
  const db = new pg.Client({ connectionString: config.DATABASE_URL_JOBS });
  await db.connect();
  try {
    for (const { orgKey, domain, url, consumerKey, consumerSecret } of shops) {
      await setCustomerConfig(db, { orgKey, domain, woocommerceUrl: url, credentials: { consumerKey, consumerSecret }, encryptionKey });
    }
  } finally {
    await db.end();
  }
}

async function playStages(shop: DemoShop, stages: readonly Stage[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted && stages.length > 0) {
    for (const { mode, minutes } of stages) {
      if (signal.aborted) return;
      shop.setMode(mode);
      await pause(minutes * 60_000, signal);
    }
  }
}

/** The two jobs of shops, in their order: only the figures of a shop that answered are read. */
async function lookAtShops({ config, write }: DemoShopsOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      return await runJobsNow(['woocommerce-store-health', 'woocommerce-store-kpis'], { config, signal });
    } catch (error) {
      if (signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      write('demo', `the first look at the shops failed (${reason}); it is tried again every ${lookAgainMs / 1000} s`);
    }
    await pause(lookAgainMs, signal);
  }
}
