import { runCommand } from '../jobs/command-line.ts';
import { readConfig } from '../platform/config.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { createDemoData } from './demo-data.ts';
import { createDemoHistory } from './demo-history.ts';
import { createDemoMarketingHistory } from './demo-marketing-history.ts';
import { startDemoMarketingTraffic } from './demo-marketing-traffic.ts';
import { startDemoPages } from './demo-pages.ts';
import { startDemoShops } from './demo-shops.ts';
import { startDemoTraffic } from './demo-traffic.ts';
import { startDemoVisitors } from './demo-visitors.ts';

/** The demo of `npm start` for a stack that runs elsewhere: the compose profile `demo`. */
await runCommand({
  name: 'demo',
  summary:
    'Creates the demo organizations in the database of DATABASE_URL_JOBS and marketing sites with a week of visits, runs the shops and sends their traffic to an exporter until it is told to stop.',
  flags: {
    exporter: {
      required: true,
      summary: 'URL of the public listener of an exporter, such as http://127.0.0.1:8081',
      check: (value) => (URL.canParse(value) ? undefined : 'must be a URL such as http://127.0.0.1:8081'),
    },
    'shops-host': {
      required: false,
      summary: 'host name under which api and jobs reach this process, 127.0.0.1 when left out',
      check: (value) => (URL.canParse(`http://${value}`) ? undefined : 'must be a host name such as demo'),
    },
  },
  run: async ({ exporter, 'shops-host': hostName }) => {
    const ending = new AbortController();
    const stopped = new Promise((resolve) => ending.signal.addEventListener('abort', resolve));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());
    const config = readConfig('jobs');
    const { DATABASE_URL_JOBS: databaseUrl } = config;
    const exporterUrl = new URL(exporter).origin;
    const write = (name: string, line: string): void => console.log(`${name}: ${line}`);
    const organizations = await createDemoData({ databaseUrl, ingestKeys: {} });
    for (const { key, siteId, shows } of organizations) console.log(`${key}: site id ${siteId}; ${shows}`);
    await createDemoHistory(organizations, { config, now: systemClock(), signal: ending.signal });
    await createDemoMarketingHistory({ config, now: systemClock(), signal: ending.signal });
    const shops = await startDemoShops(organizations, { config, exporterUrl, ...(hostName === undefined ? {} : { hostName }), write });
    const traffic = startDemoTraffic(organizations, { exporterUrl, databaseUrl, write });
    const visitors = startDemoVisitors(organizations, { exporterUrl, write });
    const pages = startDemoPages(organizations, { exporterUrl, write });
    const marketing = startDemoMarketingTraffic({ exporterUrl, write });
    if (!ending.signal.aborted) await stopped;
    await Promise.all([traffic.stop(), visitors.stop(), pages.stop(), marketing.stop(), shops.stop()]);
    return ['stopped'];
  },
});
