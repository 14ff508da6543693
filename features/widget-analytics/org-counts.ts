import { labelText, type Sample, type SeriesFamily } from '../../platform/metrics/exposition.ts';
import { createCountsByOrg } from '../../platform/metrics/counts-by-org.ts';
import { overflowOrg } from '../../platform/metrics/org-series.ts';
import { dropReasons, orgMetrics, type DropReason } from './metrics.ts';

interface Counts {
  events: number;
  sessionsStarted: number;
  conversations: number;
  errorEvents: number;
  dropped: Record<DropReason, number>;
}

/** What this process counted of organizations with a chatbot. */
export interface OrgCounts {
  add(orgId: number, count: 'events' | 'sessionsStarted' | 'conversations' | 'errorEvents'): void;
  /** The ledger: events that were not stored. */
  drop(orgId: number, reason: DropReason, events: number): void;
  /** Series of the organizations given, which are admitted, zeros where nothing was counted yet. */
  families(organizations: readonly { id: number; key: string }[]): SeriesFamily[];
  /** Everyone beyond the cap as one organization. */
  overflow(lastAdmittedId: number): SeriesFamily[];
}

export function createOrgCounts(): OrgCounts {
  const byOrg = createCountsByOrg({ none: noCounts, add: addCounts });
  return {
    add: (orgId, count) => (byOrg.of(orgId)[count] += 1),
    drop: (orgId, reason, events) => (byOrg.of(orgId).dropped[reason] += events),
    families: (organizations) => familiesOf(organizations.map(({ id, key }) => [key, byOrg.shown(id)])),
    overflow: (lastAdmittedId) => familiesOf([[overflowOrg, byOrg.beyond(lastAdmittedId)]]),
  };
}

function noCounts(): Counts {
  const dropped = { bot: 0, duplicate: 0, origin: 0, validation: 0, refused: 0, rate_limited: 0 };
  return { events: 0, sessionsStarted: 0, conversations: 0, errorEvents: 0, dropped };
}

function addCounts(into: Counts, from: Readonly<Counts>): void {
  into.events += from.events;
  into.sessionsStarted += from.sessionsStarted;
  into.conversations += from.conversations;
  into.errorEvents += from.errorEvents;
  for (const reason of dropReasons) into.dropped[reason] += from.dropped[reason];
}

function familiesOf(organizations: readonly (readonly [string, Readonly<Counts>])[]): SeriesFamily[] {
  const each = (value: (counts: Readonly<Counts>) => number): Sample[] =>
    organizations.map(([org, counts]) => ({ labels: labelText({ org }), value: value(counts) }));
  return [
    { definition: orgMetrics.events, series: each(({ events }) => events) },
    { definition: orgMetrics.sessionsStarted, series: each(({ sessionsStarted }) => sessionsStarted) },
    { definition: orgMetrics.conversations, series: each(({ conversations }) => conversations) },
    { definition: orgMetrics.errorEvents, series: each(({ errorEvents }) => errorEvents) },
    {
      definition: orgMetrics.droppedEvents,
      series: organizations.flatMap(([org, { dropped }]) =>
        dropReasons.map((reason) => ({ labels: labelText({ org, reason }), value: dropped[reason] })),
      ),
    },
  ];
}
