import { describeAgent } from '../features/widget-analytics/device.ts';
import { analyticsBatch, contextOf, eventsOf, userOf } from '../features/widget-analytics/events.ts';
import { createEventWrite, unitsOf, type EventUnit } from '../features/widget-analytics/ingest.ts';
import { rawRetention } from '../features/widget-analytics/jobs.ts';
import { rebuildDayOfAllChatbots } from '../features/widget-analytics/rollup.ts';
import { endsSession, microsOf } from '../features/widget-analytics/session.ts';
import type { JobsConfig } from '../platform/config.ts';
import type { Pool } from '../platform/postgres/pool.ts';
import { addDays, startOfUtcDay, utcDayOf, type UtcDay } from '../platform/time/utc-day.ts';
import { between } from './chance.ts';
import type { DemoOrganization } from './demo-data.ts';
import { batchOf, createVisitors, planVisit } from './demo-visits.ts';
import { runJobsNow, withDemoPool } from './jobs-now.ts';

/** A fresh database has partitions for a week. */
const daysBefore = 7;
const visitsOfDay = { least: 40, most: 70 };
const dayMs = 86_400_000;
/** The sessions of the history are over before the first visitor comes. */
const quietMs = 45 * 60_000;
const rowsAtOnce = 500;

interface HistoryOptions {
  config: JobsConfig;
  now: Date;
  /** Leaves the history as it is then; the next start goes on with it. */
  signal: AbortSignal;
}

/**
 * Gives the chatbots of the demo a week of visits, through the code that takes them in, with the clock of each day; and then its statistics. A day on
 * which a chatbot has events stays as it is, so a restart adds only the days that were missed.
 */
export async function createDemoHistory(organizations: readonly DemoOrganization[], options: HistoryOptions): Promise<void> {
  const { config, signal } = options;
  try {
    await withDemoPool(config.DATABASE_URL_JOBS, (pool) => fillQuietDays(pool, organizations, options));
    await runJobsNow(['widget-sessions-sweep'], { config, signal });
    await withDemoPool(config.DATABASE_URL_JOBS, (pool) => rebuildStatistics(pool, options));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Oldest first, today the last. */
function daysUntil(now: Date): UtcDay[] {
  return Array.from({ length: daysBefore + 1 }, (_, index) => addDays(utcDayOf(now), index - daysBefore));
}

async function fillQuietDays(
  pool: Pool,
  organizations: readonly DemoOrganization[],
  { config, now, signal }: HistoryOptions,
): Promise<void> {
  for (const organization of organizations) {
    const { orgId, quiet } = await readQuietDays(pool, organization.chatbotId, daysUntil(now));
    const units = visitsOn(quiet, { organization, orgId, before: new Date(now.getTime() - quietMs) });
    await store(pool, units, { timeoutMs: config.SESSION_TIMEOUT_MS, signal });
  }
}

async function rebuildStatistics(pool: Pool, { config, now, signal }: HistoryOptions): Promise<void> {
  for (const day of daysUntil(now).slice(0, -1)) {
    await rebuildDayOfAllChatbots(pool, day, { ...rawRetention(config, now), signal });
  }
}

async function readQuietDays(pool: Pool, chatbotId: string, days: readonly UtcDay[]): Promise<{ orgId: number; quiet: UtcDay[] }> {
  const { rows } = await pool.query<{ org_id: number; quiet: UtcDay[] }>(
    `select chatbots.org_id, array(
       select given.day::text from unnest($2::date[]) as given (day)
       where not exists (
         select from widget_events events
         where events.org_id = chatbots.org_id and events.chatbot_id = chatbots.id and events.event_date = given.day)
       order by given.day
     ) as quiet
     from chatbots where chatbots.id = $1`,
    [chatbotId, days],
  );
  const [found] = rows;
  if (found === undefined) throw new Error(`the chatbot ${chatbotId} is gone: start the demo again`);
  return { orgId: found.org_id, quiet: found.quiet };
}

interface VisitsOptions {
  organization: DemoOrganization;
  orgId: number;
  before: Date;
}

/** The events of all visits, as they would have arrived. */
function visitsOn(days: readonly UtcDay[], { organization, orgId, before }: VisitsOptions): EventUnit[] {
  const nextVisitor = createVisitors();
  const { chatbotId, origin, errorShare } = organization;
  const units: EventUnit[] = [];
  for (const day of days) {
    for (let left = between(visitsOfDay.least, visitsOfDay.most); left > 0; left -= 1) {
      const visit = planVisit({ origin, anonymousId: nextVisitor(), errorShare });
      let at = startOfUtcDay(day).getTime() + timeOfDayMs();
      for (const step of visit.steps) {
        at += step.afterSeconds * 1000;
        if (at >= before.getTime()) break;
        const receivedAt = new Date(at);
        const batch = analyticsBatch.parse(batchOf(chatbotId, visit, step, receivedAt));
        const { isBot: _, ...agent } = describeAgent(visit.userAgent);
        const request = {
          orgId,
          chatbotId,
          sessionId: batch.sessionId,
          receivedAt: microsOf(receivedAt),
          anonymousId: batch.anonymousId ?? null,
          user: userOf(batch.user),
          context: contextOf(batch.context),
          agent,
          network: '203.0.113.0/24',
        };
        units.push(...unitsOf(request, eventsOf(batch, receivedAt), endsSession));
      }
    }
  }
  return units.toSorted((left, right) => left.request.receivedAt - right.request.receivedAt);
}

/** More at noon than at night. */
function timeOfDayMs(): number {
  return ((Math.random() + Math.random()) / 2) * (dayMs - quietMs);
}

async function store(pool: Pool, units: readonly EventUnit[], options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
  const write = createEventWrite({ timeoutMs: options.timeoutMs, newId: () => crypto.randomUUID(), onWritten: () => undefined });
  for (let first = 0; first < units.length && !options.signal.aborted; first += rowsAtOnce) {
    await pool.connect((connection) => write(connection, units.slice(first, first + rowsAtOnce)));
  }
}
