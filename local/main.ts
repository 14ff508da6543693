import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../platform/config.ts';
import { systemClock } from '../platform/time/utc-day.ts';
import { createDemoData, type DemoOrganization } from './demo-data.ts';
import { createDemoHistory } from './demo-history.ts';
import { createDemoMarketingHistory } from './demo-marketing-history.ts';
import { startDemoMarketingTraffic } from './demo-marketing-traffic.ts';
import { startDemoPage } from './demo-page.ts';
import { startDemoPages } from './demo-pages.ts';
import { startDemoShops } from './demo-shops.ts';
import { startDemoTraffic } from './demo-traffic.ts';
import { startDemoVisitors } from './demo-visitors.ts';
import { portsWithOffset } from './ports.ts';
import { checkout } from './processes.ts';
import { writeSecrets } from './secrets.ts';
import { serviceEnvironment, startStack, type Stack } from './stack.ts';
import { demoSummary, stackSummary } from './summary.ts';

const help = `Starts the whole stack on this machine, without Docker: PostgreSQL, exporter, api and jobs, with demo
organizations and traffic, and Prometheus and Alertmanager if they are on PATH. Ctrl-C stops everything.
Data and secrets are kept in .data/.

npm start [-- options]
  --no-demo          an empty stack: no demo organizations, no traffic
  --port-offset=<n>  adds n to every port, to run beside another stack
  --help             this text
`;

/** One Ctrl-C can arrive several times, from the terminal and from npm; a later one is a second Ctrl-C. */
const sameSignalWithinMs = 1000;

function readArguments(args: string[]): { demo: boolean; portOffset: number; help: boolean } {
  const { values } = parseArgs({
    args,
    options: {
      'no-demo': { type: 'boolean', default: false },
      'port-offset': { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  const portOffset = Number(values['port-offset']);
  if (!/^\d{1,5}$/.test(values['port-offset']) || portOffset > 10_000) {
    throw new Error(`--port-offset=${values['port-offset']}: give a whole number from 0 to 10000`);
  }
  return { demo: !values['no-demo'], portOffset, help: values.help };
}

const written = new Set<string>();

/** Says what a program repeats once: what fails every second would push all else off the screen. The log files have it. */
function write(name: string, line: string, kind?: string): void {
  const key = `${name} ${kind}`;
  if (kind !== undefined && written.has(key)) return;
  written.add(key);
  console.log(`${name.padEnd(12)} | ${line}`);
}

async function demoOrganizations(stack: Stack): Promise<DemoOrganization[]> {
  const databaseUrl = stack.databaseUrl('observability_jobs');
  const organizations = await createDemoData({ databaseUrl, ingestKeys: stack.secrets.demoIngestKeys });
  stack.secrets.demoIngestKeys = Object.fromEntries(organizations.map(({ key, ingestKey }) => [key, ingestKey]));
  await writeSecrets(stack.secretsFile, stack.secrets);
  return organizations;
}

/** Organizations with a past, their shops, what keeps coming to the exporter, and a page; prints how to try it. */
async function startDemo(stack: Stack, signal: AbortSignal): Promise<{ stop: () => Promise<void> }> {
  const parts: { stop: () => Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(parts.map((part) => part.stop()));
  };
  try {
    const organizations = await demoOrganizations(stack);
    const config = readConfig('jobs', serviceEnvironment(stack));
    const databaseUrl = stack.databaseUrl('observability_jobs');
    const exporterUrl = `http://127.0.0.1:${stack.ports.exporter}`;
    await createDemoHistory(organizations, { config, now: systemClock(), signal });
    await createDemoMarketingHistory({ config, now: systemClock(), signal });
    const page = await startDemoPage(stack.ports.demoPage);
    parts.push(page);
    parts.push(await startDemoShops(organizations, { config, exporterUrl, write }));
    parts.push(startDemoTraffic(organizations, { exporterUrl, databaseUrl, write }));
    parts.push(startDemoVisitors(organizations, { exporterUrl, write }));
    parts.push(startDemoPages(organizations, { exporterUrl, write }));
    parts.push(startDemoMarketingTraffic({ exporterUrl, write }));
    console.log(await demoSummary(stack, { organizations, page }));
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @returns the exit code */
async function main(): Promise<number> {
  const { demo, portOffset, help: helpWanted } = readArguments(process.argv.slice(2));
  if (helpWanted) {
    console.log(help);
    return 0;
  }

  const ending = new AbortController();
  let failure: Error | undefined;
  let firstSignalAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      firstSignalAt ??= performance.now();
      // What is still running then is ended by its guard.
      if (performance.now() - firstSignalAt > sameSignalWithinMs) process.exit(1);
      if (ending.signal.aborted) return;
      write('local', 'stopping; Ctrl-C again leaves at once');
      ending.abort();
    });
  }

  try {
    const stack = await startStack({
      directory: join(checkout, '.data'),
      ports: portsWithOffset(portOffset),
      write,
      signal: ending.signal,
      onUnexpectedExit: (error) => {
        failure ??= error;
        ending.abort();
      },
    });
    try {
      console.log(stackSummary(stack));
      const running = demo ? await startDemo(stack, ending.signal) : undefined;
      console.log('Ctrl-C stops everything.\n');
      if (!ending.signal.aborted) await new Promise((resolve) => ending.signal.addEventListener('abort', resolve));
      await running?.stop();
    } finally {
      await stack.stop();
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  }
  if (failure) throw failure;
  write('local', 'stopped');
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
