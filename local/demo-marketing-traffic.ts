import { happens } from './chance.ts';
import { planMarketingVisit } from './demo-marketing.ts';
import { demoRequests, type DemoRequestsOptions } from './demo-requests.ts';
import { createVisitors } from './demo-visits.ts';
import { pause } from './pause.ts';

export interface DemoMarketingTraffic {
  /** Resolves when the last request is answered. */
  stop(): Promise<void>;
}

/** All from one address: together about one request a second, and a few forms a minute, below the rate limits. */
const visitorsAtOnce = 2;
const pauseBetweenVisitsMs = 2000;
/** A visit takes minutes; here as many seconds, so that there is soon something to see. */
const hurriedBy = 12;
/** Of the requests, how many are sent once more because the answer was lost. */
const repeatedShare = 0.03;

/** Keeps people coming to the marketing sites of the demo, with what their pages and forms send meanwhile. */
export function startDemoMarketingTraffic(options: DemoRequestsOptions): DemoMarketingTraffic {
  const leaving = new AbortController();
  const send = demoRequests(options);
  const nextVisitor = createVisitors();

  async function visit(): Promise<void> {
    const { userAgent, steps } = planMarketingVisit(nextVisitor());
    for (const { afterSeconds, path, body } of steps) {
      await pause((afterSeconds * 1000) / hurriedBy, leaving.signal);
      if (leaving.signal.aborted) return;
      const request = {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': userAgent },
        body: JSON.stringify(body),
      };
      await send(path, request);
      if (happens(repeatedShare)) await send(path, request);
    }
  }

  async function keepVisiting(): Promise<void> {
    while (!leaving.signal.aborted) {
      await visit();
      await pause(pauseBetweenVisitsMs * 2 * Math.random(), leaving.signal);
    }
  }

  const visits = Array.from({ length: visitorsAtOnce }, () => keepVisiting());
  return {
    async stop() {
      leaving.abort();
      await Promise.all(visits);
    },
  };
}
