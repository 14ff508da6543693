import { runCommand } from '../jobs/command-line.ts';
import { readConfig } from '../platform/config.ts';
import { createDemoData } from './demo-data.ts';
import { startDemoTraffic } from './demo-traffic.ts';

/** The demo of `npm start` for a stack that runs elsewhere: the compose profile `demo`. */
await runCommand({
  name: 'demo',
  summary:
    'Creates the demo organizations in the database of DATABASE_URL_JOBS and sends their traffic to an exporter until it is told to stop.',
  flags: {
    exporter: {
      required: true,
      summary: 'URL of the public listener of an exporter, such as http://127.0.0.1:8081',
      check: (value) => (URL.canParse(value) ? undefined : 'must be a URL such as http://127.0.0.1:8081'),
    },
  },
  run: async ({ exporter }) => {
    const stopped = new Promise((resolve) => {
      process.once('SIGTERM', resolve);
      process.once('SIGINT', resolve);
    });
    const { DATABASE_URL_JOBS: databaseUrl } = readConfig('cli');
    const organizations = await createDemoData({ databaseUrl, ingestKeys: {} });
    for (const { key, siteId, shows } of organizations) console.log(`${key}: site id ${siteId}; ${shows}`);
    const traffic = startDemoTraffic(organizations, {
      exporterUrl: new URL(exporter).origin,
      databaseUrl,
      write: (name, line) => console.log(`${name}: ${line}`),
    });
    await stopped;
    await traffic.stop();
    return ['stopped'];
  },
});
