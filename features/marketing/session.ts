import type { MarketingEvent } from './stored-event.ts';

/** A visitor's session, as it is stored. */
export interface Session {
  id: string;
  property_id: string;
  visitor_id: string;
  started_at: Date;
  last_event_at: Date;
  ended_at: Date | null;
  landing_path: string;
  referrer: string | null;
  utm_source: string | null;
  utm_medium: string | null;
  utm_campaign: string | null;
  utm_term: string | null;
  utm_content: string | null;
  page_views: number;
}

export interface Folded {
  /** The session that the event is in, with it. */
  session: Session;
  /** The one before it, when the event began another. */
  ended: Session | undefined;
  isEntrance: boolean;
}

export interface FoldOptions {
  visitorId: string;
  inactivityMs: number;
  newId: () => string;
}

/**
 * Puts an event into the visitor's newest session, or into a new one after too long a pause or with another campaign. Source:
 * contracts/marketing.md, Visitors and sessions.
 */
export function foldEvent(current: Session | undefined, event: MarketingEvent, options: FoldOptions): Folded {
  const goesOn = current !== undefined && !isIdle(current, event, options.inactivityMs) && isSameCampaign(current, event);
  const session = goesOn ? continued(current, event) : begun(event, options);
  const isFirstPageView = event.eventType === 'page_view' && session.page_views === 0;
  if (event.eventType === 'page_view') session.page_views += 1;
  return {
    session,
    ended: goesOn || current === undefined ? undefined : { ...current, ended_at: current.ended_at ?? current.last_event_at },
    isEntrance: event.traffic.isEntrance ?? isFirstPageView,
  };
}

function isIdle({ last_event_at: last }: Session, { occurredAt }: MarketingEvent, inactivityMs: number): boolean {
  return occurredAt.getTime() - last.getTime() > inactivityMs;
}

/** An event without campaign values says nothing about the campaign. */
function isSameCampaign(session: Session, { utm }: MarketingEvent): boolean {
  return (['source', 'medium', 'campaign', 'term', 'content'] as const).every(
    (name) => utm[name] === undefined || utm[name] === session[`utm_${name}`],
  );
}

function continued(session: Session, { occurredAt }: MarketingEvent): Session {
  const last = occurredAt > session.last_event_at ? occurredAt : session.last_event_at;
  return { ...session, last_event_at: last, ended_at: last };
}

function begun({ propertyId, occurredAt, path, referrer, utm }: MarketingEvent, { visitorId, newId }: FoldOptions): Session {
  return {
    id: newId(),
    property_id: propertyId,
    visitor_id: visitorId,
    started_at: occurredAt,
    last_event_at: occurredAt,
    ended_at: null,
    landing_path: path,
    referrer,
    utm_source: utm.source ?? null,
    utm_medium: utm.medium ?? null,
    utm_campaign: utm.campaign ?? null,
    utm_term: utm.term ?? null,
    utm_content: utm.content ?? null,
    page_views: 0,
  };
}
