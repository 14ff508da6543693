import { between, oneOf } from './chance.ts';
import type { DemoOrganization } from './demo-data.ts';
import { measuresOfArrival, measuresOfChat, type Feeling, type SentMetric } from './demo-measurements.ts';
import { demoRequests, type DemoRequestsOptions } from './demo-requests.ts';
import { anyUserAgent } from './demo-visits.ts';
import { pause } from './pause.ts';

export interface DemoPages {
  /** Resolves when the last request is answered. */
  stop(): Promise<void>;
}

const pagesAtOnce = 3;
/** As performance.js collects. */
const everyMs = 3000;
const forbidden = 403;
/** Slow for longer than its alerts take, and well for long enough that they resolve. */
const slowMs = 9 * 60_000;
const wellMs = 8 * 60_000;

/** Keeps pages open on the sites of the demo organizations, with what their widgets measure. */
export function startDemoPages(organizations: readonly DemoOrganization[], options: DemoRequestsOptions): DemoPages {
  const closing = new AbortController();
  const send = demoRequests(options);
  const startedAt = performance.now();

  function feelingOf({ widgetFeels }: DemoOrganization): Feeling {
    const recovers = widgetFeels === 'slow' && (performance.now() - startedAt) % (slowMs + wellMs) >= slowMs;
    return recovers ? 'well' : widgetFeels;
  }

  async function openPage(organization: DemoOrganization): Promise<void> {
    const origin = oneOf(organization.visitedFrom);
    const headers = { 'content-type': 'application/json', 'user-agent': anyUserAgent(), origin };
    const report = (metrics: SentMetric[]): Promise<number | undefined> =>
      send('/api/monitoring/widget', {
        method: 'POST',
        headers,
        body: JSON.stringify({ chatbotId: organization.chatbotId, batchId: crypto.randomUUID(), metrics }),
      });
    let status = await report(measuresOfArrival());
    for (let turns = between(3, 10); turns > 0 && status !== forbidden && !closing.signal.aborted; turns -= 1) {
      await pause(everyMs, closing.signal);
      if (!closing.signal.aborted) status = await report(measuresOfChat(feelingOf(organization)));
    }
  }

  async function keepOpening(organization: DemoOrganization): Promise<void> {
    while (!closing.signal.aborted) {
      await openPage(organization);
      await pause(everyMs * Math.random(), closing.signal);
    }
  }

  const pages = organizations.flatMap((organization) => Array.from({ length: pagesAtOnce }, () => keepOpening(organization)));
  return {
    async stop() {
      closing.abort();
      await Promise.all(pages);
    },
  };
}
