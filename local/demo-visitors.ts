import { between, happens, oneOf } from './chance.ts';
import type { DemoOrganization } from './demo-data.ts';
import { demoRequests, type DemoRequestsOptions } from './demo-requests.ts';
import { batchOf, crawler, createVisitors, planVisit, type VisitStep } from './demo-visits.ts';
import { pause } from './pause.ts';

export interface DemoVisitors {
  /** Resolves when the last request is answered. */
  stop(): Promise<void>;
}

const visitorsAtOnce = 3;
const pauseBetweenVisitsMs = 2000;
/** A visit takes minutes; here as many seconds, so that there is soon something to see. About one request a second for each organization. */
const hurriedBy = 12;
/** Of the visits, how many are a crawler's, and how many come from an integration that sends what is no batch. */
const crawlerShare = 0.06;
const brokenShare = 0.02;
/** Of the batches, how many are sent once more because the answer was lost. */
const repeatedShare = 0.03;
const forbidden = 403;

/**
 * Keeps visitors coming to the sites of the demo organizations, on desktops and phones, with what their widgets send meanwhile. Where the site may not
 * report, every page tries once, as the beacon does.
 */
export function startDemoVisitors(organizations: readonly DemoOrganization[], options: DemoRequestsOptions): DemoVisitors {
  const leaving = new AbortController();
  const send = demoRequests(options);

  async function visit({ chatbotId, visitedFrom, errorShare }: DemoOrganization, anonymousId: string): Promise<void> {
    const origin = oneOf(visitedFrom);
    const planned = planVisit({ origin, anonymousId, errorShare });
    const headers = {
      'content-type': 'application/json',
      'user-agent': happens(crawlerShare) ? crawler : planned.userAgent,
      origin,
    };
    const isBroken = happens(brokenShare);

    async function report(step: VisitStep): Promise<'refused' | 'done'> {
      await pause((step.afterSeconds * 1000) / hurriedBy, leaving.signal);
      if (leaving.signal.aborted) return 'done';
      const batch = batchOf(chatbotId, planned, isBroken ? { ...step, events: [] } : step, new Date());
      const request = { method: 'POST', headers, body: JSON.stringify(batch) };
      const status = await send('/widget/analytics', request);
      if (happens(repeatedShare)) await send('/widget/analytics', request);
      return status === forbidden ? 'refused' : 'done';
    }

    for (const step of planned.steps) {
      if ((await report(step)) === 'done') continue;
      for (let pages = between(1, 3); pages > 0; pages -= 1) await report({ ...step, afterSeconds: between(10, 60) });
      return;
    }
  }

  async function keepVisiting(organization: DemoOrganization, nextVisitor: () => string): Promise<void> {
    while (!leaving.signal.aborted) {
      await visit(organization, nextVisitor());
      await pause(pauseBetweenVisitsMs * 2 * Math.random(), leaving.signal);
    }
  }

  const visits = organizations.flatMap((organization) => {
    const nextVisitor = createVisitors();
    return Array.from({ length: visitorsAtOnce }, () => keepVisiting(organization, nextVisitor));
  });
  return {
    async stop() {
      leaving.abort();
      await Promise.all(visits);
    },
  };
}
