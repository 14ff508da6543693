import { scrape } from '../../support/services.ts';
import type { TcpProxyMode } from '../../support/tcp-proxy.ts';
import type { Fault, FaultStack } from '../fault.ts';
import { sufferOutage, waitFor, waitForCalm, waitForDatabaseDown, waitForRefusals } from './outage.ts';

/** The network between exporter and PostgreSQL. */
function breakNetwork(stack: FaultStack, mode: TcpProxyMode, felt: () => Promise<void>): Promise<void> {
  return sufferOutage(stack, {
    begin: async () => {
      stack.databaseProxy.mode(mode);
      return () => stack.databaseProxy.mode('pass');
    },
    felt,
  });
}

/** Long enough for the exporter to give statements up. What they were is delivered afterwards, when their senders have long sent them again. */
const blackhole: Fault = {
  id: 'F6',
  title: 'network to PostgreSQL swallows everything',
  dose: { short: 1, nightly: 10 },
  inflict: (stack) =>
    breakNetwork(stack, 'blackhole', async () => {
      await waitForRefusals(stack);
      await waitForDatabaseDown(stack);
    }),
};

const reset: Fault = {
  id: 'F6',
  title: 'network to PostgreSQL resets every connection',
  dose: { short: 1, nightly: 10 },
  inflict: (stack) => breakNetwork(stack, 'reset', () => waitForRefusals(stack)),
};

const latencyMs = 500;
const slowCommits = 10;
const commits = 'observability_ingest_commit_duration_seconds';

/** Every statement takes as long; nothing is refused for it but what waits behind too many others. */
const latency: Fault = {
  id: 'F6',
  title: `network to PostgreSQL adds ${latencyMs} ms to every round trip`,
  dose: { short: 1, nightly: 10 },
  inflict: async (stack) => {
    const slow = async (): Promise<number> => {
      const { text } = await scrape(stack.exporter.process().metricsUrl);
      const sum = (line: RegExp): number => [...text.matchAll(line)].reduce((total, [, count]) => total + Number(count), 0);
      const fast = sum(new RegExp(`^${commits}_bucket\\{le="0.25",[^}]*\\} (\\d+)$`, 'gm'));
      return sum(new RegExp(`^${commits}_count\\{[^}]*\\} (\\d+)$`, 'gm')) - fast;
    };
    const before = await slow();
    await breakNetwork(stack, { latencyMs }, () =>
      waitFor(stack, `${slowCommits} slow commits`, async () => (await slow()) >= before + slowCommits),
    );
  },
};

/** Nothing is healed here: the exporter must find out by itself, and not connection by connection. */
const halfOpen: Fault = {
  id: 'F6',
  title: 'connections to PostgreSQL are half-open',
  dose: { short: 1, nightly: 10 },
  inflict: async (stack) => {
    stack.databaseProxy.mode('half-open');
    await waitForRefusals(stack);
    await waitForCalm(stack);
  },
};

export const networkFaults: readonly Fault[] = [blackhole, reset, latency, halfOpen];
